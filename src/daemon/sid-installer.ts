/**
 * Brings the SIDs of VRFs to the kernel, tells the exports what became of them, and takes a SID
 * out again only when nobody can send to it any more: no route has it, every neighbour has been
 * told, and packets on their way had `sid-drain-time` to arrive. SIDs of a former run that nobody
 * asked for again (another locator, another policy) go the same way.
 */
import { hexOf } from '../base/bytes.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { NONE } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { RecoveredSid, VrfPlane } from '../fib/dataplane.ts'
import type { FibTable } from '../fib/fib-table.ts'
import type { GatewayAliases } from '../fib/gateway-aliases.ts'
import type { KernelDump, LocalSid } from '../fib/kernel.ts'
import { errnoName } from '../fib/kernel-error.ts'
import type { LocalSidTable } from '../fib/local-sid-table.ts'
import type { NextHopResolver } from '../fib/next-hop-resolver.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import type { VpnExport } from '../vpn/export.ts'
import type { ServiceSid, ServiceSidState, SidKeeper } from '../vpn/service-sids.ts'
import { nextHopIdentity, type SidManager, tableIdentity } from '../vpn/sid-manager.ts'
import { behaviorSpec } from '../wire/endpoint-behavior.ts'

export interface SidInstallerPorts {
  readonly manager: SidManager
  readonly localSids: LocalSidTable
  readonly fib: FibTable
  readonly aliases: GatewayAliases
  readonly clock: Clock
  readonly log: Logger
  readonly drainMs: number
  /** The VRF in the kernel. */
  readonly planeOf: (vrf: string) => VrfPlane
  readonly wake: () => void
  /** Nothing of a former run's SIDs is left. */
  readonly onStaleGone: () => Promise<void>
}

interface Held {
  readonly row: ServiceSid
  kernel: LocalSid
}

export class SidInstaller implements SidKeeper {
  /** All exports of all VRFs. */
  readonly exports: VpnExport[] = []
  /** Knows the ways to the gateways; there from the time that tables are connected. */
  resolver: NextHopResolver | null = null
  readonly #ports: SidInstallerPorts
  /** By SID: what was asked for. */
  readonly #held = new Map<string, Held>()
  /** Asked for and not answered yet. */
  readonly #asked = new Set<ServiceSid>()
  /** Without a route, and neighbours may not know it yet. */
  readonly #dropped = new Set<ServiceSid>()
  /** By SID without a route that all know of: when it is due. */
  readonly #draining = new Map<ServiceSid, object>()
  readonly #timers = new Set<Timer>()
  #staleDropped = false
  #writing = false
  #unwritten = false
  #stopped = false

