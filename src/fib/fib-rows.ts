/** The keys of FibTable's rows: (table, family, prefix, metric) in columns, found by hash. */
import { hashWords } from '../base/hash.ts'
import { HashIndex } from '../base/hash-index.ts'
import type { Id } from '../base/id.ts'
import { grown, RowPool } from '../base/row-pool.ts'
import type { RouteBatch } from './kernel.ts'

export type FibRow = Id<'fib'>

export class RouteRows {
  #table = new Int32Array(64)
  /** 4 or 6; 0 for a free row. */
  #family = new Uint8Array(64)
  #bits = new Uint8Array(64)
  #metric = new Int32Array(64)
  #words = new Int32Array(64 * 4)
  readonly #pool = new RowPool(64)
  readonly #index = new HashIndex()
  readonly #key = new Int32Array(6)

  get capacity(): number {
    return this.#pool.capacity
  }

  get count(): number {
    return this.#pool.count
  }

  /** The row of a key, made when there is none. */
  add(
    table: number,
    family: 4 | 6,
    words: Int32Array,
    at: number,
    bits: number,
    metric: number,
  ): FibRow {
    const known = this.find(table, family, words, at, bits, metric)
    if (known !== 0) return known
    const row = this.#pool.take() as FibRow
    if (row >= this.#pool.capacity) this.#grow(row)
    this.#table[row] = table
    this.#family[row] = family
    this.#bits[row] = bits
    this.#metric[row] = metric
    for (let k = 0; k < 4; k++) this.#words[row * 4 + k] = this.#key[k]!
    this.#index.insert(row, this.#hash(family, bits))
    return row
  }

  find(
    table: number,
    family: 4 | 6,
    words: Int32Array,
    at: number,
    bits: number,
    metric: number,
  ): FibRow | 0 {
    const key = this.#key
    key[0] = words[at]!
    for (let k = 1; k < 4; k++) key[k] = family === 4 ? 0 : words[at + k]!
    key[4] = table
    key[5] = metric
    const hash = this.#hash(family, bits)
    for (let slot = this.#index.start(hash); ; slot = this.#index.next(slot)) {
      const row = this.#index.rowAt(slot)
      if (row === 0) return 0
      if (this.#index.hashOf(row) === hash && this.#matches(row, family, bits)) return row as FibRow
    }
  }

  #hash(family: number, bits: number): number {
    return hashWords(this.#key, 0, 6, (family << 8) | bits)
  }

  #matches(row: number, family: number, bits: number): boolean {
    const key = this.#key
    return (
      this.#family[row] === family &&
      this.#bits[row] === bits &&
      this.#words[row * 4] === key[0] &&
      this.#words[row * 4 + 1] === key[1] &&
      this.#words[row * 4 + 2] === key[2] &&
      this.#words[row * 4 + 3] === key[3] &&
      this.#table[row] === key[4] &&
      this.#metric[row] === key[5]
    )
  }

  remove(row: FibRow): void {
    this.#index.remove(row)
    this.#family[row] = 0
    this.#pool.give(row)
  }

  isUsed(row: FibRow): boolean {
    return this.#family[row] !== 0
  }

  /** Every row in use. */
  *all(): Generator<FibRow> {
    for (let row = 1; row < this.#pool.top; row++) {
      if (this.#family[row] !== 0) yield row as FibRow
    }
  }

  tableOf(row: FibRow): number {
    return this.#table[row]!
  }

  metricOf(row: FibRow): number {
    return this.#metric[row]! >>> 0
  }

  familyOf(row: FibRow): number {
    return this.#family[row]!
  }

  copyKey(row: FibRow, batch: RouteBatch, k: number): void {
    batch.table[k] = this.#table[row]!
    batch.family[k] = this.#family[row]!
    batch.bits[k] = this.#bits[row]!
    batch.metric[k] = this.#metric[row]!
    for (let word = 0; word < 4; word++) {
      batch.words[k * 4 + word] = this.#words[row * 4 + word]!
    }
  }

  /** One row as an object, for `show`, logs and tests. */
  row(row: FibRow): {
    table: number
    family: 4 | 6
    words: Int32Array
    bits: number
    metric: number
  } {
    return {
      table: this.#table[row]!,
      family: this.#family[row] as 4 | 6,
      words: this.#words.slice(row * 4, row * 4 + 4),
      bits: this.#bits[row]!,
      metric: this.#metric[row]! >>> 0,
    }
  }

  #grow(row: number): void {
    const capacity = this.#pool.grow(row)
    this.#table = grown(this.#table, capacity)
    this.#family = grown(this.#family, capacity)
    this.#bits = grown(this.#bits, capacity)
    this.#metric = grown(this.#metric, capacity)
    this.#words = grown(this.#words, capacity * 4)
  }
}
