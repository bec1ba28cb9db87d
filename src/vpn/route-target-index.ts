import { i32 } from '../base/bytes.ts'
import { hashBytes } from '../base/hash.ts'
import { HashIndex } from '../base/hash-index.ts'
import { grown, RowPool } from '../base/row-pool.ts'
import { AttrsMap } from '../rib/attrs-map.ts'
import type { AttrsId, AttrsTable } from '../rib/path-attrs.ts'
import { isRouteTarget } from '../wire/ext-community.ts'
import { Attr } from '../wire/registry.ts'
import type { Vrf } from './vrf.ts'

/** A set of VRFs, by number; set 0 is empty. */
export type VrfSetId = number

/** A bit a VRF number; words of zero at the end are left out. */
interface VrfSet {
  readonly bits: Int32Array
  readonly vrfs: readonly Vrf[]
  /** How many prefixes stand in these VRFs. */
  holders: number
}

/** So many sets that nobody holds are kept for the next route. */
const SPARE = 1024

/**
 * Route target -> the VRFs that import it, and attribute set -> the VRFs that its targets name
 * (RFC 4364 §4.3.1). The answer for an attribute set is computed once. There are as many sets as a
 * neighbour makes up lists of targets: `tidy` lets go of those that no prefix stands in.
 */
export class RouteTargetIndex {
  readonly #attrs: AttrsTable
  /** By the high, then the low word of the target: the VRFs as bits. */
  readonly #byTarget = new Map<number, Map<number, Int32Array>>()
  readonly #vrfs: Vrf[] = []
  readonly #sets: (VrfSet | undefined)[] = [{ bits: new Int32Array(0), vrfs: [], holders: 1 }]
  readonly #pool = new RowPool(64)
  readonly #index = new HashIndex()
  #held = 0
  #setOf: AttrsMap
  /** A set in the making. */
  #bits = new Int32Array(1)

  constructor(attrs: AttrsTable) {
    this.#attrs = attrs
    this.#setOf = new AttrsMap(attrs)
  }

  /** Sets that are remembered, the empty one left out. */
  get setCount(): number {
    return this.#pool.count
  }

  add(vrf: Vrf): void {
    const { number } = vrf.spec
    this.#vrfs[number] = vrf
    const words = (number >>> 5) + 1
    if (words > this.#bits.length) this.#bits = grown(this.#bits, words)
    for (const target of vrf.spec.importTargets) {
      const high = i32(target, 0)
      const low = i32(target, 4)
      const lows = this.#byTarget.get(high) ?? new Map<number, Int32Array>()
      this.#byTarget.set(high, lows)
      const before = lows.get(low) ?? new Int32Array(0)
      const bits = before.length < words ? grown(before, words) : before
      bits[words - 1] = bits[words - 1]! | (1 << (number & 31))
      lows.set(low, bits)
    }
    this.#setOf = new AttrsMap(this.#attrs)
  }

  vrfsOf(set: VrfSetId): readonly Vrf[] {
    return this.#sets[set]!.vrfs
  }

  has(set: VrfSetId, vrf: Vrf): boolean {
    const { number } = vrf.spec
    const { bits } = this.#sets[set]!
    const word = number >>> 5
    return word < bits.length && ((bits[word]! >>> (number & 31)) & 1) === 1
  }

  /** The VRFs of either set. */
  union(a: VrfSetId, b: VrfSetId): VrfSetId {
    if (a === b || b === 0) return a
    if (a === 0) return b
    this.#bits.fill(0)
    this.#or(this.#sets[a]!.bits)
    this.#or(this.#sets[b]!.bits)
    return this.#numberOf()
  }

  /** The VRFs that import a route with these attributes. */
  importersOf(id: AttrsId): VrfSetId {
    const known = this.#setOf.get(id)
    if (known !== -1) return known
    const set = this.#compute(id)
    this.#setOf.set(id, set)
    return set
  }

  /** A prefix stands in these VRFs. */
  hold(set: VrfSetId): void {
    const row = this.#sets[set]!
    if (row.holders++ === 0) this.#held++
  }

  /** It does so no more. */
  drop(set: VrfSetId): void {
    const row = this.#sets[set]!
    if (--row.holders === 0) this.#held--
  }

  /** Forgets sets that nobody holds, when there are many: their numbers mean nothing from here on. */
  tidy(): void {
    if (this.#pool.count <= 2 * this.#held + SPARE) return
    for (let set = 1; set < this.#pool.top; set++) {
      if (this.#sets[set]?.holders !== 0) continue
      this.#sets[set] = undefined
      this.#index.remove(set)
      this.#pool.give(set)
    }
    this.#setOf = new AttrsMap(this.#attrs)
  }

  #compute(id: AttrsId): VrfSetId {
    const attrs = this.#attrs
    if (!attrs.find(id, Attr.EXTENDED_COMMUNITIES)) return 0
    this.#bits.fill(0)
    for (let at = attrs.valueAt; at < attrs.valueEnd; at += 8) {
      if (!isRouteTarget(attrs.bytes, at)) continue
      const bits = this.#byTarget.get(i32(attrs.bytes, at))?.get(i32(attrs.bytes, at + 4))
      if (bits !== undefined) this.#or(bits)
    }
    return this.#numberOf()
  }

  #or(bits: Int32Array): void {
    for (let k = 0; k < bits.length; k++) this.#bits[k] = this.#bits[k]! | bits[k]!
  }

  /** The number of the set in `#bits`, made where it is new. */
  #numberOf(): VrfSetId {
    const bits = this.#bits
    let words = bits.length
    while (words > 0 && bits[words - 1] === 0) words--
    if (words === 0) return 0
    const index = this.#index
    const hash = hashBytes(new Uint8Array(bits.buffer), 0, words * 4)
    for (let slot = index.start(hash); index.rowAt(slot) !== 0; slot = index.next(slot)) {
      const set = index.rowAt(slot)
      if (index.hashOf(set) === hash && isAlike(this.#sets[set]!.bits, bits, words)) return set
    }
    const set = this.#pool.take()
    const own = bits.slice(0, words)
    this.#sets[set] = { bits: own, vrfs: this.#members(own), holders: 0 }
    index.insert(set, hash)
    return set
  }

  #members(bits: Int32Array): Vrf[] {
    const vrfs: Vrf[] = []
    for (let word = 0; word < bits.length; word++) {
      for (let left = bits[word]!; left !== 0; left &= left - 1) {
        vrfs.push(this.#vrfs[word * 32 + 31 - Math.clz32(left & -left)]!)
      }
    }
    return vrfs
  }
}

function isAlike(own: Int32Array, bits: Int32Array, words: number): boolean {
  if (own.length !== words) return false
  for (let k = 0; k < words; k++) if (own[k] !== bits[k]) return false
  return true
}
