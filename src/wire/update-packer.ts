/**
 * HOT: one neighbour's changes as UPDATE messages (RFC 4271 §4.3, RFC 4760): an attribute set and
 * as many NLRI behind it as the message length allows. The message memory is reused: the sink
 * copies. rib/adj-rib-out drives one packer a neighbour; nothing is allocated per message.
 */
import { copyBytes, putU16, putU24, putU32, u16 } from '../base/bytes.ts'
import { as2AttrsBound, writeAs2Attrs } from './as2-attrs.ts'
import { putAttrHeader } from './attr-writer.ts'
import {
  Attr,
  AttrFlag,
  Family,
  familySpec,
  HEADER_LENGTH,
  MAX_MESSAGE,
  MessageType,
} from './registry.ts'

/** What was negotiated with the neighbour. */
export interface PackerOptions {
  /** 4096, or 65535 with extended messages (RFC 8654). */
  maxLength: number
  /** The neighbour takes 4-octet AS numbers (RFC 6793). */
  asn4: boolean
  /** Bit (1 << family): NLRI carry a path identifier (RFC 7911 §3). */
  addPath: number
}

/** Takes one whole message; the octets are only good during the call. */
export type MessageSink = (buf: Uint8Array, at: number, end: number) => void

/** RFC 8277 §2.4: the label field of a withdrawn NLRI. */
export const WITHDRAWN_LABEL = 0x800000

const Mode = { IDLE: 0, REACH: 1, MP_REACH: 2, WITHDRAW: 3, MP_UNREACH: 4 } as const

/**
 * Messages begin at index 1, so that an MP attribute of more than 255 octets can have its second
 * length octet by beginning at 0: what lies behind the attribute header never moves.
 */
const BASE = 1
const WITHDRAWN_LEN_AT = BASE + HEADER_LENGTH
const ATTRS_LEN_AT = WITHDRAWN_LEN_AT + 2
const ATTRS_AT = ATTRS_LEN_AT + 2
const MP_VALUE_AT = ATTRS_AT + 3
/** flags(1) type(1) length(1) IPv4 address(4) */
const NEXT_HOP_LEN = 7
const RD_LEN = 8

export class UpdatePacker {
  /** NLRI that did not fit a message beside their attributes and were not sent. */
  tooLong = 0

  readonly #sink: MessageSink
  #buf = new Uint8Array(BASE + MAX_MESSAGE)
  #maxLength = MAX_MESSAGE
  #asn4 = true
  #addPathFamilies = 0

  #mode: number = Mode.IDLE
  #addPath = false
  #hasLabel = false
  #hasRd = false
  /** Octets of an NLRI before its address. */
  #nlriHead = 0
  #nlriAt = 0
  /** Behind the last NLRI written. */
  #at = 0
  /** Octets that follow the NLRI. */
  #tail = 0
  /** The attributes alone are longer than a message. */
  #unfit = false
  /** The open group's attributes, and how many octets of it they take. */
  #attrs = new Uint8Array(1024)
  #attrsLen = 0

  constructor(sink: MessageSink) {
    this.#sink = sink
  }

  /** Takes over what was negotiated; an open group is dropped. */
  configure(options: PackerOptions): void {
    this.#mode = Mode.IDLE
    this.#maxLength = options.maxLength
    this.#asn4 = options.asn4
    this.#addPathFamilies = options.addPath
    if (this.#buf.length !== BASE + options.maxLength) {
      this.#buf = new Uint8Array(BASE + options.maxLength)
    }
  }

