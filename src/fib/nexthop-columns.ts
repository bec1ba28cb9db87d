/**
 * HOT: what every route asks of its nexthop object, in columns by row: ten thousand objects stay in
 * the processor's cache, which ten thousand entries do not.
 */
import { grown, RowPool } from '../base/row-pool.ts'
import type { NexthopRow } from './nexthop-entry.ts'

const STATES = ['pending', 'installed', 'failed'] as const
export type NexthopState = (typeof STATES)[number]

export class NexthopColumns {
  readonly #pool = new RowPool(64)
  #refs = new Int32Array(64)
  #id = new Uint32Array(64)
  /** Index into STATES. */
  #state = new Uint8Array(64)
  #mtu = new Int32Array(64)
  #routeMtu = new Int32Array(64)

  /** A row that is pending, without id, reference or MTU. */
  take(): NexthopRow {
    const row = this.#pool.take() as NexthopRow
    if (row >= this.#pool.capacity) this.#grow(this.#pool.grow(row))
    this.#refs[row] = 0
    this.#id[row] = 0
    this.#state[row] = 0
    this.setMtus(row, 0, 0)
    return row
  }

  give(row: NexthopRow): void {
    this.#pool.give(row)
  }

  get count(): number {
    return this.#pool.count
  }

  refsOf(row: NexthopRow): number {
    return this.#refs[row]!
  }

  /** The references there are now. */
  addRefs(row: NexthopRow, by: number): number {
    this.#refs[row]! += by
    return this.#refs[row]!
  }

  idOf(row: NexthopRow): number {
    return this.#id[row]!
  }

  setId(row: NexthopRow, id: number): void {
    this.#id[row] = id
  }

  stateOf(row: NexthopRow): NexthopState {
    return STATES[this.#state[row]!]!
  }

  setState(row: NexthopRow, state: NexthopState): void {
    this.#state[row] = STATES.indexOf(state)
  }

  /** The largest packet that goes in whole, 0: as the devices say. */
  mtuOf(row: NexthopRow): number {
    return this.#mtu[row]!
  }

  /** RTAX_MTU of the routes through it. */
  routeMtuOf(row: NexthopRow): number {
    return this.#routeMtu[row]!
  }

  setMtus(row: NexthopRow, mtu: number, routeMtu: number): void {
    this.#mtu[row] = mtu
    this.#routeMtu[row] = routeMtu
  }

  #grow(capacity: number): void {
    this.#refs = grown(this.#refs, capacity)
    this.#id = grown(this.#id, capacity)
    this.#state = grown(this.#state, capacity)
    this.#mtu = grown(this.#mtu, capacity)
    this.#routeMtu = grown(this.#routeMtu, capacity)
  }
}
