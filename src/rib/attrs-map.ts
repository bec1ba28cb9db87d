import { grown } from '../base/row-pool.ts'
import type { AttrsId, AttrsTable } from './path-attrs.ts'

/**
 * What was computed from an attribute set, by its number: another set, or any number.
 * Holds no references: an entry counts only while the generations it was made from still stand.
 */
export class AttrsMap {
  readonly #attrs: AttrsTable
  #value = new Int32Array(64)
  #from = new Uint32Array(64)
  #has = new Uint8Array(64)

  constructor(attrs: AttrsTable) {
    this.#attrs = attrs
  }

  /** The number kept for a set, -1 when there is none (any more). */
  get(id: AttrsId): number {
    if (id >= this.#has.length || this.#has[id] === 0) return -1
    return this.#from[id] === this.#attrs.generationOf(id) ? this.#value[id]! : -1
  }

  set(id: AttrsId, value: number): void {
    if (id >= this.#has.length) this.#grow(id)
    this.#value[id] = value
    this.#from[id] = this.#attrs.generationOf(id)
    this.#has[id] = 1
  }

  #grow(id: number): void {
    let capacity = this.#has.length
    while (capacity <= id) capacity *= 2
    this.#value = grown(this.#value, capacity)
    this.#from = grown(this.#from, capacity)
    this.#has = grown(this.#has, capacity)
  }
}

/** A derived attribute set by the set it was derived from; a derived set that was freed is gone. */
export class DerivedSets {
  readonly #attrs: AttrsTable
  readonly #derived: AttrsMap
  readonly #generation: AttrsMap

  constructor(attrs: AttrsTable) {
    this.#attrs = attrs
    this.#derived = new AttrsMap(attrs)
    this.#generation = new AttrsMap(attrs)
  }

  /** The derived set with one reference for the caller; 0 when it has to be derived. */
  take(id: AttrsId): AttrsId {
    const derived = this.#derived.get(id) as AttrsId
    if (derived <= 0) return 0 as AttrsId
    if (this.#generation.get(id) !== (this.#attrs.generationOf(derived) | 0)) return 0 as AttrsId
    this.#attrs.retain(derived)
    return derived
  }

  set(id: AttrsId, derived: AttrsId): void {
    this.#derived.set(id, derived)
    this.#generation.set(id, this.#attrs.generationOf(derived))
  }
}
