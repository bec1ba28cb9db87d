/** The daemon on a kernel without VRF devices: what it makes of VRFs there, and what it leaves. */
import t from 'tap'
import type { KernelRule } from '../../src/fib/kernel.ts'
import { Errno, KernelError } from '../../src/fib/kernel-error.ts'
import {
  address,
  asPath,
  largeCommunities,
  nextHop,
  origin,
  prefix,
  update,
} from '../support/builder.ts'
import type { FakeKernel } from '../support/fake-kernel.ts'
import { FakeTransport } from '../support/fake-socket.ts'
import { LogLines } from '../support/log-lines.ts'
import { calm, peKernel, Router } from '../support/router.ts'
import { goodOpen, keepalive } from '../support/scripted-peer.ts'

const config = (more = '') => `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
dataplane: { ${more} }
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    static-routes: [{ prefix: 10.1.0.0/24, via: 172.16.1.2 }]
    neighbors:
      - { address: 172.16.1.2, as: 65101 }
      - { address: 172.16.9.9, as: 65101, ebgp-multihop: 3 }
  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    interfaces: [blue, blue2]
    neighbors:
      - { address: 172.16.2.2, as: 65102 }
      - { address: 172.16.9.9, as: 65102, ebgp-multihop: 3 }
`

function bareKernel(): FakeKernel {
  const kernel = peKernel()
  kernel.vrfDevices = false
  return kernel
}

/** SIDs as lines: 'fcbb:bb00:1:1:: next-hop 240.0.0.5 dev sr10'. */
function sids(kernel: FakeKernel): string[] {
  return [...kernel.sids.entries()]
    .map(([key, { target, ifindex }]) => {
      const to = target.kind === 'next-hop' ? target.address.join('.') : target.table
      const device = kernel.linkList.find((link) => link.ifindex === ifindex)?.name
      return `${key} ${target.kind} ${to} dev ${device}`
    })
    .sort()
}

const indexOf = (kernel: FakeKernel, name: string) =>
  kernel.linkList.find((link) => link.name === name)!.ifindex

t.test('auto: by what the kernel has, said in one line and in show status', async (t) => {
  for (const [vrfDevices, mode, says] of [
    [true, 'vrf', 'the kernel has VRF devices'],
    [false, 'table', 'the kernel has no VRF devices'],
  ] as const) {
    const kernel = peKernel()
    kernel.vrfDevices = vrfDevices
    const log = new LogLines()
    const router = await Router.start(config(), kernel, log)
    t.equal(router.show.status().dataplane, `${mode}: ${says}`)
    t.equal(log.lines.filter((line) => line.includes('data plane')).length, 1)
  }
  const forced = await Router.start(config('mode: table'), peKernel())
  t.equal(forced.show.status().dataplane, 'table: as configured')
})

t.test('a VRF is its table: connected networks, own addresses, and nothing beyond', async (t) => {
  const kernel = bareKernel()
  kernel.addLink('lxc1', { kind: 'veth' })
  const router = await Router.start(config(), kernel)
  t.same(router.fib(10), [
    '0.0.0.0/0 unreachable',
    '10.1.0.0/24 via 172.16.1.2 dev red',
    '172.16.1.0/24 dev red',
    '172.16.1.1/32 dev lo',
    '2001:db8:1::/64 dev red',
    '2001:db8:1::1/128 dev lo',
    '::/0 unreachable',
  ])
  t.match(kernel.routesOf(10), ['0.0.0.0/0 unreachable', '10.1.0.0/24', '172.16.1.0/24 unicast'])
  t.equal(kernel.routesOf(10).filter((text) => / local /.test(text)).length, 2)
  t.same(
    kernel.linkList.filter((link) => link.kind === 'vrf'),
    [],
  )
  for (const name of ['core', 'red', 'sr10in']) {
    t.equal(kernel.sysctls.get(`net/ipv4/conf/${name}/rp_filter`), '0', 'decapsulated IPv4')
  }
  t.notOk(kernel.sysctls.has('net/ipv4/conf/lxc1/rp_filter'), "a pod's is left alone")
})

