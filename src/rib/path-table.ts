import { type Id, NONE } from '../base/id.ts'
import { grown, RowPool } from '../base/row-pool.ts'
import type { NextHopId } from './next-hop.ts'
import type { AttrsId } from './path-attrs.ts'
import type { PrefixId } from './prefix-table.ts'

export type PathId = Id<'path'>
export type PeerId = Id<'peer'>

/** Where a path comes from; connected and static win at once (decision step 1). */
export const PathKind = { CONNECTED: 1, STATIC: 2, EXPORTED: 3, RECEIVED: 4, IMPORTED: 5 } as const
export type PathKind = (typeof PathKind)[keyof typeof PathKind]

/** Bits of a path's flags. */
export const PathFlag = {
  /** Something of the path changed since its prefix was last decided. */
  CHANGED: 1,
  /** Its neighbour is gone, the route is kept under graceful restart (RFC 4724 §4.2). */
  STALE: 2,
  /** Traffic takes it: the best path, or one of several that are as good. */
  ACTIVE: 4,
  /** Traffic would take it if no active path could be used. */
  BACKUP: 8,
  /** Its restart time is over as well: kept as long-lived stale (RFC 9494 §4.2). */
  LONG_LIVED: 16,
} as const

/**
 * The paths of one table. The paths of a prefix hang on a chain through `next`.
 *
 *   id  prefix  peer  kind      attrs  label     key  next  why
 *   17       1     3  RECEIVED      9  0x000101    0     0    0    key: ADD-PATH identifier,
 *   18       2     3  IMPORTED      9  0x000101   41     0    7    or the VPN prefix it was imported from
 */
export class PathTable {
  #prefix = new Int32Array(64)
  #peer = new Uint16Array(64)
  #kind = new Uint8Array(64)
  #flags = new Uint8Array(64)
  #attrs = new Int32Array(64)
  #label = new Int32Array(64)
  #key = new Int32Array(64)
  #next = new Int32Array(64)
  #nextHop = new Int32Array(64)
  #problem = new Uint8Array(64)
  #why = new Uint8Array(64)
  #since = new Uint32Array(64)
  /** By peer: its paths that cannot be used at all. */
  #refused = new Int32Array(16)
  /** By peer: how long the attributes of its paths are, together. */
  #octets = new Float64Array(16)
  /** The paths of a next hop hang on a chain both ways: what a change of it concerns. */
  #hopNext = new Int32Array(64)
  #hopBefore = new Int32Array(64)
  #hopFirst = new Int32Array(32)
  /** Where a walk along such a chain stands; moves on when its path leaves the chain. */
  walk = NONE as PathId
  readonly #pool = new RowPool(64)

  get count(): number {
    return this.#pool.count
  }

  /** One past the highest row; a free row has prefix 0. */
  get top(): number {
    return this.#pool.top
  }

  prefixOf(id: PathId): PrefixId {
    return this.#prefix[id] as PrefixId
  }

  peerOf(id: PathId): PeerId {
    return this.#peer[id] as PeerId
  }

  kindOf(id: PathId): PathKind {
    return this.#kind[id] as PathKind
  }

  flagsOf(id: PathId): number {
    return this.#flags[id]!
  }

  attrsOf(id: PathId): AttrsId {
    return this.#attrs[id] as AttrsId
  }

  /** The 3 octets of the label field, 0 in families without labels. */
  labelOf(id: PathId): number {
    return this.#label[id]!
  }

  /** As a signed word. */
  keyOf(id: PathId): number {
    return this.#key[id]!
  }

  nextOf(id: PathId): PathId {
    return this.#next[id] as PathId
  }

  nextHopOf(id: PathId): NextHopId {
    return this.#nextHop[id] as NextHopId
  }

  /** Why the path cannot be used at all (Why of decision.ts), 0: it is eligible. */
  problemOf(id: PathId): number {
    return this.#problem[id]!
  }

  /** Why the path lost, or cannot be used: written by the decision process; 0: it is the best. */
  whyOf(id: PathId): number {
    return this.#why[id]!
  }

  /** Seconds on the daemon's clock when the path came or last changed. */
  sinceOf(id: PathId): number {
    return this.#since[id]!
  }

  setFlags(id: PathId, flags: number): void {
    this.#flags[id] = flags
  }

  setNext(id: PathId, next: PathId): void {
    this.#next[id] = next
  }

  setProblem(id: PathId, problem: number): void {
    const before = this.#problem[id]!
    if (before === problem) return
    this.#problem[id] = problem
    if (before === 0) this.#countRefused(this.#peer[id]!, 1)
    else if (problem === 0) this.#countRefused(this.#peer[id]!, -1)
  }

