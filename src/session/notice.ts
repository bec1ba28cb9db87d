/** Which NOTIFICATION says what: the Cease of a stop, and the event an error stands for. */
import { hardResetData, shutdownData } from '../wire/notification.ts'
import { CeaseError, ErrorCode, errorName } from '../wire/registry.ts'
import { FsmEvent } from './fsm.ts'

/** How a session is to be stopped; code 0: without a NOTIFICATION. */
export interface Cease {
  code: number
  subcode: number
  /** For the neighbour's operator (RFC 9003), where the subcode has room for it. */
  text: string
}

export interface Notice {
  code: number
  subcode: number
  data: Uint8Array
  /** For the log. */
  text: string
}

/**
 * The NOTIFICATION of a stop. A hard reset is an administrative shutdown that must not be taken
 * for a graceful restart: wrapped in 6/9 where both sides speak RFC 8538, else a plain 6/2.
 */
export function ceaseNotice(cease: Cease, notificationRestart: boolean): Notice {
  const { code, text } = cease
  const hard = code === ErrorCode.CEASE && cease.subcode === CeaseError.HARD_RESET
  const subcode = hard ? CeaseError.ADMINISTRATIVE_SHUTDOWN : cease.subcode
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
