import { equalBytes, u32 } from '../base/bytes.ts'
import { NONE } from '../base/id.ts'
import { asPathHas } from '../wire/as-path.ts'
import { NlriCursor } from '../wire/nlri-cursor.ts'
import { Attr, FAMILIES, Family, familySpec, Outcome } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'
import { Why } from './decision.ts'
import type { LocRib, RibContext } from './loc-rib.ts'
import { isMartian } from './martian.ts'
import type { NextHopId } from './next-hop.ts'
import type { AttrsId } from './path-attrs.ts'
import { PathFlag, type PathId, PathKind } from './path-table.ts'
import type { RibPeer } from './rib-peer.ts'

/** Of attributes, on average, for each prefix of `maxPrefix`; and how much of them in any case. */
const OCTETS_A_PREFIX = 512
const OCTETS_ALWAYS = 16 * 2 ** 20

/** What is accepted from a neighbour. */
export interface InPolicy {
  readonly localAs: number
  readonly remoteAs: number
  /** How often our own AS may stand in AS_PATH. */
  readonly allowAsIn: number
  /** Paths must forward to a gateway (a CE's); VPN paths are judged by their SID at import. */
  readonly viaGateway: boolean
  /** Prefixes of a family that the neighbour may send, null: any number. */
  readonly maxPrefix: number | null
  /** The next hop that we announce: a path with it came back to us. Null: gateways are looked at. */
  readonly ownNextHop: Uint8Array | null
  /** The neighbour runs on this node: is a next hop (4 or 16 octets at `at`) this node? Null: it runs elsewhere. */
  readonly isHere: ((buf: Uint8Array, at: number, len: number) => boolean) | null
}

/**
 * One neighbour's UPDATEs on their way into the tables: what it sent stands there as paths with
 * its peer number, also what cannot be used, with the reason. HOT: `apply` allocates nothing.
 */
export class AdjRibIn {
  readonly #peer: RibPeer
  readonly #policy: InPolicy
  readonly #context: RibContext
  readonly #cursor = new NlriCursor()
  /** The table of each family, by family number; undefined: not negotiated. */
  readonly #ribs: (LocRib | undefined)[]
  readonly #received = new Int32Array(FAMILIES.length + 1)
  /** A family over its limit since the last `apply`, 0: none. */
  overLimit: Family | 0 = 0
  /** Not by the number of its prefixes but by the length of their attributes. */
  overOctets = false

  constructor(peer: RibPeer, ribs: (LocRib | undefined)[], policy: InPolicy, context: RibContext) {
    this.#peer = peer
    this.#ribs = ribs
    this.#policy = policy
    this.#context = context
  }

  /** Paths of a family now in the table, stale ones included. */
  receivedOf(family: Family): number {
    return this.#received[family]!
  }

  apply(view: UpdateView): void {
    this.overLimit = 0
    this.overOctets = false
    if (view.withdrawnAt < view.withdrawnEnd) {
      this.#withdraw(view, Family.IPV4_UNICAST, view.withdrawnAt, view.withdrawnEnd)
    }
    if (view.unreachFamily !== 0) {
      this.#withdraw(view, view.unreachFamily, view.unreachAt, view.unreachEnd)
    }
    const usable = view.outcome < Outcome.TREAT_AS_WITHDRAW
    if (view.nlriAt < view.nlriEnd) {
      if (usable) this.#reachClassic(view)
      else this.#withdraw(view, Family.IPV4_UNICAST, view.nlriAt, view.nlriEnd)
    }
    if (view.reachFamily !== 0) {
      if (usable) this.#reachMp(view, view.reachFamily)
      else this.#withdraw(view, view.reachFamily, view.reachAt, view.reachEnd)
    }
  }

  /** RFC 4724 §4.2: the session is gone, its routes of these families stay as stale. */
  markStale(families: readonly Family[]): void {
    this.eachPath(families, (rib, path) => {
      rib.paths.setFlags(path, rib.paths.flagsOf(path) | PathFlag.STALE)
      rib.markDirty(rib.paths.prefixOf(path))
    })
  }

  /** Removes what is still stale in these families; returns how many paths. */
  sweepStale(families: readonly Family[], flag: number = PathFlag.STALE): number {
    return this.#removeAll(families, flag)
  }

  /** Removes all paths of these families. */
  clear(families: readonly Family[]): number {
    return this.#removeAll(families, 0)
  }

  /** Takes one path of this neighbour away. */
  remove(rib: LocRib, path: PathId): void {
    this.#received[rib.family] = this.#received[rib.family]! - 1
    rib.removePath(path)
  }

  /** How many of a family's paths can be used. */
  acceptedOf(family: Family): number {
    const refused = this.#ribs[family]?.paths.refusedOf(this.#peer.id) ?? 0
    return this.receivedOf(family) - refused
  }

