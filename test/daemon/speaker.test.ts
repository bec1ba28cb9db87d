/**
 * The whole daemon but for TCP and the kernel: what neighbours say on one side, what the kernel
 * gets and what neighbours are told on the other.
 */
import t from 'tap'
import type { RoutePath, RouteQuery } from '../../src/daemon/api-schema.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { LAST_RESORT_METRIC } from '../../src/fib/rtnetlink-constants.ts'
import {
  address,
  asPath,
  extCommunities,
  l3Service,
  localPref,
  mpReach,
  mpUnreach,
  nextHop,
  origin,
  prefix,
  prefixSid,
  routeTarget,
  sidInformation,
  sidStructure,
  u8,
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import type { FakeKernel } from '../support/fake-kernel.ts'
import { AFI, calm, peKernel, Remote, Router } from '../support/router.ts'

const CONFIG = `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    neighbors:
      - { address: 172.16.1.2, as: 65101, families: [ipv4-unicast, ipv6-unicast] }
  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    interfaces: [blue]
neighbors:
  - { address: "2001:db8:ffff::2", as: 65000, families: [vpnv4, vpnv6], update-source: "2001:db8:ffff::1" }
`

const PE2 = '2001:db8:ffff::2'
const CE = '172.16.1.2'
const VPN = ['vpnv4', 'vpnv6']
/** The remote PE's SID: in the attribute without its function, which is in the label. */
const SID = 'fcbb:bb00:2:e000::'
const LABEL = 0xe00001
const LAST_RESORT = ['0.0.0.0/0 unreachable', '::/0 unreachable']

const transposed = (behavior = 20) =>
  prefixSid(
    l3Service(sidInformation('fcbb:bb00:2::', behavior, sidStructure(32, 16, 16, 0, 16, 48))),
  )

interface VpnRoute {
  rd?: string
  targets?: string[]
  label?: number
  sid?: Uint8Array
  as?: number[]
  localPref?: number
}

/** Routes of the remote PE in one message; all of one family. */
function vpn(prefixes: string[], of: VpnRoute = {}): Uint8Array {
  const { rd = '65000:210', targets = ['65000:10'], label = LABEL, sid = transposed() } = of
  const [afi, safi] = AFI[prefixes[0]!.includes(':') ? 'vpnv6' : 'vpnv4']!
  const nlri = prefixes.map((text) => vpnPrefix({ rd, label, prefix: text }))
  const attrs = [
    mpReach(afi, safi, vpnNextHop(PE2), ...nlri),
    origin(0),
    asPath(of.as ?? [65102]),
    localPref(of.localPref ?? 100),
    extCommunities(...targets.map(routeTarget)),
    sid,
  ]
  return update({ attrs })
}

function vpnGone(prefixes: string[], rd = '65000:210'): Uint8Array {
  const [afi, safi] = AFI[prefixes[0]!.includes(':') ? 'vpnv6' : 'vpnv4']!
  const nlri = prefixes.map((text) => vpnPrefix({ rd, label: 0x800000, prefix: text }))
  return update({ attrs: [mpUnreach(afi, safi, ...nlri)] })
}

const ceAttrs = [origin(0), asPath([65101])]
const ce4 = (list: string[], hop = CE, more: Uint8Array[] = []) =>
  update({ attrs: [...ceAttrs, nextHop(hop), ...more], nlri: list.map((text) => prefix(text)) })
const ce6 = (list: string[], hop = '2001:db8:1::2') =>
  update({ attrs: [mpReach(2, 1, address(hop), ...list.map((text) => prefix(text))), ...ceAttrs] })
const ce4Gone = (list: string[]) => update({ withdrawn: list.map((text) => prefix(text)) })

async function pe(config = CONFIG, kernel = peKernel()) {
  kernel.ways.set(SID, { ifindex: 2, metric: 20 })
  const router = await Router.start(config, kernel)
  const remote = new Remote(router, PE2, 65000, VPN)
  const ce = new Remote(router, CE, 65101, ['ipv4', 'ipv6'], '172.16.1.2')
  return { router, kernel, remote, ce }
}

const seg6Objects = (router: Router) =>
  [...router.kernel.nexthops.values()].filter(({ segments }) => segments).length

const pathOf = (router: Router, vrf: string, text: string): RoutePath =>
  [...router.show.routes({ vrf, prefix: text })][0]!.paths[0]!

// ── from the core into a VRF ──

t.test('a VPN route becomes a seg6 route with the SID put together again, and goes', async (t) => {
  const { router, remote } = await pe()
  t.same(router.fib(10), LAST_RESORT)
  await remote.up()
  await remote.send(vpn(['10.2.0.0/24', '10.3.0.0/16']), vpn(['2001:db8:2::/48']))
  t.same(router.fib(10), [
    '0.0.0.0/0 unreachable',
    `10.2.0.0/24 seg6 ${SID}`,
    `10.3.0.0/16 seg6 ${SID}`,
    `2001:db8:2::/48 seg6 ${SID}`,
    '::/0 unreachable',
    `${SID}/128 throw`,
  ])
  t.same(router.fib(20), LAST_RESORT, 'blue imports another route target')
  t.equal(seg6Objects(router), 1)
  const [route] = router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })
  t.match(route, { installed: 'installed', paths: [{ best: true, sid: SID, rd: '65000:210' }] })
  await remote.send(vpnGone(['10.2.0.0/24', '10.3.0.0/16']))
  t.same(router.fib(10).length, 4, 'the other family still needs the throw')
  await remote.send(vpnGone(['2001:db8:2::/48']))
  t.same(router.fib(10), LAST_RESORT)
  t.equal(seg6Objects(router), 0)
  t.equal(router.speaker.context.nextHops.count, 2, 'the two connected networks of red and blue')
})

t.test('the throw stands before the route that needs it, and goes after', async (t) => {
  const { router, remote, kernel } = await pe()
  await remote.up()
  const from = kernel.operations.length
  await remote.send(vpn(['10.2.0.0/24']))
  await remote.send(vpnGone(['10.2.0.0/24']))
  const steps = kernel.operations.slice(from).map((operation) => {
    if (operation.what !== 'route') return `${operation.op} ${operation.what}`
    return `${operation.op} /${operation.route.bits}`
  })
  t.same(steps, [
    'put nexthop',
    'put /128',
    'put /24',
    'delete /24',
    'delete /128',
    'delete nexthop',
  ])
  t.same(router.fib(10), LAST_RESORT)
})

