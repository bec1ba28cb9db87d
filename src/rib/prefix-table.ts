import { hashWords } from '../base/hash.ts'
import { HashIndex } from '../base/hash-index.ts'
import type { Id } from '../base/id.ts'
import { grown, RowPool } from '../base/row-pool.ts'
import { type Family, familySpec } from '../wire/registry.ts'

export type PrefixId = Id<'prefix'>

/**
 * The prefixes of one table of one family, with RD where the family has one.
 *
 *   id  words                                   bits  refs  first
 *    1  0000fde8 0000006e 0a010000               24     2     17   65000:110 10.1.0.0/24
 *    2  0000fde8 0000006e ac100100               30     1     18
 *
 * A row lives as long as someone counts a reference: a path, a neighbour that was told of it,
 * a queue in which it waits.
 */
export class PrefixTable {
  readonly family: Family
  readonly keyWords: number
  #words: Int32Array
  #bits = new Uint8Array(64)
  #refs = new Int32Array(64)
  readonly #pool = new RowPool(64)
  readonly #index = new HashIndex()

  constructor(family: Family) {
    this.family = family
    this.keyWords = familySpec(family).keyWords
    this.#words = new Int32Array(64 * this.keyWords)
  }

  get count(): number {
    return this.#index.count
  }

  /** One past the highest row: scan 1 … top-1 and ask `isUsed`. */
  get top(): number {
    return this.#pool.top
  }

  isUsed(id: PrefixId): boolean {
    return this.#refs[id]! > 0
  }

  /** The words of all keys; row `id` starts at `wordsAt(id)`. Replaced when it grows. */
  get words(): Int32Array {
    return this.#words
  }

  wordsAt(id: PrefixId): number {
    return id * this.keyWords
  }

  bitsOf(id: PrefixId): number {
    return this.#bits[id]!
  }

  /** HOT: the row of a key, 0 when it is not here. */
  find(key: Int32Array, at: number, bits: number): PrefixId {
    const index = this.#index
    const hash = hashWords(key, at, this.keyWords, bits)
    for (let slot = index.start(hash); ; slot = index.next(slot)) {
      const id = index.rowAt(slot) as PrefixId
      if (id === 0) return id
      if (index.hashOf(id) === hash && this.#isKey(id, key, at, bits)) return id
    }
  }

  /** HOT: the row of a key, made where it is new; counts one reference. */
  intern(key: Int32Array, at: number, bits: number): PrefixId {
    const index = this.#index
    const hash = hashWords(key, at, this.keyWords, bits)
    for (let slot = index.start(hash); ; slot = index.next(slot)) {
      const id = index.rowAt(slot) as PrefixId
      if (id === 0) return this.#add(key, at, bits, hash)
      if (index.hashOf(id) === hash && this.#isKey(id, key, at, bits)) {
        this.#refs[id] = this.#refs[id]! + 1
        return id
      }
    }
  }

  retain(id: PrefixId): void {
    this.#refs[id] = this.#refs[id]! + 1
  }

  release(id: PrefixId): void {
    const refs = this.#refs[id]! - 1
    if (refs < 0) throw new Error(`prefix ${id} released once too often`)
    this.#refs[id] = refs
    if (refs > 0) return
    this.#index.remove(id)
    this.#pool.give(id)
  }

  #isKey(id: PrefixId, key: Int32Array, at: number, bits: number): boolean {
    if (this.#bits[id] !== bits) return false
    const mine = id * this.keyWords
    for (let k = 0; k < this.keyWords; k++) {
      if (this.#words[mine + k] !== key[at + k]) return false
    }
    return true
  }

  #add(key: Int32Array, at: number, bits: number, hash: number): PrefixId {
    const id = this.#pool.take() as PrefixId
    if (id >= this.#pool.capacity) {
      const capacity = this.#pool.grow(id)
      this.#words = grown(this.#words, capacity * this.keyWords)
      this.#bits = grown(this.#bits, capacity)
      this.#refs = grown(this.#refs, capacity)
    }
    for (let k = 0; k < this.keyWords; k++) this.#words[id * this.keyWords + k] = key[at + k]!
    this.#bits[id] = bits
    this.#refs[id] = 1
    this.#index.insert(id, hash)
    return id
  }
}
