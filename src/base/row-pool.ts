/** Hands out row numbers from 1, the freed ones first; tells when the columns must grow. */
export class RowPool {
  #free = new Int32Array(64)
  #freeCount = 0
  #top = 1
  #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** One past the highest row ever taken: what a scan over all rows runs to. */
  get top(): number {
    return this.#top
  }

  get capacity(): number {
    return this.#capacity
  }

  /** Rows in use. */
  get count(): number {
    return this.#top - 1 - this.#freeCount
  }

  /** A row; when it is not below `capacity` the caller grows its columns with `grow`. */
  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount]!
    return this.#top++
  }

  /** Doubles the capacity until `row` fits; returns the new capacity. */
  grow(row: number): number {
    while (this.#capacity <= row) this.#capacity *= 2
    return this.#capacity
  }

  give(row: number): void {
    if (this.#freeCount === this.#free.length) {
      const free = new Int32Array(this.#free.length * 2)
      free.set(this.#free)
      this.#free = free
    }
    this.#free[this.#freeCount++] = row
  }
}

/** The column with room for `capacity` rows: the same, or a larger copy. */
export function grown<T extends Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array>(
  column: T,
  capacity: number,
): T {
  const larger = new (column.constructor as new (n: number) => T)(capacity)
  larger.set(column)
  return larger
}
