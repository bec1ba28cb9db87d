import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Dataplane } from '../fib/dataplane.ts'
import { FibTable } from '../fib/fib-table.ts'
import { VrfFib } from '../fib/from-vrf.ts'
import { type InScope, Interfaces } from '../fib/interfaces.ts'
import type { Kernel } from '../fib/kernel.ts'
import { LocalSidTable } from '../fib/local-sid-table.ts'
import { NextHopResolver } from '../fib/next-hop-resolver.ts'
import { NexthopTable } from '../fib/nexthop-table.ts'
import type { KernelTables } from '../fib/reconcile.ts'
import { SidEscapes } from '../fib/sid-escapes.ts'
import { CrowdLane } from '../rib/crowd-lane.ts'
import type { RestartDeferral } from '../rib/graceful-restart.ts'
import { LocRib, type RibContext } from '../rib/loc-rib.ts'
import { type NextHopId, NextHopTable } from '../rib/next-hop.ts'
import { AttrsTable } from '../rib/path-attrs.ts'
import type { PeerId } from '../rib/path-table.ts'
import { RibPeers } from '../rib/rib-peer.ts'
import { ListenSet } from '../session/listener.ts'
import { type Connect, connectTcp } from '../session/transport.ts'
import { VpnExport } from '../vpn/export.ts'
import { VpnImport } from '../vpn/import.ts'
import { RouteTargetIndex } from '../vpn/route-target-index.ts'
import { SidManager } from '../vpn/sid-manager.ts'
import { ADDRESS_FAMILIES, vpnFamilyOf } from '../vpn/vrf.ts'
import { Family } from '../wire/registry.ts'
import type { Config, NeighborConfig } from './config-schema.ts'
import { deferUntilCaughtUp } from './defer-restart.ts'
import type { ForwardingState } from './forwarding-state.ts'
import { KernelFollower } from './kernel-follower.ts'
import { dataplaneOf, prepareKernel, removeFromKernel, sweep, takeOver } from './kernel-state.ts'
import { Listening } from './listen-all.ts'
import { makeInstaller } from './make-installer.ts'
import { makeNeighbor } from './make-neighbor.ts'
import type { Neighbor } from './neighbor.ts'
import { scopeOfNoVrf } from './next-hop-self.ts'
import { NodeNetworks } from './node-networks.ts'
import { PeerCalls } from './peer-calls.ts'
import type { SidInstaller } from './sid-installer.ts'
import { explicitSids, locatorOf } from './sid-plans.ts'
import { changeDevice } from './vrf-device-change.ts'
import { VrfInstance } from './vrf-instance.ts'

/** Prefixes decided in one go before the event loop gets its turn. */
const SETTLE_BUDGET = 4096
const VPN_FAMILIES = [Family.VPNV4, Family.VPNV6] as const

/**
 * The one file that knows everyone: builds tables, VRFs, neighbours and the FIB from a
 * configuration, passes their calls on, and runs the turn loop.
 */
export class Speaker {
  readonly config: Config
  readonly kernel: Kernel
  readonly log: Logger
  readonly clock: Clock
  readonly context: RibContext
  readonly vpnRibs: ReadonlyMap<Family, LocRib>
  readonly imports = new Map<Family, VpnImport>()
  readonly node: NodeNetworks
  readonly vrfs: VrfInstance[] = []
  readonly neighbors: Neighbor[] = []
  readonly nexthops: NexthopTable
  readonly fib: FibTable
  readonly localSids: LocalSidTable
  readonly interfaces = new Interfaces()
  readonly sids: SidManager
  readonly installer: SidInstaller
  readonly listeners: ListenSet
  readonly listening: Listening
  readonly problems: string[] = []
  resolver!: NextHopResolver
  dataplane!: Dataplane
  /** From a start with routes of a former run in the kernel until they are swept. */
  deferral: RestartDeferral | null = null
  readonly #connect: Connect
  readonly #calls: PeerCalls
  readonly #targets: RouteTargetIndex
  /** By VRF number: the interfaces that are its. */
  readonly #scopes = new Map<number, InScope>()
  /** What the kernel had of a former run. */
  #found!: ForwardingState
  /** From the start: no turn before the tables know each other. */
  #turnDue = true
  #stopped = false
  readonly follower: KernelFollower

