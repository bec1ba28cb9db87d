/**
 * The Kernel port in memory, with the habits of the real one that matter: a nexthop object takes
 * its routes along, an id is never overwritten, foreign routes are not deleted, a device that goes
 * down drops what goes through it without a word. Faults by predicate: an errno for an operation.
 */
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
  NexthopMember,
  NexthopSpec,
  RouteBatch,
  RouteKind,
  RouteTo,
  RulePrefix,
} from '../../src/fib/kernel.ts'
import { LINK_ALIAS, RouteOp } from '../../src/fib/kernel.ts'
import { Errno, KernelError } from '../../src/fib/kernel-error.ts'
import { ROUTE_METRIC, RTPROT_KERNEL, RTPROT_SRV6D } from '../../src/fib/rtnetlink-constants.ts'
import { adoptablePair } from '../../src/fib/rtnetlink-link.ts'
import { ruleText } from '../../src/fib/rtnetlink-rule.ts'
import { adoptable } from '../../src/fib/vrf-device.ts'
import { formatAddress, parseAddress } from '../../src/wire/address.ts'

export type FakeOperation =
  | { what: 'route'; op: 'put' | 'delete'; route: KernelRoute }
  | { what: 'nexthop'; op: 'put' | 'delete'; id: number; nexthop?: KernelNexthop }
  | { what: 'group'; op: 'put' | 'replace'; id: number; members: readonly NexthopMember[] }
  | { what: 'sid'; op: 'put' | 'delete'; sid: LocalSid }
  | { what: 'link'; op: 'vrf' | 'pair' | 'remove' | 'enslave' | 'up'; name: string }
  | { what: 'address'; op: 'add'; address: string }
  | { what: 'rule'; op: 'put' | 'delete'; rule: KernelRule }
  | { what: 'sysctl'; op: 'write'; path: string; value: string }
  | { what: 'tunnel-source'; op: 'set'; address: string }

/** A route of the IGP in the main table. */
const FOREIGN: KernelRoute = {
  ...{ table: 254, family: 6, words: new Int32Array(4), bits: 0, kind: 1, nexthop: 0 },
  ...{ metric: 20, mtu: 0, protocol: 11 },
}

export class FakeKernel implements Kernel {
  readonly routes = new Map<string, KernelRoute>()
  readonly nexthops = new Map<number, NexthopSpec>()
  readonly groups = new Map<number, readonly NexthopMember[]>()
  readonly sids = new Map<string, LocalSid>()
  readonly linkList: Link[] = [{ ifindex: 1, name: 'lo', up: true, master: 0, mtu: 65536 }]
  readonly addressList: InterfaceAddress[] = []
  readonly ruleList: KernelRule[] = [...DEFAULT_RULES]
  /** false: `type vrf` is unknown. */
  vrfDevices = true
  readonly sysctls = new Map<string, string>()
  readonly changedSysctls = new Map<string, string>()
  readonly #keptSysctls = new Map<string, string>()
  tunnelSource = ''
  #keptSource = ''
  /** By text of the address; what is not here is ENETUNREACH. */
  readonly ways = new Map<string, RouteTo>()
  /** Of these, what a default route alone leads to. */
  readonly byDefault = new Set<string>()
  /** Every change asked for, in order. */
  readonly operations: FakeOperation[] = []
  /** The errno of an operation, 0 to let it be done. */
  fail: (operation: FakeOperation) => number = () => 0
  /** Awaited inside every call that changes something: what happens meanwhile is up to the test. */
  meanwhile: () => Promise<void> | void = () => {}
  readonly #watchers = new Set<KernelWatcher>()
  /** As last told: what differs is told next. */
  #toldLinks: Link[] = []
  #toldAddresses: InterfaceAddress[] = []
  /** How often everything of a kind was read. */
  readonly reads = { links: 0, addresses: 0, dumps: 0, ways: 0 }

  addLink(name: string, more: Partial<Link> = {}): Link {
    const link = { ifindex: this.#nextIfindex(), name, up: true, master: 0, mtu: 1500, ...more }
    this.linkList.push(link)
    return link
  }

  #nextIfindex(): number {
    return Math.max(...this.linkList.map((link) => link.ifindex)) + 1
  }

