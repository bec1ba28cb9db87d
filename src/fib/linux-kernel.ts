/**
 * The Kernel port over netlink: routes by a thread of their own, links and addresses by
 * NetlinkControl; nexthop objects, SIDs, look-ups and dumps here.
 */
import type { Logger } from '../base/logger.ts'
import { formatAddress } from '../wire/address.ts'
import { behaviorName } from '../wire/registry.ts'
import { RouteThread } from './fib-thread.ts'
import type {
  ChangedSetting,
  InterfaceAddress,
  Kernel,
  KernelDump,
  KernelNexthop,
  KernelRule,
  KernelWatcher,
  Link,
  LocalSid,
  NexthopGroup,
  RouteBatch,
  RouteTo,
} from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import { watchKernel } from './kernel-watch.ts'
import { NetlinkControl } from './netlink-control.ts'
import { NetlinkRequests, type Put } from './netlink-requests.ts'
import type { NetlinkMessage } from './netlink-socket.ts'
import { reachedPrefixes } from './reached-prefixes.ts'
import {
  PROTOCOL_NAMES,
  RTM_F_FIB_MATCH,
  RTN_ANYCAST,
  RTN_LOCAL,
  RTN_UNICAST,
  RTPROT_KERNEL,
  RTPROT_SRV6D,
} from './rtnetlink-constants.ts'
import {
  decodeLocalSid,
  decodeNexthop,
  decodeRoute,
  decodeRouteOwner,
  decodeRouteTo,
} from './rtnetlink-decode.ts'
import * as encode from './rtnetlink-encode.ts'
import { adoptablePair, encodeNewPair, encodeProbeVrf } from './rtnetlink-link.ts'
import {
  decodeRule,
  encodeDelRule,
  encodeDumpRules,
  encodeNewRule,
  ruleText,
} from './rtnetlink-rule.ts'
import { Sysctls } from './sysctl.ts'
import { TunnelSource } from './tunnel-source.ts'
import { VrfDevices } from './vrf-device.ts'

const DUMP_TRIES = 5

/** The kernel of this machine, in the network namespace of this process. */
export class LinuxKernel implements Kernel {
  readonly reachedPrefixes = reachedPrefixes
  readonly #sysctls = new Sysctls()
  readonly #tunnelSource = new TunnelSource()
  readonly changedSysctls = this.#sysctls.changed
  readonly #log: Logger
  readonly #requests = new NetlinkRequests()
  readonly #routes = new RouteThread()
  readonly #control = new NetlinkControl()
  readonly #vrfs: VrfDevices
  readonly #watches = new Set<() => void>()
  readonly #watchQueueBytes: number | undefined

  /** `watchQueueBytes`: receive queue of the notifications; a test makes it small. */
  constructor(log: Logger, options: { watchQueueBytes?: number } = {}) {
    this.#log = log
    this.#watchQueueBytes = options.watchQueueBytes
    this.#vrfs = new VrfDevices(this.#control, log)
  }

  /** Changes asked of the kernel so far: a restart that finds all as it should be asks none. */
  get writes(): number {
    return this.#requests.changes + this.#routes.messages
  }

  ensureVrf(name: string, table: number): Promise<{ ifindex: number; created: boolean }> {
    return this.#vrfs.ensure(name, table)
  }

  removeLink(name: string): Promise<void> {
    return this.#vrfs.remove(name)
  }

  enslave(ifname: string, vrfIfindex: number, takes?: boolean): Promise<void> {
    return this.#vrfs.enslave(ifname, vrfIfindex, takes)
  }

  setUp(name: string): Promise<void> {
    return this.#vrfs.setUp(name)
  }

  sysctl(path: string, value: string): Promise<string> {
    return this.#sysctls.write(path, value)
  }

  async keepSettings(device?: string): Promise<ChangedSetting[]> {
    const found = await this.#sysctls.setBack(device)
    const source = device === undefined || device === 'all' ? this.#tunnelSource.setBack() : null
    return source === null ? found : [...found, source]
  }

  links(): Promise<Link[]> {
    return this.#control.links()
  }

  addresses(): Promise<InterfaceAddress[]> {
    return this.#control.addresses()
  }

  addAddress(address: InterfaceAddress): Promise<void> {
    return this.#control.addAddress(address)
  }

  async applyRoutes(batch: RouteBatch): Promise<void> {
    const words = await this.#routes.apply(batch)
    if (words !== '') this.#log.debug({ kernel: words }, 'route refused')
  }

