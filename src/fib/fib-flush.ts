/**
 * Brings the kernel to what FibTable wants: dirty rows into batches, batches to the kernel, its
 * answers back into the rows. While the kernel works on one batch the next is filled. A row is
 * under way at most once, and nexthop objects are made before and removed after their routes.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { DirtyQueue } from '../base/dirty-queue.ts'
import type { Logger } from '../base/logger.ts'
import { advmssOf } from './encap-overhead.ts'
import { type FibColumns, Notice } from './fib-columns.ts'
import type { FibRow, RouteRows } from './fib-rows.ts'
import { type Kernel, RouteKind, RouteOp, routeBatch } from './kernel.ts'
import { Errno, isTransient } from './kernel-error.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'

/** Changes of a batch, and batches under way. */
const BATCH = 2048
const FLIGHTS = 4
/** Of more routes that go a quarter at a time: those that come first are not all gone first. */
const FEW_GOING = 256
/** Pause before rows that the kernel had no memory for are tried again; doubles up to the second. */
const AGAIN_MS = 100
const AGAIN_MAX_MS = 5000
/** More refused routes than these are asked for again at most every so often, whatever changes. */
const MANY = 1000
const MANY_MS = 5000

/** A batch and the rows it is about. */
interface Flight {
  batch: ReturnType<typeof routeBatch>
  row: Int32Array
  nexthop: Int32Array
  /** Settled when the kernel's answers are in the rows. */
  landed: Promise<void>
}

/** What the flush works on. */
export interface FlushPorts {
  kernel: Kernel
  nexthops: NexthopTable
  rows: RouteRows
  columns: FibColumns
  /** Makes the rows say what the kernel holds, and queues those that it has otherwise. */
  reread: () => Promise<void>
  log: Logger
  clock: Clock
}

