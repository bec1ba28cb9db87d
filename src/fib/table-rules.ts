/**
 * Which ip rules keep the VRFs of the table data plane apart: those of the circuits stand before
 * the kernel's rule for local addresses, so nothing that comes in by a circuit is looked up
 * anywhere but in its VRF's table.
 */
import { equalBytes, hexOf } from '../base/bytes.ts'
import { isLinkLocal, networkOf } from './interfaces.ts'
import type { InterfaceAddress, RulePrefix } from './kernel.ts'
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from './rtnetlink-constants.ts'
import type { WantedRule } from './rule-table.ts'

// biome-ignore format: one row a kind
export const RulePriority = {
  /** Neighbour discovery, link-local addresses. */
  LINK_LOCAL: 1,
  /** Packets of a VRF for prefixes of this node. */
  HOME: 1,
  CIRCUIT: 2,
  /** What the VRF's table let go on: SRv6 packets that this router made. */
  OUTER: 3,
  CLOSED: 4,
  /** The kernel's `lookup local`, moved here from 0. */
  LOCAL: 5,
  /** What the router itself sends from an address of a circuit. */
  OWN: 1980,
  /** What it would send to a network that two VRFs are on. */
  SHARED: 1981,
  /** What the table of a VRF device has thrown: for a prefix of this node, whatever its source. */
  THROWN: 1984,
  /** From a SID to its next hop: before what comes from a prefix of this node. */
  SID: 1985,
  /** From a prefix of this node: to its own network, to another's, to the cluster; then to the VRF. */
  SAME_NETWORK: 1990,
  OTHER_NETWORK: 1991,
  CLUSTER: 1992,
  SOURCE: 2000,
  SOURCE_CLOSED: 2001,
} as const

const FAMILIES = [4, 6] as const
const LOOPBACK = 'lo'
const LINK_LOCAL: RulePrefix = { address: leading(0xfe, 0x80), bits: 10 }
const MULTICAST: RulePrefix = { address: leading(0xff, 0), bits: 8 }

function leading(a: number, b: number): Uint8Array {
  const address = new Uint8Array(16)
  address[0] = a
  address[1] = b
  return address
}

/** The kernel's own rule, behind those of the circuits. */
export function localRules(): WantedRule[] {
  return FAMILIES.map((family) => ({
    family,
    priority: RulePriority.LOCAL,
    table: RT_TABLE_LOCAL,
  }))
}

/** A circuit of the VRF with this table; `source` is what this router's SRv6 packets come from. */
export function circuitRules(name: string, table: number, source: Uint8Array): WantedRule[] {
  const { LINK_LOCAL: first, CIRCUIT, OUTER, CLOSED } = RulePriority
  const [iif, oif] = [name, name]
  const both = FAMILIES.flatMap((family) => [
    { family, priority: CIRCUIT, iif, table },
    // sessions with CEs are bound to the circuit
    { family, priority: CIRCUIT, oif, table },
    { family, priority: CLOSED, iif },
  ])
  const from = { address: source, bits: 128 }
  return [
    { family: 6, priority: first, iif, to: LINK_LOCAL, table: RT_TABLE_LOCAL },
    { family: 6, priority: first, iif, to: MULTICAST, table: RT_TABLE_LOCAL },
    { family: 6, priority: first, oif, to: LINK_LOCAL, table: RT_TABLE_MAIN },
    { family: 6, priority: first, oif, to: MULTICAST, table: RT_TABLE_LOCAL },
    ...both,
    { family: 6, priority: OUTER, iif, from, table: RT_TABLE_MAIN },
  ]
}

/** The device that decapsulated IPv4 of a VRF comes in by. */
export function innerRules(name: string, table: number): WantedRule[] {
  return [
    { family: 4, priority: RulePriority.CIRCUIT, iif: name, table },
    { family: 4, priority: RulePriority.CLOSED, iif: name },
  ]
}

/** What comes out of the pair for a prefix of this node goes on by the main table, no other does. */
export function homeRules(name: string, to: RulePrefix): WantedRule[] {
  const family = familyOf(to)
  return [
    { family, priority: RulePriority.HOME, iif: name, to, table: RT_TABLE_MAIN },
    { family, priority: RulePriority.CLOSED, iif: name },
  ]
}

/**
 * Linux looks the next hop of End.DX4 and End.DX6 up with the source of the packet inside. That may
 * be an address of one customer elsewhere and another's on this node: the source's rules would
 * take it into the other VRF. `links`: by which SRv6 comes in.
 */
export function sidRules(links: readonly string[], nextHops: readonly RulePrefix[]): WantedRule[] {
  return links.flatMap((iif) =>
    nextHops.map((to) => {
      return { family: familyOf(to), priority: RulePriority.SID, iif, to, table: RT_TABLE_MAIN }
    }),
  )
}

