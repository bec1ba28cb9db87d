import type { Logger } from '../base/logger.ts'
import {
  type NextHopId,
  NextHopKind,
  type NextHopListener,
  type NextHopTable,
  Reach,
} from '../rib/next-hop.ts'
import { encapOverhead } from './encap-overhead.ts'
import type { InScope, Interfaces } from './interfaces.ts'
import type { EncapMode, Kernel, NexthopContent } from './kernel.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'
import { PrefixCover } from './reached-prefixes.ts'
import { SidIndex } from './sid-index.ts'

/**
 * Device of the nexthop objects of SIDs. The outer packet is routed afresh whatever it is, and
 * `lo` never goes down: a core link that does takes no route of a VRF with it.
 */
const LOOPBACK = 1
/** How a SID is reached by the main table; `mtu` of its route, 0 for none. */
interface WayToSid {
  ifindex: number
  metric: number
  mtu: number
}

/** Changes are told of for many at once. */
const TELL_EVERY = 1024
/** Look-ups after which the event loop has a turn. */
const LOOK_UPS = 256

/**
 * Finds out for each next hop of the tables whether and how the kernel reaches it, and holds the
 * kernel's nexthop object for it: SIDs by a look-up in the main table (the outer packet is routed
 * afresh), gateways of a VRF by its connected networks. `onChanged` names what to decide anew, and
 * comes with nothing to decide when the last question is answered and nothing changed.
 */
export class NextHopResolver implements NextHopListener {
  readonly #nextHops: NextHopTable
  readonly #nexthops: NexthopTable
  readonly #kernel: Kernel
  readonly #interfaces: Interfaces
  readonly #mode: EncapMode
  readonly #coreMtu: number
  readonly #log: Logger
  readonly #onChanged: (ids: ReadonlySet<NextHopId>) => void
  /** By VRF number: the interfaces that are its. */
  readonly #scopes: ReadonlyMap<number, InScope>
  readonly #onlink: boolean
  readonly #viaDefault: boolean
  /** What there are routes to, as read since the last change of a route; null: to be read. */
  #reached: Promise<PrefixCover> | null = null
  readonly #rows = new Map<NextHopId, NexthopRow>()
  /** Next hops in use, each with a serial of its own: a number is given again to another one. */
  readonly #live = new Map<NextHopId, number>()
  readonly #sids = new SidIndex()
  #serial = 0
  #pending = new Set<NextHopId>()
  /** Those of the pending whose way has just changed: they do not wait for the others. */
  readonly #urgent = new Set<NextHopId>()
  #changed = new Set<NextHopId>()
  #running = false
  #closed = false

  constructor(ports: {
    nextHops: NextHopTable
    nexthops: NexthopTable
    kernel: Kernel
    interfaces: Interfaces
    scopes: ReadonlyMap<number, InScope>
    /** Gateways are on the link because we say so: the kernel looks them up in no VRF's table. */
    onlink: boolean
    /** A default route is a way to a SID. */
    viaDefault: boolean
    mode: EncapMode
    /** Octets of the largest packet that the whole core takes, 0: what its first link takes. */
    coreMtu: number
    log: Logger
    onChanged: (ids: ReadonlySet<NextHopId>) => void
  }) {
    this.#nextHops = ports.nextHops
    this.#nexthops = ports.nexthops
    this.#kernel = ports.kernel
    this.#interfaces = ports.interfaces
    this.#scopes = ports.scopes
    this.#onlink = ports.onlink
    this.#viaDefault = ports.viaDefault
    this.#mode = ports.mode
    this.#coreMtu = ports.coreMtu
    this.#log = ports.log
    this.#onChanged = ports.onChanged
    ports.nextHops.listen(this)
  }

  /** The row of the kernel's nexthop object, 0 when the next hop is not reachable. */
  rowOf(id: NextHopId): NexthopRow | 0 {
    return this.#rows.get(id) ?? 0
  }

  /** Nothing is being asked and nothing waits to be told. */
  get isIdle(): boolean {
    return !this.#running && this.#changed.size === 0
  }

  /** Gives all nexthop objects back: the daemon stops and leaves nothing behind. */
  close(): void {
    this.#closed = true
    this.#pending.clear()
    for (const id of [...this.#rows.keys()]) this.#forget(id)
  }

  onNextHopAdded(id: NextHopId): void {
    this.#live.set(id, ++this.#serial)
    if (this.#nextHops.kindOf(id) === NextHopKind.SID) {
      this.#sids.add(id, this.#nextHops.addressOf(id))
    }
    this.#ask(id)
  }

  onNextHopRemoved(id: NextHopId): void {
    this.#live.delete(id)
    this.#sids.remove(id)
    this.#pending.delete(id)
    this.#urgent.delete(id)
    this.#changed.delete(id)
    this.#forget(id)
  }

  /** An IPv6 route of others came or went: the SIDs within are asked for again, in this very turn. */
  routeChanged(prefix: Int32Array, bits: number): void {
    this.#reached = null
    this.#sids.covered(prefix, bits, (id) => {
      this.#urgent.add(id)
      this.#ask(id)
    })
  }

