/** The node of lab/node-speaker.ts: srv6d and gobgpd as Cilium's agent in one namespace, and what is asked of them. */
import type { RoutesReply } from '../../src/daemon/api-schema.ts'
import { CiliumSpeaker, type Tag } from './cilium-speaker.ts'
import { must } from './run.ts'
import { Srv6dPe } from './srv6d.ts'
import { waitUntil } from './wait-until.ts'

export const NODE = 'pe1'
export const SOURCE = '2001:db8:ffff::1'
export const OUR_AS = 65000
export const CILIUM_AS = 64512
const PATIENCE = 120
export const BLUE = ['10.244.7.0/26', 'fd00:244:7::/64'] as const
export const RED = '10.244.16.0/24'

export const TAGS: Tag[] = [
  { within: '10.244.7.0/24', communities: ['64512:100'], large: ['64512:100:1'] },
  { within: 'fd00:244:7::/48', large: ['64512:100:1'] },
  { within: RED, communities: ['64512:200'] },
  { within: '10.244.32.0/24' },
  // never announced: the policy wants a prefix
  { within: '10.244.33.0/24', communities: ['64512:300'] },
]
/** Numbers of the tags that RED goes from and to. */
export const TAG = { red: 2, none: 3, green: 4 } as const

export const root = process.argv[2] ?? '/'

export const config = (
  as = CILIUM_AS,
  restart = true,
) => `router: { as: ${OUR_AS}, router-id: 192.0.2.1, source: "${SOURCE}" }
dataplane: { on-stop: remove }
api: { socket: /run/srv6d/${NODE}.sock }
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
listen: []
graceful-restart: { enabled: ${restart}, restart-time: 20 }
speakers:
  cilium: { as: ${as}, addresses: [127.0.0.1, "::1", "${SOURCE}"] }
vrfs:
  blue:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    networks:
      - { from: cilium, community: "64512:100:1", pools: [10.244.7.0/24, "fd00:244:7::/48"] }
  red:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    networks:
      - { from: cilium, community: "64512:200", pools: any }
  green:
    table: 30
    rd: "65000:130"
    route-targets: { both: ["65000:30"] }
    networks:
      - { from: cilium, community: "64512:300", pools: any }
`

const RD: Record<string, string> = { blue: '65000:110', red: '65000:120', green: '65000:130' }

export const srv6d = new Srv6dPe({
  side: 1,
  as: OUR_AS,
  peerAs: OUR_AS,
  sid: 'per-vrf',
  usid: false,
  config: config(),
})
export const cilium = new CiliumSpeaker({
  root,
  namespace: NODE,
  as: CILIUM_AS,
  routerId: '192.0.2.11',
  peerAs: OUR_AS,
  peer: '127.0.0.1',
  port: 1790,
  tags: TAGS,
})

type Routes = RoutesReply['routes']

export async function routes(query = ''): Promise<Routes> {
  return (await srv6d.api<RoutesReply>(`/v1/routes${query}`)).routes
}

/** Undefined if `vrf` has exactly these prefixes, best and installed, and so has the VPN table. */
export async function holds(vrf: string, wanted: readonly string[]): Promise<string | undefined> {
  const here = (await routes(`?vrf=${vrf}`)).filter(({ paths }) => paths.some((path) => path.best))
  const seen = here.map(({ prefix, installed }) => `${prefix} ${installed}`)
  const want = wanted.map((prefix) => `${prefix} installed`)
  if (sorted(seen) !== sorted(want)) return `${vrf}: ${seen.join(', ') || 'nothing'}`
  const told = (await routes('?table=vpn')).filter((route) => route.rd === RD[vrf])
  const inVpn = told.map(({ prefix }) => prefix)
  return sorted(inVpn) === sorted(wanted) ? undefined : `VPN of ${vrf}: ${inVpn.join(', ')}`
}

const sorted = (list: readonly string[]) => [...list].sort().join(' ')

export const within = (what: string, probe: () => Promise<string | undefined>) =>
  waitUntil(what, PATIENCE, probe, 0.1)

/** Rules that send what comes from a prefix to a table, by our protocol number. */
export async function boundTo(prefix: string): Promise<number[]> {
  const family = prefix.includes(':') ? '-6' : '-4'
  const text = await must(['ip', '-j', family, '-n', NODE, 'rule'])
  const rules = JSON.parse(text) as {
    src?: string
    srclen?: number
    table?: string
    priority: number
  }[]
  return rules
    .filter(({ src, srclen, priority }) => `${src}/${srclen}` === prefix && priority === 2000)
    .map(({ table }) => Number(table))
}

export async function session(address: string): Promise<string | undefined> {
  const found = (await srv6d.neighbors()).find((each) => each.address === address)
  return found?.state === 'Established' ? undefined : `${found?.state}: ${found?.lastError}`
}

export async function bothStart(change: Parameters<CiliumSpeaker['configure']>[0]): Promise<void> {
  cilium.configure(change)
  await srv6d.start()
  await cilium.start()
}

export async function bothStop(): Promise<void> {
  await cilium.stop()
  await srv6d.stop()
}
