/**
 * HOT: AS_PATH values as byte ranges: `type(1) count(1) AS(2 or 4)…` per segment (RFC 4271 §4.3).
 * All functions but narrowAsPath and writeExpandedAsPath take and give four-octet AS numbers
 * (RFC 6793); ranges from the wire have passed checkAsPath.
 */
import { putU16, putU32, u16, u32 } from '../base/bytes.ts'
import { Attr } from './registry.ts'
import type { UpdateView } from './update-view.ts'

/** Segment types, RFC 4271 §4.3 and RFC 5065 §3. */
export const AsSegment = { SET: 1, SEQUENCE: 2, CONFED_SEQUENCE: 3, CONFED_SET: 4 } as const

/** Stands for an AS number over 65535 where only two octets fit (RFC 6793 §9). */
export const AS_TRANS = 23456

const MAX_SEGMENT = 255

/** Path length for the decision: a set counts one, confederation segments nothing (RFC 4271 §9.1.2.2, RFC 5065 §5.3). */
export function asPathLength(buf: Uint8Array, at: number, end: number): number {
  return pathLength(buf, at, end, 4)
}

function pathLength(buf: Uint8Array, at: number, end: number, width: 2 | 4): number {
  let length = 0
  for (let k = at; k < end; k += 2 + buf[k + 1]! * width) {
    if (buf[k] === AsSegment.SEQUENCE) length += buf[k + 1]!
    else if (buf[k] === AsSegment.SET) length += 1
  }
  return length
}

/** How often the path names `as`, in segments of any type (RFC 4271 §9.1.2). */
export function asPathHas(buf: Uint8Array, at: number, end: number, as: number): number {
  let found = 0
  let k = at
  while (k < end) {
    const segmentEnd = k + 2 + buf[k + 1]! * 4
    for (k += 2; k < segmentEnd; k += 4) if (u32(buf, k) === as) found++
  }
  return found
}

/** The neighbouring AS: first of a leading sequence; 0 when there is none (RFC 4271 §9.1.2.2 c). */
export function asPathFirst(buf: Uint8Array, at: number, end: number): number {
  let k = at
  while (k < end && buf[k]! >= AsSegment.CONFED_SEQUENCE) k += 2 + buf[k + 1]! * 4
  return k < end && buf[k] === AsSegment.SEQUENCE ? u32(buf, k + 2) : 0
}

/** The AS the route came from: last of a closing sequence, 0 when there is none. */
export function asPathOrigin(buf: Uint8Array, at: number, end: number): number {
  let origin = 0
  for (let k = at; k < end; ) {
    const segmentEnd = k + 2 + buf[k + 1]! * 4
    if (buf[k] === AsSegment.SEQUENCE) origin = u32(buf, segmentEnd - 4)
    else if (buf[k] === AsSegment.SET) origin = 0
    k = segmentEnd
  }
  return origin
}

/**
 * Writes the path with `as` put `count` times before it, into a leading sequence as long as that
 * has room (RFC 4271 §5.1.2 b); returns the end. `count` ≤ 255.
 */
export function prependAsPath(
  buf: Uint8Array,
  at: number,
  end: number,
  as: number,
  count: number,
  out: Uint8Array,
  outAt: number,
): number {
  const joins = at < end && buf[at] === AsSegment.SEQUENCE && buf[at + 1]! + count <= MAX_SEGMENT
  out[outAt] = AsSegment.SEQUENCE
  out[outAt + 1] = joins ? buf[at + 1]! + count : count
  let to = count === 0 && !joins ? outAt : outAt + 2
  for (let k = 0; k < count; k++, to += 4) putU32(out, to, as)
  return copyRange(buf, joins ? at + 2 : at, end, out, to)
}

/** Writes the path with every `from` changed to `to` (AS override, RFC 4364 §7 practice). */
export function replaceAsPath(
  buf: Uint8Array,
  at: number,
  end: number,
  from: number,
  to: number,
  out: Uint8Array,
  outAt: number,
): number {
  const outEnd = copyRange(buf, at, end, out, outAt)
  for (let k = outAt; k < outEnd; ) {
    const segmentEnd = k + 2 + out[k + 1]! * 4
    for (k += 2; k < segmentEnd; k += 4) if (u32(out, k) === from) putU32(out, k, to)
  }
  return outEnd
}

/**
 * Writes the path with two-octet AS numbers, AS_TRANS for those that do not fit (RFC 6793 §4.2.2);
 * returns the end. hasWideAs says whether an AS4_PATH must go with it.
 */
export function narrowAsPath(
  buf: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  let to = outAt
  for (let k = at; k < end; ) {
    const segmentEnd = k + 2 + buf[k + 1]! * 4
    out[to] = buf[k]!
    out[to + 1] = buf[k + 1]!
    to += 2
    for (k += 2; k < segmentEnd; k += 4, to += 2) {
      const as = u32(buf, k)
      putU16(out, to, as > 0xffff ? AS_TRANS : as)
    }
  }
  return to
}

/** Does the path hold an AS number that does not fit into two octets (RFC 6793 §4.2.2)? */
export function hasWideAs(buf: Uint8Array, at: number, end: number): boolean {
  for (let k = at; k < end; ) {
    const segmentEnd = k + 2 + buf[k + 1]! * 4
    for (k += 2; k < segmentEnd; k += 4) if (u16(buf, k) !== 0) return true
  }
  return false
}

