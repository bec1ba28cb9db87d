/**
 * What others do to the kernel behind srv6d's back: it is put right, said once, and costs by what
 * was changed: `reads` counts how often everything was read.
 */
import t from 'tap'
import type { KernelRoute } from '../../src/fib/kernel.ts'
import { RTPROT_SRV6D } from '../../src/fib/rtnetlink-constants.ts'
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
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import type { FakeKernel } from '../support/fake-kernel.ts'
import { LogLines } from '../support/log-lines.ts'
import { calm, peKernel, Remote, Router } from '../support/router.ts'

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
    static-routes: [{ prefix: 10.1.0.0/24, via: 172.16.1.2 }, { prefix: 10.66.0.0/16, blackhole: true }]
  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    interfaces: [blue]
neighbors:
  - { address: "2001:db8:ffff::2", as: 65000, families: [vpnv4, vpnv6], update-source: "2001:db8:ffff::1" }
`
const SID = 'fcbb:bb00:2:e000::'
const LOSS = 'warn others removed some of ours from the kernel: putting it back'

function remoteRoutes(count: number): Uint8Array {
  const nlri = Array.from({ length: count }, (_, k) => {
    return vpnPrefix({ rd: '65000:210', label: 0xe00001, prefix: `10.2.${k}.0/24` })
  })
  const structure = sidStructure(32, 16, 16, 0, 16, 48)
  const attrs = [
    mpReach(1, 128, vpnNextHop('2001:db8:ffff::2'), ...nlri),
    origin(0),
    asPath([65102]),
    localPref(100),
    extCommunities(routeTarget('65000:10')),
    prefixSid(l3Service(sidInformation('fcbb:bb00:2::', 20, structure))),
  ]
  return update({ attrs })
}

async function pe() {
  const kernel = peKernel()
  kernel.ways.set(SID, { ifindex: 2, metric: 20 })
  const log = new LogLines()
  const router = await Router.start(CONFIG, kernel, log)
  const remote = new Remote(router, '2001:db8:ffff::2', 65000, ['vpnv4', 'vpnv6'])
  await remote.up()
  await remote.send(remoteRoutes(3))
  log.take()
  return { router, kernel, remote, log, before: picture(router), reads: { ...kernel.reads } }
}

/** The kernel as it should be, without numbers that may change. */
function picture(router: Router): string[] {
  const { kernel } = router
  const sids = [...kernel.sids.keys()].map((key) => `sid ${key}`)
  return [...router.fib(10), ...router.fib(20), ...sids.sort()]
}

const look = async (router: Router) => {
  router.clock.advance(250)
  await calm()
}

const routeOf = (kernel: FakeKernel, bits: number, table = 10): KernelRoute =>
  [...kernel.routes.values()].find((r) => r.table === table && r.bits === bits && r.family === 4)!

t.test('somebody deletes one of our routes: that one is written again', async (t) => {
  const { router, kernel, log, before, reads } = await pe()
  const writes = kernel.operations.length
  kernel.loseRoute(routeOf(kernel, 24))
  t.not(picture(router).length, before.length)
  await look(router)
  t.same(picture(router), before)
  t.same(kernel.reads, reads, 'nothing is read again')
  t.equal(kernel.operations.length, writes + 1)
  t.same(log.take(), [LOSS])
})

t.test('somebody deletes routes again and again: told at once, then as a sum', async (t) => {
  const { router, kernel, log, before } = await pe()
  for (let k = 0; k < 20; k++) {
    kernel.loseRoute(routeOf(kernel, 16))
    await look(router)
    t.same(picture(router), before)
  }
  t.same(log.take(), [LOSS])
  await router.pass(11)
  t.same(log.take(), [LOSS])
  await router.pass(60)
  t.same(log.take(), [])
})

t.test('somebody deletes the nexthop object of many routes: all are back', async (t) => {
  const { router, kernel, log, before, reads } = await pe()
  const id = [...kernel.nexthops.values()].find(({ segments }) => segments)!.id
  kernel.loseNexthop(id)
  t.equal(picture(router).length, before.length - 3)
  await look(router)
  t.same(picture(router), before)
  t.notOk(kernel.nexthops.has(id))
  t.equal(kernel.reads.dumps, reads.dumps)
  t.same(log.take(), [LOSS])
})

t.test('somebody deletes a SID: it is back and its routes stay announced', async (t) => {
  const { router, kernel, remote, log, before, reads } = await pe()
  const told = remote.routes
  kernel.loseSid([...kernel.sids.values()][0]!)
  await look(router)
  await remote.hear()
  t.same(picture(router), before)
  t.same(remote.routes, told)
  t.same(kernel.reads, reads)
  t.same(log.take(), [LOSS])
})

t.test('somebody puts a route in the very place of ours: it stays, ours has drifted', async (t) => {
  const { router, kernel, log, before } = await pe()
  const ours = routeOf(kernel, 16)
  const theirs = { ...ours, kind: 7, protocol: 4 }
  kernel.addForeignRoute(theirs)
  kernel.tellRoute(theirs, { gone: false, replaced: true })
  await look(router)
  t.ok(picture(router).includes('10.66.0.0/16 unreachable'))
  t.match([...router.show.routes({ vrf: 'red', prefix: '10.66.0.0/16' })][0], {
    installed: 'drifted',
    fibDetail: /another protocol/,
  })
  t.same(log.take(), ['warn others put their own in the place of ours: it stays'])
  kernel.loseRoute(theirs)
  await look(router)
  t.same(picture(router), before)
  t.equal(
    [...router.show.routes({ vrf: 'red', prefix: '10.66.0.0/16' })][0]!.installed,
    'installed',
  )
})

t.test('somebody changes our route and leaves our name on it: it is as it was', async (t) => {
  const { router, kernel, before } = await pe()
  const changed = { ...routeOf(kernel, 16), kind: 7 }
  kernel.routes.set([...kernel.routes].find(([, r]) => r.bits === 16)![0], changed)
  kernel.tellRoute(changed, { gone: false, replaced: true })
  await look(router)
  t.same(picture(router), before)
})

t.test('routes of others beside ours are no concern', async (t) => {
  const { router, kernel, log, before } = await pe()
  const theirs = { ...routeOf(kernel, 16), metric: 20, protocol: 11 }
  const writes = kernel.operations.length
  kernel.addForeignRoute(theirs)
  kernel.tellRoute(theirs, { gone: false })
  // Appended: same prefix and metric, ours is still there.
  kernel.tellRoute({ ...theirs, metric: 8986 }, { gone: false })
  await look(router)
  kernel.loseRoute(theirs)
  kernel.tellRoute({ ...theirs, metric: 8986 }, { gone: true })
  await look(router)
  t.same(picture(router), before)
  t.equal(kernel.operations.length, writes)
  t.same(log.take(), [])
})

t.test('the VRF device is deleted: made again, interface, addresses and SID with it', async (t) => {
  const { router, kernel, remote, log, before } = await pe()
  const told = remote.routes
  const vrf = kernel.linkList.find(({ name }) => name === 'vrf-red')!
  const red = kernel.linkList.find(({ name }) => name === 'red')!
  const lost = kernel.addressList.filter(
    ({ ifindex, address, scope }) =>
      ifindex === red.ifindex && address.length === 16 && scope === 0,
  )
  red.master = 0
  for (const address of lost) kernel.addressList.splice(kernel.addressList.indexOf(address), 1)
  kernel.linkDown(vrf.ifindex)
  kernel.linkList.splice(kernel.linkList.indexOf(vrf), 1)
  kernel.tell('link')
  kernel.tell('address')
  await look(router)
  await look(router)
  await remote.hear()
  const made = kernel.linkList.find(({ name }) => name === 'vrf-red')!
  t.not(made.ifindex, vrf.ifindex)
  t.equal(red.master, made.ifindex)
  t.same(picture(router), before)
  t.ok([...kernel.sids.values()].some((sid) => sid.ifindex === made.ifindex))
  t.same(remote.routes, told)
  for (const { address } of lost) t.ok(kernel.addressList.some((a) => a.address === address))
  t.same(log.take(), [
    'warn vrf device was removed: making it again',
    'info vrf device made',
    'warn interface was taken out of the vrf: put back',
  ])
})

t.test('the VRF device is set down: set up again, with its SID', async (t) => {
  const { router, kernel, log, before } = await pe()
  const vrf = kernel.linkList.find(({ name }) => name === 'vrf-red')!
  kernel.linkDown(vrf.ifindex)
  await look(router)
  t.ok(vrf.up)
  t.same(picture(router), before)
  t.same(log.take(), ['warn vrf device was set down: set up again'])
})

t.test(
  'an interface is moved to another VRF: it is taken back, three times a minute',
  async (t) => {
    const { router, kernel, log } = await pe()
    const red = kernel.linkList.find(({ name }) => name === 'red')!
    const home = red.master
    const blue = kernel.linkList.find(({ name }) => name === 'vrf-blue')!
    for (let k = 0; k < 3; k++) {
      red.master = blue.ifindex
      kernel.tell('link')
      await look(router)
      t.equal(red.master, home)
      t.same(log.take(), ['warn interface was taken out of the vrf: put back'])
    }
    red.master = blue.ifindex
    kernel.tell('link')
    await look(router)
    kernel.linkList.find(({ name }) => name === 'core')!.mtu--
    kernel.tell('link')
    await look(router)
    t.equal(red.master, blue.ifindex)
    t.match(router.show.vrfs()[0]!.interfaces, [{ attached: false, why: /again and again/ }])
    t.same(log.take(), [
      'error interface left where it is: it is taken out of the VRF again and again',
    ])
  },
)

t.test(
  'a setting is changed by others (udev at a new device, sysctl.d): it is set back',
  async (t) => {
    const { router, kernel, log } = await pe()
    const red = kernel.linkList.find(({ name }) => name === 'vrf-red')!
    const device = 'net/ipv4/conf/vrf-red/rp_filter'
    const disabled = 'net/ipv6/conf/vrf-red/disable_ipv6'
    for (const [path, value, ifindex] of [
      [device, '2', red.ifindex],
      ['net/ipv4/conf/all/rp_filter', '1', -1],
      ['net/ipv4/conf/default/rp_filter', '2', -2],
      ['net/ipv6/conf/all/forwarding', '0', -1],
    ] as const) {
      const was = kernel.sysctls.get(path)
      kernel.changeSetting(path, value, ifindex)
      await look(router)
      t.equal(kernel.sysctls.get(path), was, path)
      t.same(log.take(), ['warn setting was changed: set back'])
    }
    // of this the kernel tells only that the addresses go
    kernel.addressList.push({
      ...{ ifindex: red.ifindex, address: Uint8Array.of(0xfe, 0x80, ...new Uint8Array(13), 1) },
      ...{ bits: 64, scope: 253, flags: 0 },
    })
    kernel.tell('address')
    kernel.addressList.pop()
    kernel.sysctls.set(disabled, '1')
    kernel.tell('address')
    await look(router)
    t.equal(kernel.sysctls.get(disabled), '0')
    // what is not ours is nobody's business
    kernel.changeSetting('net/ipv4/conf/core/arp_ignore', '2', 1)
    await look(router)
    t.equal(kernel.sysctls.get('net/ipv4/conf/core/arp_ignore'), '2')
    t.same(log.take(), ['warn setting was changed: set back'])
  },
)

t.test('the source of SRv6 packets is set by others: set back within ten seconds', async (t) => {
  const { router, kernel, log } = await pe()
  kernel.tunnelSource = '2001:db8::bad'
  await look(router)
  t.equal(kernel.tunnelSource, '2001:db8::bad', 'no notification tells of it')
  router.clock.advance(10_000)
  await look(router)
  t.equal(kernel.tunnelSource, '2001:db8:ffff::1')
  t.same(log.take(), ['warn setting was changed: set back'])
})

t.test('an interface disappears and comes back with another index', async (t) => {
  const { router, kernel, log, before } = await pe()
  const red = kernel.linkList.find(({ name }) => name === 'red')!
  const addresses = kernel.addressList.filter(({ ifindex }) => ifindex === red.ifindex)
  kernel.linkDown(red.ifindex)
  kernel.linkList.splice(kernel.linkList.indexOf(red), 1)
  for (const address of addresses) kernel.addressList.splice(kernel.addressList.indexOf(address), 1)
  kernel.tell('link')
  kernel.tell('address')
  await look(router)
  t.notOk(picture(router).some((line) => line.includes('dev red')))
  t.same(log.take(), ['warn interface is gone'])
  const again = kernel.addLink('red')
  kernel.tell('link')
  await look(router)
  for (const address of addresses) kernel.addressList.push({ ...address, ifindex: again.ifindex })
  kernel.tell('address')
  await look(router)
  t.same(picture(router), before)
  t.same(log.take(), ['info interface put into the vrf'])
})

t.test('a storm of changed links reads nothing from the kernel', async (t) => {
  const { router, kernel, log, before, reads } = await pe()
  for (let k = 0; k < 50; k++) kernel.addLink(`veth${k}`)
  for (let k = 0; k < 20; k++) {
    for (const link of kernel.linkList) if (link.name.startsWith('veth')) link.up = k % 2 === 0
    kernel.tell('link')
    await look(router)
  }
  t.same(kernel.reads, { ...reads, ways: kernel.reads.ways })
  t.same(picture(router), before)
  t.same(log.take(), [])
})

t.test('notifications were lost: all is read, at most once a second', async (t) => {
  const { router, kernel, log, before, reads } = await pe()
  kernel.routes.delete([...kernel.routes].find(([, r]) => r.protocol === RTPROT_SRV6D)![0])
  for (let k = 0; k < 5; k++) kernel.tell('overflow')
  router.clock.advance(100)
  await calm()
  t.same(picture(router), before)
  t.equal(kernel.reads.dumps, reads.dumps + 1)
  for (let k = 0; k < 5; k++) {
    kernel.tell('overflow')
    router.clock.advance(100)
    await calm()
  }
  t.equal(kernel.reads.dumps, reads.dumps + 1)
  router.clock.advance(1000)
  await calm()
  t.equal(kernel.reads.dumps, reads.dumps + 2)
  t.match(log.take(), [
    /notifications were lost/,
    /kernel had lost some/,
    /notifications were lost/,
  ])
})

t.test('property: whatever others do, the kernel ends as it was', async (t) => {
  for (let seed = 130; seed <= 141; seed++) {
    let state = seed
    const random = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 8) % n
    }
    const { router, kernel, before } = await pe()
    const red = kernel.linkList.find(({ name }) => name === 'red')!
    for (let k = 0; k < 40; k++) {
      const ours = [...kernel.routes.values()].filter((r) => r.protocol === RTPROT_SRV6D)
      const objects = [...kernel.nexthops.keys()]
      const sids = [...kernel.sids.values()]
      switch (random(9)) {
        case 0:
          if (ours.length > 0) kernel.loseRoute(ours[random(ours.length)]!)
          break
        case 1:
          if (objects.length > 0) kernel.loseNexthop(objects[random(objects.length)]!)
          break
        case 2:
          if (sids.length > 0) kernel.loseSid(sids[random(sids.length)]!)
          break
        case 3:
          kernel.linkDown(red.ifindex)
          break
        case 4:
          red.up = true
          kernel.tell('link')
          break
        case 5:
          red.name = red.name === 'red' ? 'other' : 'red'
          kernel.tell('link')
          break
        case 6: {
          const vrf = kernel.linkList.find(({ name }) => name === 'vrf-red')
          if (vrf) kernel.linkDown(vrf.ifindex)
          break
        }
        case 7:
          kernel.tell('overflow')
          break
        default:
          router.clock.advance(random(300))
      }
      if (random(2) === 0) await calm(random(6))
    }
    red.up = true
    red.name = 'red'
    kernel.tell('link')
    for (let k = 0; k < 12; k++) await look(router)
    t.same(picture(router), before, `seed ${seed}`)
  }
})
