import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { FibTable } from '../fib/fib-table.ts'
import { SidEscapes, VrfFib } from '../fib/from-vrf.ts'
import { Interfaces } from '../fib/interfaces.ts'
import type { Kernel } from '../fib/kernel.ts'
import { LocalSidTable } from '../fib/local-sid-table.ts'
import { NextHopResolver } from '../fib/next-hop-resolver.ts'
import { NexthopTable } from '../fib/nexthop-table.ts'
import { type KernelTables, sweepKernel } from '../fib/reconcile.ts'
import { RestartDeferral } from '../rib/graceful-restart.ts'
import { LocRib, type RibContext } from '../rib/loc-rib.ts'
import { type NextHopId, NextHopTable } from '../rib/next-hop.ts'
import { AttrsTable } from '../rib/path-attrs.ts'
import type { PathId } from '../rib/path-table.ts'
import { RibPeers } from '../rib/rib-peer.ts'
import { ListenSet } from '../session/listener.ts'
import { type DownReason, type Negotiated, Peer, type PeerHandler } from '../session/peer.ts'
import { connectTcp } from '../session/transport.ts'
import { VpnExport } from '../vpn/export.ts'
import { VpnImport } from '../vpn/import.ts'
import { RouteTargetIndex } from '../vpn/route-target-index.ts'
import { SidManager } from '../vpn/sid-manager.ts'
import { ADDRESS_FAMILIES, vpnFamilyOf } from '../vpn/vrf.ts'
import { Family } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'
import type { Config, NeighborConfig } from './config-schema.ts'
import { KernelFollower } from './kernel-follower.ts'
import { locatorOf, prepareKernel, removeFromKernel, takeOver } from './kernel-state.ts'
import { Neighbor } from './neighbor.ts'
import { nextHopFor } from './next-hop-self.ts'
import { peerConfigOf } from './peer-config.ts'
import { VrfInstance } from './vrf-instance.ts'

/** Prefixes decided in one go before the event loop gets its turn. */
const SETTLE_BUDGET = 4096
const VPN_FAMILIES = [Family.VPNV4, Family.VPNV6] as const

/**
 * The one file that knows everyone: builds tables, VRFs, neighbours and the FIB from a
 * configuration, passes their calls on, and runs the turn loop.
 */
export class Speaker implements PeerHandler {
  readonly config: Config
  readonly kernel: Kernel
  readonly log: Logger
  readonly clock: Clock
  readonly context: RibContext
  readonly vpnRibs: ReadonlyMap<Family, LocRib>
  readonly imports = new Map<Family, VpnImport>()
  readonly vrfs: VrfInstance[] = []
  readonly neighbors: Neighbor[] = []
  readonly nexthops: NexthopTable
  readonly fib: FibTable
  readonly localSids: LocalSidTable
  readonly interfaces = new Interfaces()
  readonly sids: SidManager
  readonly listeners: ListenSet
  readonly problems: string[] = []
  resolver!: NextHopResolver
  deferral: RestartDeferral | null = null
  readonly #byPeer = new Map<Peer, Neighbor>()
  readonly #targets: RouteTargetIndex
  readonly #devices = new Map<number, number>()
  #turnDue = false
  #stopped = false
  readonly follower: KernelFollower

  constructor(config: Config, kernel: Kernel, log: Logger, clock: Clock) {
    this.config = config
    this.kernel = kernel
    this.log = log
    this.clock = clock
    const attrs = new AttrsTable()
    this.context = {
      attrs,
      nextHops: new NextHopTable(),
      peers: new RibPeers(config.router.routerId),
      seconds: () => Math.floor(clock.now() / 1000),
      wake: () => this.#wake(),
    }
    this.vpnRibs = new Map(VPN_FAMILIES.map((f) => [f, new LocRib('vpn', f, this.context)]))
    this.#targets = new RouteTargetIndex(attrs)
    const fibLog = log.child({ in: 'fib' })
    this.nexthops = new NexthopTable(kernel, fibLog)
    this.fib = new FibTable(kernel, this.nexthops, fibLog, clock)
    this.localSids = new LocalSidTable(kernel, fibLog)
    this.follower = new KernelFollower({
      kernel,
      clock,
      log: fibLog,
      interfaces: this.interfaces,
      vrfs: this.vrfs,
      tables: () => this.kernelTables,
      onLooked: () => this.#onLooked(),
    })
    this.sids = new SidManager(config.locators.map(locatorOf))
    this.listeners = new ListenSet(log.child({ in: 'listener' }))
  }

  get kernelTables(): KernelTables {
    const { kernel, nexthops, fib, localSids, log } = this
    return { kernel, nexthops, fib, sids: localSids, log: log.child({ in: 'fib' }) }
  }

