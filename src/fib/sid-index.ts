import { i32 } from '../base/bytes.ts'
import type { NextHopId } from '../rib/next-hop.ts'

const WORDS = 4

/**
 * SIDs by address, to find those that a prefix covers without looking at the others. Sorted anew
 * when it is asked after a change.
 */
export class SidIndex {
  readonly #words = new Map<NextHopId, Int32Array>()
  #sorted: [NextHopId, Int32Array][] | null = []

  add(id: NextHopId, sid: Uint8Array): void {
    this.#words.set(
      id,
      Int32Array.from({ length: WORDS }, (_, k) => i32(sid, k * 4)),
    )
    this.#sorted = null
  }

  remove(id: NextHopId): void {
    if (this.#words.delete(id)) this.#sorted = null
  }

  /** Calls for each SID within the IPv6 prefix. */
  covered(prefix: Int32Array, bits: number, found: (id: NextHopId) => void): void {
    this.#sorted ??= [...this.#words].sort((a, b) => compare(a[1], b[1]))
    const sorted = this.#sorted
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(sorted[middle]![1], prefix) < 0) low = middle + 1
      else high = middle
    }
    for (let k = low; k < sorted.length && isWithin(sorted[k]![1], prefix, bits); k++) {
      found(sorted[k]![0])
    }
  }
}

function compare(a: Int32Array, b: Int32Array): number {
  for (let k = 0; k < WORDS; k++) {
    const difference = (a[k]! >>> 0) - (b[k]! >>> 0)
    if (difference !== 0) return difference
  }
  return 0
}

function isWithin(address: Int32Array, prefix: Int32Array, bits: number): boolean {
  for (let k = 0; k * 32 < bits; k++) {
    const mask = bits - k * 32 >= 32 ? -1 : ~(0xffffffff >>> (bits - k * 32))
    if (((address[k]! ^ prefix[k]!) & mask) !== 0) return false
  }
  return true
}
