/**
 * srv6d and FRR as the two PEs, through every combination of session, SIDs and locators:
 *
 *   ce1, ce2 --- pe1 srv6d ---- p ---- pe2 FRR --- ce3, ce4
 *
 *   frr-interop.mjs ROOT COMBINATION...
 *
 * ROOT is a root made by lab/root, or '/'. A COMBINATION is ibgp or ebgp, then FRR's SIDs, then
 * srv6d's: ibgp/dt46/per-vrf, ebgp/udt4udt6/per-family, … `--pe1 frr` puts FRR on both sides, which
 * tests the lab itself.
 */
import { Checks, emit, say } from './lib/checks.ts'
import { FrrPe, prepareFrr } from './lib/frr.ts'
import { routesOf } from './lib/kernel-view.ts'
import { buildNetwork, CUSTOMERS, type Side, site, TABLE } from './lib/network.ts'
import { type Pe, type PeOptions, rdOf, type SidMode } from './lib/pe.ts'
import { mountRoot } from './lib/roots.ts'
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
import { waitUntil } from './lib/wait-until.ts'

const FAMILIES = [4, 6] as const

/** Behaviours of each VRF of srv6d's: one CE in both families. */
const SIDS_OF: Record<SidMode, string[]> = {
  'per-vrf': ['DT46'],
  'per-family': ['DT4', 'DT6'],
  'per-ce': ['DT4', 'DT6', 'DX4', 'DX6'],
  'per-prefix': ['DT4', 'DT6', 'DX4', 'DX6'],
}

interface Combination {
  name: string
  ebgp: boolean
  usid: boolean
  frrSid: SidMode
  srv6dSid: SidMode
}

function parseCombination(name: string): Combination {
  const [session, frr, srv6d] = name.split('/')
  if (!/^[ei]bgp$/.test(session!) || !/^u?(dt46|dt4u?dt6)$/.test(frr!) || !srv6d) {
    throw new Error(
      `combination ${name}: expected ibgp|ebgp/[u]dt46|[u]dt4[u]dt6/per-vrf|per-family|per-ce`,
    )
  }
  return {
    name,
    ebgp: session === 'ebgp',
    usid: frr!.startsWith('u'),
    frrSid: frr!.endsWith('dt46') ? 'per-vrf' : 'per-family',
    srv6dSid: srv6d as SidMode,
  }
}

function optionsOf(c: Combination, side: Side, sid: SidMode): PeOptions {
  const as = (s: Side) => (c.ebgp && s === 2 ? 65001 : 65000)
  return { side, as: as(side), peerAs: as(side === 1 ? 2 : 1), sid, usid: c.usid }
}

async function checkRoutes(checks: Checks, pe1: Pe, pe2: FrrPe): Promise<boolean> {
  const session = await checks.check('the session comes up', () =>
    waitUntil(
      'session',
      checks.patience,
      async () => (await pe1.session()) ?? (await pe2.session()),
    ),
  )
  if (!session) return false // nothing to wait for
  for (const family of FAMILIES) {
    const near = site(1, family)
    const prefixes = [near.prefix, near.behindPrefix]
    await checks.check(`FRR: VPNv${family} routes of pe1 are valid and selected`, async () => {
      const wanted = CUSTOMERS.flatMap((c) =>
        prefixes.map((prefix) => ({ rd: rdOf(1, TABLE[c]), prefix })),
      )
      await waitUntil(`VPNv${family}`, checks.patience, () => pe2.vpnRoutes(family, wanted))
    })
    await checks.check(`FRR: zebra has installed pe1's IPv${family} routes`, async () => {
      for (const c of CUSTOMERS) {
        const vrf = `vrf-${c}`
        await waitUntil(vrf, checks.patience, () => pe2.zebraRoutes(family, vrf, prefixes))
      }
    })
  }
  await checks.check("pe2's kernel has pe1's prefixes by SRv6, both customers", () =>
    awaitRemoteRoutes(2, checks.patience),
  )
  await checks.check("pe1's kernel has pe2's prefixes by SRv6, both customers", () =>
    awaitRemoteRoutes(1, checks.patience),
  )
  return true
}

/** The SIDs srv6d says it has are the kernel's, with the behaviours that were asked for. */
async function checkSids(checks: Checks, pe1: Pe, c: Combination): Promise<void> {
  if (!(pe1 instanceof Srv6dPe)) return
  await checks.check(`srv6d: SIDs ${c.srv6dSid}${c.usid ? ', NEXT-CSID' : ''}`, async () => {
    const sids = await pe1.sids()
    const plain = SIDS_OF[c.srv6dSid]
    const wanted = plain.map((b) => (c.usid ? `u${b}` : `End.${b}`))
    const expected = CUSTOMERS.flatMap((v) => wanted.map((b) => `${v} ${b} installed`)).sort()
    const said = sids.map((s) => `${s.vrf} ${s.behavior} ${s.state}`).sort()
    if (said.join() !== expected.join()) {
      throw new Error(`srv6d says ${said.join(', ')}, expected ${expected.join(', ')}`)
    }
    const local = (await routesOf('pe1', 'all', 6)).filter((r) => r.encap === 'seg6local')
    for (const s of sids) {
      if (!local.some((r) => r.dst.replace(/\/\d+$/, '') === s.sid)) {
        throw new Error(`${s.sid} is not among the kernel's ${local.map((r) => r.dst).join(', ')}`)
      }
    }
    return sids.map((s) => `${s.sid} ${s.behavior} ${s.vrf}`).join(', ')
  })
}

