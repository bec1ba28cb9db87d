/**
 * The Kernel port over Cilium's eBPF data path: routes of VRFs become policies, SIDs entries of the
 * SID map; links, addresses and look-ups are those of the real kernel. What the maps cannot say
 * (other next hops than one SID) is refused with a reason.
 */

import { putU32 } from '../base/bytes.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { Behavior } from '../wire/endpoint-behavior.ts'
import type { MapStore } from './bpftool.ts'
import { CiliumMapTable } from './cilium-map-table.ts'
import { sidEntry, sidOf, vrfIdOf } from './cilium-maps.ts'
import { CiliumPolicies } from './cilium-policies.ts'
import type {
  ChangedSetting,
  InterfaceAddress,
  Kernel,
  KernelDump,
  KernelNexthop,
  KernelRoute,
  KernelRule,
  KernelWatcher,
  Link,
  LocalSid,
  NexthopGroup,
  RouteBatch,
  RouteTo,
  RulePrefix,
} from './kernel.ts'
import { RouteKind, RouteOp } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import type { AddressPrefix } from './prefix-complement.ts'
import { ROUTE_METRIC, RTPROT_SRV6D } from './rtnetlink-constants.ts'

/** The agent makes its maps anew when it starts: nobody tells us. */
const WATCH_MS = 2000

export interface CiliumPorts {
  kernel: Kernel
  store: MapStore
  /** VRF ids that are ours: the routing tables of the configuration. */
  vrfIds: readonly number[]
  /** Addresses of the cluster itself. */
  cluster: readonly AddressPrefix[]
  clock: Clock
  log: Logger
}

export class CiliumKernel implements Kernel {
  readonly maps: CiliumMapTable
  readonly #real: Kernel
  readonly #clock: Clock
  readonly #log: Logger
  readonly #policies: CiliumPolicies
  readonly #routes = new Map<string, KernelRoute>()
  readonly #nexthops = new Map<number, KernelNexthop>()
  readonly #sids = new Map<string, LocalSid>()
  #timer: Timer | undefined
  #loaded = false

  constructor({ kernel, store, vrfIds, cluster, clock, log }: CiliumPorts) {
    this.#real = kernel
    this.#clock = clock
    this.#log = log
    this.maps = new CiliumMapTable(store, vrfIds, log)
    this.#policies = new CiliumPolicies(this.maps, cluster)
  }

  // ── what is Cilium's ──

  async applyRoutes(batch: RouteBatch): Promise<void> {
    for (let k = 0; k < batch.count; k++) batch.errno[k] = this.#applyRoute(batch, k)
    await this.maps.flush()
  }

