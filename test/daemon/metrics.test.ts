import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { METRICS } from '../../src/daemon/metric-table.ts'
import { Metrics } from '../../src/daemon/metrics.ts'
import {
  asPath,
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
  sidStructure,
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import { readMetrics } from '../support/prometheus.ts'
import { peKernel, Remote, Router } from '../support/router.ts'

const PE2 = '2001:db8:ffff::2'
const CE = '172.16.1.2'
const SID = 'fcbb:bb00:2:e000::'

const CONFIG = `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
locators: { main: { prefix: "fcbb:bb00:1::/48", function-length: 4 } }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    neighbors: [{ address: ${CE}, as: 65101 }]
neighbors:
  - { address: "${PE2}", as: 65000, families: [vpnv4], update-source: "2001:db8:ffff::1" }
`

async function start(config = CONFIG) {
  const kernel = peKernel()
  kernel.ways.set(SID, { ifindex: 2, metric: 20 })
  const router = await Router.start(config, kernel)
  const relay = { relayed: 7, dropped: 2 }
  const metrics = new Metrics({ speaker: router.speaker, show: router.show, relay })
  /** Series of one metric: labels without the name -> value. */
  const seriesOf = async (name: string) => {
    const family = readMetrics(await metrics.text()).get(name)
    if (family === undefined) throw new Error(`no metric ${name}`)
    return Object.fromEntries([...family.samples].map(([k, v]) => [k.slice(name.length), v]))
  }
  return { router, kernel, metrics, seriesOf }
}

const vpn = (...list: string[]) => {
  const sid = prefixSid(l3Service(sidInformation(SID, 19, sidStructure(32, 16, 16, 0, 0, 0))))
  const nlri = list.map((text) => vpnPrefix({ rd: '65000:210', label: 0x31, prefix: text }))
  const attrs = [mpReach(1, 128, vpnNextHop(PE2), ...nlri), origin(0), asPath([65102])]
  return update({
    attrs: [...attrs, localPref(100), extCommunities(routeTarget('65000:10')), sid],
  })
}

t.test('what is scraped is in the format of Prometheus, every metric typed and told', async (t) => {
  const { metrics } = await start()
  const families = readMetrics(await metrics.text())
  for (const { name, type, help, labels } of METRICS) {
    const family = families.get(name)
    t.match(family, { type, help }, name)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is for counters`)
    for (const series of family?.samples.keys() ?? []) {
      const names = [...series.matchAll(/(?:[{,])([a-z]+)="/g)].map(([, label]) => label)
      t.strictSame(names.toSorted(), labels.toSorted(), series)
    }
  }
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes']) {
    t.ok(families.has(name), name)
  }
  t.ok(families.has('nodejs_eventloop_lag_p99_seconds'))
  t.match(metrics.contentType, /^text\/plain; version=0\.0\.4/)
})

t.test('docs/operating.md has a row for every metric, and no row for any other', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(srv6d_\w+)`/gm)].map(([, name]) => name)
  t.strictSame(
    rows,
    METRICS.map(({ name }) => name),
  )
})

t.test('an interface that is not there is a problem', async (t) => {
  const { kernel, router, seriesOf } = await start()
  t.strictSame(await seriesOf('srv6d_problems'), { '': 0 })
  kernel.linkList.splice(
    kernel.linkList.findIndex(({ name }) => name === 'red'),
    1,
  )
  await router.kernelChanged('link')
  t.strictSame(await seriesOf('srv6d_problems'), { '': 1 })
  t.same(router.show.status().problems, ['vrf red: interface red: no such interface'])
})

