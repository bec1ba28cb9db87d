/**
 * A site behind two PEs with the same RD, and a PE that loses the way to one of them under pings:
 *
 *                       .--- pe2 ---.
 *   ce1 --- pe1 --- p --+           +--- ce2      10.50.0.0/24, 2001:db8:50::/64 behind it
 *                       '--- pe3 ---'
 *
 * srv6d on all three, with whatever data plane the kernel has. The locator's route in pe1's main
 * table goes; the BGP sessions stay.
 */
import type { RoutePath, RoutesReply, Status } from '../src/daemon/api-schema.ts'
import { Checks, emit } from './lib/checks.ts'
import { coreGateway, locatorOf, loopback, peOf, routerId, site, TABLE } from './lib/network.ts'
import { ContinuousPing, ping } from './lib/ping.ts'
import { LabProcess, must } from './lib/run.ts'
import { inSandbox, LOGS } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { inNamespace, ipBatch, Topology } from './lib/topology.ts'
import { waitUntil } from './lib/wait-until.ts'

const SIDES = [1, 2, 3] as const
type PeSide = (typeof SIDES)[number]
const FAMILIES = [4, 6] as const
const AS = 65000
const BEHIND = {
  4: { prefix: '10.50.0.0/24', host: (n: number) => `10.50.0.${n}` },
  6: { prefix: '2001:db8:50::/64', host: (n: number) => `2001:db8:50::${n}` },
}
/** Hosts behind ce2: which PE a packet takes goes by its addresses. */
const HOSTS = Array.from({ length: 16 }, (_, k) => k + 1)
/** Seconds between two pings. */
const INTERVAL = 0.02
/** Answers that a ping must have had before and after, to say anything: a second's worth. */
const ENOUGH = 50

const others = (side: PeSide) => SIDES.filter((other) => other !== side)

