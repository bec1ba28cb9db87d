import { NONE } from '../base/id.ts'
import { Why } from '../rib/decision.ts'
import type { LocRib } from '../rib/loc-rib.ts'
import { type NextHopId, NextHopKind, type NextHopTable } from '../rib/next-hop.ts'
import type { PathId } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import type { Locator } from './locator.ts'
import {
  type LocalSid,
  nextHopIdentity,
  SidExhausted,
  type SidManager,
  tableIdentity,
} from './sid-manager.ts'
import type { AddressFamily } from './vrf.ts'

/** An endpoint behaviour in both its flavors (RFC 8986, RFC 9800). */
export interface SidForm {
  readonly classic: number
  readonly nextCsid: number
}

/** Which SIDs the routes of a VRF get. */
export interface SidPlan {
  /** One a prefix, instead of one for all routes that are forwarded in the same way. */
  readonly perPrefix: boolean
  /** By the routing table: routes that nothing below is for. */
  readonly byTable: ReadonlyMap<AddressFamily, SidForm>
  /** Routes through a gateway: straight to it. */
  readonly byGateway: ReadonlyMap<AddressFamily, SidForm>
  /** SIDs that the configuration names, by their classic behaviour. */
  readonly explicit: ReadonlyMap<number, Uint8Array>
}

export type ServiceSidState = 'pending' | 'installed' | 'failed'

/** A SID in use: what routes are announced with once the kernel has it. */
export interface ServiceSid {
  /** Never given twice in a run. */
  readonly number: number
  readonly owner: ServiceSids
  readonly local: LocalSid
  readonly form: SidForm
  /** The gateway, with a reference; NONE: by the routing table. */
  readonly nextHop: NextHopId
  readonly family: AddressFamily
  /** Of a per-prefix SID. */
  readonly prefix: { words: Int32Array; bits: number } | null
  readonly key: number | string
  state: ServiceSidState
  /** Routes announced with it. */
  refs: number
}

/** Who brings SIDs to the kernel and keeps them there while packets may still come for them. */
export interface SidKeeper {
  /** A new SID: `state` is written, and exports told, once the kernel has answered. */
  install(row: ServiceSid): void
  /** No route has it any more; ends with `forget`, unless `keep` comes first. */
  drop(row: ServiceSid): void
  keep(row: ServiceSid): void
}

export interface ServiceSidPorts {
  readonly vrf: { name: string; table: number }
  readonly locator: Locator
  readonly plan: SidPlan
  readonly manager: SidManager
  readonly nextHops: NextHopTable
  readonly keeper: SidKeeper
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193
let lastNumber = 0

/** A SID as a path asks for it. */
interface Wanted {
  readonly form: SidForm
  readonly family: AddressFamily
  readonly via: NextHopId
  readonly prefix: ServiceSid['prefix']
  readonly key: number | string
}

/** The SIDs of one VRF: which one a route is announced with, counted by the routes that have it. */
export class ServiceSids {
  readonly #ports: ServiceSidPorts
  readonly #rows = new Map<number | string, ServiceSid>()
  /** The last refusal, until an allocation succeeds. */
  problem: string | null = null
  /** Why `take` had no SID. */
  why = 0

  constructor(ports: ServiceSidPorts) {
    this.#ports = ports
  }

  get locator(): Locator {
    return this.#ports.locator
  }

  rows(): IterableIterator<ServiceSid> {
    return this.#rows.values()
  }

  /** For `show`: the SID that the best path of a prefix is to have and the kernel does not. */
  refusedFor(rib: LocRib, prefix: PrefixId): ServiceSid | undefined {
    const best = rib.bestOf(prefix)
    const wanted = best === NONE ? undefined : this.#wanted(rib, prefix, best)
    const row = wanted && this.#rows.get(wanted.key)
    return row?.state === 'failed' ? row : undefined
  }

  /** The SIDs by the routing table are there from the start to the end. */
  open(): void {
    const { plan } = this.#ports
    if (plan.perPrefix) return
    for (const [family, form] of plan.byTable) {
      const via = NONE as NextHopId
      const row = this.#find({ form, family, via, prefix: null, key: sharedKey(form, via) })
      // One that serves both families counts once.
      if (row && row.family === family) row.refs++
    }
  }

