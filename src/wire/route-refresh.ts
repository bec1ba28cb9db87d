/**
 * ROUTE-REFRESH (RFC 2918) with the subtypes that mark begin and end of a refresh (RFC 7313).
 * AFI(2) subtype(1) SAFI(1)
 */
import { SmartBuffer } from 'smart-buffer'
import { u16 } from '../base/bytes.ts'
import { BgpError } from './error.ts'
import { encodeMessage } from './message.ts'
import {
  ErrorCode,
  type Family,
  familyOf,
  familySpec,
  HEADER_LENGTH,
  MessageType,
  RouteRefreshError,
} from './registry.ts'

/** Message subtypes (RFC 7313 §3.2). */
export const RefreshSubtype = { REQUEST: 0, BEGIN: 1, END: 2 } as const

/** A received ROUTE-REFRESH; family 0: not one of ours. */
export interface RouteRefresh {
  family: Family | 0
  afi: number
  safi: number
  subtype: number
}

const BODY_LENGTH = 4

/**
 * Decodes the body. A request with route filters behind it (RFC 5291, never offered here) is a
 * plain request; a begin or end of another length is 7/1 with the message (RFC 7313 §5).
 */
export function decodeRouteRefresh(buf: Uint8Array, at: number, end: number): RouteRefresh {
  const length = end - at
  const isMark = length > 2 && buf[at + 2] !== RefreshSubtype.REQUEST
  if (length < BODY_LENGTH || (isMark && length > BODY_LENGTH)) {
    throw new BgpError(
      ErrorCode.ROUTE_REFRESH_MESSAGE,
      RouteRefreshError.INVALID_MESSAGE_LENGTH,
      `ROUTE-REFRESH of ${HEADER_LENGTH + length} octets, expected ${HEADER_LENGTH + BODY_LENGTH}`,
      encodeMessage(MessageType.ROUTE_REFRESH, buf.slice(at, end)),
    )
  }
  const afi = u16(buf, at)
  const safi = buf[at + 3]!
  return { family: familyOf(afi, safi), afi, safi, subtype: buf[at + 2]! }
}

/** A whole ROUTE-REFRESH message (RFC 2918 §3). */
export function encodeRouteRefresh(
  family: Family,
  subtype: number = RefreshSubtype.REQUEST,
): Uint8Array {
  const { afi, safi } = familySpec(family)
  const body = SmartBuffer.fromSize(BODY_LENGTH)
  body.writeUInt16BE(afi)
  body.writeUInt8(subtype)
  body.writeUInt8(safi)
  return encodeMessage(MessageType.ROUTE_REFRESH, body.toBuffer())
}
