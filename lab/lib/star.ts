/**
 * Four PEs around one core router that is a route reflector as well, each with one site of red:
 *
 *   ce1 --- pe1 srv6d --.          .-- pe2 FRR    --- ce2     session with pe1
 *                        p FRR (RR) --- pe3 srv6d --- ce3     session with pe1
 *                                   '-- pe4 srv6d --- ce4     client of the reflector, as pe1 is
 *
 * Addresses are those of network.ts. pe1 has VRFs without a site besides: their SIDs count.
 */
import {
  coreGateway,
  locatorOf,
  loopback,
  peOf,
  routerId,
  type Side,
  site,
  TABLE,
} from './network.ts'
import { rdOf } from './pe.ts'
import { Topology } from './topology.ts'

export const SIDES: readonly Side[] = [1, 2, 3, 4]
export const REFLECTOR = { namespace: 'p', address: '2001:db8:ffff::f', routerId: '192.0.2.15' }
const AS = 65000
const { SRV6D_LAB_LOG } = process.env

export const siteOf = (side: Side): string => `ce${side}`

/** Everything but the routing of the PEs and the reflector. */
export async function buildStar(): Promise<void> {
  const t = new Topology()
  t.namespace('p', ...SIDES.map(peOf), ...SIDES.map(siteOf))
  t.sysctl('p', 'net.ipv6.conf.all.forwarding=1')
  t.ip('p', `addr add ${REFLECTOR.address}/128 dev lo`)
  for (const side of SIDES) addPe(t, side)
  await t.apply()
  t.sysctl(peOf(2), 'net.vrf.strict_mode=1') // srv6d does so itself, once there is a VRF
  await t.apply()
}

function addPe(t: Topology, side: Side): void {
  const pe = peOf(side)
  const ce = siteOf(side)
  t.link(pe, 'core', 'p', pe)
  t.link(ce, 'pe', pe, 'red')
  t.sysctl(pe, 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  t.sysctl(pe, 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0')
  t.ip(pe, `addr add ${loopback(side)}/128 dev lo`, `addr add 2001:db8:f${side}::1/64 dev core`)
  t.ip('p', `addr add ${coreGateway(side)}/64 dev ${pe}`)
  for (const prefix of ['2001:db8:ffff::/64', 'fcbb:bb00::/32']) {
    t.ip(pe, `route add ${prefix} via ${coreGateway(side)}`)
  }
  for (const prefix of [`${loopback(side)}/128`, locatorOf(side)]) {
    t.ip('p', `route add ${prefix} via 2001:db8:f${side}::1`)
  }
  if (side === 2) {
    t.ip(pe, `link add vrf-red type vrf table ${TABLE.red}`)
    t.ip(pe, 'link set vrf-red up', 'link set red master vrf-red')
  }
  for (const [family, bits] of [
    [4, 24],
    [6, 64],
  ] as const) {
    const s = site(side, family)
    t.ip(pe, `addr add ${s.pe}/${bits} dev red`)
    t.ip(ce, `addr add ${s.ce}/${bits} dev pe`, `route add default via ${s.pe}`)
  }
}

export interface StarSrv6d {
  side: Side
  peers: readonly string[]
  /** graceful-restart.restart-time. */
  restartTime: number
  /** VRFs in the order of the file; all but red have no site. */
  vrfs: readonly string[]
}

/** srv6d.yaml of a PE. */
export function starSrv6d(o: StarSrv6d): string {
  return `router: { as: ${AS}, router-id: ${routerId(o.side)}, source: "${loopback(o.side)}" }
api: { socket: /run/srv6d/${peOf(o.side)}.sock }
log: { level: ${SRV6D_LAB_LOG ?? 'info'} }
graceful-restart: { restart-time: ${o.restartTime}, long-lived-time: 300 }
locators: { main: { prefix: "${locatorOf(o.side)}" } }
vrfs:
${o.vrfs.map((name) => vrf(o.side, name)).join('')}neighbors:
${o.peers.map(neighbor(o.side)).join('')}`
}

const neighbor = (side: Side) => (address: string) =>
  `  - address: "${address}"
    as: ${AS}
    update-source: "${loopback(side)}"
    hold-time: 9
    connect-retry: 1
`

const TABLES: Record<string, number> = { red: TABLE.red, blue: 20, green: 30 }

function vrf(side: Side, name: string): string {
  const table = TABLES[name]!
  const more =
    name === 'red'
      ? '    interfaces: [red]\n'
      : `    static-routes: [{ prefix: 10.${table}.0.0/16, blackhole: true }]\n`
  return `  ${name}:
    table: ${table}
    rd: "${rdOf(side, table)}"
    route-targets: { both: ["${AS}:${table}"] }
${more}`
}

/** A helper without a word; to have the long-lived form it must be told how long for itself. */
const FRR_HELPER = ' bgp long-lived-graceful-restart stale-time 300'
const FRR_RESTART = ` bgp graceful-restart
 bgp graceful-restart preserve-fw-state
${FRR_HELPER}`

const frrHead = (name: string) => `frr defaults traditional
hostname ${name}
log file /run/frr/${name}/frr.log debugging
debug bgp neighbor-events
debug bgp graceful-restart
`

function frrNeighbors(peers: readonly string[], source: string, client: boolean): string {
  const sessions = peers.map(
    (peer) => ` neighbor ${peer} remote-as ${AS}
 neighbor ${peer} update-source ${source}
 neighbor ${peer} timers 3 9
 neighbor ${peer} timers connect 1
 neighbor ${peer} capability extended-nexthop`,
  )
  return (
    sessions.join('\n') +
    ['ipv4', 'ipv6']
      .map((family) => {
        const rows = peers.map((peer) => {
          const reflect = client ? `\n  neighbor ${peer} route-reflector-client` : ''
          return `  neighbor ${peer} activate${reflect}`
        })
        return `\n address-family ${family} vpn\n${rows.join('\n')}\n exit-address-family`
      })
      .join('')
  )
}

/** FRR as PE of a side, with pe1. */
export function starFrrPe(side: Side): string {
  const family = (name: string) => ` address-family ${name} unicast
  redistribute connected
  rd vpn export ${rdOf(side, TABLE.red)}
  rt vpn both ${AS}:${TABLE.red}
  export vpn
  import vpn
 exit-address-family
`
  return `${frrHead(peOf(side))}segment-routing
 srv6
  encapsulation
   source-address ${loopback(side)}
  exit
  locators
   locator main
    prefix ${locatorOf(side)} block-len 32 node-len 16 func-bits 16
   exit
  exit
 exit
exit
router bgp ${AS}
 bgp router-id ${routerId(side)}
${FRR_RESTART}
 no bgp default ipv4-unicast
 segment-routing srv6
  locator main
 exit
${frrNeighbors([loopback(1)], loopback(side), false)}
exit
router bgp ${AS} vrf vrf-red
 bgp router-id ${routerId(side)}
 no bgp default ipv4-unicast
 sid vpn per-vrf export auto
${family('ipv4')}${family('ipv6')}exit
`
}

/** FRR as route reflector of pe1 and pe4. */
export function starReflector(): string {
  const { namespace, address, routerId: id } = REFLECTOR
  return `${frrHead(namespace)}router bgp ${AS}
 bgp router-id ${id}
${FRR_HELPER}
 no bgp default ipv4-unicast
${frrNeighbors([loopback(1), loopback(4)], address, true)}
exit
`
}
