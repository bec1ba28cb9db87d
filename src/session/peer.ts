/**
 * One configured neighbour: starts and restarts its session, settles collisions between two of
 * them, counts, and is what the speaker holds in its hand (PeerHandler is the speaker's side).
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { CeaseError, ErrorCode, type Family, familySpec } from '../wire/registry.ts'
import { encodeRouteRefresh } from '../wire/route-refresh.ts'
import type { UpdateView } from '../wire/update-view.ts'
import { resolveCollision } from './collision.ts'
import { FSM_STATES, FsmEvent, type FsmState } from './fsm.ts'
import { dotted, type Negotiated, type PeerConfig } from './negotiate.ts'
import { type Cease, refuseConnection } from './notice.ts'
import type { DownReason, PeerCounters, SessionDeps, SessionOwner } from './ports.ts'
import { Session } from './session.ts'
import { jitter } from './timers.ts'
import type { Connect, Transport } from './transport.ts'

export type { FsmState } from './fsm.ts'
export type { Negotiated, PeerConfig } from './negotiate.ts'
export type { DownReason, PeerCounters } from './ports.ts'

/** What the speaker hears of a neighbour. onEstablished and onDown come in pairs. */
export interface PeerHandler {
  onEstablished(peer: Peer, negotiated: Negotiated): void
  /** The view is valid during the call; outcome OK, ATTRIBUTE_DISCARD or TREAT_AS_WITHDRAW. */
  onUpdate(peer: Peer, view: UpdateView): void
  onEndOfRib(peer: Peer, family: Family): void
  onRouteRefresh(peer: Peer, family: Family, subtype: number): void
  onDown(peer: Peer, reason: DownReason): void
  onWritable(peer: Peer): void
  /**
   * A malformed UPDATE cost the session this family (RFC 7606 §2): its routes must go, no more
   * come. Without this method the session is reset instead.
   */
  onFamilyDisabled?(peer: Peer, family: Family): void
}

export interface PeerDeps {
  clock: Clock
  /** Every line of the neighbour carries its name as `peer`. */
  log: Logger
  handler: PeerHandler
  connect: Connect
  /** 0 … 1, for jitter; Math.random unless a test says otherwise. */
  random?: () => number
}

/** Idle hold time of RFC 4271 §8.1.1: first, and where doubling stops. */
const IDLE_HOLD_MS = 1000
const IDLE_HOLD_MAX_MS = 64_000
/** Of one neighbour at once, those that are being closed included; more are dropped unanswered. */
const MAX_CONNECTIONS = 16
/** A session that lasted so long was no flap. */
const STABLE_MS = 60_000

/** Nobody restarts in less: a connection that comes so soon after another was dialled beside it. */
const RESTART_MS = 5000

export class Peer implements SessionOwner {
  readonly config: PeerConfig
  readonly counters: PeerCounters
  readonly #handler: PeerHandler
  readonly #log: Logger
  readonly #clock: Clock
  readonly #sessionDeps: SessionDeps
  #main: Session
  /** A connection the neighbour dialled while ours was under way. */
  #second: Session | null = null
  #started = false
  #idleHold: Timer | null = null
  /** Falls in a row. */
  #flaps = 0
  #negotiated: Negotiated | null = null
  #lastLogged = ''
  /** Connections not quite gone, the closing ones included. */
  #connections = 0
  #whenClosed: (() => void)[] = []

