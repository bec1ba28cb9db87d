/**
 * srv6d filling Cilium's SRv6 maps: real eBPF maps of Cilium's layout, pinned where the agent would,
 * gobgpd as the agent's BGP speaker, another srv6d as the PE of the customer's site.
 *
 *   cilium-maps.mjs ROOT       (a root made by lab/root, which holds gobgpd)
 */
import { mkdirSync } from 'node:fs'
import { Bpftool } from '../src/fib/bpftool.ts'
import {
  CILIUM_MAPS,
  CILIUM_SIZES,
  type CiliumEntry,
  type CiliumMap,
  policyEntry,
  sidEntry,
  sourceEntry,
} from '../src/fib/cilium-maps.ts'
import { parseAddress } from '../src/wire/address.ts'
import { Checks, emit } from './lib/checks.ts'
import { CiliumSpeaker } from './lib/cilium-speaker.ts'
import { tail } from './lib/pe.ts'
import { mountRoot } from './lib/roots.ts'
import { must } from './lib/run.ts'
import { inSandbox } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { Topology } from './lib/topology.ts'
import { waitUntil } from './lib/wait-until.ts'

const MAPS = '/run/bpf/tc/globals'
const BLUE_ID = 10
const RED_ID = 20
const FOREIGN_ID = 4711
const PATIENCE = 30
const BLUE = ['10.244.7.0/26', 'fd00:244:7::/64'] as const
const LOCATOR = { pe1: 'fcbb:bb00:1::/48', pe2: 'fcbb:bb00:2::/48' }

const checks = new Checks()
const root = process.argv[2] ?? '/'
const store = new Bpftool(MAPS)

const common = (
  side: 1 | 2,
) => `router: { as: 65000, router-id: 192.0.2.${side}, source: "2001:db8:ffff::${side}" }
api: { socket: /run/srv6d/pe${side}.sock }
locators: { main: { prefix: "${LOCATOR[side === 1 ? 'pe1' : 'pe2']}" } }
neighbors:
  - { address: "2001:db8:ffff::${3 - side}", as: 65000, update-source: "2001:db8:ffff::${side}", hold-time: 9, connect-retry: 1 }
`

const nodeConfig = `${common(1)}dataplane: { mode: cilium, cilium-maps: ${MAPS}, on-stop: remove }
listen: [{ address: "2001:db8:ffff::1" }]
speakers: { cilium: { as: 64512 } }
cluster-prefixes: [10.244.0.0/16, "fd00:244::/32"]
vrfs:
  blue:
    table: ${BLUE_ID}
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    networks: [{ from: cilium, community: "64512:100", pools: [10.244.7.0/24, "fd00:244:7::/48"] }]
  red:
    table: ${RED_ID}
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    networks: [{ from: cilium, community: "64512:200", pools: [10.244.16.0/24] }]
`

const siteConfig = (routes: string[]) => `${common(2)}dataplane: { mode: table }
vrfs:
  blue:
    table: ${BLUE_ID}
    rd: "65000:210"
    route-targets: { both: ["65000:10"] }
    static-routes:
${routes.map((prefix) => `      - { prefix: "${prefix}", blackhole: true }`).join('\n')}
`

const base = { as: 65000, peerAs: 65000, sid: 'per-vrf', usid: false } as const
const node = new Srv6dPe({ ...base, side: 1, config: nodeConfig })
const site = new Srv6dPe({
  ...base,
  side: 2,
  config: siteConfig(['10.2.0.0/16', '2001:db8:2::/48']),
})
const cilium = new CiliumSpeaker({
  ...{ root, namespace: 'pe1', as: 64512, routerId: '192.0.2.11', peerAs: 65000 },
  ...{ peer: '127.0.0.1', port: 1790 },
  tags: [
    { within: '10.244.7.0/24', communities: ['64512:100'] },
    { within: 'fd00:244:7::/48', communities: ['64512:100'] },
    { within: '10.244.16.0/24', communities: ['64512:200'] },
  ],
})

