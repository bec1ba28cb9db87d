/**
 * Timers of a session: restartable without an allocation, since the hold timer restarts with
 * every message, and jittered as RFC 4271 §10 asks.
 */
import type { Clock, Timer } from '../base/clock.ts'

/** A factor of 0.75 … 1.0 (RFC 4271 §10). */
export function jitter(ms: number, random: () => number): number {
  return ms * (0.75 + 0.25 * random())
}

/** How late a timer may fire before the event loop counts as having been blocked. */
const BLOCKED_MS = 1000

/**
 * Fires once, `ms` after the last start or touch. touch() only notes the time; the underlying
 * timer looks at the note when it fires. A patient timer that fires late, because the event loop
 * was blocked, waits a little more: what arrived meanwhile has not been read yet.
 */
export class RestartableTimer {
  readonly #clock: Clock
  readonly #expired: () => void
  readonly #patient: boolean
  #ms = 0
  #touchedAt = 0
  #dueAt = 0
  #timer: Timer | null = null

  constructor(clock: Clock, expired: () => void, patient = false) {
    this.#clock = clock
    this.#expired = expired
    this.#patient = patient
  }

  get running(): boolean {
    return this.#timer !== null
  }

  start(ms: number): void {
    this.stop()
    this.#ms = ms
    this.#touchedAt = this.#clock.now()
    this.#arm(ms)
  }

  /** Begins the time anew, from Clock.now() or what it was `at`; nothing if it does not run. */
  touch(at = this.#clock.now()): void {
    this.#touchedAt = at
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(ms: number): void {
    this.#dueAt = this.#clock.now() + ms
    this.#timer = this.#clock.after(ms, () => this.#fire())
  }

  #fire(): void {
    const now = this.#clock.now()
    const left = this.#touchedAt + this.#ms - now
    // A system timer may fire a fraction of a millisecond early.
    if (left >= 1) this.#arm(left)
    else if (this.#patient && now - this.#dueAt > BLOCKED_MS) this.#arm(BLOCKED_MS)
    else {
      this.#timer = null
      this.#expired()
    }
  }
}

/** Where the negotiated hold time is 0: the 8 minutes of RFC 9687. */
const SEND_HOLD_DEFAULT_S = 480

/** Seconds a neighbour may leave unread what we write: configured, or twice the hold time. */
export function sendHoldSeconds(configured: number | undefined, hold: number): number {
  return configured ?? (hold > 0 ? 2 * hold : SEND_HOLD_DEFAULT_S)
}

/** The four timers of a session, by their names in RFC 4271 §8 and RFC 9687. */
export class SessionTimers {
  readonly connectRetry: RestartableTimer
  readonly hold: RestartableTimer
  readonly keepalive: RestartableTimer
  readonly sendHold: RestartableTimer
  readonly #random: () => number

  constructor(
    clock: Clock,
    random: () => number,
    expired: Record<'connectRetry' | 'hold' | 'keepalive' | 'sendHold', () => void>,
  ) {
    this.#random = random
    this.connectRetry = new RestartableTimer(clock, expired.connectRetry)
    this.hold = new RestartableTimer(clock, expired.hold, true)
    this.keepalive = new RestartableTimer(clock, expired.keepalive)
    this.sendHold = new RestartableTimer(clock, expired.sendHold, true)
  }

  startConnectRetry(seconds: number): void {
    this.connectRetry.start(jitter(seconds * 1000, this.#random))
  }

  /** 0 seconds: no keepalives are wanted (RFC 4271 §4.4). */
  startKeepalive(seconds: number): void {
    if (seconds > 0) this.keepalive.start(jitter(seconds * 1000, this.#random))
  }

  /** After the OPEN; a hold time of 0 means none. */
  startSession(holdSeconds: number, sendHoldSeconds: number): void {
    if (holdSeconds > 0) this.hold.start(holdSeconds * 1000)
    else this.hold.stop()
    this.sendHold.start(sendHoldSeconds * 1000)
  }

  /** What belongs to a connection stops with it. */
  stopSession(): void {
    this.hold.stop()
    this.keepalive.stop()
    this.sendHold.stop()
  }
}
