/**
 * One connection's life with a neighbour: runs the actions of fsm.ts against transport and timers,
 * turns messages into events, hands routes up. peer.ts owns one, two during a collision.
 */
import { BgpError } from '../wire/error.ts'
import { Framer, type FrameSink } from '../wire/framer.ts'
import { decodeNotification, encodeNotification, KEEPALIVE } from '../wire/notification.ts'
import { decodeOpen, encodeOpen } from '../wire/open.ts'
import {
  CeaseError,
  ErrorCode,
  errorName,
  familySpec,
  MAX_MESSAGE,
  MessageType,
  OpenError,
  Outcome,
} from '../wire/registry.ts'
import { decodeRouteRefresh, RefreshSubtype } from '../wire/route-refresh.ts'
import { errorOf } from '../wire/update-error.ts'
import { parseUpdate } from '../wire/update-parser.ts'
import { reasonText } from '../wire/update-reason.ts'
import { UpdateView } from '../wire/update-view.ts'
import { type Action, eventName, FsmEvent, type FsmState, fsmErrorSubcode, step } from './fsm.ts'
import { type Negotiated, negotiate, openOf, type PeerConfig } from './negotiate.ts'
import { type Cease, ceaseNotice, downReason, errorEvent, familyToDisable } from './notice.ts'
import type { DownReason, SessionDeps, SessionOwner } from './ports.ts'
import { SessionTimers, sendHoldSeconds } from './timers.ts'
import type { Transport, TransportHandler } from './transport.ts'

/** RFC 4271 §8.2.2: "a large value", suggested 4 minutes. */
const OPEN_HOLD_MS = 240_000
const NO_DATA: Uint8Array = new Uint8Array(0)

export class Session implements TransportHandler, FrameSink {
  state: FsmState = 'Idle'
  /** We dialled the present connection; otherwise the neighbour did. */
  dialled = false
  negotiated: Negotiated | null = null

  readonly #config: PeerConfig
  readonly #deps: SessionDeps
  readonly #owner: SessionOwner
  readonly #framer: Framer
  readonly #view = new UpdateView()
  readonly #timers: SessionTimers
  #transport: Transport | null = null
  /** Why we are about to fall; what the next NOTIFICATION says. */
  #reason = downReason(null, 'local', 0, 0, '')
  #error: BgpError | null = null
  /** Clock.now() of the last read: one look at the clock a chunk, not a message. */
  #readAt = 0
  /** Between the actions up and down. */
  #isUp = false
  #cease: Cease = { code: 0, subcode: 0, text: '', hard: false }

