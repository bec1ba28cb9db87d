import { NONE } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { Dataplane, VrfPlane } from '../fib/dataplane.ts'
import { type Interfaces, networkWords } from '../fib/interfaces.ts'
import type { RibContext } from '../rib/loc-rib.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import { PathKind } from '../rib/path-table.ts'
import { type LocalRoute, LocalRoutes } from '../vpn/local-routes.ts'
import { ServiceSids, type SidKeeper } from '../vpn/service-sids.ts'
import type { SidManager } from '../vpn/sid-manager.ts'
import { Vrf } from '../vpn/vrf.ts'
import { Family } from '../wire/registry.ts'
import type { StaticRouteConfig, VrfConfig } from './config-schema.ts'
import { locatorOf, sidPlanOf } from './sid-plans.ts'

/** A VRF as it stands in this daemon: configuration, tables, and what the kernel has of it. */
export class VrfInstance {
  readonly config: VrfConfig
  readonly vrf: Vrf
  /** The VRF in the kernel. */
  readonly plane: VrfPlane
  readonly sids: ServiceSids
  readonly #localRoutes: LocalRoutes
  readonly #context: RibContext
  readonly #flaws: string[] = []

  constructor(
    number: number,
    config: VrfConfig,
    dataplane: Dataplane,
    sids: { manager: SidManager; keeper: SidKeeper },
    context: RibContext,
    log: Logger,
  ) {
    this.config = config
    this.#context = context
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
        maximumPaths: config.maximumPaths,
      },
      context,
    )
    const plan = sidPlanOf(config, dataplane.hasDt46)
    this.plane = dataplane.addVrf({ ...config, straight: plan.byGateway.size > 0, log })
    this.#localRoutes = new LocalRoutes(this.vrf, context)
    if (config.sids.dt46 !== null && !dataplane.hasDt46) {
      this.#flaws.push('sids.dt46 is not used: this data plane has no End.DT46')
    }
    this.sids = new ServiceSids({
      ...sids,
      vrf: config,
      locator: locatorOf(config.locator),
      plan,
      nextHops: context.nextHops,
    })
  }

  /** For the operator: what does not work. */
  get problems(): string[] {
    const { problem } = this.sids
    return [...this.plane.problems, ...this.#flaws, ...(problem === null ? [] : [problem])]
  }

  /** Its interfaces that are not in it, and why; of none before the kernel was looked at. */
  get missing(): string[] {
    return this.plane.circuits.flatMap(({ name, attached, why }) =>
      attached || why === null ? [] : [`interface ${name}: ${why}`],
    )
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
}
