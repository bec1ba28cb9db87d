/**
 * The provider edge: a node of a cluster is itself the PE.
 *
 *   pod blue1 --\             node: Cilium's speaker -> srv6d
 *   pod red1  ---+-- lxc* --- main table, rules, VRFs ---- p ---- pe2 ---- ce4 blue's site
 *   pod plain1 -/               |            \                      \----- ce3 red's site
 *                              inet          peer (a node of the cluster, pods of all three)
 *
 * The sites have the same prefixes and both announce a default route; 203.0.113.80 is on inet, and
 * on the sites as well, so that whoever answers tells which way was taken.
 */
import { addCiliumHost, addPod, type Pod, type PodNetwork } from './cluster.ts'
import {
  addCoreSide,
  addPe,
  addSite,
  addWideCore,
  CUSTOMERS,
  type Customer,
  ceOf,
  FORWARDING,
  locatorOf,
  loopback,
  NO_RP_FILTER,
  peOf,
  routerId,
  site,
  TABLE,
} from './network.ts'
import { rdOf } from './pe.ts'
import { Topology } from './topology.ts'

export const NODE = 'node'
export const CLUSTER_AS = 64512
export const POOLS: Record<Customer, readonly [string, string]> = {
  blue: ['10.244.8.0/22', 'fd00:244:8::/48'],
  red: ['10.244.12.0/22', 'fd00:244:c::/48'],
}
/** What of the pools is allocated to the node: what Cilium announces. */
export const ALLOCATED: Record<Customer, readonly [string, string]> = {
  blue: ['10.244.8.0/26', 'fd00:244:8::/96'],
  red: ['10.244.12.0/26', 'fd00:244:c::/96'],
}
export const POD_CIDRS = ['10.244.0.0/16', 'fd00:244::/32']
export const NODE_CIDRS = ['198.18.0.0/16', 'fd00:18::/32']
export const CLUSTER_PREFIXES = [...POD_CIDRS, ...NODE_CIDRS]
/** Prefixes of nobody's pools, tagged for one network or another. */
export const LOOSE = '10.244.16.0/27'
export const LARGE: Record<Customer, string> = { blue: '65000:1:100', red: '65000:1:200' }
export const STANDARD: Record<Customer, string> = { blue: '65000:100', red: '65000:200' }

export const NODE_ADDRESS = { 4: '198.18.0.11', 6: 'fd00:18::11' } as const
export const PEER_ADDRESS = { 4: '198.18.1.12', 6: 'fd00:18:1::12' } as const
/** On inet, and on the customers' sites. */
export const INTERNET = { 4: '203.0.113.80', 6: '2001:db8:cafe::80' } as const
export const POD_NETWORK: PodNetwork = {
  router: { 4: '10.244.0.1', 6: 'fd00:244::1' },
  podCidrs: ['10.244.0.0/24', 'fd00:244::/64', ...ALLOCATED.blue, ...ALLOCATED.red],
}
export const PODS = {
  plain: { name: 'plain1', 4: '10.244.0.21', 6: 'fd00:244::21' },
  blue: { name: 'blue1', 4: '10.244.8.11', 6: 'fd00:244:8::11' },
  red: { name: 'red1', 4: '10.244.12.12', 6: 'fd00:244:c::12' },
} as const satisfies Record<string, Pod>
/** Pods of the other node. */
export const PEER_PODS = {
  plain: { 4: '10.244.1.5', 6: 'fd00:244:0:1::5' },
  blue: { 4: '10.244.8.65', 6: 'fd00:244:8:1::5' },
  red: { 4: '10.244.12.65', 6: 'fd00:244:c:1::5' },
} as const

/** Where a TCP server tells who it is. */
export const PROVIDER_SERVERS = [
  ...['blue1', 'red1', 'plain1', NODE, 'peer', 'inet', ceOf('red', 2), ceOf('blue', 2)],
]

const PEER_CIDRS = [
  ...['10.244.1.0/24', '10.244.8.64/26', '10.244.12.64/26'],
  ...['fd00:244:0:1::/64', 'fd00:244:8:1::/64', 'fd00:244:c:1::/64'],
]
const FAMILIES = [4, 6] as const
const whole = (family: 4 | 6) => (family === 4 ? 32 : 128)

/**
 * Everything but the PEs' routing; `vrfDevices`: pe2 is FRR, which wants its VRFs made; `apart`:
 * the node's PE is in a namespace of its own, which systemd/pe-namespace makes.
 */
