import type { Vrf } from './vrf.ts'

/**
 * Prefixes that came into VRFs without a pool that keeps them apart, of one family: whether another
 * one shares an address with one of another VRF. Within or around alike: the node routes by address.
 */
export class OpenPrefixes {
  readonly #members = new Map<string, Vrf>()
  /** By each prefix around a member: how many members of which VRF are within. */
  readonly #within = new Map<string, Map<Vrf, number>>()

  has(words: Int32Array, bits: number): boolean {
    return this.#members.has(keyOf(words, bits))
  }

  add(words: Int32Array, bits: number, vrf: Vrf): void {
    const key = keyOf(words, bits)
    if (this.#members.has(key)) return
    this.#members.set(key, vrf)
    this.#count(words, bits, vrf, 1)
  }

  remove(words: Int32Array, bits: number): void {
    const key = keyOf(words, bits)
    const vrf = this.#members.get(key)
    if (vrf === undefined) return
    this.#members.delete(key)
    this.#count(words, bits, vrf, -1)
  }

  /** Another VRF that has an address of the prefix by another prefix. */
  ownerOf(words: Int32Array, bits: number, vrf: Vrf): Vrf | undefined {
    for (let length = 1; length < bits; length++) {
      const around = this.#members.get(keyOf(words, length))
      if (around !== undefined && around !== vrf) return around
    }
    const within = this.#within.get(keyOf(words, bits))
    return within && [...within.keys()].find((each) => each !== vrf)
  }

  #count(words: Int32Array, bits: number, vrf: Vrf, by: 1 | -1): void {
    for (let length = 1; length < bits; length++) {
      const key = keyOf(words, length)
      const counts = this.#within.get(key) ?? new Map<Vrf, number>()
      const count = (counts.get(vrf) ?? 0) + by
      if (count > 0) counts.set(vrf, count)
      else counts.delete(vrf)
      if (counts.size > 0) this.#within.set(key, counts)
      else this.#within.delete(key)
    }
  }
}

function keyOf(words: Int32Array, bits: number): string {
  let key = `${bits}`
  for (let k = 0; k * 32 < bits; k++) {
    const kept = Math.min(bits - k * 32, 32)
    key += ` ${words[k]! & (-1 << (32 - kept))}`
  }
  return key
}
