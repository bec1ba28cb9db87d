/**
 * srv6d on both PEs, GoBGP as a CE, and srv6d killed, stopped and started again:
 *
 *   ce1 red GoBGP ---\                                  /--- ce3 red
 *                     pe1 srv6d ---- p ---- pe2 srv6d
 *   ce2 blue      ---/  per-VRF SID       SIDs a family \--- ce4 blue
 *
 *   pe-pair.mjs ROOT [vrf|table]      (a root made by lab/root, which holds gobgpd)
 *
 * Routes of somebody else lie in both VRF tables of pe1 all the time and must survive everything.
 */
import { refusesBadConfig } from './lib/bad-config.ts'
import { CE_AS, CeGobgp } from './lib/ce-gobgp.ts'
import { Checks, emit, say } from './lib/checks.ts'
import { difference } from './lib/difference.ts'
import {
  allRoutes,
  describeRoute,
  globalAddresses,
  kernelState,
  type RouteView,
  routesOf,
  rulesIn,
} from './lib/kernel-view.ts'
import { checkPathMtu } from './lib/mtu-check.ts'
import { buildNetwork, CUSTOMERS, ceOf, routerId, site, TABLE } from './lib/network.ts'
import { rdOf, tail } from './lib/pe.ts'
import { ContinuousPing, ping } from './lib/ping.ts'
import { mountRoot } from './lib/roots.ts'
import { must } from './lib/run.ts'
import { inSandbox } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { ipBatch } from './lib/topology.ts'
import {
  awaitNoRemoteRoutes,
  awaitRemoteRoutes,
  checkCoreIsHidden,
  checkIsolation,
  checkReachability,
  checkWithdraw,
  Watchers,
} from './lib/vpn-checks.ts'
import { sleep, waitUntil } from './lib/wait-until.ts'

const FAMILIES = [4, 6] as const

/** What GoBGP announces: a network behind ce1 that only red has. */
const learned = (family: 4 | 6) => (family === 4 ? '10.111.0.0/24' : '2001:db8:111::/64')
const learnedHost = (family: 4 | 6) => (family === 4 ? '10.111.0.1' : '2001:db8:111::1')
const FOREIGN = ['10.77.0.0/24', '2001:db8:77::/64']

const checks = new Checks()
let rulesBefore: string[] = []
const [root = '/', mode] = process.argv.slice(2)
const dataplane = mode === 'table' ? 'table' : 'vrf'
const base = { as: 65000, peerAs: 65000, usid: false, dataplane } as const
const pe1 = new Srv6dPe({
  ...base,
  side: 1,
  sid: 'per-vrf',
  ceSessions: { customers: CUSTOMERS, as: CE_AS },
})
const pe2 = new Srv6dPe({ ...base, side: 2, sid: 'per-family' })
const gobgp = new CeGobgp(root, 'red')

/** Whatever carries srv6d's protocol number in a PE's kernel, SIDs too. */
async function oursIn(namespace: string): Promise<RouteView[]> {
  return (await allRoutes(namespace)).filter((r) => r.protocol === pe1.protocol)
}

const textOf = (routes: RouteView[]) => routes.map(describeRoute).sort()

async function foreignRoutesStay(): Promise<void> {
  for (const customer of CUSTOMERS) {
    for (const [i, family] of FAMILIES.entries()) {
      const routes = await routesOf('pe1', TABLE[customer], family)
      if (!routes.some((r) => r.dst === FOREIGN[i] && r.type === 'blackhole')) {
        throw new Error(`${FOREIGN[i]} is gone from ${customer}: ${textOf(routes).join('; ')}`)
      }
    }
  }
}

async function prepare(): Promise<Watchers> {
  await mountRoot(root)
  await buildNetwork({ vrfDevicesOn: [] })
  const tables = CUSTOMERS.map((c) => TABLE[c])
  const foreign = tables.flatMap((t) => FOREIGN.map((p) => `route add blackhole ${p} table ${t}`))
  await ipBatch('pe1', ...foreign)
  await ipBatch('ce1', ...FAMILIES.map((f) => `addr add ${learnedHost(f)} dev lo`))
  return Watchers.start()
}

