/**
 * HOT: an attribute set as a neighbour without 4-octet AS numbers must get it (RFC 6793 §4.2.2):
 * AS_PATH and AGGREGATOR narrowed to two octets with AS_TRANS, the truth beside them in AS4_PATH
 * and AS4_AGGREGATOR where it was lost. Called by update-packer.ts once a group.
 */
import { copyBytes, putU16, u16, u32 } from '../base/bytes.ts'
import { AS_TRANS, AsSegment, hasWideAs, narrowAsPath } from './as-path.ts'
import { putAttrHeader } from './attr-writer.ts'
import { Attr, AttrFlag } from './registry.ts'

const OPTIONAL_TRANSITIVE = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE

/** Octets writeAs2Attrs may need at most for a set of `len` octets. */
export function as2AttrsBound(len: number): number {
  return 2 * len + 16
}

/**
 * Writes the attributes at[at..end), in ascending type order and with 4-octet AS numbers, for a
 * 2-octet neighbour. Returns the end in `out`.
 */
export function writeAs2Attrs(
  buf: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  let pathAt = -1
  let pathEnd = -1
  let aggregatorAt = -1
  while (at < end) {
    const type = buf[at + 1]!
    const isLong = (buf[at]! & AttrFlag.EXTENDED_LENGTH) !== 0
    const valueAt = at + (isLong ? 4 : 3)
    const valueEnd = valueAt + (isLong ? u16(buf, at + 2) : buf[at + 2]!)
    if (type > Attr.AS4_PATH) {
      outAt = writeAs4(buf, pathAt, pathEnd, aggregatorAt, out, outAt)
      pathAt = -1
      aggregatorAt = -1
    }
    if (type === Attr.AS_PATH) {
      if (hasWideAs(buf, valueAt, valueEnd)) {
        pathAt = valueAt
        pathEnd = valueEnd
      }
      outAt = writeNarrowPath(buf, at, valueAt, valueEnd, out, outAt)
    } else if (type === Attr.AGGREGATOR && valueEnd - valueAt === 8) {
      if (u32(buf, valueAt) > 0xffff) aggregatorAt = valueAt
      outAt = putAttrHeader(out, outAt, buf[at]!, Attr.AGGREGATOR, 6)
      putU16(out, outAt, narrow(u32(buf, valueAt)))
      outAt = copyBytes(buf, valueAt + 4, out, outAt + 2, 4)
    } else if (type !== Attr.AS4_PATH && type !== Attr.AS4_AGGREGATOR) {
      outAt = copyBytes(buf, at, out, outAt, valueEnd - at)
    }
    at = valueEnd
  }
  return writeAs4(buf, pathAt, pathEnd, aggregatorAt, out, outAt)
}

function narrow(as: number): number {
  return as > 0xffff ? AS_TRANS : as
}

function writeNarrowPath(
  buf: Uint8Array,
  attrAt: number,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  let segments = 0
  for (let k = at; k < end; k += 2 + 4 * buf[k + 1]!) segments++
  const len = 2 * segments + (end - at - 2 * segments) / 2
  outAt = putAttrHeader(out, outAt, buf[attrAt]!, Attr.AS_PATH, len)
  return narrowAsPath(buf, at, end, out, outAt)
}

/**
 * AS4_PATH and AS4_AGGREGATOR of what is not -1. Confederation segments have no place in an
 * AS4_PATH (RFC 6793 §3).
 */
function writeAs4(
  buf: Uint8Array,
  pathAt: number,
  pathEnd: number,
  aggregatorAt: number,
  out: Uint8Array,
  outAt: number,
): number {
  if (pathAt >= 0) {
    let len = 0
    for (let k = pathAt; k < pathEnd; k += 2 + 4 * buf[k + 1]!) {
      if (buf[k]! < AsSegment.CONFED_SEQUENCE) len += 2 + 4 * buf[k + 1]!
    }
    if (len > 0) outAt = putAttrHeader(out, outAt, OPTIONAL_TRANSITIVE, Attr.AS4_PATH, len)
    for (let k = pathAt; k < pathEnd; k += 2 + 4 * buf[k + 1]!) {
      if (buf[k]! < AsSegment.CONFED_SEQUENCE) {
        outAt = copyBytes(buf, k, out, outAt, 2 + 4 * buf[k + 1]!)
      }
    }
  }
  if (aggregatorAt >= 0) {
    outAt = putAttrHeader(out, outAt, OPTIONAL_TRANSITIVE, Attr.AS4_AGGREGATOR, 8)
    outAt = copyBytes(buf, aggregatorAt, out, outAt, 8)
  }
  return outAt
}