  #reachClassic(view: UpdateView): void {
    const index = view.indexOf(Attr.NEXT_HOP)
    this.#reach(view, Family.IPV4_UNICAST, view.attrValueAt(index), 4, view.nlriAt, view.nlriEnd)
  }

  /** The next hop of a VPN family stands behind an RD of 8 octets (RFC 4364 §4.3.2, RFC 8950 §3). */
  #reachMp(view: UpdateView, family: Family): void {
    const skip = familySpec(family).hasRd ? 8 : 0
    const whole = view.nextHopLen - skip
    const len = whole >= 16 ? 16 : 4
    this.#reach(view, family, view.nextHopAt + skip, len, view.reachAt, view.reachEnd)
  }

  #reach(
    view: UpdateView,
    family: Family,
    nextHopAt: number,
    nextHopLen: number,
    at: number,
    end: number,
  ): void {
    const rib = this.#ribs[family]
    if (rib === undefined) return
    const { attrs, nextHops } = this.#context
    const set = attrs.fromView(view, nextHopAt, nextHopLen)
    const nextHop = this.#nextHopAt(view.buf, nextHopAt, nextHopLen)
    const problem = this.#problemOf(set) || this.#elsewhere(nextHop)
    const { addressBytes, hasRd } = familySpec(family)
    const cursor = this.#cursor
    cursor.start(view.buf, at, end, family, (view.addPath & (1 << family)) !== 0, false)
    while (cursor.next()) {
      const prefix = rib.prefixes.intern(cursor.key, 0, cursor.prefixBits)
      const before = rib.paths.count
      const martian = isMartian(cursor.key, hasRd ? 2 : 0, cursor.prefixBits, addressBytes === 4)
      attrs.retain(set)
      nextHops.retain(nextHop)
      rib.put(
        prefix,
        this.#peer.id,
        PathKind.RECEIVED,
        cursor.pathId,
        set,
        cursor.label,
        nextHop,
        martian ? Why.MARTIAN : problem,
      )
      this.#received[family] = this.#received[family]! + rib.paths.count - before
      rib.prefixes.release(prefix)
    }
    attrs.release(set)
    nextHops.release(nextHop)
    const limit = this.#policy.maxPrefix
    if (limit === null) return
    const octets = rib.paths.octetsOf(this.#peer.id)
    this.overOctets = octets > Math.max(limit * OCTETS_A_PREFIX, OCTETS_ALWAYS)
    if (this.overOctets || this.#received[family]! > limit) this.overLimit = family
  }

  /** What the attributes of all its paths take, as if no two had the same. */
  get octets(): number {
    return this.#ribs.reduce((sum, rib) => sum + (rib?.paths.octetsOf(this.#peer.id) ?? 0), 0)
  }

  #withdraw(view: UpdateView, family: Family, at: number, end: number): void {
    const rib = this.#ribs[family]
    if (rib === undefined) return
    const cursor = this.#cursor
    cursor.start(view.buf, at, end, family, (view.addPath & (1 << family)) !== 0, true)
    while (cursor.next()) {
      const prefix = rib.prefixes.find(cursor.key, 0, cursor.prefixBits)
      if (prefix === NONE) continue
      const path = rib.findPath(prefix, this.#peer.id, PathKind.RECEIVED, cursor.pathId)
      if (path === NONE) continue
      this.remove(rib, path)
    }
  }

  #nextHopAt(buf: Uint8Array, at: number, len: number): NextHopId {
    const { nextHops } = this.#context
    const { viaGateway, isHere } = this.#policy
    if (isHere !== null) return isHere(buf, at, len) ? nextHops.node() : (NONE as NextHopId)
    return viaGateway ? nextHops.gateway(this.#peer.vrf, buf, at, len) : (NONE as NextHopId)
  }

  #elsewhere(nextHop: NextHopId): number {
    return this.#policy.isHere !== null && nextHop === NONE ? Why.NOT_THIS_NODE : 0
  }

  #problemOf(set: AttrsId): number {
    const { attrs, peers } = this.#context
    const policy = this.#policy
    if (this.#hasOwnNextHop(set)) return Why.OWN_NEXT_HOP
    if (attrs.find(set, Attr.AS_PATH)) {
      const own = asPathHas(attrs.bytes, attrs.valueAt, attrs.valueEnd, policy.localAs)
      if (own > policy.allowAsIn) return Why.AS_LOOP
    }
    if (this.#peer.ebgp) {
      return attrs.neighborAsOf(set) === policy.remoteAs ? 0 : Why.FIRST_AS
    }
    const self = peers.local.bgpIdentifier
    if (attrs.originatorIdOf(set) === self) return Why.ORIGINATOR_LOOP
    if (attrs.find(set, Attr.CLUSTER_LIST)) {
      for (let at = attrs.valueAt; at < attrs.valueEnd; at += 4) {
        if (u32(attrs.bytes, at) === self) return Why.CLUSTER_LOOP
      }
    }
    return 0
  }

  /** RFC 4271 §5.1.3: a route with an address of ours as next hop is not used. */
  #hasOwnNextHop(set: AttrsId): boolean {
    const own = this.#policy.ownNextHop
    const { attrs } = this.#context
    if (own === null || attrs.nextHopLen(set) !== own.length) return false
    return equalBytes(attrs.bytes, attrs.nextHopAt(set), own, 0, own.length)
  }

  /** `flag`: only paths that have it; 0: all. */
  #removeAll(families: readonly Family[], flag: number): number {
    let count = 0
    this.eachPath(families, (rib, path) => {
      if ((rib.paths.flagsOf(path) & flag) !== flag) return
      this.remove(rib, path)
      count++
    })
    return count
  }

  /** The neighbour's paths in these families; `visit` may remove the path it is given. */
  eachPath(families: readonly Family[], visit: (rib: LocRib, path: PathId) => void): void {
    for (const family of families) {
      const rib = this.#ribs[family]
      if (rib === undefined) continue
      const paths = rib.paths
      for (let row = 1; row < paths.top; row++) {
        const path = row as PathId
        if (paths.prefixOf(path) === NONE || paths.peerOf(path) !== this.#peer.id) continue
        if (paths.kindOf(path) === PathKind.RECEIVED) visit(rib, path)
      }
    }
  }
}