async function buildTopology(): Promise<void> {
  const t = new Topology()
  t.namespace('p', 'ce1', 'ce2', ...SIDES.map(peOf))
  t.sysctl('p', 'net.ipv6.conf.all.forwarding=1')
  t.sysctl('ce2', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0')
  for (const side of SIDES) {
    const pe = peOf(side)
    t.link(pe, 'core', 'p', pe)
    t.link(side === 1 ? 'ce1' : 'ce2', side === 1 ? 'pe' : pe, pe, 'red')
    t.sysctl(pe, 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0')
    // The monitor below then shows what is asked of the kernel, not what comes of it.
    t.sysctl(pe, 'net.ipv4.nexthop_compat_mode=0')
    t.ip(pe, `addr add ${loopback(side)}/128 dev lo`, `addr add 2001:db8:f${side}::1/64 dev core`)
    t.ip('p', `addr add ${coreGateway(side)}/64 dev ${pe}`)
    for (const prefix of [`${loopback(side)}/128`, locatorOf(side)]) {
      t.ip('p', `route add ${prefix} via 2001:db8:f${side}::1`)
    }
    for (const other of others(side)) {
      for (const prefix of [`${loopback(other)}/128`, locatorOf(other)]) {
        t.ip(pe, `route add ${prefix} via ${coreGateway(side)}`)
      }
    }
    for (const family of FAMILIES) {
      const s = site(side, family)
      const bits = family === 4 ? 24 : 64
      t.ip(pe, `addr add ${s.pe}/${bits} dev red`)
      const [ce, port] = side === 1 ? ['ce1', 'pe'] : ['ce2', pe]
      t.ip(ce, `addr add ${s.ce}/${bits} dev ${port}`)
    }
  }
  for (const family of FAMILIES) {
    const [one, two, three] = SIDES.map((side) => site(side, family).pe)
    t.ip('ce1', `route add default via ${one}`)
    const all = family === 4 ? '0.0.0.0/0' : '::/0'
    t.ip('ce2', `route add ${all} nexthop via ${two} nexthop via ${three}`)
    const bits = family === 4 ? 32 : 128
    for (const n of HOSTS) t.ip('ce2', `addr add ${BEHIND[family].host(n)}/${bits} dev lo`)
  }
  await t.apply()
}

function config(side: PeSide, maximumPaths: number): string {
  const neighbor = (other: PeSide) =>
    `  - { address: "${loopback(other)}", as: ${AS}, update-source: "${loopback(side)}", connect-retry: 1 }\n`
  const routes = FAMILIES.map(
    (family) => `      - { prefix: "${BEHIND[family].prefix}", via: "${site(side, family).ce}" }\n`,
  )
  // Both PEs of the site have one RD: what a reflector without ADD-PATH would hide is told here.
  const rd = side === 1 ? '65000:1' : '65000:23'
  return `router: { as: ${AS}, router-id: ${routerId(side)}, source: "${loopback(side)}" }
api: { socket: /run/srv6d/${peOf(side)}.sock }
graceful-restart: { restart-time: 5 }
locators: { main: { prefix: "${locatorOf(side)}" } }
vrfs:
  red:
    table: ${TABLE.red}
    rd: "${rd}"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    maximum-paths: ${maximumPaths}
${side === 1 ? '' : `    static-routes:\n${routes.join('')}`}neighbors:
${others(side)
  .filter((other) => side === 1 || other === 1)
  .map(neighbor)
  .join('')}`
}

const makePe = (side: PeSide) =>
  new Srv6dPe({ side, as: AS, peerAs: AS, sid: 'per-vrf', usid: false, config: config(side, 1) })

const checks = new Checks()
const pes = SIDES.map(makePe)
const pe1 = pes[0]!

async function pathsOf(family: 4 | 6): Promise<RoutePath[]> {
  const { routes } = await pe1.api<RoutesReply>('/v1/routes?vrf=red')
  return routes.find((route) => route.prefix === BEHIND[family].prefix)?.paths ?? []
}

/** Undefined when the paths by these PEs are used and stand by as wanted. */
async function isBy(
  family: 4 | 6,
  active: PeSide[],
  backup: PeSide[],
): Promise<string | undefined> {
  const paths = await pathsOf(family)
  const by = (wanted: (path: RoutePath) => boolean) =>
    paths
      .filter(wanted)
      .map((path) => Number(path.sid?.split(':')[2]))
      .sort()
  const seen = [by((path) => path.active), by((path) => path.backup)]
  return JSON.stringify(seen) === JSON.stringify([active, backup])
    ? undefined
    : `${JSON.stringify(seen)}: ${JSON.stringify(paths).slice(0, 400)}`
}

async function areBy(active: PeSide[], backup: PeSide[]): Promise<void> {
  for (const family of FAMILIES) {
    await waitUntil(`IPv${family} by pe${active}`, checks.patience, () =>
      isBy(family, active, backup),
    )
  }
}

const locator = (side: PeSide, there: boolean): Promise<void> =>
  ipBatch('pe1', `route ${there ? 'add' : 'del'} ${locatorOf(side)} via ${coreGateway(1)}`)

const startPings = (): ContinuousPing[] =>
  FAMILIES.map(
    (family) => new ContinuousPing('ce1', BEHIND[family].host(1), site(1, family).ce, INTERVAL),
  )

/** Waits until each ping has had so many answers more. */
async function goOn(pings: ContinuousPing[], answers = ENOUGH): Promise<void> {
  for (const each of pings) await each.answered(each.received + answers, checks.patience)
}

/**
 * `gaps`: how many times in a row answers may be missing. How many are missing goes by the machine:
 * the time it takes to tell srv6d that a route has gone, and to write a group.
 */
async function lostIn(gaps: 0 | 1, pings: ContinuousPing[]): Promise<string> {
  await goOn(pings)
  const said: string[] = []
  for (const each of pings) {
    const { sent, lost } = await each.stop()
    said.push(`${each.target}: ${lost.length} of ${sent}`)
    const seen = lost.filter((n, k) => n !== lost[k - 1]! + 1).length
    if (seen > gaps) throw new Error(`${said.at(-1)} lost: ${lost.join(' ')}`)
  }
  return said.join(', ')
}

/** Packets that `p` has sent to a PE. */
async function sentTo(side: PeSide): Promise<number> {
  const text = await must(['ip', '-n', 'p', '-j', '-s', 'link', 'show', 'dev', peOf(side)])
  return (JSON.parse(text) as [{ stats64: { tx: { packets: number } } }])[0].stats64.tx.packets
}

async function loseLocator(): Promise<void> {
  await checks.check('one of two PEs with the same RD is used, the other stands by', async () => {
    await areBy([2], [3])
    for (const family of FAMILIES) {
      const target = BEHIND[family].host(1)
      await waitUntil(target, checks.patience, async () => {
        const { reached, text } = await ping('ce1', target)
        return reached ? undefined : text
      })
    }
  })
  const monitor = new LabProcess(
    'ip monitor',
    inNamespace('pe1', ['ip', 'monitor', 'nexthop', 'route']),
    `${LOGS}/monitor.log`,
  )
  let pings: ContinuousPing[] = []
  await checks.check('its locator is lost under pings: the other takes over', async () => {
    pings = startPings()
    await goOn(pings)
    await locator(2, false)
    await areBy([3], [])
    for (const family of FAMILIES) {
      const lost = (await pathsOf(family)).find((path) => !path.valid)
      if (lost?.why !== 'no route to the SID') throw new Error(`why: ${JSON.stringify(lost)}`)
    }
    return lostIn(1, pings)
  })
  await checks.check('the groups moved before any route was touched', async () => {
    await monitor.stop('SIGINT')
    const lines = monitor.output().split('\n')
    const group = lines.findIndex((line) => /\bgroup \d/.test(line))
    const route = lines.findIndex((line) => /^(Deleted )?(10\.50|2001:db8:50)/.test(line))
    if (group === -1 || (route !== -1 && route < group)) throw new Error(monitor.output())
  })
  await checks.check('it is found again under pings: back by the better one', async () => {
    pings = startPings()
    await goOn(pings)
    await locator(2, true)
    await areBy([2], [3])
    return lostIn(0, pings)
  })
}

async function share(): Promise<void> {
  await checks.check('maximum-paths: 2, at a new start under pings', async () => {
    const pings = startPings()
    await goOn(pings)
    pe1.configure({ config: config(1, 2) })
    await pe1.stop()
    await pe1.start()
    await waitUntil('restart over', checks.patience, async () =>
      (await pe1.api<Status>('/v1/status')).restarting ? 'restarting' : undefined,
    )
    await areBy([2, 3], [])
    return lostIn(0, pings)
  })
  await checks.check('both carry it', async () => {
    const before = [await sentTo(2), await sentTo(3)]
    for (const n of HOSTS) {
      for (const family of FAMILIES) {
        const { reached, text } = await ping('ce1', BEHIND[family].host(n))
        if (!reached) throw new Error(text)
      }
    }
    const sent = [(await sentTo(2)) - before[0]!, (await sentTo(3)) - before[1]!]
    if (sent.some((count) => count < HOSTS.length / 4)) throw new Error(`packets: ${sent}`)
    return `packets: ${sent}`
  })
  await checks.check('one of the two is lost under pings', async () => {
    const pings = startPings()
    await goOn(pings)
    await locator(3, false)
    await areBy([2], [])
    return lostIn(1, pings)
  })
}

await inSandbox(async () => {
  await buildTopology()
  await Promise.all(pes.map((pe) => pe.start()))
  await loseLocator()
  await share()
  if (checks.failed > 0) {
    for (const pe of pes) for (const [log, tail] of pe.logs()) emit({ log, tail })
  }
  for (const pe of pes) await pe.stop()
  return checks.finish()
})