  /** Only routes that lead to SIDs mean something here; `unreachable` and `throw` are the kernel's. */
  #applyRoute(batch: RouteBatch, k: number): number {
    const route = routeAt(batch, k)
    const key = keyOf(route)
    if (batch.op[k] === RouteOp.DELETE) {
      this.#routes.delete(key)
      if (isPolicy(route)) this.#policies.delete(route.table, prefixOf(route))
      return 0
    }
    this.#routes.set(key, route)
    return isPolicy(route) ? this.#setPolicy(route) : 0
  }

  #setPolicy(route: KernelRoute): number {
    const prefix = prefixOf(route)
    const sid = route.kind === RouteKind.UNICAST ? this.#sidBy(route.nexthop) : null
    if (sid === null) this.#policies.delete(route.table, prefix)
    else if (sid === 'none') return Errno.EOPNOTSUPP
    else if (!this.#policies.set(route.table, prefix, sid)) return Errno.EADDRINUSE
    return 0
  }

  /** The one SID of a nexthop object, of a group its heaviest member's; null: it has none. */
  #sidBy(id: number): Uint8Array | 'none' | null {
    const nexthop = this.#nexthops.get(id)
    if (nexthop === undefined) return null
    if ('members' in nexthop) {
      const [first] = [...nexthop.members].sort((a, b) => b.weight - a.weight)
      return first ? this.#sidBy(first.id) : null
    }
    const { segments = [] } = nexthop
    if (segments.length > 1) return 'none'
    return segments[0] ?? null
  }

  async putNexthop(nexthop: KernelNexthop): Promise<void> {
    this.#nexthops.set(nexthop.id, nexthop)
  }

  async replaceNexthop(group: NexthopGroup): Promise<void> {
    this.#nexthops.set(group.id, group)
    for (const route of this.#routes.values()) {
      if (route.nexthop === group.id && isPolicy(route)) this.#setPolicy(route)
    }
    await this.maps.flush()
  }

  async deleteNexthop(id: number): Promise<void> {
    this.#nexthops.delete(id)
  }

  async putLocalSid(sid: LocalSid): Promise<void> {
    if (sid.target.kind !== 'table') {
      throw new KernelError(
        'SID in Cilium',
        Errno.EOPNOTSUPP,
        'it decapsulates for a whole VRF only',
      )
    }
    const entry = sidEntry(sid.sid, sid.target.table)
    this.maps.set(entry)
    await this.maps.flush()
    const why = this.maps.whyNot(entry)
    if (why !== null) throw new KernelError('SID in Cilium', Errno.EIO, why)
    this.#sids.set(entry.key, sid)
  }

  async deleteLocalSid(sid: LocalSid): Promise<void> {
    if (sid.target.kind !== 'table') return
    const entry = sidEntry(sid.sid, sid.target.table)
    this.#sids.delete(entry.key)
    this.maps.delete(entry)
    await this.maps.flush()
  }

  /** At the start the SIDs of a former run; later what was asked for. */
  async dump(): Promise<KernelDump> {
    if (!this.#loaded) await this.#load()
    return {
      routes: [...this.#routes.values()],
      nexthops: [...this.#nexthops.values()],
      localSids: [...this.#sids.values()],
    }
  }

  async #load(): Promise<void> {
    this.#loaded = true
    await this.maps.load()
    for (const entry of this.maps.found('cilium_srv6_sid')) {
      const target = { kind: 'table', table: vrfIdOf(entry) } as const
      const base = { sid: sidOf(entry), prefixBits: 128, behavior: Behavior.END_DT46, ifindex: 1 }
      this.#sids.set(entry.key, { ...base, target })
      this.maps.set(entry)
    }
    this.#watchMaps()
  }

  #watchMaps(): void {
    this.#timer = this.#clock.after(WATCH_MS, () => {
      this.maps
        .watch()
        .catch((error) => this.#log.error({ err: error }, 'eBPF maps not read'))
        .finally(() => this.#watchMaps())
    })
  }

  /** The outer source is the agent's choice: an address of `cilium_host`. */
  async setTunnelSource(): Promise<void> {}

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.#real.close()
  }

  // ── what is the kernel's ──

  ensureVrf(name: string, table: number): Promise<{ ifindex: number; created: boolean }> {
    return this.#real.ensureVrf(name, table)
  }

  removeLink(name: string): Promise<void> {
    return this.#real.removeLink(name)
  }

  enslave(ifname: string, vrfIfindex: number, takes?: boolean): Promise<void> {
    return this.#real.enslave(ifname, vrfIfindex, takes)
  }

  setUp(name: string): Promise<void> {
    return this.#real.setUp(name)
  }

  sysctl(path: string, value: string): Promise<string> {
    return this.#real.sysctl(path, value)
  }

  keepSettings(device?: string): Promise<ChangedSetting[]> {
    return this.#real.keepSettings(device)
  }

  get changedSysctls(): ReadonlyMap<string, string> {
    return this.#real.changedSysctls
  }

  links(): Promise<Link[]> {
    return this.#real.links()
  }

  addresses(): Promise<InterfaceAddress[]> {
    return this.#real.addresses()
  }

  addAddress(address: InterfaceAddress): Promise<void> {
    return this.#real.addAddress(address)
  }

  rules(): Promise<KernelRule[]> {
    return this.#real.rules()
  }

  putRule(rule: KernelRule): Promise<void> {
    return this.#real.putRule(rule)
  }

  deleteRule(rule: KernelRule): Promise<void> {
    return this.#real.deleteRule(rule)
  }

  ensurePair(name: string, peer: string): Promise<{ ifindex: number; created: boolean }> {
    return this.#real.ensurePair(name, peer)
  }

  hasVrfDevices(): Promise<boolean> {
    return this.#real.hasVrfDevices()
  }

  reachedPrefixes(): Promise<RulePrefix[]> {
    return this.#real.reachedPrefixes()
  }

  routeTo(address: Uint8Array): Promise<RouteTo> {
    return this.#real.routeTo(address)
  }

  watch(watcher: KernelWatcher): () => void {
    return this.#real.watch(watcher)
  }
}

function routeAt(batch: RouteBatch, k: number): KernelRoute {
  return {
    table: batch.table[k]!,
    family: batch.family[k] as 4 | 6,
    words: batch.words.slice(k * 4, k * 4 + 4),
    bits: batch.bits[k]!,
    kind: batch.kind[k]!,
    nexthop: batch.nexthop[k]!,
    metric: batch.metric[k]! >>> 0,
    mtu: batch.mtu[k]!,
    protocol: RTPROT_SRV6D,
  }
}

function isPolicy({ metric }: KernelRoute): boolean {
  return metric === ROUTE_METRIC
}

function prefixOf({ family, words, bits }: KernelRoute): AddressPrefix {
  const address = new Uint8Array(family === 4 ? 4 : 16)
  for (let k = 0; k * 4 < address.length; k++) putU32(address, k * 4, words[k]!)
  return { address, bits }
}

function keyOf({ table, family, words, bits, metric }: KernelRoute): string {
  return `${table} ${family} ${words.join('.')}/${bits} ${metric}`
}
