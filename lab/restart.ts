/**
 * Nothing that happens to a BGP process costs a packet: srv6d on pe1 killed, upgraded, hung, away
 * for a minute and for longer than its restart time, with FRR, srv6d and a route reflector as helpers;
 * then FRR killed, with srv6d as helper. The network: lib/star.ts.
 *
 *   restart.mjs ROOT [WORD...]       (a root made by lab/root, which holds FRR 10; cases by name)
 */
import type { RoutesReply, Status } from '../src/daemon/api-schema.ts'
import { Checks, emit, say } from './lib/checks.ts'
import { FrrPe, prepareFrr } from './lib/frr.ts'
import { describeRoute, kernelState, routesOf } from './lib/kernel-view.ts'
import { locatorOf, loopback, peOf, type Side, site, TABLE } from './lib/network.ts'
import { ContinuousPing, echoRequests } from './lib/ping.ts'
import { mountRoot } from './lib/roots.ts'
import { LabProcess } from './lib/run.ts'
import { inSandbox, LOGS } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { buildStar, REFLECTOR, siteOf, starFrrPe, starReflector, starSrv6d } from './lib/star.ts'
import { inNamespace } from './lib/topology.ts'
import { sleep, waitUntil } from './lib/wait-until.ts'

const FAMILIES = [4, 6] as const
const OTHERS = [2, 3, 4] as const
/** How long pe1 asks its neighbours to wait: a minute and a slow start, or too short a time. */
const LONG = 240
const SHORT = 10
/** Of every session: starSrv6d and starFrrPe say so. */
const HOLD_TIME = 9

const PEERS: Record<1 | 3 | 4, string[]> = {
  1: [loopback(2), loopback(3), REFLECTOR.address],
  3: [loopback(1)],
  4: [REFLECTOR.address],
}

function srv6dPe(side: 1 | 3 | 4, vrfs = ['red'], restartTime = LONG): Srv6dPe {
  const config = starSrv6d({ side, peers: PEERS[side], vrfs, restartTime })
  return new Srv6dPe({ side, as: 65000, peerAs: 65000, sid: 'per-vrf', usid: false, config })
}

/** The restart time that pe1 asks for. */
let asked = LONG

function reconfigure(vrfs: string[], restartTime = LONG): void {
  asked = restartTime
  pe1.configure({ config: starSrv6d({ side: 1, peers: PEERS[1], vrfs, restartTime }) })
}

const checks = new Checks()
const pe1 = srv6dPe(1, ['red', 'blue'])
const pe3 = srv6dPe(3)
const pe4 = srv6dPe(4)

/** Undefined once all of pe1's sessions are up, and a restart of its is over. */
async function pe1Settled(): Promise<string | undefined> {
  const { restarting } = await pe1.api<Status>('/v1/status')
  const down = (await pe1.neighbors()).filter((n) => n.state !== 'Established')
  if (down.length > 0) return down.map((n) => `${n.address} is ${n.state}`).join(', ')
  const awaited = (await pe1.neighbors()).filter((n) => n.families.some((f) => !f.endOfRib))
  if (awaited.length > 0) return `no End-of-RIB of ${awaited.map((n) => n.address).join(', ')}`
  return restarting ? 'it is restarting' : undefined
}

/** Undefined if the kernel of `side` has the VPN's route to site `to`, by its SID. */
async function hasRoute(side: Side, to: Side, family: 4 | 6): Promise<string | undefined> {
  const routes = await routesOf(peOf(side), TABLE.red, family)
  const block = locatorOf(to).replace('::/48', ':')
  const wanted = site(to, family).prefix
  const found = routes.some((r) => r.dst === wanted && r.segs?.[0]?.startsWith(block))
  return found ? undefined : `${peOf(side)}: ${routes.map(describeRoute).join('; ')}`
}

async function mustHaveRoutes(seconds: number): Promise<void> {
  for (const side of OTHERS) {
    for (const family of FAMILIES) {
      for (const [at, to] of [
        [side, 1],
        [1, side],
      ] as const) {
        const what = `${peOf(at)} has a route to site ${to}`
        await waitUntil(what, seconds, () => hasRoute(at, to, family))
      }
    }
  }
}

const sidsOf = async (pe: Srv6dPe) =>
  (await pe.sids()).map((s) => `${s.vrf} ${s.behavior} ${s.sid} ${s.state}`).sort()

