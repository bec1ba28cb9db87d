/**
 * Packets while a locator is lost and found, over groups of nexthop objects of this machine's
 * kernel: a PE without VRF devices between a customer and two egress routers
 * (bench/failover/network.ts), its tables fed without BGP.
 */
import t from 'tap'
import { build, hostOf, ip, locator, Probe, sidOf, sysctl } from '../../bench/failover/network.ts'
import { Pe } from '../../bench/failover/pe.ts'
import { waitUntil } from '../../lab/lib/wait-until.ts'
import { inOwnNamespace } from '../support/namespace.ts'

const RATE = 1000
const HOSTS = 32

type Report = { seen: [number: number, at: number][] }

const until = (what: string, holds: () => boolean): Promise<void> =>
  waitUntil(what, 120, async () => (holds() ? undefined : 'not yet'), 0.01)

/** A flow to many addresses, and what arrives of it. */
class Flow {
  readonly #sender: Probe
  readonly #receivers = [new Probe('e1', ['receive']), new Probe('e2', ['receive'])] as const

  constructor(family: 4 | 6) {
    const hosts = Array.from({ length: HOSTS }, (_, n) => hostOf(family, n))
    this.#sender = new Probe('src', ['send', String(RATE), ...hosts])
  }

  async start(): Promise<void> {
    await this.#sender.ask('start')
    await this.pass()
  }

  /** How many of those sent from now on come to each egress router, until each host has had some. */
  async pass(): Promise<[number, number]> {
    const from = await this.#sender.ask<number>('sent')
    const came: [number, number] = [0, 0]
    await waitUntil('packets arrive', 120, async () => {
      for (const [k, receiver] of this.#receivers.entries()) {
        const { seen } = await receiver.ask<Report>('report')
        came[k]! += seen.filter(([number]) => number >= from).length
      }
      return came[0] + came[1] < 4 * HOSTS ? came.join(' and ') : undefined
    })
    return came
  }

  /** Until it passes as wanted. */
  async becomes(wanted: (one: number, two: number) => boolean): Promise<void> {
    await waitUntil('as wanted', 120, async () => {
      const came = await this.pass()
      return wanted(...came) ? undefined : came.join(' and ')
    })
  }

  stop(): void {
    for (const probe of [this.#sender, ...this.#receivers]) probe.stop()
  }
}

const routes = () =>
  ['-4', '-6'].flatMap((family) =>
    ip(`${family} route show table 100`)
      .split('\n')
      .filter((line) => line.includes('nhid') && /^(11\.|2a00)/.test(line))
      .map((line) => line.replace(/^(\S+) nhid (\d+).*/, '$1 $2')),
  )

async function inNamespace(): Promise<void> {
  await build()

  for (const family of [4, 6] as const) {
    await t.test(`IPv${family}: one locator lost: one message, no route touched`, async (t) => {
      const pe = new Pe()
      await pe.start()
      for (let n = 0; n < 200; n++) {
        pe.put(family, n, 0, sidOf('e1', family, 1), 200)
        pe.put(family, n, 1, sidOf('e2', family, 1), 100)
      }
      await pe.settled()
      t.equal(ip('nexthop').match(/group/g)?.length, 1)
      const flow = new Flow(family)
      await flow.start()
      t.equal((await flow.pass())[1], 0, 'by the better PE')
      pe.reset()
      await locator('e1', false)
      await until('replaced', () => pe.replacedAt > 0)
      t.equal(pe.writesThen - pe.writesBefore, 1)
      t.equal((await flow.pass())[0], 0, 'the other PE has it')
      await pe.settled()
      t.equal((await flow.pass())[0], 0)
      await locator('e1', true)
      await flow.becomes((_one, two) => two === 0) // back by the better PE
      flow.stop()
      await pe.stop()
      t.same(routes(), [])
      t.equal(ip('nexthop'), '', 'nothing is left behind')
    })

    await t.test(`IPv${family}: two equal paths carry it together`, async (t) => {
      const pe = new Pe(2)
      await pe.start()
      for (let n = 0; n < HOSTS; n++) {
        pe.put(family, n, 0, sidOf('e1', family, 1), 100)
        pe.put(family, n, 1, sidOf('e2', family, 1), 100)
      }
      await pe.settled()
      const flow = new Flow(family)
      await flow.start()
      const [one, two] = await flow.pass()
      t.ok(one > 0 && two > 0, `${one} and ${two}`)
      pe.reset()
      await locator('e2', false)
      await until('replaced', () => pe.replacedAt > 0)
      t.equal(pe.writesThen - pe.writesBefore, 1)
      t.equal((await flow.pass())[1], 0)
      await locator('e2', true)
      await pe.settled()
      flow.stop()
      await pe.stop()
    })
  }

  await t.test(
    'a locator by a nexthop object of others, which takes its routes along',
    async (t) => {
      // Then the kernel says nothing of the routes.
      sysctl('net.ipv4.nexthop_compat_mode=0')
      const prefix = 'fcbb:bb00:2::/48'
      const add = (id: number) => {
        ip(`nexthop add id ${id} via 2001:db8:f1::1 dev core1`)
        ip(`-6 route replace ${prefix} nhid ${id}`)
      }
      ip(`-6 route del ${prefix}`)
      add(77)
      const pe = new Pe()
      await pe.start()
      pe.put(4, 0, 0, sidOf('e1', 4, 1), 200)
      pe.put(4, 0, 1, sidOf('e2', 4, 1), 100)
      await pe.settled()
      const way = () => /nhid \d+/.exec(ip('route show table 100'))?.[0]
      const better = way()
      pe.reset()
      ip('nexthop del id 77')
      await until('replaced', () => pe.replacedAt > 0)
      t.equal(pe.replaced, 1)
      await until('by the other PE', () => way() !== better)
      add(78)
      await until('back by the better PE', () => way() === better)
      await pe.settled()
      pe.reset()
      ip('nexthop del id 78')
      await until('replaced again', () => pe.replacedAt > 0)
      await locator('e1', true)
      sysctl('net.ipv4.nexthop_compat_mode=1')
      await pe.stop()
    },
  )

  await t.test(
    'a restart under traffic: groups are found, nothing is written or lost',
    async (t) => {
      const put = (pe: Pe) => {
        for (let n = 0; n < HOSTS; n++) {
          pe.put(4, n, 0, sidOf('e1', 4, 1), n % 2 === 0 ? 200 : 100)
          pe.put(4, n, 1, sidOf('e2', 4, 1), 100)
        }
      }
      const first = new Pe(2)
      await first.start()
      put(first)
      await first.settled()
      await first.stop(true)
      const there = [routes(), ip('nexthop')]
      const flow = new Flow(4)
      await flow.start()
      const again = new Pe(2)
      await again.start()
      put(again)
      await again.settled()
      await again.sweep()
      t.equal(again.kernel.writes, 0)
      t.same([routes(), ip('nexthop')], there)
      const [one, two] = await flow.pass()
      t.ok(one > two && two > 0)
      flow.stop()
      await again.stop()
    },
  )
}

await inOwnNamespace(t, import.meta.url, inNamespace, ['--mount'])
