/**
 * The tables of a router without sessions and kernel: messages of builder.ts go in, what a
 * neighbour would have been told comes out as its own picture of the routes.
 */
import { ManualClock } from '../../src/base/clock.ts'
import { AdjRibIn, type InPolicy } from '../../src/rib/adj-rib-in.ts'
import { CrowdLane } from '../../src/rib/crowd-lane.ts'
import { LocRib, type RibContext } from '../../src/rib/loc-rib.ts'
import { type NextHopId, NextHopTable, Reach } from '../../src/rib/next-hop.ts'
import type { OutRules } from '../../src/rib/out-policy.ts'
import { AttrsTable } from '../../src/rib/path-attrs.ts'
import type { PathId } from '../../src/rib/path-table.ts'
import type { PrefixId } from '../../src/rib/prefix-table.ts'
import { type RibPeer, RibPeers } from '../../src/rib/rib-peer.ts'
import { formatKey } from '../../src/wire/address.ts'
import {
  type DecodedAttribute,
  type DecodedReach,
  type DecodedUnreach,
  decodeUpdate,
} from '../../src/wire/decode.ts'
import { type Family, familySpec } from '../../src/wire/registry.ts'
import { UpdatePacker } from '../../src/wire/update-packer.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import { address } from './builder.ts'

export const OUR_AS = 65000
export const OUR_ID = 0xc0000201
const ALL_FAMILIES = 0b11110

export class World implements RibContext {
  readonly attrs = new AttrsTable()
  readonly nextHops = new NextHopTable()
  readonly peers = new RibPeers(OUR_ID)
  readonly ribs: LocRib[] = []
  now = 0
  wakes = 0
  readonly clock = new ManualClock()
  readonly seconds = () => this.now
  readonly wake = () => {
    this.wakes++
  }
  readonly crowds = new CrowdLane(this.clock, this.wake)

  constructor() {
    // Everything is reachable unless a test says otherwise.
    this.nextHops.listen({
      onNextHopAdded: (id) => void this.nextHops.set(id, Reach.REACHABLE, 2, 0),
      onNextHopRemoved: () => {},
    })
  }

  rib(family: Family, name = 'red'): LocRib {
    const rib = new LocRib(name, family, this)
    this.ribs.push(rib)
    return rib
  }

  peer(text: string, options: { ebgp?: boolean; vrf?: number; id?: number } = {}): RibPeer {
    const { ebgp = true, vrf = 1, id = 0 } = options
    const peer = this.peers.add(text, address(text), ebgp, vrf)
    peer.bgpIdentifier = id
    return peer
  }

  settle(): void {
    while (this.ribs.some((rib) => rib.dirtyCount > 0)) {
      for (const rib of this.ribs) rib.settle(7)
      this.clock.advance(1)
    }
  }

  /** Rows of every shared table still counted: [attribute sets, next hops, prefixes, paths]. */
  get leftovers(): number[] {
    const sum = (of: (rib: LocRib) => number) => this.ribs.reduce((n, rib) => n + of(rib), 0)
    return [
      this.attrs.count,
      this.nextHops.count,
      sum((rib) => rib.prefixes.count),
      sum((rib) => rib.paths.count),
    ]
  }
}

/** A whole message as the session parses it. */
export function viewOf(message: Uint8Array, session: Partial<UpdateSession> = {}): UpdateView {
  const view = new UpdateView()
  parseUpdate(view, message, 19, message.length, sessionOf(session))
  return view
}

export function sessionOf(session: Partial<UpdateSession> = {}): UpdateSession {
  return { asn4: true, ebgp: true, localAs: OUR_AS, addPath: 0, families: ALL_FAMILIES, ...session }
}

export function adjRibIn(
  world: World,
  peer: RibPeer,
  ribs: LocRib[],
  policy: Partial<InPolicy> = {},
): AdjRibIn {
  const byFamily: (LocRib | undefined)[] = []
  for (const rib of ribs) byFamily[rib.family] = rib
  const isVpn = ribs.some((rib) => familySpec(rib.family).hasRd)
  const defaults: InPolicy = {
    localAs: OUR_AS,
    remoteAs: peer.ebgp ? 65101 : OUR_AS,
    allowAsIn: 0,
    viaGateway: !isVpn,
    maxPrefix: null,
    ownNextHop: null,
    isHere: null,
  }
  return new AdjRibIn(peer, byFamily, { ...defaults, ...policy }, world)
}

export function outRules(family: Family, rules: Partial<OutRules> = {}): OutRules {
  return {
    family,
    localAs: OUR_AS,
    remoteAs: 65102,
    ebgp: true,
    asOverride: false,
    transpose: true,
    nextHop: null,
    hidden: [],
    longLivedStale: 'withheld',
    ...rules,
  }
}