t.test(
  'SIDs: IPv6 by the table, IPv4 by a next hop that leads back in through the pair',
  async (t) => {
    const kernel = bareKernel()
    const router = await Router.start(config(), kernel)
    const [red, blue] = [indexOf(kernel, 'sr10'), indexOf(kernel, 'sr20')]
    t.same(sids(kernel), [
      `fcbb:bb00:1:1::/128 next-hop 240.0.0.${red} dev sr10`,
      'fcbb:bb00:1:2::/128 table 10 dev sr10',
      `fcbb:bb00:1:3::/128 next-hop 240.0.0.${blue} dev sr20`,
      'fcbb:bb00:1:4::/128 table 20 dev sr20',
    ])
    t.same(
      router.fib(254).filter((text) => text.startsWith('240.')),
      [`240.0.0.${red}/32 dev sr10`, `240.0.0.${blue}/32 dev sr20`],
    )
    t.match(router.show.sids(), [
      { behavior: 'End.DT4', state: 'installed' },
      { behavior: 'End.DT6', state: 'installed' },
    ])
  },
)

t.test('a new start takes over pair, rules and SIDs as they are', async (t) => {
  const kernel = bareKernel()
  await Router.start(config(), kernel)
  const before = { sids: sids(kernel), rules: kernel.rulesAsText, routes: kernel.routesOf(10) }
  kernel.operations.length = 0
  const again = await Router.start(config(), kernel)
  await again.pass(200)
  t.same({ sids: sids(kernel), rules: kernel.rulesAsText, routes: kernel.routesOf(10) }, before)
  t.same(
    kernel.operations.filter(({ what }) => what !== 'tunnel-source'),
    [],
    'the kernel is asked for nothing',
  )
})

t.test('SIDs have their way before the rules of sources, as long as there are any', async (t) => {
  const kernel = bareKernel()
  const { speaker } = await Router.start(config(), kernel)
  const rulesAt = () => kernel.rulesAsText.filter((text) => text.startsWith('IPv4 1985:'))
  t.same(rulesAt(), [])
  const [red] = speaker.vrfs
  const prefix = { address: address('10.244.8.0'), bits: 26 }
  red!.plane.bindSource(prefix)
  await speaker.dataplane.settleSources()
  t.same(rulesAt(), ['IPv4 1985: from all to 240.0.0.0/4 iif core lookup 254'])
  kernel.addLink('core2')
  const pod = kernel.addLink('veth1', { kind: 'veth' })
  kernel.addressList.push({
    ...{ ifindex: pod.ifindex, address: address('10.244.8.1'), bits: 32, scope: 0, flags: 0x80 },
  })
  await speaker.follower.look()
  t.same(rulesAt().toSorted(), [
    'IPv4 1985: from all to 240.0.0.0/4 iif core lookup 254',
    'IPv4 1985: from all to 240.0.0.0/4 iif core2 lookup 254',
  ])
  red!.plane.unbindSource(prefix, false)
  await speaker.dataplane.settleSources()
  t.same(rulesAt(), [])
})

t.test('on-stop: remove leaves the kernel as it was', async (t) => {
  const kernel = bareKernel()
  const before = { rules: kernel.rulesAsText.toSorted(), links: kernel.linkList.length }
  const router = await Router.start(config('on-stop: remove'), kernel)
  await router.speaker.stop()
  t.same(kernel.rulesAsText.toSorted(), before.rules)
  t.same([...kernel.routes.values()], [])
  t.same([...kernel.sids.values()], [])
  t.same(
    kernel.linkList.map((link) => link.name).filter((name) => name === 'sr10'),
    [],
  )
})

t.test('sessions are bound to the circuit that leads to the neighbour', async (t) => {
  const kernel = bareKernel()
  const router = await Router.start(config(), kernel)
  await router.pass(10)
  t.same([...new Set(router.dials)].sort(), [
    '172.16.1.2 dev red',
    '172.16.2.2 dev blue',
    '172.16.9.9 dev blue',
    '172.16.9.9 dev red',
  ])
})