t.test('a customer that announces the SID itself gets none of its packets', async (t) => {
  const { router, remote, ce } = await pe()
  await remote.up()
  await ce.up()
  await remote.send(vpn(['10.2.0.0/24']))
  await ce.send(ce6([`${SID}/128`]))
  const metrics = [...router.kernel.routes.values()]
    .filter((route) => route.table === 10 && route.bits === 128)
    .sort((a, b) => a.metric - b.metric)
    .map(({ kind }) => kind)
  t.same(metrics, [9, 1], 'throw comes first')
  await ce.lose()
  t.ok(router.fib(10).includes(`${SID}/128 throw`), 'and stays when the customer goes')
})

t.test('the label decides the SID; a route whose label changes moves', async (t) => {
  const { router, remote, kernel } = await pe()
  kernel.ways.set('fcbb:bb00:2:e001::', { ifindex: 2 })
  await remote.up()
  await remote.send(vpn(['10.2.0.0/24'], { label: 0xe00101 }))
  t.ok(router.fib(10).includes('10.2.0.0/24 seg6 fcbb:bb00:2:e001::'))
  const before = kernel.operations.length
  await remote.send(vpn(['10.2.0.0/24']))
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
  t.notOk(router.fib(10).includes('fcbb:bb00:2:e001::/128 throw'))
  const taken = kernel.operations
    .slice(before)
    .filter((o) => o.what === 'route' && o.op === 'delete')
  t.equal(taken.length, 1, 'make before break: only the throw of the former SID goes')
})

t.test('a route whose new SID has no way goes; one that has none yet is waited for', async (t) => {
  const { router, remote } = await pe()
  await remote.up()
  await remote.send(vpn(['10.2.0.0/24']))
  await remote.send(vpn(['10.2.0.0/24'], { label: 0xe00201 }))
  t.same(router.fib(10), LAST_RESORT)
  t.match(pathOf(router, 'red', '10.2.0.0/24'), { valid: false, why: 'no route to the SID' })
})

t.test('route targets that change move a route from VRF to VRF, and into both', async (t) => {
  const { router, remote } = await pe()
  await remote.up()
  const where = () => [10, 20].filter((table) => router.fib(table).join().includes('10.2.0.0/24'))
  await remote.send(vpn(['10.2.0.0/24'], { targets: ['65000:20'] }))
  t.same(where(), [20])
  await remote.send(vpn(['10.2.0.0/24'], { targets: ['65000:10'] }))
  t.same(where(), [10])
  await remote.send(vpn(['10.2.0.0/24'], { targets: ['65000:99', '65000:20', '65000:10'] }))
  t.same(where(), [10, 20])
  await remote.send(vpn(['10.2.0.0/24'], { targets: ['65000:99'] }))
  t.same(where(), [])
  t.equal(seg6Objects(router), 0)
})

t.test('a route without a usable SID is shown with the reason and installed nowhere', async (t) => {
  const { router, remote } = await pe()
  await remote.up()
  const none = prefixSid(l3Service())
  await remote.send(vpn(['10.2.0.0/24'], { sid: none }))
  t.match(pathOf(router, 'red', '10.2.0.0/24'), { best: false, valid: false, why: /no .*SID/ })
  await remote.send(vpn(['10.4.0.0/24'], { sid: transposed(18) }))
  t.match(pathOf(router, 'red', '10.4.0.0/24'), { valid: false, why: /family/ }, 'End.DT6')
  const multicast = prefixSid(l3Service(sidInformation('ff02::1', 20)))
  await remote.send(vpn(['10.5.0.0/24'], { sid: multicast }))
  t.match(pathOf(router, 'red', '10.5.0.0/24'), { valid: false, why: /SID/ })
  t.same(router.fib(10), LAST_RESORT)
})

t.test('no way to the SID: not installed; installed once there is one, gone with it', async (t) => {
  const { router, remote, kernel } = await pe()
  kernel.ways.clear()
  await remote.up()
  await remote.send(vpn(['10.2.0.0/24']))
  t.same(router.fib(10), LAST_RESORT)
  t.match(pathOf(router, 'red', '10.2.0.0/24'), { valid: false, why: 'no route to the SID' })
  kernel.ways.set(SID, { ifindex: 2 })
  await router.kernelChanged('route')
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
  kernel.ways.clear()
  await router.kernelChanged('route')
  t.same(router.fib(10), LAST_RESORT)
})

t.test('resolve-via-default: whether a default route is a way to a SID', async (t) => {
  for (const [given, reaches] of [
    ['', true],
    ['dataplane: { resolve-via-default: true }', true],
    ['dataplane: { resolve-via-default: false }', false],
  ] as const) {
    const kernel = peKernel()
    kernel.byDefault.add(SID)
    const { router, remote } = await pe(`${CONFIG}${given}\n`, kernel)
    await remote.up()
    await remote.send(vpn(['10.2.0.0/24']))
    const installed = `10.2.0.0/24 seg6 ${SID}`
    t.equal(router.fib(10).includes(installed), reaches, given)
    if (reaches) continue
    t.match(pathOf(router, 'red', '10.2.0.0/24'), { valid: false, why: 'no route to the SID' })
    kernel.byDefault.delete(SID)
    await router.kernelChanged('route')
    t.ok(router.fib(10).includes(installed), 'its own route came')
    kernel.byDefault.add(SID)
    await router.kernelChanged('route')
    t.same(router.fib(10), LAST_RESORT, 'and went')
  }
})

t.test('a look-up that fails once is asked again with the next change', async (t) => {
  const { router, remote, kernel } = await pe()
  const routeTo = kernel.routeTo.bind(kernel)
  kernel.routeTo = () => Promise.reject(new Error('socket closed'))
  await remote.up()
  await remote.send(vpn(['10.2.0.0/24']))
  t.same(router.fib(10), LAST_RESORT)
  kernel.routeTo = routeTo
  await router.kernelChanged('route')
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
})