/** How a PE holds pe1's routes: '10.1.0.0/24 stale', '… long-lived', '… fresh'. */
async function heldAt(pe: Srv6dPe): Promise<string[]> {
  const { routes } = await pe.api<RoutesReply>('/v1/routes?vrf=red')
  const wanted = FAMILIES.map((family) => site(1, family).prefix)
  return routes
    .filter(({ prefix }) => wanted.includes(prefix))
    .flatMap(({ prefix, paths }) =>
      paths.map((p) => {
        const how = p.longLivedStale ? 'long-lived' : p.stale ? 'stale' : 'fresh'
        return `${prefix} ${how}${p.communities.includes('llgr-stale') ? ' llgr-stale' : ''}`
      }),
    )
    .sort()
}

const heldAs = (how: string) => FAMILIES.map((f) => `${site(1, f).prefix} ${how}`).sort()

async function expectHeld(pe: Srv6dPe, how: string, seconds = checks.patience): Promise<void> {
  const wanted = heldAs(how).join(', ')
  await waitUntil(`${peOf(pe.side)} has ${wanted}`, seconds, async () => {
    const seen = (await heldAt(pe)).join(', ')
    return seen === wanted ? undefined : seen
  })
}

interface Case {
  body: (sids: string[], pe2: FrrPe) => Promise<void>
  /** The PE at this site may lose what its customer sends, as long as what comes in arrives. */
  loses?: Side
}

/** Customers send all the time while a case does its worst; not one answer may be missing. */
async function underPings(name: string, { loses }: Case, body: () => Promise<void>): Promise<void> {
  checks.prefix = `${name}: `
  const before = loses === undefined ? 0 : await echoRequests(siteOf(loses))
  const pings = OTHERS.flatMap((side) =>
    FAMILIES.map((f) => {
      const ping = new ContinuousPing(siteOf(1), site(side, f).ce, site(1, f).ce)
      return { side, ping }
    }),
  )
  await waitUntil('every ping is answered', checks.patience, async () => {
    const mute = pings.filter(({ ping }) => ping.received < 3)
    return mute.length === 0 ? undefined : mute.map(({ ping }) => ping.target).join(', ')
  })
  const start = performance.now()
  await checks.check('all goes as it should', body)
  const lasted = Math.round((performance.now() - start) / 1000)
  const results = await Promise.all(
    pings.map(async ({ side, ping }) => ({ side, ping, ...(await ping.stop()) })),
  )
  for (const r of results.filter(({ side }) => side !== loses)) {
    await checks.check(`no packet lost to ${r.ping.target}`, async () => {
      if (r.lost.length > 0) throw new Error(`${r.lost.length} of ${r.sent}: ${r.lost.join(' ')}`)
      return `${r.received} of ${r.sent} in ${lasted} s`
    })
  }
  if (loses !== undefined) await checkArrivals(loses, before, results)
  checks.prefix = ''
}

async function checkArrivals(
  at: Side,
  before: number,
  results: readonly { side: Side; sent: number; lost: number[] }[],
): Promise<void> {
  await checks.check(`every request arrives at ${siteOf(at)}`, async () => {
    const mine = results.filter(({ side }) => side === at)
    const sent = mine.reduce((sum, r) => sum + r.sent, 0)
    const came = (await echoRequests(siteOf(at))) - before
    if (came !== sent) throw new Error(`${came} of ${sent}`)
    const lost = mine.reduce((sum, r) => sum + r.lost.length, 0)
    return `${came} of ${sent}; ${lost} answers lost by its own PE`
  })
}

/** Back, all sent, stale routes swept; the same SIDs as before. */
async function comesBack(sids: string[]): Promise<void> {
  await pe1.start()
  await waitUntil('pe1 has all sessions, its restart is over', checks.patience, pe1Settled)
  await mustHaveRoutes(checks.patience)
  for (const pe of [pe3, pe4]) await expectHeld(pe, 'fresh')
  await sleep(2) // what a sweep would take away late
  await mustHaveRoutes(1)
  const now = await sidsOf(pe1)
  const missing = sids.filter((sid) => !now.includes(sid))
  if (missing.length > 0) throw new Error(`${now.join(', ')}; before ${sids.join(', ')}`)
}

async function run(root: string, words: string[]): Promise<number> {
  await mountRoot(root)
  const version = await prepareFrr(root)
  emit({ note: `FRR ${version}` })
  await buildStar()
  const common = { root, as: 65000, peerAs: 65000, sid: 'per-vrf', usid: false } as const
  const pe2 = new FrrPe({ ...common, side: 2, config: starFrrPe(2) }, version)
  const { namespace } = REFLECTOR
  const rr = new FrrPe({ ...common, side: 2, namespace, config: starReflector() }, version)
  const up = await checks.check(
    'all routers start, every site has routes to every other',
    async () => {
      for (const pe of [pe1, pe3, pe4]) pe.launch()
      await Promise.all([pe2.start(), rr.start()])
      await waitUntil('pe1 has all sessions', checks.patience, pe1Settled)
      await mustHaveRoutes(checks.patience)
    },
  )
  if (up) await runCases(words, pe2)
  if (checks.failed > 0) {
    for (const pe of [pe1, pe3, pe4, pe2, rr]) {
      for (const [log, tail] of pe.logs()) emit({ log, tail })
    }
    for (const n of ['pe1', 'pe2']) emit({ log: `kernel of ${n}`, tail: await kernelState(n) })
  }
  return checks.finish()
}

