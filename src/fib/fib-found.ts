/**
 * What the kernel is found to hold of FibTable's rows: at the start, in a dump later, and row by
 * row as notifications tell. Notes it in the columns and queues what has to be written; writes
 * nothing itself.
 */
import { type FibColumns, Notice } from './fib-columns.ts'
import type { FibRow, RouteRows } from './fib-rows.ts'
import type { KernelRoute, RouteNotice } from './kernel.ts'
import { Errno } from './kernel-error.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'
import { RTPROT_SRV6D } from './rtnetlink-constants.ts'

export class FoundRoutes {
  readonly #rows: RouteRows
  readonly #columns: FibColumns
  readonly #nexthops: NexthopTable
  readonly #queue: (row: FibRow) => void
  /** Rows that others have changed since `takeNoticed`. */
  #noticed: FibRow[] = []

  /** `queue`: has a row looked at by the next flush. */
  constructor(
    rows: RouteRows,
    columns: FibColumns,
    nexthops: NexthopTable,
    queue: (row: FibRow) => void,
  ) {
    this.#rows = rows
    this.#columns = columns
    this.#nexthops = nexthops
    this.#queue = queue
  }

  adopt(routes: readonly KernelRoute[]): void {
    for (const route of routes) {
      const { table, family, words, bits, metric } = route
      const row = this.#rows.add(table, family, words, 0, bits, metric)
      this.#columns.reserve(row, this.#rows.capacity)
      this.#columns.setHave(row, route.kind, this.#nexthops.rowOfId(route.nexthop), route.mtu)
      if (this.#columns.wantKindOf(row) === 0) this.#columns.setStale(row, true)
      else this.#queue(row)
    }
  }

  resync(routes: readonly KernelRoute[]): number {
    const seen = new Uint8Array(this.#rows.capacity)
    let changed = 0
    for (const { table, family, words, bits, metric, kind, nexthop, mtu } of routes) {
      const row = this.#rows.find(table, family, words, 0, bits, metric)
      if (row === 0) continue
      seen[row] = 1
      const there = this.#nexthops.rowOfId(nexthop)
      if (this.#columns.isHad(row, kind, there, mtu)) continue
      // Heard meanwhile that it went: the dump may be older.
      if (this.#columns.noticeOf(row) === Notice.GONE) continue
      this.#columns.setHave(row, kind, there, mtu)
      this.#columns.setNotice(row, Notice.NONE)
      this.#queue(row)
      changed++
    }
    for (const row of this.#rows.all()) {
      if (this.#columns.noticeOf(row) === Notice.TAKEN) this.#askAgain(row)
      if (this.#columns.haveKindOf(row) === 0 || seen[row] === 1) continue
      this.#lose(row)
      this.#queue(row)
      changed++
    }
    return changed
  }

  /** HOT: a route came or went, whoever's; true when one of ours has to be looked at. */
  noticed(route: RouteNotice): boolean {
    const { table, family, words, bits, metric } = route
    const row = this.#rows.find(table, family, words, 0, bits, metric)
    if (row === 0) return false
    const ours = route.protocol === RTPROT_SRV6D
    if (route.gone) {
      // Another's that went makes room for ours, where it stood in the way.
      if (!ours && !this.#isBlocked(row)) return false
      this.#note(row, Notice.GONE)
    } else if (ours) {
      if (this.#isAsWritten(row, route)) return false
      this.#note(row, Notice.GONE)
    } else {
      if (!route.replaced && this.#columns.haveKindOf(row) !== 0) return false
      this.#note(row, Notice.TAKEN)
    }
    return true
  }

  #isBlocked(row: FibRow): boolean {
    return (
      this.#columns.noticeOf(row) === Notice.TAKEN || this.#columns.errnoOf(row) === Errno.EEXIST
    )
  }

  #isAsWritten(row: FibRow, route: RouteNotice): boolean {
    const nexthop = this.#nexthops.rowOfId(route.nexthop)
    return this.#columns.isHad(row, route.kind, nexthop, route.mtu)
  }

  /** Nexthop objects went, and with them every route that goes by them. */
  nexthopsLost(lost: readonly NexthopRow[]): void {
    if (lost.length === 0) return
    const set = new Set<NexthopRow>(lost)
    for (const row of this.#rows.all()) {
      if (set.has(this.#columns.haveNexthopOf(row))) this.#note(row, Notice.GONE)
      else if (set.has(this.#columns.wantNexthopOf(row))) this.#shake(row)
    }
  }

  /** What the kernel was just asked for may be refused for want of the object. */
  #shake(row: FibRow): void {
    if (this.#columns.errnoOf(row) !== 0) this.#queue(row)
    if (!this.#columns.isUnderWay(row)) return
    if (this.#columns.noticeOf(row) === Notice.NONE) this.#columns.setNotice(row, Notice.SHAKEN)
  }

  /** Whatever took its place may have gone unheard. */
  #askAgain(row: FibRow): void {
    this.#columns.setNotice(row, Notice.NONE)
    this.#queue(row)
  }

  #note(row: FibRow, notice: Notice): void {
    this.#lose(row)
    this.#columns.setNotice(row, notice)
    this.#noticed.push(row)
  }

  #lose(row: FibRow): void {
    this.#columns.setHave(row, 0, 0, 0)
    this.#columns.setStale(row, false)
  }

  /**
   * Queues the rows noticed since the last time; gives those that are wanted, but for routes by
   * `silent` nexthop objects.
   */
  takeNoticed(silent: ReadonlySet<NexthopRow>): { gone: FibRow[]; taken: FibRow[] } {
    const found = { gone: [] as FibRow[], taken: [] as FibRow[] }
    for (const row of new Set(this.#noticed)) {
      this.#queue(row)
      if (this.#columns.wantKindOf(row) === 0) continue
      if (silent.has(this.#columns.wantNexthopOf(row))) continue
      const list = this.#columns.noticeOf(row) === Notice.TAKEN ? found.taken : found.gone
      list.push(row)
    }
    this.#noticed = []
    return found
  }
}