  putNexthop(nexthop: KernelNexthop): Promise<void> {
    return this.#requests.change(`RTM_NEWNEXTHOP ${nexthop.id}`, (w, seq) => {
      if ('members' in nexthop) encode.encodeNexthopGroup(w, nexthop, false, seq)
      else encode.encodeNewNexthop(w, nexthop, seq)
    })
  }

  replaceNexthop(group: NexthopGroup): Promise<void> {
    const operation = `RTM_NEWNEXTHOP ${group.id}, replacing`
    return this.#requests.changeNow(operation, (w, seq) =>
      encode.encodeNexthopGroup(w, group, true, seq),
    )
  }

  deleteNexthop(id: number): Promise<void> {
    return this.#requests.delete(`RTM_DELNEXTHOP ${id}`, (w, seq) =>
      encode.encodeDelNexthop(w, id, seq),
    )
  }

  async putLocalSid(sid: LocalSid): Promise<void> {
    const action = encode.sidAction(sid)
    const operation = `RTM_NEWROUTE of a SID, ${behaviorName(sid.behavior)}`
    if (action === undefined)
      throw new KernelError(operation, Errno.EOPNOTSUPP, 'no data plane for it')
    const holder = this.#holderOf(sid)
    if (holder !== null && holder !== 'srv6d') {
      const text = formatAddress(sid.sid, 0, 16)
      throw new KernelError(operation, Errno.EEXIST, `SID ${text} is in use by ${holder}`)
    }
    const how = holder === null ? 'create' : 'replace'
    await this.#requests.change(operation, (w, seq) =>
      encode.encodeNewLocalSid(w, sid, action, how, seq),
    )
  }

  /** Whose route for exactly this SID packets go by, null: there is none. */
  #holderOf({ sid, prefixBits }: LocalSid): string | null {
    let holder: string | null = null
    const put: Put = (w, seq) => encode.encodeGetRoute(w, sid, seq, RTM_F_FIB_MATCH)
    this.#requests.ask(put, ({ payload }) => {
      const { destination, bits, protocol, kind } = decodeRouteOwner(payload)
      // Of routes that share a nexthop object the kernel may name another one than it goes by.
      if (bits !== prefixBits || Buffer.compare(destination, sid) !== 0) return
      // The local route comes a moment after that of the address's own network.
      const isLocal = kind === RTN_LOCAL || kind === RTN_ANYCAST || protocol === RTPROT_KERNEL
      if (isLocal) holder = 'an address of this router'
      else if (protocol === RTPROT_SRV6D) holder = 'srv6d'
      else holder = PROTOCOL_NAMES[protocol] ?? `routing protocol ${protocol}`
    })
    return holder
  }

  deleteLocalSid(sid: LocalSid): Promise<void> {
    return this.#requests.delete('RTM_DELROUTE of a SID', (w, seq) =>
      encode.encodeDelLocalSid(w, sid, seq),
    )
  }

  async rules(): Promise<KernelRule[]> {
    const rules: KernelRule[] = []
    const onRule = ({ payload }: NetlinkMessage) => {
      const rule = decodeRule(payload)
      if (rule) rules.push(rule)
    }
    await this.#requests.dump('list ip rules', [[encodeDumpRules, onRule]])
    return rules
  }

  putRule(rule: KernelRule): Promise<void> {
    return this.#requests.change(`RTM_NEWRULE ${ruleText(rule)}`, (w, seq) =>
      encodeNewRule(w, rule, seq),
    )
  }

  deleteRule(rule: KernelRule): Promise<void> {
    return this.#requests.delete(`RTM_DELRULE ${ruleText(rule)}`, (w, seq) =>
      encodeDelRule(w, rule, seq),
    )
  }

  async ensurePair(name: string, peer: string): Promise<{ ifindex: number; created: boolean }> {
    const operation = `create veth ${name}`
    const found = adoptablePair(await this.links(), name, peer)
    if (!found)
      await this.#requests.change(operation, (w, seq) => encodeNewPair(w, name, peer, seq))
    for (const each of [name, peer]) await this.setUp(each)
    const link = found ?? adoptablePair(await this.links(), name, peer)
    if (!link) throw new KernelError(operation, Errno.ENODEV)
    return { ifindex: link.ifindex, created: !found }
  }

  async hasVrfDevices(): Promise<boolean> {
    return this.#requests.ask(encodeProbeVrf)?.errno !== Errno.EOPNOTSUPP
  }

  async routeTo(address: Uint8Array): Promise<RouteTo> {
    let found: RouteTo | undefined
    const put: Put = (w, seq) => encode.encodeGetRoute(w, address, seq)
    const refused = this.#requests.ask(put, (reply) => {
      const { kind, ...way } = decodeRouteTo(reply.payload)
      if (kind === RTN_UNICAST || kind === RTN_LOCAL) found = way
      // An unreachable, prohibit or blackhole route is an answer too.
      else found = { errno: Errno.EHOSTUNREACH }
    })
    return found ?? { errno: refused?.errno ?? Errno.ENETUNREACH }
  }

  async setTunnelSource(address: Uint8Array): Promise<void> {
    this.#tunnelSource.set(address)
  }

  async dump(): Promise<KernelDump> {
    for (let tries = 1; ; tries++) {
      const { dump, interrupted } = await this.#dumpOnce()
      if (!interrupted || tries === DUMP_TRIES) return dump
    }
  }

  async #dumpOnce(): Promise<{ dump: KernelDump; interrupted: boolean }> {
    const dump: KernelDump = { routes: [], nexthops: [], localSids: [] }
    const onRoute = ({ payload }: NetlinkMessage) => {
      const sid = decodeLocalSid(payload)
      if (sid) return void dump.localSids.push(sid)
      const route = decodeRoute(payload)
      if (route && route.protocol === RTPROT_SRV6D) dump.routes.push(route)
    }
    const onNexthop = ({ payload }: NetlinkMessage) => {
      const nexthop = decodeNexthop(payload)
      if (nexthop) dump.nexthops.push(nexthop)
    }
    const interrupted = await this.#requests.dump('dump', [
      [encode.encodeDumpNexthops, onNexthop],
      [(w, seq) => encode.encodeDumpRoutes(w, false, seq), onRoute],
      [(w, seq) => encode.encodeDumpRoutes(w, true, seq), onRoute],
    ])
    return { dump, interrupted }
  }

  /** Changes of links and addresses, ours too, are heard: they keep the picture of them complete. */
  watch(watcher: KernelWatcher): () => void {
    const ourPortIds = [this.#requests.portId, this.#routes.portId]
    const options = { ourPortIds, queueBytes: this.#watchQueueBytes }
    const end = watchKernel(options, this.#log, watcher)
    this.#watches.add(end)
    return () => {
      this.#watches.delete(end)
      end()
    }
  }

  async close(): Promise<void> {
    for (const end of this.#watches) end()
    this.#watches.clear()
    this.#control.close()
    await this.#routes.close()
    this.#requests.close()
  }
}
