/** The demo, inside its sandbox: two customers with the same addresses over one SRv6 core. */
import { existsSync } from 'node:fs'
import { bold, conclude, type Outcome, out, showCli, showIp, step } from './lib/demo-output.ts'
import { keepUp } from './lib/keep-up.ts'
import {
  buildNetwork,
  CUSTOMERS,
  type Customer,
  ceOf,
  locatorOf,
  loopback,
  OWN_HOST,
  otherSide,
  type Side,
  site,
} from './lib/network.ts'
import { tail } from './lib/pe.ts'
import { echoRequests, ping } from './lib/ping.ts'
import { inSandbox, LOGS, wasInterrupted } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { awaitRemoteRoutes } from './lib/vpn-checks.ts'
import { waitUntil } from './lib/wait-until.ts'

const DRAWING = `
  customer red   ce1 --\\                                              /-- ce3   customer red
  10.1.0.0/24           \\                                            /          10.2.0.0/24
  2001:db8:1::/64        pe1 srv6d -------- p -------- pe2 srv6d ---<           2001:db8:2::/64
                        /  fcbb:bb00:1::/48       fcbb:bb00:2::/48   \\
  customer blue  ce2 --/               IPv6 only                      \\-- ce4   customer blue
  the same prefixes                                                             the same prefixes
`
const FAMILIES = [4, 6] as const
const NAMESPACES = ['pe1', 'ce1', 'ce2', 'p', 'pe2', 'ce3', 'ce4']
const TRIES = [
  'pe1 srv6d-cli show routes vrf red',
  'ce1 ping -c 3 10.2.0.1',
  'pe1 ip route show table 10',
]
interface Row {
  from: string
  to: string
  what: string
  wanted: boolean
  reached: boolean
  /** Whether a request was seen where it must not be; undefined where nobody watched. */
  leaked?: boolean
}

const ok = (r: Row) => r.reached === r.wanted && !r.leaked

/** Pings that must arrive: both directions, both families, both customers. */
async function reachRows(): Promise<Row[]> {
  const rows: Promise<Row>[] = []
  for (const customer of CUSTOMERS) {
    for (const side of [1, 2] as Side[]) {
      for (const family of FAMILIES) {
        const [near, far] = [site(side, family), site(otherSide(side), family)]
        const from = ceOf(customer, side)
        const target = ceOf(customer, otherSide(side))
        rows.push(reach(from, near.ce, far.ce, `${customer}'s other site, ${target}`))
        rows.push(reach(from, near.behind, far.behind, `a static route behind ${target}`))
      }
    }
  }
  return Promise.all(rows)
}

async function reach(from: string, source: string, to: string, what: string): Promise<Row> {
  let reached = false
  await waitUntil(to, 10, async () => {
    reached = (await ping(from, to, source)).reached
    return reached ? undefined : 'no answer'
  }).catch(() => {})
  return { from, to, what, wanted: true, reached }
}

/** Pings that must not arrive: the other customer's own host, and the core. */
async function hiddenRows(): Promise<Row[]> {
  const rows: Row[] = []
  for (const [customer, other] of [
    ['red', 'blue'],
    ['blue', 'red'],
  ] as [Customer, Customer][]) {
    for (const family of FAMILIES) {
      const to = site(2, family).host(OWN_HOST[other])
      const before = await echoRequests(ceOf(other, 2))
      const p = await ping(ceOf(customer, 1), to, site(1, family).ce, 2, 1)
      const leaked = (await echoRequests(ceOf(other, 2))) > before
      const what = `${other}'s host on ${ceOf(other, 2)}`
      rows.push({ from: ceOf(customer, 1), to, what, wanted: false, reached: p.reached, leaked })
    }
  }
  const core = [
    [loopback(2), 'pe2 itself'],
    [locatorOf(2).replace('::/48', ':1::'), "a SID of pe2's locator"],
  ] as const
  for (const [to, what] of core) {
    const p = await ping('ce1', to, site(1, 6).ce, 1, 1)
    rows.push({ from: 'ce1', to, what, wanted: false, reached: p.reached })
  }
  return rows
}

function resultOf(r: Row): string {
  if (r.leaked) return 'the packet came there'
  if (r.reached) return 'reached'
  return r.leaked === false ? 'never came there' : 'no answer'
}

const outcomeOf = (r: Row): Outcome => ({
  ...{ from: r.from, to: r.to, what: r.what, result: resultOf(r), ok: ok(r) },
  wanted: r.wanted ? 'must reach' : 'must not reach',
})

await inSandbox(async () => {
  const keep = process.argv.includes('--keep')
  out(bold('\nTwo customers with the same addresses, one SRv6 core'))
  out(DRAWING)
  const base = { as: 65000, peerAs: 65000, usid: false }
  const pe1 = new Srv6dPe({ ...base, side: 1, sid: 'per-vrf', onStop: 'remove' })
  const pe2 = new Srv6dPe({ ...base, side: 2, sid: 'per-family', onStop: 'remove' })
  try {
    await step('seven namespaces, their links and addresses', () =>
      buildNetwork({ vrfDevicesOn: [] }),
    )
    await step('srv6d started on pe1 and pe2', () => Promise.all([pe1.start(), pe2.start()]))
    await step('BGP session over the IPv6 core', () =>
      waitUntil('the session', 60, () => pe1.session()),
    )
    await step("each kernel holds the other site's routes, red and blue", () =>
      Promise.all([awaitRemoteRoutes(1, 60), awaitRemoteRoutes(2, 60)]),
    )
    const rows = await step('pings that must arrive', reachRows)
    rows.push(...(await step('pings that must not', hiddenRows)))
    await showCli(pe1, 'pe1', 'show', 'routes')
    await showCli(pe1, 'pe1', 'show', 'sids')
    await showIp('pe1', `route show table 10 ${site(2, 4).prefix}`)
    const status = conclude(rows.map(outcomeOf), 'pings')
    if (keep) await keepUp(NAMESPACES, TRIES)
    return status
  } catch (e) {
    if (wasInterrupted()) return 130
    out(`\nThe demo failed: ${(e as Error).message}`)
    for (const pe of [pe1, pe2]) {
      for (const [log, text] of pe.logs()) out(`\n--- ${log}\n${tail(text, 25)}`)
    }
    if (existsSync(`${LOGS}/pe1.yaml`)) out(`(configuration: ${LOGS}/pe1.yaml)`)
    return 1
  }
})
