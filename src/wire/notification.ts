/**
 * NOTIFICATION (RFC 4271 §4.5): code(1) subcode(1) data, with the two forms of data that carry
 * more: the Shutdown Communication (RFC 9003) and the Hard Reset (RFC 8538).
 */
import { Parser } from 'binary-parser/dist/binary_parser.js'
import { SmartBuffer } from 'smart-buffer'
import { putU16 } from '../base/bytes.ts'
import { BgpError } from './error.ts'
import { encodeMessage, KEEPALIVE } from './message.ts'
import {
  CeaseError,
  ErrorCode,
  errorName,
  HEADER_LENGTH,
  HeaderError,
  MAX_MESSAGE,
  MessageType,
} from './registry.ts'

export { KEEPALIVE }

/** A received NOTIFICATION; text is what the operator at the other end wrote, if anything. */
export interface Notification {
  code: number
  subcode: number
  data: Uint8Array
  text?: string
}

const MAX_DATA = MAX_MESSAGE - HEADER_LENGTH - 2
/** RFC 9003 §2: the length is one octet. */
const MAX_TEXT = 255

const head = new Parser().uint8('code').uint8('subcode').buffer('data', { readUntil: 'eof' })
const communication = new Parser().uint8('len').buffer('text', { length: 'len' })

/**
 * Decodes the body. Nothing in the data can make it throw: an error in a NOTIFICATION is only
 * logged (RFC 4271 §6.4); the framer has seen to the two octets without which it throws 1/2.
 */
export function decodeNotification(buf: Uint8Array, at: number, end: number): Notification {
  if (end - at < 2) throw badLength(end - at)
  const { code, subcode, data } = head.parse(Buffer.from(buf.subarray(at, end)))
  const text = textOf(code, subcode, data)
  const plain = { code, subcode, data: new Uint8Array(data) }
  return text === undefined ? plain : { ...plain, text }
}

function textOf(code: number, subcode: number, data: Uint8Array): string | undefined {
  if (code !== ErrorCode.CEASE) return undefined
  if (subcode === CeaseError.HARD_RESET) return hardResetText(data)
  const carries =
    subcode === CeaseError.ADMINISTRATIVE_SHUTDOWN || subcode === CeaseError.ADMINISTRATIVE_RESET
  return carries ? shutdownText(data) : undefined
}

/** code(1) subcode(1) data of the notification inside a hard reset (RFC 8538 §3). */
function hardResetText(data: Uint8Array): string | undefined {
  if (data.length < 2) return undefined
  const [code, subcode] = [data[0]!, data[1]!]
  const inner = code === ErrorCode.CEASE && subcode === CeaseError.HARD_RESET
  const text = inner ? undefined : textOf(code, subcode, data.subarray(2))
  return errorName(code, subcode) + (text === undefined ? '' : `: ${text}`)
}

/** length(1) UTF-8 (RFC 9003 §2); control characters are dropped, the text goes to a log. */
function shutdownText(data: Uint8Array): string | undefined {
  if (data.length === 0) return undefined
  const { len, text } = communication.parse(Buffer.from(data))
  // binary-parser cuts a text that ends past the data short without a word.
  if (len === 0 || text.length !== len) return undefined
  // U+2028 and U+2029 break lines too; the bidirectional controls reorder what is read.
  return new TextDecoder().decode(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
}

function badLength(bodyLength: number): BgpError {
  const data = new Uint8Array(2)
  putU16(data, 0, HEADER_LENGTH + bodyLength)
  return new BgpError(
    ErrorCode.MESSAGE_HEADER,
    HeaderError.BAD_MESSAGE_LENGTH,
    `NOTIFICATION of ${HEADER_LENGTH + bodyLength} octets, expected at least 21`,
    data,
  )
}

/** A whole NOTIFICATION message; data past what 4096 octets hold is cut (RFC 4271 §4.5). */
export function encodeNotification(
  code: number,
  subcode: number,
  data: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const body = new SmartBuffer()
  body.writeUInt8(code)
  body.writeUInt8(subcode)
  body.writeBuffer(Buffer.from(data.subarray(0, MAX_DATA)))
  return encodeMessage(MessageType.NOTIFICATION, body.toBuffer())
}

/** The data of a Cease 6/2 or 6/4 that says why (RFC 9003 §2); at most 255 octets of UTF-8. */
export function shutdownData(text: string): Uint8Array {
  const utf8 = new Uint8Array(MAX_TEXT)
  // encodeInto never writes half a character.
  const { written } = new TextEncoder().encodeInto(text, utf8)
  return Uint8Array.of(written, ...utf8.subarray(0, written))
}

/** The data of a Hard Reset 6/9 that carries another notification (RFC 8538 §3). */
export function hardResetData(code: number, subcode: number, data: Uint8Array): Uint8Array {
  return Uint8Array.of(code, subcode, ...data)
}
