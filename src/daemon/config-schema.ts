/**
 * The shape of srv6d.yaml: every key, its type and its default, as zod schemas over kebab-case
 * keys; and `Config`, what the rest of the daemon programs against. config-build.ts turns the one
 * into the other, config-check.ts compares entries with each other, config-load.ts finds the lines.
 */
import * as z from 'zod'
import { Family } from '../wire/registry.ts'
import { Network, type NetworkConfig, Speaker, type SpeakerConfig } from './config-node.ts'
import {
  address,
  addressAndPort,
  asNumber,
  boolean,
  choice,
  deviceName,
  entryName,
  familyName,
  folder,
  holdTime,
  ipv4Address,
  ipv6Unicast,
  locatorPrefix,
  neighborAddress,
  password,
  prefix,
  routeDistinguisher,
  routeTarget,
  socketPath,
  tableId,
  text,
  wholeNumber,
} from './config-values.ts'

/** An address with its text in canonical form. */
export interface IpAddress {
  text: string
  family: 4 | 6
  /** 4 or 16 octets. */
  bytes: Uint8Array
}

/** A prefix without host bits. */
export interface IpPrefix {
  text: string
  family: 4 | 6
  /** 4 or 16 octets. */
  bytes: Uint8Array
  bits: number
}

/** A route distinguisher or a route target: the text of the file and the 8 octets of the wire. */
export interface Tag {
  text: string
  bytes: Uint8Array
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LogConfig {
  level: LogLevel
  format: 'json' | 'text'
}

export interface ListenConfig {
  address: IpAddress
  port: number
}

export interface DataplaneConfig {
  /** `auto`: VRF devices where the kernel has them. */
  mode: 'auto' | 'vrf' | 'table' | 'cilium'
  /** Where Cilium's eBPF maps are pinned. */
  ciliumMaps: string
  encapsulation: 'encap' | 'encap.red'
  /** Octets of the largest packet that the core takes; null: as the link towards each SID. */
  coreMtu: number | null
  /** A SID may be reached by a default route. */
  resolveViaDefault: boolean
  onStop: 'keep' | 'remove'
  /** Seconds that a SID outlives the last route that had it. */
  sidDrainTime: number
}

export interface LocatorConfig {
  name: string
  prefix: IpPrefix
  blockLength: number
  nodeLength: number
  functionLength: number
  behavior: 'classic' | 'usid'
}

export interface StaticRouteConfig {
  prefix: IpPrefix
  /** Null for a blackhole and for a route out of `interface` alone. */
  via: IpAddress | null
  interface: string | null
  blackhole: boolean
}

export interface NeighborConfig {
  /** Name of the speaker of this node that it is; null: it runs elsewhere. */
  speaker: string | null
  /** Null: a neighbour of the core, with VPN families. */
  vrf: string | null
  address: IpAddress
  as: number
  families: Family[]
  updateSource: IpAddress | null
  port: number
  passive: boolean
  /** Seconds: 0 or at least 3. */
  holdTime: number
  /** Seconds. */
  connectRetry: number
  /** Hop limit for an eBGP neighbour; null: 1 for eBGP, the kernel's default for iBGP. */
  ebgpMultihop: number | null
  password: string | null
  description: string | null
  shutdown: boolean
  /** How often our own AS may stand in a received AS_PATH. */
  allowasIn: number
  asOverride: boolean
  /** Prefixes a family. */
  maxPrefix: number
  /** Long-lived stale routes to a neighbour without RFC 9494: not told, or told restricted. */
  longLivedStale: 'withhold' | 'tell'
  sidTransposition: 'transposed' | 'full'
}

export interface VrfConfig {
  name: string
  table: number
  device: string
  rd: Tag
  importTargets: Tag[]
  exportTargets: Tag[]
  locator: LocatorConfig
  sid: 'per-vrf' | 'per-family' | 'per-ce' | 'per-prefix'
  /** SIDs that the file names; null: any of the locator. */
  sids: { dt46: IpAddress | null; dt4: IpAddress | null; dt6: IpAddress | null }
  interfaces: string[]
  redistribute: ('connected' | 'static')[]
  /** How many equally good paths a prefix uses at once. */
  maximumPaths: number
  staticRoutes: StaticRouteConfig[]
  neighbors: NeighborConfig[]
  networks: NetworkConfig[]
}

export interface GracefulRestartConfig {
  enabled: boolean
  /** Seconds the neighbours wait for us to come back, 0 … 4095. */
  restartTime: number
  /** Seconds we keep stale routes of a neighbour that is back. */
  staleTime: number
  /** Seconds of long-lived graceful restart (RFC 9494), 0: off. */
  longLivedTime: number
}

/** A checked configuration with every default filled in. */
export interface Config {
  /** The file it came from, as named by the user. */
  file: string
  router: { as: number; routerId: number; routerIdText: string; source: IpAddress }
  listen: ListenConfig[]
  dataplane: DataplaneConfig
  /** `listen`: for /metrics, /healthz and /readyz; null: nowhere. */
  api: { socket: string; listen: ListenConfig | null }
  log: LogConfig
  locators: LocatorConfig[]
  vrfs: VrfConfig[]
  /** Of the core only; those of a VRF stand in the VRF. */
  neighbors: NeighborConfig[]
  /** BGP speakers on this node. */
  speakers: SpeakerConfig[]
  /** What pods of a VRF reach as any pod does: the cluster's own addresses. */
  clusterPrefixes: IpPrefix[]
  gracefulRestart: GracefulRestartConfig
}

const port = wholeNumber(1, 65535)

export const Router = z.strictObject({
  as: asNumber,
  'router-id': ipv4Address,
  source: ipv6Unicast,
})

export const Listen = z.strictObject({ address, port: port.default(179) })

const Dataplane = z.strictObject({
  mode: choice('auto', 'vrf', 'table', 'cilium').default('auto'),
  'cilium-maps': folder.default('/sys/fs/bpf/tc/globals'),
  encapsulation: choice('encap.red', 'encap').default('encap.red'),
  'core-mtu': wholeNumber(1280, 65535).optional(),
  'resolve-via-default': boolean.default(true),
  'on-stop': choice('keep', 'remove').default('keep'),
  'sid-drain-time': wholeNumber(0, 3600).default(60),
})

const Api = z.strictObject({
  socket: socketPath.default('/run/srv6d/srv6d.sock'),
  listen: addressAndPort.optional(),
})

const Log = z.strictObject({
  level: choice('debug', 'info', 'warn', 'error', 'silent').default('info'),
  format: choice('json', 'text').default('json'),
})

export const Locator = z.strictObject({
  prefix: locatorPrefix,
  'block-length': wholeNumber(1, 127).default(32),
  'node-length': wholeNumber(0, 127).optional(),
  'function-length': wholeNumber(1, 32).default(16),
  behavior: choice('classic', 'usid').default('classic'),
})

export const StaticRoute = z.strictObject({
  prefix,
  via: address.optional(),
  interface: deviceName.optional(),
  blackhole: boolean.default(false),
})

const neighborShape = {
  address: neighborAddress,
  as: asNumber,
  'update-source': address.optional(),
  port: port.default(179),
  passive: boolean.default(false),
  'hold-time': holdTime.default(90),
  'connect-retry': wholeNumber(1, 65535).default(5),
  'ebgp-multihop': wholeNumber(1, 255).optional(),
  password: password.optional(),
  description: text(1, 200).optional(),
  shutdown: boolean.default(false),
  'allowas-in': wholeNumber(0, 10).default(0),
  'as-override': boolean.default(false),
  'long-lived-stale': choice('withhold', 'tell').default('withhold'),
}

/** No neighbour may cost memory without bound: unless it is said, the limits that IOS XR has. */
const maxPrefix = (unlessSaid: number) => wholeNumber(1, 4294967295).default(unlessSaid)

export const CoreNeighbor = z.strictObject({
  ...neighborShape,
  'max-prefix': maxPrefix(2_097_152),
  families: z.array(familyName('vpnv4', 'vpnv6')).default([Family.VPNV4, Family.VPNV6]),
  'sid-transposition': choice('transposed', 'full').default('transposed'),
})

export const VrfNeighbor = z.strictObject({
  ...neighborShape,
  'max-prefix': maxPrefix(1_048_576),
  families: z.array(familyName('ipv4-unicast', 'ipv6-unicast')).optional(),
})

const RouteTargets = z.strictObject({
  import: z.array(routeTarget).default([]),
  export: z.array(routeTarget).default([]),
  both: z.array(routeTarget).default([]),
})

export const Sids = z.strictObject({
  dt46: ipv6Unicast.optional(),
  dt4: ipv6Unicast.optional(),
  dt6: ipv6Unicast.optional(),
})

export const Vrf = z.strictObject({
  table: tableId,
  device: deviceName.optional(),
  rd: routeDistinguisher,
  'route-targets': RouteTargets,
  locator: entryName.optional(),
  sid: choice('per-vrf', 'per-family', 'per-ce', 'per-prefix').default('per-vrf'),
  sids: Sids.prefault({}),
  interfaces: z.array(deviceName).default([]),
  redistribute: z.array(choice('connected', 'static')).default(['connected', 'static']),
  'maximum-paths': wholeNumber(1, 64).default(1),
  'static-routes': z.array(StaticRoute).default([]),
  neighbors: z.array(VrfNeighbor).default([]),
  networks: z.array(Network).default([]),
})

const GracefulRestart = z.strictObject({
  enabled: boolean.default(true),
  'restart-time': wholeNumber(0, 4095).default(120),
  'stale-time': wholeNumber(1, 86400).default(360),
  'long-lived-time': wholeNumber(0, 16_777_215).default(0),
})

/** srv6d.yaml from its root. */
export const ConfigFile = z.strictObject({
  router: Router,
  listen: z.array(Listen).optional(),
  dataplane: Dataplane.prefault({}),
  api: Api.prefault({}),
  log: Log.prefault({}),
  locators: z.record(entryName, Locator).default({}),
  vrfs: z.record(entryName, Vrf).default({}),
  neighbors: z.array(CoreNeighbor).default([]),
  speakers: z.record(entryName, Speaker).default({}),
  'cluster-prefixes': z.array(prefix).default([]),
  'graceful-restart': GracefulRestart.prefault({}),
})

export type ConfigFile = z.output<typeof ConfigFile>
