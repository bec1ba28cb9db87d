/**
 * Seeded streams of UPDATE messages, the same octets on every machine:
 *
 *   a   IPv4 unicast, prefix lengths as in the default-free zone, about 5 prefixes an attribute set
 *   b   VPNv4 with RD, route target and an SRv6 Prefix-SID (End.DT46, 32/16/16/0, transposed)
 *   c   VPNv6, the same
 *
 * p1: one route an UPDATE, each with an attribute set of its own; p10: ten routes an UPDATE.
 * w: withdrawn routes only, about five (a) or ten an UPDATE. captured: what real speakers sent.
 * Written with nothing of src/, so that a corpus does not change when the code does.
 */
import { capturedMessages } from '../test/support/vectors.ts'

export type Stream = 'a' | 'b' | 'c'

export interface Corpus {
  name: string
  /** All messages back to back, headers included. */
  octets: Uint8Array
  messages: number
  prefixes: number
}

/** Prefix lengths of the IPv4 default-free zone in rough per mille, then IPv6's. */
const V4_LENGTHS = [
  [24, 600],
  [22, 120],
  [23, 105],
  [20, 45],
  [21, 45],
  [19, 30],
  [16, 15],
  [18, 15],
  [17, 10],
  [32, 15],
] as const
const V6_LENGTHS = [
  [48, 500],
  [32, 150],
  [44, 100],
  [40, 80],
  [64, 100],
  [36, 40],
  [128, 30],
] as const

/** A corpus of `routes` routes, `perUpdate` an UPDATE. */
export function makeCorpus(stream: Stream, perUpdate: number, routes: number): Corpus {
  const random = mulberry32(0x5eed0000 + stream.charCodeAt(0) * 256 + perUpdate)
  const writer = new Writer()
  let messages = 0
  for (let done = 0; done < routes; messages++) {
    const wanted = stream === 'a' ? 1 + Math.floor(random() * (perUpdate * 2 - 1)) : perUpdate
    const count = Math.min(wanted, routes - done)
    if (stream === 'a') writeUnicast(writer, random, messages, count)
    else writeVpn(writer, random, messages, count, stream === 'c')
    done += count
  }
  const name = stream === 'a' ? 'a' : `${stream}-p${perUpdate}`
  return { name, octets: writer.octets(), messages, prefixes: routes }
}

/** Withdraws of `routes` routes: of IPv4 unicast in the classic field, else in MP_UNREACH_NLRI. */
export function makeWithdraws(stream: Stream, routes: number): Corpus {
  const random = mulberry32(0x5eed8000 + stream.charCodeAt(0) * 256)
  const writer = new Writer()
  let messages = 0
  for (let done = 0; done < routes; messages++) {
    const wanted = stream === 'a' ? 1 + Math.floor(random() * 9) : 10
    const count = Math.min(wanted, routes - done)
    if (stream === 'a') writeUnicastWithdraw(writer, random, count)
    else writeVpnWithdraw(writer, random, count, stream === 'c')
    done += count
  }
  return { name: `${stream}-w`, octets: writer.octets(), messages, prefixes: routes }
}

/** The UPDATEs of test/vectors, again and again until there are at least `messages`. */
export function makeCaptured(messages: number): Corpus {
  const once = capturedMessages().filter(({ type }) => type === 'UPDATE')
  const times = Math.ceil(messages / once.length)
  const octets = Buffer.concat(once.map(({ hex }) => Buffer.from(hex, 'hex')))
  const prefixes = once.reduce((sum, { summary }) => sum + prefixesIn(summary), 0)
  return {
    name: 'captured',
    octets: Buffer.concat(new Array<Uint8Array>(times).fill(octets)),
    messages: once.length * times,
    prefixes: prefixes * times,
  }
}

/** Prefixes of the line another program wrote about a captured message. */
function prefixesIn(summary: string): number {
  return [...summary.matchAll(/ [0-9a-f.:]+\/\d+(?=[ ;,]|$)/g)].length
}

/** The corpora of the tables in docs/benchmarks.md, about `routes` routes each. */
export function standardCorpora(routes: number): Corpus[] {
  return [
    makeCorpus('a', 5, routes),
    makeCorpus('b', 1, routes),
    makeCorpus('b', 10, routes),
    makeCorpus('c', 1, routes),
    makeCorpus('c', 10, routes),
    makeWithdraws('a', routes),
    makeWithdraws('b', routes),
    makeWithdraws('c', routes),
    makeCaptured(routes / 5),
  ]
}

