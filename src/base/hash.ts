import { randomBytes } from 'node:crypto'

/**
 * The key of every hash of this process: a neighbour that knows the functions still cannot choose
 * prefixes or attributes that all fall into one chain.
 */
const KEY = randomBytes(8)
const KEY_0 = KEY.readInt32LE(0)
const KEY_1 = KEY.readInt32LE(4)

/**
 * HOT: 32-bit hash of a byte range, over big-endian words: HalfSipHash-1-3. A murmur would be
 * quicker, but has differences that cancel from one word to the next whatever its seed, so
 * attributes of n words make 2^(n/2) collisions.
 */
export function hashBytes(buf: Uint8Array, at: number, end: number): number {
  let v0 = KEY_0
  let v1 = KEY_1
  let v2 = 0x6c796765 ^ KEY_0
  let v3 = 0x74656462 ^ KEY_1
  const len = end - at
  const words = len >>> 2
  let k = at
  // The last word holds the length and what is left over; three rounds without a word finish.
  for (let n = 0; n <= words + 3; n++) {
    let word = 0
    if (n < words) {
      word = (buf[k]! << 24) | (buf[k + 1]! << 16) | (buf[k + 2]! << 8) | buf[k + 3]!
      k += 4
    } else if (n === words) {
      word = len << 24
      for (; k < end; k++) word ^= buf[k]! << (8 * (end - 1 - k))
    } else if (n === words + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return (v1 ^ v3) >>> 0
}

/**
 * HOT: 32-bit hash of the first `count` words, a murmur: for keys of a few words, which have too
 * few such collisions to matter.
 */
export function hashWords(words: Int32Array, at: number, count: number, extra: number): number {
  let h = KEY_0
  for (let k = 0; k < count; k++) h = mixWord(h, words[at + k]!)
  return finish(mixWord(h, extra))
}

function mixWord(hash: number, word: number): number {
  let w = Math.imul(word, 0xcc9e2d51)
  w = Math.imul((w << 15) | (w >>> 17), 0x1b873593)
  const h = hash ^ w
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
