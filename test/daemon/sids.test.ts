/**
 * The SIDs of VRFs from the configuration to the wire and the kernel: a CE's, a prefix's, named
 * ones, several locators, another locator after a restart, none left.
 */
import t from 'tap'
import { Errno } from '../../src/fib/kernel-error.ts'
import { formatAddress } from '../../src/wire/address.ts'
import type { DecodedTlv } from '../../src/wire/decode-prefix-sid.ts'
import { address, asPath, mpReach, nextHop, origin, prefix, update } from '../support/builder.ts'
import { calm, peKernel, Remote, Router } from '../support/router.ts'

const PE2 = '2001:db8:ffff::2'
const CE1 = '172.16.1.2'
const CE2 = '172.16.1.3'
const MAIN = 254

interface Setting {
  locators?: string
  red?: string
  dataplane?: string
}

function config({ locators, red = 'sid: per-ce', dataplane = '{}' }: Setting = {}): string {
  return `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
dataplane: ${dataplane}
locators: ${locators ?? '{ main: { prefix: "fcbb:bb00:1::/48" } }'}
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    ${red}
    neighbors:
      - { address: ${CE1}, as: 65101, families: [ipv4-unicast, ipv6-unicast] }
      - { address: ${CE2}, as: 65102 }
neighbors:
  - { address: "${PE2}", as: 65000, update-source: "2001:db8:ffff::1" }
`
}

async function pe(setting: Setting = {}, kernel = peKernel()) {
  const router = await Router.start(config(setting), kernel)
  const remote = new Remote(router, PE2, 65000, ['vpnv4', 'vpnv6'])
  const ce1 = new Remote(router, CE1, 65101, ['ipv4', 'ipv6'], CE1)
  const ce2 = new Remote(router, CE2, 65102, ['ipv4'], CE2)
  return { router, kernel, remote, ce1, ce2 }
}

/** All three up, and what they have to say said, End-of-RIB included. */
async function running(setting: Setting = {}, kernel = peKernel()) {
  const all = await pe(setting, kernel)
  await all.remote.up({ families: ['vpnv4', 'vpnv6'] })
  await all.ce1.up({ families: ['ipv4', 'ipv6'] })
  await all.ce2.up({ families: ['ipv4'] })
  await all.ce1.send(ce4(CE1, 65101, '10.1.0.0/24', '10.11.0.0/24'), ce6('2001:db8:a::/64'))
  await all.ce2.send(ce4(CE2, 65102, '10.2.0.0/24'))
  await all.remote.endOfRib('vpnv4', 'vpnv6')
  await all.ce1.endOfRib('ipv4', 'ipv6')
  await all.ce2.endOfRib('ipv4')
  await all.remote.hear()
  return all
}

const ce4 = (hop: string, as: number, ...nets: string[]) =>
  update({
    attrs: [origin(0), asPath([as]), nextHop(hop)],
    nlri: nets.map((text) => prefix(text)),
  })
const ce6 = (net: string) =>
  update({
    attrs: [mpReach(2, 1, address('2001:db8:1::2'), prefix(net)), origin(0), asPath([65101])],
  })
const gone4 = (...nets: string[]) => update({ withdrawn: nets.map((text) => prefix(text)) })

/** SID, behaviour and structure of a route as the far PE heard them. */
function heardSid(remote: Remote, key: string) {
  const [tlv] = remote.picture.attribute(key, 'PREFIX_SID') as DecodedTlv[]
  const [sid] = tlv!.subTlvs!
  const [structure] = sid!.subSubTlvs!
  return { sid: sid!.sid!, behavior: sid!.behavior!, ...structure }
}

/** What the far PE was told: '10.1.0.0/24 17 fcbb:bb00:1:3::', its label put back (RFC 9252 §4). */
function told(remote: Remote): string[] {
  return [...remote.picture.routes]
    .map(([key, { label }]) => {
      const { sid, behavior, transpositionOffset } = heardSid(remote, key)
      const whole = address(sid)
      const at = transpositionOffset! / 8
      whole[at] = label! >>> 16
      whole[at + 1] = label! >>> 8
      return `${key.split(' ')[1]} ${behavior} ${formatAddress(whole, 0, 16)}`
    })
    .sort()
}

/** SIDs of the kernel: 'fcbb:bb00:1:3:: 17 via 172.16.1.2 dev red', through the alias. */
function kernelSids(router: Router): string[] {
  const ways = new Map(
    router.fib(MAIN).map((line) => line.split(/\/(?:32|128) /) as [string, string]),
  )
  return [...router.kernel.sids.values()]
    .map(({ sid, behavior, target }) => {
      const text = `${formatAddress(sid, 0, 16)} ${behavior}`
      if (target.kind !== 'next-hop') return `${text} table ${target.table}`
      const alias = formatAddress(target.address, 0, target.address.length as 4 | 16)
      return `${text} ${ways.get(alias) ?? alias}`
    })
    .sort()
}