t.test(
  'a next hop number given to a gateway while its SID is looked up stays the gateway',
  async (t) => {
    const { router, remote, ce, kernel } = await pe()
    await remote.up()
    await ce.up()
    const answers: (() => void)[] = []
    kernel.routeTo = () =>
      new Promise((resolve) => answers.push(() => resolve({ ifindex: 2, metric: 1 })))
    await remote.send(vpn(['10.2.0.0/24']))
    t.equal(answers.length, 1)
    await remote.send(vpnGone(['10.2.0.0/24']))
    await ce.send(ce4(['10.1.0.0/24']))
    for (const answer of answers) answer()
    await calm()
    t.same(router.fib(10), [
      '0.0.0.0/0 unreachable',
      '10.1.0.0/24 via 172.16.1.2 dev red',
      '::/0 unreachable',
    ])
  },
)

t.test('two PEs with RDs of their own: the better one is installed, then the other', async (t) => {
  const { router, remote, kernel } = await pe()
  kernel.ways.set('fcbb:bb00:2:e001::', { ifindex: 2, metric: 20 })
  await remote.up()
  await remote.send(vpn(['10.2.0.0/24'], { rd: '65000:210', localPref: 50 }))
  await remote.send(vpn(['10.2.0.0/24'], { rd: '65000:310', label: 0xe00101 }))
  t.ok(router.fib(10).includes('10.2.0.0/24 seg6 fcbb:bb00:2:e001::'))
  t.equal([...router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })][0]!.paths.length, 2)
  await remote.send(vpnGone(['10.2.0.0/24'], '65000:310'))
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
})

t.test('what the kernel refuses is shown with its errno, and tried again', async (t) => {
  const { router, remote, kernel } = await pe()
  await remote.up()
  kernel.fail = (operation) =>
    operation.what === 'route' && operation.route.bits === 24 ? Errno.ENOBUFS : 0
  await remote.send(vpn(['10.2.0.0/24']))
  const [route] = router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })
  t.match(route, { installed: 'failed', fibDetail: 'ENOBUFS', paths: [{ best: true }] })
  t.match(router.show.status().problems.join(), /1 routes? refused by the kernel/)
  kernel.fail = () => 0
  await router.kernelChanged('link')
  t.match([...router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })][0], {
    installed: 'installed',
  })
})

// ── from a CE into the VPN ──

t.test(
  'a CE route is installed by its gateway and exported with RD, RT, SID and label',
  async (t) => {
    const { router, remote, ce } = await pe()
    await remote.up()
    await ce.up()
    await ce.send(ce4(['10.1.0.0/24']), ce6(['2001:db8:a::/48']))
    t.same(router.fib(10), [
      '0.0.0.0/0 unreachable',
      '10.1.0.0/24 via 172.16.1.2 dev red',
      '2001:db8:a::/48 via 2001:db8:1::2 dev red',
      '::/0 unreachable',
    ])
    await remote.hear()
    t.same(remote.routes, [
      '65000:110 10.1.0.0/24',
      '65000:110 172.16.1.0/24',
      '65000:110 2001:db8:1::/64',
      '65000:110 2001:db8:a::/48',
      '65000:120 172.16.2.0/24',
    ])
    const told = remote.picture.routes.get('65000:110 10.1.0.0/24')!
    t.same(told.nextHops, ['2001:db8:ffff::1'])
    // The first function of red's SID, 1, in the upper 16 of 20 label bits.
    t.equal(told.label, 0x000101)
    const value = (name: string) => remote.picture.attribute('65000:110 10.1.0.0/24', name)
    t.equal(value('AS_PATH'), '65101')
    t.equal(value('LOCAL_PREF'), 100)
    t.same(value('EXTENDED_COMMUNITIES'), ['rt:65000:10'])
    t.match(JSON.stringify(value('PREFIX_SID')), /fcbb:bb00:1::/)
    await ce.send(ce4Gone(['10.1.0.0/24']))
    await remote.hear()
    t.notOk(remote.routes.includes('65000:110 10.1.0.0/24'))
    t.same(remote.picture.complaints, [])
  },
)

t.test("a customer's own route targets and Prefix-SID never get into the VPN", async (t) => {
  const { remote, ce, router } = await pe()
  await remote.up()
  await ce.up()
  const theirs = [
    extCommunities(routeTarget('65000:20'), u8(0, 3, 0xfd, 0xe8, 0, 0, 0, 7)),
    prefixSid(l3Service(sidInformation('fcbb:bb00:bad::', 20))),
  ]
  await ce.send(ce4(['10.1.0.0/24'], CE, theirs))
  await remote.hear()
  const value = (name: string) => remote.picture.attribute('65000:110 10.1.0.0/24', name)
  t.same(value('EXTENDED_COMMUNITIES'), ['rt:65000:10', 'soo:65000:7'])
  t.notMatch(JSON.stringify(value('PREFIX_SID')), /bad/)
  t.notOk(router.fib(20).join().includes('10.1.0.0/24'), 'not into blue')
})

t.test('a CE hears of VPN routes without route targets and Prefix-SID', async (t) => {
  const { remote, ce } = await pe()
  await remote.up()
  await ce.up()
  await remote.send(vpn(['10.2.0.0/24']), vpn(['2001:db8:2::/48']))
  await ce.hear()
  t.same(ce.routes, ['10.2.0.0/24', '172.16.1.0/24', '2001:db8:1::/64', '2001:db8:2::/48'])
  const names = ce.picture.routes.get('10.2.0.0/24')!.attributes.map(({ name }) => name)
  t.same(names, ['ORIGIN', 'AS_PATH', 'NEXT_HOP'])
  t.equal(ce.picture.attribute('10.2.0.0/24', 'AS_PATH'), '65000 65102')
  t.same(ce.picture.routes.get('10.2.0.0/24')!.nextHops, ['172.16.1.1'])
  t.same(ce.picture.routes.get('2001:db8:2::/48')!.nextHops, ['2001:db8:1::1'])
  await remote.send(vpnGone(['10.2.0.0/24']))
  await ce.hear()
  t.notOk(ce.routes.includes('10.2.0.0/24'))
  t.same(ce.picture.complaints, [])
})

t.test('what is not redistributed is neither exported nor told to the CE', async (t) => {
  const config = CONFIG.replace('interfaces: [red]', 'interfaces: [red]\n    redistribute: []')
  const { remote, ce } = await pe(config)
  await remote.up()
  await ce.up()
  t.same(ce.routes, [])
  t.same(remote.routes, ['65000:120 172.16.2.0/24'])
})