export class FibFlush {
  readonly #kernel: Kernel
  readonly #nexthops: NexthopTable
  readonly #rows: RouteRows
  readonly #columns: FibColumns
  readonly #reread: () => Promise<void>
  readonly #log: Logger
  readonly #clock: Clock
  readonly #dirty = new DirtyQueue()
  /** Routes that go, before all others. */
  readonly #going = new DirtyQueue()
  readonly #flights: Flight[] = Array.from({ length: FLIGHTS }, () => ({
    batch: routeBatch(BATCH),
    row: new Int32Array(BATCH),
    nexthop: new Int32Array(BATCH),
    landed: Promise.resolve(),
  }))
  /** Rows of the batch that is being filled. */
  readonly #later = new Int32Array(BATCH)
  #underWay = 0
  /** A batch had no answer: what of it the kernel has done, only the kernel knows. */
  #broken = false
  /** How often that happened since a flush went through. */
  #breaks = 0
  #stopped = false
  #running: Promise<void> | undefined
  #again: Timer | undefined
  #againMs = AGAIN_MS
  #many: Timer | undefined
  #manyAt = Number.NEGATIVE_INFINITY

  constructor(ports: FlushPorts) {
    this.#kernel = ports.kernel
    this.#nexthops = ports.nexthops
    this.#rows = ports.rows
    this.#columns = ports.columns
    this.#reread = ports.reread
    this.#log = ports.log
    this.#clock = ports.clock
  }

  /** Rows still to be brought to the kernel. */
  get pending(): number {
    return this.#dirty.size + this.#going.size
  }

  /**
   * Has a row looked at by the next flush, or by the one that runs. Linux takes IPv4 routes out of
   * its trie ten times slower in the order of their prefixes than in none.
   */
  add(row: FibRow): void {
    if (!this.#goes(row)) this.#dirty.add(row)
    else if (this.#rows.familyOf(row) === 4) this.#going.scatter(row)
    else this.#going.add(row)
  }

  /** Has every row that the kernel refused looked at again; many of them a little later. */
  retryFailed(): void {
    const now = this.#clock.now()
    if (this.#columns.failed > MANY && now < this.#manyAt) {
      this.#many ??= this.#clock.after(this.#manyAt - now, () => {
        this.#many = undefined
        this.retryFailed()
        this.#flushLater()
      })
      return
    }
    this.#manyAt = now + MANY_MS
    this.#addFailed((errno) => errno !== 0)
  }

  #addFailed(matches: (errno: number) => boolean): void {
    if (this.#columns.failed === 0) return
    for (const row of this.#rows.all()) {
      if (matches(this.#columns.errnoOf(row))) this.add(row)
    }
  }

  #flushLater(): void {
    this.flush().catch((error) => this.#log.error({ err: error }, 'flush failed'))
  }

  /** Starts a flush; while one runs, the same run takes in what comes. */
  flush(): Promise<void> {
    return this.#running ?? this.#run(this.#flushAll())
  }

  /** Runs `work` while no flush runs, then flushes; a flush asked for meanwhile is this one. */
  exclusively(work: () => Promise<void>): Promise<void> {
    const before = this.#running?.catch(() => {}) ?? Promise.resolve()
    return this.#run(before.then(work).then(() => this.#flushAll()))
  }

  /** Ends the timer of retries. */
  stop(): void {
    this.#stopped = true
    this.#again?.cancel()
    this.#again = undefined
    this.#many?.cancel()
    this.#many = undefined
  }

  #run(work: Promise<void>): Promise<void> {
    const running = work.finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #flushAll(): Promise<void> {
    // Not before its time.
    if (this.#broken && this.#again !== undefined) return
    do {
      if (!this.#broken || (await this.#mend())) await this.#writeAll()
      if (this.#broken) this.#breaks++
    } while (this.#broken && this.#breaks === 1)
    if (this.#broken) return this.#scheduleAgain(pauseAfter(this.#breaks))
    this.#breaks = 0
    await this.#nexthops.collect()
  }

  /** Until all is written, or a batch has no answer: no row is looked at before `#mend`. */
  async #writeAll(): Promise<void> {
    for (let turn = 0; ; turn++) {
      const flight = this.#flights[turn % FLIGHTS]!
      await flight.landed
      if (this.#broken && this.#underWay === 0) return
      if (this.#broken) continue
      await this.#nexthops.ensure()
      if (this.#broken) continue
      this.#fill(flight)
      if (flight.batch.count > 0) flight.landed = this.#fly(flight)
      else if (this.#underWay === 0 && this.pending === 0) return
    }
  }

  /** After a batch without an answer: false when the kernel could not be read either. */
  async #mend(): Promise<boolean> {
    try {
      await this.#reread()
    } catch (error) {
      this.#log.error({ err: error }, 'reading the kernel failed')
      return false
    }
    this.#broken = false
    this.#addFailed((errno) => errno === Errno.EIO)
    return true
  }

  /** Never rejects. */
  async #fly(flight: Flight): Promise<void> {
    this.#underWay++
    try {
      await this.#kernel.applyRoutes(flight.batch)
    } catch (error) {
      if (!this.#broken && this.#breaks === 0) {
        this.#log.error({ err: error }, 'writing routes broke off: reading the kernel and going on')
      }
      this.#broken = true
      flight.batch.errno.fill(Errno.EIO)
    }
    this.#underWay--
    this.#settle(flight)
  }

  /**
   * Takes dirty rows into the batch; a row whose nexthop object is missing fails or waits. Routes
   * that go are first, so that a prefix which goes from one VRF to another is not in both.
   */
  #fill(flight: Flight): void {
    flight.batch.count = 0
    const most = Math.min(BATCH, Math.max(FEW_GOING, this.#going.size >>> 2))
    while (this.#going.size > 0 && flight.batch.count < most) {
      const row = this.#going.take() as FibRow
      if (!this.#isDue(row)) continue
      // It may be wanted again since it was queued.
      if (this.#goes(row)) this.#put(flight, row, 0)
      else this.#dirty.add(row)
    }
    let looks = this.#going.size === 0 ? this.#dirty.size : 0
    let later = 0
    while (looks-- > 0 && flight.batch.count + later < BATCH) {
      const row = this.#dirty.take() as FibRow
      if (!this.#isDue(row)) continue
      if (this.#goes(row)) this.#put(flight, row, 0)
      else this.#later[later++] = row
    }
    for (let k = 0; k < later; k++) {
      const row = this.#later[k]! as FibRow
      const nexthop = this.#columns.wantNexthopOf(row)
      if (nexthop === 0) this.#put(flight, row, 0)
      else this.#putThrough(flight, row, nexthop)
    }
  }

  /** Whether something is to be written; of what is as it should be, or cannot be, that is noted. */
  #isDue(row: FibRow): boolean {
    // What is under way is looked at again when it lands; a row may have been freed meanwhile.
    if (!this.#rows.isUsed(row)) return false
    if (this.#columns.isStale(row) || this.#columns.isUnderWay(row)) return false
    if (this.#columns.isSettled(row)) {
      this.#done(row)
      return false
    }
    if (this.#columns.noticeOf(row) !== Notice.TAKEN) return true
    this.#columns.setErrno(row, Errno.EEXIST)
    return false
  }

  /** Not `throw`: others go by it until they have moved. */
  #goes(row: FibRow): boolean {
    return (
      this.#columns.wantKindOf(row) === 0 && this.#columns.haveKindOf(row) === RouteKind.UNICAST
    )
  }

  #putThrough(flight: Flight, row: FibRow, nexthop: NexthopRow): void {
    const state = this.#nexthops.stateOf(nexthop)
    if (state === 'installed') this.#put(flight, row, this.#nexthops.idOf(nexthop))
    else if (state === 'pending') this.#dirty.add(row)
    else this.#columns.setErrno(row, this.#nexthops.errnoOf(nexthop))
  }

  #put(flight: Flight, row: FibRow, nexthopId: number): void {
    const { batch } = flight
    const k = batch.count++
    this.#rows.copyKey(row, batch, k)
    if (this.#columns.wantKindOf(row) === 0) batch.op[k] = RouteOp.DELETE
    else batch.op[k] = this.#isNew(row) ? RouteOp.CREATE : RouteOp.REPLACE
    this.#columns.setNotice(row, Notice.NONE)
    batch.kind[k] = this.#columns.wantKindOf(row)
    batch.nexthop[k] = nexthopId
    flight.row[k] = row
    const nexthop = this.#columns.wantNexthopOf(row)
    batch.mtu[k] = this.#columns.wantMtuOf(row)
    batch.advmss[k] = nexthop === 0 ? 0 : advmssOf(this.#nexthops.mtuOf(nexthop), batch.family[k]!)
    flight.nexthop[k] = nexthop
    if (nexthop !== 0) this.#nexthops.retain(nexthop)
    this.#columns.setUnderWay(row, true)
  }

  #isNew(row: FibRow): boolean {
    return this.#columns.haveKindOf(row) === 0 && this.#columns.noticeOf(row) === Notice.NONE
  }

  /** The kernel has what is wanted; of a deleted route nothing is left. */
  #done(row: FibRow): void {
    this.#columns.setErrno(row, 0)
    if (this.#columns.wantKindOf(row) !== 0) return
    this.#columns.setNotice(row, Notice.NONE)
    this.#rows.remove(row)
  }

  /** Takes the kernel's answers; `want` may have changed its mind meanwhile. */
  #settle(flight: Flight): void {
    const { batch } = flight
    let again = false
    for (let k = 0; k < batch.count; k++) {
      const row = flight.row[k]! as FibRow
      const errno = batch.errno[k]!
      const nexthop = flight.nexthop[k]!
      this.#columns.setUnderWay(row, false)
      this.#columns.setErrno(row, errno)
      if (this.#columns.noticeOf(row) === Notice.SHAKEN) {
        this.#columns.setNotice(row, errno === 0 ? Notice.GONE : Notice.NONE)
        this.add(row)
      } else if (this.#columns.noticeOf(row) !== Notice.NONE) {
        // Others changed it while the answer was under way: what it says may be past.
        this.add(row)
      } else if (errno === 0) {
        this.#columns.setHave(row, batch.kind[k]!, nexthop, batch.mtu[k]!)
        if (this.#columns.isSettled(row)) this.#done(row)
        else this.add(row)
      } else {
        again ||= isTransient(errno)
        if (!this.#columns.isWanted(row, batch.kind[k]!, nexthop)) this.add(row)
      }
      this.#columns.giveNexthop(nexthop)
    }
    if (!again) this.#againMs = AGAIN_MS
    else if (!this.#again) {
      const retryMs = this.#againMs
      this.#log.warn({ retryMs }, 'the kernel has no memory for routes, trying again')
      this.#scheduleAgain(retryMs)
      this.#againMs = Math.min(retryMs * 2, AGAIN_MAX_MS)
    }
  }

  #scheduleAgain(ms: number): void {
    if (this.#again || this.#stopped) return
    this.#again = this.#clock.after(ms, () => {
      this.#again = undefined
      this.#addFailed(isTransient)
      this.#flushLater()
    })
  }
}

/** Before the kernel is read again when writing breaks off time after time. */
function pauseAfter(breaks: number): number {
  return Math.min(AGAIN_MS * 2 ** breaks, AGAIN_MAX_MS)
}
