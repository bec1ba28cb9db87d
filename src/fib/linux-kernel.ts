/**
 * The Kernel port over netlink: routes by a thread of their own, links and addresses by
 * NetlinkControl; nexthop objects, SIDs, look-ups and dumps here.
 */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
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
import { Errno, isTransient, KernelError } from './kernel-error.ts'
import { watchKernel } from './kernel-watch.ts'
import { NetlinkControl } from './netlink-control.ts'
import { type NetlinkMessage, NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { reachedPrefixes } from './reached-prefixes.ts'
import {
  NETLINK_ROUTE,
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

const RETRY_MS = 5
const RETRIES = 100
const DUMP_TRIES = 5
/** Changes between two turns of the event loop: thousands of nexthop objects come at once. */
const TURN_AFTER = 32

/** The kernel of this machine, in the network namespace of this process. */
export class LinuxKernel implements Kernel {
  readonly reachedPrefixes = reachedPrefixes
  readonly #sysctls = new Sysctls()
  readonly #tunnelSource = new TunnelSource()
  readonly changedSysctls = this.#sysctls.changed
  readonly #log: Logger
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE)
  readonly #routes = new RouteThread()
  readonly #control = new NetlinkControl()
  readonly #vrfs: VrfDevices
  readonly #writer = new NetlinkWriter(4096)
  readonly #watches = new Set<() => void>()
  #seq = 0x40000000
  #requests = 0
  #turnedAt = 0
  readonly #watchQueueBytes: number | undefined
  /** `watchQueueBytes`: receive queue of the notifications; a test makes it small. */
  constructor(log: Logger, options: { watchQueueBytes?: number } = {}) {
    this.#log = log
    this.#watchQueueBytes = options.watchQueueBytes
    this.#vrfs = new VrfDevices(this.#control, log)
  }

  /** Changes asked of the kernel so far: a restart that finds all as it should be asks none. */
  get writes(): number {
    return this.#requests + this.#routes.messages
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
    return this.#change(`RTM_NEWNEXTHOP ${nexthop.id}`, (w, seq) => {
      if ('members' in nexthop) encode.encodeNexthopGroup(w, nexthop, false, seq)
      else encode.encodeNewNexthop(w, nexthop, seq)
    })
  }

  replaceNexthop(group: NexthopGroup): Promise<void> {
    const operation = `RTM_NEWNEXTHOP ${group.id}, replacing`
    return this.#changeNow(operation, (w, seq) => encode.encodeNexthopGroup(w, group, true, seq))
  }

  deleteNexthop(id: number): Promise<void> {
    return this.#delete(`RTM_DELNEXTHOP ${id}`, (w, seq) => encode.encodeDelNexthop(w, id, seq))
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
    await this.#change(operation, (w, seq) => encode.encodeNewLocalSid(w, sid, action, how, seq))
  }

  /** Whose route for exactly this SID packets go by, null: there is none. */
  #holderOf({ sid, prefixBits }: LocalSid): string | null {
    const writer = this.#begin()
    encode.encodeGetRoute(writer, sid, this.#seq, RTM_F_FIB_MATCH)
    let holder: string | null = null
    this.#socket.attempt(writer.buf, writer.end, ({ payload }) => {
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
    return this.#delete('RTM_DELROUTE of a SID', (w, seq) => encode.encodeDelLocalSid(w, sid, seq))
  }

  async rules(): Promise<KernelRule[]> {
    const rules: KernelRule[] = []
    const socket = new NetlinkSocket(NETLINK_ROUTE)
    try {
      const writer = this.#begin()
      encodeDumpRules(writer, this.#seq)
      await socket.dump('list ip rules', writer.buf, writer.end, ({ payload }) => {
        const rule = decodeRule(payload)
        if (rule) rules.push(rule)
      })
    } finally {
      socket.close()
    }
    return rules
  }

  putRule(rule: KernelRule): Promise<void> {
    return this.#change(`RTM_NEWRULE ${ruleText(rule)}`, (w, seq) => encodeNewRule(w, rule, seq))
  }

  deleteRule(rule: KernelRule): Promise<void> {
    return this.#delete(`RTM_DELRULE ${ruleText(rule)}`, (w, seq) => encodeDelRule(w, rule, seq))
  }

  async ensurePair(name: string, peer: string): Promise<{ ifindex: number; created: boolean }> {
    const operation = `create veth ${name}`
    const found = adoptablePair(await this.links(), name, peer)
    if (!found) await this.#change(operation, (w, seq) => encodeNewPair(w, name, peer, seq))
    for (const each of [name, peer]) await this.setUp(each)
    const link = found ?? adoptablePair(await this.links(), name, peer)
    if (!link) throw new KernelError(operation, Errno.ENODEV)
    return { ifindex: link.ifindex, created: !found }
  }

  async hasVrfDevices(): Promise<boolean> {
    const writer = this.#begin()
    encodeProbeVrf(writer, this.#seq)
    return this.#socket.attempt(writer.buf, writer.end)?.errno !== Errno.EOPNOTSUPP
  }

  async routeTo(address: Uint8Array): Promise<RouteTo> {
    const writer = this.#begin()
    encode.encodeGetRoute(writer, address, this.#seq)
    let found: RouteTo | undefined
    const refused = this.#socket.attempt(writer.buf, writer.end, (reply) => {
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
    const socket = new NetlinkSocket(NETLINK_ROUTE)
    let interrupted = false
    try {
      for (const [put, onPart] of [
        [encode.encodeDumpNexthops, onNexthop],
        [(w: NetlinkWriter, seq: number) => encode.encodeDumpRoutes(w, false, seq), onRoute],
        [(w: NetlinkWriter, seq: number) => encode.encodeDumpRoutes(w, true, seq), onRoute],
      ] as const) {
        const writer = this.#begin()
        put(writer, this.#seq)
        const result = await socket.dump('dump', writer.buf, writer.end, onPart)
        interrupted ||= result.interrupted
      }
    } finally {
      socket.close()
    }
    return { dump, interrupted }
  }

  /** Changes of links and addresses, ours too, are heard: they keep the picture of them complete. */
  watch(watcher: KernelWatcher): () => void {
    const ourPortIds = [this.#socket.portId, this.#routes.portId]
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
    this.#socket.close()
  }

  #begin(): NetlinkWriter {
    this.#seq = (this.#seq + 1) >>> 0
    this.#writer.reset()
    return this.#writer
  }

  /** One acknowledged change; asked again for a while when the kernel lacks memory. */
  async #change(
    operation: string,
    put: (writer: NetlinkWriter, seq: number) => void,
  ): Promise<void> {
    // Not between the change and who waits for it: a notification about it would find nothing noted.
    if (this.#requests - this.#turnedAt >= TURN_AFTER) {
      this.#turnedAt = this.#requests
      await turn()
    }
    await this.#changeNow(operation, put)
  }

  /** The same, sent before this returns. */
  async #changeNow(
    operation: string,
    put: (writer: NetlinkWriter, seq: number) => void,
  ): Promise<void> {
    for (let tries = 0; ; tries++) {
      const writer = this.#begin()
      put(writer, this.#seq)
      this.#requests++
      const refused = this.#socket.attempt(writer.buf, writer.end)
      if (!refused) return
      if (!isTransient(refused.errno) || tries === RETRIES) {
        throw new KernelError(operation, refused.errno, refused.words)
      }
      await pause(RETRY_MS)
    }
  }

  /** The same, where "not there" is what was wanted. */
  async #delete(
    operation: string,
    put: (writer: NetlinkWriter, seq: number) => void,
  ): Promise<void> {
    try {
      await this.#change(operation, put)
    } catch (error) {
      const gone = [Errno.ESRCH, Errno.ENOENT, Errno.ENODEV] as number[]
      if (!(error instanceof KernelError) || !gone.includes(error.errno)) throw error
    }
  }
}