t.test(
  'RFC 1997: NO_EXPORT of a VPN route keeps it from the CE, not from the kernel',
  async (t) => {
    const { router, remote, ce } = await pe()
    await remote.up()
    await ce.up()
    const noExport = Uint8Array.of(0xc0, 8, 4, 0xff, 0xff, 0xff, 0x01)
    const nlri = vpnPrefix({ rd: '65000:210', label: LABEL, prefix: '10.2.0.0/24' })
    const attrs = [mpReach(1, 128, vpnNextHop(PE2), nlri), origin(0), asPath([]), localPref(100)]
    const more = [noExport, extCommunities(routeTarget('65000:10')), transposed()]
    await remote.send(update({ attrs: [...attrs, ...more] }))
    await ce.hear()
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
    t.notOk(ce.routes.includes('10.2.0.0/24'))
  },
)

t.test('a gateway on no connected network is not used, and says so', async (t) => {
  const { router, ce, kernel } = await pe()
  await ce.up()
  await ce.send(ce4(['10.1.0.0/24'], '192.168.7.7'), ce4(['10.9.0.0/24'], '172.16.1.1'))
  t.same(router.fib(10), LAST_RESORT)
  t.match(pathOf(router, 'red', '10.1.0.0/24'), { valid: false, why: /no connected network/ })
  t.match(pathOf(router, 'red', '10.9.0.0/24'), { valid: false }, 'our own address')
  kernel.addressList.push({
    ifindex: 3,
    address: address('192.168.7.1'),
    bits: 24,
    scope: 0,
    flags: 0x80,
  })
  await router.kernelChanged('address')
  t.ok(router.fib(10).includes('10.1.0.0/24 via 192.168.7.7 dev red'))
})

t.test('the interface of a CE goes down and comes back', async (t) => {
  const { router, remote, ce, kernel } = await pe()
  await remote.up()
  await ce.up()
  await ce.send(ce4(['10.1.0.0/24']))
  const red = kernel.linkList.find(({ name }) => name === 'red')!
  kernel.linkDown(red.ifindex)
  await router.kernelChanged('link')
  await remote.hear()
  t.same(router.fib(10), LAST_RESORT)
  t.same(remote.routes, ['65000:120 172.16.2.0/24'], 'nothing of red is announced')
  red.up = true
  await router.kernelChanged('link')
  await remote.hear()
  t.ok(router.fib(10).includes('10.1.0.0/24 via 172.16.1.2 dev red'))
  t.ok(remote.routes.includes('65000:110 10.1.0.0/24'))
  t.ok(remote.routes.includes('65000:110 172.16.1.0/24'))
})

t.test(
  'a core interface that flaps while nobody looks: what the kernel dropped is put back',
  async (t) => {
    const { router, remote, ce, kernel } = await pe()
    await remote.up()
    await ce.up()
    await remote.send(vpn(['10.2.0.0/24']))
    await ce.send(ce4(['10.1.0.0/24']))
    const before = router.fib(10)
    const sids = kernel.sids.size
    for (const link of kernel.linkList) {
      kernel.linkDown(link.ifindex)
      link.up = true
    }
    t.not(router.fib(10).length, before.length)
    await router.kernelChanged('link')
    t.same(router.fib(10), before)
    t.equal(kernel.sids.size, sids)
  },
)

t.test('an interface that comes later is put into its VRF', async (t) => {
  const kernel = peKernel()
  const blue = kernel.linkList.find(({ name }) => name === 'blue')!
  blue.name = 'eth7'
  const { router, remote } = await pe(CONFIG, kernel)
  await remote.up()
  t.match(router.show.vrfs()[1], { interfaces: [{ attached: false, why: 'no such interface' }] })
  t.same(router.show.status().problems, ['vrf blue: interface blue: no such interface'])
  blue.name = 'blue'
  await router.kernelChanged('link')
  await remote.hear()
  t.match(router.show.vrfs()[1], { interfaces: [{ attached: true, why: null }] })
  t.same(router.show.status().problems, [])
  t.ok(remote.routes.includes('65000:120 172.16.2.0/24'))
})

t.test('a VRF device that somebody renames: sessions go by its new name', async (t) => {
  const config = `${CONFIG}dataplane: { on-stop: remove }\n`
  const { router, ce, kernel } = await pe(config)
  await ce.up()
  const device = kernel.linkList.find(({ name }) => name === 'vrf-red')!
  device.name = 'customer'
  await router.kernelChanged('link')
  t.match(router.show.vrfs()[0], { device: 'customer' })
  t.match(router.show.status().problems, [/vrf red: device vrf-red was renamed to customer/])
  await ce.lose()
  await ce.up()
  t.equal(
    router.dials.filter((dial) => dial.startsWith('172.16.1.2 ')).at(-1),
    '172.16.1.2 dev customer',
  )
  await router.speaker.stop()
  t.notOk(kernel.linkList.includes(device), 'and with on-stop: remove it goes like the others')
  t.equal(kernel.routes.size, 0)
})

t.test('a VRF whose device cannot be made has no networks of the main table', async (t) => {
  const kernel = peKernel()
  kernel.addressList.push({
    ifindex: 2,
    address: address('10.0.0.1'),
    bits: 24,
    scope: 0,
    flags: 0x80,
  })
  kernel.addLink('vrf-blue', { kind: 'dummy' })
  const { router, remote } = await pe(CONFIG, kernel)
  await remote.up()
  t.match(router.show.vrfs()[1]!.problems.join(), /vrf-blue/)
  t.notOk(
    remote.routes.some((text) => text.startsWith('65000:120')),
    'the core is no customer',
  )
})

// ── leaking on one router ──

const LEAKING = CONFIG.replace(
  'both: ["65000:20"]',
  'import: ["65000:20", "65000:10"], export: ["65000:20"]',
)

t.test(
  'a VRF imports from another one of this router: forwarded without encapsulation',
  async (t) => {
    const { router, remote, ce } = await pe(LEAKING)
    await remote.up()
    await ce.up()
    await ce.send(ce4(['10.1.0.0/24']))
    t.ok(router.fib(20).includes('10.1.0.0/24 via 172.16.1.2 dev red'))
    t.ok(router.fib(20).includes('172.16.1.0/24 dev red'), 'a connected network of the other VRF')
    await remote.hear()
    const told = remote.routes.filter((text) => text.endsWith('10.1.0.0/24'))
    t.same(told, ['65000:110 10.1.0.0/24'], 'what was imported is not exported again')
    await ce.send(ce4Gone(['10.1.0.0/24']))
    t.notOk(router.fib(20).join().includes('10.1.0.0/24'))
  },
)