t.test('sessions: up, flaps, messages; a scrape sees what is now', async (t) => {
  const { router, seriesOf } = await start()
  const pe2 = `{as="65000",neighbor="${PE2}",vrf=""}`
  const ce = `{as="65101",neighbor="${CE}",vrf="red"}`
  t.strictSame(await seriesOf('srv6d_neighbor_up'), { [pe2]: 0, [ce]: 0 })
  const remote = await new Remote(router, PE2, 65000, ['vpnv4']).up()
  t.strictSame(await seriesOf('srv6d_neighbor_up'), { [pe2]: 1, [ce]: 0 })
  const states = await seriesOf('srv6d_neighbor_state')
  t.equal(states[`{as="65000",neighbor="${PE2}",state="Established",vrf=""}`], 1)
  t.equal(Object.values(states).filter((value) => value === 1).length, 2, 'one state each')
  await remote.lose()
  await remote.up()
  t.equal((await seriesOf('srv6d_neighbor_established_total'))[pe2], 2)
  // twice is the same: a counter is read, not added to
  t.equal((await seriesOf('srv6d_neighbor_established_total'))[pe2], 2)
  const before = await seriesOf('srv6d_neighbor_messages_total')
  await remote.send(vpn('10.2.0.0/24'), vpn('10.3.0.0/24'))
  const after = await seriesOf('srv6d_neighbor_messages_total')
  const updates = `{as="65000",direction="received",neighbor="${PE2}",type="update",vrf=""}`
  t.equal(after[updates]! - before[updates]!, 2)
})

t.test('prefixes, VRF routes, FIB and SIDs follow the tables', async (t) => {
  const { router, seriesOf } = await start()
  const remote = await new Remote(router, PE2, 65000, ['vpnv4']).up()
  const ce = await new Remote(router, CE, 65101, ['ipv4'], CE).up()
  const routes = () => seriesOf('srv6d_vrf_routes')
  const red = (ipv4: number, ipv6: number) => ({
    '{family="ipv4-unicast",vrf="red"}': ipv4,
    '{family="ipv6-unicast",vrf="red"}': ipv6,
  })
  t.strictSame(await routes(), red(1, 1), 'the connected networks')
  await remote.send(vpn('10.2.0.0/24', '10.3.0.0/24'))
  const loop = [origin(0), asPath([65101, 65000]), nextHop(CE)]
  const good = [origin(0), asPath([65101]), nextHop(CE)]
  const nlri = (...list: string[]) => list.map((text) => prefix(text))
  await ce.send(update({ attrs: loop, nlri: nlri('10.8.0.0/24', '10.9.0.0/24') }))
  await ce.send(update({ attrs: good, nlri: nlri('10.1.0.0/24', '10.9.0.0/24') }))
  t.strictSame(await routes(), red(5, 1))
  const of = async (what: string) => {
    const series = await seriesOf(`srv6d_neighbor_${what}_prefixes`)
    return series[`{as="65101",family="ipv4-unicast",neighbor="${CE}",vrf="red"}`]
  }
  t.equal(await of('received'), 3)
  t.equal(await of('accepted'), 2, '10.8.0.0/24 has our own AS')
  t.equal(await of('advertised'), 3, 'two of the VPN, and the connected one')
  // 2 last resorts, 2 of the VPN, the throw for their SID, 2 of the CE; the kernel makes connected ones
  const fib = await seriesOf('srv6d_fib_routes')
  t.strictSame(fib, {
    '{state="wanted"}': 7,
    '{state="installed"}': 7,
    '{state="failed"}': 0,
    '{state="stale"}': 0,
  })
  t.strictSame(await seriesOf('srv6d_sids'), {
    '{state="installed"}': 1,
    '{state="pending"}': 0,
    '{state="failed"}': 0,
    '{state="draining"}': 0,
  })
  const locator = await seriesOf('srv6d_locator_sids')
  const [used, free] = ['used', 'free'].map((s) => locator[`{locator="main",state="${s}"}`])
  t.equal(used, 1)
  t.equal(used! + free!, 15, 'four bits of function, and 0 is none')
  await ce.lose()
  t.strictSame(await routes(), red(3, 1))
  t.equal(await of('received'), 0)
  t.equal(await of('accepted'), 0)
  t.strictSame(await seriesOf('srv6d_icmp_errors_total'), {
    '{outcome="relayed"}': 7,
    '{outcome="dropped"}': 2,
  })
})
