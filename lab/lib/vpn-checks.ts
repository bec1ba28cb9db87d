/** The checks every pair of PEs must pass, whichever programs they are. */
import { Capture } from './capture.ts'
import type { Checks } from './checks.ts'
import { describeRoute, routesOf } from './kernel-view.ts'
import {
  CUSTOMERS,
  type Customer,
  ceOf,
  coreGateway,
  locatorOf,
  loopback,
  OWN_HOST,
  otherSide,
  peOf,
  type Side,
  site,
  TABLE,
} from './network.ts'
import { ping } from './ping.ts'
import { waitUntil } from './wait-until.ts'

const FAMILIES = [4, 6] as const
const SIDES = [1, 2] as const

/** Captures on all CEs. */
export class Watchers {
  readonly #captures = new Map<string, Capture>()

  static async start(): Promise<Watchers> {
    const w = new Watchers()
    const names = SIDES.flatMap((side) => CUSTOMERS.map((c) => ceOf(c, side)))
    const made = await Promise.all(names.map((n) => Capture.start(n, 'pe')))
    for (const c of made) w.#captures.set(c.namespace, c)
    return w
  }

  at(namespace: string): Capture {
    return this.#captures.get(namespace)!
  }
}

/** Undefined if the VRF's kernel table on `side` holds an SRv6 route to each prefix; else which not. */
export async function remoteRoutes(
  side: Side,
  customer: Customer,
  family: 4 | 6,
  prefixes: string[],
): Promise<string | undefined> {
  const routes = await routesOf(peOf(side), TABLE[customer], family)
  const block = locatorOf(otherSide(side)).replace('::/48', ':')
  for (const prefix of prefixes) {
    const found = routes.filter((r) => r.dst === prefix)
    if (!found.some((r) => r.encap === 'seg6' && r.segs?.[0]?.startsWith(block))) {
      const seen = routes.map(describeRoute).join('; ')
      return `${peOf(side)} ${customer} ${prefix}: ${seen || 'an empty table'}`
    }
    if (found.length > 1) return `${prefix} twice: ${found.map(describeRoute).join('; ')}`
  }
  return undefined
}

/** Waits until the kernel of `side` has the other site's prefixes of every customer. */
export async function awaitRemoteRoutes(side: Side, seconds: number): Promise<void> {
  for (const customer of CUSTOMERS) {
    for (const family of FAMILIES) {
      const far = site(otherSide(side), family)
      const prefixes = [far.prefix, far.behindPrefix]
      const what = `${peOf(side)}: kernel routes of ${customer} to ${prefixes.join(', ')}`
      await waitUntil(what, seconds, () => remoteRoutes(side, customer, family, prefixes))
    }
  }
}

/** Waits until no SRv6 route of any customer is left in the kernel of `side`. */
export async function awaitNoRemoteRoutes(side: Side, seconds: number): Promise<void> {
  for (const customer of CUSTOMERS) {
    for (const family of FAMILIES) {
      await waitUntil(`${peOf(side)}: no SRv6 route in ${customer}`, seconds, async () => {
        const routes = await routesOf(peOf(side), TABLE[customer], family)
        const left = routes.filter((r) => r.encap === 'seg6')
        return left.length === 0 ? undefined : left.map(describeRoute).join('; ')
      })
    }
  }
}

async function mustReach(from: string, to: string, source: string, seconds: number): Promise<void> {
  await waitUntil(`${from} reaches ${to} from ${source}`, seconds, async () => {
    const p = await ping(from, to, source)
    return p.reached ? undefined : p.text.split('\n').slice(-3).join(' ')
  })
}

/** Pings that must arrive: each customer, both directions, both families. */
export async function checkReachability(checks: Checks): Promise<void> {
  for (const customer of CUSTOMERS) {
    for (const family of FAMILIES) {
      const name = `${customer} IPv${family}: sites 1 and 2 reach each other, both ways`
      await checks.check(name, async () => {
        const pairs = SIDES.map((side) => {
          const [near, far] = [site(side, family), site(otherSide(side), family)]
          const ce = ceOf(customer, side)
          return Promise.all([
            mustReach(ce, far.ce, near.ce, checks.patience),
            mustReach(ce, far.behind, near.behind, checks.patience),
          ])
        })
        await Promise.all(pairs)
      })
    }
  }
}

