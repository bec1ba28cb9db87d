/**
 * The customer edge: clusters are the customers' sites, their nodes CEs.
 *
 *   pod red1  --- ce1 node of red's cluster  ---\                        /--- ce3 red's router
 *                                                pe1 ------ p ------ pe2 ---- ce4 blue's router
 *   pod blue1 --- ce2 node of blue's cluster ---/                        \--- cl2 --- pod blue2
 *
 * Both customers have the same pod CIDR and the same addresses; cl2 is a node of blue's second
 * cluster. Addresses are those of network.ts; cl2's link is site 3.
 */
import { addCiliumHost, addPod, type Pod, type PodNetwork } from './cluster.ts'
import { type FrrOptions, frrConfig } from './frr.ts'
import {
  addWideCore,
  buildNetwork,
  ceOf,
  FORWARDING,
  locatorOf,
  loopback,
  OWN_HOST,
  peOf,
  routerId,
  type Side,
  site,
  TABLE,
} from './network.ts'
import { rdOf } from './pe.ts'
import { Topology } from './topology.ts'

export const CLUSTER_AS = 64512
export const ROUTER_AS = 65102
export const SECOND = 'cl2'
const FAMILIES = [4, 6] as const

/** Of both clusters at pe1. */
export const POD_CIDRS = ['10.244.1.0/24', 'fd00:244:1::/64'] as const
export const SECOND_CIDRS = ['10.244.2.0/24', 'fd00:244:2::/64'] as const
const FIRST: PodNetwork = {
  router: { 4: '10.244.1.1', 6: 'fd00:244:1::1' },
  podCidrs: POD_CIDRS,
}
const OTHER: PodNetwork = {
  router: { 4: '10.244.2.1', 6: 'fd00:244:2::1' },
  podCidrs: SECOND_CIDRS,
}
export const PODS = {
  red: { name: 'red1', 4: '10.244.1.11', 6: 'fd00:244:1::11' },
  blue: { name: 'blue1', 4: '10.244.1.11', 6: 'fd00:244:1::11' },
  second: { name: 'blue2', 4: '10.244.2.12', 6: 'fd00:244:2::12' },
} as const satisfies Record<string, Pod>

/** `vrfDevices`: pe2 is FRR; `routers`: sites whose router speaks BGP, by their namespace. */
export async function buildCustomerNetwork(
  vrfDevices: boolean,
  routers: readonly string[],
): Promise<void> {
  await buildNetwork({ vrfDevicesOn: vrfDevices ? [2] : [] })
  const t = new Topology()
  t.namespace(SECOND)
  t.link(SECOND, 'pe', 'pe2', 'blue2')
  if (vrfDevices) {
    t.ip('pe2', 'link set blue2 master vrf-blue')
    addWideCore(t, 'pe1')
  }
  for (const family of FAMILIES) {
    const [s, bits] = [site(3, family), family === 4 ? 24 : 64]
    t.ip('pe2', `addr add ${s.pe}/${bits} dev blue2`)
    t.ip(SECOND, `addr add ${s.ce}/${bits} dev pe`, `route add default via ${s.pe}`)
  }
  for (const [node, network, pod] of [
    ['ce1', FIRST, PODS.red],
    ['ce2', FIRST, PODS.blue],
    [SECOND, OTHER, PODS.second],
  ] as const) {
    t.sysctl(node, ...FORWARDING)
    addCiliumHost(t, node, network)
    addPod(t, node, network, pod)
  }
  // a speaker that only dials does so from the address that the PE knows
  for (const [node, n] of [
    ['ce1', OWN_HOST.red],
    ['ce2', OWN_HOST.blue],
  ] as const) {
    t.ip(node, `addr del ${site(1, 6).host(n)}/64 dev pe`)
  }
  // what the routers of both customers route by must come from BGP
  for (const router of routers) {
    t.sysctl(router, ...FORWARDING)
    t.ip(router, ...FAMILIES.map((f) => `route del default via ${site(2, f).pe}`))
  }
  await t.apply()
}

/** A session; `passive`: Cilium never listens. */
const session = (address: string, as: number, families: string, passive = false) =>
  `      - { address: "${address}", as: ${as}, families: [${families}], hold-time: 9, connect-retry: 1${passive ? ', passive: true' : ''} }\n`

const BOTH = 'ipv4-unicast, ipv6-unicast'

