/** A Prefix-SID attribute (RFC 8669, RFC 9252) as plain objects, for tests, logs and the CLI. */
import { hexOf, u16 } from '../base/bytes.ts'
import { formatAddress } from './address.ts'
import { PrefixSidTlv, SID_INFORMATION, SID_STRUCTURE } from './prefix-sid-check.ts'
import { behaviorName } from './registry.ts'

/** One TLV: a service with its sub-TLVs, or the octets of one that is not known. */
export interface DecodedTlv {
  at: number
  end: number
  type: number
  name: string
  reserved?: number
  subTlvs?: DecodedSubTlv[]
  hex?: string
}

/** One sub-TLV of an SRv6 service (RFC 9252 §3.1). */
export interface DecodedSubTlv {
  at: number
  end: number
  type: number
  name: string
  sid?: string
  flags?: number
  behavior?: number
  behaviorName?: string
  /** RESERVED1 and RESERVED2. */
  reserved?: [number, number]
  subSubTlvs?: DecodedSubSubTlv[]
  hex?: string
}

/** One sub-sub-TLV of an SRv6 SID (RFC 9252 §3.2). */
export interface DecodedSubSubTlv {
  at: number
  end: number
  type: number
  name: string
  /** Locator block, locator node, function, argument: `32/16/16/0`. */
  structure?: string
  transpositionBits?: number
  transpositionOffset?: number
  hex?: string
}

const TLV_NAMES: Record<number, string> = {
  [PrefixSidTlv.LABEL_INDEX]: 'Label-Index',
  [PrefixSidTlv.ORIGINATOR_SRGB]: 'Originator SRGB',
  [PrefixSidTlv.SRV6_L3_SERVICE]: 'SRv6 L3 Service',
  [PrefixSidTlv.SRV6_L2_SERVICE]: 'SRv6 L2 Service',
}

/** The tree of a value that checkPrefixSid has passed. */
export function decodePrefixSid(buf: Uint8Array, at: number, end: number): DecodedTlv[] {
  return eachTlv(buf, at, end, (type, from, to) => {
    const name = TLV_NAMES[type] ?? `TLV ${type}`
    const range = { at: from - 3, end: to, type, name }
    if (type !== PrefixSidTlv.SRV6_L3_SERVICE && type !== PrefixSidTlv.SRV6_L2_SERVICE) {
      return { ...range, hex: hexOf(buf, from, to) }
    }
    const subTlvs = eachTlv(buf, from + 1, to, (sub, a, b) => decodeSubTlv(buf, sub, a, b))
    return { ...range, reserved: buf[from]!, subTlvs }
  })
}

function decodeSubTlv(buf: Uint8Array, type: number, at: number, end: number): DecodedSubTlv {
  const range = { at: at - 3, end, type }
  if (type !== SID_INFORMATION) {
    return { ...range, name: `sub-TLV ${type}`, hex: hexOf(buf, at, end) }
  }
  const behavior = u16(buf, at + 18)
  return {
    ...range,
    name: 'SRv6 SID Information',
    sid: formatAddress(buf, at + 1, 16),
    flags: buf[at + 17]!,
    behavior,
    behaviorName: behaviorName(behavior),
    reserved: [buf[at]!, buf[at + 20]!],
    subSubTlvs: eachTlv(buf, at + 21, end, (sub, a, b) => decodeSubSubTlv(buf, sub, a, b)),
  }
}

function decodeSubSubTlv(buf: Uint8Array, type: number, at: number, end: number): DecodedSubSubTlv {
  const range = { at: at - 3, end, type }
  if (type !== SID_STRUCTURE) {
    return { ...range, name: `sub-sub-TLV ${type}`, hex: hexOf(buf, at, end) }
  }
  return {
    ...range,
    name: 'SRv6 SID Structure',
    structure: `${buf[at]}/${buf[at + 1]}/${buf[at + 2]}/${buf[at + 3]}`,
    transpositionBits: buf[at + 4]!,
    transpositionOffset: buf[at + 5]!,
  }
}

/** type(1) length(2) value…, all the way to `end`. */
function eachTlv<T>(
  buf: Uint8Array,
  at: number,
  end: number,
  decode: (type: number, at: number, end: number) => T,
): T[] {
  const out: T[] = []
  for (let k = at; k < end; ) {
    const next = k + 3 + u16(buf, k + 1)
    out.push(decode(buf[k]!, k + 3, next))
    k = next
  }
  return out
}
