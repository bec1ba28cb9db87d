/** Messages as an MRT file: BGP4MP_MESSAGE_AS4 records (RFC 6396 §4.4.3). Nothing of src/. */

const BGP4MP = 16
const MESSAGE_AS4 = 4
/** Timestamp, type, subtype, length; then two AS numbers, interface, AFI, two IPv4 addresses. */
const COMMON_HEADER = 12
const BGP4MP_HEADER = 20

/** One record a message, all from AS 65001 at 192.0.2.1 to AS 65000 at 192.0.2.2. */
export function mrtOf(messages: Uint8Array[]): Buffer {
  const octets = messages.reduce((sum, { length }) => sum + length, 0)
  const out = Buffer.alloc(octets + messages.length * (COMMON_HEADER + BGP4MP_HEADER))
  let at = 0
  const u16 = (value: number) => {
    at = out.writeUInt16BE(value, at)
  }
  const u32 = (value: number) => {
    at = out.writeUInt32BE(value, at)
  }
  for (const message of messages) {
    u32(1_700_000_000)
    u16(BGP4MP)
    u16(MESSAGE_AS4)
    u32(BGP4MP_HEADER + message.length)
    u32(65001)
    u32(65000)
    u16(0)
    u16(1)
    u32(0xc0000201)
    u32(0xc0000202)
    out.set(message, at)
    at += message.length
  }
  return out
}
