/**
 * A pcap of one TCP conversation to port 179 for tshark: Ethernet, IPv6, TCP with right sequence
 * numbers and checksums. Nothing of the code under test.
 */
import { u8, u16be, u32be } from './builder.ts'
import { concat } from './hex.ts'

const CLIENT = concat(u16be(0x2001, 0xdb8, 0xffff), new Uint8Array(9), u8(1))
const SERVER = concat(u16be(0x2001, 0xdb8, 0xffff), new Uint8Array(9), u8(2))
const CLIENT_PORT = 49152
const TCP = 6
const TCP_HEADER = 20
const PSH_ACK = 0x18
/** What an IPv6 packet carries behind a TCP header. */
const MAX_SEGMENT = 65535 - TCP_HEADER

/** One packet a message, or several for one that does not fit; packet numbers begin at 1. */
export function pcapOf(messages: Uint8Array[]): Uint8Array {
  // magic, version 2.4, zone, accuracy, snap length, LINKTYPE_ETHERNET
  const parts = [u32be(0xa1b2c3d4), u16be(2, 4), u32be(0, 0, 262144, 1)]
  let seq = 1
  let time = 0
  for (const message of messages) {
    for (let at = 0; at < message.length; at += MAX_SEGMENT) {
      const payload = message.subarray(at, at + MAX_SEGMENT)
      const frame = frameOf(payload, seq)
      parts.push(u32be(time, 0, frame.length, frame.length), frame)
      seq += payload.length
      time++
    }
  }
  return concat(...parts)
}

function frameOf(payload: Uint8Array, seq: number): Uint8Array {
  const ethernet = concat(u8(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1), u16be(0x86dd))
  const length = TCP_HEADER + payload.length
  const ip = concat(u8(0x60, 0, 0, 0), u16be(length), u8(TCP, 64), CLIENT, SERVER)
  const tcp = (checksum: number) =>
    concat(
      u16be(CLIENT_PORT, 179),
      u32be(seq, 1),
      u8(TCP_HEADER << 2, PSH_ACK),
      u16be(65535, checksum, 0),
    )
  const pseudo = concat(CLIENT, SERVER, u32be(length, TCP))
  return concat(ethernet, ip, tcp(checksumOf(concat(pseudo, tcp(0), payload))), payload)
}

/** RFC 1071. */
function checksumOf(octets: Uint8Array): number {
  let sum = 0
  for (let k = 0; k < octets.length; k += 2) sum += (octets[k]! << 8) | (octets[k + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
