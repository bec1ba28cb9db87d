/** Packets of capture files: pcap (libpcap) and pcapng. What is in them is for decode-packet.ts. */
import type { ByteStream } from './decode-bytes.ts'

/** One captured packet, in `buf` of the stream it came from until the next one is read. */
export interface Packet {
  /** From 1, as Wireshark counts. */
  number: number
  /** Of its first octet in the file. */
  offset: number
  linkType: number
  seconds: number
  microseconds: number
  buf: Uint8Array
  at: number
  end: number
}

export type OnPacket = (packet: Packet) => void

/** What ends the reading: not a capture file from here on. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** Longer packets and blocks than this are taken for garbage. */
const MAX_BLOCK = 1 << 24

type Read32 = (buf: Uint8Array, at: number) => number

const big: Read32 = (buf, at) =>
  ((buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!) >>> 0
const little: Read32 = (buf, at) =>
  ((buf[at + 3]! << 24) | (buf[at + 2]! << 16) | (buf[at + 1]! << 8) | buf[at]!) >>> 0
/** A 16-bit field by the reader of 32 bits: of two octets doubled. */
const read16 = (read: Read32, buf: Uint8Array, at: number): number =>
  read === big ? (buf[at]! << 8) | buf[at + 1]! : (buf[at + 1]! << 8) | buf[at]!

async function want(stream: ByteStream, count: number, what: string): Promise<void> {
  if (stream.have >= count || (await stream.fill(count))) return
  const cut = `the file ends after ${stream.have} octets of a ${what} of ${count}`
  throw new CaptureError(stream.offset, cut)
}

const PCAP_HEADER = 24
const PACKET_HEADER = 16
const MAGIC_NANO = 0xa1b23c4d

/** magic(4) version(4) zone(4) accuracy(4) snap length(4) link type(4), then packets. */
export async function readPcap(stream: ByteStream, onPacket: OnPacket): Promise<void> {
  await want(stream, PCAP_HEADER, 'file header')
  const { buf, at } = stream
  const read = buf[at] === 0xa1 ? big : little
  const perMicro = read(buf, at) === MAGIC_NANO ? 1000 : 1
  // the upper bits say how long a frame check sequence is
  const linkType = read(buf, at + 20) & 0xffff
  stream.at += PCAP_HEADER
  for (let number = 1; stream.have > 0 || (await stream.fill(1)); number++) {
    await want(stream, PACKET_HEADER, 'packet header')
    const captured = read(stream.buf, stream.at + 8)
    if (captured > MAX_BLOCK) {
      throw new CaptureError(stream.offset, `packet ${number} has ${captured} octets`)
    }
    await want(stream, PACKET_HEADER + captured, 'packet')
    const { buf, at, offset } = stream
    const end = at + PACKET_HEADER + captured
    onPacket({
      number,
      offset: offset + PACKET_HEADER,
      linkType,
      seconds: read(buf, at),
      microseconds: Math.floor(read(buf, at + 4) / perMicro),
      buf,
      at: at + PACKET_HEADER,
      end,
    })
    stream.at = end
  }
}

const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE = 1
const OLD_PACKET = 2
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6
const BLOCK_MIN = 12

interface Interface {
  linkType: number
  snapLength: number
  /** Units a second of its times, and seconds to add. */
  resolution: number
  offset: number
}

/** type(4) length(4) body… length(4), over and over (draft-ietf-opsawg-pcapng). */
export async function readPcapng(stream: ByteStream, onPacket: OnPacket): Promise<void> {
  let read = little
  let interfaces: Interface[] = []
  let number = 1
  while (stream.have > 0 || (await stream.fill(1))) {
    await want(stream, BLOCK_MIN, 'block')
    const isSection = read(stream.buf, stream.at) === SECTION_HEADER
    if (isSection) {
      read = stream.buf[stream.at + 8] === 0x1a ? big : little
      interfaces = []
    }
    const { offset } = stream
    const length = read(stream.buf, stream.at + 4)
    if (length < BLOCK_MIN || length > MAX_BLOCK || length % 4 !== 0) {
      throw new CaptureError(offset, `a block of ${length} octets, expected 12 to ${MAX_BLOCK}`)
    }
    await want(stream, length, 'block')
    const { buf, at } = stream
    const body = { read, buf, at: at + 8, end: at + length - 4 }
    const type = read(buf, at)
    if (type === INTERFACE) interfaces.push(interfaceOf(body, offset))
    const found = packetOf(type, body, interfaces)
    if (found) onPacket({ ...found, number: number++, offset: offset + found.at - at })
    stream.at = at + length
  }
}

interface Body {
  read: Read32
  buf: Uint8Array
  at: number
  end: number
}

const TIME_RESOLUTION = 9
const TIME_OFFSET = 14

/** link type(2) reserved(2) snap length(4) options: code(2) length(2) value, to a multiple of 4. */
function interfaceOf({ read, buf, at, end }: Body, offset: number): Interface {
  if (end - at < 8) throw new CaptureError(offset, 'an interface block without its fields')
  const found: Interface = {
    linkType: read16(read, buf, at),
    snapLength: read(buf, at + 4),
    resolution: 1e6,
    offset: 0,
  }
  for (let k = at + 8; k + 4 <= end; ) {
    const code = read16(read, buf, k)
    const length = read16(read, buf, k + 2)
    if (code === 0 || k + 4 + length > end) break
    if (code === TIME_RESOLUTION && length >= 1) {
      const power = buf[k + 4]!
      found.resolution = power & 0x80 ? 2 ** (power & 0x7f) : 10 ** power
    }
    if (code === TIME_OFFSET && length >= 8) {
      const [high, low] = read === big ? [k + 4, k + 8] : [k + 8, k + 4]
      found.offset = (read(buf, high) | 0) * 2 ** 32 + read(buf, low)
    }
    k += 4 + length + (-length & 3)
  }
  return found
}

/** The packet of a block, undefined for a block of another kind or one that holds no whole packet. */
function packetOf(
  type: number,
  { read, buf, at, end }: Body,
  interfaces: readonly Interface[],
): Omit<Packet, 'number' | 'offset'> | undefined {
  if (type === SIMPLE_PACKET && end - at >= 4) {
    const from = interfaces[0]
    const length = Math.min(read(buf, at), from?.snapLength || MAX_BLOCK, end - at - 4)
    if (!from) return undefined
    const time = { seconds: 0, microseconds: 0 }
    return { linkType: from.linkType, ...time, buf, at: at + 4, end: at + 4 + length }
  }
  if ((type !== ENHANCED_PACKET && type !== OLD_PACKET) || end - at < 20) return undefined
  const index = type === OLD_PACKET ? read16(read, buf, at) : read(buf, at)
  const from = interfaces[index]
  if (!from) return undefined
  const ticks = read(buf, at + 4) * 2 ** 32 + read(buf, at + 8)
  const seconds = Math.floor(ticks / from.resolution)
  const rest = ticks - seconds * from.resolution
  return {
    linkType: from.linkType,
    seconds: seconds + from.offset,
    microseconds: Math.floor((rest / from.resolution) * 1e6),
    buf,
    at: at + 20,
    end: Math.min(at + 20 + read(buf, at + 12), end),
  }
}
