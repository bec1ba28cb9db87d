import type { Clock, Timer } from '../base/clock.ts'
import type { Family } from '../wire/registry.ts'
import type { AdjRibIn } from './adj-rib-in.ts'

/**
 * The helper's side of RFC 4724 §4.2 for one neighbour: its routes stay as stale when the session
 * goes, and are swept family by family: at once if the neighbour says it lost its forwarding
 * state, at its End-of-RIB, or when the time is up.
 */
export class StaleRoutes {
  readonly #adjRibIn: AdjRibIn
  readonly #clock: Clock
  #families = new Set<Family>()
  #timer: Timer | null = null

  constructor(adjRibIn: AdjRibIn, clock: Clock) {
    this.#adjRibIn = adjRibIn
    this.#clock = clock
  }

  get families(): ReadonlySet<Family> {
    return this.#families
  }

  /** The session is gone; `seconds` to come back, as the neighbour itself announced. */
  keep(families: readonly Family[], seconds: number): void {
    this.#families = new Set(families)
    // RFC 4724 §4.2: what was stale already when it failed again is not kept twice.
    this.#adjRibIn.sweepStale(families)
    this.#adjRibIn.markStale(families)
    this.#sweepAfter(seconds)
  }

  /** The session is back: families without preserved forwarding go now, the others by their End-of-RIB. */
  sessionUp(preserved: readonly Family[], seconds: number): void {
    for (const family of [...this.#families]) if (!preserved.includes(family)) this.sweep(family)
    this.#sweepAfter(seconds)
  }

  sweep(family: Family): void {
    if (!this.#families.delete(family)) return
    this.#adjRibIn.sweepStale([family])
    if (this.#families.size === 0) this.#cancel()
  }

  sweepAll(): void {
    for (const family of [...this.#families]) this.sweep(family)
    this.#cancel()
  }

  #sweepAfter(seconds: number): void {
    this.#cancel()
    if (this.#families.size === 0) return
    this.#timer = this.#clock.after(seconds * 1000, () => {
      this.#timer = null
      this.sweepAll()
    })
  }

  #cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}

/**
 * The restarting side of RFC 4724 §4.1: after a start with forwarding state in the kernel nothing
 * is told to neighbours and nothing stale leaves the kernel until every neighbour has sent what
 * it has (End-of-RIB), or the time is up.
 */
export class RestartDeferral {
  readonly #waiting: Set<string>
  readonly #done: (late: readonly string[]) => void
  readonly #timer: Timer
  #over = false

  constructor(
    names: readonly string[],
    seconds: number,
    clock: Clock,
    done: (late: readonly string[]) => void,
  ) {
    this.#waiting = new Set(names)
    this.#done = done
    const ms = names.length === 0 ? 0 : seconds * 1000
    this.#timer = clock.after(ms, () => this.#finish())
  }

  get active(): boolean {
    return !this.#over
  }

  get waiting(): readonly string[] {
    return [...this.#waiting]
  }

  /** This neighbour has sent all, or is not worth waiting for. */
  ready(name: string): void {
    if (this.#over || !this.#waiting.delete(name)) return
    if (this.#waiting.size === 0) this.#finish()
  }

  cancel(): void {
    this.#over = true
    this.#timer.cancel()
  }

  #finish(): void {
    this.cancel()
    this.#done([...this.#waiting])
  }
}
