/** A VRF's tables, its routes in this machine's kernel and the follower, without sessions. */
import { SystemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { KernelFollower } from '../../src/daemon/kernel-follower.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { VrfFib } from '../../src/fib/from-vrf.ts'
import { Interfaces } from '../../src/fib/interfaces.ts'
import type { KernelWatcher } from '../../src/fib/kernel.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { LocalSidTable } from '../../src/fib/local-sid-table.ts'
import { NextHopResolver } from '../../src/fib/next-hop-resolver.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import { SidEscapes } from '../../src/fib/sid-escapes.ts'
import { CrowdLane } from '../../src/rib/crowd-lane.ts'
import { LocRib, type RibContext } from '../../src/rib/loc-rib.ts'
import { NextHopTable } from '../../src/rib/next-hop.ts'
import { AttrsTable } from '../../src/rib/path-attrs.ts'
import { PathKind } from '../../src/rib/path-table.ts'
import { RibPeers } from '../../src/rib/rib-peer.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import { Family } from '../../src/wire/registry.ts'
import { prefixOf, TABLE } from './network.ts'

const SETTLE = 4096

export class Pe {
  readonly kernel = new LinuxKernel(silentLogger)
  readonly nexthops: NexthopTable
  readonly fib: FibTable
  /** When the kernel told that a route went, and when the last group had been changed. */
  notifiedAt = 0
  replacedAt = 0
  /** Changes asked of the kernel when it told, and by the last group. */
  writesBefore = 0
  writesThen = 0
  /** Groups changed. */
  replaced = 0
  readonly #clock = new SystemClock()
  readonly #context: RibContext
  readonly #ribs: Record<4 | 6, LocRib>
  readonly #follower: KernelFollower
  readonly #interfaces = new Interfaces()
  readonly #peers
  readonly #resolver: NextHopResolver
  #turnDue = false
  #stopped = false

  constructor(maximumPaths = 1) {
    const { kernel } = this
    this.nexthops = new NexthopTable(kernel, silentLogger, this.#clock)
    this.fib = new FibTable(kernel, this.nexthops, silentLogger, this.#clock)
    const context: RibContext = {
      attrs: new AttrsTable(),
      nextHops: new NextHopTable(),
      peers: new RibPeers(1),
      seconds: () => 0,
      wake: () => this.#wake(),
      crowds: new CrowdLane(this.#clock, () => this.#wake()),
    }
    this.#context = context
    const pe = (k: number) =>
      context.peers.add(`2001:db8::${k}`, parseAddress(`2001:db8::${k}`), false, 0)
    this.#peers = [pe(1), pe(2)]
    this.#ribs = {
      4: new LocRib('bench', Family.IPV4_UNICAST, context),
      6: new LocRib('bench', Family.IPV6_UNICAST, context),
    }
    const { fib, nexthops } = this
    this.#resolver = new NextHopResolver({
      ...{ nextHops: context.nextHops, nexthops, kernel, interfaces: this.#interfaces },
      ...{ scopes: new Map(), mode: 'encap.red', coreMtu: 0, onlink: false, viaDefault: true },
      log: silentLogger,
      onChanged: (ids) => {
        for (const rib of [this.#ribs[4], this.#ribs[6]])
          for (const id of ids) rib.nextHopChanged(id)
        this.#wake()
      },
    })
    const resolver = this.#resolver
    const escapes = new SidEscapes(TABLE, fib, context.nextHops)
    for (const rib of [this.#ribs[4], this.#ribs[6]]) {
      rib.maximumPaths = maximumPaths
      new VrfFib(
        { rib, table: TABLE, fib, resolver, nexthops, context, escapes, homeIfindex: () => 0 },
        false,
      )
    }
    this.#instrument()
    this.#follower = new KernelFollower({
      ...{ kernel, clock: this.#clock, log: silentLogger, interfaces: this.#interfaces, vrfs: [] },
      tables: () => ({
        kernel,
        nexthops,
        fib,
        sids: new LocalSidTable(kernel, silentLogger),
        log: silentLogger,
      }),
      onRoute: (prefix, bits) => resolver.routeChanged(prefix, bits),
      onLooked: (links) => {
        if (links) resolver.resolveAll()
        this.#wake()
      },
      onDeviceChanged: async () => {},
      settle: async () => {},
    })
  }

  async start(): Promise<void> {
    const { nexthops, routes } = await this.kernel.dump()
    this.nexthops.adopt(nexthops)
    this.fib.adopt(routes)
    this.#follower.start()
    await this.#follower.look()
  }

  /** What was adopted and not put again goes. */
  async sweep(): Promise<void> {
    this.fib.sweep()
    this.nexthops.sweep()
    await this.fib.flush()
  }

  /** `leave`: the kernel keeps all of it. */
  async stop(leave = false): Promise<void> {
    await this.settled()
    this.#stopped = true
    this.#follower.stop()
    if (!leave) {
      this.fib.unwantAll()
      this.#resolver.close()
      await this.fib.flush()
    }
    this.fib.stop()
    this.nexthops.stop()
    await this.kernel.close()
  }

  /** A path of the n-th prefix from one of two PEs. */
  put(family: 4 | 6, n: number, pe: 0 | 1, sid: string, localPref: number): void {
    const { attrs, nextHops } = this.#context
    const rib = this.#ribs[family]
    const { words, bits } = prefixOf(family, n)
    const writer = new AttrWriter()
    writer.origin(0)
    writer.localPref(localPref)
    const hop = parseAddress(sid)
    const set = attrs.fromBytes(hop, 0, 16, writer.buf, 0, writer.end)
    const prefix = rib.prefixes.intern(words, 0, bits)
    const nextHop = nextHops.sid(hop, 0)
    rib.put(prefix, this.#peers[pe]!.id, PathKind.IMPORTED, 0, set, 0, nextHop, 0)
    rib.prefixes.release(prefix)
  }

  /** All that is known is decided and in the kernel. */
  async settled(): Promise<void> {
    for (let calm = 0; calm < 5; ) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      const dirty = this.#ribs[4].readyCount + this.#ribs[6].readyCount
      await this.fib.flush()
      calm = dirty === 0 && this.fib.pending === 0 ? calm + 1 : 0
    }
  }

  /** Forgets what was noted, before the next loss. */
  reset(): void {
    this.notifiedAt = 0
    this.replacedAt = 0
    this.replaced = 0
  }

  #wake(): void {
    if (this.#turnDue || this.#stopped) return
    this.#turnDue = true
    setImmediate(() => {
      this.#turnDue = false
      const left = this.#ribs[4].settle(SETTLE) + this.#ribs[6].settle(SETTLE)
      void this.fib.flush()
      if (left > 0) this.#wake()
    })
  }

  #instrument(): void {
    const { kernel } = this
    const replace = kernel.replaceNexthop.bind(kernel)
    kernel.replaceNexthop = async (group) => {
      await replace(group)
      this.replaced++
      this.replacedAt = performance.now()
      this.writesThen = kernel.writes
    }
    const watch = kernel.watch.bind(kernel)
    kernel.watch = (watcher: KernelWatcher) =>
      watch({
        onLink: (link) => watcher.onLink(link),
        onLinkGone: (ifindex) => watcher.onLinkGone(ifindex),
        onAddress: (address, gone) => watcher.onAddress(address, gone),
        onRoute: (notice) => {
          if (notice.gone && this.notifiedAt === 0) {
            this.notifiedAt = performance.now()
            this.writesBefore = kernel.writes
          }
          watcher.onRoute(notice)
        },
        onNexthop: (id, now) => watcher.onNexthop(id, now),
        onRule: () => watcher.onRule(),
        onSetting: (ifindex) => watcher.onSetting(ifindex),
        onOverflow: () => watcher.onOverflow(),
      })
  }
}
