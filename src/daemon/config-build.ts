/** A checked file -> Config: names in camel case, and the defaults that depend on other keys. */

import { parseAddress } from '../wire/address.ts'
import { Family } from '../wire/registry.ts'
import { buildNetwork, buildSpeaker } from './config-node.ts'
import type {
  Config,
  ConfigFile,
  IpAddress,
  ListenConfig,
  LocatorConfig,
  NeighborConfig,
  StaticRouteConfig,
  Tag,
  VrfConfig,
} from './config-schema.ts'

const IFNAMSIZ = 16
const BGP_PORT = 179

type VrfFile = ConfigFile['vrfs'][string]
type NeighborFile = ConfigFile['neighbors'][number]
type VrfNeighborFile = VrfFile['neighbors'][number]

/** `file` is what the user called it. Expects that checkConfig had nothing to say. */
export function buildConfig(parsed: ConfigFile, file: string): Config {
  const { router, dataplane, log } = parsed
  const routerId = router['router-id']
  const locators = Object.entries(parsed.locators).map(([name, entry]) => buildLocator(name, entry))
  return {
    file,
    router: {
      as: router.as,
      routerId: new DataView(routerId.bytes.buffer, routerId.bytes.byteOffset).getUint32(0),
      routerIdText: routerId.text,
      source: router.source,
    },
    listen: parsed.listen ?? defaultListen(),
    dataplane: {
      mode: dataplane.mode,
      ciliumMaps: dataplane['cilium-maps'],
      encapsulation: dataplane.encapsulation,
      coreMtu: dataplane['core-mtu'] ?? null,
      resolveViaDefault: dataplane['resolve-via-default'],
      onStop: dataplane['on-stop'],
      sidDrainTime: dataplane['sid-drain-time'],
    },
    api: { socket: parsed.api.socket, listen: parsed.api.listen ?? null },
    log,
    locators,
    vrfs: Object.entries(parsed.vrfs).map(([name, entry]) => buildVrf(name, entry, locators)),
    neighbors: parsed.neighbors.map((entry) => ({
      ...buildNeighbor(entry, null),
      families: entry.families,
      sidTransposition: entry['sid-transposition'],
    })),
    speakers: Object.entries(parsed.speakers).map(([name, each]) => buildSpeaker(name, each)),
    clusterPrefixes: parsed['cluster-prefixes'],
    gracefulRestart: {
      enabled: parsed['graceful-restart'].enabled,
      restartTime: parsed['graceful-restart']['restart-time'],
      staleTime: parsed['graceful-restart']['stale-time'],
      longLivedTime: parsed['graceful-restart']['long-lived-time'],
    },
  }
}

/** Any address of either family. */
export function defaultListen(): ListenConfig[] {
  return ['::', '0.0.0.0'].map((text) => ({ address: addressOf(text), port: BGP_PORT }))
}

/** `vrf-<name>` where the kernel takes it, else null: then the file must name the device. */
export function defaultDevice(name: string): string | null {
  const device = `vrf-${name}`
  return device.length < IFNAMSIZ ? device : null
}

function addressOf(text: string): IpAddress {
  const bytes = parseAddress(text)
  return { text, family: bytes.length === 4 ? 4 : 6, bytes }
}

function buildLocator(name: string, entry: ConfigFile['locators'][string]): LocatorConfig {
  const blockLength = entry['block-length']
  return {
    name,
    prefix: entry.prefix,
    blockLength,
    nodeLength: entry['node-length'] ?? entry.prefix.bits - blockLength,
    functionLength: entry['function-length'],
    behavior: entry.behavior,
  }
}

function buildVrf(name: string, entry: VrfFile, locators: LocatorConfig[]): VrfConfig {
  const { import: imports, export: exports, both } = entry['route-targets']
  const named = locators.find((each) => each.name === entry.locator)
  return {
    name,
    table: entry.table,
    device: entry.device ?? defaultDevice(name)!,
    rd: entry.rd,
    importTargets: union(both, imports),
    exportTargets: union(both, exports),
    locator: named ?? locators[0]!,
    sid: entry.sid,
    sids: {
      dt46: entry.sids.dt46 ?? null,
      dt4: entry.sids.dt4 ?? null,
      dt6: entry.sids.dt6 ?? null,
    },
    interfaces: entry.interfaces,
    redistribute: entry.redistribute,
    maximumPaths: entry['maximum-paths'],
    staticRoutes: entry['static-routes'].map(buildStaticRoute),
    neighbors: entry.neighbors.map((each) => buildVrfNeighbor(each, name)),
    networks: entry.networks.map(buildNetwork),
  }
}

/** A target listed under `both` and under `import` counts once. */
function union(a: Tag[], b: Tag[]): Tag[] {
  const byText = new Map([...a, ...b].map((tag) => [tag.bytes.join(), tag]))
  return [...byText.values()]
}

function buildStaticRoute(entry: VrfFile['static-routes'][number]): StaticRouteConfig {
  const { prefix, via, blackhole } = entry
  return { prefix, via: via ?? null, interface: entry.interface ?? null, blackhole }
}

/** A CE carries by default the family of its own address. */
function buildVrfNeighbor(entry: VrfNeighborFile, vrf: string): NeighborConfig {
  const own = entry.address.family === 4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST
  return {
    ...buildNeighbor(entry, vrf),
    families: entry.families ?? [own],
    sidTransposition: 'transposed',
  }
}

function buildNeighbor(entry: NeighborFile | VrfNeighborFile, vrf: string | null) {
  return {
    vrf,
    speaker: null,
    address: entry.address,
    as: entry.as,
    updateSource: entry['update-source'] ?? null,
    port: entry.port,
    passive: entry.passive,
    holdTime: entry['hold-time'],
    connectRetry: entry['connect-retry'],
    ebgpMultihop: entry['ebgp-multihop'] ?? null,
    password: entry.password ?? null,
    description: entry.description ?? null,
    shutdown: entry.shutdown,
    allowasIn: entry['allowas-in'],
    asOverride: entry['as-override'],
    maxPrefix: entry['max-prefix'],
    longLivedStale: entry['long-lived-stale'],
  }
}
