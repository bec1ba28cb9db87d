import { DirtyQueue } from '../base/dirty-queue.ts'
import { NONE } from '../base/id.ts'
import type { CrowdLane } from './crowd-lane.ts'
import type { PrefixId, PrefixTable } from './prefix-table.ts'

/**
 * The prefixes of a table that wait for their decision, each at most once and with a reference of
 * its row: those with few paths in a queue, the crowds apart until the lane of crowds is free.
 */
export class DirtyPrefixes {
  readonly #prefixes: PrefixTable
  readonly #lane: CrowdLane
  readonly #few = new DirtyQueue()
  readonly #crowds = new DirtyQueue()

  constructor(prefixes: PrefixTable, lane: CrowdLane) {
    this.#prefixes = prefixes
    this.#lane = lane
  }

  get size(): number {
    return this.#few.size + this.#crowds.size
  }

  /** Less the crowds that have to wait. */
  get readySize(): number {
    return this.#few.size + Number(this.#crowds.size > 0 && this.#lane.isFor(this))
  }

  has(prefix: PrefixId): boolean {
    return this.#few.has(prefix) || this.#crowds.has(prefix)
  }

  /** True when it is the first of its queue. */
  add(prefix: PrefixId, isCrowd: boolean): boolean {
    const queue = isCrowd ? this.#crowds : this.#few
    this.#prefixes.retain(prefix)
    queue.add(prefix)
    if (isCrowd) this.#lane.enter(this)
    return queue.size === 1
  }

  /** The next with few paths, NONE when there is none; its reference is the caller's. */
  take(): PrefixId {
    return this.#few.take() as PrefixId
  }

  /** The next crowd if its time has come. */
  takeCrowd(): PrefixId {
    if (this.#crowds.size === 0 || !this.#lane.isFor(this)) return NONE as PrefixId
    return this.#crowds.take() as PrefixId
  }

  /** A crowd was decided, which looked at so many paths. */
  passed(paths: number): void {
    this.#lane.passed(this, paths, this.#crowds.size > 0)
  }
}
