/** Several paths a prefix in the whole daemon: what shares the traffic, what stands by, what moves. */
import t from 'tap'
import {
  asPath,
  extCommunities,
  l3Service,
  localPref,
  mpReach,
  origin,
  prefixSid,
  routeTarget,
  sidInformation,
  sidStructure,
  u8,
  u16be,
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import type { FakeKernel } from '../support/fake-kernel.ts'
import { concat } from '../support/hex.ts'
import { AFI, calm, peKernel, Remote, Router } from '../support/router.ts'

const PES = ['2001:db8:ffff::2', '2001:db8:ffff::3', '2001:db8:ffff::4']
/** The SID of a PE, function 0xe000 of its locator. */
const SIDS = ['fcbb:bb00:2:e000::', 'fcbb:bb00:3:e000::', 'fcbb:bb00:4:e000::']

const config = (maximumPaths = 1) => `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
graceful-restart: { enabled: false }
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    maximum-paths: ${maximumPaths}
neighbors:
${PES.map((pe) => `  - { address: "${pe}", as: 65000, families: [vpnv4, vpnv6] }`).join('\n')}
`

/** IPv4 prefixes of a PE, all PEs with the same RD; its bandwidth in octets a second. */
function vpn(
  pe: number,
  prefixes: string[],
  of: { pref?: number; bandwidth?: number; med?: number } = {},
): Uint8Array {
  const [afi, safi] = AFI[prefixes[0]!.includes(':') ? 'vpnv6' : 'vpnv4']!
  const nlri = prefixes.map((prefix) => vpnPrefix({ rd: '65000:200', label: 0xe00001, prefix }))
  const communities = [routeTarget('65000:10')]
  if (of.bandwidth !== undefined) {
    const float = new DataView(new ArrayBuffer(4))
    float.setFloat32(0, of.bandwidth)
    communities.push(concat(u8(0x40, 4), u16be(65000), new Uint8Array(float.buffer)))
  }
  const structure = sidStructure(32, 16, 16, 0, 16, 48)
  const sid = sidInformation(`fcbb:bb00:${pe + 2}::`, 20, structure)
  const attrs = [
    mpReach(afi, safi, vpnNextHop(PES[pe]!), ...nlri),
    origin(0),
    asPath([65102]),
    localPref(of.pref ?? 100),
    extCommunities(...communities),
    prefixSid(l3Service(sid)),
  ]
  return update({ attrs })
}

async function pe(maximumPaths = 1, kernel = peKernel()) {
  for (const sid of SIDS) kernel.ways.set(sid, { ifindex: 2, metric: 20 })
  const router = await Router.start(config(maximumPaths), kernel)
  const remotes: Remote[] = []
  for (const [k, address] of PES.entries()) {
    remotes.push(
      await new Remote(router, address, 65000, ['vpnv4', 'vpnv6'], `192.0.2.${k + 2}`).up(),
    )
  }
  return { router, kernel, remotes }
}

/** The IGP's route to a PE's locator comes or goes, and the kernel tells. */
function locator(kernel: FakeKernel, pe: number, there: boolean, metric = 20): void {
  if (there) kernel.ways.set(SIDS[pe]!, { ifindex: 2, metric })
  else kernel.ways.delete(SIDS[pe]!)
  const words = Int32Array.of(0xfcbbbb00 | 0, (pe + 2) << 16, 0, 0)
  const route = { table: 254, family: 6 as const, words, bits: 48, kind: 1, nexthop: 0 }
  kernel.tellRoute({ ...route, metric, mtu: 0, protocol: 11 }, { gone: !there })
}

const many = (count: number) => Array.from({ length: count }, (_, k) => `10.2.${k}.0/24`)

/** What was asked of the kernel: counts by kind. */
function takeOperations(kernel: FakeKernel): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { op, what } of kernel.operations) {
    counts[`${op} ${what}`] = (counts[`${op} ${what}`] ?? 0) + 1
  }
  kernel.operations.length = 0
  return counts
}

