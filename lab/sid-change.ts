/**
 * srv6d on both PEs; pe1 has a SID a CE and changes its locator, then its SIDs, under traffic:
 *
 *   ce1 red  ---\                                  /--- ce3 red
 *                pe1 srv6d ---- p ---- pe2 srv6d
 *   ce2 blue ---/   a SID a CE      per-VRF SID    \--- ce4 blue
 *
 *   sid-change.mjs [ROOT]      (a root made by lab/root: its FRR is pe2)
 *
 * Each change is a restart with another configuration, or a reload. Continuous pings of both customers, in both
 * families, to the CEs (End.DT4, End.DT6) and to what is behind them (End.DX4, End.DX6), lose none.
 * Both customers have the same addresses, so a SID that led to the wrong CE would be seen.
 */
import type { Status } from '../src/daemon/api-schema.ts'
import { Checks, emit, say } from './lib/checks.ts'
import { FrrPe, prepareFrr } from './lib/frr.ts'
import { describeRoute, kernelState, routesOf } from './lib/kernel-view.ts'
import {
  buildNetwork,
  CUSTOMERS,
  type Customer,
  ceOf,
  locatorOf,
  site,
  TABLE,
} from './lib/network.ts'
import type { Pe } from './lib/pe.ts'
import { ContinuousPing } from './lib/ping.ts'
import { mountRoot } from './lib/roots.ts'
import { inSandbox } from './lib/sandbox.ts'
import { Srv6dPe, srv6dConfig } from './lib/srv6d.ts'
import { ipBatch } from './lib/topology.ts'
import { awaitRemoteRoutes, checkIsolation, checkReachability, Watchers } from './lib/vpn-checks.ts'
import { sleep, waitUntil } from './lib/wait-until.ts'

const FAMILIES = [4, 6] as const
const NEW_LOCATOR = 'fcbb:bb00:9::/48'
const DRAIN_SECONDS = 20

const checks = new Checks()
const base = { as: 65000, peerAs: 65000, usid: false }
const pe1 = new Srv6dPe({ ...base, side: 1, sid: 'per-ce', drainSeconds: DRAIN_SECONDS })
const [root] = process.argv.slice(2)
let pe2: Pe = new Srv6dPe({ ...base, side: 2, sid: 'per-vrf' })

/** SIDs of pe1's kernel, with what each does. */
async function sidsInKernel(): Promise<string[]> {
  const routes = await routesOf('pe1', 'main', 6)
  const sids = routes.filter((r) => r.encap === 'seg6local' && r.protocol === pe1.protocol)
  return sids.map((r) => `${r.dst} ${r.action}`).sort()
}

/** The SIDs that pe2's kernel sends a customer's packets for site 1 to. */
async function sidsUsed(customer: Customer, family: 4 | 6): Promise<Map<string, string>> {
  const routes = await routesOf('pe2', TABLE[customer], family)
  const near = site(1, family)
  const wanted = [near.prefix, near.behindPrefix]
  return new Map(
    routes.filter((r) => wanted.includes(r.dst)).map((r) => [r.dst, r.segs?.[0] ?? '-']),
  )
}

async function allSidsUsed(): Promise<string[]> {
  const maps = await Promise.all(CUSTOMERS.flatMap((c) => FAMILIES.map((f) => sidsUsed(c, f))))
  return maps.flatMap((map) => [...map.values()])
}

async function checkStart(): Promise<boolean> {
  await checks.check('both PEs start, each kernel has the other’s prefixes', async () => {
    await Promise.all([pe1.start(), pe2.start()])
    await waitUntil('session', checks.patience, () => pe1.session())
    await awaitRemoteRoutes(1, checks.patience)
    await awaitRemoteRoutes(2, checks.patience)
  })
  return checks.check('per-ce: End.DX4 and End.DX6 to each CE, End.DT for the rest', async () => {
    const sids = await pe1.sids()
    const said = sids.map((s) => `${s.vrf} ${s.behavior} ${s.nextHop ?? s.table}`).sort()
    const wanted = CUSTOMERS.flatMap((c) => [
      `${c} End.DT4 ${TABLE[c]}`,
      `${c} End.DT6 ${TABLE[c]}`,
      `${c} End.DX4 ${site(1, 4).ce} dev ${c}`,
      `${c} End.DX6 ${site(1, 6).ce} dev ${c}`,
    ]).sort()
    if (said.join() !== wanted.join()) throw new Error(`${said.join(', ')}; expected ${wanted}`)
    const kernel = await sidsInKernel()
    for (const { sid, state } of sids) {
      if (state !== 'installed') throw new Error(`${sid} is ${state}`)
      if (!kernel.some((line) => line.startsWith(`${sid} `))) throw new Error(`no ${sid}`)
    }
    if (new Set(await allSidsUsed()).size !== 8) {
      throw new Error(`pe2 sends to ${(await allSidsUsed()).join(' ')}`)
    }
    return kernel.join(', ')
  })
}

const restarted = async (end: () => Promise<void>): Promise<void> => {
  await end()
  await pe1.start()
}

const problems = async (): Promise<string> =>
  (await pe1.api<Status>('/v1/status')).problems.join('; ')