export async function buildProviderNetwork(vrfDevices: boolean, apart: boolean): Promise<void> {
  const t = new Topology()
  t.namespace(NODE, 'p', 'pe2', 'peer', 'inet', ceOf('red', 2), ceOf('blue', 2))
  t.link(NODE, 'core', 'p', 'pe1')
  t.link('pe2', 'core', 'p', 'pe2')
  t.link(NODE, 'eth0', 'inet', 'node')
  t.link(NODE, 'eth1', 'peer', 'eth0')
  // as systemd leaves a host: srv6d has to see to what it needs
  const strict = ['all', 'default', 'core', 'eth0', 'eth1']
  t.sysctl(NODE, ...strict.map((d) => `net.ipv4.conf.${d}.rp_filter=2`), ...FORWARDING)
  for (const n of ['p', 'peer', 'inet']) t.sysctl(n, ...FORWARDING)
  t.sysctl('pe2', ...FORWARDING, ...NO_RP_FILTER)
  if (apart) addCoreSide(t, 1)
  else addPe(t, 1, NODE)
  addPe(t, 2, 'pe2')
  addCluster(t)
  for (const customer of CUSTOMERS) {
    addSite(t, 2, customer, vrfDevices)
    for (const family of FAMILIES) {
      t.ip(ceOf(customer, 2), `addr add ${INTERNET[family]}/${whole(family)} dev lo`)
    }
  }
  if (vrfDevices) addWideCore(t, NODE)
  await t.apply()
  if (!vrfDevices) return
  t.sysctl('pe2', 'net.vrf.strict_mode=1')
  for (const c of CUSTOMERS) {
    // FRR does not keep what it encapsulates from the customer's own default route
    t.ip('pe2', `route add throw ${locatorOf(1)} table ${TABLE[c]}`)
    for (const f of FAMILIES) {
      t.ip('pe2', `route add default via ${site(2, f).ce} table ${TABLE[c]}`)
    }
  }
  await t.apply()
}

function addCluster(t: Topology): void {
  addCiliumHost(t, NODE, POD_NETWORK)
  for (const pod of Object.values(PODS)) addPod(t, NODE, POD_NETWORK, pod)
  const node = { 4: '198.18.1.11', 6: 'fd00:18:1::11' }
  for (const family of FAMILIES) {
    const bits = family === 4 ? 24 : 64
    const inet = family === 4 ? '198.18.0.1' : 'fd00:18::1'
    t.ip(NODE, `addr add ${NODE_ADDRESS[family]}/${bits} dev eth0`)
    t.ip(NODE, `addr add ${node[family]}/${bits} dev eth1`)
    t.ip(NODE, `route add default via ${inet} dev eth0`)
    t.ip('inet', `addr add ${inet}/${bits} dev node`)
    t.ip('inet', `addr add ${INTERNET[family]}/${whole(family)} dev lo`)
    t.ip('inet', `route add default via ${NODE_ADDRESS[family]}`)
    t.ip('peer', `addr add ${PEER_ADDRESS[family]}/${bits} dev eth0`)
    t.ip('peer', `route add default via ${node[family]}`)
    for (const pod of Object.values(PEER_PODS)) {
      t.ip('peer', `addr add ${pod[family]}/${whole(family)} dev lo`)
    }
    // autoDirectNodeRoutes
    for (const cidr of PEER_CIDRS.filter((c) => c.includes(':') === (family === 6))) {
      t.ip(NODE, `route add ${cidr} via ${PEER_ADDRESS[family]} dev eth1`)
    }
  }
}

export interface ProviderOptions {
  dataplane: 'auto' | 'vrf' | 'table'
  log: string
}

export const list = (prefixes: readonly string[]) => `[${prefixes.map((p) => `"${p}"`).join(', ')}]`

export const head = (side: 1 | 2, name: string, o: ProviderOptions) =>
  `router: { as: 65000, router-id: ${routerId(side)}, source: "${loopback(side)}" }
dataplane: { mode: ${o.dataplane}, on-stop: remove, sid-drain-time: 1 }
api: { socket: /run/srv6d/${name}.sock }
log: { level: ${o.log} }
locators: { main: { prefix: "fcbb:bb00:${side}::/48" } }
neighbors:
  - { address: "${loopback(side === 1 ? 2 : 1)}", as: 65000, update-source: "${loopback(side)}", hold-time: 9, connect-retry: 1 }
`

export const vrfHead = (side: 1 | 2, customer: Customer) => `  ${customer}:
    table: ${TABLE[customer]}
    rd: "${rdOf(side, TABLE[customer])}"
    route-targets: { both: ["65000:${TABLE[customer]}"] }
`

/** srv6d.yaml of the node. */
export function nodeConfig(o: ProviderOptions): string {
  const vrf = (customer: Customer) => `${vrfHead(1, customer)}    networks:
      - { from: cilium, community: "${LARGE[customer]}", pools: ${list(POOLS[customer])} }
      - { from: churn, community: "${LARGE[customer]}", pools: ${list(POOLS[customer])} }
      - { from: cilium, community: "${STANDARD[customer]}", pools: any }
`
  return `${head(1, NODE, o)}speakers:
  cilium: { as: ${CLUSTER_AS}, hold-time: 9 }
  churn: { as: 64513, addresses: [127.0.0.2] }
cluster-prefixes: ${list(CLUSTER_PREFIXES)}
graceful-restart: { restart-time: 120 }
vrfs:
${CUSTOMERS.map(vrf).join('')}`
}

/** srv6d.yaml of pe2. */
export function farConfig(o: ProviderOptions): string {
  const vrf = (customer: Customer) => `${vrfHead(2, customer)}    sid: per-family
    interfaces: [${customer}]
    static-routes:
${FAMILIES.flatMap((f) => [site(2, f).behindPrefix, f === 4 ? '0.0.0.0/0' : '::/0'].map((p) => `      - { prefix: "${p}", via: "${site(2, f).ce}" }\n`)).join('')}`
  return `${head(2, peOf(2), o)}vrfs:
${CUSTOMERS.map(vrf).join('')}`
}