t.test(
  'a lost locator: its routes move by one message a group, before anything is decided',
  async (t) => {
    const { router, kernel, remotes } = await pe()
    await remotes[0]!.send(vpn(0, many(100), { pref: 200 }))
    await remotes[1]!.send(vpn(1, many(50)))
    await remotes[2]!.send(vpn(2, many(100).slice(50)))
    t.equal(kernel.groups.size, 2)
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SIDS[0]}`))
    for (const sid of SIDS) t.ok(router.fib(10).includes(`${sid}/128 throw`), 'also what stands by')
    takeOperations(kernel)
    locator(kernel, 0, false)
    await Promise.resolve()
      .then(() => Promise.resolve())
      .then(() => Promise.resolve())
    t.same(takeOperations(kernel), { 'replace group': 2 }, 'in the event of the notification')
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SIDS[1]}`))
    t.ok(router.fib(10).includes(`10.2.99.0/24 seg6 ${SIDS[2]}`))
    await calm()
    const [route] = router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })
    t.match(route!.paths, [
      { best: true, sid: SIDS[1] },
      { valid: false, why: 'no route to the SID' },
    ])
    t.notOk(router.fib(10).includes(`${SIDS[0]}/128 throw`))
    t.equal(kernel.groups.size, 0, 'what has no backup any more goes by the leaf')
    locator(kernel, 0, true)
    await calm()
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SIDS[0]}`))
    t.equal(kernel.groups.size, 2)
  },
)

t.test('only the SIDs that a changed route covers are asked for again', async (t) => {
  const { kernel, remotes } = await pe()
  for (const [k, remote] of remotes.entries()) await remote.send(vpn(k, [`10.${k}.0.0/16`]))
  const asked: string[] = []
  const routeTo = kernel.routeTo.bind(kernel)
  kernel.routeTo = (address) => {
    asked.push(Buffer.from(address).toString('hex').slice(8, 12))
    return routeTo(address)
  }
  locator(kernel, 1, true, 30)
  await calm()
  t.same(asked, ['0003'])
})

t.test('a lower metric to the SID makes the better path (RFC 4271 §9.1.2.2 e)', async (t) => {
  const { router, kernel, remotes } = await pe()
  for (const k of [0, 1]) await remotes[k]!.send(vpn(k, ['10.2.0.0/24']))
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SIDS[0]}`))
  locator(kernel, 1, true, 5)
  await calm()
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SIDS[1]}`))
})

t.test('maximum-paths: paths that tie share the traffic, by their link bandwidth', async (t) => {
  const { router, kernel, remotes } = await pe(2)
  for (const k of [0, 1, 2]) await remotes[k]!.send(vpn(k, ['10.2.0.0/24']))
  const shares = (a: number, b: number) =>
    `10.2.0.0/24 seg6 ${SIDS[0]} *${a} + seg6 ${SIDS[1]} *${b}`
  t.ok(router.fib(10).includes(shares(1, 1)))
  await remotes[0]!.send(vpn(0, ['10.2.0.0/24'], { bandwidth: 1.25e9 }))
  t.ok(router.fib(10).includes(shares(1, 1)), 'one says nothing')
  await remotes[1]!.send(vpn(1, ['10.2.0.0/24'], { bandwidth: 3.75e9 }))
  t.ok(router.fib(10).includes(shares(85, 256)), '1 : 3 of 256')
  const [route] = router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })
  const ways = SIDS.map((sid) => `seg6 encap.red ${sid} dev core`)
  t.equal(route!.fibDetail, `${ways[0]} weight 85, ${ways[1]} weight 256; backup ${ways[2]}`)
  t.match(route!.paths, [
    { best: true, active: true, backup: false, weight: 85 },
    { best: false, active: true, weight: 256, sid: SIDS[1] },
    { active: false, backup: true, weight: null, sid: SIDS[2] },
  ])
  await remotes[1]!.send(vpn(1, ['10.2.0.0/24'], { bandwidth: 5e9 }))
  t.ok(router.fib(10).includes(shares(1, 4)))
  locator(kernel, 0, false)
  await calm()
  t.ok(
    router.fib(10).includes(`10.2.0.0/24 seg6 ${SIDS[1]} *1 + seg6 ${SIDS[2]} *1`),
    'the third takes its place, of which no bandwidth is known',
  )
})

t.test('a restart finds its groups and writes nothing', async (t) => {
  const kernel = peKernel()
  const first = await pe(2, kernel)
  // All of them between two decisions.
  const tell = async (remotes: Remote[]) => {
    remotes[0]!.transport.receive(vpn(0, many(20)))
    remotes[1]!.transport.receive(vpn(1, many(10)))
    await remotes[2]!.send(vpn(2, many(20), { pref: 50 }))
  }
  await tell(first.remotes)
  const routes = first.router.fib(10)
  await first.router.speaker.stop().catch(() => {})
  takeOperations(kernel)
  const second = await pe(2, kernel)
  await tell(second.remotes)
  t.same(second.router.fib(10), routes)
  t.same(takeOperations(kernel), { 'set tunnel-source': 1 })
})