t.test(
  'show: the SID is whole in the VPN table too, ours and one of which the label has a part',
  async (t) => {
    const { router, remote, ce } = await pe()
    await remote.up()
    await ce.up()
    await ce.send(ce4(['10.1.0.0/24']))
    await remote.send(vpn(['10.2.0.0/24']))
    const sidsOf = (query: RouteQuery) =>
      [...router.show.routes(query)].flatMap(({ paths }) => paths.map(({ sid }) => sid))
    t.strictSame(sidsOf({ table: 'vpn', prefix: '10.2.0.0/24' }), [SID])
    t.strictSame(sidsOf({ vrf: 'red', prefix: '10.2.0.0/24' }), [SID])
    const [own] = router.show.sids()
    t.strictSame(sidsOf({ table: 'vpn', prefix: '10.1.0.0/24' }), [own!.sid])
  },
)

t.test('what a VRF exports does not come back to it, not even from a neighbour', async (t) => {
  const { router, remote, ce } = await pe()
  await remote.up()
  await ce.up()
  await ce.send(ce4(['10.1.0.0/24']))
  t.equal([...router.show.routes({ vrf: 'red', prefix: '10.1.0.0/24' })][0]!.paths.length, 1)
  // A reflector without ORIGINATOR_ID sends our own route back: the next hop is ours.
  const nlri = vpnPrefix({ rd: '65000:110', label: 0x000101, prefix: '10.1.0.0/24' })
  const attrs = [mpReach(1, 128, vpnNextHop('2001:db8:ffff::1'), nlri), origin(0), asPath([])]
  const more = [localPref(500), extCommunities(routeTarget('65000:10')), transposed()]
  await remote.send(update({ attrs: [...attrs, ...more] }))
  t.ok(router.fib(10).includes('10.1.0.0/24 via 172.16.1.2 dev red'))
  const [route] = router.show.routes({ table: 'vpn', prefix: '10.1.0.0/24' })
  t.match(route!.paths, [{ best: true }, { best: false, why: /address of this router/ }])
})

t.test(
  'a dual-homed site with one RD: LOCAL_PREF decides between our CE and the other PE',
  async (t) => {
    const { router, remote, ce } = await pe()
    await remote.up()
    await ce.up()
    await ce.send(ce4(['10.1.0.0/24']))
    await remote.send(vpn(['10.1.0.0/24'], { rd: '65000:110', as: [65101], localPref: 200 }))
    t.ok(router.fib(10).includes(`10.1.0.0/24 seg6 ${SID}`))
    await remote.hear()
    t.notOk(remote.routes.includes('65000:110 10.1.0.0/24'), 'not ours to announce any more')
    await remote.send(vpn(['10.1.0.0/24'], { rd: '65000:110', as: [65101], localPref: 100 }))
    t.ok(router.fib(10).includes('10.1.0.0/24 via 172.16.1.2 dev red'), 'own over iBGP')
    await remote.hear()
    t.ok(remote.routes.includes('65000:110 10.1.0.0/24'))
  },
)

t.test('a connected network wins over any LOCAL_PREF, as it does in the kernel', async (t) => {
  const { router, remote } = await pe()
  await remote.up()
  await remote.send(vpn(['172.16.1.0/24'], { localPref: 900 }))
  t.same(router.fib(10), LAST_RESORT)
  const [route] = router.show.routes({ vrf: 'red', prefix: '172.16.1.0/24' })
  t.match(route!.paths, [
    { best: true, source: 'connected' },
    { best: false, source: 'vpn' },
  ])
  await remote.hear()
  t.ok(remote.routes.includes('65000:110 172.16.1.0/24'))
})

t.test('static routes: by a gateway, into nothing; exported', async (t) => {
  const config = CONFIG.replace(
    'interfaces: [red]',
    `interfaces: [red, later]
    static-routes:
      - { prefix: 10.9.0.0/24, via: 172.16.1.9 }
      - { prefix: 10.8.0.0/24, blackhole: true }
      - { prefix: 10.7.0.0/24, interface: red }
      - { prefix: 10.6.0.0/24, interface: later }`,
  )
  const { router, remote } = await pe(config)
  await remote.up()
  t.same(router.fib(10), [
    '0.0.0.0/0 unreachable',
    '10.7.0.0/24 dev red',
    '10.8.0.0/24 blackhole',
    '10.9.0.0/24 via 172.16.1.9 dev red',
    '::/0 unreachable',
  ])
  for (const n of [7, 8, 9]) t.ok(remote.routes.includes(`65000:110 10.${n}.0.0/24`))
  t.notOk(remote.routes.includes('65000:110 10.6.0.0/24'))
})

// ── SIDs ──

t.test('per-family SIDs: End.DT4 and End.DT6, each with the routes of its family', async (t) => {
  const config = CONFIG.replace('interfaces: [red]', 'interfaces: [red]\n    sid: per-family')
  const { router, remote } = await pe(config)
  await remote.up()
  const red = router.show.sids().filter(({ vrf }) => vrf === 'red')
  t.match(red, [
    { behavior: 'End.DT4', state: 'installed' },
    { behavior: 'End.DT6', state: 'installed' },
  ])
  const labels = ['172.16.1.0/24', '2001:db8:1::/64'].map(
    (text) => remote.picture.routes.get(`65000:110 ${text}`)!.label! >>> 8,
  )
  t.same(labels, [1, 2])
})

t.test('uSID: functions from e000, the NEXT-CSID behaviour on the wire', async (t) => {
  const config = CONFIG.replace('/48" }', '/48", behavior: usid }')
  const { router, remote } = await pe(config)
  await remote.up()
  t.same(
    router.show.sids().map(({ sid, behavior }) => `${behavior} ${sid}`),
    ['uDT46 fcbb:bb00:1:e000::', 'uDT46 fcbb:bb00:1:e001::'],
  )
  t.equal(remote.picture.routes.get('65000:110 172.16.1.0/24')!.label, 0xe00001)
})