const PER_CE = [
  '10.1.0.0/24 17 fcbb:bb00:1:3::',
  '10.11.0.0/24 17 fcbb:bb00:1:3::',
  '10.2.0.0/24 17 fcbb:bb00:1:5::',
  '172.16.1.0/24 19 fcbb:bb00:1:1::',
  '2001:db8:1::/64 18 fcbb:bb00:1:2::',
  '2001:db8:a::/64 16 fcbb:bb00:1:4::',
]
const PER_CE_KERNEL = [
  'fcbb:bb00:1:1:: 19 table 10',
  'fcbb:bb00:1:2:: 18 table 10',
  'fcbb:bb00:1:3:: 17 via 172.16.1.2 dev red',
  'fcbb:bb00:1:4:: 16 via 2001:db8:1::2 dev red',
  'fcbb:bb00:1:5:: 17 via 172.16.1.3 dev red',
]

t.test('per-ce: End.DX4 and End.DX6 a gateway, on the wire and in the kernel', async (t) => {
  const { router, remote } = await running()
  t.same(told(remote), PER_CE)
  t.same(kernelSids(router), PER_CE_KERNEL)
  const covers = router.fib(MAIN).filter((line) => line.endsWith('blackhole'))
  t.same(covers, ['0.0.0.0/8 blackhole', '::/104 blackhole'], 'what has no way goes nowhere')
  const rows = router.show.sids().map((s) => `${s.behavior} ${s.nextHop} ${s.table} ${s.state}`)
  t.same(rows, [
    'End.DT4 null 10 installed',
    'End.DT6 null 10 installed',
    'End.DX4 172.16.1.2 dev red null installed',
    'End.DX6 2001:db8:1::2 dev red null installed',
    'End.DX4 172.16.1.3 dev red null installed',
  ])
})

t.test('End.DX4 needs the core without a reverse path filter, End.DT4 does not', async (t) => {
  const core = 'net/ipv4/conf/core/rp_filter'
  t.equal((await pe()).kernel.sysctls.get(core), '0')
  t.equal((await pe({ red: 'sid: per-family' })).kernel.sysctls.get(core), undefined)
})

t.test('a kernel that takes its time: the same', async (t) => {
  const kernel = peKernel()
  kernel.meanwhile = () => calm(3)
  const { remote } = await running({}, kernel)
  t.same(told(remote), PER_CE)
})

t.test('uSID: the NEXT-CSID forms on the wire, the classic actions in the kernel', async (t) => {
  const { router, remote } = await running({
    locators: '{ main: { prefix: "fcbb:bb00:1::/48", behavior: usid } }',
  })
  t.same(
    told(remote).map((line) => line.split(' ')[1]),
    [61, 61, 61, 63, 62, 60].map(String),
  )
  t.match(kernelSids(router)[2], /^fcbb:bb00:1:e002:: 61 via 172\.16\.1\.2 dev red$/)
})

t.test('a restart gives each CE its SID again and writes nothing', async (t) => {
  const { kernel } = await running()
  const before = kernel.operations.length
  const { router, remote } = await running({}, kernel)
  t.same(told(remote), PER_CE)
  t.same(kernelSids(router), PER_CE_KERNEL)
  const written = kernel.operations.slice(before).filter(({ what }) => what !== 'tunnel-source')
  t.same(written, [])
})

t.test('without VRF devices: the same SIDs, the same after a restart', async (t) => {
  const setting = { dataplane: '{ mode: table }' }
  const { kernel, remote: first } = await running(setting)
  t.same(told(first), PER_CE)
  const before = [...kernel.sids.keys()].sort()
  const operations = kernel.operations.length
  const { remote } = await running(setting, kernel)
  t.same(told(remote), PER_CE)
  t.same([...kernel.sids.keys()].sort(), before)
  const written = kernel.operations.slice(operations).filter(({ what }) => what === 'sid')
  t.same(written, [])
})