t.test('of several circuits none is guessed: never the main table', async (t) => {
  const kernel = bareKernel()
  const blue2 = kernel.addLink('blue2')
  kernel.addressList.push({
    ...{ ifindex: blue2.ifindex, address: address('172.16.3.1'), bits: 24, scope: 0, flags: 0x80 },
  })
  const router = await Router.start(config(), kernel)
  await router.pass(10)
  t.notOk(router.dials.some((dial) => dial.endsWith('dev -')))
  const row = router.show
    .neighbors()
    .find(({ vrf, address: text }) => vrf === 'blue' && text === '172.16.9.9')
  t.match(row?.lastError, /on none of the networks of VRF blue/)
})

t.test("an interface that others enslaved is not the VRF's", async (t) => {
  const kernel = bareKernel()
  const bridge = kernel.addLink('br0', { kind: 'bridge' })
  kernel.linkList.find((link) => link.name === 'red')!.master = bridge.ifindex
  const router = await Router.start(config(), kernel)
  t.match(router.show.vrfs()[0], {
    interfaces: [{ name: 'red', attached: false, why: 'it belongs to br0 already' }],
  })
  t.notOk(router.fib(10).some((text) => text.startsWith('172.16.1.')))
})

t.test("an interface that comes later is closed before it comes, and then the VRF's", async (t) => {
  const kernel = bareKernel()
  const router = await Router.start(config(), kernel)
  t.ok(kernel.rulesAsText.includes('IPv4 4: from all iif blue2 unreachable'))
  const link = kernel.addLink('blue2')
  kernel.addressList.push({
    ...{ ifindex: link.ifindex, address: address('172.16.3.1'), bits: 24, scope: 0, flags: 0x80 },
  })
  await router.kernelChanged('link')
  await router.kernelChanged('address')
  t.ok(router.fib(20).includes('172.16.3.0/24 dev blue2'))
  t.ok(router.fib(20).includes('172.16.3.1/32 dev lo'))
})

t.test('the pair is removed by others: made again, the SIDs go by the new one', async (t) => {
  const kernel = bareKernel()
  const router = await Router.start(config(), kernel)
  const before = indexOf(kernel, 'sr10')
  await kernel.removeLink('sr10')
  await kernel.removeLink('sr10in')
  await router.kernelChanged('link')
  await calm()
  const now = indexOf(kernel, 'sr10')
  t.not(now, before)
  t.ok(sids(kernel).includes(`fcbb:bb00:1:1::/128 next-hop 240.0.0.${now} dev sr10`))
  t.ok(router.fib(254).includes(`240.0.0.${now}/32 dev sr10`))
  t.notOk(router.fib(254).some((text) => text.startsWith(`240.0.0.${before}/`)))
})

t.test('others delete rules: they are put back', async (t) => {
  const kernel = bareKernel()
  const router = await Router.start(config(), kernel)
  const before = kernel.rulesAsText.toSorted()
  kernel.ruleList.length = 0
  await router.kernelChanged('rule')
  const ours = before.filter((text) => !/ (32766|32767):/.test(text))
  t.same(kernel.rulesAsText.toSorted(), ours)
})

t.test('the kernel cannot be read just then: it is read again', async (t) => {
  const kernel = bareKernel()
  const router = await Router.start(config(), kernel)
  const before = kernel.rulesAsText.toSorted()
  kernel.ruleList.length = 0
  const { rules } = kernel
  kernel.rules = async () => {
    kernel.rules = rules
    throw new KernelError('list ip rules', Errno.EIO)
  }
  await router.kernelChanged('rule')
  t.same(kernel.rulesAsText, [])
  await router.pass(2)
  const ours = before.filter((text) => !/ (32766|32767):/.test(text))
  t.same(kernel.rulesAsText.toSorted(), ours)
})

