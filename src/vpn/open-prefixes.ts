import type { Vrf } from './vrf.ts'

/**
 * Prefixes that came into VRFs without a pool that keeps them apart, of one family: whether another
 * one shares an address with one of another VRF. Within or around alike: the node routes by address.
 */
export class OpenPrefixes {
  readonly #members = new Map<string, Vrf>()
  /** Their keys: by first address, the shorter prefix first. */
  readonly #sorted: string[] = []

  has(words: Int32Array, bits: number): boolean {
    return this.#members.has(keyOf(words, bits))
  }

  add(words: Int32Array, bits: number, vrf: Vrf): void {
    const key = keyOf(words, bits)
    if (!this.#members.has(key)) this.#sorted.splice(this.#placeOf(key), 0, key)
    this.#members.set(key, vrf)
  }

  remove(words: Int32Array, bits: number): void {
    const key = keyOf(words, bits)
    if (this.#members.delete(key)) this.#sorted.splice(this.#placeOf(key), 1)
  }

  /** Another VRF that has an address of the prefix by another prefix. */
  ownerOf(words: Int32Array, bits: number, vrf: Vrf): Vrf | undefined {
    if (this.#members.size === 0) return undefined
    for (let length = 1; length < bits; length++) {
      const around = this.#members.get(keyOf(words, length))
      if (around !== undefined && around !== vrf) return around
    }
    const own = keyOf(words, bits)
    const last = addressOf(words, bits, -1)
    for (let at = this.#placeOf(own); at < this.#sorted.length; at++) {
      const key = this.#sorted[at]!
      if (key.slice(0, last.length) > last) return undefined
      const within = this.#members.get(key)!
      if (key !== own && within !== vrf) return within
    }
    return undefined
  }

  /** Where a key is, or would be. */
  #placeOf(key: string): number {
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sorted[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

function keyOf(words: Int32Array, bits: number): string {
  return addressOf(words, bits, 0) + hex(bits, 2)
}

/** The first address of a prefix (`rest` 0) or its last (`rest` -1), in hex. */
function addressOf(words: Int32Array, bits: number, rest: 0 | -1): string {
  let text = ''
  for (let k = 0; k < words.length; k++) {
    const kept = Math.min(Math.max(bits - k * 32, 0), 32)
    const mask = kept === 0 ? 0 : -1 << (32 - kept)
    text += hex((words[k]! & mask) | (rest & ~mask), 8)
  }
  return text
}

const hex = (value: number, digits: number) => (value >>> 0).toString(16).padStart(digits, '0')