t.test('the last route of a CE goes: its SID drains, and its function is free then', async (t) => {
  const { router, remote, ce1 } = await running()
  await ce1.send(gone4('10.1.0.0/24', '10.11.0.0/24'))
  await remote.hear()
  t.notOk(told(remote).some((line) => line.includes('fcbb:bb00:1:3::')))
  t.same(kernelSids(router), PER_CE_KERNEL, 'packets may be under way')
  t.match(router.show.sids()[2], { state: 'draining', why: 'no route has it any more' })
  const used = router.show.locators()[0]!.used
  await router.pass(61)
  t.same(
    kernelSids(router),
    PER_CE_KERNEL.filter((line) => !line.includes('1:3::')),
  )
  t.equal(router.show.locators()[0]!.used, used - 1)
  t.notOk(router.fib(MAIN).some((line) => line.includes(CE1)))
})

t.test('a neighbour that has not been told holds the draining up', async (t) => {
  const { router, remote, ce1 } = await running({ dataplane: '{ sid-drain-time: 5 }' })
  Object.assign(remote.transport, { stalled: true, unsent: 1e6 })
  await ce1.send(ce4(CE1, 65101, '10.77.0.0/24'))
  await ce1.send(gone4('10.1.0.0/24', '10.11.0.0/24', '10.77.0.0/24'))
  await router.pass(20)
  t.ok(told(await remote.hear()).some((line) => line.includes('fcbb:bb00:1:3::')))
  t.same(kernelSids(router), PER_CE_KERNEL)
  Object.assign(remote.transport, { stalled: false, unsent: 0 })
  remote.transport.handler!.onWritable()
  await router.pass(6)
  t.notOk(told(await remote.hear()).some((line) => line.includes('fcbb:bb00:1:3::')))
  t.notOk(kernelSids(router).some((line) => line.includes('1:3::')))
})

t.test('a CE’s interface goes down: never into the main table; and up: the same SID', async (t) => {
  const { router, remote, kernel } = await running()
  const red = kernel.linkList.find(({ name }) => name === 'red')!
  kernel.linkDown(red.ifindex)
  await router.kernelChanged('link')
  await remote.hear()
  t.same(told(remote), [])
  const aliases = router.fib(MAIN).filter((line) => line.startsWith('0.0.'))
  t.same([...new Set(aliases.map((line) => line.split(' ')[1]))], ['blackhole'])
  red.up = true
  await router.kernelChanged('link')
  await remote.hear()
  t.same(told(remote), PER_CE)
  t.same(kernelSids(router), PER_CE_KERNEL)
})

