/** How a session ends: the Cease of a stop, the event an error stands for, what may stay after. */
import { encodeNotification, hardResetData, shutdownData } from '../wire/notification.ts'
import { CeaseError, ErrorCode, errorName, type Family } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'
import { FsmEvent } from './fsm.ts'
import type { Negotiated } from './negotiate.ts'
import type { DownReason } from './ports.ts'
import type { Transport } from './transport.ts'

/** How a session is to be stopped; code 0: without a NOTIFICATION. */
export interface Cease {
  code: number
  subcode: number
  /** For the neighbour's operator (RFC 9003), where the subcode has room for it. */
  text: string
  /** Must not be taken for a graceful restart (RFC 8538 §3). */
  hard: boolean
}

export interface Notice {
  code: number
  subcode: number
  data: Uint8Array
  /** For the log. */
  text: string
}

/** The NOTIFICATION of a stop: a hard one is wrapped in 6/9 where both sides speak RFC 8538. */
export function ceaseNotice(cease: Cease, notificationRestart: boolean): Notice {
  const { code, subcode, text, hard } = cease
  const hasText =
    subcode === CeaseError.ADMINISTRATIVE_SHUTDOWN || subcode === CeaseError.ADMINISTRATIVE_RESET
  const data = hasText && text !== '' ? shutdownData(text) : new Uint8Array(0)
  const name = errorName(code, subcode) + (text === '' ? '' : `: ${text}`)
  if (!hard || !notificationRestart) return { code, subcode, data, text: name }
  const wrapped = hardResetData(code, subcode, data)
  return { code, subcode: CeaseError.HARD_RESET, data: wrapped, text: `hard reset: ${name}` }
}

/** The event of RFC 4271 §8.1 that an error of this NOTIFICATION code is. */
export function errorEvent(code: number): FsmEvent {
  switch (code) {
    case ErrorCode.MESSAGE_HEADER:
      return FsmEvent.BGP_HEADER_ERR
    case ErrorCode.UPDATE_MESSAGE:
      return FsmEvent.UPDATE_MSG_ERR
    case ErrorCode.ROUTE_REFRESH_MESSAGE:
      return FsmEvent.ROUTE_REFRESH_MSG_ERR
    default:
      return FsmEvent.BGP_OPEN_MSG_ERR
  }
}

/** RFC 4271 §6.8: another connection with the neighbour goes on. */
function isCollision(code: number, subcode: number): boolean {
  return code === ErrorCode.CEASE && subcode === CeaseError.CONNECTION_COLLISION_RESOLUTION
}

/**
 * Whether the routes of an Established session that ends so may be kept as stale: both sides do
 * graceful restart for a common family, and TCP was lost (RFC 4724 §4.2) or, where both sides set
 * the N bit, any NOTIFICATION but a hard reset ended it (RFC 8538 §4). A session that was up on
 * one side when the other closed it for another connection counts as lost TCP.
 */
function mayHelp(
  negotiated: Negotiated | null,
  direction: DownReason['direction'],
  code: number,
  subcode: number,
): boolean {
  if (negotiated === null || negotiated.retention.length === 0) return false
  if (direction === 'tcp' || isCollision(code, subcode)) return true
  const hard = code === ErrorCode.CEASE && subcode === CeaseError.HARD_RESET
  return direction !== 'local' && negotiated.notificationRestart && !hard
}

/** Why a session ends or a connection failed; `negotiated` where it was Established. */
export function downReason(
  negotiated: Negotiated | null,
  direction: DownReason['direction'],
  code: number,
  subcode: number,
  text: string,
): DownReason {
  const helper = mayHelp(negotiated, direction, code, subcode)
  return { text, direction, code, subcode, helper, collision: isCollision(code, subcode) }
}

/**
 * The family that a malformed UPDATE costs while the session goes on (RFC 7606 §2), 0: the reset
 * is the only way, because no other family is left or the message speaks of another one too.
 */
export function familyToDisable(view: UpdateView, negotiatedCount: number): Family | 0 {
  const family = view.reachFamily || view.unreachFamily
  if (negotiatedCount < 2) return 0
  if (view.unreachFamily !== 0 && view.unreachFamily !== family) return 0
  if (view.withdrawnAt < view.withdrawnEnd || view.nlriAt < view.nlriEnd) return 0
  return family
}

/** Says why and closes (RFC 4486). */
export function refuseConnection(transport: Transport, subcode: number): void {
  const message = encodeNotification(ErrorCode.CEASE, subcode)
  transport.write(message, 0, message.length)
  transport.close()
}
