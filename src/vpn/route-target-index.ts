import { i32 } from '../base/bytes.ts'
import { AttrsMap } from '../rib/attrs-map.ts'
import type { AttrsId, AttrsTable } from '../rib/path-attrs.ts'
import { isRouteTarget } from '../wire/ext-community.ts'
import { Attr } from '../wire/registry.ts'
import type { Vrf } from './vrf.ts'

/** A set of VRFs, by number; set 0 is empty. */
export type VrfSetId = number

/**
 * Route target -> the VRFs that import it, and attribute set -> the VRFs that its targets name
 * (RFC 4364 §4.3.1). The answer for an attribute set is computed once.
 */
export class RouteTargetIndex {
  readonly #attrs: AttrsTable
  /** By the high, then the low word of the target. */
  readonly #byTarget = new Map<number, Map<number, Vrf[]>>()
  readonly #sets: (readonly Vrf[])[] = [[]]
  readonly #setByName = new Map<string, VrfSetId>([['', 0]])
  readonly #unions = new Map<number, VrfSetId>()
  #setOf: AttrsMap

  constructor(attrs: AttrsTable) {
    this.#attrs = attrs
    this.#setOf = new AttrsMap(attrs)
  }

  add(vrf: Vrf): void {
    for (const target of vrf.spec.importTargets) {
      const high = i32(target, 0)
      const low = i32(target, 4)
      const lows = this.#byTarget.get(high) ?? new Map<number, Vrf[]>()
      this.#byTarget.set(high, lows)
      lows.set(low, [...(lows.get(low) ?? []), vrf])
    }
    this.#setOf = new AttrsMap(this.#attrs)
  }

  vrfsOf(set: VrfSetId): readonly Vrf[] {
    return this.#sets[set]!
  }

  /** The VRFs of either set. */
  union(a: VrfSetId, b: VrfSetId): VrfSetId {
    if (a === b || b === 0) return a
    if (a === 0) return b
    const pair = a * 2 ** 26 + b
    let set = this.#unions.get(pair)
    if (set === undefined) {
      set = this.#numberOf([...new Set([...this.#sets[a]!, ...this.#sets[b]!])])
      this.#unions.set(pair, set)
    }
    return set
  }

  /** The VRFs that import a route with these attributes. */
  importersOf(id: AttrsId): VrfSetId {
    const known = this.#setOf.get(id)
    if (known !== -1) return known
    const set = this.#compute(id)
    this.#setOf.set(id, set)
    return set
  }

  #compute(id: AttrsId): VrfSetId {
    const attrs = this.#attrs
    if (!attrs.find(id, Attr.EXTENDED_COMMUNITIES)) return 0
    const found = new Set<Vrf>()
    for (let at = attrs.valueAt; at < attrs.valueEnd; at += 8) {
      if (!isRouteTarget(attrs.bytes, at)) continue
      const vrfs = this.#byTarget.get(i32(attrs.bytes, at))?.get(i32(attrs.bytes, at + 4))
      for (const vrf of vrfs ?? []) found.add(vrf)
    }
    return this.#numberOf([...found])
  }

  #numberOf(found: Vrf[]): VrfSetId {
    const vrfs = found.sort((a, b) => a.spec.number - b.spec.number)
    const name = vrfs.map((vrf) => vrf.spec.number).join(' ')
    let set = this.#setByName.get(name)
    if (set === undefined) {
      set = this.#sets.push(vrfs) - 1
      this.#setByName.set(name, set)
    }
    return set
  }
}
