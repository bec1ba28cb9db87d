/** What is kept over a lost session, ours or a neighbour's, and what neighbours are told of it. */
import t from 'tap'
import {
  asPath,
  communities,
  extCommunities,
  l3Service,
  localPref,
  mpReach,
  nextHop,
  origin,
  prefix,
  prefixSid,
  routeTarget,
  sidInformation,
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import type { FakeKernel } from '../support/fake-kernel.ts'
import { AFI, calm, peKernel, Remote, Router } from '../support/router.ts'
import { keepalive } from '../support/scripted-peer.ts'

const PE2 = '2001:db8:ffff::2'
const PE3 = '2001:db8:ffff::3'
const CE = '172.16.1.2'
const VPN = ['vpnv4', 'vpnv6']
const UNICAST = ['ipv4', 'ipv6']
const REMOTE_SID = 'fcbb:bb00:2:1::'

const VRFS: Record<string, string> = {
  red: `  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    neighbors: [{ address: ${CE}, as: 65101, families: [ipv4-unicast, ipv6-unicast]CE_MORE }]
`,
  blue: `  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    sid: per-family
    interfaces: [blue]
`,
  green: `  green:
    table: 30
    rd: "65000:130"
    route-targets: { both: ["65000:30"] }
`,
}

interface Options {
  vrfs?: string[]
  /** More keys of the CE. */
  ce?: string
  longLived?: number
  restartTime?: number
}

function configOf(options: Options = {}): string {
  const { vrfs = ['red', 'blue'], ce = '', longLived = 0, restartTime = 120 } = options
  const neighbor = (address: string) =>
    `  - { address: "${address}", as: 65000, update-source: "2001:db8:ffff::1" }\n`
  return `router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
graceful-restart: { restart-time: ${restartTime}, long-lived-time: ${longLived} }
vrfs:
${vrfs.map((name) => VRFS[name]!.replace('CE_MORE', ce)).join('')}neighbors:
${neighbor(PE2)}${neighbor(PE3)}`
}

async function pe(options: Options = {}, kernel = peKernel()) {
  kernel.ways.set(REMOTE_SID, { ifindex: 2, metric: 20 })
  kernel.ways.set('fcbb:bb00:3:1::', { ifindex: 2, metric: 30 })
  const router = await Router.start(configOf(options), kernel)
  return {
    router,
    kernel,
    pe2: new Remote(router, PE2, 65000, VPN),
    pe3: new Remote(router, PE3, 65000, VPN, '192.0.2.3'),
    ce: new Remote(router, CE, 65101, UNICAST, CE),
  }
}

/** A route of a remote PE for red, with its SID whole. */
function vpn(text: string, sid = REMOTE_SID, pref = 100, list: string[] = []): Uint8Array {
  const [afi, safi] = AFI[text.includes(':') ? 'vpnv6' : 'vpnv4']!
  const rd = sid === REMOTE_SID ? '65000:210' : '65000:310'
  const attrs = [
    mpReach(afi, safi, vpnNextHop(PE2), vpnPrefix({ rd, label: 0x30, prefix: text })),
    origin(0),
    asPath([65102]),
    localPref(pref),
    ...(list.length > 0 ? [communities(...list)] : []),
    extCommunities(routeTarget('65000:10')),
    prefixSid(l3Service(sidInformation(sid, 20))),
  ]
  return update({ attrs })
}

const ceRoute = (text: string, ...list: string[]) =>
  update({
    attrs: [origin(0), asPath([65101]), nextHop(CE), ...(list[0] ? [communities(...list)] : [])],
    nlri: [prefix(text)],
  })

const seg6 = (text: string) => `${text} seg6 ${REMOTE_SID}`

/** Our capabilities 64 and 71 as octets, undefined where it is not sent. */
function restartOf(remote: Remote): { short: string | undefined; long: string | undefined } {
  const opened = remote.transport.sent.find(({ type }) => type === 1)!
  const hex = Buffer.from(opened.body).toString('hex')
  return { short: /400a(.{20})/.exec(hex)?.[1], long: /470e(.{28})/.exec(hex)?.[1] }
}

/** R bit, then the F bits of the two families of a neighbour. */
function bits(remote: Remote): string {
  const { short } = restartOf(remote)
  const on = (text: string, mask: number) => ((Number.parseInt(text, 16) & mask) !== 0 ? 1 : 0)
  return [
    on(short!.slice(0, 2), 0x80),
    on(short!.slice(10, 12), 0x80),
    on(short!.slice(18), 0x80),
  ].join('')
}

async function runThenCrash(options: Options = {}) {
  const first = await pe(options)
  await first.pe2.up({ families: VPN })
  await first.ce.up({ families: UNICAST })
  await first.pe2.send(vpn('10.2.0.0/24'), vpn('2001:db8:2::/64'))
  await first.ce.send(ceRoute('10.1.0.0/24'))
  await first.pe2.hear()
  const { kernel, router } = first
  const sids = router.show.sids().map((row) => `${row.vrf} ${row.behavior} ${row.sid}`)
  return { kernel, sids: sids.sort(), labels: labelsOf(first.pe2) }
}

const labelsOf = (remote: Remote) =>
  [...remote.picture.routes].map(([text, route]) => `${text} ${route.label}`).sort()

/** Takes our SIDs of a table away, as the end of its VRF device does. */
function loseSids(kernel: FakeKernel, table: number, behavior?: number): void {
  for (const [key, sid] of kernel.sids) {
    if (sid.target.kind === 'next-hop' || sid.target.table !== table) continue
    if (behavior === undefined || sid.behavior === behavior) kernel.sids.delete(key)
  }
}

t.test('RFC 4724 §3: the F bit of a family says what its VRFs kept in the kernel', async (t) => {
  // biome-ignore format: one row a case
  const cases: [string, string, string, (kernel: FakeKernel) => void, Options?][] = [
    ['all of it', '111', '111', () => {}],
    ['the SID of one VRF is gone', '100', '100', (kernel) => loseSids(kernel, 10)],
    ['the SID of another VRF is gone', '100', '111', (kernel) => loseSids(kernel, 20)],
    ['its End.DT6 is gone', '110', '111', (kernel) => loseSids(kernel, 20, 18)],
    ['all SIDs are gone, routes are not', '100', '100', (kernel) => { kernel.sids.clear() }],
    ['nothing is left', '000', '000', (kernel) => { kernel.sids.clear(); kernel.routes.clear() }],
    ['a VRF is new', '111', '111', () => {}, { vrfs: ['green', 'blue', 'red'] }],
    ['a VRF is configured no more', '111', '111', () => {}, { vrfs: ['red'] }],
  ]
  for (const [what, core, customer, harm, options] of cases) {
    const { kernel } = await runThenCrash()
    harm(kernel)
    const { pe2, ce } = await pe(options, kernel)
    await pe2.up({ families: VPN })
    await ce.up({ families: UNICAST })
    t.equal(bits(pe2), core, `${what}: VPN`)
    t.equal(bits(ce), customer, `${what}: the CE of red`)
  }
})

t.test('a restart with VRFs in another order changes neither SIDs nor labels', async (t) => {
  const { kernel, sids, labels } = await runThenCrash()
  const { router, pe2, pe3, ce } = await pe({ vrfs: ['green', 'blue', 'red'] }, kernel)
  await pe2.up({ families: VPN })
  await pe3.up({ families: VPN })
  await ce.up({ families: UNICAST })
  await ce.send(ceRoute('10.1.0.0/24'))
  await ce.endOfRib(...UNICAST)
  for (const remote of [pe2, pe3]) await remote.endOfRib(...VPN)
  await pe2.hear()
  const now = router.show.sids().map((row) => `${row.vrf} ${row.behavior} ${row.sid}`)
  t.same(now.filter((row) => !row.startsWith('green')).sort(), sids)
  t.equal(new Set(now.map((row) => row.split(' ')[2])).size, now.length, 'no SID twice')
  t.same(
    labelsOf(pe2).filter((row) => !row.startsWith('65000:130')),
    labels,
  )
})

t.test(
  'RFC 4724 §4.1: two restart at once: told at once, kernel routes wait for End-of-RIB',
  async (t) => {
    const { kernel } = await runThenCrash()
    const { router, pe2, pe3, ce } = await pe({}, kernel)
    await pe3.up({ families: VPN })
    await pe3.endOfRib(...VPN)
    await ce.up({ families: UNICAST })
    await ce.endOfRib(...UNICAST)
    await pe2.up({ families: VPN, restarting: true })
    await pe2.hear()
    t.ok(pe2.routes.includes('65000:110 172.16.1.0/24'), 'it waits for us, so it is told')
    t.same(pe2.picture.endOfRibs.sort(), VPN)
    t.ok(router.fib(10).includes(seg6('10.2.0.0/24')), 'it forwards all the while')
    t.match(router.show.status(), { restarting: true })
    await pe2.send(vpn('10.2.0.0/24'))
    t.ok(router.fib(10).includes(seg6('2001:db8:2::/64')))
    await pe2.endOfRib(...VPN)
    t.ok(router.fib(10).includes(seg6('10.2.0.0/24')))
    t.notOk(router.fib(10).includes(seg6('2001:db8:2::/64')), 'not sent again')
    t.match(router.show.status(), { restarting: false })
  },
)

t.test(
  'a restart time of 0 leaves neighbours to RFC 9494, not ours without time to send',
  async (t) => {
    const options = { restartTime: 0, longLived: 3600 }
    const { kernel } = await runThenCrash(options)
    const { router, pe2 } = await pe(options, kernel)
    await pe2.up({ families: VPN })
    await router.pass(55)
    t.same(pe2.picture.endOfRibs, [])
    t.ok(router.fib(10).includes(seg6('10.2.0.0/24')))
    await router.pass(6)
    await pe2.hear()
    t.same(pe2.picture.endOfRibs.sort(), VPN)
    t.notOk(router.fib(10).includes(seg6('10.2.0.0/24')))
  },
)

t.test('RFC 8538 §3: more than max-prefix is a hard reset: nothing is kept', async (t) => {
  const { router, ce } = await pe({ ce: ', max-prefix: 1' })
  await ce.up({ families: UNICAST, notification: true })
  await ce.send(ceRoute('10.1.0.0/24'))
  await ce.send(ceRoute('10.3.0.0/24'))
  t.same(ce.transport.notification?.slice(0, 4), [6, 9, 6, 1])
  t.same(router.show.neighbors()[2]!.staleRoutes, null)
  t.notOk(router.fib(10).join().includes('10.1.0.0/24'))
})

t.test('RFC 9494 §3.1: the capability goes out with graceful restart, if configured', async (t) => {
  const off = await pe()
  await off.pe2.up({ families: VPN })
  t.equal(restartOf(off.pe2).long, undefined)
  const on = await pe({ longLived: 86_400 })
  await on.pe2.up({ families: VPN })
  t.equal(restartOf(on.pe2).long, `00018000015180${'00028000015180'}`)
  await on.pe2.lose()
  await on.pe2.up({ families: VPN })
  t.equal(restartOf(on.pe2).long, `00018080015180${'00028080015180'}`, 'F: the kernel went on')
})

t.test('RFC 9494 §4.2: kept beyond the restart time, marked, least preferred', async (t) => {
  const { router, kernel, pe2, pe3 } = await pe({ longLived: 600 })
  const restart = { families: VPN, time: 30, longLived: 3600 }
  await pe2.up(restart)
  await pe2.send(
    vpn('10.2.0.0/24', REMOTE_SID, 200),
    vpn('10.9.0.0/24', REMOTE_SID, 100, ['65535:7']),
  )
  await pe2.endOfRib(...VPN)
  t.equal(router.show.neighbors()[0]!.gracefulRestart, 'vpnv4, vpnv6: 30 s, then 600 s long-lived')
  const operations = kernel.operations.length
  await pe2.lose()
  await router.pass(29)
  const show = (text: string) => [...router.show.routes({ vrf: 'red', prefix: text })][0]
  t.match(show('10.2.0.0/24'), { paths: [{ stale: true, longLivedStale: false }] })
  t.match(router.show.neighbors()[0]!.staleRoutes, /^vpnv4: until it is back, at most 1 s; vpnv6/)
  await router.pass(2)
  t.match(show('10.2.0.0/24'), {
    paths: [{ stale: true, longLivedStale: true, communities: ['llgr-stale'], best: true }],
  })
  t.equal(show('10.9.0.0/24'), undefined, 'NO_LLGR')
  t.match(
    router.show.neighbors()[0]!.staleRoutes,
    /vpnv4: as long-lived stale until it is back, at most 599 s/,
  )
  t.ok(router.fib(10).includes(seg6('10.2.0.0/24')))
  const touched = kernel.operations.slice(operations).filter((one) => one.what === 'route')
  t.same(
    touched.map((one) => one.op),
    ['delete'],
    'only what NO_LLGR took away',
  )
  await pe3.up({ families: VPN })
  await pe3.send(vpn('10.2.0.0/24', 'fcbb:bb00:3:1::', 50))
  t.ok(router.fib(10).includes('10.2.0.0/24 seg6 fcbb:bb00:3:1::'), 'LOCAL_PREF 50 wins over it')
  const lost = show('10.2.0.0/24')!.paths.find((path) => path.longLivedStale)
  t.equal(lost?.why, 'long-lived stale, the other is not (step 0)')
  await pe2.up({ ...restart, restarting: true })
  await pe2.send(vpn('10.2.0.0/24', REMOTE_SID, 200))
  await pe2.endOfRib(...VPN)
  t.ok(router.fib(10).includes(seg6('10.2.0.0/24')), 'as before')
  t.match(router.show.neighbors()[0]!.staleRoutes, null)
  for (let minute = 0; minute < 11; minute++) {
    await router.pass(60)
    await pe2.send(keepalive)
  }
  t.ok(router.fib(10).includes(seg6('10.2.0.0/24')), 'no timer is left')
})

t.test(
  'RFC 9494 §4.2: gone after the long-lived time, ours if it is the shorter one',
  async (t) => {
    const { router, pe2 } = await pe({ longLived: 60 })
    await pe2.up({ families: VPN, time: 30, longLived: 3600 })
    await pe2.send(vpn('10.2.0.0/24'))
    await pe2.lose()
    await router.pass(89)
    t.ok(router.fib(10).includes(seg6('10.2.0.0/24')))
    await router.pass(2)
    t.notOk(router.fib(10).includes(seg6('10.2.0.0/24')))
  },
)

t.test('RFC 9494 §4.3, §4.7.1: what a CE is told of long-lived stale routes', async (t) => {
  for (const [what, options, capability, expected] of [
    ['it does not speak RFC 9494', {}, undefined, null],
    [
      'the same, but configured',
      { ce: ', long-lived-stale: tell' },
      undefined,
      'llgr-stale no-export',
    ],
    ['it does', {}, 600, 'llgr-stale'],
  ] as const) {
    const { router, pe2, ce } = await pe({ longLived: 600, ...options })
    const longLived = capability === undefined ? {} : { longLived: capability }
    await pe2.up({ families: VPN, time: 30, longLived: 600 })
    await ce.up({ families: UNICAST, ...longLived })
    await pe2.send(vpn('10.2.0.0/24'))
    await ce.hear()
    t.ok(ce.routes.includes('10.2.0.0/24'), `${what}: while it is fresh`)
    await pe2.lose()
    await router.pass(31)
    await ce.hear()
    const told = ce.routes.includes('10.2.0.0/24')
    t.equal(told, expected !== null, what)
    if (!told) continue
    const list = ce.picture.attribute('10.2.0.0/24', 'COMMUNITIES') as string[]
    t.equal(list.join(' '), expected, what)
  }
})

t.test('RFC 9494 §4.3, §4.6: a CE is gone: what PEs are told of its routes', async (t) => {
  const { router, pe2, pe3, ce } = await pe({ longLived: 600 })
  await pe2.up({ families: VPN, longLived: 600 })
  await pe3.up({ families: VPN })
  await ce.up({ families: UNICAST, time: 30, longLived: 600 })
  await ce.send(ceRoute('10.1.0.0/24', '65000:7'))
  await ce.lose()
  await router.pass(29)
  await pe3.hear()
  t.ok(pe3.routes.includes('65000:110 10.1.0.0/24'))
  await router.pass(2)
  for (const remote of [pe2, pe3]) await remote.hear()
  t.same(pe2.picture.attribute('65000:110 10.1.0.0/24', 'COMMUNITIES'), ['65000:7', 'llgr-stale'])
  t.notOk(pe3.routes.includes('65000:110 10.1.0.0/24'), 'withdrawn: no capability')
  t.ok(router.fib(10).includes('10.1.0.0/24 via 172.16.1.2 dev red'))
  await ce.up({ families: UNICAST, time: 30, longLived: 600 })
  await ce.send(ceRoute('10.1.0.0/24', '65000:7'))
  await calm()
  for (const remote of [pe2, pe3]) await remote.hear()
  for (const remote of [pe2, pe3]) {
    t.same(remote.picture.attribute('65000:110 10.1.0.0/24', 'COMMUNITIES'), ['65000:7'])
    t.same(remote.picture.complaints, [])
  }
})