t.test('a kernel that takes its time at the start: nothing runs ahead of it', async (t) => {
  const kernel = peKernel()
  const put = kernel.putLocalSid.bind(kernel)
  kernel.putLocalSid = async (sid) => {
    await calm(5)
    await put(sid)
  }
  const { router, remote } = await pe(CONFIG, kernel)
  await remote.up()
  t.same(
    router.show.sids().map(({ state }) => state),
    ['installed', 'installed'],
  )
  t.ok(remote.routes.includes('65000:110 172.16.1.0/24'))
})

t.test('a SID that the kernel refuses is shown with the reason', async (t) => {
  const kernel = peKernel()
  kernel.fail = (operation) => (operation.what === 'sid' ? Errno.EINVAL : 0)
  const { router } = await pe(CONFIG, kernel)
  t.match(router.show.sids()[0], { state: 'failed', why: /EINVAL/ })
})

// ── sessions come and go ──

t.test('a session is lost without graceful restart: its routes go, all come back', async (t) => {
  const { router, remote, ce } = await pe()
  await remote.up()
  await ce.up()
  await remote.send(vpn(['10.2.0.0/24']))
  await ce.send(ce4(['10.1.0.0/24']))
  await remote.lose()
  t.same(router.fib(10), [
    '0.0.0.0/0 unreachable',
    '10.1.0.0/24 via 172.16.1.2 dev red',
    '::/0 unreachable',
  ])
  await ce.hear()
  t.notOk(ce.routes.includes('10.2.0.0/24'))
  await ce.lose()
  t.same(router.fib(10), LAST_RESORT)
  await remote.up()
  t.same(remote.routes, [
    '65000:110 172.16.1.0/24',
    '65000:110 2001:db8:1::/64',
    '65000:120 172.16.2.0/24',
  ])
  t.same(remote.picture.endOfRibs.sort(), VPN)
  await remote.send(vpn(['10.2.0.0/24']))
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
})

t.test(
  'RFC 4724: a neighbour that restarts keeps its routes here until its End-of-RIB',
  async (t) => {
    const { router, remote, ce, kernel } = await pe()
    await remote.up({ families: VPN, time: 30 })
    await ce.up()
    await remote.send(vpn(['10.2.0.0/24', '10.3.0.0/24']))
    await remote.endOfRib(...VPN)
    const operations = kernel.operations.length
    await remote.lose()
    t.ok(router.fib(10).includes(`10.3.0.0/24 seg6 ${SID}`))
    t.match([...router.show.routes({ table: 'vpn', prefix: '10.2.0.0/24' })][0], {
      paths: [{ stale: true }],
    })
    await remote.up({ families: VPN, restarting: true, time: 30 })
    await remote.send(vpn(['10.2.0.0/24']))
    t.equal(kernel.operations.length, operations, 'the kernel hears nothing of it')
    t.match([...router.show.routes({ table: 'vpn', prefix: '10.2.0.0/24' })][0], {
      paths: [{ stale: false }],
    })
    await remote.endOfRib('vpnv4')
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
    t.notOk(router.fib(10).join().includes('10.3.0.0/24'))
    await ce.hear()
    t.ok(ce.routes.includes('10.2.0.0/24'))
    t.notOk(ce.routes.includes('10.3.0.0/24'))
  },
)

t.test('RFC 4724 §4.2: back without forwarding state, or not back in time', async (t) => {
  const { router, remote } = await pe()
  await remote.up({ families: VPN, time: 30 })
  await remote.send(vpn(['10.2.0.0/24']))
  await remote.lose()
  await remote.up({ families: VPN, restarting: true, preserved: false, time: 30 })
  t.same(router.fib(10), LAST_RESORT)
  await remote.send(vpn(['10.2.0.0/24']))
  await remote.lose()
  t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
  await router.pass(31)
  t.same(router.fib(10), LAST_RESORT)
})

t.test('max-prefix: Cease 6/1, its routes go', async (t) => {
  const config = CONFIG.replace('as: 65101,', 'as: 65101, max-prefix: 2,')
  const { router, ce } = await pe(config)
  await ce.up()
  await ce.send(ce4(['10.1.0.0/24', '10.4.0.0/24', '10.5.0.0/24']))
  t.same(ce.transport.notification?.slice(0, 2), [6, 1])
  t.same(router.fib(10), LAST_RESORT)
})

t.test('RFC 2918: ROUTE-REFRESH', async (t) => {
  const { remote } = await pe()
  await remote.up()
  const before = remote.routes
  remote.picture.routes.clear()
  const refresh = (afi: number) =>
    Uint8Array.of(...new Array(16).fill(0xff), 0, 23, 5, 0, afi, 0, 128)
  await remote.send(refresh(1), refresh(2))
  t.same(remote.routes, before)
})

// ── this daemon restarts ──

const RESTARTING = { families: VPN, time: 120, notification: true }

async function runThenCrash(config = CONFIG) {
  const first = await pe(config)
  await first.remote.up({ families: VPN })
  await first.ce.up({ families: ['ipv4', 'ipv6'] })
  await first.remote.send(vpn(['10.2.0.0/24', '10.3.0.0/24']))
  await first.ce.send(ce4(['10.1.0.0/24']))
  const { kernel } = first
  return { kernel, fib: first.router.fib(10), sids: [...kernel.sids.keys()].sort() }
}

t.test('a restart adopts what the kernel has, writes nothing and keeps its SIDs', async (t) => {
  const { kernel, fib, sids } = await runThenCrash()
  const operations = kernel.operations.length
  const { router, remote, ce } = await pe(CONFIG, kernel)
  await remote.up({ families: VPN })
  await ce.up({ families: ['ipv4', 'ipv6'] })
  t.same(router.fib(10), fib, 'nothing has come yet, nothing is gone')
  t.match(router.show.status(), { restarting: true })
  t.same(remote.routes, [], 'nothing is announced before all is known')
  t.same(remote.picture.endOfRibs, [])
  await remote.send(vpn(['10.2.0.0/24', '10.3.0.0/24']))
  await remote.endOfRib(...VPN)
  await ce.send(ce4(['10.1.0.0/24']))
  t.match(router.show.status(), { restarting: true })
  await ce.endOfRib('ipv4', 'ipv6')
  await remote.hear()
  t.match(router.show.status(), { restarting: false })
  t.same(router.fib(10), fib)
  t.same([...kernel.sids.keys()].sort(), sids)
  const written = kernel.operations.slice(operations).filter(({ what }) => what !== 'tunnel-source')
  t.same(written, [])
  t.ok(remote.routes.includes('65000:110 10.1.0.0/24'))
  t.equal(remote.picture.routes.get('65000:110 10.1.0.0/24')!.label, 0x000101)
  t.same(remote.picture.endOfRibs.sort(), VPN)
})