  /** The device goes down: its nexthop objects, their routes and its SIDs are gone. */
  linkDown(ifindex: number): void {
    const link = this.linkList.find((other) => other.ifindex === ifindex)
    if (link) link.up = false
    for (const [id, nexthop] of this.nexthops) {
      if (nexthop.ifindex === ifindex) this.#removeNexthop(id)
    }
    for (const [key, sid] of this.sids) if (sid.ifindex === ifindex) this.sids.delete(key)
    this.tell('link')
  }

  /** Tells the watchers: of links and addresses what has changed in the lists since the last time. */
  tell(what: 'link' | 'address' | 'route' | 'rule' | 'overflow'): void {
    const links = this.linkList.map((link) => ({ ...link }))
    const goneLinks = this.#toldLinks.filter((a) => !links.some((b) => a.ifindex === b.ifindex))
    const addresses = [...this.addressList]
    const goneAddresses = this.#toldAddresses.filter((a) => !addresses.includes(a))
    for (const watcher of this.#watchers) {
      if (what === 'link') {
        for (const { ifindex } of goneLinks) watcher.onLinkGone(ifindex)
        for (const link of links) watcher.onLink(link)
      } else if (what === 'address') {
        for (const address of goneAddresses) watcher.onAddress(address, true)
        for (const address of addresses) watcher.onAddress(address, false)
      } else if (what === 'rule') watcher.onRule()
      else if (what === 'route') this.tellRoute(FOREIGN, { gone: false })
      else watcher.onOverflow()
    }
    if (what === 'link') this.#toldLinks = links
    if (what === 'address') this.#toldAddresses = addresses
  }

