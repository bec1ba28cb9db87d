import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import type { LocRib, RibListener } from '../rib/loc-rib.ts'
import { type NextHopId, NextHopKind, type NextHopTable } from '../rib/next-hop.ts'
import { type PathId, PathKind } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { Family } from '../wire/registry.ts'
import type { FibTable } from './fib-table.ts'
import { networkWords } from './interfaces.ts'
import { RouteKind } from './kernel.ts'
import type { NextHopResolver } from './next-hop-resolver.ts'
import { ROUTE_METRIC } from './rtnetlink-constants.ts'

const SID_BITS = 128
/** Before every other route: a customer that announces a SID itself does not get its packets. */
const ESCAPE_METRIC = ROUTE_METRIC - 1

/** The `throw` routes of one VRF's IPv6 table, one a SID in use: shared by both its families. */
export class SidEscapes {
  readonly #table: number
  readonly #fib: FibTable
  readonly #nextHops: NextHopTable
  #refs = new Int32Array(32)

  constructor(table: number, fib: FibTable, nextHops: NextHopTable) {
    this.#table = table
    this.#fib = fib
    this.#nextHops = nextHops
  }

  /**
   * The outer packet of what enters by the VRF is looked up in the VRF's own table first. A route
   * there that covers the SID (the customer's default, our `unreachable`) would take it; `throw`
   * sends this look-up on to the main table.
   */
  take(id: NextHopId): void {
    if (this.#nextHops.kindOf(id) !== NextHopKind.SID) return
    if (id >= this.#refs.length)
      this.#refs = grown(this.#refs, Math.max(id + 1, this.#refs.length * 2))
    const refs = this.#refs[id]!
    this.#refs[id] = refs + 1
    if (refs > 0) return
    this.#nextHops.retain(id)
    const words = this.#wordsOf(id)
    this.#fib.want(this.#table, 6, words, 0, SID_BITS, RouteKind.THROW, 0, ESCAPE_METRIC)
  }

  give(id: NextHopId): void {
    if (this.#nextHops.kindOf(id) !== NextHopKind.SID) return
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

/** The best path of each prefix of a VRF -> the route in the VRF's kernel table. One a family. */
export class VrfFib implements RibListener {
  readonly #table: number
  readonly #family: 4 | 6
  readonly #fib: FibTable
  readonly #resolver: NextHopResolver
  readonly #nextHops: NextHopTable
  readonly #escapes: SidEscapes
  /** By prefix: the SID that the installed route goes to, one reference each. */
  #sid = new Int32Array(64)

  constructor(
    rib: LocRib,
    table: number,
    fib: FibTable,
    resolver: NextHopResolver,
    nextHops: NextHopTable,
    escapes: SidEscapes,
  ) {
    this.#table = table
    this.#family = rib.family === Family.IPV4_UNICAST ? 4 : 6
    this.#fib = fib
    this.#resolver = resolver
    this.#nextHops = nextHops
    this.#escapes = escapes
    rib.listen(this)
  }

  onBest(rib: LocRib, prefix: PrefixId, best: PathId): void {
    const { paths } = rib
    // The kernel itself has the connected networks.
    if (best === NONE || paths.kindOf(best) === PathKind.CONNECTED) {
      this.#unwant(rib, prefix)
      return
    }
    const nextHop = paths.nextHopOf(best)
    if (nextHop === NONE) {
      this.#point(rib, prefix, RouteKind.BLACKHOLE, 0, NONE as NextHopId)
      return
    }
    const row = this.#resolver.rowOf(nextHop)
    if (row === 0) {
      this.#unwant(rib, prefix)
      return
    }
    const isSid = this.#nextHops.kindOf(nextHop) === NextHopKind.SID
    this.#point(rib, prefix, RouteKind.UNICAST, row, isSid ? nextHop : (NONE as NextHopId))
  }

  #point(rib: LocRib, prefix: PrefixId, kind: RouteKind, row: number, sid: NextHopId): void {
    const before = this.#moveSid(prefix, sid)
    this.#want(rib, prefix, kind, row)
    if (before !== NONE) this.#giveSid(before)
  }

  #want(rib: LocRib, prefix: PrefixId, kind: RouteKind, row: number): void {
    const { prefixes } = rib
    const at = prefixes.wordsAt(prefix)
    const bits = prefixes.bitsOf(prefix)
    this.#fib.want(this.#table, this.#family, prefixes.words, at, bits, kind, row as never)
  }

  #unwant(rib: LocRib, prefix: PrefixId): void {
    const { prefixes } = rib
    const at = prefixes.wordsAt(prefix)
    this.#fib.unwant(this.#table, this.#family, prefixes.words, at, prefixes.bitsOf(prefix))
    const before = this.#moveSid(prefix, NONE as NextHopId)
    if (before !== NONE) this.#giveSid(before)
  }

  /** Notes which SID the route uses now; the caller gives the former back once the route moved. */
  #moveSid(prefix: PrefixId, sid: NextHopId): NextHopId {
    if (prefix >= this.#sid.length) {
      this.#sid = grown(this.#sid, Math.max(prefix + 1, this.#sid.length * 2))
    }
    const before = this.#sid[prefix] as NextHopId
    if (before === sid) return NONE as NextHopId
    if (sid !== NONE) {
      this.#nextHops.retain(sid)
      this.#escapes.take(sid)
    }
    this.#sid[prefix] = sid
    return before
  }

  #giveSid(sid: NextHopId): void {
    this.#escapes.give(sid)
    this.#nextHops.release(sid)
  }
}
