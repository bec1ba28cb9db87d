/**
 * The 19-octet message header around a body (RFC 4271 §4.1), for the messages that are written
 * rarely: OPEN, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH. UPDATEs have update-packer.ts.
 */
import { SmartBuffer } from 'smart-buffer'
import { HEADER_LENGTH, MessageType } from './registry.ts'

/** A whole message: marker, length, type, body. */
export function encodeMessage(type: number, body: Uint8Array): Uint8Array {
  const out = SmartBuffer.fromSize(HEADER_LENGTH + body.length)
  out.writeBuffer(Buffer.alloc(16, 0xff))
  out.writeUInt16BE(HEADER_LENGTH + body.length)
  out.writeUInt8(type)
  out.writeBuffer(Buffer.from(body))
  return new Uint8Array(out.toBuffer())
}

/** RFC 4271 §4.4: nothing but the header. */
export const KEEPALIVE: Uint8Array = encodeMessage(MessageType.KEEPALIVE, new Uint8Array(0))
