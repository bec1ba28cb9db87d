import { copyBytes, equalBytes } from './bytes.ts'
import { hashBytes } from './hash.ts'
import { HashIndex } from './hash-index.ts'
import { grown, RowPool } from './row-pool.ts'

const UNIT = 16

/**
 * Each distinct byte string once, with a number and a reference count.
 *
 *   id  at(×16)  len  refs
 *    1        0   74     3     all bytes lie in one arena, in units of 16 octets;
 *    2        5   12     1     freed space goes to a list of its size; when most of it is
 *                             free and none fits, what is left moves together
 */
export class ByteIntern {
  #arena = new Uint8Array(64 * 1024)
  #arenaUnits = 0
  #freeUnits = 0
  #at = new Int32Array(32)
  #len = new Int32Array(32)
  #refs = new Int32Array(32)
  #pool = new RowPool(32)
  #index = new HashIndex()
  /** First freed row-less block of each size in units; a block's first 4 octets name the next. */
  #freeBlocks: number[] = []
  /** The last `intern` made a new row. */
  lastWasNew = false

  /**
   * The arena: read at `atOf(id)` to `endOf(id)`. An `intern` may replace it and move what is in it:
   * keep neither over one.
   */
  get bytes(): Uint8Array {
    return this.#arena
  }

  get count(): number {
    return this.#index.count
  }

  /** What the byte strings take of the arena. */
  get octets(): number {
    return (this.#arenaUnits - this.#freeUnits) * UNIT
  }

  atOf(id: number): number {
    return this.#at[id]! * UNIT
  }

  endOf(id: number): number {
    return this.#at[id]! * UNIT + this.#len[id]!
  }

  refsOf(id: number): number {
    return this.#refs[id]!
  }

  /** The number of these bytes, with one reference more than before. */
  intern(buf: Uint8Array, at: number, end: number): number {
    const len = end - at
    const hash = hashBytes(buf, at, end)
    const index = this.#index
    for (let slot = index.start(hash); ; slot = index.next(slot)) {
      const id = index.rowAt(slot)
      if (id === 0) break
      if (index.hashOf(id) !== hash || this.#len[id] !== len) continue
      if (!equalBytes(buf, at, this.#arena, this.#at[id]! * UNIT, len)) continue
      this.#refs[id] = this.#refs[id]! + 1
      this.lastWasNew = false
      return id
    }
    this.lastWasNew = true
    return this.#add(buf, at, len, hash)
  }

  /** The number of these bytes, 0 if they are not here; no reference is taken. */
  find(buf: Uint8Array, at: number, end: number): number {
    const hash = hashBytes(buf, at, end)
    const index = this.#index
    for (let slot = index.start(hash); ; slot = index.next(slot)) {
      const id = index.rowAt(slot)
      if (id === 0) return 0
      if (index.hashOf(id) !== hash || this.#len[id] !== end - at) continue
      if (equalBytes(buf, at, this.#arena, this.#at[id]! * UNIT, end - at)) return id
    }
  }

  retain(id: number): void {
    this.#refs[id] = this.#refs[id]! + 1
  }

  /** One reference less; true when it was the last and the number is free for other bytes. */
  release(id: number): boolean {
    const refs = this.#refs[id]! - 1
    if (refs < 0) throw new Error(`byte string ${id} released once too often`)
    this.#refs[id] = refs
    if (refs > 0) return false
    this.#index.remove(id)
    this.#freeBlock(this.#at[id]!, unitsOf(this.#len[id]!))
    this.#pool.give(id)
    return true
  }

  #add(buf: Uint8Array, at: number, len: number, hash: number): number {
    const id = this.#pool.take()
    if (id >= this.#pool.capacity) this.#growRows(id)
    const block = this.#takeBlock(unitsOf(len))
    this.#at[id] = block
    this.#len[id] = len
    this.#refs[id] = 1
    copyBytes(buf, at, this.#arena, block * UNIT, len)
    this.#index.insert(id, hash)
    return id
  }

  #takeBlock(units: number): number {
    const free = this.#freeBlocks[units]
    if (free !== undefined && free !== 0) {
      this.#freeBlocks[units] = this.#linkAt(free - 1)
      this.#freeUnits -= units
      return free - 1
    }
    if ((this.#arenaUnits + units) * UNIT > this.#arena.length) this.#makeRoom(units)
    const block = this.#arenaUnits
    this.#arenaUnits += units
    return block
  }

  /** For sizes that come and go: each would have its own free list for good. */
  #makeRoom(units: number): void {
    if (this.#freeUnits > this.#arenaUnits / 2) this.#moveTogether()
    let size = this.#arena.length
    while (size < (this.#arenaUnits + units) * UNIT) size *= 2
    if (size > this.#arena.length) this.#arena = grown(this.#arena, size)
  }

  #moveTogether(): void {
    const arena = new Uint8Array(this.#arena.length)
    let units = 0
    for (let id = 1; id < this.#pool.top; id++) {
      if (this.#refs[id] === 0) continue
      const len = this.#len[id]!
      copyBytes(this.#arena, this.#at[id]! * UNIT, arena, units * UNIT, len)
      this.#at[id] = units
      units += unitsOf(len)
    }
    this.#arena = arena
    this.#arenaUnits = units
    this.#freeUnits = 0
    this.#freeBlocks = []
  }

  #freeBlock(block: number, units: number): void {
    while (this.#freeBlocks.length <= units) this.#freeBlocks.push(0)
    this.#freeUnits += units
    const at = block * UNIT
    const next = this.#freeBlocks[units]!
    this.#arena[at] = next >>> 24
    this.#arena[at + 1] = next >>> 16
    this.#arena[at + 2] = next >>> 8
    this.#arena[at + 3] = next
    this.#freeBlocks[units] = block + 1
  }

  #linkAt(block: number): number {
    const at = block * UNIT
    const a = this.#arena
    return ((a[at]! << 24) | (a[at + 1]! << 16) | (a[at + 2]! << 8) | a[at + 3]!) >>> 0
  }

  #growRows(row: number): void {
    const capacity = this.#pool.grow(row)
    this.#at = grown(this.#at, capacity)
    this.#len = grown(this.#len, capacity)
    this.#refs = grown(this.#refs, capacity)
  }
}

function unitsOf(len: number): number {
  return len === 0 ? 1 : (len + UNIT - 1) >>> 4
}
