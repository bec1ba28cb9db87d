/**
 * Every route that srv6d wants in a kernel table, beside what the kernel has of it.
 *
 *   row  table family bits words        metric   want            have            errno
 *   1    10    4      24   10.2.0.0     8986     UNICAST nh 3    UNICAST nh 3    0        installed
 *   2    10    6      64   2001:db8:2:: 8986     UNICAST nh 3    –               ENOMEM   failed
 *   3    10    6      128  fcbb:bb00:2… 8986     –               THROW           0        to be deleted
 *
 * `want` and `unwant` only note; `flush` brings the kernel there, a row at most once a round.
 */
import type { Clock } from '../base/clock.ts'
import { SystemClock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { FibColumns, Notice } from './fib-columns.ts'
import { FibFlush } from './fib-flush.ts'
import { FoundRoutes } from './fib-found.ts'
import { type FibRow, RouteRows } from './fib-rows.ts'
import { type Kernel, type KernelRoute, RouteKind } from './kernel.ts'
import { errnoName } from './kernel-error.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'
import { LAST_RESORT_METRIC, ROUTE_METRIC } from './rtnetlink-constants.ts'

export type { FibRow } from './fib-rows.ts'
/** `drifted`: a route of somebody else has taken the place that ours had. */
export type FibState = 'pending' | 'installed' | 'failed' | 'drifted'

export class FibTable {
  readonly #nexthops: NexthopTable
  readonly #rows = new RouteRows()
  readonly #columns: FibColumns
  readonly #flush: FibFlush
  /** Nexthop objects whose routes may have another MTU now. */
  readonly #resized = new Set<NexthopRow>()
  /** What the kernel is found to hold, and what others did to our routes. */
  readonly found: FoundRoutes

  constructor(
    kernel: Kernel,
    nexthops: NexthopTable,
    log: Logger,
    clock: Clock = new SystemClock(),
  ) {
    this.#nexthops = nexthops
    this.#columns = new FibColumns(nexthops)
    const [rows, columns] = [this.#rows, this.#columns]
    const reread = async () => {
      const dump = await kernel.dump()
      nexthops.resync(dump.nexthops)
      this.found.resync(dump.routes)
    }
    this.#flush = new FibFlush({ kernel, nexthops, rows, columns, reread, log, clock })
    this.found = new FoundRoutes(rows, columns, nexthops, (row) => this.#flush.add(row))
    nexthops.onMtuChanged = (nexthop) => this.#resized.add(nexthop)
  }

  /** One look at all rows, however many nexthop objects a link's MTU was for. */
  #remeasure(): void {
    if (this.#resized.size === 0) return
    for (const row of this.#rows.all()) {
      if (this.#columns.haveKindOf(row) === 0) continue
      if (this.#resized.has(this.#columns.wantNexthopOf(row))) this.#flush.add(row)
    }
    this.#resized.clear()
  }

  /**
   * Asks for a route; IPv4 reads one word at `at`, IPv6 four. `nexthop` is 0 but for UNICAST; the
   * table takes references of its own.
   */
  want(
    table: number,
    family: 4 | 6,
    words: Int32Array,
    at: number,
    bits: number,
    kind: RouteKind,
    nexthop: NexthopRow | 0,
    metric: number = ROUTE_METRIC,
  ): FibRow {
    const row = this.#rows.add(table, family, words, at, bits, metric)
    this.#columns.reserve(row, this.#rows.capacity)
    this.#columns.setStale(row, false)
    if (this.#columns.setWant(row, kind, nexthop)) this.#flush.add(row)
    return row
  }

  unwant(
    table: number,
    family: 4 | 6,
    words: Int32Array,
    at: number,
    bits: number,
    metric: number = ROUTE_METRIC,
  ): void {
    const row = this.#rows.find(table, family, words, at, bits, metric)
    if (row !== 0) this.#unwantRow(row)
  }

  /** The VRF's last resort in both families: without it a look-up would go on to the main table. */
  wantUnreachableDefaults(table: number): void {
    const none = new Int32Array(4)
    this.want(table, 4, none, 0, 0, RouteKind.UNREACHABLE, 0, LAST_RESORT_METRIC)
    this.want(table, 6, none, 0, 0, RouteKind.UNREACHABLE, 0, LAST_RESORT_METRIC)
  }

  #isLastResort(row: FibRow): boolean {
    return this.#rows.metricOf(row) === LAST_RESORT_METRIC
  }

  /** Gives up all routes but the last resorts, which stay as long as something may look there. */
  unwantRoutes(): void {
    for (const row of this.#rows.all()) if (!this.#isLastResort(row)) this.#drop(row)
  }

  /** Gives up every route of a table, adopted ones included: nothing looks there any more. */
  unwantTable(table: number): void {
    for (const row of this.#rows.all()) if (this.#rows.tableOf(row) === table) this.#drop(row)
  }

  /** Gives up everything: a stop that leaves nothing behind. */
  unwantAll(): void {
    for (const row of this.#rows.all()) this.#drop(row)
  }

  /** The row of a route that is wanted or installed, 0 if there is none. */
  find(
    table: number,
    family: 4 | 6,
    words: Int32Array,
    at: number,
    bits: number,
    metric: number = ROUTE_METRIC,
  ): FibRow | 0 {
    return this.#rows.find(table, family, words, at, bits, metric)
  }

  stateOf(row: FibRow): FibState {
    if (this.#columns.noticeOf(row) === Notice.TAKEN) return 'drifted'
    if (this.#columns.errnoOf(row) !== 0) return 'failed'
    return this.#columns.isSettled(row) ? 'installed' : 'pending'
  }

  /** What the kernel last said to this row, 0 when all is well. */
  errnoOf(row: FibRow): number {
    return this.#columns.errnoOf(row)
  }

  /** The nexthop row that is wanted, 0 for a route that needs none. */
  nexthopOf(row: FibRow): NexthopRow | 0 {
    return this.#columns.wantNexthopOf(row) as NexthopRow
  }

  /** Rows that the kernel refused. */
  *failedRows(): Generator<FibRow> {
    if (this.#columns.failed === 0) return
    for (const row of this.#rows.all()) if (this.#columns.errnoOf(row) !== 0) yield row
  }

  /** One row as an object, for `show`, logs and tests. */
  row(row: FibRow) {
    return {
      ...this.#rows.row(row),
      kind: this.#columns.wantKindOf(row),
      nexthop: this.#columns.wantNexthopOf(row) as NexthopRow,
      installedKind: this.#columns.haveKindOf(row),
      state: this.stateOf(row),
      errno: errnoName(this.#columns.errnoOf(row)),
      stale: this.#columns.isStale(row),
    }
  }

  *rows(): Generator<FibRow> {
    yield* this.#rows.all()
  }

  /** Rows still to be brought to the kernel. */
  get pending(): number {
    return this.#flush.pending + this.#resized.size
  }

  get counts(): { wanted: number; installed: number; failed: number; stale: number } {
    const { wanted, installed, failed, stale } = this.#columns
    return { wanted, installed, failed, stale }
  }

  /** Brings the kernel to what is wanted now; while one runs, the same run takes in what comes. */
  flush(): Promise<void> {
    this.#remeasure()
    return this.#flush.flush()
  }

  /** Runs `work` while no flush runs, then flushes; a flush asked for meanwhile is this one. */
  exclusively(work: () => Promise<void>): Promise<void> {
    this.#remeasure()
    return this.#flush.exclusively(work)
  }

  /** Asks again for every row and nexthop object that the kernel refused; `flush` then does it. */
  retryFailed(): void {
    this.#nexthops.retryFailed()
    this.#flush.retryFailed()
  }

  /** Ends the timer of retries. */
  stop(): void {
    this.#flush.stop()
  }

  /**
   * Routes found in the kernel at the start, after NexthopTable.adopt: they stay as they are until
   * they are asked for (the same costs nothing) or `sweep` finds that nobody did.
   */
  adopt(routes: readonly KernelRoute[]): void {
    this.found.adopt(routes)
  }

  /**
   * Gives up the adopted routes that nobody asked for, but for last resorts; returns how many.
   * `flush` deletes them.
   */
  sweep(): number {
    return this.#sweepIf((row) => !this.#isLastResort(row))
  }

  /** The same of all that is left, once nothing looks into the tables of VRFs that are no more. */
  sweepLastResorts(): number {
    return this.#sweepIf(() => true)
  }

  #sweepIf(goes: (row: FibRow) => boolean): number {
    let count = 0
    if (this.#columns.stale === 0) return count
    for (const row of this.#rows.all()) {
      if (!this.#columns.isStale(row) || !goes(row)) continue
      this.#drop(row)
      count++
    }
    return count
  }

  /**
   * Compares with what the kernel holds now, after NexthopTable.resync, and notes what is missing
   * or different for `flush`. Returns the number of such rows. To be called within `exclusively`.
   */
  resync(routes: readonly KernelRoute[]): number {
    return this.found.resync(routes)
  }

  #unwantRow(row: FibRow): void {
    if (this.#columns.setWant(row, 0, 0)) this.#flush.add(row)
  }

  #drop(row: FibRow): void {
    this.#columns.setStale(row, false)
    this.#unwantRow(row)
    this.#flush.add(row)
  }
}