  /** The SID of a path to a prefix, with a reference; undefined: there is none, `why` says so. */
  take(rib: LocRib, prefix: PrefixId, path: PathId): ServiceSid | undefined {
    const wanted = this.#wanted(rib, prefix, path)
    if (wanted === undefined) {
      this.why = Why.SID_NONE
      return undefined
    }
    const row = this.#find(wanted)
    if (row === undefined) return undefined
    if (row.refs++ === 0) this.#ports.keeper.keep(row)
    return row
  }

  give(row: ServiceSid): void {
    if (--row.refs === 0) this.#ports.keeper.drop(row)
  }

  /** The keeper has taken it out of the kernel. */
  forget(row: ServiceSid): void {
    this.#rows.delete(row.key)
    this.#ports.manager.release(row.local)
    this.#ports.nextHops.release(row.nextHop)
  }

  #wanted(rib: LocRib, prefix: PrefixId, path: PathId): Wanted | undefined {
    const { plan, nextHops } = this.#ports
    const family = rib.family as AddressFamily
    const nextHop = rib.paths.nextHopOf(path)
    const isGateway = nextHop !== NONE && nextHops.kindOf(nextHop) === NextHopKind.GATEWAY
    const straight = isGateway ? plan.byGateway.get(family) : undefined
    const form = straight ?? plan.byTable.get(family)
    if (form === undefined) return undefined
    const via = straight === undefined ? (NONE as NextHopId) : nextHop
    if (!plan.perPrefix) return { form, family, via, prefix: null, key: sharedKey(form, via) }
    const own = keyOf(rib, prefix)
    const key = `${family} ${own.words.join('.')}/${own.bits} ${via}`
    return { form, family, via, prefix: own, key }
  }

  #find({ form, family, via, prefix, key }: Wanted): ServiceSid | undefined {
    const known = this.#rows.get(key)
    if (known) return known
    const { locator, vrf, plan, manager, nextHops, keeper } = this.#ports
    try {
      const local = manager.allocate({
        locator,
        vrf: vrf.name,
        behavior: locator.nextCsid ? form.nextCsid : form.classic,
        identity: this.#identity(form, via),
        explicit: plan.explicit.get(form.classic),
        hash: prefix === null ? undefined : hashOf(prefix),
      })
      nextHops.retain(via)
      const row: ServiceSid = {
        number: ++lastNumber,
        owner: this,
        ...{ local, form, nextHop: via, family, prefix, key },
        state: 'pending',
        refs: 0,
      }
      this.#rows.set(key, row)
      this.problem = null
      keeper.install(row)
      return row
    } catch (error) {
      if (!(error instanceof SidExhausted)) throw error
      this.problem = error.message
      this.why = Why.SID_EXHAUSTED
      return undefined
    }
  }

  #identity(form: SidForm, via: NextHopId): string {
    const { vrf, nextHops } = this.#ports
    if (via === NONE) return tableIdentity(form.classic, vrf.table)
    return nextHopIdentity(form.classic, nextHops.addressOf(via), nextHops.ifindexOf(via))
  }
}

function sharedKey(form: SidForm, via: number): number {
  return form.classic * 2 ** 32 + via
}

function keyOf({ prefixes }: LocRib, prefix: PrefixId): { words: Int32Array; bits: number } {
  const at = prefixes.wordsAt(prefix)
  const words = prefixes.words.slice(at, at + prefixes.keyWords)
  return { words, bits: prefixes.bitsOf(prefix) }
}

/** FNV-1a over the prefix: the same in every run, unlike the seeded hashes of the tables. */
function hashOf({ words, bits }: { words: Int32Array; bits: number }): number {
  let hash = FNV_OFFSET
  for (const word of words) {
    for (let k = 0; k < 32; k += 8) hash = Math.imul(hash ^ ((word >>> k) & 0xff), FNV_PRIME)
  }
  return Math.imul(hash ^ bits, FNV_PRIME) >>> 0
}
