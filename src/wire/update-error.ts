/** The BgpError of a view whose outcome ends the session: what the NOTIFICATION must carry. */
import { BgpError } from './error.ts'
import {
  AttrFlag,
  attrName,
  ErrorCode,
  EXPECTED_FLAGS,
  HEADER_LENGTH,
  MAX_MESSAGE,
  UpdateError,
} from './registry.ts'
import { reasonText, UpdateReason } from './update-reason.ts'
import type { UpdateView } from './update-view.ts'

/** What fits into a NOTIFICATION of 4096 octets behind header, code and subcode. */
const MAX_DATA = MAX_MESSAGE - HEADER_LENGTH - 2

/**
 * Error code 3, the view's subcode, and the data RFC 4271 §6.3 asks for: the attribute (type,
 * length and value) or, where one is missing, its type. Called once a session reset, so it may
 * allocate.
 */
export function errorOf(view: UpdateView): BgpError {
  return new BgpError(ErrorCode.UPDATE_MESSAGE, view.errorSubcode, textOf(view), dataOf(view))
}

function textOf(view: UpdateView): string {
  if (view.errorAttr === 0) return reasonText(view.reason)
  const name = attrName(view.errorAttr)
  if (view.reason !== UpdateReason.FLAGS) return `${name}: ${reasonText(view.reason)}`
  const flags = view.buf[view.errorAt]! & (AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE)
  return `${name} flags ${hex(flags)}, expected ${hex(EXPECTED_FLAGS[view.errorAttr]!)}`
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`
}

function dataOf(view: UpdateView): Uint8Array {
  switch (view.errorSubcode) {
    case UpdateError.MISSING_WELL_KNOWN_ATTRIBUTE:
      return Uint8Array.of(view.errorAttr)
    case UpdateError.MALFORMED_ATTRIBUTE_LIST:
    case UpdateError.MALFORMED_AS_PATH:
    case UpdateError.INVALID_NETWORK_FIELD:
      return new Uint8Array(0)
    default:
      return view.buf.slice(view.errorAt, Math.min(view.errorEnd, view.errorAt + MAX_DATA))
  }
}