/** As the agent does at its start. */
async function makeMaps(): Promise<void> {
  mkdirSync(MAPS, { recursive: true })
  for (const map of CILIUM_MAPS) {
    const { key, value } = CILIUM_SIZES[map]
    const type = map === 'cilium_srv6_sid' ? 'hash' : 'lpm_trie'
    const argv = [
      'map',
      'create',
      `${MAPS}/${map}`,
      'type',
      type,
      'key',
      `${key}`,
      'value',
      `${value}`,
    ]
    await must(['bpftool', ...argv, 'entries', '16384', 'name', 'srv6', 'flags', '1'])
  }
}

async function entriesOf(map: CiliumMap): Promise<CiliumEntry[]> {
  return (await store.read(map))?.entries ?? []
}

/** Undefined if the map has exactly these entries. */
async function holds(map: CiliumMap, wanted: CiliumEntry[]): Promise<string | undefined> {
  const text = (list: CiliumEntry[]) =>
    list
      .map(({ key, value }) => `${key} ${value}`)
      .sort()
      .join('; ')
  const seen = text(await entriesOf(map))
  return seen === text(wanted) ? undefined : `${map}: ${seen || 'nothing'}`
}

const within = (what: string, probe: () => Promise<string | undefined>) =>
  waitUntil(what, PATIENCE, probe, 0.2)

const source = (prefix: string, id: number) => {
  const [address, bits] = prefix.split('/') as [string, string]
  return sourceEntry(parseAddress(address), Number(bits), id)
}

async function siteSid(family: 4 | 6): Promise<Uint8Array> {
  const sids = await site.sids()
  const found = sids.find(
    ({ behavior }) => behavior === `End.DT${family}` || behavior === 'End.DT46',
  )
  if (!found) throw new Error(`no SID for IPv${family}: ${JSON.stringify(sids)}`)
  return parseAddress(found.sid)
}

const foreign = source('10.99.0.0/24', FOREIGN_ID)

async function checkFilling(): Promise<void> {
  await checks.check('a pool of a network is bound to its VRF id, both families', async () => {
    await within('IPv4', () => holds('cilium_srv6_vrf_v4', [foreign, source(BLUE[0], BLUE_ID)]))
    await within('IPv6', () => holds('cilium_srv6_vrf_v6', [source(BLUE[1], BLUE_ID)]))
  })
  await checks.check('routes of the customer lead to the SIDs of its PE', async () => {
    const v4 = policyEntry(BLUE_ID, parseAddress('10.2.0.0'), 16, await siteSid(4))
    const v6 = policyEntry(BLUE_ID, parseAddress('2001:db8:2::'), 48, await siteSid(6))
    await within('IPv4', () => holds('cilium_srv6_policy_v4', [v4]))
    await within('IPv6', () => holds('cilium_srv6_policy_v6', [v6]))
  })
  await checks.check('the SIDs of the VRFs are in the map, and announced', async () => {
    const sids = await node.sids()
    if (sids.length !== 2 || sids.some(({ state }) => state !== 'installed')) {
      throw new Error(JSON.stringify(sids))
    }
    const wanted = sids.map(({ sid, table }) => sidEntry(parseAddress(sid), table!))
    await within('the map', () => holds('cilium_srv6_sid', wanted))
    await within('the site has it', async () => {
      const { routes } = await site.api<{ routes: { prefix: string }[] }>('/v1/routes?vrf=blue')
      return routes.some(({ prefix }) => prefix === BLUE[0]) ? undefined : JSON.stringify(routes)
    })
  })
}

