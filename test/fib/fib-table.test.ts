import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { type NexthopContent, RouteKind } from '../../src/fib/kernel.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { type NexthopRow, NexthopTable } from '../../src/fib/nexthop-table.ts'
import { LAST_RESORT_METRIC, NEXTHOP_ID_BASE } from '../../src/fib/rtnetlink-constants.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { FakeKernel } from '../support/fake-kernel.ts'

const CORE = 2

function setUp() {
  const kernel = new FakeKernel()
  kernel.addLink('core')
  return { kernel, ...tablesOn(kernel) }
}

/** Another srv6d on the same kernel. */
function tablesOn(kernel: FakeKernel) {
  const clock = new ManualClock()
  const nexthops = new NexthopTable(kernel, silentLogger)
  const fib = new FibTable(kernel, nexthops, silentLogger, clock)
  return { clock, nexthops, fib }
}

function sid(n: number): NexthopContent {
  return { ifindex: CORE, segments: [parseAddress(`fcbb:bb00:${n}:46::`)], mode: 'encap.red' }
}

/** 10.n.0.0/24 */
function net(n: number): Int32Array {
  return Int32Array.of(0x0a000000 | (n << 16))
}

const want = (fib: FibTable, n: number, row: NexthopRow) =>
  fib.want(10, 4, net(n), 0, 24, RouteKind.UNICAST, row)

t.test('a route goes in through a shared nexthop object and out again with it', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const row = nexthops.acquire(sid(2))
  const same = nexthops.acquire({ ...sid(2), segments: [parseAddress('fcbb:bb00:2:46::')] })
  t.equal(same, row, 'equal contents share a row')
  const first = want(fib, 1, row)
  t.equal(fib.stateOf(first), 'pending')
  want(fib, 2, row)
  fib.want(10, 6, Int32Array.of(0x20010db8, 2, 0, 0), 0, 64, RouteKind.UNICAST, row)
  await fib.flush()
  t.equal(fib.stateOf(first), 'installed')
  t.equal(kernel.nexthops.size, 1)
  t.same(kernel.routesOf(10), [
    `10.1.0.0/24 unicast ${NEXTHOP_ID_BASE}`,
    `10.2.0.0/24 unicast ${NEXTHOP_ID_BASE}`,
    `2001:db8:0:2::/64 unicast ${NEXTHOP_ID_BASE}`,
  ])

  nexthops.release(row)
  nexthops.release(same)
  fib.unwant(10, 4, net(1), 0, 24)
  await fib.flush()
  t.equal(kernel.routesOf(10).length, 2, 'the others keep the object')
  fib.unwantAll()
  await fib.flush()
  t.equal(kernel.routes.size, 0)
  t.equal(kernel.nexthops.size, 0)
  t.equal(nexthops.count, 0)
  const deletes = kernel.operations.filter((o) => o.op === 'delete').map((o) => o.what)
  t.same(deletes, ['route', 'route', 'route', 'nexthop'], 'the object goes last')
  t.same(fib.counts, { wanted: 0, installed: 0, failed: 0, stale: 0 })
})

t.test('a change of mind before the flush costs one write or none', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const a = nexthops.acquire(sid(2))
  const b = nexthops.acquire(sid(3))
  want(fib, 1, a)
  want(fib, 1, b)
  want(fib, 1, a)
  want(fib, 2, a)
  fib.unwant(10, 4, net(2), 0, 24)
  await fib.flush()
  t.equal(kernel.operations.filter((o) => o.what === 'route').length, 1)
  want(fib, 1, b)
  want(fib, 1, a)
  await fib.flush()
  t.equal(kernel.operations.filter((o) => o.what === 'route').length, 1, 'back again: nothing')
})

