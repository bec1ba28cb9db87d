/**
 * FRR as a PE: its configuration by version, its daemons, its vtysh. One instance a namespace
 * (`-N`), from a root made by lab/root.
 *
 * What the versions want, found by trying: 8.4 knows one SID an address family only and always
 * sends a 40/24 structure, so its locator must be a /64; 10 needs mgmtd, has one SID a VRF and
 * uSID locators; 10.3 leaks no IPv6 route with a next hop unless its own locator is reachable
 * inside the VRF. All want routes to the other's locator and loopback in the core, and
 * capability extended-nexthop to send IPv6 next hops for VPNv4.
 */
import { readFileSync } from 'node:fs'
import { prepareInstance, startDaemon } from './frr-daemon.ts'
import { CUSTOMERS, loopback, otherSide, peOf, routerId, TABLE } from './network.ts'
import { type Pe, type PeOptions, rdOf, tail, type VpnPrefix } from './pe.ts'
import { inRoot, pathIn } from './roots.ts'
import { type LabProcess, must, run } from './run.ts'
import { ipBatch } from './topology.ts'

export interface FrrOptions extends PeOptions {
  /** The root that holds FRR, made by lab/root ('/': the host's own). */
  root: string
  /** Where it is not the PE of its side. */
  namespace?: string
  /** Another configuration than frrConfig's. */
  config?: string
}

/** Makes FRR in a root usable, with an empty /etc/frr; gives its version. */
export async function prepareFrr(root: string): Promise<string> {
  await must(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'lab-frr', pathIn(root, '/etc/frr')])
  const r = await must(inRoot(root, ['/usr/lib/frr/bgpd', '--version']))
  return r.split('\n')[0]!.split(' ')[2]!
}

function locator(o: FrrOptions, version: string): string {
  const prefix = `fcbb:bb00:${o.side}::/48 block-len 32 node-len 16 func-bits 16`
  if (version.startsWith('8.')) return `    prefix fcbb:bb00:${o.side}:1::/64 func-bits 16`
  if (!o.usid) return `    prefix ${prefix}`
  return `    prefix ${prefix}\n    behavior usid\n    format usid-f3216`
}

/**
 * A connection that comes in while FRR dials too gets a peer of its own, to which FRR before 9.0
 * does not hand the multihop: it has zebra track the address as one that must be connected. Where
 * the dialled connection then wins the collision, nothing takes that back: the session is up, the
 * VPN routes are valid, and in the VRFs they stay "inaccessible" (`show bgp vrf all nexthop`: "Must
 * be Connected"). disable-connected-check is handed on.
 */
function multihop(peer: string, version: string): string {
  const line = ` neighbor ${peer} ebgp-multihop 255\n`
  return version.startsWith('8.') ? `${line} neighbor ${peer} disable-connected-check\n` : line
}

/** The whole configuration of one PE. */
export function frrConfig(o: FrrOptions, version: string): string {
  const peer = loopback(otherSide(o.side))
  const encapsulation = version.startsWith('8.')
    ? ''
    : `  encapsulation\n   source-address ${loopback(o.side)}\n  exit\n`
  const ebgp = o.as === o.peerAs ? '' : multihop(peer, version)
  const vpn = (family: string) => ` address-family ${family} vpn
  neighbor ${peer} activate
 exit-address-family`
  return `frr defaults traditional
hostname ${peOf(o.side)}
log file /run/frr/${peOf(o.side)}/frr.log debugging
debug bgp neighbor-events
debug bgp updates
debug bgp zebra
segment-routing
 srv6
${encapsulation}  locators
   locator main
${locator(o, version)}
   exit
  exit
 exit
exit
router bgp ${o.as}
 bgp router-id ${routerId(o.side)}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 neighbor ${peer} remote-as ${o.peerAs}
 neighbor ${peer} update-source ${loopback(o.side)}
 neighbor ${peer} timers 3 9
 neighbor ${peer} timers connect 1
 neighbor ${peer} capability extended-nexthop
${ebgp} segment-routing srv6
  locator main
 exit
${vpn('ipv4')}
${vpn('ipv6')}
exit
${CUSTOMERS.map((c) => vrfConfig(o, c)).join('')}`
}

function vrfConfig(o: FrrOptions, customer: 'red' | 'blue'): string {
  const table = TABLE[customer]
  const family = (name: string) => ` address-family ${name} unicast
  redistribute connected
  redistribute kernel
${o.sid === 'per-family' ? '  sid vpn export auto\n' : ''}  rd vpn export ${rdOf(o.side, table)}
  rt vpn both 65000:${table}
  export vpn
  import vpn
 exit-address-family
`
  return `router bgp ${o.as} vrf vrf-${customer}
 bgp router-id ${routerId(o.side)}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
${o.sid === 'per-vrf' ? ' sid vpn per-vrf export auto\n' : ''}${family('ipv4')}${family('ipv6')}exit
`
}

export class FrrPe implements Pe {
  readonly side: FrrOptions['side']
  readonly protocol = 'bgp'
  readonly #options: FrrOptions
  readonly #version: string
  readonly #ns: string
  #daemons: LabProcess[] = []
  #loaded = ''

  constructor(options: FrrOptions, version: string) {
    this.#options = options
    this.#version = version
    this.side = options.side
    this.#ns = options.namespace ?? peOf(options.side)
  }

  get program(): string {
    return `FRR ${this.#version}`
  }