  constructor(config: PeerConfig, owner: SessionOwner, deps: SessionDeps) {
    this.#config = config
    this.#owner = owner
    this.#deps = deps
    this.#framer = new Framer(this)
    this.#timers = new SessionTimers(deps.clock, deps.random, {
      connectRetry: () => this.dispatch(FsmEvent.CONNECT_RETRY_TIMER_EXPIRES),
      hold: () => this.dispatch(FsmEvent.HOLD_TIMER_EXPIRES),
      keepalive: () => this.dispatch(FsmEvent.KEEPALIVE_TIMER_EXPIRES),
      sendHold: () => this.#onSendHold(),
    })
  }

  // ── what peer.ts calls ──

  /** Runs one step of the state machine. */
  dispatch(event: FsmEvent): void {
    const from = this.state
    const { next, actions } = step(from, event)
    this.state = next
    if (from !== next) this.#deps.log.debug({ from, to: next, event: eventName(event) }, 'state')
    for (const action of actions) this.#actions[action](from)
    const fell = next === 'Idle' || (next === 'Active' && from !== 'Idle' && from !== 'Active')
    if (fell && from !== 'Idle') this.#owner.onFell(this, this.#reason)
  }

  /** Goes on with a connection the neighbour dialled. */
  take(transport: Transport): void {
    this.dialled = false
    this.#transport = transport
    transport.open(this)
    this.dispatch(FsmEvent.TCP_CONNECTION_CONFIRMED)
  }

  /** Ends the session with a NOTIFICATION, or without one if code is 0. */
  stop(event: FsmEvent, cease: Cease): void {
    this.#cease = cease
    this.#reason = this.#reasonFor('local', 0, 0, cease.text || 'stopped')
    this.dispatch(event)
  }

  /** RFC 4724 §4.2: the neighbour came by a new connection; this one is as good as lost. */
  replaced(collision: boolean): void {
    const text = 'replaced by a new connection of the neighbour'
    this.#reason = { ...this.#reasonFor('tcp', 0, 0, text), collision }
    this.dispatch(FsmEvent.TCP_CONNECTION_FAILS)
  }

  /** Copies one message; false above the high-water mark. */
  write(buf: Uint8Array, at: number, end: number): boolean {
    const transport = this.#transport
    if (transport === null) return false
    if (transport.unsent === 0) this.#timers.sendHold.touch()
    const out = this.#deps.counters.messagesOut
    out[0]!++
    out[buf[at + 18]!]!++
    this.#timers.keepalive.touch()
    return transport.write(buf, at, end)
  }

  // ── TransportHandler ──

  onConnect(): void {
    this.dispatch(FsmEvent.TCP_CR_ACKED)
  }

  /**
   * Nothing the neighbour sends may throw past here: what is not a BgpError is a bug of ours, told
   * in the log, and costs this neighbour its session, not the daemon.
   */
  onData(chunk: Uint8Array): void {
    this.#readAt = this.#deps.clock.now()
    try {
      this.#framer.push(chunk)
    } catch (error) {
      this.#onError(error)
    }
  }

  onFlushed(): void {
    this.#timers.sendHold.touch()
  }

  onWritable(): void {
    if (this.state === 'Established') this.#owner.onWritable(this)
  }

  onClose(error: Error | null): void {
    const text = error === null ? 'connection closed by the neighbour' : error.message
    this.#reason = this.#reasonFor('tcp', 0, 0, text)
    this.dispatch(FsmEvent.TCP_CONNECTION_FAILS)
  }

  // ── FrameSink ──

  onMessage(type: number, buf: Uint8Array, at: number, end: number): void {
    const into = this.#deps.counters.messagesIn
    into[0]!++
    into[type]!++
    switch (type) {
      case MessageType.UPDATE:
        this.#onUpdate(buf, at, end)
        break
      case MessageType.KEEPALIVE:
        this.dispatch(FsmEvent.KEEPALIVE_MSG)
        break
      case MessageType.OPEN:
        this.#onOpen(buf, at, end)
        break
      case MessageType.NOTIFICATION:
        this.#onNotification(buf, at, end)
        break
      case MessageType.ROUTE_REFRESH:
        this.#onRouteRefresh(buf, at, end)
        break
    }
  }

  #onUpdate(buf: Uint8Array, at: number, end: number): void {
    if (this.state !== 'Established') {
      this.dispatch(FsmEvent.UPDATE_MSG)
      return
    }
    const view = this.#view
    const outcome = parseUpdate(view, buf, at, end, this.negotiated!.update)
    if (outcome >= Outcome.AFI_SAFI_DISABLE) {
      if (outcome === Outcome.AFI_SAFI_DISABLE && this.#disableFamily()) return
      this.#onError(errorOf(view))
      return
    }
    this.dispatch(FsmEvent.UPDATE_MSG)
    if (outcome === Outcome.TREAT_AS_WITHDRAW) this.#deps.counters.treatAsWithdraw++
    else if (outcome === Outcome.ATTRIBUTE_DISCARD) this.#deps.counters.attributeDiscard++
    if (view.endOfRib !== 0) this.#owner.onEndOfRib(this, view.endOfRib)
    else this.#owner.onUpdate(this, view)
  }

  /** RFC 7606 §2 "AFI/SAFI disable", where it can be done. */
  #disableFamily(): boolean {
    const n = this.negotiated!
    const view = this.#view
    const family = familyToDisable(view, n.families.length)
    if (family === 0 || !this.#owner.onFamilyDisabled(this, family)) return false
    n.families = n.families.filter((f) => f !== family)
    n.update.families &= ~(1 << family)
    const { name } = familySpec(family)
    this.#deps.log.warn(
      { family: name, reason: reasonText(view.reason) },
      'malformed update: address family disabled',
    )
    this.dispatch(FsmEvent.UPDATE_MSG)
    return true
  }

  #onOpen(buf: Uint8Array, at: number, end: number): void {
    if (this.state === 'OpenSent') {
      const transport = this.#transport!
      const open = decodeOpen(buf, at, end)
      const { localAddress, remoteAddress } = transport
      const negotiated = negotiate(this.#config, open, localAddress, remoteAddress)
      this.negotiated = negotiated
      this.#framer.maxLength = negotiated.maxLength
      if (!this.#owner.onOpen(this, negotiated)) return
    }
    this.dispatch(FsmEvent.BGP_OPEN)
  }

  #onNotification(buf: Uint8Array, at: number, end: number): void {
    const { code, subcode, text } = decodeNotification(buf, at, end)
    const what = errorName(code, subcode) + (text === undefined ? '' : `: ${text}`)
    this.#reason = this.#reasonFor('received', code, subcode, what)
    const version =
      code === ErrorCode.OPEN_MESSAGE && subcode === OpenError.UNSUPPORTED_VERSION_NUMBER
    this.dispatch(version ? FsmEvent.NOTIF_MSG_VER_ERR : FsmEvent.NOTIF_MSG)
  }

  #onRouteRefresh(buf: Uint8Array, at: number, end: number): void {
    if (this.state !== 'Established') {
      this.dispatch(FsmEvent.ROUTE_REFRESH_MSG)
      return
    }
    const { family, subtype } = decodeRouteRefresh(buf, at, end)
    this.dispatch(FsmEvent.ROUTE_REFRESH_MSG)
    // RFC 2918 §4: a family that was not negotiated is ignored; RFC 7313's marks were not offered.
    if (family === 0 || !this.negotiated!.families.includes(family)) return
    if (subtype === RefreshSubtype.REQUEST) this.#owner.onRouteRefresh(this, family, subtype)
  }

  #onError(error: unknown): void {
    if (error instanceof BgpError) {
      this.#error = error
    } else {
      const stack = error instanceof Error ? error.stack : String(error)
      this.#deps.log.error({ error: stack }, 'internal error while reading from the neighbour')
      this.#error = new BgpError(ErrorCode.CEASE, CeaseError.OUT_OF_RESOURCES, 'internal error')
    }
    this.dispatch(errorEvent(this.#error.code))
  }

  #onSendHold(): void {
    if (this.#transport?.unsent === 0) this.#timers.sendHold.start(this.#sendHold() * 1000)
    else this.dispatch(FsmEvent.SEND_HOLD_TIMER_EXPIRES)
  }

  // ── actions of the table ──

  readonly #actions: Record<Action, (from: FsmState) => void> = {
    startConnectRetryTimer: () => {
      if (!this.#config.passive) this.#timers.startConnectRetry(this.#config.connectRetryTime)
    },
    stopConnectRetryTimer: () => this.#timers.connectRetry.stop(),
    connect: () => this.#connect(),
    dropConnection: () => this.#dropConnection(),
    sendOpen: () => this.#send(encodeOpen(openOf(this.#config))),
    startOpenHoldTimer: () => this.#timers.hold.start(OPEN_HOLD_MS),
    startSessionTimers: () =>
      this.#timers.startSession(this.negotiated!.holdTime, this.#sendHold()),
    restartHoldTimer: () => this.#timers.hold.touch(this.#readAt),
    sendKeepalive: () => {
      this.#send(KEEPALIVE)
      this.#timers.startKeepalive(this.negotiated!.keepaliveTime)
    },
    notifyError: () => this.#notifyError(this.#error!),
    notifyHoldTimerExpired: () => this.#notify(ErrorCode.HOLD_TIMER_EXPIRED, 0),
    notifySendHoldTimerExpired: () =>
      this.#notify(ErrorCode.SEND_HOLD_TIMER_EXPIRED, 0, NO_DATA, 'Send Hold Timer Expired'),
    notifyFsmError: (from) => this.#notify(ErrorCode.FINITE_STATE_MACHINE, fsmErrorSubcode(from)),
    notifyCease: () => this.#notifyCease(),
    notifyCollision: () =>
      this.#notify(ErrorCode.CEASE, CeaseError.CONNECTION_COLLISION_RESOLUTION),
    up: () => {
      this.#isUp = true
      this.#owner.onUp(this, this.negotiated!)
    },
    down: () => {
      this.#isUp = false
      this.#owner.onDown(this, this.#reason)
    },
  }

  /** Always the last action of its step: a refusal is the next event already. */
  #connect(): void {
    this.dialled = true
    try {
      this.#transport = this.#deps.connect(this.#config)
      this.#transport.open(this)
    } catch (error) {
      this.onClose(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #dropConnection(): void {
    this.#transport?.close()
    this.#transport = null
    this.#framer.reset()
    this.#framer.maxLength = MAX_MESSAGE
    this.#timers.stopSession()
    this.negotiated = null
  }

  #sendHold(): number {
    return sendHoldSeconds(this.#config.sendHoldTime, this.negotiated!.holdTime)
  }

  #notifyError(error: BgpError): void {
    const text = `${errorName(error.code, error.subcode)}: ${error.message}`
    this.#notify(error.code, error.subcode, error.data, text)
  }

  #notifyCease(): void {
    if (this.#cease.code === 0) return
    const notice = ceaseNotice(this.#cease, this.negotiated?.notificationRestart === true)
    this.#notify(notice.code, notice.subcode, notice.data, notice.text)
  }

  #notify(code: number, subcode: number, data = NO_DATA, text = errorName(code, subcode)): void {
    this.#reason = this.#reasonFor('sent', code, subcode, text)
    this.#send(encodeNotification(code, subcode, data))
  }

  #send(message: Uint8Array): void {
    this.write(message, 0, message.length)
  }

  #reasonFor(direction: DownReason['direction'], code: number, subcode: number, text: string) {
    return downReason(this.#isUp ? this.negotiated : null, direction, code, subcode, text)
  }
}