  get restarting(): boolean {
    return this.deferral?.active ?? false
  }

  /** Kernel first (VRFs, SIDs, what a former run left), then tables, then neighbours. */
  async start(): Promise<void> {
    for (const [k, vrf] of this.config.vrfs.entries()) this.#addVrf(k + 1, vrf.name)
    const had = await takeOver(this)
    await prepareKernel(this)
    for (const vrf of this.vrfs) this.#devices.set(vrf.vrf.spec.number, vrf.ifindex)
    this.#connectTables()
    for (const vrf of this.vrfs) vrf.syncLocalRoutes(this.interfaces)
    this.follower.start()
    for (const config of this.config.neighbors) this.#addNeighbor(config, null)
    for (const vrf of this.vrfs) {
      for (const config of vrf.config.neighbors) this.#addNeighbor(config, vrf)
    }
    if (had) this.#deferUntilCaughtUp()
    await this.#listen()
    for (const { peer } of this.neighbors) peer.start()
  }

  /** Cease to every neighbour; the kernel keeps or loses what is ours, as configured. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.follower.stop()
    this.deferral?.cancel()
    const remove = this.config.dataplane.onStop === 'remove'
    for (const neighbor of this.neighbors) neighbor.stopSession(remove)
    await this.listeners.close()
    await Promise.race([
      Promise.all(this.neighbors.map(({ peer }) => peer.whenClosed())),
      new Promise((resolve) => this.clock.after(2000, () => resolve(null))),
    ])
    this.fib.stop()
    if (remove) await removeFromKernel(this)
  }

  // ── PeerHandler ──

  onEstablished(peer: Peer, n: Negotiated): void {
    this.#byPeer.get(peer)!.onEstablished(n)
  }

  onUpdate(peer: Peer, view: UpdateView): void {
    this.#byPeer.get(peer)!.onUpdate(view)
  }

  onEndOfRib(peer: Peer, family: Family): void {
    this.#byPeer.get(peer)!.onEndOfRib(family)
  }

  onRouteRefresh(peer: Peer, family: Family): void {
    this.#byPeer.get(peer)!.onRouteRefresh(family)
  }

  onDown(peer: Peer, reason: DownReason): void {
    // While we stop, what neighbours sent stays where it is: the kernel's part is decided by on-stop.
    if (!this.#stopped) this.#byPeer.get(peer)!.onDown(reason)
  }

  onWritable(peer: Peer): void {
    this.#byPeer.get(peer)!.onWritable()
  }

  onFamilyDisabled(peer: Peer, family: Family): void {
    this.#byPeer.get(peer)!.adjRibIn.clear([family])
  }

  // ── building ──

  #addVrf(number: number, name: string): void {
    const config = this.config.vrfs[number - 1]!
    const instance = new VrfInstance(number, config, this.context, this.log.child({ vrf: name }))
    this.vrfs.push(instance)
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
      devices: this.#devices,
      mode: this.config.dataplane.encapsulation,
      log: this.log.child({ in: 'next-hop' }),
      onChanged: (ids) => this.#onNextHopsChanged(ids),
    })
    for (const [family, rib] of this.vpnRibs) {
      this.imports.set(family, new VpnImport(rib, this.#targets, this.context))
    }
    for (const { vrf } of this.vrfs) {
      const { table } = vrf.spec
      const escapes = new SidEscapes(table, this.fib, nextHops)
      for (const family of ADDRESS_FAMILIES) {
        const rib = vrf.rib(family)
        new VrfFib(rib, table, this.fib, this.resolver, nextHops, escapes)
        const vpnRib = this.vpnRibs.get(vpnFamilyOf(family))!
        new VpnExport(vrf, family, vpnRib, this.context, this.config.router.source.bytes)
      }
    }
  }

  #addNeighbor(config: NeighborConfig, vrf: VrfInstance | null): void {
    const number = vrf?.vrf.spec.number ?? 0
    const ebgp = config.as !== this.config.router.as
    const ribPeer = this.context.peers.add(config.address.text, config.address.bytes, ebgp, number)
    const ribs: (LocRib | undefined)[] = []
    for (const family of ADDRESS_FAMILIES) if (vrf) ribs[family] = vrf.vrf.rib(family)
    if (!vrf) for (const [family, rib] of this.vpnRibs) ribs[family] = rib
    const fields = { neighbor: config.address.text, ...(vrf ? { vrf: vrf.config.name } : {}) }
    const log = this.log.child(fields)
    const device = vrf?.ifindex ?? 0
    const neighbor = new Neighbor(config, ribPeer, ribs, {
      context: this.context,
      clock: this.clock,
      log,
      localAs: this.config.router.as,
      staleTime: this.config.gracefulRestart.staleTime,
      nextHopFor: (n, family) => nextHopFor(n, family, this.interfaces, device),
      onComplete: (done) => this.deferral?.ready(nameOf(done)),
      isDeferred: () => this.restarting,
    })
    const peerConfig = peerConfigOf(this.config, config, vrf?.config.device ?? null, () => ({
      restarting: this.restarting,
      preserved: this.config.dataplane.onStop === 'keep',
    }))
    const peer = new Peer(peerConfig, {
      clock: this.clock,
      log,
      handler: this,
      connect: connectTcp,
    })
    neighbor.bind(peer)
    this.neighbors.push(neighbor)
    this.#byPeer.set(peer, neighbor)
    this.listeners.addPeer(peer)
  }

  async #listen(): Promise<void> {
    const inVrfs = this.vrfs.filter((vrf) => vrf.config.neighbors.length > 0 && vrf.ifindex !== 0)
    for (const { address, port } of this.config.listen) {
      await this.#listenAt({ address: address.text, port })
      for (const { config } of inVrfs) {
        await this.#listenAt({ address: address.text, port, bindDevice: config.device })
      }
    }
  }

  async #listenAt(at: { address: string; port: number; bindDevice?: string }): Promise<void> {
    try {
      await this.listeners.listen(at)
      this.log.info(at, 'listening')
    } catch (error) {
      this.problems.push((error as Error).message)
      this.log.error({ ...at, err: error }, 'not listening')
    }
  }

  /** RFC 4724 §4.1: the kernel still forwards for a former run of ours. */
  #deferUntilCaughtUp(): void {
    const names = this.neighbors.filter(({ config }) => !config.shutdown).map(nameOf)
    const { restartTime } = this.config.gracefulRestart
    this.log.info(
      { waiting: names },
      'restarting: kernel routes are kept until all have sent theirs',
    )
    this.deferral = new RestartDeferral(names, restartTime, this.clock, (late) => {
      this.log.info({ late }, 'restart complete: sweeping stale kernel routes')
      setImmediate(() => this.#turn(true))
    })
    if (names.length === 0) this.deferral.ready('')
  }

