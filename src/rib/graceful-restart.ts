import type { Clock, Timer } from '../base/clock.ts'

/** What a restart comes to, in this order; `late` are the neighbours it was not waited for. */
export interface RestartEvents {
  /** RFC 4724 §4.1: neighbours may be told what is best. */
  onSelected(): void
  /** Everybody has sent everything: what is stale in the kernel now stays so. */
  onDone(late: readonly string[]): void
}

/**
 * The restarting side of RFC 4724 §4.1, after a start with forwarding state in the kernel. Nothing
 * is told before the neighbours have sent what they have (End-of-RIB), or the time is up, the
 * Selection_Deferral_Timer. Neighbours that restart themselves wait for us, so they are told at
 * once; but what the kernel forwards to them stays until they, too, have sent theirs.
 */
export class RestartDeferral {
  readonly #waiting: Set<string>
  readonly #selecting: Set<string>
  readonly #events: RestartEvents
  readonly #timer: Timer
  #selected = false
  #over = false

  constructor(names: readonly string[], seconds: number, clock: Clock, events: RestartEvents) {
    this.#waiting = new Set(names)
    this.#selecting = new Set(names)
    this.#events = events
    const ms = names.length === 0 ? 0 : seconds * 1000
    this.#timer = clock.after(ms, () => this.#finish())
  }

  /** Stale routes of the kernel are still kept. */
  get active(): boolean {
    return !this.#over
  }

  /** Neighbours are not yet told anything. */
  get isSelecting(): boolean {
    return !this.#selected
  }

  get waiting(): readonly string[] {
    return [...this.#waiting]
  }

  /** This neighbour restarts as well (the R bit of its capability). */
  restarts(name: string): void {
    if (this.#over || !this.#selecting.delete(name)) return
    if (this.#selecting.size === 0) this.#select()
  }

  /** This neighbour has sent all, or is not worth waiting for. */
  ready(name: string): void {
    if (this.#over || !this.#waiting.delete(name)) return
    this.restarts(name)
    if (this.#waiting.size === 0) this.#finish()
  }

  cancel(): void {
    this.#over = true
    this.#selected = true
    this.#timer.cancel()
  }

  #select(): void {
    if (this.#selected) return
    this.#selected = true
    this.#events.onSelected()
  }

  #finish(): void {
    this.#select()
    this.cancel()
    this.#events.onDone([...this.#waiting])
  }
}
