/**
 * What a neighbour that means harm can make the tables do, at two sizes each: where the cost of one
 * route grows with the number of routes, it is more at the second. CPU time of this process.
 */
import { ManualClock } from '../src/base/clock.ts'
import { CrowdLane } from '../src/rib/crowd-lane.ts'
import { LocRib, type RibContext } from '../src/rib/loc-rib.ts'
import { type NextHopId, NextHopTable, Reach } from '../src/rib/next-hop.ts'
import { AttrsTable } from '../src/rib/path-attrs.ts'
import { PathKind } from '../src/rib/path-table.ts'
import { RibPeers } from '../src/rib/rib-peer.ts'
import { VpnImport } from '../src/vpn/import.ts'
import { RouteTargetIndex } from '../src/vpn/route-target-index.ts'
import { Vrf } from '../src/vpn/vrf.ts'
import { AttrWriter } from '../src/wire/attr-writer.ts'
import { Family } from '../src/wire/registry.ts'
import type { Measurement } from './report.ts'

const SOURCE = new Uint8Array(16).fill(9)
const TARGET = Uint8Array.of(0, 2, 0xfd, 0xe8, 0, 0, 0, 1)
const STRUCTURE = { blockBits: 32, nodeBits: 16, functionBits: 16, argumentBits: 0 }
const END_DT4 = 19
const NET = 0x0a000000
const BITS = 32
const SETTLE = 4096
/** UPDATEs a turn: what one read of a socket brings. */
const TURN = 500
/** Milliseconds between two UPDATEs, for the lane of crowds. */
const APART_MS = 0.05
const FLAPS = 20_000

/** A VPN table that so many VRFs import. */
class Tables {
  readonly attrs = new AttrsTable()
  readonly vpn: LocRib
  readonly #clock = new ManualClock()
  readonly #vrfs: LocRib[] = []
  readonly #peer
  readonly #writer = new AttrWriter()
  /** CPU milliseconds of the longest turn. */
  longest = 0