  /** How many paths of a peer have a problem. */
  refusedOf(peer: PeerId): number {
    return peer < this.#refused.length ? this.#refused[peer]! : 0
  }

  /** The octets that the attributes of a peer's paths have, as if no two had the same. */
  octetsOf(peer: PeerId): number {
    return peer < this.#octets.length ? this.#octets[peer]! : 0
  }

  /** A path of the peer came, went or has other attributes, longer by so much. */
  countOctets(peer: PeerId, more: number): void {
    if (peer >= this.#octets.length) {
      this.#octets = grown(this.#octets, Math.max(peer + 1, this.#octets.length * 2))
    }
    this.#octets[peer] = this.#octets[peer]! + more
  }

  setWhy(id: PathId, why: number): void {
    this.#why[id] = why
  }

  setNextHop(id: PathId, nextHop: NextHopId): void {
    const before = this.#nextHop[id]!
    if (before === nextHop) return
    if (before !== NONE) this.#unlink(id, before)
    this.#nextHop[id] = nextHop
    if (nextHop !== NONE) this.#link(id, nextHop)
  }

  firstThrough(nextHop: NextHopId): PathId {
    return (nextHop < this.#hopFirst.length ? this.#hopFirst[nextHop]! : NONE) as PathId
  }

  /** The next path with the same next hop. */
  nextThrough(id: PathId): PathId {
    return this.#hopNext[id] as PathId
  }

  /** Gives the path other attributes; the caller moves the reference counts. */
  replace(id: PathId, attrs: AttrsId, label: number, since: number): void {
    this.#attrs[id] = attrs
    this.#label[id] = label
    this.#since[id] = since
    this.#flags[id] = (this.#flags[id]! & (PathFlag.ACTIVE | PathFlag.BACKUP)) | PathFlag.CHANGED
  }

  add(
    prefix: PrefixId,
    peer: PeerId,
    kind: PathKind,
    key: number,
    attrs: AttrsId,
    label: number,
    since: number,
  ): PathId {
    const id = this.#pool.take() as PathId
    if (id >= this.#pool.capacity) this.#grow(id)
    this.#prefix[id] = prefix
    this.#peer[id] = peer
    this.#kind[id] = kind
    this.#key[id] = key
    this.#next[id] = 0
    this.#nextHop[id] = 0
    this.#why[id] = 0
    this.#flags[id] = 0
    this.replace(id, attrs, label, since)
    return id
  }

  remove(id: PathId): void {
    this.setNextHop(id, NONE as NextHopId)
    this.setProblem(id, 0)
    this.#prefix[id] = 0
    this.#pool.give(id)
  }

  #countRefused(peer: number, more: number): void {
    if (peer >= this.#refused.length) {
      this.#refused = grown(this.#refused, Math.max(peer + 1, this.#refused.length * 2))
    }
    this.#refused[peer] = this.#refused[peer]! + more
  }

  #link(id: PathId, nextHop: NextHopId): void {
    if (nextHop >= this.#hopFirst.length) {
      this.#hopFirst = grown(this.#hopFirst, Math.max(nextHop + 1, this.#hopFirst.length * 2))
    }
    const first = this.#hopFirst[nextHop]!
    this.#hopNext[id] = first
    this.#hopBefore[id] = NONE
    if (first !== NONE) this.#hopBefore[first] = id
    this.#hopFirst[nextHop] = id
  }

  #unlink(id: PathId, nextHop: number): void {
    const before = this.#hopBefore[id]!
    const next = this.#hopNext[id]!
    if (before === NONE) this.#hopFirst[nextHop] = next
    else this.#hopNext[before] = next
    if (next !== NONE) this.#hopBefore[next] = before
    if (this.walk === id) this.walk = next as PathId
  }

  #grow(id: number): void {
    const capacity = this.#pool.grow(id)
    this.#prefix = grown(this.#prefix, capacity)
    this.#peer = grown(this.#peer, capacity)
    this.#kind = grown(this.#kind, capacity)
    this.#flags = grown(this.#flags, capacity)
    this.#attrs = grown(this.#attrs, capacity)
    this.#label = grown(this.#label, capacity)
    this.#key = grown(this.#key, capacity)
    this.#next = grown(this.#next, capacity)
    this.#nextHop = grown(this.#nextHop, capacity)
    this.#problem = grown(this.#problem, capacity)
    this.#why = grown(this.#why, capacity)
    this.#since = grown(this.#since, capacity)
    this.#hopNext = grown(this.#hopNext, capacity)
    this.#hopBefore = grown(this.#hopBefore, capacity)
  }
}