  constructor(
    config: Config,
    kernel: Kernel,
    log: Logger,
    clock: Clock,
    connect: Connect = connectTcp,
  ) {
    this.config = config
    this.kernel = kernel
    this.log = log
    this.clock = clock
    this.#connect = connect
    const attrs = new AttrsTable()
    this.context = {
      attrs,
      nextHops: new NextHopTable(),
      peers: new RibPeers(config.router.routerId),
      seconds: () => Math.floor(clock.now() / 1000),
      wake: () => this.#wake(),
      crowds: new CrowdLane(clock, () => this.#wake()),
    }
    this.#calls = new PeerCalls(attrs, clock)
    this.vpnRibs = new Map(VPN_FAMILIES.map((f) => [f, new LocRib('vpn', f, this.context)]))
    this.#targets = new RouteTargetIndex(attrs)
    this.node = new NodeNetworks(this.context, log.child({ in: 'networks' }), () =>
      Promise.all([this.#settleSources(), this.fib.flush()]),
    )
    const fibLog = log.child({ in: 'fib' })
    this.nexthops = new NexthopTable(kernel, fibLog, clock)
    this.fib = new FibTable(kernel, this.nexthops, fibLog, clock)
    this.localSids = new LocalSidTable(kernel, fibLog)
    this.follower = new KernelFollower({
      kernel,
      clock,
      log: fibLog,
      interfaces: this.interfaces,
      vrfs: this.vrfs,
      settle: () => this.dataplane.settle(this.interfaces),
      tables: () => this.kernelTables,
      onRoute: (prefix, bits) => this.resolver.routeChanged(prefix, bits),
      onLooked: (links) => this.#onLooked(links),
      onDeviceChanged: (vrf) => changeDevice(this, vrf),
    })
    this.sids = new SidManager(config.locators.map(locatorOf), explicitSids(config))
    this.installer = makeInstaller(this, () => this.#wake())
    this.listeners = new ListenSet(log.child({ in: 'listener' }))
    this.listening = new Listening(this)
  }

  get kernelTables(): KernelTables {
    const { kernel, nexthops, fib, localSids, log } = this
    return { kernel, nexthops, fib, sids: localSids, log: log.child({ in: 'fib' }) }
  }

  get restarting(): boolean {
    return this.deferral !== null
  }

  /** Kernel first (VRFs, SIDs, what a former run left), then tables, then neighbours. */
  async start(): Promise<void> {
    this.dataplane = await dataplaneOf(this)
    for (const [k, vrf] of this.config.vrfs.entries()) this.#addVrf(k + 1, vrf.name)
    this.follower.listen()
    this.#found = await takeOver(this)
    await prepareKernel(this)
    this.#connectTables()
    this.#turnDue = false
    this.#wake()
    this.follower.start()
    // What changed before the watch began.
    await this.follower.look()
    for (const vrf of this.vrfs) vrf.syncLocalRoutes(this.interfaces)
    for (const config of this.config.neighbors) this.#addNeighbor(config, null)
    for (const vrf of this.vrfs) {
      for (const config of vrf.config.neighbors) this.#addNeighbor(config, vrf)
    }
    this.#addSpeakers()
    if (this.#found.found) this.deferral = deferUntilCaughtUp(this, () => this.#wake())
    else await this.dataplane.sweep()
    await this.listening.sync()
    for (const { peer } of this.neighbors) peer.start()
  }

  /** Cease to every neighbour; the kernel keeps or loses what is ours. */
  async stop(remove = this.config.dataplane.onStop === 'remove'): Promise<void> {
    this.#stopped = true
    this.#calls.stop()
    this.follower.stop()
    this.deferral?.cancel()
    for (const neighbor of this.neighbors) neighbor.stopSession(remove)
    await this.listeners.close()
    await Promise.race([
      Promise.all(this.neighbors.map(({ peer }) => peer.whenClosed())),
      new Promise((resolve) => this.clock.after(2000, () => resolve(null))),
    ])
    this.fib.stop()
    this.installer.stop()
    this.nexthops.stop()
    this.dataplane.stop()
    this.resolver.close()
    if (remove) await removeFromKernel(this)
  }

  /** What could not be written is the follower's: it tries again until it can. */
  async #settleSources(): Promise<void> {
    try {
      await this.dataplane.settleSources()
    } catch (error) {
      this.follower.onRule()
      throw error
    }
  }

  // ── building ──

  #addVrf(number: number, name: string): void {
    const config = this.config.vrfs[number - 1]!
    const log = this.log.child({ vrf: name })
    const instance = new VrfInstance(
      number,
      config,
      this.dataplane,
      { manager: this.sids, keeper: this.installer },
      this.context,
      log,
    )
    this.vrfs.push(instance)
    this.#scopes.set(number, (ifindex) => instance.plane.holds(ifindex))
    this.#targets.add(instance.vrf)
  }

  /** Who hears of whose best paths. */
  #connectTables(): void {
    const { nextHops } = this.context
    this.resolver = new NextHopResolver({
      nextHops,
      nexthops: this.nexthops,
      kernel: this.kernel,
      interfaces: this.interfaces,
      scopes: this.#scopes,
      onlink: this.dataplane.installsConnected,
      viaDefault: this.config.dataplane.resolveViaDefault,
      mode: this.config.dataplane.encapsulation,
      coreMtu: this.config.dataplane.coreMtu ?? 0,
      log: this.log.child({ in: 'next-hop' }),
      onChanged: (ids) => this.#onNextHopsChanged(ids),
    })
    this.installer.resolver = this.resolver
    for (const [family, rib] of this.vpnRibs) {
      this.imports.set(family, new VpnImport(rib, this.#targets, this.context))
    }
    for (const { vrf, sids, plane } of this.vrfs) {
      const { table } = vrf.spec
      const escapes = new SidEscapes(table, this.fib, nextHops)
      for (const family of ADDRESS_FAMILIES) {
        const rib = vrf.rib(family)
        const { fib, resolver, nexthops, context } = this
        const homeIfindex = () => plane.homeIfindex
        const ports = { rib, table, fib, resolver, nexthops, context, escapes, homeIfindex }
        new VrfFib(ports, this.dataplane.installsConnected)
        const vpnRib = this.vpnRibs.get(vpnFamilyOf(family))!
        rib.importsFrom(vpnRib.prefixes)
        const { source } = this.config.router
        const out = new VpnExport(vrf, family, vpnRib, sids, this.context, source.bytes)
        this.installer.exports.push(out)
      }
    }
  }

  #addNeighbor(config: NeighborConfig, vrf: VrfInstance | null): Neighbor {
    const neighbor = makeNeighbor(this, config, vrf, {
      calls: this.#calls,
      connect: this.#connect,
      found: this.#found,
      within: this.#scopes.get(vrf?.vrf.spec.number ?? 0) ?? scopeOfNoVrf(this),
    })
    this.neighbors.push(neighbor)
    return neighbor
  }

  /** The speakers of this node, and what of theirs is in which VRF. */
  #addSpeakers(): void {
    const peers = new Map<string, PeerId[]>()
    for (const { name, neighbors } of this.config.speakers) {
      peers.set(
        name,
        neighbors.map((config) => this.#addNeighbor(config, null).ribPeer.id),
      )
    }
    this.node.connect(this.vrfs, (name) => peers.get(name) ?? [])
  }

  // ── the turn loop ──

  #wake(): void {
    if (this.#turnDue || this.#stopped) return
    this.#turnDue = true
    setImmediate(() => this.#turn())
  }

  /** Decides what is dirty, then writes what came of it: to the kernel, to the neighbours. */
  #turn(): void {
    this.#turnDue = false
    if (this.#stopped) return
    const vpnRibs = [...this.vpnRibs.values()]
    this.node.settle(SETTLE_BUDGET)
    for (const rib of vpnRibs) rib.settle(SETTLE_BUDGET)
    for (const rib of this.#vrfRibs()) rib.settle(SETTLE_BUDGET)
    // Exports of the VRFs just decided.
    for (const rib of vpnRibs) rib.settle(SETTLE_BUDGET)
    const ribs = [...vpnRibs, ...this.#vrfRibs(), ...this.node.ribs.values()]
    // What waits in the lane of crowds has been decided before.
    const dirty = ribs.some((rib) => rib.readyCount > 0)
    // A look-up that is under way may make more routes usable.
    const settled = !dirty && this.resolver.isIdle && this.installer.isIdle
    const written = settled && this.#endsRestart() ? sweep(this) : this.fib.flush()
    written.catch((error) => this.log.error({ err: error }, 'writing to the kernel failed'))
    for (const neighbor of this.neighbors) neighbor.flush(settled)
    this.installer.endTurn(settled && this.neighbors.every((neighbor) => neighbor.toldAll))
    if (dirty || this.neighbors.some((neighbor) => neighbor.hasMore)) this.#wake()
  }

  /** True once, when everything that came after a restart is decided: what is stale now stays so. */
  #endsRestart(): boolean {
    if (this.deferral === null || this.deferral.active) return false
    this.deferral = null
    this.log.info({}, 'restart complete: sweeping stale kernel routes')
    this.installer.dropStale()
    return true
  }

  #vrfRibs(): LocRib[] {
    return this.vrfs.flatMap(({ vrf }) => ADDRESS_FAMILIES.map((family) => vrf.rib(family)))
  }

  /** What the paths forward to became reachable, unreachable or went elsewhere. */
  #onNextHopsChanged(ids: ReadonlySet<NextHopId>): void {
    this.#wake()
    this.installer.onNextHops(ids)
    for (const rib of [...this.#vrfRibs(), ...this.vpnRibs.values()]) {
      for (const id of ids) rib.nextHopChanged(id)
    }
  }

  /** Interfaces or addresses changed, or routes alone: networks, next hops and refusals anew. */
  #onLooked(links: boolean): void {
    if (links) {
      for (const vrf of this.vrfs) vrf.syncLocalRoutes(this.interfaces)
      this.listening.syncSoon()
      this.resolver.resolveAll()
    }
    this.fib.retryFailed()
    this.installer.retryFailed()
    this.#wake()
  }
}