  tellRoute(route: KernelRoute, how: { gone: boolean; replaced?: boolean }): void {
    for (const watcher of this.#watchers) watcher.onRoute({ replaced: false, ...route, ...how })
  }

  /** Somebody else writes a setting of an interface; -1: of all. */
  changeSetting(path: string, value: string, ifindex: number): void {
    this.sysctls.set(path, value)
    for (const watcher of this.#watchers) watcher.onSetting(ifindex)
  }

  /** Somebody else deletes a route, whoever's it is. */
  loseRoute(route: KernelRoute): void {
    this.routes.delete(routeKey(route))
    this.tellRoute(route, { gone: true })
  }

  /** Somebody else deletes a nexthop object; the kernel is silent of its IPv4 routes. */
  loseNexthop(id: number): void {
    this.#removeNexthop(id)
    for (const watcher of this.#watchers) watcher.onNexthop(id, null)
  }

  /** Somebody else deletes a SID. */
  loseSid(sid: LocalSid): void {
    this.sids.delete(sidKey(sid))
    const view = new DataView(sid.sid.buffer, sid.sid.byteOffset)
    const words = Int32Array.from({ length: 4 }, (_, k) => view.getInt32(k * 4))
    const route = { ...FOREIGN, table: 254, words, bits: sid.prefixBits }
    this.tellRoute({ ...route, metric: ROUTE_METRIC, protocol: RTPROT_SRV6D }, { gone: true })
  }

  /** A route of somebody else. */
  addForeignRoute(route: KernelRoute): void {
    this.routes.set(routeKey(route), route)
  }

  /** Routes of a table as sorted lines: '10.2.0.0/24 unicast 1397882880'. */
  routesOf(table: number): string[] {
    return [...this.routes.values()]
      .filter((route) => route.table === table)
      .map((route) => `${prefixOf(route)} ${KIND_NAMES[route.kind as RouteKind]} ${route.nexthop}`)
      .sort()
  }

  async ensureVrf(name: string, table: number): Promise<{ ifindex: number; created: boolean }> {
    const found = adoptable(this.linkList, name, table)
    if (found) return { ifindex: found.ifindex, created: found.alias === LINK_ALIAS }
    await this.#change({ what: 'link', op: 'vrf', name })
    const link = this.addLink(name, { kind: 'vrf', vrfTable: table, alias: LINK_ALIAS })
    this.tell('link')
    return { ifindex: link.ifindex, created: true }
  }

  async ensurePair(name: string, peer: string): Promise<{ ifindex: number; created: boolean }> {
    const found = adoptablePair(this.linkList, name, peer)
    if (found) {
      for (const each of [name, peer]) await this.setUp(each)
      return { ifindex: found.ifindex, created: false }
    }
    await this.#change({ what: 'link', op: 'pair', name })
    const link = this.addLink(name, { kind: 'veth' })
    this.addLink(peer, { kind: 'veth' })
    this.tell('link')
    return { ifindex: link.ifindex, created: true }
  }

  async hasVrfDevices(): Promise<boolean> {
    return this.vrfDevices
  }

  /** The rules as lines, in the order the kernel tries them. */
  get rulesAsText(): string[] {
    const sorted = this.ruleList.toSorted((a, b) => a.priority - b.priority)
    return sorted.map((rule) => ruleText(rule))
  }

  async rules(): Promise<KernelRule[]> {
    return [...this.ruleList]
  }

  async putRule(rule: KernelRule): Promise<void> {
    await this.#change({ what: 'rule', op: 'put', rule })
    const same = this.#ruleAt(rule)
    if (same >= 0) throw new KernelError('rule', Errno.EEXIST)
    this.ruleList.push(rule)
  }

  async deleteRule(rule: KernelRule): Promise<void> {
    await this.#change({ what: 'rule', op: 'delete', rule })
    const at = this.#ruleAt(rule)
    if (at >= 0) this.ruleList.splice(at, 1)
  }

  #ruleAt({ protocol, ...rule }: KernelRule): number {
    const text = ruleText({ ...rule, protocol })
    return this.ruleList.findIndex(
      (other) => other.protocol === protocol && ruleText(other) === text,
    )
  }

  async removeLink(name: string): Promise<void> {
    const at = this.linkList.findIndex((link) => link.name === name)
    if (at < 0) return
    await this.#change({ what: 'link', op: 'remove', name })
    this.linkDown(this.linkList[at]!.ifindex)
    this.linkList.splice(at, 1)
  }

  async enslave(ifname: string, vrfIfindex: number, takes = false): Promise<void> {
    const link = this.#link(ifname)
    if (link.master === vrfIfindex) return
    if (!this.linkList.some((other) => other.ifindex === vrfIfindex)) {
      throw new KernelError(`enslave ${ifname}`, Errno.ENODEV)
    }
    if (link.master !== 0 && !takes) throw new KernelError(`enslave ${ifname}`, Errno.EBUSY)
    await this.#change({ what: 'link', op: 'enslave', name: ifname })
    link.master = vrfIfindex
    this.tell('link')
  }

  async setUp(name: string): Promise<void> {
    const link = this.#link(name)
    if (link.up) return
    await this.#change({ what: 'link', op: 'up', name })
    link.up = true
    this.tell('link')
  }

  #link(name: string): Link {
    const link = this.linkList.find((other) => other.name === name)
    if (!link) throw new KernelError(name, Errno.ENODEV, 'no such interface')
    return link
  }

  async sysctl(path: string, value: string): Promise<string> {
    if (this.sysctls.get(path) === value) return 'ok'
    try {
      await this.#change({ what: 'sysctl', op: 'write', path, value })
    } catch (error) {
      return error instanceof KernelError && error.errno === Errno.ENOENT ? 'ENOENT' : 'EACCES'
    }
    this.sysctls.set(path, value)
    this.#keptSysctls.set(path, value)
    return 'ok'
  }

  async keepSettings(device?: string): Promise<ChangedSetting[]> {
    const found: ChangedSetting[] = []
    if ((device ?? 'all') === 'all' && this.tunnelSource !== this.#keptSource) {
      found.push({ path: 'tunsrc', value: this.#keptSource, was: this.tunnelSource, why: null })
      this.tunnelSource = this.#keptSource
    }
    for (const [path, value] of this.#keptSysctls) {
      const was = this.sysctls.get(path) ?? ''
      const isOf = device === undefined || path.includes(`/${device}/`)
      if (was === value || !isOf) continue
      this.sysctls.set(path, value)
      found.push({ path, value, was, why: null })
    }
    return found
  }

  async setTunnelSource(address: Uint8Array): Promise<void> {
    const text = formatAddress(address, 0, 16)
    await this.#change({ what: 'tunnel-source', op: 'set', address: text })
    this.tunnelSource = text
    this.#keptSource = text
  }

  async addAddress(address: InterfaceAddress): Promise<void> {
    await this.#change({
      what: 'address',
      op: 'add',
      address: formatAddress(address.address, 0, address.address.length as 4 | 16),
    })
    this.addressList.push(address)
    this.tell('address')
  }

  async links(): Promise<Link[]> {
    this.reads.links++
    return this.linkList.map((link) => ({ ...link }))
  }

  async addresses(): Promise<InterfaceAddress[]> {
    this.reads.addresses++
    return [...this.addressList]
  }

  async applyRoutes(batch: RouteBatch): Promise<void> {
    for (let k = 0; k < batch.count; k++) batch.errno[k] = this.#applyRoute(batch, k)
    await this.meanwhile()
  }

  #applyRoute(batch: RouteBatch, k: number): number {
    const op = batch.op[k]
    const route: KernelRoute = {
      table: batch.table[k]!,
      family: batch.family[k] as 4 | 6,
      words: batch.words.slice(k * 4, k * 4 + 4),
      bits: batch.bits[k]!,
      kind: batch.kind[k]!,
      nexthop: batch.nexthop[k]!,
      metric: batch.metric[k]! >>> 0,
      mtu: op === RouteOp.DELETE ? 0 : batch.mtu[k]!,
      protocol: RTPROT_SRV6D,
    }
    const operation = {
      what: 'route',
      op: op === RouteOp.DELETE ? 'delete' : 'put',
      route,
    } as const
    this.operations.push(operation)
    const errno = this.fail(operation)
    if (errno !== 0) return errno
    if (op === RouteOp.DELETE) return this.#deleteRoute(route)
    if (op === RouteOp.CREATE && this.routes.has(routeKey(route))) return Errno.EEXIST
    if (route.nexthop !== 0 && this.leavesOf(route.nexthop).length === 0) return Errno.EINVAL
    this.routes.set(routeKey(route), route)
    return 0
  }