  /**
   * Opens a group of NLRI with one next hop (4, 16 or 32 octets, without RD) and attribute set:
   * ascending types, normalised, 4-octet AS numbers, neither NEXT_HOP nor MP_REACH_NLRI. IPv4
   * unicast with an IPv4 next hop goes in the classic fields, all else in MP_REACH_NLRI.
   */
  reach(
    family: Family,
    nextHop: Uint8Array,
    nextHopAt: number,
    nextHopLen: number,
    attrs: Uint8Array,
    attrsAt: number,
    attrsEnd: number,
  ): void {
    this.flush()
    this.#takeAttrs(attrs, attrsAt, attrsEnd)
    const isClassic = family === Family.IPV4_UNICAST && nextHopLen === 4
    this.#open(family, isClassic ? Mode.REACH : Mode.MP_REACH)
    this.#unfit = ATTRS_AT + this.#attrsLen + NEXT_HOP_LEN > this.#buf.length
    if (this.#unfit) return
    if (isClassic) this.#writeClassicHead(nextHop, nextHopAt)
    else this.#writeReachHead(family, nextHop, nextHopAt, nextHopLen)
    this.#at = this.#nlriAt
  }

  /** Opens a group of withdrawn NLRI: IPv4 unicast in the classic field, others in MP_UNREACH. */
  withdraw(family: Family): void {
    this.flush()
    this.#unfit = false
    if (family === Family.IPV4_UNICAST) {
      this.#open(family, Mode.WITHDRAW)
      this.#nlriAt = WITHDRAWN_LEN_AT + 2
      this.#tail = 2
    } else {
      this.#open(family, Mode.MP_UNREACH)
      this.#nlriAt = this.#writeFamily(family)
      this.#tail = 0
    }
    this.#at = this.#nlriAt
  }

  /**
   * One NLRI of the open group: key words as in NlriCursor, prefix bits, the 24-bit label field
   * (ignored where the family has none and in a withdraw), the path identifier (ignored without
   * ADD-PATH).
   */
  add(key: Int32Array, keyAt: number, bits: number, label: number, pathId: number): void {
    if (this.#mode === Mode.IDLE) throw new TypeError('add() outside of a group')
    const octets = (bits + 7) >>> 3
    const size = this.#nlriHead + octets
    if (!this.#fits(this.#at + size)) {
      if (this.#at > this.#nlriAt) this.#emit()
      if (!this.#fits(this.#at + size)) {
        this.tooLong++
        return
      }
    }
    this.#at = this.#writeNlri(key, keyAt, bits, octets, label, pathId)
  }

  /** Closes the group and sends what is left of it. */
  flush(): void {
    if (this.#mode !== Mode.IDLE && this.#at > this.#nlriAt) this.#emit()
    this.#mode = Mode.IDLE
  }

  /** The End-of-RIB marker of a family (RFC 4724 §2), after what was pending. */
  endOfRib(family: Family): void {
    this.withdraw(family)
    this.#emit()
    this.#mode = Mode.IDLE
  }

  #open(family: Family, mode: number): void {
    const spec = familySpec(family)
    this.#mode = mode
    this.#addPath = (this.#addPathFamilies & (1 << family)) !== 0
    this.#hasLabel = spec.hasLabel
    this.#hasRd = spec.hasRd
    this.#nlriHead =
      1 + (this.#addPath ? 4 : 0) + (spec.hasLabel ? 3 : 0) + (spec.hasRd ? RD_LEN : 0)
    // An unfit group has no NLRI to send.
    this.#nlriAt = 0
    this.#at = 0
  }

  #takeAttrs(attrs: Uint8Array, at: number, end: number): void {
    const need = this.#asn4 ? end - at : as2AttrsBound(end - at)
    if (need > this.#attrs.length) this.#attrs = new Uint8Array(2 * need)
    this.#attrsLen = this.#asn4
      ? copyBytes(attrs, at, this.#attrs, 0, end - at)
      : writeAs2Attrs(attrs, at, end, this.#attrs, 0)
  }

  /** The attributes with NEXT_HOP at its place; they stay where they are for the whole group. */
  #writeClassicHead(nextHop: Uint8Array, nextHopAt: number): void {
    const attrs = this.#attrs
    let split = 0
    while (split < this.#attrsLen && attrs[split + 1]! < Attr.NEXT_HOP) {
      const isLong = (attrs[split]! & AttrFlag.EXTENDED_LENGTH) !== 0
      split += isLong ? 4 + u16(attrs, split + 2) : 3 + attrs[split + 2]!
    }
    let at = copyBytes(attrs, 0, this.#buf, ATTRS_AT, split)
    at = putAttrHeader(this.#buf, at, AttrFlag.TRANSITIVE, Attr.NEXT_HOP, 4)
    at = copyBytes(nextHop, nextHopAt, this.#buf, at, 4)
    this.#nlriAt = copyBytes(attrs, split, this.#buf, at, this.#attrsLen - split)
    this.#tail = 0
  }

  /** AFI(2) SAFI(1) length(1) next hop reserved(1) (RFC 4760 §3); VPN next hops have an RD of 0. */
  #writeReachHead(family: Family, nextHop: Uint8Array, nextHopAt: number, len: number): void {
    const buf = this.#buf
    const lenAt = this.#writeFamily(family)
    let at = lenAt + 1
    // An IPv6 family over an IPv4 next hop: IPv4-mapped (RFC 4798 §2, RFC 4659 §3.2.1.2).
    const mapped = len === 4 && familySpec(family).addressBytes === 16
    const step = len === 4 ? 4 : 16
    for (let k = 0; k < len; k += step) {
      if (this.#hasRd) at = putZeros(buf, at, RD_LEN)
      if (mapped) {
        at = putZeros(buf, at, 10)
        putU16(buf, at, 0xffff)
        at += 2
      }
      at = copyBytes(nextHop, nextHopAt + k, buf, at, step)
    }
    buf[lenAt] = at - lenAt - 1
    buf[at] = 0
    this.#nlriAt = at + 1
    this.#tail = this.#attrsLen
  }

  #writeFamily(family: Family): number {
    const spec = familySpec(family)
    putU16(this.#buf, MP_VALUE_AT, spec.afi)
    this.#buf[MP_VALUE_AT + 2] = spec.safi
    return MP_VALUE_AT + 3
  }

  #writeNlri(
    key: Int32Array,
    keyAt: number,
    bits: number,
    octets: number,
    label: number,
    pathId: number,
  ): number {
    const buf = this.#buf
    let at = this.#at
    if (this.#addPath) {
      putU32(buf, at, pathId)
      at += 4
    }
    buf[at++] = bits + (this.#hasLabel ? 24 : 0) + (this.#hasRd ? 64 : 0)
    if (this.#hasLabel) {
      putU24(buf, at, this.#mode === Mode.MP_UNREACH ? WITHDRAWN_LABEL : label)
      at += 3
    }
    if (this.#hasRd) {
      putU32(buf, at, key[keyAt]!)
      putU32(buf, at + 4, key[keyAt + 1]!)
      keyAt += 2
      at += RD_LEN
    }
    for (let k = 0; k < octets; k++) buf[at++] = key[keyAt + (k >>> 2)]! >>> (24 - 8 * (k & 3))
    return at
  }

  /** Where the message begins if its NLRI end at `nlriEnd`: see BASE. */
  #startOf(nlriEnd: number): number {
    const isMp = this.#mode === Mode.MP_REACH || this.#mode === Mode.MP_UNREACH
    return isMp && nlriEnd - MP_VALUE_AT > 255 ? BASE - 1 : BASE
  }

  #fits(nlriEnd: number): boolean {
    if (this.#unfit) return false
    return nlriEnd + this.#tail - this.#startOf(nlriEnd) <= this.#maxLength
  }

  /** Writes what depends on the length, hands the message out, and begins the next one. */
  #emit(): void {
    const buf = this.#buf
    const start = this.#startOf(this.#at)
    let end = this.#at
    if (this.#mode === Mode.REACH) {
      putU16(buf, WITHDRAWN_LEN_AT, 0)
      putU16(buf, ATTRS_LEN_AT, this.#nlriAt - ATTRS_AT)
    } else if (this.#mode === Mode.WITHDRAW) {
      putU16(buf, WITHDRAWN_LEN_AT, end - ATTRS_LEN_AT)
      putU16(buf, end, 0)
      end += 2
    } else {
      const type = this.#mode === Mode.MP_REACH ? Attr.MP_REACH_NLRI : Attr.MP_UNREACH_NLRI
      const headerAt = start + ATTRS_AT - BASE
      putAttrHeader(buf, headerAt, AttrFlag.OPTIONAL, type, end - MP_VALUE_AT)
      if (this.#mode === Mode.MP_REACH) end = copyBytes(this.#attrs, 0, buf, end, this.#attrsLen)
      putU16(buf, start + WITHDRAWN_LEN_AT - BASE, 0)
      putU16(buf, start + ATTRS_LEN_AT - BASE, end - headerAt)
    }
    for (let k = 0; k < 16; k++) buf[start + k] = 0xff
    putU16(buf, start + 16, end - start)
    buf[start + 18] = MessageType.UPDATE
    this.#sink(buf, start, end)
    this.#at = this.#nlriAt
  }
}

function putZeros(buf: Uint8Array, at: number, len: number): number {
  for (let k = 0; k < len; k++) buf[at + k] = 0
  return at + len
}