t.test('a SID that the kernel refuses: its routes are not announced and say why', async (t) => {
  const kernel = peKernel()
  kernel.fail = (o) =>
    o.what === 'sid' && o.op === 'put' && o.sid.behavior === 17 ? Errno.EEXIST : 0
  const { router, remote } = await running({}, kernel)
  t.notOk(told(remote).some((line) => line.includes(' 17 ')))
  const [route] = router.show.routes({ vrf: 'red', prefix: '10.1.0.0/24' })
  t.match(
    route!.notAnnounced,
    /^not announced: the kernel refused its SID: .*EEXIST \(a route of another protocol has/,
  )
  t.match(router.show.sids()[2], { state: 'failed', why: /EEXIST/ })
  t.same(router.show.status().problems, ['SIDs refused by the kernel: 2, see show sids'])
  kernel.fail = () => 0
  await router.kernelChanged('route')
  await remote.hear()
  t.same(told(remote), PER_CE)
  t.equal([...router.show.routes({ vrf: 'red', prefix: '10.1.0.0/24' })][0]!.notAnnounced, null)
})

t.test('no SID left: the route says so; it is announced once one is given back', async (t) => {
  const locators = '{ main: { prefix: "fcbb:bb00:1::/48", function-length: 2 } }'
  const { router, remote, ce1, ce2 } = await pe({ locators })
  await remote.up()
  await ce1.up()
  await ce2.up()
  await ce1.send(ce4(CE1, 65101, '10.1.0.0/24'))
  await ce2.send(ce4(CE2, 65102, '10.2.0.0/24'))
  await remote.hear()
  const there = (text: string) => remote.routes.includes(`65000:110 ${text}`)
  t.same([there('10.1.0.0/24'), there('10.2.0.0/24')], [true, false])
  const why = () => [...router.show.routes({ vrf: 'red', prefix: '10.2.0.0/24' })][0]!.notAnnounced
  t.match(why(), /the locator of the VRF has no free SID: locator main .* 2 bits of function/)
  t.match(router.show.locators(), [{ name: 'main', total: 3, used: 3, free: 0 }])
  t.match(router.show.status().problems, [/vrf red: locator main .* has no free SID/])
  await ce1.send(gone4('10.1.0.0/24'))
  await router.pass(61)
  await remote.hear()
  t.ok(there('10.2.0.0/24'))
  t.equal(why(), null)
  t.same(router.show.status().problems, [])
})

t.test('per-prefix: a SID each, the same after a restart', async (t) => {
  const red = 'sid: per-prefix'
  const { kernel, remote, router } = await running({ red })
  const before = told(remote)
  t.equal(new Set(before.map((line) => line.split(' ')[2])).size, 6)
  const rows = router.show.sids().map((sid) => `${sid.prefix} ${sid.behavior}`)
  t.ok(rows.includes('10.11.0.0/24 End.DX4'))
  t.ok(rows.includes('172.16.1.0/24 End.DT4'))
  const operations = kernel.operations.length
  const again = await running({ red }, kernel)
  t.same(told(again.remote), before)
  t.same(
    kernel.operations.slice(operations).filter(({ what }) => what === 'sid'),
    [],
  )
})

t.test('named SIDs are used, and given to nobody else', async (t) => {
  const red = 'sids: { dt46: "fcbb:bb00:1:1::" }'
  const { router, remote } = await running({ red })
  t.same([...new Set(told(remote).map((line) => line.split(' ')[2]))], ['fcbb:bb00:1:1::'])
  t.same(kernelSids(router), ['fcbb:bb00:1:1:: 20 table 10'])
})

t.test('two locators in one daemon: classic and uSID, each with its structure', async (t) => {
  const text = config({
    locators:
      '{ a: { prefix: "fcbb:bb00:1::/48" }, b: { prefix: "fcbb:bb01:1::/64", block-length: 40, behavior: usid } }',
    red: 'locator: a',
  }).replace(
    'neighbors:\n  - { address: "2001',
    `  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    interfaces: [blue]
    locator: b
neighbors:\n  - { address: "2001`,
  )
  const router = await Router.start(text, peKernel())
  const remote = await new Remote(router, PE2, 65000, ['vpnv4', 'vpnv6']).up()
  t.same(told(remote), [
    '172.16.1.0/24 20 fcbb:bb00:1:1::',
    '172.16.2.0/24 64 fcbb:bb01:1:0:e000::',
    '2001:db8:1::/64 20 fcbb:bb00:1:1::',
  ])
  t.same(kernelSids(router), ['fcbb:bb00:1:1:: 20 table 10', 'fcbb:bb01:1:0:e000:: 64 table 20'])
  t.match(heardSid(remote, '65000:120 172.16.2.0/24'), { structure: '40/24/16/0' })
})

t.test('another locator: the new SIDs are told first, the old ones drain', async (t) => {
  for (const red of ['sid: per-vrf', 'sid: per-ce', 'sid: per-prefix']) {
    const { kernel, router: first, remote: before } = await running({ red })
    const old = kernelSids(first)
    const oldTold = told(before)
    const locators = '{ main: { prefix: "fcbb:bb00:7::/48" } }'
    const { router, remote, ce1, ce2 } = await pe({ red, locators }, kernel)
    await remote.up({ families: ['vpnv4', 'vpnv6'] })
    t.ok(old.every((line) => kernelSids(router).includes(line)))
    await ce1.up({ families: ['ipv4', 'ipv6'] })
    await ce2.up({ families: ['ipv4'] })
    await ce1.send(ce4(CE1, 65101, '10.1.0.0/24', '10.11.0.0/24'), ce6('2001:db8:a::/64'))
    await ce2.send(ce4(CE2, 65102, '10.2.0.0/24'))
    await remote.endOfRib('vpnv4', 'vpnv6')
    await ce1.endOfRib('ipv4', 'ipv6')
    await ce2.endOfRib('ipv4')
    await remote.hear()
    const moved = (lines: string[]) => lines.map((line) => line.replaceAll('bb00:1:', 'bb00:7:'))
    t.same(told(remote), moved(oldTold))
    await router.pass(59)
    t.ok(
      old.every((line) => kernelSids(router).includes(line)),
      'all of the old still work',
    )
    t.ok(router.show.sids().some(({ state }) => state === 'draining'))
    await router.pass(3)
    t.same(kernelSids(router), moved(old).sort())
    t.notOk(router.show.sids().some(({ state }) => state === 'draining'))
  }
})

t.test('another sid mode: the old SIDs of the same locator drain too', async (t) => {
  const { kernel, router: first } = await running({ red: 'sid: per-vrf' })
  const old = kernelSids(first)
  const { router, remote } = await running({}, kernel)
  t.match(told(remote)[0], /^10\.1\.0\.0\/24 17 /)
  t.notOk(told(remote).some((line) => line.includes(old[0]!.split(' ')[0]!)))
  t.ok(kernelSids(router).includes(old[0]!))
  await router.pass(62)
  t.notOk(kernelSids(router).includes(old[0]!))
})
