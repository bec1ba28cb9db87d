import type { KernelDump } from '../fib/kernel.ts'
import { ADDRESS_FAMILIES, type AddressFamily, vpnFamilyOf } from '../vpn/vrf.ts'
import { behaviorSpec, type Family, familySpec } from '../wire/registry.ts'
import type { VrfInstance } from './vrf-instance.ts'

/**
 * What of a former run's forwarding the kernel still had when we started: the truth behind the
 * F bits of graceful restart (RFC 4724 §3, RFC 9494 §3.1). A VRF of which there is no trace is
 * new: it never was announced, so nothing of it can be lost.
 */
export class ForwardingState {
  /** The kernel had a route or a SID of ours. */
  readonly found: boolean
  /** '10 4': a table that had routes of ours of that family. */
  readonly #routes = new Set<string>()
  /** The same of SIDs that take the family's packets. */
  readonly #sids = new Set<string>()

  constructor({ routes, localSids }: KernelDump) {
    this.found = routes.length + localSids.length > 0
    for (const { table, family } of routes) this.#routes.add(`${table} ${family}`)
    for (const { target, behavior, ifindex } of localSids) {
      // Straight to a CE: only the device tells whose it is.
      const where = target.kind === 'next-hop' ? `dev ${ifindex}` : target.table
      const spec = behaviorSpec(behavior)
      if (spec?.v4) this.#sids.add(`${where} 4`)
      if (spec?.v6) this.#sids.add(`${where} 6`)
    }
  }

  /** Whether a VRF's packets of a family came through; null: it had none before. */
  #survived(vrf: VrfInstance, family: AddressFamily): boolean | null {
    const version = familySpec(family).addressBytes === 4 ? 4 : 6
    const key = `${vrf.config.table} ${version}`
    if (this.#sids.has(key) || this.#sids.has(`dev ${vrf.plane.ifindex} ${version}`)) return true
    return this.#routes.has(key) ? false : null
  }

  /** Families of a neighbour in this VRF, or of one in the core (null): those to set the bit for. */
  preserved(vrf: VrfInstance | null, vrfs: readonly VrfInstance[]): Family[] {
    if (vrf !== null) return ADDRESS_FAMILIES.filter((f) => this.#survived(vrf, f) === true)
    return ADDRESS_FAMILIES.filter((family) => {
      const all = vrfs.map((each) => this.#survived(each, family))
      return all.includes(true) && !all.includes(false)
    }).map(vpnFamilyOf)
  }
}
