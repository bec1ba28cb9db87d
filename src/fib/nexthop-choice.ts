import { putU16, putU32 } from '../base/bytes.ts'
import type { NexthopRow } from './nexthop-entry.ts'

/** Members of a group at most, and the weight that one of them can have in the kernel. */
export const MAX_MEMBERS = 64
export const MAX_WEIGHT = 256

const MEMBER_BYTES = 6

/**
 * HOT: what some route goes by: objects with weights, and the one that takes over when none of
 * them can be used. Filled, asked for, and filled again; the order of `add` means nothing.
 */
export class NexthopChoice {
  readonly rows = new Int32Array(MAX_MEMBERS)
  readonly weights = new Int32Array(MAX_MEMBERS)
  count = 0
  backup = 0 as NexthopRow | 0
  /** After `encode`: the same choice has the same octets. */
  readonly buf = new Uint8Array(MAX_MEMBERS * MEMBER_BYTES + 4)
  end = 0

  reset(): void {
    this.count = 0
    this.backup = 0
  }

  add(row: NexthopRow, weight: number): void {
    const { rows, weights } = this
    let k = this.count
    while (k > 0 && rows[k - 1]! >= row) k--
    if (k < this.count && rows[k] === row) {
      weights[k] = Math.min(MAX_WEIGHT, weights[k]! + weight)
      return
    }
    if (this.count === MAX_MEMBERS) return
    rows.copyWithin(k + 1, k, this.count)
    weights.copyWithin(k + 1, k, this.count)
    rows[k] = row
    weights[k] = weight
    this.count++
  }

  /** A backup that is in use already is none. */
  setBackup(row: NexthopRow | 0): void {
    this.backup = row
    for (let k = 0; k < this.count; k++) if (this.rows[k] === row) this.backup = 0
  }

  encode(): void {
    let end = 0
    for (let k = 0; k < this.count; k++, end += MEMBER_BYTES) {
      putU32(this.buf, end, this.rows[k]!)
      putU16(this.buf, end + 4, this.weights[k]!)
    }
    putU32(this.buf, end, this.backup)
    this.end = end + 4
  }
}
