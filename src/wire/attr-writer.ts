/**
 * Writes path attributes in their normalised form: the flags of the registry, extended length only
 * over 255 octets (RFC 4271 §4.3). Callers (vpn/export, rib/adj-rib-out) write in ascending type
 * order and intern the bytes; NEXT_HOP and MP_REACH_NLRI are the packer's.
 */
import { copyBytes, putBits, putU16, putU32 } from '../base/bytes.ts'
import { type SidStructure, transposedBits } from './prefix-sid.ts'
import { PrefixSidTlv, SID_INFORMATION, SID_STRUCTURE } from './prefix-sid-check.ts'
import { Attr, AttrFlag } from './registry.ts'

const WELL_KNOWN = AttrFlag.TRANSITIVE
const OPTIONAL = AttrFlag.OPTIONAL
const OPTIONAL_TRANSITIVE = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE

/** Lengths of the nested values of a Prefix-SID with one SID and its structure (RFC 9252 §3). */
const STRUCTURE_LEN = 6
const INFORMATION_LEN = 21 + 3 + STRUCTURE_LEN
const SERVICE_LEN = 1 + 3 + INFORMATION_LEN
const PREFIX_SID_LEN = 3 + SERVICE_LEN

/** One attribute set under construction; reset() and write again. */
export class AttrWriter {
  buf: Uint8Array = new Uint8Array(1024)
  end = 0

  reset(): void {
    this.end = 0
  }

  /** RFC 4271 §5.1.1. */
  origin(value: number): void {
    this.buf[this.#start(WELL_KNOWN, Attr.ORIGIN, 1)] = value
  }

  /** The value octets of an AS_PATH with 4-octet AS numbers (RFC 4271 §5.1.2, RFC 6793). */
  asPath(bytes: Uint8Array, at = 0, end = bytes.length): void {
    this.raw(WELL_KNOWN, Attr.AS_PATH, bytes, at, end)
  }

  /** RFC 4271 §5.1.4. */
  med(value: number): void {
    putU32(this.buf, this.#start(OPTIONAL, Attr.MULTI_EXIT_DISC, 4), value)
  }

  /** RFC 4271 §5.1.5. */
  localPref(value: number): void {
    putU32(this.buf, this.#start(WELL_KNOWN, Attr.LOCAL_PREF, 4), value)
  }

  /** RFC 4271 §5.1.6. */
  atomicAggregate(): void {
    this.#start(WELL_KNOWN, Attr.ATOMIC_AGGREGATE, 0)
  }

  /** RFC 1997; bytes are the 4-octet communities. */
  communities(bytes: Uint8Array, at = 0, end = bytes.length): void {
    this.raw(OPTIONAL_TRANSITIVE, Attr.COMMUNITIES, bytes, at, end)
  }

  /** RFC 4456 §8; the identifier as an unsigned 32-bit number. */
  originatorId(value: number): void {
    putU32(this.buf, this.#start(OPTIONAL, Attr.ORIGINATOR_ID, 4), value)
  }

  /** RFC 4456 §8; bytes are the 4-octet cluster ids. */
  clusterList(bytes: Uint8Array, at = 0, end = bytes.length): void {
    this.raw(OPTIONAL, Attr.CLUSTER_LIST, bytes, at, end)
  }

  /** RFC 4360; bytes are the 8-octet communities. */
  extCommunities(bytes: Uint8Array, at = 0, end = bytes.length): void {
    this.raw(OPTIONAL_TRANSITIVE, Attr.EXTENDED_COMMUNITIES, bytes, at, end)
  }

  /** RFC 8092; bytes are the 12-octet communities. */
  largeCommunities(bytes: Uint8Array, at = 0, end = bytes.length): void {
    this.raw(OPTIONAL_TRANSITIVE, Attr.LARGE_COMMUNITY, bytes, at, end)
  }

  /**
   * One SRv6 L3 Service TLV with one SID and its structure (RFC 9252 §3). `sid` is the whole SID;
   * transposed, the function bits are zero here and travel in the label: labelOf (RFC 9252 §4).
   */
  prefixSid(sid: Uint8Array, behavior: number, s: SidStructure, transpose: boolean): void {
    let at = this.#start(OPTIONAL_TRANSITIVE, Attr.PREFIX_SID, PREFIX_SID_LEN)
    const buf = this.buf
    at = putHeader(buf, at, PrefixSidTlv.SRV6_L3_SERVICE, SERVICE_LEN)
    buf[at++] = 0
    at = putHeader(buf, at, SID_INFORMATION, INFORMATION_LEN)
    buf[at++] = 0
    const bits = transpose ? transposedBits(s) : 0
    const offset = bits === 0 ? 0 : s.blockBits + s.nodeBits
    copyBytes(sid, 0, buf, at, 16)
    putBits(buf, at * 8 + offset, bits, 0)
    at += 16
    buf[at] = 0
    putU16(buf, at + 1, behavior)
    buf[at + 3] = 0
    at = putHeader(buf, at + 4, SID_STRUCTURE, STRUCTURE_LEN)
    buf[at] = s.blockBits
    buf[at + 1] = s.nodeBits
    buf[at + 2] = s.functionBits
    buf[at + 3] = s.argumentBits
    buf[at + 4] = bits
    buf[at + 5] = offset
  }

  /** Any attribute; the Extended Length flag is set or cleared here (RFC 4271 §4.3). */
  raw(flags: number, type: number, bytes: Uint8Array, at: number, end: number): void {
    const valueAt = this.#start(flags, type, end - at)
    copyBytes(bytes, at, this.buf, valueAt, end - at)
  }

  /** Makes room, writes flags, type and length, and returns where the value goes. */
  #start(flags: number, type: number, len: number): number {
    if (this.end + 4 + len > this.buf.length) this.#grow(this.end + 4 + len)
    const at = this.end
    const valueAt = putAttrHeader(this.buf, at, flags, type, len)
    this.end = valueAt + len
    return valueAt
  }

  #grow(need: number): void {
    let size = this.buf.length
    while (size < need) size *= 2
    const bigger = new Uint8Array(size)
    bigger.set(this.buf)
    this.buf = bigger
  }
}

function putHeader(buf: Uint8Array, at: number, type: number, len: number): number {
  buf[at] = type
  putU16(buf, at + 1, len)
  return at + 3
}

/**
 * Writes an attribute's flags, type and length, with two length octets only over 255
 * (RFC 4271 §4.3); returns where the value goes.
 */
export function putAttrHeader(
  buf: Uint8Array,
  at: number,
  flags: number,
  type: number,
  len: number,
): number {
  buf[at + 1] = type
  if (len > 255) {
    buf[at] = flags | AttrFlag.EXTENDED_LENGTH
    putU16(buf, at + 2, len)
    return at + 4
  }
  buf[at] = flags & ~AttrFlag.EXTENDED_LENGTH
  buf[at + 2] = len
  return at + 3
}