/** Sessions with the CEs: one for both families, or one a family. */
function sessions(side: Side, name: 'red' | 'blue', routed: boolean): string {
  const [v4, v6] = [site(side, 4).ce, site(side, 6).ce]
  if (side === 1 && name === 'blue') return session(v6, CLUSTER_AS, BOTH, true)
  if (side === 1) {
    const first = session(v4, CLUSTER_AS, 'ipv4-unicast', true)
    return first + session(v6, CLUSTER_AS, 'ipv6-unicast', true)
  }
  const each = session(v4, ROUTER_AS, 'ipv4-unicast') + session(v6, ROUTER_AS, 'ipv6-unicast')
  const router = routed ? each : ''
  return name === 'red' ? router : router + session(site(3, 6).ce, CLUSTER_AS, BOTH, true)
}

/** srv6d.yaml of a PE. */
export function customerSrv6d(
  side: 1 | 2,
  dataplane: string,
  log: string,
  routers: readonly string[] = [],
): string {
  const behind = FAMILIES.map((f) => site(side, f)).map(
    (s) => `      - { prefix: "${s.behindPrefix}", via: "${s.ce}" }\n`,
  )
  const vrf = (name: 'red' | 'blue') => {
    const routed = side === 1 || routers.includes(ceOf(name, side))
    const ces = sessions(side, name, routed)
    return `  ${name}:
    table: ${TABLE[name]}
    rd: "${rdOf(side, TABLE[name])}"
    route-targets: { both: ["65000:${TABLE[name]}"] }
    sid: ${side === 1 ? 'per-vrf' : 'per-family'}
    interfaces: [${side === 2 && name === 'blue' ? 'blue, blue2' : name}]
${routed ? '' : `    static-routes:\n${behind.join('')}`}${ces === '' ? '' : `    neighbors:\n${ces}`}`
  }
  return `router: { as: 65000, router-id: ${routerId(side)}, source: "${loopback(side)}" }
dataplane: { mode: ${dataplane}, on-stop: remove, sid-drain-time: 1 }
api: { socket: /run/srv6d/${peOf(side)}.sock }
log: { level: ${log} }
locators: { main: { prefix: "${locatorOf(side)}" } }
neighbors:
  - { address: "${loopback(side === 1 ? 2 : 1)}", as: 65000, update-source: "${loopback(side)}", hold-time: 9, connect-retry: 1 }
vrfs:
${vrf('red')}${vrf('blue')}`
}

/** frr.conf of pe2, with the CEs of blue. */
export function customerFrrPe(o: FrrOptions, version: string): string {
  const [v4, v6, second] = [site(2, 4).ce, site(2, 6).ce, site(3, 6).ce]
  const timers = (n: string) => ` neighbor ${n} timers 3 9\n neighbor ${n} timers connect 1\n`
  return `${frrConfig(o, version)}router bgp 65000 vrf vrf-blue
 neighbor ${v4} remote-as ${ROUTER_AS}
 neighbor ${v6} remote-as ${ROUTER_AS}
 neighbor ${second} remote-as ${CLUSTER_AS}
 neighbor ${second} passive
${timers(v4)}${timers(v6)}${timers(second)} address-family ipv4 unicast
  neighbor ${v4} activate
  neighbor ${second} activate
 exit-address-family
 address-family ipv6 unicast
  neighbor ${v6} activate
  neighbor ${second} activate
 exit-address-family
exit
`
}

/** frr.conf of a customer's router behind pe2. */
export function customerRouter(name: string): string {
  const [v4, v6] = [site(2, 4), site(2, 6)]
  return `frr defaults traditional
hostname ${name}
log file /run/frr/${name}/frr.log informational
router bgp ${ROUTER_AS}
 bgp router-id ${v4.ce}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${v4.pe} remote-as 65000
 neighbor ${v6.pe} remote-as 65000
 neighbor ${v4.pe} timers 3 9
 neighbor ${v6.pe} timers 3 9
 neighbor ${v4.pe} timers connect 1
 neighbor ${v6.pe} timers connect 1
 address-family ipv4 unicast
  network ${v4.behindPrefix}
  neighbor ${v4.pe} activate
 exit-address-family
 address-family ipv6 unicast
  network ${v6.behindPrefix}
  neighbor ${v6.pe} activate
 exit-address-family
exit
`
}
