/**
 * A queue of row numbers in which each row stands at most once: a row that changes ten times
 * before its turn is worked on once. Ring of Int32 with a bit a row; grows, never shrinks.
 */
export class DirtyQueue {
  #ring = new Int32Array(256)
  #head = 0
  #count = 0
  #queued = new Uint8Array(256)
  #random = 0x9e3779b9

  get size(): number {
    return this.#count
  }

  add(row: number): void {
    if (row >= this.#queued.length) this.#growBits(row)
    if (this.#queued[row] === 1) return
    this.#queued[row] = 1
    if (this.#count === this.#ring.length) this.#growRing()
    this.#ring[(this.#head + this.#count) & (this.#ring.length - 1)] = row
    this.#count++
  }

  /** Adds a row at a random place: what is taken from many such rows is in no order. */
  scatter(row: number): void {
    const before = this.#count
    this.add(row)
    if (this.#count === before || before === 0) return
    // xorshift32
    this.#random ^= this.#random << 13
    this.#random ^= this.#random >>> 17
    this.#random ^= this.#random << 5
    const place = (this.#head + ((this.#random >>> 0) % this.#count)) & (this.#ring.length - 1)
    const last = (this.#head + before) & (this.#ring.length - 1)
    this.#ring[last] = this.#ring[place]!
    this.#ring[place] = row
  }

  /** The row that waited longest, 0 (NONE) when there is none. */
  take(): number {
    if (this.#count === 0) return 0
    const row = this.#ring[this.#head]!
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#count--
    this.#queued[row] = 0
    return row
  }

  has(row: number): boolean {
    return this.#queued[row] === 1
  }

  #growRing(): void {
    const ring = new Int32Array(this.#ring.length * 2)
    for (let k = 0; k < this.#count; k++) {
      ring[k] = this.#ring[(this.#head + k) & (this.#ring.length - 1)]!
    }
    this.#ring = ring
    this.#head = 0
  }

  #growBits(row: number): void {
    let size = this.#queued.length
    while (size <= row) size *= 2
    const queued = new Uint8Array(size)
    queued.set(this.#queued)
    this.#queued = queued
  }
}
