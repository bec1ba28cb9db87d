import type { Clock, Timer } from '../base/clock.ts'
import type { Family } from '../wire/registry.ts'
import type { Retention } from '../wire/restart-capability.ts'
import type { AdjRibIn } from './adj-rib-in.ts'
import type { LongLivedStale } from './long-lived.ts'
import { PathFlag } from './path-table.ts'

/** Where a family's stale routes stand: waiting for the neighbour, or for its End-of-RIB. */
export type StalePhase = 'restart' | 'long-lived' | 'resync'

export interface StaleState {
  readonly family: Family
  readonly phase: StalePhase
  /** Seconds until they go, or become long-lived. */
  readonly secondsLeft: number
}

interface Row {
  readonly family: Family
  /** Seconds as long-lived stale, once the restart time is over. */
  longLivedTime: number
  phase: StalePhase
  /** Of the restart time, or of the stale time once the neighbour is back. */
  timer: Timer | null
  until: number
  /** RFC 9494 §4.2: runs on when the neighbour is back, until its End-of-RIB. */
  longLived: Timer | null
  longLivedUntil: number
}

/**
 * The helper's side of RFC 4724 §4.2 and RFC 9494 §4.2 for one neighbour. Its routes stay as stale
 * when the session goes, each family by itself:
 *
 *   session lost -> restart -> long-lived -> gone      the neighbour does not come back
 *                        \-> resync -> gone            it does: at once if it lost its forwarding
 *                                                      state, else what it has not sent by its
 *                                                      End-of-RIB or within the stale time
 */
export class StaleRoutes {
  readonly #adjRibIn: AdjRibIn
  readonly #longLived: LongLivedStale
  readonly #clock: Clock
  readonly #rows = new Map<Family, Row>()

  constructor(adjRibIn: AdjRibIn, longLived: LongLivedStale, clock: Clock) {
    this.#adjRibIn = adjRibIn
    this.#longLived = longLived
    this.#clock = clock
  }

  get families(): Family[] {
    return [...this.#rows.keys()]
  }

  get states(): StaleState[] {
    const now = this.#clock.now()
    return [...this.#rows.values()].map(({ family, phase, until, longLived, longLivedUntil }) => {
      const end = longLived !== null && phase !== 'restart' ? longLivedUntil : until
      return { family, phase, secondsLeft: Math.max(0, Math.ceil((end - now) / 1000)) }
    })
  }

  /**
   * The session is gone; what is kept of it, as the neighbour itself announced. `collision`: it
   * was lost to another connection, so this is no restart after another.
   */
  keep(retentions: readonly Retention[], collision = false): void {
    for (const family of this.families) {
      if (!retentions.some((kept) => kept.family === family)) this.#drop(family)
    }
    for (const kept of retentions) this.#keepOne(kept, collision)
  }

  #keepOne({ family, restartTime, longLivedTime }: Retention, collision: boolean): void {
    const before = this.#rows.get(family)
    const goesOn = before !== undefined && (longLivedTime > 0 || before.longLived !== null)
    // RFC 4724 §4.2: what was stale already when it failed again is not kept twice; RFC 9494 §4.2:
    // unless as long-lived, which bounds it as well.
    if (before && !goesOn && !collision) this.#adjRibIn.sweepStale([family])
    const row: Row = before ?? {
      family,
      longLivedTime,
      phase: 'restart',
      timer: null,
      until: 0,
      longLived: null,
      longLivedUntil: 0,
    }
    this.#rows.set(family, row)
    row.longLivedTime = longLivedTime
    if (goesOn && !collision) this.#becomeLongLived(row)
    this.#adjRibIn.markStale([family])
    row.phase = 'restart'
    this.#after(row, restartTime, () => this.#restartOver(row))
    if (restartTime === 0) this.#restartOver(row)
  }

  /** The session is back, with or without what was forwarded meanwhile. */
  sessionUp(retentions: readonly Retention[], staleTime: number): void {
    for (const row of [...this.#rows.values()]) {
      const now = retentions.find(({ family }) => family === row.family)
      const inLongLived = row.longLived !== null
      if (!(inLongLived ? now?.longLivedPreserved : now?.preserved)) {
        this.sweep(row.family)
        continue
      }
      row.phase = 'resync'
      if (inLongLived) this.#cancelTimer(row)
      else this.#after(row, staleTime, () => this.sweep(row.family))
    }
  }

  /** End-of-RIB, or no hope of one: what is still stale goes. */
  sweep(family: Family): void {
    if (!this.#rows.has(family)) return
    this.#drop(family)
    this.#adjRibIn.sweepStale([family])
  }

  #restartOver(row: Row): void {
    this.#cancelTimer(row)
    if (row.longLivedTime === 0 && row.longLived === null) {
      this.sweep(row.family)
      return
    }
    row.phase = 'long-lived'
    this.#becomeLongLived(row)
  }

  /** A timer that runs already is not touched: RFC 9494 §4.2. */
  #becomeLongLived(row: Row): void {
    this.#longLived.attach(this.#adjRibIn, row.family)
    if (row.longLived !== null) return
    const ms = row.longLivedTime * 1000
    row.longLivedUntil = this.#clock.now() + ms
    row.longLived = this.#clock.after(ms, () => this.#longLivedOver(row))
  }

  #longLivedOver(row: Row): void {
    row.longLived = null
    this.#adjRibIn.sweepStale([row.family], PathFlag.LONG_LIVED)
    // Routes of a later session may be in their own restart time.
    if (row.phase !== 'restart') this.sweep(row.family)
  }

  #drop(family: Family): void {
    const row = this.#rows.get(family)
    if (row === undefined) return
    this.#rows.delete(family)
    this.#cancelTimer(row)
    row.longLived?.cancel()
    row.longLived = null
  }

  #after(row: Row, seconds: number, fire: () => void): void {
    this.#cancelTimer(row)
    row.until = this.#clock.now() + seconds * 1000
    row.timer = this.#clock.after(seconds * 1000, () => {
      row.timer = null
      fire()
    })
  }

  #cancelTimer(row: Row): void {
    row.timer?.cancel()
    row.timer = null
  }
}