t.test('rules that could not be written are found missing by the next look', async (t) => {
  const kernel = bareKernel()
  const { speaker } = await Router.start(config(), kernel)
  const { putRule } = kernel
  kernel.putRule = async () => {
    kernel.putRule = putRule
    throw new Error('the socket is closed')
  }
  const [red, blue] = speaker.vrfs
  red!.plane.bindSource({ address: address('10.244.8.0'), bits: 26 })
  await t.rejects(speaker.dataplane.settleSources())
  blue!.plane.bindSource({ address: address('10.244.12.0'), bits: 26 })
  await speaker.dataplane.settleSources()
  for (const [prefix, table] of [
    ['10.244.8.0', 10],
    ['10.244.12.0', 20],
  ]) {
    t.ok(kernel.rulesAsText.includes(`IPv4 2000: from ${prefix}/26 lookup ${table}`))
  }
})

/** A PE to whose VRF red a speaker of this node has announced 10.244.8.0/26. */
async function withPods(kernel: FakeKernel, before: () => void) {
  const pods = '    networks: [{ from: cilium, community: "65000:1:10", pools: [10.244.8.0/22] }]'
  const yaml = `${config().replace('interfaces: [red]', `interfaces: [red]\n${pods}`)}
speakers: { cilium: { as: 64512 } }
`
  const router = await Router.start(yaml, kernel)
  before()
  const { peer } = router.speaker.neighbors.find((each) => each.name === 'cilium')!
  const transport = new FakeTransport()
  transport.remoteAddress = '127.0.0.1'
  peer.accept(transport)
  transport.receive(goodOpen({ as: 64512, routerId: '10.0.0.1' }, [[1, 1]]), keepalive)
  const attrs = [origin(0), asPath([64512]), nextHop('127.0.0.1'), largeCommunities('65000:1:10')]
  transport.receive(update({ attrs, nlri: [prefix('10.244.8.0/26')] }))
  await calm()
  return router
}

const POD_RULE = 'IPv4 2000: from 10.244.8.0/26 lookup 10'

t.test('a prefix of this node whose rules could not be written: they are soon', async (t) => {
  const kernel = bareKernel()
  const router = await withPods(kernel, () => {
    const { putRule } = kernel
    kernel.putRule = async () => {
      kernel.putRule = putRule
      throw new Error('no descriptor left')
    }
  })
  t.notOk(kernel.rulesAsText.includes(POD_RULE))
  await router.pass(2)
  t.ok(kernel.rulesAsText.includes(POD_RULE))
  await router.speaker.listeners.close()
})

t.test(
  'a rule that the kernel refuses: told where one looks, and written once it may',
  async (t) => {
    const kernel = bareKernel()
    const router = await withPods(kernel, () => {
      const isSource = (rule: KernelRule) => rule.priority === 2000
      kernel.fail = (o) => (o.what === 'rule' && isSource(o.rule) ? Errno.ENOMEM : 0)
    })
    const network = () =>
      [...router.show.routes({ table: 'node' })].map(({ fibDetail }) => fibDetail)
    t.match(network(), [/^in VRF red, but what comes from it is refused: .*ENOMEM/])
    // What else there is to say (a port of this machine that is in use) is not asked about.
    const refusals = () => router.show.status().problems.filter((text) => /rule/.test(text))
    t.match(refusals(), [/ENOMEM/])
    await router.pass(30)
    t.match(refusals(), [/ENOMEM/])
    kernel.fail = () => 0
    await router.pass(5)
    t.ok(kernel.rulesAsText.includes(POD_RULE))
    t.same(network(), ['in VRF red'])
    t.same(refusals(), [])
    await router.speaker.listeners.close()
  },
)

t.test(
  'the same address in two VRFs: the router answers from neither by the main table',
  async (t) => {
    const kernel = bareKernel()
    kernel.addressList.push({
      ...{ ifindex: indexOf(kernel, 'blue'), address: address('172.16.1.1'), bits: 24, scope: 0 },
      flags: 0x80,
    })
    await Router.start(config(), kernel)
    t.ok(kernel.rulesAsText.includes('IPv4 1980: from 172.16.1.1/32 iif lo unreachable'))
    t.ok(kernel.rulesAsText.includes('IPv4 1980: from 172.16.2.1/32 iif lo lookup 20'))
  },
)
