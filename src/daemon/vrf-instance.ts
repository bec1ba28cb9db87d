import { NONE } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { Dataplane, VrfPlane } from '../fib/dataplane.ts'
import { type Interfaces, networkWords } from '../fib/interfaces.ts'
import type { LocalSid as KernelSid } from '../fib/kernel.ts'
import type { LocalSidTable } from '../fib/local-sid-table.ts'
import type { RibContext } from '../rib/loc-rib.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import { PathKind } from '../rib/path-table.ts'
import { type LocalRoute, LocalRoutes } from '../vpn/local-routes.ts'
import type { LocalSid, Locator, SidManager } from '../vpn/sid-manager.ts'
import { ADDRESS_FAMILIES, type AddressFamily, Vrf } from '../vpn/vrf.ts'
import { Behavior } from '../wire/endpoint-behavior.ts'
import { Family } from '../wire/registry.ts'
import type { StaticRouteConfig, VrfConfig } from './config-schema.ts'

/** A SID of a VRF, and the form that the kernel is given. */
export interface VrfSid {
  readonly row: LocalSid
  readonly kernel: KernelSid
}

/** The SID of a VRF by its `sid` mode: wire behaviour, the same without its flavor, families. */
interface SidPlan {
  readonly classic: number
  readonly nextCsid: number
  readonly families: readonly AddressFamily[]
}

// biome-ignore format: one row a SID
const SID_PLANS: Record<VrfConfig['sid'], readonly SidPlan[]> = {
  'per-vrf': [
    { classic: Behavior.END_DT46, nextCsid: Behavior.END_DT46_NEXT_CSID, families: ADDRESS_FAMILIES },
  ],
  'per-family': [
    { classic: Behavior.END_DT4, nextCsid: Behavior.END_DT4_NEXT_CSID, families: [Family.IPV4_UNICAST] },
    { classic: Behavior.END_DT6, nextCsid: Behavior.END_DT6_NEXT_CSID, families: [Family.IPV6_UNICAST] },
  ],
}

/** A VRF as it stands in this daemon: configuration, tables, and what the kernel has of it. */
export class VrfInstance {
  readonly config: VrfConfig
  readonly vrf: Vrf
  /** The VRF in the kernel. */
  readonly plane: VrfPlane
  readonly sids: VrfSid[] = []
  readonly #localRoutes: LocalRoutes
  readonly #problems: string[] = []
  readonly #context: RibContext
  readonly #log: Logger

  constructor(
    number: number,
    config: VrfConfig,
    dataplane: Dataplane,
    context: RibContext,
    log: Logger,
  ) {
    this.config = config
    this.#context = context
    this.#log = log
    this.vrf = new Vrf(
      {
        number,
        name: config.name,
        table: config.table,
        rd: config.rd.bytes,
        importTargets: config.importTargets.map((target) => target.bytes),
        exportTargets: config.exportTargets.map((target) => target.bytes),
        exportConnected: config.redistribute.includes('connected'),
        exportStatic: config.redistribute.includes('static'),
      },
      context,
    )
    this.plane = dataplane.addVrf({ ...config, log })
    this.#localRoutes = new LocalRoutes(this.vrf, context)
  }

  /** Allocates the SIDs; a VRF without one exports nothing of that family and says so. */
  allocateSids(manager: SidManager, locator: Locator): void {
    const { name, table } = this.config
    for (const plan of SID_PLANS[this.config.sid]) {
      const behavior = locator.nextCsid ? plan.nextCsid : plan.classic
      try {
        const row = manager.allocate(locator, name, table, behavior, plan.classic)
        for (const family of plan.families) this.vrf.sids.set(family, row)
        this.sids.push({ row, kernel: this.plane.localSid(row.sid, behavior) })
      } catch (error) {
        this.#problem((error as Error).message)
      }
    }
  }

  /** The VRF has another device, or none: its SIDs go by that. */
  moveSids(table: LocalSidTable): void {
    for (const [k, { row, kernel }] of this.sids.entries()) {
      if (!this.plane.isOpen) table.unwant(kernel)
      else {
        const moved = this.plane.localSid(row.sid, kernel.behavior)
        this.sids[k] = { row, kernel: moved }
        table.want(moved)
      }
    }
  }

  /** For the operator: what does not work. */
  get problems(): string[] {
    return [...this.plane.problems, ...this.#problems]
  }

  /** Kinds of path that stay in this VRF: neither exported nor told to its CEs. */
  get hidden(): PathKind[] {
    const { exportConnected, exportStatic } = this.vrf.spec
    return [
      ...(exportConnected ? [] : [PathKind.CONNECTED]),
      ...(exportStatic ? [] : [PathKind.STATIC]),
    ]
  }

  /** Makes the tables hold the connected networks and static routes of this moment. */
  syncLocalRoutes(known: Interfaces): void {
    const { nextHops } = this.#context
    const { number } = this.vrf.spec
    const networks = known.connected((ifindex) => this.plane.holds(ifindex))
    const routes: LocalRoute[] = networks.map((network) => ({
      family: network.family,
      words: network.words,
      bits: network.bits,
      kind: PathKind.CONNECTED,
      nextHop: () => nextHops.device(number, network.ifindex),
    }))
    for (const route of this.config.staticRoutes) {
      routes.push({
        family: route.prefix.family === 4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST,
        words: networkWords(route.prefix.bytes, route.prefix.bits),
        bits: route.prefix.bits,
        kind: PathKind.STATIC,
        nextHop: () => this.#staticNextHop(route, known),
      })
    }
    this.#localRoutes.sync(routes)
  }

  #staticNextHop(route: StaticRouteConfig, known: Interfaces): NextHopId {
    const { nextHops } = this.#context
    const { number } = this.vrf.spec
    if (route.via !== null) {
      return nextHops.gateway(number, route.via.bytes, 0, route.via.bytes.length)
    }
    if (route.interface === null) return NONE
    return nextHops.device(number, known.link(route.interface)?.ifindex ?? 0)
  }

  #problem(text: string): void {
    this.#problems.push(text)
    this.#log.error({}, text)
  }
}