async function checkConvergence(): Promise<boolean> {
  const up = await checks.check('both PEs start and their session comes up', async () => {
    await Promise.all([pe1.start(), pe2.start()])
    await waitUntil('session', checks.patience, () => pe1.session())
  })
  if (!up) return false
  const routes = await checks.check("each kernel has the other's prefixes, both customers", () =>
    Promise.all([awaitRemoteRoutes(1, checks.patience), awaitRemoteRoutes(2, checks.patience)]),
  )
  await checks.check('the API shows the VPN routes as valid and best', async () => {
    for (const family of FAMILIES) {
      const far = site(2, family)
      const wanted = CUSTOMERS.flatMap((c) =>
        [far.prefix, far.behindPrefix].map((prefix) => ({ rd: rdOf(2, TABLE[c]), prefix })),
      )
      const seen = await pe1.vpnRoutes(family, wanted)
      if (seen) throw new Error(seen)
    }
  })
  await checks.check('srv6d-cli prints the routes, exit status 0', async () => {
    const r = await pe1.cli('show', 'routes')
    if (r.code !== 0) throw new Error(`${r.code}: ${r.stderr}`)
    for (const prefix of [site(2, 4).prefix, site(2, 6).prefix]) {
      if (!r.stdout.includes(prefix)) throw new Error(`no ${prefix} in ${r.stdout}`)
    }
    emit({ note: r.stdout })
  })
  return routes
}

async function checkGobgpCe(watchers: Watchers): Promise<void> {
  await checks.check('GoBGP CE: IPv4 and IPv6 sessions come up inside the VRF', async () => {
    await gobgp.start()
    for (const f of FAMILIES) {
      await waitUntil(site(1, f).pe, checks.patience, () => gobgp.session(site(1, f).pe))
    }
  })
  for (const family of FAMILIES) {
    await checks.check(`GoBGP CE: gets the VPN's IPv${family} routes`, async () => {
      const wanted = [site(2, family).prefix, site(2, family).behindPrefix]
      await waitUntil(wanted.join(', '), checks.patience, async () => {
        const seen = await gobgp.prefixes(family)
        return wanted.every((p) => seen.includes(p)) ? undefined : seen.join(' ') || 'no routes'
      })
    })
    await checks.check(
      `GoBGP CE: its IPv${family} route reaches pe2's kernel, red only`,
      async () => {
        await gobgp.announce(learned(family))
        await waitUntil(learned(family), checks.patience, () => learnedAtPe2(family))
        const blue = await routesOf('pe2', TABLE.blue, family)
        if (blue.some((r) => r.dst === learned(family))) throw new Error('blue has it too')
      },
    )
    await checks.check(`GoBGP CE: site 2 reaches what it announced over IPv${family}`, async () => {
      const from = site(2, family).ce
      await waitUntil(learnedHost(family), checks.patience, async () => {
        const p = await ping(ceOf('red', 2), learnedHost(family), from)
        return p.reached ? undefined : p.text
      })
      const mark = watchers.at('ce2').mark()
      const p = await ping(ceOf('blue', 2), learnedHost(family), from, 2, 1)
      if (p.reached) throw new Error("blue's site reaches it too")
      const leaked = await watchers.at('ce2').since(mark)
      if (leaked.length > 0) throw new Error(`seen at ce2: ${leaked.join('; ')}`)
    })
  }
  const withdraw = async () => {
    for (const f of FAMILIES) await gobgp.withdraw(learned(f))
  }
  const name = "GoBGP CE: withdrawn routes leave pe2's kernel"
  await checkWithdraw(checks, name, 2, learned, withdraw, checks.patience)
  await checks.check('GoBGP CE: announced again, they come back', async () => {
    for (const f of FAMILIES) await gobgp.announce(learned(f))
    for (const f of FAMILIES) await waitUntil(learned(f), checks.patience, () => learnedAtPe2(f))
  })
}