/** pe1's kernel, asked for every change of a route or nexthop object. */
function monitorPe1(): LabProcess {
  const argv = inNamespace('pe1', ['ip', 'monitor', 'route', 'nexthop'])
  return new LabProcess('ip monitor', argv, `${LOGS}/pe1-monitor.log`)
}

/** What happens, by the name it has in the report and on the command line. */
const CASES: Record<string, Case> = {
  'SIGKILL and started at once': {
    body: async (sids) => {
      await pe1.kill()
      await comesBack(sids)
    },
  },
  'stopped, a new version with a new order of VRFs started': {
    body: async (sids) => {
      await pe1.stop()
      reconfigure(['green', 'blue', 'red'])
      await comesBack(sids)
    },
  },
  'hung for longer than its hold time': {
    body: async (_sids, pe2) => {
      const count = async () => (await pe1.neighbors()).map((n) => n.established)
      const before = await count()
      pe1.signal('SIGSTOP')
      await sleep(HOLD_TIME + 6)
      await expectHeld(pe3, 'stale')
      await waitUntil('FRR has lost pe1', checks.patience, async () =>
        (await pe2.session()) === undefined ? 'the session is up' : undefined,
      )
      await mustHaveRoutes(1)
      pe1.signal('SIGCONT')
      await waitUntil('every session is a new one', checks.patience, async () => {
        const now = await count()
        return now.every((n, k) => n > before[k]!) ? undefined : now.join(', ')
      })
      await waitUntil('pe1 has all sessions', checks.patience, pe1Settled)
      await mustHaveRoutes(checks.patience)
      await expectHeld(pe3, 'fresh')
    },
  },
  'gone for 60 s': {
    body: async (sids) => {
      await pe1.kill()
      await sleep(55)
      await mustHaveRoutes(1)
      await expectHeld(pe3, 'stale')
      await expectHeld(pe4, 'fresh') // the reflector keeps it to itself
      await sleep(5)
      reconfigure(['green', 'blue', 'red'], SHORT)
      await comesBack(sids)
    },
  },
  'gone for longer than restart-time, long-lived': {
    body: async (sids, pe2) => {
      if (asked !== SHORT) {
        await pe1.stop()
        reconfigure(['red', 'blue'], SHORT)
        await comesBack(sids)
      }
      await pe1.kill()
      await sleep(SHORT + 12)
      await expectHeld(pe3, 'long-lived llgr-stale')
      await expectHeld(pe4, 'long-lived llgr-stale')
      await mustHaveRoutes(1)
      await waitUntil('FRR has it as llgr-stale', checks.patience, async () => {
        const frr = await pe2.vtysh(`show bgp ipv4 vpn ${site(1, 4).prefix}`)
        return /llgr-stale/.test(frr) ? undefined : frr
      })
      await sleep(3)
      await comesBack(sids)
    },
  },
  // FRR 10.7.1 takes its own routes out for some 100 ms when it is back.
  'bgpd of FRR killed and started again': {
    loses: 2,
    body: async (_sids, pe2) => {
      const monitor = monitorPe1()
      await pe2.kill()
      await sleep(3)
      await mustHaveRoutes(1)
      await pe2.revive()
      await waitUntil('pe1 has all sessions', checks.patience, pe1Settled)
      await mustHaveRoutes(checks.patience)
      await sleep(2)
      await mustHaveRoutes(1)
      await monitor.stop('SIGTERM')
      const seen = monitor.output().trim()
      if (seen !== '') throw new Error(`pe1's kernel saw changes: ${seen}`)
    },
  },
}

/** All of them, or those with these words in their name. */
async function runCases(words: string[], pe2: FrrPe): Promise<void> {
  const sids = await sidsOf(pe1)
  checks.note(`SIDs of pe1: ${sids.join(', ')}`)
  for (const [name, one] of Object.entries(CASES)) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue
    await underPings(name, one, () => one.body(sids, pe2))
  }
}

await inSandbox(async () => {
  say('building the network')
  const [root = '/', ...words] = process.argv.slice(2)
  return run(root, words)
})
