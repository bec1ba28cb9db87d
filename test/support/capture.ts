/**
 * Capture files by hand: TCP segments in IPv4 or IPv6, in the link layers a capture may have, in
 * pcap and pcapng. Checksums are left out: nothing here looks at them. Nothing of the code under test.
 */
import { address, u8, u16be, u32be } from './builder.ts'
import { concat } from './hex.ts'

export const SYN = 2
export const FIN = 1
export const RST = 4
const ACK = 0x10

export interface Packet {
  from?: string
  to?: string
  fromPort?: number
  toPort?: number
  seq: number
  flags?: number
  payload?: Uint8Array
}

/** The segment in its IP packet. */
export function ipPacket({
  from = '192.0.2.1',
  to = '192.0.2.2',
  fromPort = 50000,
  toPort = 179,
  seq,
  flags = 0,
  payload = new Uint8Array(0),
}: Packet): Uint8Array {
  const tcp = concat(
    u16be(fromPort, toPort),
    u32be(seq >>> 0, 0),
    u8(5 << 4, flags | ACK),
    u16be(65535, 0, 0),
    payload,
  )
  return from.includes(':') ? ipv6(6, from, to, tcp) : ipv4(6, from, to, tcp)
}

export function ipv4(protocol: number, from: string, to: string, body: Uint8Array): Uint8Array {
  const head = [u8(0x45, 0), u16be(20 + body.length, 0, 0), u8(64, protocol), u16be(0)]
  return concat(...head, address(from), address(to), body)
}

export function ipv6(next: number, from: string, to: string, body: Uint8Array): Uint8Array {
  const head = [u8(0x60, 0, 0, 0), u16be(body.length), u8(next, 64)]
  return concat(...head, address(from), address(to), body)
}

const MACS = new Uint8Array(12)
const etherType = (packet: Uint8Array) => u16be(packet[0]! >>> 4 === 4 ? 0x0800 : 0x86dd)

/** By link type, the octets before an IP packet. */
export const LINKS = {
  ethernet: { type: 1, frame: (ip: Uint8Array) => concat(MACS, etherType(ip), ip) },
  vlan: { type: 1, frame: (ip: Uint8Array) => concat(MACS, u16be(0x8100, 7), etherType(ip), ip) },
  cooked: { type: 113, frame: (ip: Uint8Array) => concat(new Uint8Array(14), etherType(ip), ip) },
  'cooked 2': {
    type: 276,
    frame: (ip: Uint8Array) => concat(etherType(ip), new Uint8Array(18), ip),
  },
  raw: { type: 101, frame: (ip: Uint8Array) => ip },
  loopback: { type: 0, frame: (ip: Uint8Array) => concat(u8(2, 0, 0, 0), ip) },
}

/** 32-bit values in the octet order of a little-endian machine. */
const u32le = (...values: number[]) => concat(...values.map((v) => u32be(v).reverse()))
const u16le = (...values: number[]) => concat(...values.map((v) => u16be(v).reverse()))

export interface PcapOptions {
  littleEndian?: boolean
  nanoseconds?: boolean
  linkType?: number
}

/** Packet k was captured k seconds and 5 microseconds after 2026-01-02 03:04:05 UTC. */
export function pcap(frames: Uint8Array[], options: PcapOptions = {}): Uint8Array {
  const { littleEndian = false, nanoseconds = false, linkType = 1 } = options
  const [w, h] = littleEndian ? [u32le, u16le] : [u32be, u16be]
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4
  const parts = [w(magic), h(2, 4), w(0, 0, 262144, linkType)]
  frames.forEach((frame, k) => {
    const fraction = nanoseconds ? 5000 : 5
    parts.push(w(1767323045 + k, fraction, frame.length, frame.length), frame)
  })
  return concat(...parts)
}

/** A section with one interface, nanosecond times, the first packet in a simple packet block. */
export function pcapng(frames: Uint8Array[], options: PcapOptions = {}): Uint8Array {
  const { littleEndian = true, linkType = 1 } = options
  const [w, h] = littleEndian ? [u32le, u16le] : [u32be, u16be]
  const block = (type: number, body: Uint8Array) => {
    const padded = concat(body, new Uint8Array(-body.length & 3))
    return concat(w(type, padded.length + 12), padded, w(padded.length + 12))
  }
  const tsresol = concat(h(9, 1), u8(9, 0, 0, 0), h(0, 0))
  const parts = [
    block(0x0a0d0d0a, concat(w(0x1a2b3c4d), h(1, 0), w(0xffffffff, 0xffffffff))),
    block(1, concat(h(linkType, 0), w(0), tsresol)),
    block(5, new Uint8Array(12)),
  ]
  frames.forEach((frame, k) => {
    const length = [frame.length, frame.length]
    const ticks = (1767323045n + BigInt(k)) * 1_000_000_000n + 5000n
    const time = [Number(ticks >> 32n), Number(ticks & 0xffffffffn)]
    if (k === 0) parts.push(block(3, concat(w(frame.length), frame)))
    else parts.push(block(6, concat(w(0, ...time, ...length), frame)))
  })
  return concat(...parts)
}

/** A conversation cut into segments of `size` octets, with its handshake and its end. */
export function conversation(
  messages: Uint8Array[],
  { size = 1000, ...ends }: { size?: number } & Omit<Packet, 'seq'> = {},
): Packet[] {
  const octets = concat(...messages)
  // close to where sequence numbers begin again
  const start = 0xfffffff0
  const packets: Packet[] = [{ ...ends, seq: start, flags: SYN }]
  let seq = start + 1
  for (let at = 0; at < octets.length; at += size) {
    const payload = octets.slice(at, at + size)
    packets.push({ ...ends, seq, payload })
    seq += payload.length
  }
  packets.push({ ...ends, seq, flags: FIN })
  return packets
}