/** Another customer's CE with the same addresses, at the same time. */
async function checkSecondCe(): Promise<void> {
  const second = new CeGobgp(root, 'blue')
  await checks.check(
    "GoBGP CE of blue, with the addresses of red's: sessions of its own",
    async () => {
      await second.start()
      for (const f of FAMILIES) {
        const { pe } = site(1, f)
        await waitUntil(`${pe} in blue`, checks.patience, () => second.session(pe))
        await waitUntil(`${pe} in red`, checks.patience, () => gobgp.session(pe))
      }
    },
  )
  await checks.check('GoBGP CE of blue: its routes are blue only', async () => {
    for (const f of FAMILIES) {
      const prefix = f === 4 ? '10.112.0.0/24' : '2001:db8:112::/64'
      await second.announce(prefix)
      await waitUntil(prefix, checks.patience, async () => {
        const routes = await routesOf('pe2', TABLE.blue, f)
        return routes.some((r) => r.dst === prefix) ? undefined : textOf(routes).join('; ')
      })
      const red = await routesOf('pe2', TABLE.red, f)
      if (red.some((r) => r.dst === prefix)) throw new Error(`${prefix} is in red`)
      const seen = await gobgp.prefixes(f)
      if (seen.includes(prefix)) throw new Error(`red's CE was told ${prefix}`)
      await second.withdraw(prefix)
    }
  })
}

async function learnedAtPe2(family: 4 | 6): Promise<string | undefined> {
  const routes = await routesOf('pe2', TABLE.red, family)
  const found = routes.find((r) => r.dst === learned(family))
  return found?.segs ? undefined : textOf(routes).join('; ')
}

/** SIGKILL and a new start while customers send: nothing lost, nothing twice, nothing changed. */
async function checkKillAndRestart(): Promise<void> {
  const before = textOf(await oursIn('pe1'))
  const sids = (await pe1.sids()).map((s) => `${s.vrf} ${s.behavior} ${s.sid}`).sort()
  const pings = FAMILIES.flatMap((f) => [
    new ContinuousPing(ceOf('red', 1), site(2, f).ce, site(1, f).ce),
    new ContinuousPing(ceOf('blue', 2), site(1, f).ce, site(2, f).ce),
    new ContinuousPing(ceOf('red', 2), learnedHost(f), site(2, f).ce),
  ])
  await checks.check('killed with SIGKILL: the kernel keeps every route and SID', async () => {
    for (const each of pings) await each.answered(5, checks.patience)
    await pe1.kill()
    await sleep(2)
    const left = textOf(await oursIn('pe1'))
    if (left.join() !== before.join())
      throw new Error(difference(before.join('\n'), left.join('\n')))
    await foreignRoutesStay()
    return `${left.length} routes`
  })
  await checks.check('started again: sessions come up', async () => {
    await pe1.start()
    await waitUntil('session', checks.patience, () => pe1.session())
    for (const f of FAMILIES) {
      await waitUntil(site(1, f).pe, checks.patience, () => gobgp.session(site(1, f).pe))
      await waitUntil(learned(f), checks.patience, () => learnedAtPe2(f))
    }
  })
  await checks.check('started again: the same routes, none twice', async () => {
    await waitUntil('the routes of before', checks.patience, async () => {
      const now = textOf(await oursIn('pe1'))
      if (now.join() === before.join()) return undefined
      return difference(before.join('\n'), now.join('\n')) || `twice: ${now.join('; ')}`
    })
    await sleep(4) // what a sweep would take away late
    const now = textOf(await oursIn('pe1'))
    if (now.join() !== before.join()) throw new Error(difference(before.join('\n'), now.join('\n')))
  })
  await checks.check('started again: the same SIDs', async () => {
    const now = (await pe1.sids()).map((s) => `${s.vrf} ${s.behavior} ${s.sid}`).sort()
    if (now.join() !== sids.join()) throw new Error(`${now.join(', ')}; before ${sids.join(', ')}`)
    return sids.join(', ')
  })
  await checks.check('killed and started again: every ping is answered', async () => {
    for (const each of pings) await each.answered(10, checks.patience)
  })
  const results = await Promise.all(pings.map((p) => p.stop()))
  for (const [i, r] of results.entries()) {
    const name = `killed and started again: no packet lost to ${pings[i]!.target} (${i})`
    await checks.check(name, async () => {
      if (r.lost.length > 0) throw new Error(`${r.lost.length} of ${r.sent}: ${r.lost.join(' ')}`)
      return `${r.received} of ${r.sent}`
    })
  }
}

