/**
 * Open addressing from a 32-bit hash to row numbers, for tables that keep their keys in columns.
 * The table compares keys itself: it starts at `start(hash)`, steps with `next`, ends at row 0.
 *
 *   slots   [ 0, 7, 3, 0, … ]   linear probing, at most half full, removal shifts back
 *   hashes  [ -, …, h(3), … ]   by row: no key is read again when the slots grow
 */
export class HashIndex {
  #slots = new Int32Array(64)
  #hashes = new Uint32Array(32)
  #mask = 63
  #count = 0

  get count(): number {
    return this.#count
  }

  start(hash: number): number {
    return hash & this.#mask
  }

  next(slot: number): number {
    return (slot + 1) & this.#mask
  }

  rowAt(slot: number): number {
    return this.#slots[slot]!
  }

  hashOf(row: number): number {
    return this.#hashes[row]!
  }

  insert(row: number, hash: number): void {
    if ((this.#count + 1) * 2 > this.#slots.length) this.#growSlots()
    if (row >= this.#hashes.length) this.#growHashes(row)
    this.#hashes[row] = hash
    this.#place(row, hash)
    this.#count++
  }

  remove(row: number): void {
    let slot = this.#hashes[row]! & this.#mask
    while (this.#slots[slot] !== row) slot = (slot + 1) & this.#mask
    // Shift back what was pushed past this slot, so that no search stops short at the hole.
    for (let from = (slot + 1) & this.#mask; ; from = (from + 1) & this.#mask) {
      const other = this.#slots[from]!
      if (other === 0) break
      const home = this.#hashes[other]! & this.#mask
      if (((from - home) & this.#mask) < ((from - slot) & this.#mask)) continue
      this.#slots[slot] = other
      slot = from
    }
    this.#slots[slot] = 0
    this.#count--
  }

  #place(row: number, hash: number): void {
    let slot = hash & this.#mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask
    this.#slots[slot] = row
  }

  #growSlots(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    this.#mask = this.#slots.length - 1
    for (let k = 0; k < old.length; k++)
      if (old[k] !== 0) this.#place(old[k]!, this.#hashes[old[k]!]!)
  }

  #growHashes(row: number): void {
    let size = this.#hashes.length
    while (size <= row) size *= 2
    const hashes = new Uint32Array(size)
    hashes.set(this.#hashes)
    this.#hashes = hashes
  }
}