t.test('a restart sweeps what nobody sends any more, once all have sent theirs', async (t) => {
  const { kernel } = await runThenCrash()
  const { router, remote, ce } = await pe(CONFIG, kernel)
  await remote.up({ families: VPN })
  await ce.up({ families: ['ipv4', 'ipv6'] })
  await remote.send(vpn(['10.2.0.0/24']))
  await ce.endOfRib('ipv4', 'ipv6')
  t.equal(router.fib(10).length, 6)
  await remote.endOfRib(...VPN)
  t.same(router.fib(10), [
    '0.0.0.0/0 unreachable',
    `10.2.0.0/24 seg6 ${SID}`,
    '::/0 unreachable',
    `${SID}/128 throw`,
  ])
})

t.test('what others take from us while a restart reads the kernel is put back', async (t) => {
  const { kernel, fib, sids } = await runThenCrash()
  const dump = kernel.dump.bind(kernel)
  kernel.dump = async () => {
    kernel.dump = dump
    const read = await dump()
    const route = read.routes.find(({ table, bits }) => table === 10 && bits === 24)
    kernel.loseRoute(route!)
    kernel.loseNexthop(read.nexthops.find((one) => 'gateway' in one)!.id)
    kernel.loseSid(read.localSids[0]!)
    return read
  }
  const { router, remote, ce } = await pe(CONFIG, kernel)
  await remote.up({ families: VPN })
  await ce.up({ families: ['ipv4', 'ipv6'] })
  await remote.send(vpn(['10.2.0.0/24', '10.3.0.0/24']))
  await ce.send(ce4(['10.1.0.0/24']))
  await remote.endOfRib(...VPN)
  await ce.endOfRib('ipv4', 'ipv6')
  await router.pass(2)
  t.same(router.fib(10), fib)
  t.same([...kernel.sids.keys()].sort(), sids)
})

t.test('a restart sweeps no route that came but is not decided or resolved yet', async (t) => {
  const many = Array.from({ length: 9000 }, (_, k) => `10.${64 + (k >> 8)}.${k & 255}.0/24`)
  const all: Uint8Array[] = []
  for (let k = 0; k < many.length; k += 200) all.push(vpn(many.slice(k, k + 200)))
  const first = await pe()
  await first.remote.up({ families: VPN })
  await first.remote.send(...all)
  await calm(200)
  const { kernel } = first
  t.equal(first.router.fib(10).length, 9003)
  kernel.operations.length = 0
  const { router, remote, ce } = await pe(CONFIG, kernel)
  await remote.up({ families: VPN })
  await ce.up()
  await router.pass(4)
  t.match(router.show.status(), { restarting: true })
  // Answers to the look-up of the SID come late.
  const routeTo = kernel.routeTo.bind(kernel)
  kernel.routeTo = async (sid) => {
    await calm(20)
    return routeTo(sid)
  }
  remote.transport.receive(...all)
  await remote.endOfRib(...VPN)
  await calm(200)
  t.match(router.show.status(), { restarting: false })
  const deleted = kernel.operations.filter((one) => one.what === 'route' && one.op === 'delete')
  t.equal(deleted.length, 0)
  t.equal(router.fib(10).length, 9003)
  await ce.hear()
  t.equal(ce.routes.length, 9002, 'all of it before the End-of-RIB')
  t.same(ce.picture.endOfRibs.sort(), ['ipv4-unicast', 'ipv6-unicast'])
})

t.test(
  'a neighbour that does not come back is waited for no longer than restart-time',
  async (t) => {
    const { kernel } = await runThenCrash()
    const { router, ce } = await pe(CONFIG, kernel)
    await ce.up()
    await router.pass(100)
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
    t.match(router.show.status().problems.join(), /waiting for .*2001:db8:ffff::2/)
    await router.pass(21)
    t.same(router.fib(10), LAST_RESORT)
    t.match(router.show.status(), { restarting: false, problems: [] })
  },
)

t.test(
  'graceful restart off: stale kernel routes are swept all the same, nothing is held back',
  async (t) => {
    const config = `${CONFIG}graceful-restart: { enabled: false }\n`
    const { kernel } = await runThenCrash(config)
    const { router, remote, ce } = await pe(config, kernel)
    await remote.up({ families: VPN })
    t.ok(remote.routes.includes('65000:110 172.16.1.0/24'), 'announced at once')
    await ce.up()
    await remote.send(vpn(['10.2.0.0/24']))
    t.ok(router.fib(10).includes(`10.3.0.0/24 seg6 ${SID}`))
    await router.pass(4)
    t.notOk(router.fib(10).join().includes('10.3.0.0/24'), 'no End-of-RIB is to be expected')
    t.ok(router.fib(10).includes(`10.2.0.0/24 seg6 ${SID}`))
  },
)

t.test('a restart without neighbours sweeps at once', async (t) => {
  const { kernel } = await runThenCrash()
  const config = CONFIG.replace(/^ {4}neighbors:\n {6}- .*\n/m, '').replace(
    /^neighbors:\n {2}- .*\n/m,
    '',
  )
  const { router } = await pe(config, kernel)
  await router.pass(1)
  t.same(router.fib(10), LAST_RESORT)
  t.match(router.show.status(), { restarting: false })
})

t.test('a VRF that left the configuration loses its routes and its SID', async (t) => {
  const { kernel } = await runThenCrash()
  const config = CONFIG.replace(/ {2}red:[\s\S]*(?= {2}blue:)/, '')
  const { router, remote } = await pe(config, kernel)
  await remote.up({ families: VPN })
  await remote.endOfRib(...VPN)
  t.same(router.fib(10), LAST_RESORT, 'its interfaces and SID still lead to its table')
  t.match(router.show.sids(), [{ vrf: 'blue' }, { vrf: null, state: 'draining' }])
  await router.pass(59)
  t.equal(kernel.sids.size, 2, 'packets may be under way')
  await router.pass(2)
  t.equal(kernel.sids.size, 1)
  t.same(router.fib(10), [])
  const names = () => kernel.linkList.map(({ name }) => name).filter((name) => /^vrf-/.test(name))
  t.same(names(), ['vrf-blue'])
  const last = ['delete default of 10', 'delete default of 10']
  t.same(closing(kernel), ['delete sid', 'remove link vrf-red', ...last])
  t.same(router.fib(20), LAST_RESORT)
})

