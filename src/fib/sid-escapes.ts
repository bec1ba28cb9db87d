import { ByteIntern } from '../base/byte-intern.ts'
import { putU32, u32 } from '../base/bytes.ts'
import { grown } from '../base/row-pool.ts'
import { type NextHopId, NextHopKind, type NextHopTable } from '../rib/next-hop.ts'
import type { FibTable } from './fib-table.ts'
import { networkWords } from './interfaces.ts'
import { RouteKind } from './kernel.ts'
import { MAX_MEMBERS } from './nexthop-choice.ts'
import { ROUTE_METRIC } from './rtnetlink-constants.ts'

const SID_BITS = 128
/** Before every other route: a customer that announces a SID itself does not get its packets. */
const ESCAPE_METRIC = ROUTE_METRIC - 1

/** The SIDs that some route goes by or may go by. */
export type SidSetId = number

/**
 * The `throw` routes of one VRF's IPv6 table, one a SID in use or standing by: shared by both its
 * families. The outer packet of what enters by the VRF is looked up in the VRF's own table first. A
 * route there that covers the SID (the customer's default, our `unreachable`) would take it;
 * `throw` sends this look-up on to the main table.
 */
export class SidEscapes {
  readonly #table: number
  readonly #fib: FibTable
  readonly #nextHops: NextHopTable
  /** Sets of SIDs, each as its next hops in order; a reference a route. */
  readonly #sets = new ByteIntern()
  readonly #key = new Uint8Array(4 * (MAX_MEMBERS + 1))
  #end = 0
  /** By next hop: the sets with it. */
  #refs = new Int32Array(32)

  constructor(table: number, fib: FibTable, nextHops: NextHopTable) {
    this.#table = table
    this.#fib = fib
    this.#nextHops = nextHops
  }

  /** HOT: begins a set. */
  reset(): void {
    this.#end = 0
  }

  /** HOT: one more for the set, if it is a SID and not in it yet. */
  add(id: NextHopId): void {
    if (this.#nextHops.kindOf(id) !== NextHopKind.SID || this.#end === this.#key.length) return
    let at = this.#end
    while (at > 0 && u32(this.#key, at - 4) >= id) at -= 4
    if (at < this.#end && u32(this.#key, at) === id) return
    this.#key.copyWithin(at + 4, at, this.#end)
    putU32(this.#key, at, id)
    this.#end += 4
  }

  /** HOT: the set that was put together, with a reference; 0 for none. */
  take(): SidSetId {
    if (this.#end === 0) return 0
    const set = this.#sets.intern(this.#key, 0, this.#end)
    if (this.#sets.lastWasNew) {
      for (let at = 0; at < this.#end; at += 4) this.#open(u32(this.#key, at) as NextHopId)
    }
    return set
  }

  /** HOT: gives the reference back, once the route has moved. */
  give(set: SidSetId): void {
    if (set === 0) return
    if (this.#sets.refsOf(set) === 1) {
      const end = this.#sets.endOf(set)
      for (let at = this.#sets.atOf(set); at < end; at += 4) {
        this.#close(u32(this.#sets.bytes, at) as NextHopId)
      }
    }
    this.#sets.release(set)
  }

  #open(id: NextHopId): void {
    if (id >= this.#refs.length) {
      this.#refs = grown(this.#refs, Math.max(id + 1, this.#refs.length * 2))
    }
    const refs = this.#refs[id]!
    this.#refs[id] = refs + 1
    if (refs > 0) return
    this.#nextHops.retain(id)
    const words = this.#wordsOf(id)
    this.#fib.want(this.#table, 6, words, 0, SID_BITS, RouteKind.THROW, 0, ESCAPE_METRIC)
  }

  #close(id: NextHopId): void {
    const refs = this.#refs[id]! - 1
    this.#refs[id] = refs
    if (refs > 0) return
    this.#fib.unwant(this.#table, 6, this.#wordsOf(id), 0, SID_BITS, ESCAPE_METRIC)
    this.#nextHops.release(id)
  }

  #wordsOf(id: NextHopId): Int32Array {
    return networkWords(this.#nextHops.addressOf(id), SID_BITS)
  }
}