/** Networks that come and go: one of each PE's interface, one route behind FRR. */
async function checkWithdraws(checks: Checks): Promise<void> {
  const spare = (action: 'add' | 'del', side: Side) => {
    const nodad = action === 'add' ? ' nodad' : ''
    const v4 = `addr ${action} ${site(side, 4).sparePe} dev red`
    return ipBatch(`pe${side}`, v4, `addr ${action} ${site(side, 6).sparePe} dev red${nodad}`)
  }
  await checks.check('networks added to an interface of each PE come to the other', async () => {
    await spare('add', 1)
    await spare('add', 2)
    for (const side of [1, 2] as const) {
      for (const family of FAMILIES) {
        const prefix = site(side === 1 ? 2 : 1, family).spare
        await waitUntil(`${prefix} at pe${side}`, checks.patience, async () => {
          const routes = await routesOf(`pe${side}`, TABLE.red, family)
          return routes.some((r) => r.dst === prefix && r.segs)
            ? undefined
            : routes.map((r) => r.dst).join(' ')
        })
      }
    }
  })
  const sparePrefix = (side: Side) => (family: 4 | 6) => site(side, family).spare
  const away = (side: Side) => () => spare('del', side)
  const text = (a: string, b: string) => `a network taken away at ${a} is gone from ${b}'s kernel`
  await checkWithdraw(checks, text('pe1', 'pe2'), 2, sparePrefix(1), away(1), checks.patience)
  await checkWithdraw(checks, text('pe2', 'pe1'), 1, sparePrefix(2), away(2), checks.patience)
  await checkWithdraw(
    checks,
    "a route deleted behind FRR is gone from pe1's kernel",
    1,
    (family) => site(2, family).behindPrefix,
    () => behindPe2('del'),
    checks.patience,
  )
  await behindPe2('add')
}

async function behindPe2(action: 'add' | 'del'): Promise<void> {
  const lines = FAMILIES.map((f) => {
    const s = site(2, f)
    return `route ${action} ${s.behindPrefix} via ${s.ce} table ${TABLE.red}`
  })
  await ipBatch('pe2', ...lines)
}

/** The session's end, from either side, takes the routes with it; and they come back. */
async function checkSessionEnds(checks: Checks, pe1: Pe, pe2: FrrPe): Promise<void> {
  await checks.check("FRR's bgpd killed: its routes leave pe1's kernel", async () => {
    await pe2.kill()
    await awaitNoRemoteRoutes(1, checks.patience)
  })
  await checks.check('bgpd started again: the routes are back in both kernels', async () => {
    await pe2.revive()
    await awaitRemoteRoutes(1, checks.patience)
    await awaitRemoteRoutes(2, checks.patience)
  })
  await checks.check(`${pe1.program} stopped: its routes leave pe2's kernel`, async () => {
    await pe1.stop()
    await awaitNoRemoteRoutes(2, checks.patience)
  })
}

async function runCombination(
  checks: Checks,
  c: Combination,
  root: string,
  version: string,
  both: boolean,
  watchers: Watchers,
): Promise<void> {
  checks.prefix = `FRR ${version} ${c.name}: `
  const pe2 = new FrrPe({ ...optionsOf(c, 2, c.frrSid), root }, version)
  const pe1: Pe = both
    ? new FrrPe({ ...optionsOf(c, 1, c.frrSid), root }, version)
    : new Srv6dPe({ ...optionsOf(c, 1, c.srv6dSid), onStop: 'remove' })
  const failedBefore = checks.failed
  checks.onFailure = async () => emit({ log: `pe2 ${pe2.program}`, tail: await pe2.state() })
  try {
    const up = await checks.check('both PEs start', async () => {
      await Promise.all([pe1.start(), pe2.start()])
    })
    if (up && (await checkRoutes(checks, pe1, pe2))) {
      await checkSids(checks, pe1, c)
      await checkReachability(checks)
      await checkIsolation(checks, watchers)
      await checkCoreIsHidden(checks)
      await checkWithdraws(checks)
      await checkSessionEnds(checks, pe1, pe2)
    }
  } finally {
    if (checks.failed > failedBefore) {
      for (const [log, tail] of [...pe1.logs(), ...pe2.logs()]) emit({ log, tail })
    }
    await pe1.stop().catch((e: Error) => checks.note(e.message))
    await pe2.stop()
  }
}

await inSandbox(async () => {
  const args = process.argv.slice(2)
  const both = args[0] === '--pe1'
  const [root, ...names] = both ? args.slice(2) : args
  const checks = new Checks()
  await mountRoot(root!)
  const version = await prepareFrr(root!)
  say(`FRR ${version} from ${root}`)
  emit({ note: `FRR ${version}` })
  await buildNetwork({ vrfDevicesOn: both ? [1, 2] : [2] })
  const watchers = await Watchers.start()
  say('network and captures are up')
  for (const c of names.map(parseCombination)) {
    await runCombination(checks, c, root!, version, both, watchers)
  }
  return checks.finish()
})
