/** Time at the edge: everything that waits takes a Clock, so that a test can turn it by hand. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /** Calls `fire` once, `ms` from now. */
  after(ms: number, fire: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** What setTimeout takes: it fires at once for anything longer. */
const LONGEST_MS = 2 ** 31 - 1

export class SystemClock implements Clock {
  now(): number {
    return performance.now()
  }

  after(ms: number, fire: () => void): Timer {
    let handle: NodeJS.Timeout
    const wait = (left: number): void => {
      const step = Math.min(left, LONGEST_MS)
      handle = setTimeout(() => (left > step ? wait(left - step) : fire()), step)
    }
    wait(ms)
    return { cancel: () => clearTimeout(handle) }
  }
}

/** A clock that moves only when told: timers fire in the order of their time, then of their making. */
export class ManualClock implements Clock {
  #now = 0
  #timers: { at: number; fire: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, fire: () => void): Timer {
    const timer = { at: this.#now + ms, fire }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer)
      },
    }
  }

  /** Moves on by `ms`, firing on the way what is due, timers set meanwhile included. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      let next: { at: number; fire: () => void } | undefined
      for (const t of this.#timers) if (t.at <= until && (!next || t.at < next.at)) next = t
      if (!next) break
      this.#timers = this.#timers.filter((t) => t !== next)
      this.#now = Math.max(this.#now, next.at)
      next.fire()
    }
    this.#now = until
  }
}
