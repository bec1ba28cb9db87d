import t from 'tap'
import { hashBytes, hashWords } from '../../src/base/hash.ts'

const MANY = 4096
const PAIRS = 12

/** The x with x * by = value, modulo 2^32. */
function divided(value: number, by: number): number {
  let inverse = by
  for (let k = 0; k < 5; k++) inverse = Math.imul(inverse, 2 - Math.imul(by, inverse))
  return Math.imul(value, inverse)
}

/** The word that murmur3 mixes in as `mixed`. */
function murmurWord(mixed: number): number {
  const x = divided(mixed, 0x1b873593)
  return divided((x >>> 15) | (x << 17), 0xcc9e2d51)
}

t.test('octets made to collide under a seeded murmur3, whatever the seed, do not', async (t) => {
  const seen = new Set<number>()
  for (let k = 0; k < MANY; k++) {
    const octets = new DataView(new ArrayBuffer(PAIRS * 8))
    for (let pair = 0; pair < PAIRS; pair++) {
      const on = (k >> pair) & 1
      octets.setInt32(pair * 8, murmurWord(on << 18))
      octets.setInt32(pair * 8 + 4, murmurWord(on << 31))
    }
    seen.add(hashBytes(new Uint8Array(octets.buffer), 0, octets.byteLength))
  }
  t.ok(seen.size > MANY - 20, `${seen.size} different hashes`)
})

t.test('a hash of octets is that of all of them and no others, wherever they lie', async (t) => {
  const seen = new Set<number>()
  for (let len = 0; len < 600; len++) seen.add(hashBytes(new Uint8Array(1000), 0, len))
  t.ok(seen.size > 590, 'the length counts')
  for (let len = 0; len < 40; len++) {
    const octets = Uint8Array.from({ length: 60 }, (_, k) => k * 37)
    const hash = hashBytes(octets, 3, 3 + len)
    t.equal(hashBytes(octets.slice(3, 3 + len), 0, len), hash)
    t.equal(hash, hash >>> 0)
    for (let k = 0; k < len; k++) {
      const other = octets.slice()
      other[3 + k] = other[3 + k]! ^ 0x80
      if (hashBytes(other, 3, 3 + len) === hash) t.fail(`octet ${k} of ${len} does not count`)
    }
  }
})

t.test('keys of few words spread over the low bits', async (t) => {
  const used = new Set<number>()
  for (let k = 0; k < MANY; k++) used.add(hashWords(Int32Array.of(k << 16, 0), 0, 2, 24) % MANY)
  t.ok(used.size > MANY / 2, `${used.size} of ${MANY}`)
})
