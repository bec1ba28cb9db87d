import type { Timer } from '../base/clock.ts'
import { type Interfaces, isSameLink } from '../fib/interfaces.ts'
import type {
  InterfaceAddress,
  KernelNexthop,
  KernelWatcher,
  Link,
  LocalSid,
  RouteNotice,
} from '../fib/kernel.ts'
import type { NexthopRow } from '../fib/nexthop-table.ts'
import { resyncKernel } from '../fib/reconcile.ts'
import { RTPROT_SRV6D } from '../fib/rtnetlink-constants.ts'
import { DroppedAddresses } from './dropped-addresses.ts'
import type { FollowerPorts } from './follower-ports.ts'
import { exampleOf, LossLog } from './loss-log.ts'
import { ALL, SettingsKeeper } from './settings-keeper.ts'

/** Notifications come in swarms: act once they pause. */
const LOOK_AFTER_MS = 20
/** Between two looks for the sake of others' routes alone: each tries again what was refused. */
const ROUTES_AFTER_MS = 200
/** Between two times that all SIDs are asked for again because of others' nexthop objects. */
const ASK_ALL_MS = 250
const ANY_PREFIX = new Int32Array(4)
/** Between two readings of everything. */
const RESYNC_AFTER_MS = 1000
/** SIDs that the kernel refused: what mends it (a sysctl, a module) is told by no notification. */
const RETRY_SIDS_MS = 10_000

/** A change of the picture of links and addresses. */
type Note = (interfaces: Interfaces) => void

/**
 * Keeps what srv6d knows of interfaces and addresses, and what it has installed, true to the
 * kernel: takes each notification for what it says, and reads everything again only when some
 * were lost. What it costs goes by what changed.
 */
export class KernelFollower implements KernelWatcher {
  readonly #ports: FollowerPorts
  readonly #losses: LossLog
  readonly #settings: SettingsKeeper
  /** Since the last look. */
  #linksChanged = false
  #routesChanged = false
  #rulesChanged = false
  #oursChanged = false
  #overflown = false
  #lostDevices = new Set<number>()
  #lostNexthops = new Set<NexthopRow>()
  #lostSids: LocalSid[] = []
  readonly #heardWhileReading = new Set<Note[]>()
  readonly #dropped: DroppedAddresses
  #timer: Timer | undefined
  #sidTimer: Timer | undefined
  #looking = false
  #stopped = false
  /** Between `listen` and `start`: nothing may be asked of the others yet. */
  #early = false
  #lookedAt = Number.NEGATIVE_INFINITY
  #resyncedAt = Number.NEGATIVE_INFINITY
  #dueAt = 0
  /** Others changed a nexthop object: who knows which routes go by it. */
  #askAll = false
  #askedAllAt = Number.NEGATIVE_INFINITY
  #unwatch = () => {}

  constructor(ports: FollowerPorts) {
    this.#ports = ports
    this.#dropped = new DroppedAddresses(ports.clock)
    this.#losses = new LossLog(ports.log, ports.clock)
    this.#settings = new SettingsKeeper(ports)
  }

  /**
   * Hears from here on: before the kernel is read for the first time. What others take from us
   * meanwhile may be in what was read all the same, so that it is read again after `start`.
   */
  listen(): void {
    this.#early = true
    this.#unwatch = this.#ports.kernel.watch(this)
  }

  start(): void {
    if (!this.#early) this.listen()
    this.#early = false
    this.#retrySids()
    this.#lookSoon()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#sidTimer?.cancel()
    this.#losses.stop()
    this.#unwatch()
  }

  onLink(link: Link): void {
    const before = this.#ports.interfaces.byIndex(link.ifindex)
    this.#note((interfaces) => interfaces.setLink(link))
    if (before?.up && !link.up) this.#loseDevice(link.ifindex)
    if (before === undefined || !isSameLink(before, link)) this.#changed('links')
  }

  onLinkGone(ifindex: number): void {
    this.#note((interfaces) => interfaces.removeLink(ifindex))
    this.#loseDevice(ifindex)
    this.#changed('links')
  }

  #loseDevice(ifindex: number): void {
    this.#lostDevices.add(ifindex)
    this.#overflown ||= this.#early
  }