/** A small seeded generator: 0 … 1. */
export function mulberry32(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

class Writer {
  #buf = Buffer.allocUnsafe(1 << 20)
  #end = 0

  u8(...values: number[]): void {
    for (const value of values) {
      if (this.#end === this.#buf.length) this.#buf = Buffer.concat([this.#buf, this.#buf])
      this.#buf[this.#end++] = value
    }
  }

  u16(value: number): void {
    this.u8(value >>> 8, value & 0xff)
  }

  u32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value & 0xffff)
  }

  /** Room for a 16-bit length, to be filled by `close`. */
  open(): number {
    this.u16(0)
    return this.#end
  }

  close(at: number, extra = 0): void {
    this.#buf.writeUInt16BE(this.#end - at + extra, at - 2)
  }

  octets(): Uint8Array {
    return Buffer.from(this.#buf.subarray(0, this.#end))
  }
}

function header(out: Writer): number {
  for (let k = 0; k < 16; k++) out.u8(0xff)
  const length = out.open()
  out.u8(2)
  return length
}

function writeUnicast(out: Writer, random: () => number, set: number, count: number): void {
  const length = header(out)
  out.u16(0)
  const attrs = out.open()
  out.u8(0x40, 1, 1, 0)
  writeAsPath(out, random)
  out.u8(0x40, 3, 4, 192, 0, 2, 1 + (set & 63))
  if (random() < 0.5) {
    out.u8(0x80, 4, 4)
    out.u32(set)
  }
  writeCommunities(out, random)
  out.close(attrs)
  for (let k = 0; k < count; k++) writePrefix(out, random, V4_LENGTHS, 4, 0)
  out.close(length, 18)
}

function writeVpn(
  out: Writer,
  random: () => number,
  set: number,
  count: number,
  wide: boolean,
): void {
  const length = header(out)
  out.u16(0)
  const attrs = out.open()
  out.u8(0x90, 14)
  const reach = out.open()
  out.u8(0, wide ? 2 : 1, 128, 24)
  out.u32(0)
  out.u32(0)
  writeSource(out, set)
  out.u8(0)
  for (let k = 0; k < count; k++) {
    writePrefix(out, random, wide ? V6_LENGTHS : V4_LENGTHS, wide ? 16 : 4, 88)
  }
  out.close(reach)
  out.u8(0x40, 1, 1, 0)
  writeAsPath(out, random)
  out.u8(0x40, 5, 4)
  out.u32(100)
  out.u8(0xc0, 16, 8, 0, 2)
  out.u16(65000)
  out.u32(1 + (set % 50))
  writePrefixSid(out, set)
  out.close(attrs)
  out.close(length, 18)
}

function writeUnicastWithdraw(out: Writer, random: () => number, count: number): void {
  const length = header(out)
  const withdrawn = out.open()
  for (let k = 0; k < count; k++) writePrefix(out, random, V4_LENGTHS, 4, 0)
  out.close(withdrawn)
  out.u16(0)
  out.close(length, 18)
}

function writeVpnWithdraw(out: Writer, random: () => number, count: number, wide: boolean): void {
  const length = header(out)
  out.u16(0)
  const attrs = out.open()
  out.u8(0x90, 15)
  const unreach = out.open()
  out.u8(0, wide ? 2 : 1, 128)
  for (let k = 0; k < count; k++) {
    writePrefix(out, random, wide ? V6_LENGTHS : V4_LENGTHS, wide ? 16 : 4, 88)
  }
  out.close(unreach)
  out.close(attrs)
  out.close(length, 18)
}

/** 2001:db8:ffff::n */
function writeSource(out: Writer, set: number): void {
  out.u32(0x20010db8)
  out.u32(0xffff0000)
  out.u32(0)
  out.u32(1 + (set & 63))
}

function writeAsPath(out: Writer, random: () => number): void {
  const hops = 2 + Math.floor(random() * 5)
  out.u8(0x40, 2, 2 + hops * 4, 2, hops)
  for (let k = 0; k < hops; k++) out.u32(1 + Math.floor(random() * 400000))
}

function writeCommunities(out: Writer, random: () => number): void {
  const count = Math.floor(random() * 4)
  if (count === 0) return
  out.u8(0xc0, 8, count * 4)
  for (let k = 0; k < count; k++) out.u32(Math.floor(random() * 0xffff0000))
}

/** SRv6 L3 Service, SID Information with End.DT46, SID Structure 32/16/16/0, 16 bits at 48. */
function writePrefixSid(out: Writer, set: number): void {
  out.u8(0xc0, 40, 37, 5, 0, 34, 0, 1, 0, 30, 0)
  out.u32(0xfcbbbb00)
  out.u16(set & 0xffff)
  for (let k = 0; k < 10; k++) out.u8(0)
  out.u8(0, 0, 20, 0, 1, 0, 6, 32, 16, 16, 0, 16, 48)
}

function writePrefix(
  out: Writer,
  random: () => number,
  lengths: readonly (readonly [bits: number, weight: number])[],
  size: 4 | 16,
  vpnBits: 0 | 88,
): void {
  let pick = random() * 1000
  let bits: number = lengths[0]![0]
  for (const [candidate, weight] of lengths) {
    pick -= weight
    if (pick < 0) {
      bits = candidate
      break
    }
  }
  out.u8(bits + vpnBits)
  if (vpnBits !== 0) {
    const vrf = 1 + Math.floor(random() * 200)
    out.u8(vrf >>> 4, (vrf & 15) << 4, 1)
    out.u16(0)
    out.u16(65000)
    out.u32(vrf)
  }
  const octets = (bits + 7) >>> 3
  for (let k = 0; k < octets; k++) {
    const mask = k === octets - 1 && (bits & 7) !== 0 ? 0xff00 >>> (bits & 7) : 0xff
    const octet = size === 16 && k < 2 ? (k === 0 ? 0x20 : 0x01) : Math.floor(random() * 256)
    out.u8(octet & mask & 0xff)
  }
}
