/**
 * Routes of VRFs as Cilium's policy entries: a prefix and one SID. Cilium looks a policy up before
 * it looks at its own cluster, so a route that covers addresses of the cluster becomes the prefixes
 * around them. Where two routes make the same entry, the longer one counts.
 */
import { hexOf } from '../base/bytes.ts'
import type { CiliumMapTable } from './cilium-map-table.ts'
import { type CiliumEntry, policyEntry } from './cilium-maps.ts'
import { type AddressPrefix, complementOf } from './prefix-complement.ts'

interface Claim {
  bits: number
  entry: CiliumEntry
}

export class CiliumPolicies {
  readonly #maps: CiliumMapTable
  readonly #cluster: readonly AddressPrefix[]
  /** By route: the entries it makes. */
  readonly #made = new Map<string, CiliumEntry[]>()
  /** By entry: the routes that make it. */
  readonly #claims = new Map<string, Map<string, Claim>>()

  constructor(maps: CiliumMapTable, cluster: readonly AddressPrefix[]) {
    this.#maps = maps
    this.#cluster = cluster
  }

  /** False when the cluster's own addresses leave nothing of the prefix. */
  set(vrfId: number, prefix: AddressPrefix, sid: Uint8Array): boolean {
    const route = routeOf(vrfId, prefix)
    const entries = complementOf(prefix, this.#cluster).map(({ address, bits }) =>
      policyEntry(vrfId, address, bits, sid),
    )
    const before = this.#made.get(route) ?? []
    this.#made.set(route, entries)
    for (const entry of entries) this.#claim(route, { bits: prefix.bits, entry })
    const now = new Set(entries.map(nameOf))
    for (const entry of before) if (!now.has(nameOf(entry))) this.#giveUp(route, entry)
    return entries.length > 0
  }

  delete(vrfId: number, prefix: AddressPrefix): void {
    const route = routeOf(vrfId, prefix)
    for (const entry of this.#made.get(route) ?? []) this.#giveUp(route, entry)
    this.#made.delete(route)
  }

  #claim(route: string, claim: Claim): void {
    const name = nameOf(claim.entry)
    const claims = this.#claims.get(name) ?? new Map<string, Claim>()
    this.#claims.set(name, claims)
    claims.set(route, claim)
    this.#settle(claims)
  }

  #giveUp(route: string, entry: CiliumEntry): void {
    const name = nameOf(entry)
    const claims = this.#claims.get(name)
    if (!claims?.delete(route)) return
    if (claims.size > 0) {
      this.#settle(claims)
      return
    }
    this.#claims.delete(name)
    this.#maps.delete(entry)
  }

  #settle(claims: ReadonlyMap<string, Claim>): void {
    const [longest] = [...claims.values()].sort((a, b) => b.bits - a.bits)
    this.#maps.set(longest!.entry)
  }
}

function routeOf(vrfId: number, { address, bits }: AddressPrefix): string {
  return `${vrfId} ${hexOf(address)}/${bits}`
}

function nameOf({ map, key }: CiliumEntry): string {
  return `${map} ${key}`
}