t.test('a default of the customer and the last resort are two routes', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const row = nexthops.acquire(sid(2))
  fib.wantUnreachableDefaults(10)
  fib.want(10, 4, new Int32Array(1), 0, 0, RouteKind.UNICAST, row)
  await fib.flush()
  t.equal(kernel.routesOf(10).filter((line) => line.startsWith('0.0.0.0/0')).length, 2)
  fib.unwant(10, 4, new Int32Array(1), 0, 0)
  await fib.flush()
  const resort = fib.find(10, 4, new Int32Array(1), 0, 0, LAST_RESORT_METRIC)
  t.not(resort, 0)
  t.match(kernel.routesOf(10), ['0.0.0.0/0 unreachable 0', '::/0 unreachable 0'])
})

t.test('a refusal stays with its row until it is tried again', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const row = nexthops.acquire(sid(2))
  kernel.fail = (o) => (o.what === 'route' && o.route.words[0] === net(1)[0] ? Errno.EPERM : 0)
  const refused = want(fib, 1, row)
  const fine = want(fib, 2, row)
  await fib.flush()
  t.equal(fib.stateOf(refused), 'failed')
  t.equal(fib.errnoOf(refused), Errno.EPERM)
  t.equal(fib.stateOf(fine), 'installed')
  t.same([...fib.failedRows()], [refused])
  await fib.flush()
  t.equal(fib.counts.failed, 1, 'a flush alone does not ask again')
  kernel.fail = () => 0
  fib.retryFailed()
  await fib.flush()
  t.equal(fib.stateOf(refused), 'installed')
  t.equal(fib.counts.failed, 0)

  kernel.fail = (o) => (o.op === 'delete' ? Errno.EBUSY : 0)
  fib.unwant(10, 4, net(1), 0, 24)
  await fib.flush()
  t.equal(
    fib.stateOf(fib.find(10, 4, net(1), 0, 24) as never),
    'failed',
    'nor is a delete forgotten',
  )
})

t.test('routes of a nexthop object that is refused carry its errno', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  kernel.linkDown(CORE)
  const row = nexthops.acquire(sid(2))
  const route = want(fib, 1, row)
  await fib.flush()
  t.equal(fib.errnoOf(route), Errno.ENETDOWN)
  t.equal(nexthops.stateOf(row), 'failed')
  kernel.linkList[1]!.up = true
  fib.retryFailed()
  await fib.flush()
  t.equal(fib.stateOf(route), 'installed')
})

t.test('want of memory is tried again by itself', async (t) => {
  const { kernel, nexthops, fib, clock } = setUp()
  const row = nexthops.acquire(sid(2))
  kernel.fail = (o) => (o.what === 'route' ? Errno.ENOMEM : 0)
  const route = want(fib, 1, row)
  await fib.flush()
  t.equal(fib.errnoOf(route), Errno.ENOMEM)
  clock.advance(100)
  await fib.flush()
  t.equal(fib.stateOf(route), 'failed')
  kernel.fail = () => 0
  clock.advance(200)
  await fib.flush()
  t.equal(fib.stateOf(route), 'installed')
  fib.stop()
})

t.test('a route of somebody else in the very place is not replaced', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const theirs = {
    table: 10,
    family: 4,
    bits: 24,
    kind: 6,
    nexthop: 0,
    mtu: 0,
    protocol: 4,
  } as const
  kernel.addForeignRoute({ ...theirs, words: Int32Array.of(net(1)[0]!, 0, 0, 0), metric: 8986 })
  const route = want(fib, 1, nexthops.acquire(sid(2)))
  await fib.flush()
  t.equal(fib.errnoOf(route), Errno.EEXIST)
  t.same(kernel.routesOf(10), ['10.1.0.0/24 blackhole 0'])
  fib.unwantAll()
  await fib.flush()
  t.same(kernel.routesOf(10), ['10.1.0.0/24 blackhole 0'])
})

t.test('ids that others took are passed over, never overwritten', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  kernel.nexthops.set(NEXTHOP_ID_BASE, { id: NEXTHOP_ID_BASE, ifindex: 1 })
  want(fib, 1, nexthops.acquire(sid(2)))
  await fib.flush()
  t.equal(kernel.nexthops.get(NEXTHOP_ID_BASE)?.ifindex, 1)
  t.same(kernel.routesOf(10), [`10.1.0.0/24 unicast ${NEXTHOP_ID_BASE + 1}`])
})