  #deleteRoute(route: KernelRoute): number {
    const key = routeKey(route)
    if (this.routes.get(key)?.protocol === RTPROT_SRV6D) this.routes.delete(key)
    return 0
  }

  async putNexthop(nexthop: KernelNexthop): Promise<void> {
    const { id } = nexthop
    if ('members' in nexthop) {
      const { members } = nexthop
      await this.#change({ what: 'group', op: 'put', id, members })
      if (this.nexthops.has(id) || this.groups.has(id)) {
        throw new KernelError('RTM_NEWNEXTHOP', Errno.EEXIST)
      }
      this.#setGroup(id, members)
      return
    }
    await this.#change({ what: 'nexthop', op: 'put', id, nexthop })
    if (this.nexthops.has(id) || this.groups.has(id)) {
      throw new KernelError('RTM_NEWNEXTHOP', Errno.EEXIST)
    }
    const link = this.linkList.find((other) => other.ifindex === nexthop.ifindex)
    if (!link) throw new KernelError('RTM_NEWNEXTHOP', Errno.EINVAL, 'Invalid device index')
    if (!link.up) throw new KernelError('RTM_NEWNEXTHOP', Errno.ENETDOWN)
    this.nexthops.set(id, nexthop)
  }

  /** What is asked for is done before this returns, as by a netlink socket. */
  async replaceNexthop({ id, members }: NexthopGroup): Promise<void> {
    const operation = { what: 'group', op: 'replace', id, members } as const
    this.operations.push(operation)
    const errno = this.fail(operation) || (this.groups.has(id) ? 0 : Errno.ENOENT)
    if (errno === 0) this.#setGroup(id, members)
    await this.meanwhile()
    if (errno !== 0) throw new KernelError('RTM_NEWNEXTHOP', errno)
  }

  #setGroup(id: number, members: readonly NexthopMember[]): void {
    const ids = members.map((member) => member.id)
    const bad = ids.length === 0 || new Set(ids).size < ids.length
    if (bad || !ids.every((member) => this.nexthops.has(member))) {
      throw new KernelError('RTM_NEWNEXTHOP', Errno.EINVAL, 'Invalid nexthop id')
    }
    this.groups.set(id, members)
  }

  /** The ids that a route's packets go to. */
  leavesOf(id: number): number[] {
    return this.groups.get(id)?.map((member) => member.id) ?? (this.nexthops.has(id) ? [id] : [])
  }

  async deleteNexthop(id: number): Promise<void> {
    await this.#change({ what: 'nexthop', op: 'delete', id })
    this.#removeNexthop(id)
  }

  #removeNexthop(id: number): void {
    this.nexthops.delete(id)
    this.groups.delete(id)
    for (const [group, members] of this.groups) {
      const left = members.filter((member) => member.id !== id)
      if (left.length === 0) this.#removeNexthop(group)
      else if (left.length < members.length) this.groups.set(group, left)
    }
    for (const [key, route] of this.routes) if (route.nexthop === id) this.routes.delete(key)
  }

  async putLocalSid(sid: LocalSid): Promise<void> {
    await this.#change({ what: 'sid', op: 'put', sid })
    const { target } = sid
    if (
      target.kind === 'vrftable' &&
      !this.linkList.some((link) => link.vrfTable === target.table)
    ) {
      throw new KernelError('SID', Errno.EINVAL, 'Table has no associated VRF device')
    }
    this.sids.set(sidKey(sid), sid)
  }

  async deleteLocalSid(sid: LocalSid): Promise<void> {
    await this.#change({ what: 'sid', op: 'delete', sid })
    this.sids.delete(sidKey(sid))
  }

  async reachedPrefixes(): Promise<RulePrefix[]> {
    const texts = [...this.ways.keys()].filter((text) => !this.byDefault.has(text))
    return texts.map((text) => ({ address: parseAddress(text), bits: 128 }))
  }

  async routeTo(address: Uint8Array): Promise<RouteTo> {
    const text = formatAddress(address, 0, address.length as 4 | 16)
    return this.ways.get(text) ?? { errno: Errno.ENETUNREACH }
  }

  async dump(): Promise<KernelDump> {
    this.reads.dumps++
    return {
      routes: [...this.routes.values()].filter((route) => route.protocol === RTPROT_SRV6D),
      nexthops: [
        ...this.nexthops.values(),
        ...[...this.groups].map(([id, members]) => ({ id, members })),
      ],
      localSids: [...this.sids.values()],
    }
  }

  watch(watcher: KernelWatcher): () => void {
    this.#toldLinks = this.linkList.map((link) => ({ ...link }))
    this.#toldAddresses = [...this.addressList]
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  async close(): Promise<void> {
    this.#watchers.clear()
  }

  async #change(operation: FakeOperation): Promise<void> {
    this.operations.push(operation)
    const errno = this.fail(operation)
    await this.meanwhile()
    if (errno !== 0) throw new KernelError(`${operation.op} ${operation.what}`, errno)
  }
}

const rule = (family: 4 | 6, priority: number, table: number): KernelRule => ({
  ...{ family, priority, table, iif: '', oif: '', from: null, to: null },
  protocol: RTPROT_KERNEL,
})
/** What the kernel has of its own. */
const DEFAULT_RULES = [rule(4, 0, 255), rule(4, 32766, 254), rule(6, 0, 255), rule(6, 32766, 254)]

const KIND_NAMES: Record<RouteKind, string> = {
  1: 'unicast',
  2: 'local',
  6: 'blackhole',
  7: 'unreachable',
  9: 'throw',
}

function prefixOf(route: Pick<KernelRoute, 'family' | 'words' | 'bits'>): string {
  const octets = new Uint8Array(16)
  const view = new DataView(octets.buffer)
  for (let k = 0; k < 4; k++) view.setInt32(k * 4, route.words[k]!)
  return `${formatAddress(octets, 0, route.family === 4 ? 4 : 16)}/${route.bits}`
}

function routeKey(route: KernelRoute): string {
  return `${route.table} ${prefixOf(route)} ${route.metric}`
}

function sidKey(sid: LocalSid): string {
  return `${formatAddress(sid.sid, 0, 16)}/${sid.prefixBits}`
}
