import type { Clock, Timer } from '../base/clock.ts'

/** Of each second a tenth, at about 0.2 µs a path that a decision looks at. */
const MS_A_PATH = 0.002

/**
 * Prefixes with very many paths, of all tables, are decided one after the other, and each decision
 * is paid for with time in which there is none: a neighbour that keeps such a prefix in motion
 * takes a share of this process and no more, since what changes meanwhile is decided together.
 * Where there is little of it, each is decided at once.
 */
export class CrowdLane {
  readonly #clock: Clock
  readonly #wake: () => void
  /** Who has something to decide, in order. */
  readonly #line = new Set<object>()
  #freeAt = 0
  #timer: Timer | null = null

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** `table` has something to decide, and is woken when it may. */
  enter(table: object): void {
    this.#line.add(table)
    this.#arm()
  }

  /** It is this table's turn. */
  isFor(table: object): boolean {
    if (this.#line.size === 0 || this.#clock.now() < this.#freeAt) return false
    return this.#line.values().next().value === table
  }

  /** A decision of `table` looked at so many paths; `more`: it has others to decide. */
  passed(table: object, paths: number, more: boolean): void {
    this.#line.delete(table)
    if (more) this.#line.add(table)
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now()) + paths * MS_A_PATH
    this.#arm()
  }

  #arm(): void {
    if (this.#line.size === 0 || this.#timer !== null) return
    const wait = this.#freeAt - this.#clock.now()
    if (wait <= 0) {
      this.#wake()
      return
    }
    this.#timer = this.#clock.after(wait, () => {
      this.#timer = null
      this.#wake()
    })
  }
}