t.test('a second life: what is right is left alone, what nobody wants is swept', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const [a, b] = [nexthops.acquire(sid(2)), nexthops.acquire(sid(3))]
  for (const n of [1, 2, 3]) want(fib, n, a)
  want(fib, 4, b)
  fib.wantUnreachableDefaults(10)
  await fib.flush()

  const next = tablesOn(kernel)
  const before = kernel.operations.length
  const dump = await kernel.dump()
  next.nexthops.adopt(dump.nexthops)
  next.fib.adopt(dump.routes)
  t.equal(next.fib.counts.stale, 6)
  await next.fib.flush()
  t.equal(kernel.operations.length, before, 'adopting writes nothing')

  const again = next.nexthops.acquire(sid(2))
  want(next.fib, 1, again)
  want(next.fib, 2, again)
  want(next.fib, 4, again)
  next.fib.wantUnreachableDefaults(10)
  await next.fib.flush()
  const writes = kernel.operations.slice(before)
  t.equal(writes.length, 1, 'only the route that changed is written')
  t.match(writes[0], { what: 'route', op: 'put' })
  t.equal(kernel.nexthops.size, 2, 'the unused object waits for the sweep')

  t.equal(next.fib.sweep(), 1)
  next.nexthops.sweep()
  await next.fib.flush()
  t.equal(kernel.nexthops.size, 1)
  t.equal(kernel.routesOf(10).length, 5)
  t.equal(next.fib.counts.stale, 0)
})

t.test('two objects of one content in the kernel: one is used, the other swept', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  for (const id of [7, 8]) kernel.nexthops.set(id, { ...sid(2), id })
  nexthops.adopt([...kernel.nexthops.values()])
  want(fib, 1, nexthops.acquire(sid(2)))
  nexthops.sweep()
  await fib.flush()
  t.same([...kernel.nexthops.keys()], [7])
  t.same(kernel.routesOf(10), ['10.1.0.0/24 unicast 7'])
})

t.test('what the kernel dropped with a device comes back by a second look', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const row = nexthops.acquire(sid(2))
  const route = want(fib, 1, row)
  fib.want(10, 6, Int32Array.of(0xfcbbbb00 | 0, 0x20046, 0, 0), 0, 128, RouteKind.THROW, 0)
  await fib.flush()
  kernel.linkDown(CORE)
  t.equal(kernel.routes.size, 1)
  const look = () =>
    fib.exclusively(async () => {
      const dump = await kernel.dump()
      nexthops.resync(dump.nexthops)
      fib.resync(dump.routes)
      fib.retryFailed()
    })
  await look()
  t.equal(fib.errnoOf(route), Errno.ENETDOWN, 'still down: the reason is kept')
  kernel.linkList[1]!.up = true
  await look()
  t.equal(fib.stateOf(route), 'installed')
  t.equal(kernel.routes.size, 2)
  const before = kernel.operations.length
  await look()
  t.equal(kernel.operations.length, before, 'nothing missing, nothing written')
})

t.test('what is asked for while a flush runs is in the kernel when it ends', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const [a, b] = [nexthops.acquire(sid(2)), nexthops.acquire(sid(3))]
  let turns = 0
  kernel.meanwhile = async () => {
    if (++turns === 2) {
      want(fib, 1, b)
      fib.unwant(10, 4, net(2), 0, 24)
      nexthops.release(a)
    }
  }
  want(fib, 1, a)
  want(fib, 2, a)
  await fib.flush()
  t.match(kernel.routesOf(10), [/^10\.1\.0\.0\/24 unicast/])
  t.equal(kernel.nexthops.size, 1, 'the object of the former mind is gone')
  t.same(nexthops.contentOf(b).segments, [parseAddress('fcbb:bb00:3:46::')])
})