  constructor(config: PeerConfig, deps: PeerDeps) {
    this.config = config
    this.#handler = deps.handler
    this.#clock = deps.clock
    this.#log = deps.log.child({ peer: config.name })
    this.counters = {
      messagesIn: new Float64Array(256),
      messagesOut: new Float64Array(256),
      treatAsWithdraw: 0,
      attributeDiscard: 0,
      established: 0,
      lastDown: null,
      since: deps.clock.now(),
    }
    this.#sessionDeps = {
      clock: deps.clock,
      log: this.#log,
      connect: (target) => this.#tracked(deps.connect(target)),
      random: deps.random ?? Math.random,
      counters: this.counters,
    }
    this.#main = new Session(config, this, this.#sessionDeps)
  }

  /** Of the session that is furthest. */
  get state(): FsmState {
    const main = FSM_STATES.indexOf(this.#main.state)
    const second = this.#second === null ? 0 : FSM_STATES.indexOf(this.#second.state)
    return FSM_STATES[Math.max(main, second)]!
  }

  /** What both sides agreed on while Established, else null. */
  get negotiated(): Negotiated | null {
    return this.#negotiated
  }

  /** ManualStart; nothing for a neighbour that is configured as shut down. */
  start(): void {
    if (this.#started || this.config.shutdown) return
    this.#started = true
    this.#flaps = 0
    const { passive } = this.config
    this.#main.dispatch(passive ? FsmEvent.MANUAL_START_PASSIVE : FsmEvent.MANUAL_START)
  }

  /**
   * ManualStop with this NOTIFICATION, then Idle until start(). Code 0 sends none: the neighbour
   * sees TCP close, as a graceful restart of ours wants it (RFC 4724 §4.1). `hard`: no routes are
   * to be kept over it (RFC 8538 §3). The text goes where the subcode has room for it (RFC 9003).
   */
  stop(code: number, subcode: number, text = '', hard = false): void {
    this.#started = false
    this.#idleHold?.cancel()
    this.#idleHold = null
    this.#stopSessions(FsmEvent.MANUAL_STOP, { code, subcode, text, hard })
  }

  /** Cease, then another start after the idle hold time. */
  reset(subcode: number = CeaseError.ADMINISTRATIVE_RESET, text = ''): void {
    const cease = { code: ErrorCode.CEASE, subcode, text, hard: false }
    this.#stopSessions(FsmEvent.AUTOMATIC_STOP, cease)
  }

  /** Fulfilled when every connection of this neighbour is gone and its NOTIFICATION flushed. */
  whenClosed(): Promise<void> {
    if (this.#connections === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenClosed.push(resolve))
  }

  /** A connection from the neighbour's address (RFC 4271 §6.8 with §8.2.2). */
  accept(transport: Transport): void {
    this.#tracked(transport)
    if (this.#connections > MAX_CONNECTIONS) {
      transport.destroy()
      return
    }
    const refusal = this.#refusal()
    if (refusal !== 0) {
      this.#log.info({ reason: refusal, state: this.state }, 'connection refused')
      refuseConnection(transport, refusal)
      return
    }
    if (this.#main.state === 'Idle') {
      // The neighbour pays for this attempt: no reason to wait for our idle hold timer.
      this.#idleHold?.cancel()
      this.#idleHold = null
      this.#main.dispatch(FsmEvent.AUTOMATIC_START_PASSIVE)
    }
    if (this.#main.state === 'Active') {
      this.#main.take(transport)
      return
    }
    // Whoever dials again has given up what it dialled before.
    this.#second?.dispatch(FsmEvent.OPEN_COLLISION_DUMP)
    const second = new Session(this.config, this, this.#sessionDeps)
    this.#second = second
    second.dispatch(FsmEvent.AUTOMATIC_START_PASSIVE)
    second.take(transport)
  }

  /** Copies one message; false above the high-water mark (onWritable comes) or when down. */
  write(buf: Uint8Array, at: number, end: number): boolean {
    return this.#main.state === 'Established' && this.#main.write(buf, at, end)
  }

  /** RFC 2918 §4; nothing if the neighbour did not offer it. */
  sendRouteRefresh(family: Family): void {
    if (!this.#negotiated?.routeRefresh) return
    const message = encodeRouteRefresh(family)
    this.write(message, 0, message.length)
  }

  // ── SessionOwner ──

  onOpen(session: Session, n: Negotiated): boolean {
    const other = session === this.#main ? this.#second : this.#main
    if (other === null) return true
    if (other.state === 'Established' && this.#mayReplace(other)) {
      // Both dialled at once, and one side was quicker than the other: nobody restarted.
      other.replaced(this.#clock.now() - this.counters.since < RESTART_MS)
      return true
    }
    const verdict = resolveCollision(
      { state: session.state, dialled: session.dialled },
      { state: other.state, dialled: other.dialled },
      {
        localRouterId: this.config.routerId,
        localAs: this.config.localAs,
        remoteRouterId: n.remoteRouterId,
        remoteAs: n.remoteAs,
      },
    )
    if (verdict === 'close arriving') session.dispatch(FsmEvent.OPEN_COLLISION_DUMP)
    else if (verdict === 'close other') other.dispatch(FsmEvent.OPEN_COLLISION_DUMP)
    return verdict !== 'close arriving'
  }

  onUp(session: Session, n: Negotiated): void {
    const other = session === this.#main ? this.#second : this.#main
    this.#second = null
    this.#main = session
    other?.dispatch(FsmEvent.OPEN_COLLISION_DUMP)
    this.#negotiated = n
    this.counters.established++
    this.counters.since = this.#clock.now()
    this.#lastLogged = ''
    this.#log.info(
      {
        families: n.families.map((family) => familySpec(family).name),
        holdTime: n.holdTime,
        routerId: dotted(n.remoteRouterId),
        dialled: session.dialled,
      },
      'session established',
    )
    this.#handler.onEstablished(this, n)
  }

  onDown(_session: Session, reason: DownReason): void {
    if (this.#clock.now() - this.counters.since >= STABLE_MS) this.#flaps = 0
    this.#negotiated = null
    this.counters.since = this.#clock.now()
    this.counters.lastDown = reason
    this.#lastLogged = reason.text
    this.#log.warn({ ...reason }, 'session down')
    this.#handler.onDown(this, reason)
  }

  onFell(session: Session, reason: DownReason): void {
    if (session === this.#main) this.#onMainFell(reason)
    else if (session === this.#second) {
      this.#second = null
      this.#note(reason)
      session.dispatch(FsmEvent.OPEN_COLLISION_DUMP)
    }
  }

  onUpdate(_session: Session, view: UpdateView): void {
    this.#handler.onUpdate(this, view)
  }

  onEndOfRib(_session: Session, family: Family): void {
    this.#handler.onEndOfRib(this, family)
  }

  onFamilyDisabled(_session: Session, family: Family): boolean {
    if (this.#handler.onFamilyDisabled === undefined) return false
    this.#handler.onFamilyDisabled(this, family)
    return true
  }

  onRouteRefresh(_session: Session, family: Family, subtype: number): void {
    this.#handler.onRouteRefresh(this, family, subtype)
  }

  onWritable(_session: Session): void {
    this.#handler.onWritable(this)
  }

  // ── inside ──

  #onMainFell(reason: DownReason): void {
    this.#note(reason)
    const fallen = this.#main
    if (this.#second !== null) {
      this.#main = this.#second
      this.#second = null
      fallen.dispatch(FsmEvent.OPEN_COLLISION_DUMP) // out of Active, where its timer ran
    } else if (fallen.state === 'Idle' && this.#started) {
      this.#holdIdle()
    }
  }

  /** Restarts after the idle hold time, which doubles with every fall in a row. */
  #holdIdle(): void {
    this.#idleHold?.cancel()
    const ms = Math.min(IDLE_HOLD_MS * 2 ** this.#flaps, IDLE_HOLD_MAX_MS)
    this.#flaps++
    this.#idleHold = this.#clock.after(jitter(ms, this.#sessionDeps.random), () => {
      this.#idleHold = null
      const { passive } = this.config
      this.#main.dispatch(passive ? FsmEvent.AUTOMATIC_START_PASSIVE : FsmEvent.AUTOMATIC_START)
    })
  }

  /** The Cease subcode a new connection is refused with, 0 if it is welcome. */
  #refusal(): number {
    if (!this.#started) return CeaseError.CONNECTION_REJECTED
    const { state } = this.#main
    if (state === 'Established') {
      return this.#mayReplace(this.#main) ? 0 : CeaseError.CONNECTION_COLLISION_RESOLUTION
    }
    // RFC 4271 §8.2.2 refuses everything while Idle; we do once the back-off is at its longest.
    const persistent = IDLE_HOLD_MS * 2 ** this.#flaps > IDLE_HOLD_MAX_MS
    return state === 'Idle' && persistent ? CeaseError.CONNECTION_REJECTED : 0
  }

  /** RFC 4724 §4.2: with graceful restart a new connection's OPEN ends the old session. */
  #mayReplace(established: Session): boolean {
    return this.config.gracefulRestart !== null && established.negotiated?.gracefulRestart != null
  }

  #stopSessions(event: FsmEvent, cease: Cease): void {
    this.#second?.stop(event, cease)
    this.#main.stop(event, cease)
  }

  /** Keeps why an attempt failed, and logs it when it is news. */
  #note(reason: DownReason): void {
    const fields = { ...reason }
    if (reason.collision && reason.direction === 'sent') {
      this.#log.debug(fields, 'connection collision')
      return
    }
    this.counters.lastDown = reason
    if (reason.text === this.#lastLogged) this.#log.debug(fields, 'attempt failed')
    else this.#log.info(fields, 'attempt failed')
    this.#lastLogged = reason.text
  }

  #tracked(transport: Transport): Transport {
    this.#connections++
    transport.whenGone(() => {
      this.#connections--
      if (this.#connections > 0) return
      for (const resolve of this.#whenClosed) resolve()
      this.#whenClosed = []
    })
    return transport
  }
}
