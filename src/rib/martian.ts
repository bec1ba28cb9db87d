/** HOT: address words from `at` on, as in NlriCursor; nothing is allocated. */

const LOOPBACK_V4 = 127
const MULTICAST_V4 = 224
const MULTICAST_V6 = 0xff
const LINK_LOCAL_V6 = 0xfe800000 | 0
const TEN_BITS = 0xffc00000 | 0

/**
 * Whether a prefix lies wholly in what no router forwards: loopback, multicast and reserved space,
 * link-local and unspecified addresses (RFC 6890 §2.2, RFC 4291 §2.5). A default route does not.
 */
export function isMartian(words: Int32Array, at: number, bits: number, isV4: boolean): boolean {
  return isV4 ? isMartianV4(words[at]!, bits) : isMartianV6(words, at, bits)
}

function isMartianV4(word: number, bits: number): boolean {
  const first = word >>> 24
  if (first >= MULTICAST_V4) return bits >= 3
  return first === LOOPBACK_V4 ? bits >= 8 : word === 0 && bits === 32
}

function isMartianV6(words: Int32Array, at: number, bits: number): boolean {
  const first = words[at]!
  if (first >>> 24 === MULTICAST_V6) return bits >= 8
  if ((first & TEN_BITS) === LINK_LOCAL_V6) return bits >= 10
  if (bits < 128 || first !== 0 || words[at + 1] !== 0 || words[at + 2] !== 0) return false
  return words[at + 3] === 0 || words[at + 3] === 1
}