async function checkStops(): Promise<void> {
  await checks.check('stopped with on-stop: keep: its routes stay in the kernel', async () => {
    const before = textOf(await oursIn('pe1'))
    await pe1.stop()
    const after = textOf(await oursIn('pe1'))
    if (after.join() !== before.join()) {
      throw new Error(difference(before.join('\n'), after.join('\n')))
    }
    await foreignRoutesStay()
    return `${after.length} routes`
  })
  await checks.check(
    'started with a mistake over kept routes: exits, the kernel is untouched',
    () => refusesBadConfig(pe1),
  )
  await checks.check(
    'started with encapsulation: encap: routes change to it, pings go on',
    async () => {
      pe1.configure({ encapsulation: 'encap', onStop: 'remove' })
      await pe1.start()
      await awaitRemoteRoutes(1, checks.patience)
      await waitUntil('mode encap', checks.patience, async () => {
        const seg6 = (await oursIn('pe1')).filter((r) => r.encap === 'seg6')
        const other = seg6.filter((r) => r.mode !== 'encap')
        if (seg6.length > 0 && other.length === 0) return undefined
        return textOf(other).join('; ') || 'no seg6 route'
      })
      for (const f of FAMILIES) {
        await waitUntil(`IPv${f}`, checks.patience, async () => {
          const p = await ping('ce1', site(2, f).ce, site(1, f).ce)
          return p.reached ? undefined : p.text
        })
      }
    },
  )
  await checks.check('stopped with on-stop: remove: nothing of ours stays', async () => {
    const addresses = await globalAddresses('pe1')
    await pe1.stop()
    const left = textOf(await oursIn('pe1'))
    if (left.length > 0) throw new Error(left.join('; '))
    const rules = await rulesIn('pe1')
    if (rules.join() !== rulesBefore.join()) throw new Error(`rules: ${rules.join('; ')}`)
    const links = await must(['ip', '-n', 'pe1', '-br', 'link'])
    if (/^(sr|vrf-)/m.test(links)) throw new Error(`links: ${links}`)
    await foreignRoutesStay()
    const now = await globalAddresses('pe1')
    if (now !== addresses) throw new Error(`addresses: ${difference(addresses, now)}`)
  })
  await checks.check("stopped: its routes leave the other PE's kernel", () =>
    awaitNoRemoteRoutes(2, checks.patience),
  )
}

await inSandbox(async () => {
  const watchers = await prepare()
  say('network and captures are up')
  rulesBefore = await rulesIn('pe1')
  await checks.check('started with a mistake in its configuration: exits, touches nothing', () =>
    refusesBadConfig(pe1),
  )
  if (await checkConvergence()) {
    await checkReachability(checks)
    await checkIsolation(checks, watchers)
    await checkCoreIsHidden(checks)
    await checkPathMtu(checks, 40)
    await checks.check('routes of somebody else are still in the VRF tables', foreignRoutesStay)
    await checkGobgpCe(watchers)
    await checkSecondCe()
    await checkKillAndRestart()
    await checkStops()
  }
  if (checks.failed > 0) {
    for (const pe of [pe1, pe2]) for (const [log, text] of pe.logs()) emit({ log, tail: text })
    emit({ log: `gobgpd (${routerId(1)})`, tail: tail(gobgp.output(), 30) })
    for (const n of ['pe1', 'pe2']) emit({ log: `kernel of ${n}`, tail: await kernelState(n) })
  }
  return checks.finish()
})
