/**
 * From the octets of a full table to decided best paths: framer, parser, Adj-RIB-In, decision.
 * CPU time of this process; what the tables hold of it in memory.
 */

import { SystemClock } from '../src/base/clock.ts'
import { AdjRibIn } from '../src/rib/adj-rib-in.ts'
import { CrowdLane } from '../src/rib/crowd-lane.ts'
import { LocRib, type RibContext } from '../src/rib/loc-rib.ts'
import { NextHopTable } from '../src/rib/next-hop.ts'
import { AttrsTable } from '../src/rib/path-attrs.ts'
import { RibPeers } from '../src/rib/rib-peer.ts'
import { Framer } from '../src/wire/framer.ts'
import { Family } from '../src/wire/registry.ts'
import { parseUpdate } from '../src/wire/update-parser.ts'
import { UpdateView } from '../src/wire/update-view.ts'
import { type Corpus, makeCorpus } from './corpus.ts'
import type { BenchRun, Measurement } from './report.ts'
import { hostile } from './rib-hostile.ts'

const ROUTES = 1_000_000
const CHUNK = 64 * 1024
const SETTLE = 4096
const OUR_AS = 65000

/**
 * A million VPNv6 routes, ten or one an UPDATE, as a PE hears them from a route reflector; then
 * what a neighbour sends that means harm.
 */
export const run: BenchRun = async ({ quick }) => [
  ...[10, 1].flatMap((each) => measure(makeCorpus('c', each, quick ? ROUTES / 100 : ROUTES))),
  ...hostile(quick),
]

function measure(corpus: Corpus): Measurement[] {
  const context: RibContext = {
    attrs: new AttrsTable(),
    nextHops: new NextHopTable(),
    peers: new RibPeers(1),
    seconds: () => 0,
    wake: () => {},
    crowds: new CrowdLane(new SystemClock(), () => {}),
  }
  const peer = context.peers.add('2001:db8::9', new Uint8Array(16).fill(9), false, 0)
  const rib = new LocRib('vpn', Family.VPNV6, context)
  const ribs: (LocRib | undefined)[] = []
  ribs[Family.VPNV6] = rib
  const policy = {
    localAs: OUR_AS,
    remoteAs: OUR_AS,
    allowAsIn: 0,
    viaGateway: false,
    maxPrefix: null,
    ownNextHop: null,
    isHere: null,
  }
  const adjRibIn = new AdjRibIn(peer, ribs, policy, context)
  const before = process.memoryUsage().arrayBuffers
  const from = process.cpuUsage()
  feed(corpus, adjRibIn)
  const ingest = process.cpuUsage(from)
  while (rib.dirtyCount > 0) rib.settle(SETTLE)
  const settled = process.cpuUsage(from)
  const octets = process.memoryUsage().arrayBuffers - before
  const one = (metric: string, value: number, unit: string): Measurement => {
    return { bench: 'rib', corpus: corpus.name, subject: 'srv6d', metric, value, unit }
  }
  return [
    one('ingest', rib.paths.count / ((ingest.user + ingest.system) / 1e6) / 1000, 'k routes/CPU-s'),
    one(
      'ingest and decide',
      rib.paths.count / ((settled.user + settled.system) / 1e6) / 1000,
      'k routes/CPU-s',
    ),
    one('tables', octets / rib.paths.count, 'B/route'),
    one('attribute sets', context.attrs.count, 'sets'),
  ]
}

function feed(corpus: Corpus, adjRibIn: AdjRibIn): void {
  const view = new UpdateView()
  const session = {
    asn4: true,
    ebgp: false,
    localAs: OUR_AS,
    addPath: 0,
    families: 1 << Family.VPNV6,
  }
  const framer = new Framer({
    onMessage(_type, buf, at, end) {
      parseUpdate(view, buf, at, end, session)
      adjRibIn.apply(view)
    },
  })
  for (let at = 0; at < corpus.octets.length; at += CHUNK) {
    framer.push(corpus.octets.subarray(at, at + CHUNK))
  }
}
