import { NONE } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import { type Interfaces, networkWords } from '../fib/interfaces.ts'
import type { Kernel, LocalSid as KernelSid } from '../fib/kernel.ts'
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

export interface InterfaceState {
  readonly name: string
  enslaved: boolean
  why: string | null
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
  readonly interfaces: InterfaceState[]
  readonly sids: VrfSid[] = []
  readonly problems: string[] = []
  /** Of the VRF device; 0: there is none. */
  ifindex = 0
  /** The device is our making, so `on-stop: remove` removes it. */
  created = false
  readonly #localRoutes: LocalRoutes
  readonly #context: RibContext
  readonly #log: Logger

  constructor(number: number, config: VrfConfig, context: RibContext, log: Logger) {
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
    this.interfaces = config.interfaces.map((name) => ({ name, enslaved: false, why: null }))
    this.#localRoutes = new LocalRoutes(this.vrf, context)
  }

  /** The VRF device: made, or adopted as it is. */
  async ensureDevice(kernel: Kernel): Promise<void> {
    try {
      const { ifindex, created } = await kernel.ensureVrf(this.config.device, this.config.table)
      this.ifindex = ifindex
      this.created = created
      const { device, table } = this.config
      this.#log.info({ device, table }, created ? 'vrf device created' : 'vrf device adopted')
    } catch (error) {
      this.#problem(`device ${this.config.device}: ${(error as Error).message}`)
    }
  }

  /** Puts the interfaces that are there, and not yet in, into the VRF; true when one was moved. */
  async enslave(kernel: Kernel, known: Interfaces): Promise<boolean> {
    let moved = false
    for (const row of this.interfaces) {
      const link = known.link(row.name)
      row.enslaved = link !== undefined && this.ifindex !== 0 && link.master === this.ifindex
      if (link === undefined) row.why = 'no such interface'
      else if (row.enslaved) row.why = null
      if (link === undefined || row.enslaved || this.ifindex === 0) continue
      try {
        await kernel.enslave(row.name, this.ifindex)
        row.enslaved = true
        row.why = null
        moved = true
        this.#log.info({ interface: row.name }, 'interface put into the vrf')
      } catch (error) {
        if (row.why !== (error as Error).message) {
          this.#log.error({ interface: row.name, err: error }, 'interface not put into the vrf')
        }
        row.why = (error as Error).message
      }
    }
    return moved
  }

  /** Allocates the SIDs; a VRF without one exports nothing of that family and says so. */
  allocateSids(manager: SidManager, locator: Locator): void {
    const { name, table } = this.config
    for (const plan of SID_PLANS[this.config.sid]) {
      const behavior = locator.nextCsid ? plan.nextCsid : plan.classic
      try {
        const row = manager.allocate(locator, name, table, behavior, plan.classic)
        for (const family of plan.families) this.vrf.sids.set(family, row)
        const target = { kind: 'vrftable', table } as const
        const kernel = { sid: row.sid, prefixBits: 128, behavior, target, ifindex: this.ifindex }
        this.sids.push({ row, kernel })
      } catch (error) {
        this.#problem((error as Error).message)
      }
    }
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
    // Without its device a VRF has no networks; the main table's are not its.
    const networks = this.ifindex === 0 ? [] : known.connected(this.ifindex)
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
    this.problems.push(text)
    this.#log.error({}, text)
  }
}