  onAddress(address: InterfaceAddress, gone: boolean): void {
    if (gone) {
      this.#note((interfaces) => interfaces.removeAddress(address))
      this.#dropped.add(address)
      // IPv6 that is disabled on a device takes the addresses along, and is not told otherwise.
      this.#settings.notice(address.ifindex)
    } else {
      this.#note((interfaces) => interfaces.setAddress(address))
      this.#dropped.remove(address)
    }
    this.#changed('links')
  }

  onRoute(notice: RouteNotice): void {
    const { fib, sids } = this.#ports.tables()
    if (this.#early) this.#overflown ||= notice.gone && notice.protocol === RTPROT_SRV6D
    const sid = sids.noticed(notice)
    if (sid) this.#lostSids.push(sid)
    if (fib.found.noticed(notice) || sid) this.#changed('ours')
    else if (notice.protocol !== RTPROT_SRV6D) {
      if (notice.family === 6 && !this.#early) this.#ports.onRoute(notice.words, notice.bits)
      this.#changed('routes')
    }
  }

  onNexthop(id: number, now: KernelNexthop | null): void {
    const { nexthops } = this.#ports.tables()
    this.#overflown ||= this.#early
    const isOurs = nexthops.rowOfId(id) !== 0
    const row = nexthops.noticed(id, now)
    if (row === 0) {
      if (!isOurs) this.#othersNexthop()
      return
    }
    this.#lostNexthops.add(row)
    this.#changed('ours')
  }

  /** With nexthop_compat_mode=0 the routes through an object change and go without a word. */
  #othersNexthop(): void {
    const now = this.#ports.clock.now()
    if (this.#early) return
    if (now - this.#askedAllAt < ASK_ALL_MS) this.#askAll = true
    else this.#askForAll(now)
    this.#changed('routes')
  }

  #askForAll(now: number): void {
    this.#askAll = false
    this.#askedAllAt = now
    this.#ports.onRoute(ANY_PREFIX, 0)
  }

  onRule(): void {
    this.#rulesChanged = true
    this.#changed('ours')
  }

  onSetting(ifindex: number): void {
    this.#settings.notice(ifindex)
    this.#changed('ours')
  }

  onOverflow(): void {
    this.#overflown = true
    this.#lookSoon()
  }

  /** Reads links and addresses, and puts VRFs and their interfaces as they are configured. */
  async look(): Promise<void> {
    await this.#read()
    await this.#settings.keep(true)
    await this.#keepVrfs()
  }

  async #read(): Promise<void> {
    const { kernel, interfaces } = this.#ports
    const heard: Note[] = []
    this.#heardWhileReading.add(heard)
    try {
      interfaces.update(await kernel.links(), await kernel.addresses())
      // What was read may be older than what was heard meanwhile.
      for (const note of heard) note(interfaces)
    } finally {
      this.#heardWhileReading.delete(heard)
    }
  }

  #note(note: Note): void {
    note(this.#ports.interfaces)
    for (const heard of this.#heardWhileReading) heard.push(note)
  }

  async #keepVrfs(): Promise<void> {
    const { vrfs, interfaces } = this.#ports
    const dropped = this.#dropped.recent()
    const devices = vrfs.map(({ plane }) => plane.ifindex)
    // All of them, then the picture again: an interface may go from one VRF to another.
    for (let tries = 0; tries < 2; tries++) {
      let moved = false
      for (const { plane } of vrfs) if (await plane.attach(interfaces, dropped)) moved = true
      if (!moved) break
      await this.#read()
    }
    for (const [k, vrf] of vrfs.entries()) {
      if (vrf.plane.ifindex !== devices[k]) await this.#ports.onDeviceChanged(vrf)
    }
    await this.#settle()
  }

  #settle(): Promise<void> {
    this.#rulesChanged = false
    return this.#ports.settle()
  }