  // ── the turn loop ──

  #wake(): void {
    if (this.#turnDue || this.#stopped) return
    this.#turnDue = true
    setImmediate(() => this.#turn(false))
  }

  /** Decides what is dirty, then writes what came of it: to the kernel, to the neighbours. */
  #turn(sweep: boolean): void {
    this.#turnDue = false
    if (this.#stopped) return
    let left = 0
    for (const rib of this.vpnRibs.values()) left += rib.settle(SETTLE_BUDGET)
    for (const { vrf } of this.vrfs) {
      for (const family of ADDRESS_FAMILIES) left += vrf.rib(family).settle(SETTLE_BUDGET)
    }
    // Exports of the VRFs just decided.
    for (const rib of this.vpnRibs.values()) left += rib.settle(SETTLE_BUDGET)
    for (const neighbor of this.neighbors) neighbor.flush()
    const written = sweep ? sweepKernel(this.kernelTables) : this.fib.flush()
    written.catch((error) => this.log.error({ err: error }, 'writing to the kernel failed'))
    if (left > 0 || this.#anyDirty()) this.#wake()
  }

  #anyDirty(): boolean {
    for (const { vrf } of this.vrfs) {
      for (const family of ADDRESS_FAMILIES) if (vrf.rib(family).dirtyCount > 0) return true
    }
    return this.neighbors.some((neighbor) => neighbor.hasMore)
  }

  /** What the paths forward to became reachable, unreachable or went elsewhere. */
  #onNextHopsChanged(ids: ReadonlySet<NextHopId>): void {
    const ribs = this.vrfs.flatMap(({ vrf }) => ADDRESS_FAMILIES.map((f) => vrf.rib(f)))
    for (const rib of [...ribs, ...this.vpnRibs.values()]) {
      for (let row = 1; row < rib.paths.top; row++) {
        const path = row as PathId
        if (rib.paths.prefixOf(path) !== 0 && ids.has(rib.paths.nextHopOf(path))) rib.touch(path)
      }
    }
  }

  /** Interfaces or addresses may have changed: connected networks, next hops and refusals anew. */
  #onLooked(): void {
    for (const vrf of this.vrfs) vrf.syncLocalRoutes(this.interfaces)
    this.resolver.resolveAll()
    this.fib.retryFailed()
    this.#wake()
  }
}

/** 'red 172.16.1.2': what a neighbour is called where all of them are. */
export function nameOf(neighbor: Neighbor): string {
  const { vrf, address } = neighbor.config
  return vrf === null ? address.text : `${vrf} ${address.text}`
}