async function checkDefaultRoute(): Promise<void> {
  await checks.check('a default route of the customer goes around the cluster', async () => {
    await site.stop()
    site.configure({ config: siteConfig(['0.0.0.0/0']) })
    await site.start()
    await within('16 policies', async () => {
      const entries = await entriesOf('cilium_srv6_policy_v4')
      return entries.length === 16 ? undefined : `${entries.length} entries`
    })
    const lookup = async (address: string) => {
      const { key } = policyEntry(BLUE_ID, parseAddress(address), 32, new Uint8Array(16))
      const octets = key.match(/../g)!
      return must([
        'bpftool',
        'map',
        'lookup',
        'pinned',
        `${MAPS}/cilium_srv6_policy_v4`,
        'key',
        'hex',
        ...octets,
      ])
    }
    await lookup('192.0.2.1')
    const inside = await lookup('10.244.99.1').then(
      () => 'found',
      () => 'not found',
    )
    if (inside !== 'not found') throw new Error('an address of the cluster is taken')
  })
}

async function checkAgentRestart(): Promise<void> {
  await checks.check('maps that the agent makes anew are filled again', async () => {
    const before = await Promise.all(CILIUM_MAPS.map(entriesOf))
    for (const map of CILIUM_MAPS) await must(['rm', `${MAPS}/${map}`])
    await makeMaps()
    const ours = before.map((list) => list.filter(({ key }) => key !== foreign.key))
    for (const [k, map] of CILIUM_MAPS.entries()) await within(map, () => holds(map, ours[k]!))
  })
}

async function checkRestart(): Promise<void> {
  await store.write([{ op: 'update', entry: foreign }])
  await checks.check(
    'srv6d killed and started again: the same entries, the same SIDs',
    async () => {
      const before = await Promise.all(CILIUM_MAPS.map(entriesOf))
      await node.kill()
      await node.start()
      await within('the session', () => node.session())
      for (const [k, map] of CILIUM_MAPS.entries()) await within(map, () => holds(map, before[k]!))
    },
  )
  await checks.check('a pool that is withdrawn leaves the maps', async () => {
    await within('the agent', async () => {
      const all = await node.neighbors()
      const agent = all.find(({ address }) => address === '127.0.0.1')
      return agent?.families.every(({ received }) => received > 0) ? undefined : agent?.state
    })
    await cilium.withdraw(...BLUE)
    await within('IPv4', () => holds('cilium_srv6_vrf_v4', [foreign]))
  })
  await checks.check(
    'stopped with on-stop: remove: nothing of ours stays, others’ does',
    async () => {
      await node.stop()
      for (const map of CILIUM_MAPS) {
        const wrong = await holds(map, map === foreign.map ? [foreign] : [])
        if (wrong) throw new Error(wrong)
      }
    },
  )
}

await inSandbox(async () => {
  await mountRoot(root)
  mkdirSync('/run/bpf')
  await must(['mount', '-t', 'bpf', 'bpf', '/run/bpf'])
  const topology = new Topology()
  topology.namespace('pe1', 'pe2')
  topology.link('pe1', 'core', 'pe2', 'core')
  for (const side of [1, 2] as const) {
    const far = 3 - side
    topology.ip(
      `pe${side}`,
      `addr add 2001:db8:ffff::${side}/128 dev lo`,
      `addr add 2001:db8:c::${side}/64 dev core`,
      `route add 2001:db8:ffff::${far}/128 via 2001:db8:c::${far}`,
      `route add fcbb:bb00:${far}::/48 via 2001:db8:c::${far}`,
    )
  }
  await topology.apply()
  await makeMaps()
  await store.write([{ op: 'update', entry: foreign }])
  await Promise.all([node.start(), site.start()])
  await cilium.start()
  await cilium.announce(...BLUE)
  await checkFilling()
  await checkDefaultRoute()
  await checkAgentRestart()
  await checkRestart()
  if (checks.failed > 0) {
    for (const pe of [node, site]) for (const [log, text] of pe.logs()) emit({ log, tail: text })
    emit({ log: 'gobgpd', tail: tail(cilium.output(), 20) })
  }
  return checks.finish()
})
