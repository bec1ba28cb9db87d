/**
 * HOT: reads, writes and compares big-endian fields at an offset of a byte array.
 * No Buffer methods, no views, nothing allocated; the caller has checked the bounds.
 */

export function u16(buf: Uint8Array, at: number): number {
  return (buf[at]! << 8) | buf[at + 1]!
}

export function u24(buf: Uint8Array, at: number): number {
  return (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!
}

/** Unsigned: 0 … 4294967295. */
export function u32(buf: Uint8Array, at: number): number {
  return i32(buf, at) >>> 0
}

/** The same 32 bits as a signed integer: what Int32Array columns and bitwise code want. */
export function i32(buf: Uint8Array, at: number): number {
  return (buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!
}

export function putU16(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value >>> 8
  buf[at + 1] = value
}

export function putU24(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value >>> 16
  buf[at + 1] = value >>> 8
  buf[at + 2] = value
}

export function putU32(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value >>> 24
  buf[at + 1] = value >>> 16
  buf[at + 2] = value >>> 8
  buf[at + 3] = value
}

/** Copies `len` octets; the ranges do not overlap. Returns the position behind the copy. */
export function copyBytes(
  from: Uint8Array,
  at: number,
  to: Uint8Array,
  toAt: number,
  len: number,
): number {
  for (let k = 0; k < len; k++) to[toAt + k] = from[at + k]!
  return toAt + len
}

export function equalBytes(
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  len: number,
): boolean {
  for (let k = 0; k < len; k++) if (a[aAt + k] !== b[bAt + k]) return false
  return true
}

/** Lexicographic order of two ranges of the same length: negative, 0 or positive. */
export function compareBytes(
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  len: number,
): number {
  for (let k = 0; k < len; k++) {
    const d = a[aAt + k]! - b[bAt + k]!
    if (d !== 0) return d
  }
  return 0
}

/**
 * Copies the top `bits` bits of the 32-bit `value` into `buf` at bit position `bitAt` (0 is the
 * most significant bit of octet 0). Used by transposition (RFC 9252 §4); bits ≤ 32.
 */
export function putBits(buf: Uint8Array, bitAt: number, bits: number, value: number): void {
  for (let k = 0; k < bits; k++) {
    const at = (bitAt + k) >>> 3
    const mask = 0x80 >>> ((bitAt + k) & 7)
    if ((value >>> (31 - k)) & 1) buf[at] = buf[at]! | mask
    else buf[at] = buf[at]! & ~mask
  }
}

/** The inverse of putBits: `bits` bits from bit position `bitAt`, left-justified in 32 bits. */
export function getBits(buf: Uint8Array, bitAt: number, bits: number): number {
  let value = 0
  for (let k = 0; k < bits; k++) {
    if (buf[(bitAt + k) >>> 3]! & (0x80 >>> ((bitAt + k) & 7))) value |= 0x80000000 >>> k
  }
  return value >>> 0
}

/** Hexadecimal text of a range; for logs and errors, not for the update path. */
export function hexOf(buf: Uint8Array, at = 0, end = buf.length): string {
  let text = ''
  for (let k = at; k < end; k++) text += (buf[k]! < 16 ? '0' : '') + buf[k]!.toString(16)
  return text
}

const wordViews = new WeakMap<Uint8Array, DataView>()

/**
 * A buffer for reading whole words of it: one load each, where i32 needs four. Made once a buffer;
 * HOT code keeps it beside the buffer and asks again only when it is given another one.
 */
export function wordsOf(buf: Uint8Array): DataView {
  let words = wordViews.get(buf)
  if (words === undefined) {
    words = new DataView(buf.buffer, buf.byteOffset, buf.byteLength)
    wordViews.set(buf, words)
  }
  return words
}