  /** Links or addresses changed, or nobody knows what: everything is asked for again. */
  resolveAll(): void {
    this.#reached = null
    for (const id of this.#live.keys()) this.#ask(id)
  }

  #ask(id: NextHopId): void {
    if (this.#closed) return
    if (this.#nextHops.kindOf(id) === NextHopKind.SID) {
      this.#pending.add(id)
      if (!this.#running) {
        this.#running = true
        void this.#work()
      }
      return
    }
    if (this.#nextHops.kindOf(id) === NextHopKind.NODE) {
      this.#nextHops.set(id, Reach.REACHABLE, 0, 0)
      return
    }
    const content = this.#local(id)
    this.#settle(id, content, content?.ifindex ?? 0, 0)
  }

  async #work(): Promise<void> {
    // Let the turn that asked finish: it may ask for many.
    await Promise.resolve()
    for (let count = 1; ; count++) {
      if (count % LOOK_UPS === 0) await new Promise<void>((resolve) => setImmediate(resolve))
      const id = this.#next()
      if (id === undefined) break
      const serial = this.#live.get(id)
      const sid = this.#nextHops.addressOf(id)
      const to = await this.#lookUp(sid)
      // Gone meanwhile, and its number perhaps another's, or asked for once more.
      if (serial !== this.#live.get(id) || this.#pending.has(id) || this.#closed) continue
      if (to === null) this.#settle(id, null, 0, 0)
      else {
        const content = { ifindex: LOOPBACK, segments: [sid], mode: this.#mode }
        this.#settle(id, content, to.ifindex, to.metric)
        this.#nexthops.setMtu(this.#rows.get(id)!, this.#innerMtu(to))
      }
      if (this.#changed.size >= TELL_EVERY) this.#tell()
    }
    this.#running = false
    this.#tell()
  }

  #next(): NextHopId | undefined {
    for (const queue of [this.#urgent, this.#pending]) {
      for (const id of queue) {
        this.#urgent.delete(id)
        if (this.#pending.delete(id)) return id
      }
    }
    return undefined
  }

  async #lookUp(sid: Uint8Array): Promise<WayToSid | null> {
    try {
      const to = await this.#kernel.routeTo(sid)
      if ('errno' in to) return null
      if (!this.#viaDefault && !(await this.#isReached(sid))) return null
      return { ifindex: to.ifindex, metric: to.metric ?? 0, mtu: to.mtu ?? 0 }
    } catch (error) {
      this.#log.error({ err: error }, 'next hop look-up failed')
      return null
    }
  }

  /** By more than a default route. */
  async #isReached(sid: Uint8Array): Promise<boolean> {
    this.#reached ??= this.#kernel.reachedPrefixes().then((prefixes) => new PrefixCover(prefixes))
    const reached = this.#reached
    try {
      return (await reached).covers(sid)
    } catch (error) {
      // Who asks next reads again.
      if (this.#reached === reached) this.#reached = null
      throw error
    }
  }

  /** The largest packet that still fits the core when it is encapsulated; 0: not known. */
  #innerMtu({ ifindex, mtu }: WayToSid): number {
    const limits = [mtu, this.#coreMtu, this.#interfaces.byIndex(ifindex)?.mtu ?? 0]
    const outer = Math.min(...limits.filter((limit) => limit > 0))
    return Number.isFinite(outer) ? Math.max(0, outer - encapOverhead(this.#mode, 1)) : 0
  }

  #local(id: NextHopId): NexthopContent | null {
    const within = this.#scopes.get(this.#nextHops.vrfOf(id))
    if (within === undefined) return null
    if (this.#nextHops.kindOf(id) === NextHopKind.DEVICE) {
      const link = this.#interfaces.byIndex(this.#nextHops.deviceOf(id))
      return link?.up && within(link.ifindex) ? { ifindex: link.ifindex } : null
    }
    const gateway = this.#nextHops.addressOf(id)
    if (this.#interfaces.isOwn(gateway, within)) return null
    const ifindex = this.#interfaces.towards(gateway, within)
    return ifindex === 0 ? null : { ifindex, gateway, ...(this.#onlink && { onlink: true }) }
  }

  #settle(id: NextHopId, content: NexthopContent | null, ifindex: number, metric: number): void {
    const before = this.#rows.get(id)
    this.#point(id, content)
    const now = this.#rows.get(id)
    // Traffic moves before anything is decided.
    if (before !== undefined && before !== now) this.#nexthops.setReachable(before, false)
    if (now !== undefined) this.#nexthops.setReachable(now, true)
    if (before !== undefined) this.#nexthops.release(before)
    const reach = content === null ? Reach.UNREACHABLE : Reach.REACHABLE
    const changed = this.#nextHops.set(id, reach, ifindex, metric)
    if (!changed && before === now) return
    // A look-up that is under way tells at its end.
    if (this.#changed.size === 0 && !this.#running) setImmediate(() => this.#tell())
    this.#changed.add(id)
  }

  /** Moves the next hop to the object for this content; the caller gives the former one back. */
  #point(id: NextHopId, content: NexthopContent | null): void {
    if (content === null) this.#rows.delete(id)
    else this.#rows.set(id, this.#nexthops.acquire(content))
  }

  #forget(id: NextHopId): void {
    const row = this.#rows.get(id)
    this.#rows.delete(id)
    if (row !== undefined) this.#nexthops.release(row)
  }

  #tell(): void {
    const changed = this.#changed
    this.#changed = new Set()
    if (!this.#closed) this.#onChanged(changed)
  }
}