t.test('property: after a flush the kernel is what a Map of wishes says', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('want' as const), n: fc.nat(12), via: fc.nat(4) }),
    fc.record({ do: fc.constant('unwant' as const), n: fc.nat(12) }),
    fc.record({ do: fc.constant('flush' as const) }),
    fc.record({ do: fc.constant('restart' as const) }),
    fc.record({ do: fc.constant('down' as const) }),
    fc.record({ do: fc.constant('fault' as const), n: fc.nat(12) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const kernel = new FakeKernel()
      kernel.addLink('core')
      let { fib, nexthops } = tablesOn(kernel)
      const wishes = new Map<number, number>()
      const held = new Map<number, NexthopRow>()
      const wish = (n: number, via: number) => {
        const row = via === 4 ? (0 as NexthopRow) : nexthops.acquire(sid(via))
        fib.want(10, 4, net(n), 0, 24, via === 4 ? RouteKind.BLACKHOLE : RouteKind.UNICAST, row)
        const before = held.get(n)
        if (before) nexthops.release(before)
        held.set(n, row)
      }
      for (const s of steps) {
        if (s.do === 'want') {
          wishes.set(s.n, s.via)
          wish(s.n, s.via)
        } else if (s.do === 'unwant') {
          wishes.delete(s.n)
          fib.unwant(10, 4, net(s.n), 0, 24)
          const before = held.get(s.n)
          if (before) nexthops.release(before)
          held.delete(s.n)
        } else if (s.do === 'flush') await fib.flush()
        else if (s.do === 'fault') {
          kernel.fail = (o) =>
            o.what === 'route' && o.route.words[0] === net(s.n)[0] ? Errno.EPERM : 0
        } else if (s.do === 'down') {
          await fib.flush()
          kernel.linkDown(CORE)
          kernel.linkList[1]!.up = true
          await fib.exclusively(async () => {
            const dump = await kernel.dump()
            nexthops.resync(dump.nexthops)
            fib.resync(dump.routes)
          })
        } else {
          ;({ fib, nexthops } = tablesOn(kernel))
          held.clear()
          const dump = await kernel.dump()
          nexthops.adopt(dump.nexthops)
          fib.adopt(dump.routes)
          for (const [n, via] of wishes) wish(n, via)
        }
      }
      await fib.flush()
      kernel.fail = () => 0
      fib.retryFailed()
      fib.sweep()
      nexthops.sweep()
      await fib.flush()
      const expected = [...wishes].map(
        ([n, via]) => `10.${n}.0.0/24 ${via === 4 ? 'blackhole' : via}`,
      )
      const found = kernel.routesOf(10).map((line) => {
        const [prefix, kind, id] = line.split(' ')
        const segment = kernel.nexthops.get(Number(id))?.segments?.[0]
        return `${prefix} ${segment ? segment[5] : kind}`
      })
      return (
        JSON.stringify(found) === JSON.stringify(expected.sort()) &&
        kernel.nexthops.size === new Set([...wishes.values()].filter((via) => via !== 4)).size &&
        fib.counts.wanted === wishes.size &&
        fib.counts.installed === wishes.size &&
        fib.counts.failed === 0
      )
    }),
    { seed: 20, numRuns: 300 },
  )
})

t.test('routes carry the MTU of their nexthop object, and follow it', async (t) => {
  const { kernel, nexthops, fib } = setUp()
  const mtus = () => [...kernel.routes.values()].map((route) => route.mtu)
  const row = nexthops.acquire(sid(2))
  nexthops.setMtu(row, 1460)
  want(fib, 1, row)
  want(fib, 2, row)
  want(fib, 3, nexthops.acquire(sid(3)))
  await fib.flush()
  t.same(mtus(), [1524, 1524, 0], 'the 64 octets that Linux takes off for one segment on top')
  const again = tablesOn(kernel)
  again.nexthops.adopt([...kernel.nexthops.values()])
  again.fib.adopt([...kernel.routes.values()])
  kernel.operations.length = 0
  const found = again.nexthops.acquire(sid(2))
  again.nexthops.setMtu(found, 1460)
  want(again.fib, 1, found)
  await again.fib.flush()
  t.same(kernel.operations, [], 'the same MTU after a restart is no change')
  nexthops.setMtu(row, 8960)
  await fib.flush()
  t.same(mtus(), [9024, 9024, 0])
  t.equal(kernel.operations.length, 2, 'no route of another object is written')
})