  constructor(ports: SidInstallerPorts) {
    this.#ports = ports
    ports.localSids.listen((sids) => this.#onAnswers(sids))
  }

  /** Nothing is on its way to the kernel. */
  get isIdle(): boolean {
    return this.#asked.size === 0
  }

  isDraining(row: ServiceSid): boolean {
    return this.#dropped.has(row) || this.#draining.has(row)
  }

  kernelOf(row: ServiceSid): LocalSid | undefined {
    return this.#held.get(hexOf(row.local.sid))?.kernel
  }

  /** Why the kernel does not have it, null when it has or is being asked. */
  whyOf(row: ServiceSid): string | null {
    const { localSids, aliases, planeOf } = this.#ports
    const kernel = this.kernelOf(row)
    const plane = planeOf(row.local.vrf)
    if (!plane.isOpen) return plane.whyNoSid
    if (!kernel) return null
    const why = localSids.whyOf(kernel)
    if (why !== null || row.nextHop === NONE) return why
    const { errno } = aliases.stateOf(row.nextHop, familyOf(row))
    return errno === 0 ? null : `the route to its next hop: ${errnoName(errno)}`
  }

  /** SIDs of a former run go back to what they were for. */
  adopt(dump: KernelDump, byTable: readonly RecoveredSid[]): void {
    const { aliases, manager } = this.#ports
    const ways = aliases.adopt(dump)
    // First what leads to an alias: a data plane may have SIDs to next hops of its own.
    for (const { sid, target, behavior } of dump.localSids) {
      if (target.kind !== 'next-hop') continue
      const way = ways.get(hexOf(target.address))
      if (!way) continue
      const gateway = way.gateway ?? new Uint8Array(0)
      manager.recover(sid, nextHopIdentity(behavior, gateway, way.ifindex))
    }
    for (const { sid, table, behavior } of byTable) {
      manager.recover(sid, tableIdentity(behavior, table))
    }
  }

  install(row: ServiceSid): void {
    this.#put(row)
  }

  keep(row: ServiceSid): void {
    this.#dropped.delete(row)
    this.#draining.delete(row)
  }

  drop(row: ServiceSid): void {
    this.#dropped.add(row)
    this.#ports.wake()
  }

  /** A VRF has another device, or none: its SIDs go by that. */
  renew(rows: Iterable<ServiceSid>): void {
    for (const row of rows) this.#put(row)
  }

  /** Something in the kernel changed: what it refused is asked for again. */
  retryFailed(): void {
    this.#ports.localSids.retryFailed()
    for (const { row } of this.#held.values()) {
      if (row.state === 'failed' && this.#ports.planeOf(row.local.vrf).isOpen) this.#ask(row)
    }
  }

  /** The ways to these next hops changed. */
  onNextHops(ids: ReadonlySet<NextHopId>): void {
    for (const id of ids) this.#ports.aliases.point(id, this.resolver?.rowOf(id) ?? 0)
  }

  /** What a former run left and nobody asked for is to go, as soon as all have been told. */
  dropStale(): void {
    this.#staleDropped = true
  }

  /** The end of a turn: writes what was asked for. `told`: every neighbour knows what we know. */
  endTurn(told: boolean): void {
    if (this.#unwritten) void this.write()
    else if (this.#asked.size > 0) this.#settle([...this.#asked])
    if (told && (this.#dropped.size > 0 || this.#staleDropped)) this.#beginDrain()
  }

  /** Writes what was asked for; the answers come by `#onAnswers`. */
  async write(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    try {
      while (this.#unwritten) {
        this.#unwritten = false
        await this.#ports.localSids.flush()
        this.#settle([...this.#asked])
      }
    } catch (error) {
      this.#ports.log.error({ err: error }, 'writing SIDs to the kernel failed')
    } finally {
      this.#writing = false
    }
    if (this.#asked.size > 0) void this.#awaitRoutes()
  }

  /** The routes of aliases come with all others; each turn looks whether they have. */
  async #awaitRoutes(): Promise<void> {
    try {
      await this.#ports.fib.flush()
      this.#settle([...this.#asked])
    } catch (error) {
      this.#ports.log.error({ err: error }, 'writing routes of SIDs failed')
    }
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
  }

  #put(row: ServiceSid): void {
    const { aliases, planeOf, localSids } = this.#ports
    const { sid, behavior, vrf } = row.local
    const plane = planeOf(vrf)
    const known = this.#held.get(hexOf(sid))
    const address =
      row.nextHop === NONE
        ? undefined
        : known?.row === row && known.kernel.target.kind === 'next-hop'
          ? known.kernel.target.address
          : aliases.take(row.nextHop, familyOf(row), this.resolver?.rowOf(row.nextHop) ?? 0)
    const kernel = plane.localSid(sid, behavior, address)
    this.#held.set(hexOf(sid), { row, kernel })
    if (plane.isOpen) {
      localSids.want(kernel)
      this.#ask(row)
    } else {
      if (known) localSids.unwant(known.kernel)
      this.#settle([row])
    }
  }

  #ask(row: ServiceSid): void {
    this.#asked.add(row)
    this.#unwritten = true
    this.#ports.wake()
  }

  #onAnswers(sids: readonly LocalSid[]): void {
    if (this.#stopped) return
    const rows = sids.flatMap(({ sid }) => this.#held.get(hexOf(sid))?.row ?? [])
    this.#settle(rows)
  }

  #settle(rows: readonly ServiceSid[]): void {
    const changed = new Set<ServiceSid>()
    for (const row of rows) {
      const state = this.#stateOf(row)
      if (state !== 'pending') this.#asked.delete(row)
      if (state !== 'pending' && this.#setState(row, state)) changed.add(row)
    }
    if (changed.size === 0) return
    for (const one of this.exports) one.onSids(changed)
    this.#ports.wake()
  }

  #setState(row: ServiceSid, state: ServiceSidState): boolean {
    if (row.state === state) return false
    row.state = state
    return true
  }

  #stateOf(row: ServiceSid): ServiceSidState {
    const { localSids, aliases } = this.#ports
    const kernel = this.kernelOf(row)
    // Given up meanwhile: nobody asks any more.
    if (!kernel || !this.#ports.planeOf(row.local.vrf).isOpen) return 'failed'
    const state = localSids.stateOf(kernel) ?? 'failed'
    if (state !== 'installed' || row.nextHop === NONE) return state
    const way = aliases.stateOf(row.nextHop, familyOf(row)).state
    return way === 'drifted' ? 'failed' : way
  }

  #beginDrain(): void {
    const { clock, drainMs } = this.#ports
    const round = {}
    for (const row of this.#dropped) this.#draining.set(row, round)
    this.#dropped.clear()
    const stale = this.#staleDropped
    this.#staleDropped = false
    const timer = clock.after(drainMs, () => {
      this.#timers.delete(timer)
      this.#endDrain(round, stale)
    })
    this.#timers.add(timer)
  }

  #endDrain(round: object, stale: boolean): void {
    const { localSids, aliases, manager, log, fib } = this.#ports
    for (const [row, its] of this.#draining) if (its === round) this.#remove(row)
    if (stale) {
      const sids = localSids.sweep()
      aliases.sweep()
      manager.forgetRecovered()
      if (sids > 0) log.info({ sids }, 'SIDs of a former run removed')
    }
    // The SIDs first: what they lead to may then go.
    localSids
      .flush()
      .then(() => fib.flush())
      .then(() => (stale ? this.#ports.onStaleGone() : undefined))
      .catch((error) => log.error({ err: error }, 'removing SIDs failed'))
    for (const one of this.exports) one.onSidFreed()
    this.#ports.wake()
  }

  #remove(row: ServiceSid): void {
    const { localSids, aliases } = this.#ports
    const key = hexOf(row.local.sid)
    const held = this.#held.get(key)
    this.#draining.delete(row)
    this.#asked.delete(row)
    if (held?.row === row) {
      localSids.unwant(held.kernel)
      this.#held.delete(key)
      if (row.nextHop !== NONE) aliases.give(row.nextHop, familyOf(row))
    }
    row.owner.forget(row)
  }
}

/** Packets of which family a SID to a next hop delivers. */
function familyOf(row: ServiceSid): 4 | 6 {
  return behaviorSpec(row.form.classic)?.v4 ? 4 : 6
}
