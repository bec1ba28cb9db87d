/**
 * The kernel as the rest of srv6d sees it: a port. `linux-kernel.ts` is the real one over netlink,
 * test/support/fake-kernel.ts the one in memory. Nothing behind it knows of BGP, nothing in front
 * of it of netlink.
 */

/** Kinds of route, by the kernel's RTN_ numbers; UNICAST and LOCAL go by a nexthop object. */
export const RouteKind = { UNICAST: 1, LOCAL: 2, BLACKHOLE: 6, UNREACHABLE: 7, THROW: 9 } as const
export type RouteKind = (typeof RouteKind)[keyof typeof RouteKind]

/**
 * CREATE is refused (EEXIST) where the prefix has a route of the same metric, whoever made it;
 * REPLACE takes its place, so it is for routes known to be ours.
 */
export const RouteOp = { REPLACE: 1, DELETE: 2, CREATE: 3 } as const

/** Changes to routes, a column a field; `errno` is the kernel's answer to each, 0 for done. */
export interface RouteBatch {
  count: number
  op: Uint8Array
  table: Int32Array
  /** 4 or 6. */
  family: Uint8Array
  bits: Uint8Array
  /** Four a route: the address as integers, most significant first; IPv4 in the first. */
  words: Int32Array
  kind: Uint8Array
  /** Kernel id of the nexthop object of a UNICAST or LOCAL route, else 0. */
  nexthop: Int32Array
  metric: Int32Array
  /** RTAX_MTU and RTAX_ADVMSS, 0 for neither: what senders on this router are told. */
  mtu: Int32Array
  advmss: Int32Array
  errno: Int32Array
}

/** What a nexthop object does with a packet; two equal ones share one object. */
export interface NexthopContent {
  ifindex: number
  /** 4 or 16 octets; without it the device alone. */
  gateway?: Uint8Array
  /** 16 octets each, in the order travelled: H.Encaps (RFC 8986 §5.1). */
  segments?: Uint8Array[]
  /** H.Encaps or H.Encaps.Red (RFC 8986 §5.1, §5.2). */
  mode?: EncapMode
  onlink?: boolean
}

export type EncapMode = 'encap' | 'encap.red'

export interface NexthopSpec extends NexthopContent {
  id: number
}

/** A share of a group's traffic, by weight (1 to 256). */
export interface NexthopMember {
  id: number
  weight: number
}

/** An object over others: its routes' traffic is shared among them by flow. */
export interface NexthopGroup {
  id: number
  members: readonly NexthopMember[]
}

export type KernelNexthop = NexthopSpec | NexthopGroup

/**
 * Where a decapsulated packet goes: by the table of a VRF device, by a table without one (End.DT6
 * only), or to a next hop (End.DX4: 4 octets, End.DX6: 16), which the kernel looks up in the main
 * table.
 */
export type SidTarget =
  | { kind: 'vrftable'; table: number }
  | { kind: 'table'; table: number }
  | { kind: 'next-hop'; address: Uint8Array }

/** A SID of this router (RFC 8986 §4): a seg6local route in the main table. */
export interface LocalSid {
  sid: Uint8Array
  prefixBits: number
  /** Endpoint behaviour, the code of wire/registry.ts. */
  behavior: number
  target: SidTarget
  /** Device of the route: the VRF's, or any but `lo`, which the kernel strips of its action. */
  ifindex: number
}

/** The selector and the action of one ip rule. */
export interface KernelRule {
  family: 4 | 6
  /** Rules are tried in this order. */
  priority: number
  /** Interfaces by name, '' for any: a rule outlives its interface and applies when it is back. */
  iif: string
  /** What a bound socket of this machine is bound to. */
  oif: string
  from: RulePrefix | null
  to: RulePrefix | null
  /** The table to look up; a table without a route goes on to the next rule. 0: unreachable. */
  table: number
  protocol: number
}

export interface RulePrefix {
  address: Uint8Array
  bits: number
}

export interface KernelRoute {
  table: number
  family: 4 | 6
  words: Int32Array
  bits: number
  kind: number
  nexthop: number
  metric: number
  /** RTAX_MTU, 0 for none. */
  mtu: number
  protocol: number
}

/** Alias of the VRF devices that srv6d makes: a later run knows them by it. */
export const LINK_ALIAS = 'srv6d'

export interface Link {
  ifindex: number
  name: string
  /** Set up, and with a carrier: without one the kernel drops nexthop objects all the same. */
  up: boolean
  /** Link index of the bridge, bond or VRF it is enslaved to, 0 if none. */
  master: number
  /** 'vrf', 'veth' …; absent for plain hardware. */
  kind?: string
  /** Routing table of a VRF device. */
  vrfTable?: number
  /** A text that somebody gave it; LINK_ALIAS: srv6d made it. */
  alias?: string
  mtu: number
}

export interface InterfaceAddress {
  ifindex: number
  /** 4 or 16 octets. */
  address: Uint8Array
  bits: number
  scope: number
  /** IFA_F_ flags as the kernel has them. */
  flags: number
}

/** What the kernel holds that carries srv6d's protocol number. */
export interface KernelDump {
  routes: KernelRoute[]
  nexthops: KernelNexthop[]
  localSids: LocalSid[]
}

