/** Two PEs of which pe1 has FRR's zebra, and routes set by hand, beside srv6d. */
import { Checks } from './checks.ts'
import { prepareFrr } from './frr.ts'
import { Igp } from './igp.ts'
import { allRoutes, describeRoute } from './kernel-view.ts'
import { buildNetwork, coreGateway, locatorOf, loopback, site } from './network.ts'
import { ping } from './ping.ts'
import { mountRoot } from './roots.ts'
import { Srv6dPe } from './srv6d.ts'
import { ipBatch } from './topology.ts'
import { waitUntil } from './wait-until.ts'

export const FAMILIES = [4, 6] as const

export const checks = new Checks()
export const base = { as: 65000, peerAs: 65000, usid: false, sid: 'per-vrf' as const }
export const pe1 = new Srv6dPe({ ...base, side: 1 })
export const pe2 = new Srv6dPe({ ...base, side: 2 })
const [root = '/', only = ''] = process.argv.slice(2)

export { only }
export const igp = { root, redistribute: [] as string[] }
export const zebra = new Igp({
  ...igp,
  namespace: 'pe1',
  routerId: '192.0.2.1',
  interfaces: ['core'],
  statics: `ipv6 route 2001:db8:88::/64 ${coreGateway(1)}
vrf vrf-blue
 ip route 10.88.0.0/24 blackhole
 ipv6 route 2001:db8:89::/64 blackhole
exit-vrf
`,
})
export const zebraOfP = new Igp({
  ...igp,
  namespace: 'p',
  routerId: '192.0.2.100',
  interfaces: ['pe1'],
  redistribute: ['kernel'],
})

export const ip = (...lines: string[]) => ipBatch('pe1', ...lines)

/** Ours in pe1's kernel, without ids of objects. */
export async function ours(): Promise<string> {
  const routes = (await allRoutes('pe1')).filter((r) => r.protocol === pe1.protocol)
  return routes
    .map((r) => `${describeRoute(r)} metric ${r.metric}`)
    .sort()
    .join('\n')
}

/** pe1 has the other site's prefixes, each before a route of somebody else. */
export function awaitOurs(): Promise<void> {
  return waitUntil('pe1: the routes of site 2', checks.patience, async () => {
    const text = await ours()
    const wanted = FAMILIES.flatMap((f) => [site(2, f).prefix, site(2, f).behindPrefix])
    return wanted.find((prefix) => !text.includes(`${prefix} seg6`))
  })
}

/** Everybody else's, but for what the kernel makes by itself of addresses. */
export async function others(): Promise<string> {
  const routes = (await allRoutes('pe1')).filter(
    (r) => ![pe1.protocol, 'kernel', 'ra'].includes(r.protocol ?? 'boot'),
  )
  return routes
    .map((r) => `${describeRoute(r)} metric ${r.metric}`)
    .sort()
    .join('\n')
}

export async function prepare(): Promise<void> {
  await mountRoot(root)
  await prepareFrr(root)
  await buildNetwork({ vrfDevicesOn: [] })
  // pe1 learns these from OSPFv3.
  await ip(`route del ${loopback(2)}/128`, `route del ${locatorOf(2)}`)
  const manual = FAMILIES.flatMap((family) => {
    const prefix = family === 4 ? '10.77.0.0/24' : '2001:db8:77::/64'
    return [
      `route add blackhole ${prefix} table 10`,
      `route add blackhole ${prefix} table 254`,
      // Behind ours, of the same prefix.
      `route add blackhole ${site(2, family).prefix} table 10 metric 9999`,
    ]
  })
  await ip(...manual)
}

export async function reaches(): Promise<string | undefined> {
  for (const family of FAMILIES) {
    const p = await ping('ce1', site(2, family).ce, site(1, family).ce)
    if (!p.reached) return `IPv${family}: ${p.text.split('\n').slice(-2).join(' ')}`
  }
  return undefined
}