/** Pings that must not: the other customer's host, and the provider's own addresses. */
export async function checkIsolation(checks: Checks, watchers: Watchers): Promise<void> {
  for (const [customer, other] of [
    ['red', 'blue'],
    ['blue', 'red'],
  ] as const) {
    for (const family of FAMILIES) {
      const own = site(2, family).host(OWN_HOST[customer])
      const foreign = site(2, family).host(OWN_HOST[other])
      const name = `${customer} IPv${family}: reaches its own ${own}, not ${other}'s ${foreign}`
      await checks.check(name, () => checkOneIsolation(customer, other, own, foreign, family))
    }
  }

  async function checkOneIsolation(
    customer: Customer,
    other: Customer,
    own: string,
    foreign: string,
    family: 4 | 6,
  ): Promise<string> {
    const from = ceOf(customer, 1)
    const source = site(1, family).ce
    const [ownCe, otherCe] = [watchers.at(ceOf(customer, 2)), watchers.at(ceOf(other, 2))]
    const [ownMark, otherMark] = [ownCe.mark(), otherCe.mark()]
    await mustReach(from, own, source, checks.patience)
    const requests = (lines: string[]) =>
      lines.filter((l) => l.includes(` > ${own}:`) || l.includes(` > ${foreign}:`))
    const what = `${own}'s request is seen at ${ceOf(customer, 2)}`
    await waitUntil(what, checks.patience, async () =>
      requests(await ownCe.since(ownMark, 0)).length > 0 ? undefined : 'nothing',
    )
    const p = await ping(from, foreign, source, 2, 1)
    if (p.reached) throw new Error(`${foreign} answered: ${p.text}`)
    const leaked = requests(await otherCe.since(otherMark))
    if (leaked.length > 0) throw new Error(`seen at ${ceOf(other, 2)}: ${leaked.join('; ')}`)
    const seen = requests(await ownCe.since(ownMark, 0)).length
    return `${seen} requests seen at ${ceOf(customer, 2)}, none at ${ceOf(other, 2)}`
  }
}

/** A customer must not reach an address of the core: loopbacks, links, SIDs. */
export async function checkCoreIsHidden(checks: Checks): Promise<void> {
  await checks.check('a customer reaches no address of the core', async () => {
    const targets = SIDES.flatMap((side) => {
      const sid = locatorOf(side).replace('::/48', ':1::')
      return [loopback(side), coreGateway(side), sid]
    })
    const all = targets.map(async (to) => {
      const p = await ping('ce1', to, site(1, 6).ce, 1, 1)
      return p.reached ? to : ''
    })
    const reached = (await Promise.all(all)).filter((t) => t !== '')
    if (reached.length > 0) throw new Error(`ce1 reached ${reached.join(', ')}`)
    return `not reached: ${targets.join(', ')}`
  })
}

/** A prefix given by `remove` on one side must leave the other's kernel, and only that prefix. */
export async function checkWithdraw(
  checks: Checks,
  name: string,
  at: Side,
  prefixOf: (family: 4 | 6) => string,
  remove: () => Promise<void>,
  seconds: number,
): Promise<void> {
  await checks.check(name, async () => {
    await remove()
    for (const family of FAMILIES) {
      const prefix = prefixOf(family)
      await waitUntil(`${prefix} gone from ${peOf(at)}`, seconds, async () => {
        const routes = await routesOf(peOf(at), TABLE.red, family)
        const left = routes.filter((r) => r.dst === prefix)
        return left.length === 0 ? undefined : left.map(describeRoute).join('; ')
      })
    }
    for (const family of FAMILIES) {
      const kept = [site(otherSide(at), family).prefix]
      const missing = await remoteRoutes(at, 'red', family, kept)
      if (missing) throw new Error(`went with it: ${missing}`)
    }
  })
}