  async start(): Promise<void> {
    const { root } = this.#options
    const etc = `/etc/frr/${this.#ns}`
    const config = this.#options.config ?? frrConfig(this.#options, this.#version)
    await prepareInstance(root, this.#ns, { 'frr.conf': config })
    const daemons = this.#version.startsWith('8.') ? ['zebra', 'bgpd'] : ['mgmtd', 'zebra', 'bgpd']
    for (const d of daemons) await this.#daemon(d)
    if (this.#version.startsWith('10.3')) {
      const own = `fcbb:bb00:${this.side}::/48`
      const lines = CUSTOMERS.map((c) => `route replace ${own} dev vrf-${c} table ${TABLE[c]}`)
      await ipBatch(this.#ns, ...lines)
    }
    const load = await run(inRoot(root, ['vtysh', '-N', this.#ns, '-f', `${etc}/frr.conf`]))
    this.#loaded = load.stdout + load.stderr
    if (load.code !== 0) throw new Error(`${this.program} refused: ${tail(this.#loaded, 5)}`)
  }

  async #daemon(name: string): Promise<void> {
    const more = name === 'zebra' ? ['-s', '2000000'] : name === 'bgpd' ? ['-p', '179'] : []
    this.#daemons.push(await startDaemon(this.#options.root, this.#ns, name, more))
  }

  async stop(): Promise<void> {
    for (const d of [...this.#daemons].reverse()) await d.stop('SIGTERM', 60)
    this.#daemons = []
  }

  async kill(): Promise<void> {
    const bgpd = this.#daemons.find((d) => d.name === 'bgpd')
    await bgpd?.stop('SIGKILL')
    this.#daemons = this.#daemons.filter((d) => d !== bgpd)
  }

  /** Starts bgpd again after kill(); the other daemons keep the configuration they have. */
  async revive(): Promise<void> {
    await this.#daemon('bgpd')
    const { root } = this.#options
    const file = `/etc/frr/${this.#ns}/frr.conf`
    await must(inRoot(root, ['vtysh', '-N', this.#ns, '-d', 'bgpd', '-f', file]))
  }

  /** Several commands in one vtysh. */
  async vtysh(...commands: string[]): Promise<string> {
    const c = commands.flatMap((x) => ['-c', x])
    return must(inRoot(this.#options.root, ['vtysh', '-N', this.#ns, ...c]))
  }

  async json<T>(command: string): Promise<T> {
    return JSON.parse(await this.vtysh(`${command} json`)) as T
  }

  async session(): Promise<string | undefined> {
    const peer = loopback(otherSide(this.side))
    const all = await this.json<{ peers?: Record<string, { state: string }> }>(
      'show bgp ipv4 vpn summary',
    )
    const state = all.peers?.[peer]?.state ?? 'no neighbour'
    return state === 'Established' ? undefined : `${peer} is ${state}`
  }

  async vpnRoutes(family: 4 | 6, wanted: VpnPrefix[]): Promise<string | undefined> {
    const answer = await this.json<VpnJson>(`show bgp ipv${family} vpn`)
    const table = answer.routes?.routeDistinguishers ?? {}
    for (const { rd, prefix } of wanted) {
      const paths = table[rd]?.[prefix]
      if (!paths) return `${rd} ${prefix} is not among ${prefixesOf(table)}`
      if (!paths.some((p) => p.valid && p.bestpath)) {
        return `${rd} ${prefix} has ${JSON.stringify(paths).slice(0, 300)}`
      }
    }
    return undefined
  }

  /** Undefined if zebra says that the VRF's BGP routes are installed; else what it says. */
  async zebraRoutes(family: 4 | 6, vrf: string, wanted: string[]): Promise<string | undefined> {
    const show = family === 4 ? 'show ip route' : 'show ipv6 route'
    const table = await this.json<Record<string, ZebraRoute[]>>(`${show} vrf ${vrf} bgp`)
    for (const prefix of wanted) {
      const route = table[prefix]?.find((r) => r.protocol === 'bgp')
      if (!route) return `${prefix} is not among ${Object.keys(table).join(' ') || 'no routes'}`
      if (!(route.installed && route.selected)) return JSON.stringify(route).slice(0, 300)
    }
    return undefined
  }

  /** What tells why a route is not in the kernel: worth printing as long as the session is up. */
  async state(): Promise<string> {
    const said = STATE.map((c) => this.vtysh(c).catch((e: Error) => e.message))
    const answers = await Promise.all(said)
    return STATE.map((c, i) => `# ${c}\n${answers[i]!.trim()}`).join('\n')
  }

  logs(): Map<string, string> {
    const found = new Map<string, string>()
    const name = `${this.#ns} ${this.program}`
    try {
      const log = readFileSync(`/run/frr/${this.#ns}/frr.log`, 'utf8')
      found.set(`${name} frr.log`, tail(log, 60))
    } catch {}
    if (this.#loaded.trim()) found.set(`${name} vtysh -f`, tail(this.#loaded, 10))
    for (const d of this.#daemons) {
      if (d.output().trim()) found.set(`${name} ${d.name}`, tail(d.output(), 15))
    }
    return found
  }
}

const STATE = [
  'show bgp vrf all nexthop',
  'show ip nht vrf all',
  'show ipv6 nht vrf all',
  'show bgp vrf all ipv4 unicast',
  'show bgp vrf all ipv6 unicast',
  'show ip route vrf all',
  'show ipv6 route vrf all',
  'show interface brief',
]

interface BgpPath {
  valid?: boolean
  bestpath?: boolean
  [other: string]: unknown
}
type VpnTable = Record<string, Record<string, BgpPath[]>>
interface VpnJson {
  routes?: { routeDistinguishers?: VpnTable }
}
interface ZebraRoute {
  protocol: string
  installed?: boolean
  selected?: boolean
}

function prefixesOf(table: VpnTable): string {
  const all = Object.entries(table).flatMap(([rd, t]) => Object.keys(t).map((p) => `${rd} ${p}`))
  return all.join(', ') || 'no routes'
}
