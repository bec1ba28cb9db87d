import { randomBytes } from 'node:crypto'

/**
 * Seeds every hash of this process: a neighbour that knows the function still cannot choose
 * prefixes or attributes that all fall into one chain.
 */
const SEED = randomBytes(4).readInt32LE(0)

/** HOT: 32-bit hash of a byte range (a murmur3 body over big-endian words). */
export function hashBytes(buf: Uint8Array, at: number, end: number): number {
  let h = SEED
  let k = at
  for (; k + 4 <= end; k += 4) {
    h = mixWord(h, (buf[k]! << 24) | (buf[k + 1]! << 16) | (buf[k + 2]! << 8) | buf[k + 3]!)
  }
  let tail = 0
  for (; k < end; k++) tail = (tail << 8) | buf[k]!
  return finish(mixWord(h, tail) ^ (end - at))
}

/** HOT: 32-bit hash of the first `count` words. */
export function hashWords(words: Int32Array, at: number, count: number, extra: number): number {
  let h = SEED
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