/** What pe1 cannot take leaves it as it is, and it says so. */
async function checkNotTaken(): Promise<void> {
  const sids = async () => (await pe1.sids()).map(({ sid, vrf }) => `${vrf} ${sid}`).join()
  const before = await sids()
  const good = srv6dConfig(pe1.options)
  const tried = async (config: string, said: string) => {
    pe1.configure({ config })
    pe1.reload()
    await waitUntil(said, checks.patience, async () => {
      const seen = await problems()
      return seen.includes(said) ? undefined : `problems: ${seen}`
    })
  }
  await checks.check('reload: a file with mistakes leaves the session as it was', async () => {
    const { uptimeSeconds } = (await pe1.neighbors()).find(({ vrf }) => vrf === null)!
    await tried(good.replace('table: ', 'tabel: '), 'and was not taken')
    const now = (await pe1.neighbors()).find(({ vrf }) => vrf === null)!
    if (now.state !== 'Established' || now.uptimeSeconds! < uptimeSeconds!)
      throw new Error(JSON.stringify(now))
    if (!pe1.log().includes('did you mean')) throw new Error(pe1.log().slice(-500))
  })
  await checks.check('reload: a file it cannot run with: back to the one before', async () => {
    await tried(good.replace('api: { ', 'api: { listen: "192.0.2.99:9", '), 'could not be taken')
    await waitUntil('session', checks.patience, () => pe1.session())
    if ((await sids()) !== before) throw new Error(`${await sids()}; before ${before}`)
  })
  pe1.configure({ config: undefined })
}

/** Restarts pe1 with a change of configuration; all that pe2 then sends to are SIDs that `isNew`. */
async function checkChange(
  name: string,
  change: Parameters<Srv6dPe['configure']>[0],
  restart: () => Promise<void>,
  isNew: (sid: string, old: string[]) => boolean,
): Promise<void> {
  const old = await sidsInKernel()
  const oldSids = old.map((line) => line.split(' ')[0]!)
  const pings = CUSTOMERS.flatMap((c) =>
    FAMILIES.flatMap((f) =>
      [site(1, f).ce, site(1, f).behind].map(
        (to) => new ContinuousPing(ceOf(c, 2), to, site(2, f).ce),
      ),
    ),
  )
  await checks.check(`${name}: pe2 is told the new SIDs, the old ones still work`, async () => {
    for (const each of pings) await each.answered(5, checks.patience)
    pe1.configure(change)
    await restart()
    await waitUntil('session', checks.patience, () => pe1.session())
    await waitUntil('new SIDs in use at pe2', checks.patience, async () => {
      const used = await allSidsUsed()
      if (used.length === 8 && used.every((sid) => isNew(sid, oldSids))) return undefined
      return used.join(' ')
    })
    const now = await sidsInKernel()
    const gone = old.filter((line) => !now.includes(line))
    if (gone.length > 0) throw new Error(`gone already: ${gone.join(', ')}`)
    const draining = (await pe1.sids()).filter(({ state }) => state === 'draining')
    if (draining.length === 0) throw new Error('none is said to drain')
    return `${now.length} SIDs, ${draining.length} of them draining`
  })
  await checks.check(`${name}: the old SIDs go once the time to drain is over`, async () => {
    await waitUntil('old SIDs gone', checks.patience, async () => {
      const draining = (await pe1.sids()).filter(({ state }) => state === 'draining')
      return draining.length === 0 ? undefined : draining.map(({ sid }) => sid).join(' ')
    })
    const now = await sidsInKernel()
    const used = new Set(await allSidsUsed())
    const left = now.filter((line) => old.includes(line) && !used.has(line.split(' ')[0]!))
    if (left.length > 0) throw new Error(`left: ${left.join(', ')}`)
    return now.join(', ')
  })
  await sleep(3)
  await checks.check(`${name}: every ping is answered`, async () => {
    for (const each of pings) await each.answered(20, checks.patience)
  })
  const results = await Promise.all(pings.map((p) => p.stop()))
  await checks.check(`${name}: no packet lost in ${pings.length} pings`, async () => {
    const lost = results.flatMap((r, i) =>
      r.lost.length > 0 ? [`${pings[i]!.target}: ${r.lost.join(' ')} of ${r.sent}`] : [],
    )
    if (lost.length > 0) throw new Error(lost.join('; '))
    return results.map((r) => `${r.received} of ${r.sent}`).join(', ')
  })
}

await inSandbox(async () => {
  if (root !== undefined) {
    await mountRoot(root)
    const version = await prepareFrr(root)
    pe2 = new FrrPe({ ...base, side: 2, sid: 'per-vrf', root }, version)
  }
  await buildNetwork({ vrfDevicesOn: root === undefined ? [] : [2] })
  // The core routes the new locator before anybody uses it.
  await ipBatch('p', `route add ${NEW_LOCATOR} via 2001:db8:f1::1`)
  await ipBatch('pe2', `route add ${NEW_LOCATOR} via 2001:db8:f2::f`)
  const watchers = await Watchers.start()
  say('network and captures are up')
  if (await checkStart()) {
    await checkReachability(checks)
    await checkIsolation(checks, watchers)
    const inNew = NEW_LOCATOR.replace('::/48', ':')
    const inOld = locatorOf(1).replace('::/48', ':')
    await checkChange(
      'another locator',
      { locator: NEW_LOCATOR },
      () => restarted(() => pe1.stop()),
      (sid) => sid.startsWith(inNew),
    )
    await checkChange(
      'another locator and a SID a prefix, after SIGKILL',
      { locator: locatorOf(1), sid: 'per-prefix' },
      () => restarted(() => pe1.kill()),
      (sid) => sid.startsWith(inOld),
    )
    await checkNotTaken()
    await checkChange(
      'another locator by SIGHUP',
      { locator: NEW_LOCATOR },
      async () => pe1.reload(),
      (sid) => sid.startsWith(inNew),
    )
    await checkReachability(checks)
  }
  if (checks.failed > 0) {
    for (const pe of [pe1, pe2]) for (const [log, text] of pe.logs()) emit({ log, tail: text })
    for (const n of ['pe1', 'pe2']) {
      const main = (await routesOf(n, 'main', 6)).map(describeRoute).join('\n')
      emit({ log: `kernel of ${n}`, tail: `${await kernelState(n)}\n${main}` })
    }
  }
  return checks.finish()
})