  #changed(what: 'links' | 'ours' | 'routes'): void {
    if (what === 'links') this.#linksChanged = true
    else if (what === 'ours') this.#oursChanged = true
    else this.#routesChanged = true
    this.#lookSoon()
  }

  /** Sets the timer for what has changed; an earlier one stays. */
  #lookSoon(): void {
    if (this.#looking || this.#stopped || this.#early) return
    const now = this.#ports.clock.now()
    let at = now + LOOK_AFTER_MS
    if (!this.#linksChanged && !this.#oursChanged) {
      if (this.#overflown) at = Math.max(at, this.#resyncedAt + RESYNC_AFTER_MS)
      else if (this.#routesChanged) at = Math.max(at, this.#lookedAt + ROUTES_AFTER_MS)
      else return
    }
    if (this.#timer !== undefined && this.#dueAt <= at) return
    this.#timer?.cancel()
    this.#dueAt = at
    this.#timer = this.#ports.clock.after(at - now, () => {
      this.#timer = undefined
      void this.#look()
    })
  }

  async #look(): Promise<void> {
    this.#looking = true
    try {
      await this.#follow()
    } catch (error) {
      this.#ports.log.error({ err: error }, 'reading the kernel failed')
      // What was to be looked at is no more noted.
      this.#overflown = true
    }
    this.#looking = false
    this.#lookedAt = this.#ports.clock.now()
    this.#lookSoon()
  }

  async #follow(): Promise<void> {
    const { clock, log, tables, onLooked } = this.#ports
    const { fib, sids } = tables()
    const overflown = this.#overflown && clock.now() - this.#resyncedAt >= RESYNC_AFTER_MS
    const links = this.#linksChanged || overflown
    const routes = this.#routesChanged
    this.#linksChanged = false
    this.#routesChanged = false
    this.#oursChanged = false
    if (this.#askAll) this.#askForAll(clock.now())
    if (overflown) {
      this.#overflown = false
      this.#resyncedAt = clock.now()
      log.warn({}, 'kernel notifications were lost: reading everything again')
      await this.#read()
    }
    await this.#settings.keep(overflown)
    if (links) await this.#keepVrfs()
    else if (this.#rulesChanged) await this.#settle()
    const devices = this.#takeLostDevices()
    if (links) sids.retryFailed()
    await sids.flush()
    if (overflown) await resyncKernel(tables())
    if (this.#stopped) return
    // From here on in one go: next hops are asked for anew before routes go by them again.
    const silent = new Set(devices.flatMap((ifindex) => tables().nexthops.deviceLost(ifindex)))
    fib.found.nexthopsLost([...silent, ...this.#lostNexthops])
    this.#report(silent)
    if (links || routes) onLooked(links)
    else fib.flush().catch((error) => log.error({ err: error }, 'writing to the kernel failed'))
  }

  /** SIDs that went with a device are no loss to report: its going is. */
  #takeLostDevices(): number[] {
    const { sids } = this.#ports.tables()
    const lost = [...this.#lostDevices]
    this.#lostDevices.clear()
    for (const ifindex of lost) sids.deviceLost(ifindex)
    this.#lostSids = this.#lostSids.filter(({ ifindex }) => !lost.includes(ifindex))
    return lost
  }

  #report(silent: ReadonlySet<NexthopRow>): void {
    const { fib, sids } = this.#ports.tables()
    const { gone, taken } = fib.found.takeNoticed(silent)
    const takenSids = this.#lostSids.filter((sid) => sids.isTaken(sid))
    this.#losses.add({
      routes: gone.length,
      nexthops: this.#lostNexthops.size,
      sids: this.#lostSids.length - takenSids.length,
      displaced: taken.length + takenSids.length,
      example: exampleOf(fib, gone[0] ?? taken[0], this.#lostSids[0]),
    })
    this.#lostNexthops.clear()
    this.#lostSids = []
  }

  #retrySids(): void {
    this.#sidTimer = this.#ports.clock.after(RETRY_SIDS_MS, () => {
      const { sids } = this.#ports.tables()
      this.#retrySids()
      // nobody tells of the source address of SRv6 packets
      this.onSetting(ALL)
      if (sids.counts.failed === 0) return
      sids.retryFailed()
      sids.flush().catch((error) => this.#ports.log.error({ err: error }, 'SIDs not written'))
    })
  }
}