  constructor(vrfs: number) {
    const nextHops = new NextHopTable()
    const context: RibContext = {
      attrs: this.attrs,
      nextHops,
      peers: new RibPeers(1),
      seconds: () => 0,
      wake: () => {},
      crowds: new CrowdLane(this.#clock, () => {}),
    }
    nextHops.listen({
      onNextHopAdded: (id) => void nextHops.set(id, Reach.REACHABLE, 2, 0),
      onNextHopRemoved: () => {},
    })
    this.#peer = context.peers.add('2001:db8::9', SOURCE, false, 0)
    this.vpn = new LocRib('vpn', Family.VPNV4, context)
    const targets = new RouteTargetIndex(this.attrs)
    for (let number = 1; number <= vrfs; number++) {
      const spec = {
        number,
        name: `${number}`,
        table: number,
        rd: Uint8Array.of(0, 0, 0xfd, 0xe8, 0, 0, number >>> 8, number),
        importTargets: [TARGET],
        exportTargets: [],
        exportConnected: false,
        exportStatic: false,
        maximumPaths: 4,
      }
      const vrf = new Vrf(spec, context)
      targets.add(vrf)
      const rib = vrf.rib(Family.IPV4_UNICAST)
      rib.importsFrom(this.vpn.prefixes)
      rib.listen({ onPathSet() {} })
      this.#vrfs.push(rib)
    }
    new VpnImport(this.vpn, targets, context)
  }

  /** NET + `net` with an RD, by a SID of its own; the neighbouring AS is one of fifty. */
  put(rd: number, net: number): void {
    const writer = this.#writer
    writer.reset()
    writer.origin(0)
    writer.asPath(Uint8Array.of(2, 1, 0, 0, 0xfd, 0xe8 + (rd % 50)))
    writer.localPref(100)
    writer.extCommunities(TARGET)
    const sid = Uint8Array.of(0xfc, 0xbb, rd >>> 16, 0, rd >>> 8, rd, 0xe0, 1, ...new Uint8Array(8))
    writer.prefixSid(sid, END_DT4, STRUCTURE, false)
    const set = this.attrs.fromBytes(SOURCE, 0, 16, writer.buf, 0, writer.end)
    const prefix = this.vpn.prefixes.intern(Int32Array.of(OUR_RD, rd, NET + net), 0, BITS)
    this.vpn.put(prefix, this.#peer.id, PathKind.RECEIVED, 0, set, 0x31, 0 as NextHopId, 0)
    this.vpn.prefixes.release(prefix)
    this.#clock.advance(APART_MS)
  }

  remove(rd: number, net: number): void {
    const prefix = this.vpn.prefixes.find(Int32Array.of(OUR_RD, rd, NET + net), 0, BITS)
    this.vpn.removePath(this.vpn.findPath(prefix, this.#peer.id, PathKind.RECEIVED, 0))
    this.#clock.advance(APART_MS)
  }

  /** Turns until there is nothing to do but what waits in the lane of crowds. */
  settle(): void {
    const ribs = [this.vpn, ...this.#vrfs]
    do {
      const ms = cpuMs(() => {
        for (const rib of ribs) rib.settle(SETTLE)
      })
      this.longest = Math.max(this.longest, ms)
    } while (ribs.some((rib) => rib.readyCount > 0))
  }

  get paths(): number {
    return this.#vrfs.reduce((sum, rib) => sum + rib.paths.count, 0)
  }
}

const OUR_RD = 65000

export function hostile(quick: boolean): Measurement[] {
  const scale = quick ? 100 : 1
  // Once for the compiler.
  crowd(1000)
  return [
    ...[4_000, 16_000].flatMap((count) => crowd(count / scale)),
    ...[256, 4096].flatMap((count) => manyVrfs(Math.ceil(count / scale))),
    ...[16_000, 64_000].flatMap((count) => colliding(count / scale)),
  ]
}

/** One prefix with an RD from each of so many PEs; the best path flaps as fast as it can. */
function crowd(count: number): Measurement[] {
  const tables = new Tables(1)
  const each = (list: number, act: (rd: number) => void) => {
    const ms = cpuMs(() => {
      for (let k = 0; k < list; k++) {
        act(k)
        if (k % TURN === TURN - 1) tables.settle()
      }
      tables.settle()
    })
    return (ms * 1000) / list
  }
  const add = each(count, (rd) => tables.put(rd, 0))
  const flap = each(FLAPS, (k) => (k % 2 === 0 ? tables.remove(0, 0) : tables.put(0, 0)))
  const remove = each(count, (rd) => tables.remove(rd, 0))
  const one = row(`crowd-${count}`)
  return [
    one('announce', add, 'µs/route'),
    one('withdraw', remove, 'µs/route'),
    one('flap of the best', flap, 'µs/route'),
    one('longest turn', tables.longest, 'ms'),
  ]
}

/** Routes that every VRF imports. */
function manyVrfs(count: number): Measurement[] {
  const tables = new Tables(count)
  const routes = 20
  const ms = cpuMs(() => {
    for (let net = 0; net < routes; net++) tables.put(1, net)
    tables.settle()
  })
  const one = row(`vrfs-${count}`)
  return [one('announce', (ms * 1000) / tables.paths, 'µs/route')]
}

/** Attribute sets whose words cancel each other in a murmur3, whatever its seed. */
function colliding(count: number): Measurement[] {
  const attrs = new AttrsTable()
  const octets = new DataView(new ArrayBuffer(3 + 16 * 8))
  octets.setUint16(0, 0xc0f0)
  octets.setUint8(2, 16 * 8)
  const on = [murmurWord(1 << 18), murmurWord(1 << 31)] as const
  const ms = cpuMs(() => {
    for (let k = 0; k < count; k++) {
      for (let bit = 0; bit < 16; bit++) {
        const isOn = (k >>> bit) & 1
        octets.setInt32(3 + bit * 8, isOn * on[0])
        octets.setInt32(7 + bit * 8, isOn * on[1])
      }
      const bytes = new Uint8Array(octets.buffer)
      // The length of the next hop and it take 17 octets: the values lie on words.
      attrs.fromBytes(SOURCE, 0, 16, bytes, 0, bytes.length)
    }
  })
  return [row(`colliding-${count}`)('announce', (ms * 1000) / count, 'µs/route')]
}

/** The word that murmur3 mixes in as `mixed`. */
function murmurWord(mixed: number): number {
  const x = divided(mixed, 0x1b873593)
  return divided((x >>> 15) | (x << 17), 0xcc9e2d51)
}

/** The x with x * by = value, modulo 2^32. */
function divided(value: number, by: number): number {
  let inverse = by
  for (let k = 0; k < 5; k++) inverse = Math.imul(inverse, 2 - Math.imul(by, inverse))
  return Math.imul(value, inverse)
}

function row(corpus: string): (metric: string, value: number, unit: string) => Measurement {
  return (metric, value, unit) => ({ bench: 'rib', corpus, subject: 'srv6d', metric, value, unit })
}

function cpuMs(work: () => void): number {
  const from = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1000
}