/** '65000:1 10.0.0.0/24', '10.0.0.0/24'. */
export function prefixText(rib: LocRib, prefix: PrefixId): string {
  const { prefixes } = rib
  const at = prefixes.wordsAt(prefix)
  const { rd, prefix: text } = formatKey(rib.family, prefixes.words, at, prefixes.bitsOf(prefix))
  return rd === undefined ? text : `${rd} ${text}`
}

/** The best path of every prefix, by the text of the prefix. */
export function bests(rib: LocRib): Map<string, PathId> {
  const found = new Map<string, PathId>()
  for (let row = 1; row < rib.prefixes.top; row++) {
    const prefix = row as PrefixId
    if (!rib.prefixes.isUsed(prefix) || rib.bestOf(prefix) === 0) continue
    found.set(prefixText(rib, prefix), rib.bestOf(prefix))
  }
  return found
}

/** The paths of a prefix by its text, in no particular order. */
export function pathsOf(rib: LocRib, text: string): PathId[] {
  for (let row = 1; row < rib.prefixes.top; row++) {
    const prefix = row as PrefixId
    if (!rib.prefixes.isUsed(prefix) || prefixText(rib, prefix) !== text) continue
    const found: PathId[] = []
    for (let path = rib.firstOf(prefix); path !== 0; path = rib.paths.nextOf(path)) found.push(path)
    return found
  }
  return []
}

/** '10.0.0.1' of a next hop row, '' for none. */
export function nextHopText(world: World, id: NextHopId): string {
  if (id === 0) return ''
  const octets = world.nextHops.addressOf(id)
  return octets.length === 4
    ? octets.join('.')
    : [0, 2, 4, 6, 8, 10, 12, 14]
        .map((k) => ((octets[k]! << 8) | octets[k + 1]!).toString(16))
        .join(':')
}

/** What a route looks like to the neighbour. */
export interface ToldRoute {
  nextHops: string[]
  label: number | undefined
  attributes: DecodedAttribute[]
}

/** A neighbour's end of an Adj-RIB-Out: its picture of the routes, and every message. */
export class ToldNeighbor {
  readonly routes = new Map<string, ToldRoute>()
  readonly packer: UpdatePacker
  messages = 0
  endOfRibs: string[] = []
  /** Withdrawals of what the neighbour never had, and messages it would not take. */
  readonly complaints: string[] = []
  readonly #session: UpdateSession

  constructor(options: { asn4?: boolean; ebgp?: boolean; maxLength?: number } = {}) {
    const { asn4 = true, ebgp = true, maxLength = 4096 } = options
    this.#session = sessionOf({ asn4, ebgp })
    this.packer = new UpdatePacker((buf, at, end) => this.hear(buf.slice(at + 19, end)))
    this.packer.configure({ maxLength, asn4, addPath: 0 })
  }

  /** The value of an attribute of a route. */
  attribute(prefix: string, name: string): unknown {
    const route = this.routes.get(prefix)
    return route?.attributes.find((one) => one.name === name)?.value
  }

  /** The body of one UPDATE. */
  hear(body: Uint8Array): void {
    this.messages++
    const said = decodeUpdate(body, 0, body.length, this.#session)
    if (said.outcome !== 'ok') this.complaints.push(`${said.outcome}: ${said.reason}`)
    if (said.endOfRib !== null) this.endOfRibs.push(said.endOfRib)
    const reach = said.attributes.find((one) => one.name === 'MP_REACH_NLRI')
    const unreach = said.attributes.find((one) => one.name === 'MP_UNREACH_NLRI')
    const gone = (unreach?.value as DecodedUnreach | undefined)?.withdrawn ?? []
    for (const one of [...said.withdrawn, ...gone]) {
      if (!this.routes.delete(keyOf(one))) this.complaints.push(`never told: ${keyOf(one)}`)
    }
    const hop = said.attributes.find((one) => one.name === 'NEXT_HOP')
    const classic = { nextHops: [hop?.value as string], attributes: said.attributes }
    for (const one of said.nlri) this.routes.set(keyOf(one), { ...classic, label: undefined })
    const mp = reach?.value as DecodedReach | undefined
    for (const one of mp?.nlri ?? []) {
      const { attributes } = said
      this.routes.set(keyOf(one), { nextHops: mp!.nextHops, label: one.label, attributes })
    }
  }
}

function keyOf(nlri: { rd?: string; prefix: string }): string {
  return nlri.rd === undefined ? nlri.prefix : `${nlri.rd} ${nlri.prefix}`
}