t.test(
  'the device of a VRF that is no more cannot be removed: what is in it stays in',
  async (t) => {
    const { kernel } = await runThenCrash()
    const config = CONFIG.replace(/ {2}red:[\s\S]*(?= {2}blue:)/, '')
    kernel.fail = (o) => (o.what === 'link' && o.op === 'remove' ? Errno.EBUSY : 0)
    const { router, remote } = await pe(config, kernel)
    await remote.up({ families: VPN })
    await remote.endOfRib(...VPN)
    await router.pass(62)
    t.equal(kernel.sids.size, 1)
    t.same(router.fib(10), LAST_RESORT)
  },
)

/** What was done to what keeps the packets of VRFs in their tables, in order. */
function closing(kernel: FakeKernel): string[] {
  return kernel.operations.flatMap((o) => {
    if (o.what === 'link' && o.op === 'remove') return [`remove link ${o.name}`]
    if (o.what === 'sid' && o.op === 'delete') return ['delete sid']
    if (o.what !== 'route' || o.op !== 'delete') return []
    return o.route.metric === LAST_RESORT_METRIC ? [`delete default of ${o.route.table}`] : []
  })
}

t.test('RFC 4724 §3: the forwarding bit says what is true', async (t) => {
  const bits = (remote: Remote) => {
    const opened = remote.transport.sent.find(({ type }) => type === 1)!
    const hex = Buffer.from(opened.body).toString('hex')
    // capability 64, length 10: R bit and time, then two families of four octets
    const [, flags, one, two] = hex.match(/400a(.)...000180(..)000280(..)/) ?? []
    return [Number.parseInt(flags ?? '', 16) >>> 3, one, two]
  }
  const first = await pe()
  await first.remote.up({ families: VPN })
  t.same(bits(first.remote), [0, '00', '00'], 'there was nothing to preserve')
  await first.remote.lose()
  await first.remote.up({ families: VPN })
  t.same(bits(first.remote), [0, '80', '80'], 'the kernel went on')
  await first.remote.send(vpn(['10.2.0.0/24']))
  const second = await pe(CONFIG, first.kernel)
  await second.remote.up({ families: VPN })
  t.same(bits(second.remote), [1, '80', '80'])
})

// ── stopping ──

t.test('on-stop keep: routes stay, and neighbours are told so in their way', async (t) => {
  const { router, remote, ce, kernel } = await pe()
  await remote.up(RESTARTING)
  await ce.up({ families: ['ipv4', 'ipv6'] })
  await remote.send(vpn(['10.2.0.0/24']))
  const before = router.fib(10)
  const operations = kernel.operations.length
  await router.speaker.stop()
  t.same(router.fib(10), before)
  t.equal(kernel.operations.length, operations)
  t.same(remote.transport.notification?.slice(0, 2), [6, 2], 'RFC 8538: kept over a NOTIFICATION')
  t.equal(ce.transport.notification, null, 'RFC 4724: TCP ends without one')
  t.ok(ce.transport.closed)
})

t.test('on-stop remove: nothing is left, neighbours are not to wait', async (t) => {
  const config = `${CONFIG}dataplane: { on-stop: remove }\n`
  const { router, remote, ce, kernel } = await pe(config)
  await remote.up(RESTARTING)
  await ce.up({ families: ['ipv4', 'ipv6'] })
  await remote.send(vpn(['10.2.0.0/24']))
  await ce.send(ce4(['10.1.0.0/24']))
  await router.speaker.stop()
  t.equal(kernel.routes.size, 0)
  t.equal(kernel.nexthops.size, 0)
  t.equal(kernel.sids.size, 0)
  t.notOk(kernel.linkList.some(({ name }) => name.startsWith('vrf-')))
  const order = closing(kernel)
  t.equal(order.indexOf('delete sid'), 0)
  t.same(
    order.filter((text) => text !== 'delete sid'),
    [
      ...['remove link vrf-red', 'remove link vrf-blue'],
      ...['delete default of 10', 'delete default of 10'],
      ...['delete default of 20', 'delete default of 20'],
    ],
    'no interface is in a VRF any more when its last resort goes',
  )
  t.same(remote.transport.notification?.slice(0, 2), [6, 9], 'RFC 8538: hard reset')
  t.same(ce.transport.notification?.slice(0, 2), [6, 2])
})

t.test('on-stop remove: a VRF device of others stays, and nothing gets out of it', async (t) => {
  const kernel = peKernel()
  kernel.addLink('vrf-red', { kind: 'vrf', vrfTable: 10 })
  const { router } = await pe(`${CONFIG}dataplane: { on-stop: remove }\n`, kernel)
  await router.speaker.stop()
  t.same(router.fib(10), LAST_RESORT)
  t.same(router.fib(20), [])
  t.same([kernel.nexthops.size, kernel.sids.size], [0, 0])
})

t.test('everything that came can go: no row is left behind', async (t) => {
  const { router, remote, ce } = await pe(LEAKING)
  const { context, vpnRibs, vrfs } = router.speaker
  const counts = () => [
    context.attrs.count,
    context.nextHops.count,
    router.speaker.nexthops.count,
    ...[...vpnRibs.values()].map((rib) => rib.prefixes.count),
    ...vrfs.flatMap(({ vrf }) => [vrf.rib(1).prefixes.count, vrf.rib(2).prefixes.count]),
    ...vrfs.flatMap(({ vrf }) => [vrf.rib(1).paths.count, vrf.rib(2).paths.count]),
  ]
  const before = counts()
  for (let round = 0; round < 3; round++) {
    await remote.up()
    await ce.up()
    await remote.send(vpn(['10.2.0.0/24', '10.1.0.0/24']), vpn(['2001:db8:2::/48']))
    await ce.send(ce4(['10.1.0.0/24', '10.2.0.0/24']), ce6(['2001:db8:a::/48']))
    await remote.send(vpn(['10.2.0.0/24'], { targets: ['65000:20'] }))
    await ce.lose()
    await remote.lose()
  }
  t.same(counts(), before)
})