/**
 * What came in by a VRF and its table threw is for a prefix of this node. Its source may be an
 * address of this customer elsewhere and of another's on this node, whose rules would take it into
 * the other VRF. `devices`: the VRF device, by which SRv6 comes in, and its circuits.
 */
export function thrownRules(devices: readonly string[]): WantedRule[] {
  return devices.flatMap((iif) =>
    FAMILIES.map((family) => {
      return { family, priority: RulePriority.THROWN, iif, table: RT_TABLE_MAIN }
    }),
  )
}

/** Addresses that what this node's own prefixes send reaches without the VPN, or not at all. */
export interface ClusterAddresses {
  /** Pods, services, nodes. */
  readonly prefixes: readonly RulePrefix[]
  /** By routing table of a VRF: where the addresses of its network on this cluster lie. */
  readonly pools: ReadonlyMap<number, readonly RulePrefix[]>
}

/** Everything from a prefix is the VRF's, wherever it comes in, but for what stays in the cluster. */
export function sourceRules(from: RulePrefix, table: number): WantedRule[] {
  return [
    { family: familyOf(from), priority: RulePriority.SOURCE, from, table },
    ...closedRules(from),
  ]
}

/** Nothing goes anywhere that comes from a prefix. */
export function closedRules(from: RulePrefix): WantedRule[] {
  return [{ family: familyOf(from), priority: RulePriority.SOURCE_CLOSED, from }]
}

/**
 * What stays in the cluster of what a pool of a VRF sends: its own network's pods are reached,
 * another's are not, the rest of the cluster is.
 */
export function clusterRules(
  from: RulePrefix,
  table: number,
  { prefixes, pools }: ClusterAddresses,
): WantedRule[] {
  const family = familyOf(from)
  const { SAME_NETWORK, OTHER_NETWORK, CLUSTER } = RulePriority
  const towards = (list: readonly RulePrefix[], priority: number, to: number) =>
    list
      .filter((prefix) => familyOf(prefix) === family)
      .map((prefix) => ({ family, priority, from, to: prefix, table: to }))
  const others = [...pools].filter(([owner]) => owner !== table).flatMap(([, list]) => list)
  const own = (pools.get(table) ?? []).filter((pool) => pool !== from)
  return [
    ...towards([from, ...own], SAME_NETWORK, RT_TABLE_MAIN),
    ...towards(others, OTHER_NETWORK, 0),
    ...towards(prefixes, CLUSTER, RT_TABLE_MAIN),
  ]
}

/** Whether `outer` has all addresses of `inner`. */
export function covers(outer: RulePrefix, inner: RulePrefix): boolean {
  if (outer.address.length !== inner.address.length || outer.bits > inner.bits) return false
  return equalBytes(
    networkOf(inner.address, outer.bits),
    0,
    networkOf(outer.address, outer.bits),
    0,
    inner.address.length,
  )
}

function familyOf({ address }: RulePrefix): 4 | 6 {
  return address.length === 4 ? 4 : 6
}

/**
 * What the router sends unbound (echo replies, ICMP errors) from an address of a circuit is the
 * VRF's. The same address or network in two VRFs says nothing of which: it is not sent at all.
 * `tableOf` is 0 for an interface of no VRF.
 */
export function ownRules(
  addresses: readonly InterfaceAddress[],
  tableOf: (ifindex: number) => number,
): WantedRule[] {
  const owners = new Map<string, { prefix: RulePrefix; network: boolean; tables: Set<number> }>()
  const note = (prefix: RulePrefix, network: boolean, table: number) => {
    const key = `${network} ${hexOf(prefix.address)}/${prefix.bits}`
    const row = owners.get(key) ?? { prefix, network, tables: new Set() }
    owners.set(key, row)
    row.tables.add(table)
  }
  for (const { ifindex, address, bits } of addresses) {
    if (isLinkLocal(address)) continue
    const table = tableOf(ifindex)
    note({ address, bits: address.length * 8 }, false, table)
    note({ address: networkOf(address, bits), bits }, true, table)
  }
  const rules: WantedRule[] = []
  for (const { prefix, network, tables } of owners.values()) {
    if (tables.has(0) || (network && tables.size === 1)) continue
    const family = prefix.address.length === 4 ? 4 : 6
    const table = tables.size === 1 ? [...tables][0]! : 0
    if (network) rules.push({ family, priority: RulePriority.SHARED, iif: LOOPBACK, to: prefix })
    else rules.push({ family, priority: RulePriority.OWN, iif: LOOPBACK, from: prefix, table })
  }
  return rules
}