/** `mtu`: RTAX_MTU of the route, where it has one. */
export type RouteTo =
  | { ifindex: number; gateway?: Uint8Array; metric?: number; mtu?: number }
  | { errno: number }

/** Hears what others change, in the order in which it happens; our own writes are left out. */
export interface KernelWatcher {
  onLink(link: Link): void
  onLinkGone(ifindex: number): void
  onAddress(address: InterfaceAddress, gone: boolean): void
  onRoute(notice: RouteNotice): void
  /** A nexthop object of srv6d's came or changed; null: the object of this id went. */
  onNexthop(id: number, now: KernelNexthop | null): void
  /** An ip rule came or went, whoever's. */
  onRule(): void
  /** A setting of the interface's IPv4 or IPv6 was changed; -1: of all, -2: of those to come. */
  onSetting(ifindex: number): void
  /** Notifications were lost: everything has to be looked at again. */
  onOverflow(): void
}

/** A setting that was no longer as it had been made; `why`: it was left so. */
export interface ChangedSetting {
  path: string
  value: string
  was: string
  why: string | null
}

/** A route that came or went, whoever's; to be read at once, for the next one overwrites it. */
export interface RouteNotice extends KernelRoute {
  gone: boolean
  /** It took the place of the route of the same prefix and metric. */
  replaced: boolean
}

/** Every refusal is a KernelError with the errno, but for routes: there it stands in the batch. */
export interface Kernel {
  /**
   * The VRF device `name` of routing table `table`, created or adopted, and up; `created`: by srv6d,
   * in this run or a former one. Refuses, in plain words, a name that is something else and a table
   * that is another VRF's.
   */
  ensureVrf(name: string, table: number): Promise<{ ifindex: number; created: boolean }>
  removeLink(name: string): Promise<void>
  /**
   * Puts an interface into a VRF; its global IPv6 addresses stay, though the kernel drops them. Where
   * it belongs to another device it is refused, but with `takes`.
   */
  enslave(ifname: string, vrfIfindex: number, takes?: boolean): Promise<void>
  setUp(name: string): Promise<void>
  /** Writes /proc/sys/`path`, when it differs; 'ok' or why not. */
  sysctl(path: string, value: string): Promise<string>
  /** What `sysctl` has changed, with the value there was before. */
  readonly changedSysctls: ReadonlyMap<string, string>
  /**
   * Sets back what others changed since `sysctl`, of a device, of `all`, of `default`, or all there
   * is; with the last two kinds of `all` the source of encapsulated packets too.
   */
  keepSettings(device?: string): Promise<ChangedSetting[]>
  /** Source address of encapsulated packets, for the whole network namespace. */
  setTunnelSource(address: Uint8Array): Promise<void>
  links(): Promise<Link[]>
  addresses(): Promise<InterfaceAddress[]>
  addAddress(address: InterfaceAddress): Promise<void>
  /** Carries the changes out in order and fills `errno`; what passes by itself is tried again. */
  applyRoutes(batch: RouteBatch): Promise<void>
  /** Creates the object; an id that exists is EEXIST, never overwritten. */
  putNexthop(nexthop: KernelNexthop): Promise<void>
  /** Gives a group that is there other members: for all its routes at once, by one message. */
  replaceNexthop(group: NexthopGroup): Promise<void>
  /** Deletes the object and every route that uses it; gone already is well. */
  deleteNexthop(id: number): Promise<void>
  putLocalSid(sid: LocalSid): Promise<void>
  deleteLocalSid(sid: LocalSid): Promise<void>
  /** All ip rules but those with a selector or an action that KernelRule has not. */
  rules(): Promise<KernelRule[]>
  putRule(rule: KernelRule): Promise<void>
  /** Deletes a rule with this protocol number, and no other's; gone already is well. */
  deleteRule(rule: KernelRule): Promise<void>
  /**
   * A pair of veth devices, created or adopted, and up: what goes out at one comes in at the other,
   * without ARP. Refuses, in plain words, a name that is something else.
   */
  ensurePair(name: string, peer: string): Promise<{ ifindex: number; created: boolean }>
  /** Whether it can make VRF devices. */
  hasVrfDevices(): Promise<boolean>
  /** How a packet for `address` leaves by the main table, or the errno of there being no way. */
  routeTo(address: Uint8Array): Promise<RouteTo>
  /** IPv6 prefixes, longer than none, that the main table and this router's addresses reach. */
  reachedPrefixes(): Promise<RulePrefix[]>
  /** Everything that carries srv6d's protocol number. */
  dump(): Promise<KernelDump>
  /** Tells of what others change until the returned function is called. */
  watch(watcher: KernelWatcher): () => void
  close(): Promise<void>
}

/** A batch with room for `capacity` changes, on memory that a worker thread can share; reusable. */
export function routeBatch(capacity: number): RouteBatch {
  const octets = (count: number) => new Uint8Array(new SharedArrayBuffer(count))
  const words = (count: number) => new Int32Array(new SharedArrayBuffer(count * 4))
  return {
    count: 0,
    op: octets(capacity),
    table: words(capacity),
    family: octets(capacity),
    bits: octets(capacity),
    words: words(capacity * 4),
    kind: octets(capacity),
    nexthop: words(capacity),
    metric: words(capacity),
    mtu: words(capacity),
    advmss: words(capacity),
    errno: words(capacity),
  }
}