/**
 * Writes the AS_PATH of a view with four-octet AS numbers at `outAt`, returns the end: a plain copy
 * for an asn4 view, else AS_PATH merged with AS4_PATH (RFC 6793 §4.2.3). A view without AS_PATH
 * gives the empty path.
 */
export function writeExpandedAsPath(view: UpdateView, out: Uint8Array, outAt: number): number {
  const path = view.indexOf(Attr.AS_PATH)
  if (path < 0) return outAt
  const at = view.attrValueAt(path)
  const end = view.attrEnd(path)
  if (view.asn4) return copyRange(view.buf, at, end, out, outAt)
  const wide = view.indexOf(Attr.AS4_PATH)
  if (wide < 0 || view.attrDiscard[wide] === 1 || distrustsAs4(view)) {
    return widen(view.buf, at, end, pathLength(view.buf, at, end, 2), out, outAt)
  }
  const wideAt = view.attrValueAt(wide)
  const wideEnd = view.attrEnd(wide)
  const length = pathLength(view.buf, at, end, 2)
  const extra = length - asPathLength(view.buf, wideAt, wideEnd)
  // RFC 6793 §4.2.3: an AS4_PATH longer than the AS_PATH is ignored
  if (extra < 0) return widen(view.buf, at, end, length, out, outAt)
  const outEnd = widen(view.buf, at, end, extra, out, outAt)
  return appendWide(view.buf, wideAt, wideEnd, out, outAt, outEnd)
}

/** RFC 6793 §4.2.3: with an AGGREGATOR that is not AS_TRANS, AS4_AGGREGATOR and AS4_PATH are stale. */
function distrustsAs4(view: UpdateView): boolean {
  const aggregator = view.indexOf(Attr.AGGREGATOR)
  if (aggregator < 0 || view.attrDiscard[aggregator] === 1) return false
  if (view.indexOf(Attr.AS4_AGGREGATOR) < 0) return false
  return u16(view.buf, view.attrValueAt(aggregator)) !== AS_TRANS
}

/** Widens the leading part of a two-octet path that counts `length` hops; a segment may be cut. */
function widen(
  buf: Uint8Array,
  at: number,
  end: number,
  length: number,
  out: Uint8Array,
  outAt: number,
): number {
  let to = outAt
  let left = length
  for (let k = at; k < end; ) {
    const type = buf[k]!
    const segmentEnd = k + 2 + buf[k + 1]! * 2
    // confederation segments count nothing and stay with the hops before or behind them
    const confed = type >= AsSegment.CONFED_SEQUENCE
    if (left === 0 && !confed) break
    const take = type === AsSegment.SEQUENCE ? Math.min(buf[k + 1]!, left) : buf[k + 1]!
    if (!confed) left -= type === AsSegment.SEQUENCE ? take : 1
    out[to] = type
    out[to + 1] = take
    to += 2
    for (let n = 0, from = k + 2; n < take; n++, from += 2, to += 4) putU32(out, to, u16(buf, from))
    k = segmentEnd
  }
  return to
}

/**
 * Appends an AS4_PATH to what widen wrote, joining two sequences that meet; returns the end.
 * Confederation segments in it are left out (RFC 6793 §6).
 */
function appendWide(
  buf: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
  outEnd: number,
): number {
  let last = -1
  for (let k = outAt; k < outEnd; k += 2 + out[k + 1]! * 4) last = k
  let to = outEnd
  for (let k = at; k < end; ) {
    const segmentEnd = k + 2 + buf[k + 1]! * 4
    if (buf[k]! < AsSegment.CONFED_SEQUENCE) {
      const joins =
        last >= 0 &&
        out[last] === AsSegment.SEQUENCE &&
        buf[k] === AsSegment.SEQUENCE &&
        out[last + 1]! + buf[k + 1]! <= MAX_SEGMENT
      if (joins) out[last + 1] = out[last + 1]! + buf[k + 1]!
      else last = to
      to = copyRange(buf, joins ? k + 2 : k, segmentEnd, out, to)
    }
    k = segmentEnd
  }
  return to
}

function copyRange(
  buf: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  for (let k = at, to = outAt; k < end; k++, to++) out[to] = buf[k]!
  return outAt + end - at
}

/** `65101 65102 {65003,65004} (65010)`: sets in braces, confederation segments in brackets. */
export function formatAsPath(buf: Uint8Array, at: number, end: number): string {
  const parts: string[] = []
  for (let k = at; k < end; ) {
    const type = buf[k]!
    const segmentEnd = k + 2 + buf[k + 1]! * 4
    const hops: number[] = []
    for (k += 2; k < segmentEnd; k += 4) hops.push(u32(buf, k))
    if (type === AsSegment.SEQUENCE) parts.push(hops.join(' '))
    else if (type === AsSegment.SET) parts.push(`{${hops.join(',')}}`)
    else if (type === AsSegment.CONFED_SEQUENCE) parts.push(`(${hops.join(' ')})`)
    else parts.push(`[${hops.join(',')}]`)
  }
  return parts.join(' ')
}
