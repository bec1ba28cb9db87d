import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import {
  type KernelRoute,
  type NexthopContent,
  type RouteBatch,
  RouteKind,
} from '../../src/fib/kernel.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { type NexthopRow, NexthopTable } from '../../src/fib/nexthop-table.ts'
import { ROUTE_METRIC } from '../../src/fib/rtnetlink-constants.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { FakeKernel, type FakeOperation } from '../support/fake-kernel.ts'
import { LogLines } from '../support/log-lines.ts'

const CORE = 2
const BROKE_OFF = 'error writing routes broke off: reading the kernel and going on'

/** A kernel that carries a batch out only when the test lets it. */
class SlowKernel extends FakeKernel {
  readonly waiting: (() => void)[] = []
  most = 0
  /** The writer dies when it has done so many changes of a batch; below 0 it lives. */
  diesAfter = -1

  override async applyRoutes(batch: RouteBatch): Promise<void> {
    await new Promise<void>((resolve) => {
      this.waiting.push(resolve)
      this.most = Math.max(this.most, this.waiting.length)
    })
    if (this.diesAfter < 0) return await super.applyRoutes(batch)
    const { count } = batch
    batch.count = Math.min(count, this.diesAfter)
    await super.applyRoutes(batch)
    batch.count = count
    throw new Error('writer gone')
  }

  /** Lets the oldest batch go, after the flush had time to fill what it can. */
  async step(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve))
    const next = this.waiting.shift()
    next?.()
    return next !== undefined
  }

  async runOut(): Promise<void> {
    while (await this.step());
  }
}

function setUp<K extends FakeKernel>(kernel: K) {
  kernel.addLink('core')
  const clock = new ManualClock()
  const log = new LogLines()
  const nexthops = new NexthopTable(kernel, silentLogger)
  return { kernel, clock, nexthops, log, fib: new FibTable(kernel, nexthops, log, clock) }
}

function sid(n: number): NexthopContent {
  return { ifindex: CORE, segments: [parseAddress(`fcbb:bb00:${n}:46::`)], mode: 'encap.red' }
}

const net = (n: number) => Int32Array.of(0x0a000000 | (n << 8))
const want = (fib: FibTable, n: number, row: NexthopRow) =>
  fib.want(10, 4, net(n), 0, 24, RouteKind.UNICAST, row)
const line = ({ what, op }: FakeOperation) => `${op} ${what}`

t.test('prefixes that go from one VRF to another, more than a batch: never in both', async (t) => {
  const { kernel, nexthops, fib } = setUp(new FakeKernel())
  const row = nexthops.acquire(sid(2))
  for (let n = 0; n < 5000; n++) want(fib, n, row)
  await fib.flush()
  kernel.operations.length = 0
  for (let n = 0; n < 5000; n++) {
    fib.want(20, 4, net(n), 0, 24, RouteKind.UNICAST, row)
    fib.unwant(10, 4, net(n), 0, 24)
  }
  nexthops.release(row)
  await fib.flush()
  const said = kernel.operations.map(line)
  t.same([said.indexOf('put route'), said.lastIndexOf('delete route')], [5000, 4999])
  t.equal(fib.counts.installed, 5000)
})

t.test('a route on its way out that is wanted again stays', async (t) => {
  const { kernel, nexthops, fib } = setUp(new FakeKernel())
  const row = nexthops.acquire(sid(2))
  const other = nexthops.acquire(sid(3))
  for (let n = 0; n < 3; n++) want(fib, n, row)
  await fib.flush()
  kernel.operations.length = 0
  for (let n = 0; n < 3; n++) fib.unwant(10, 4, net(n), 0, 24)
  want(fib, 0, row)
  want(fib, 1, other)
  await fib.flush()
  const said = kernel.operations.map(line)
  t.same(said.filter((one) => one.endsWith(' route')).sort(), ['delete route', 'put route'])
  t.equal(fib.counts.installed, 2)
})

t.test('the next batch is filled while the kernel works on one', async (t) => {
  const { kernel, nexthops, fib } = setUp(new SlowKernel())
  const row = nexthops.acquire(sid(2))
  for (let n = 0; n < 10_000; n++) want(fib, n, row)
  nexthops.release(row)
  const flushed = fib.flush()
  await kernel.runOut()
  await flushed
  t.equal(kernel.most, 4)
  t.equal(kernel.routes.size, 10_000)
  t.same(fib.counts, { wanted: 10_000, installed: 10_000, failed: 0, stale: 0 })

  fib.unwantAll()
  kernel.operations.length = 0
  const gone = fib.flush()
  await kernel.runOut()
  await gone
  t.equal(kernel.operations.length, 10_001)
  t.equal(line(kernel.operations.at(-1)!), 'delete nexthop', 'behind the last of its routes')
})

t.test('a route is under way at most once: a changed mind waits for the answer', async (t) => {
  const { kernel, nexthops, fib } = setUp(new SlowKernel())
  const [a, b] = [nexthops.acquire(sid(2)), nexthops.acquire(sid(3))]
  want(fib, 1, a)
  const flushed = fib.flush()
  await new Promise((resolve) => setImmediate(resolve))
  want(fib, 1, b)
  want(fib, 2, b)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(kernel.waiting.length, 1, 'one batch under way')
  await kernel.runOut()
  await flushed
  const puts = kernel.operations.flatMap((o) => (o.what === 'route' ? [o.route] : []))
  t.same(
    puts.map(({ words }) => (words[0]! >>> 8) & 0xff),
    [1, 1, 2],
  )
  t.equal(fib.counts.installed, 2)
})

t.test('a refused route whose wish changed meanwhile is asked for again at once', async (t) => {
  const { kernel, nexthops, fib } = setUp(new SlowKernel())
  const row = nexthops.acquire(sid(2))
  want(fib, 1, row)
  const flushed = fib.flush()
  await new Promise((resolve) => setImmediate(resolve))
  kernel.fail = (o) => (o.what === 'route' && o.route.kind === RouteKind.UNICAST ? Errno.EPERM : 0)
  fib.want(10, 4, net(1), 0, 24, RouteKind.BLACKHOLE, 0)
  await kernel.runOut()
  await flushed
  t.same(kernel.routesOf(10), ['10.0.1.0/24 blackhole 0'])
  t.same(fib.counts, { wanted: 1, installed: 1, failed: 0, stale: 0 })
})

t.test(
  'a writer that dies in a batch: the kernel is read, and what it lacks written',
  async (t) => {
    const { kernel, nexthops, fib, log } = setUp(new SlowKernel())
    const row = nexthops.acquire(sid(2))
    for (let n = 0; n < 5000; n++) want(fib, n, row)
    nexthops.release(row)
    const flushed = fib.flush()
    await kernel.step()
    kernel.diesAfter = 700
    await kernel.step()
    kernel.diesAfter = -1
    await kernel.runOut()
    await flushed
    t.equal(kernel.routes.size, 5000)
    t.same(fib.counts, { wanted: 5000, installed: 5000, failed: 0, stale: 0 })
    t.equal(kernel.reads.dumps, 1)
    t.equal(kernel.operations.length, 5001, 'what it had done is not asked for again')
    t.same(log.take(), [BROKE_OFF])
  },
)

t.test('a route that it wrote and that nobody wants any more does not stay', async (t) => {
  const { kernel, fib } = setUp(new SlowKernel())
  fib.want(10, 4, net(1), 0, 24, RouteKind.THROW, 0)
  kernel.diesAfter = 1
  const flushed = fib.flush()
  await new Promise((resolve) => setImmediate(resolve))
  fib.unwant(10, 4, net(1), 0, 24)
  await kernel.step()
  t.equal(kernel.routes.size, 1)
  kernel.diesAfter = -1
  await kernel.runOut()
  await flushed
  t.equal(kernel.routes.size, 0)
  t.same(fib.counts, { wanted: 0, installed: 0, failed: 0, stale: 0 })
})

t.test('a writer that dies every time is started after pauses, and told of once', async (t) => {
  const { kernel, clock, fib, log } = setUp(new FakeKernel())
  const apply = kernel.applyRoutes.bind(kernel)
  let batches = 0
  kernel.applyRoutes = async () => {
    batches++
    throw new Error('writer gone')
  }
  const row = fib.want(10, 4, net(1), 0, 24, RouteKind.UNREACHABLE, 0)
  await fib.flush()
  t.equal(batches, 2, 'once more at once')
  for (const pause of [400, 800, 1600, 3200, 5000, 5000]) {
    const before = batches
    clock.advance(pause - 1)
    await fib.flush()
    t.equal(batches, before, `not before ${pause} ms`)
    clock.advance(1)
    await fib.flush()
    t.equal(batches, before + 1)
  }
  t.equal(fib.stateOf(row), 'failed')
  t.same(log.take(), [BROKE_OFF])
  kernel.applyRoutes = apply
  clock.advance(5000)
  await fib.flush()
  t.equal(fib.stateOf(row), 'installed')
  t.equal(kernel.routes.size, 1)
})

t.test('want of memory is tried again after pauses that double, up to five seconds', async (t) => {
  const { kernel, clock, fib } = setUp(new FakeKernel())
  kernel.fail = ({ what }) => (what === 'route' ? Errno.ENOBUFS : 0)
  const row = fib.want(10, 4, net(1), 0, 24, RouteKind.THROW, 0)
  await fib.flush()
  for (const pause of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    const asked = kernel.operations.length
    clock.advance(pause - 1)
    await fib.flush()
    t.equal(kernel.operations.length, asked, `not before ${pause} ms`)
    clock.advance(1)
    await fib.flush()
    t.equal(kernel.operations.length, asked + 1)
    t.equal(fib.errnoOf(row), Errno.ENOBUFS)
  }
  kernel.fail = () => 0
  clock.advance(5000)
  await fib.flush()
  t.same(fib.counts, { wanted: 1, installed: 1, failed: 0, stale: 0 })
})

t.test(
  'a nexthop object that others delete under a batch: its routes are written again',
  async (t) => {
    for (const when of ['before the batch', 'heard after the answer', 'after the batch']) {
      const { kernel, nexthops, fib } = setUp(new SlowKernel())
      const row = nexthops.acquire(sid(2))
      want(fib, 1, row)
      const flushed = fib.flush()
      await new Promise((resolve) => setImmediate(resolve))
      const id = nexthops.idOf(row)
      const hear = () => fib.found.nexthopsLost([nexthops.noticed(id, null) as NexthopRow])
      if (when !== 'after the batch') kernel.loseNexthop(id)
      else {
        kernel.meanwhile = () => {
          kernel.meanwhile = () => {}
          kernel.loseNexthop(id)
          hear()
        }
      }
      if (when === 'before the batch') hear()
      await kernel.runOut()
      await flushed
      if (when === 'heard after the answer') hear()
      fib.found.takeNoticed(new Set())
      const again = fib.flush()
      await kernel.runOut()
      await again
      t.equal(kernel.routes.size, 1, when)
      t.same(fib.counts, { wanted: 1, installed: 1, failed: 0, stale: 0 }, when)
    }
  },
)

t.test('where a route of others stands it stays, also when a nexthop object goes', async (t) => {
  const { kernel, nexthops, fib } = setUp(new SlowKernel())
  const theirs: KernelRoute = {
    ...{ table: 10, family: 4, words: Int32Array.of(net(1)[0]!, 0, 0, 0), bits: 24, kind: 1 },
    ...{ nexthop: 0, metric: ROUTE_METRIC, mtu: 0, protocol: 4 },
  }
  kernel.addForeignRoute(theirs)
  const row = nexthops.acquire(sid(2))
  const route = want(fib, 1, row)
  const flushed = fib.flush()
  await new Promise((resolve) => setImmediate(resolve))
  for (let round = 0; round < 2; round++) {
    const id = nexthops.idOf(row)
    kernel.loseNexthop(id)
    fib.found.nexthopsLost([nexthops.noticed(id, null) as NexthopRow])
    await kernel.runOut()
    fib.found.takeNoticed(new Set())
    void fib.flush()
    await kernel.runOut()
  }
  await flushed
  t.equal(fib.errnoOf(route), Errno.EEXIST)
  t.same([...kernel.routes.values()], [theirs])
})

t.test('a route that others delete while we do is freed once', async (t) => {
  const { kernel, fib } = setUp(new SlowKernel())
  fib.want(10, 4, net(1), 0, 24, RouteKind.THROW, 0)
  const put = fib.flush()
  await kernel.runOut()
  await put
  const [route] = [...kernel.routes.values()]
  fib.unwant(10, 4, net(1), 0, 24)
  const gone = fib.flush()
  await new Promise((resolve) => setImmediate(resolve))
  fib.found.noticed({ ...route!, gone: true, replaced: false })
  await kernel.runOut()
  await gone
  fib.found.takeNoticed(new Set())
  await fib.flush()
  const row = fib.want(10, 4, net(2), 0, 24, RouteKind.THROW, 0)
  const last = fib.flush()
  await kernel.runOut()
  await last
  t.equal(fib.stateOf(row), 'installed')
  t.same(fib.counts, { wanted: 1, installed: 1, failed: 0, stale: 0 })
})

t.test('thousands of refused routes are not asked for again at every change', async (t) => {
  const { kernel, clock, fib } = setUp(new FakeKernel())
  kernel.fail = ({ what }) => (what === 'route' ? Errno.EPERM : 0)
  for (let n = 0; n < 3000; n++) fib.want(10, 4, net(n), 0, 24, RouteKind.THROW, 0)
  await fib.flush()
  for (let change = 0; change < 20; change++) {
    fib.retryFailed()
    await fib.flush()
    clock.advance(200)
  }
  t.equal(kernel.operations.length, 6000, 'once at the first change')
  kernel.fail = () => 0
  clock.advance(1000)
  await fib.flush()
  t.same(fib.counts, { wanted: 3000, installed: 3000, failed: 0, stale: 0 }, 'and a little later')
})

t.test(
  'property: whatever changes while batches are under way, the kernel ends right',
  async () => {
    const change = fc.record({
      n: fc.nat(5),
      via: fc.nat(3), // 0: nothing
      wait: fc.boolean(),
      errno: fc.constantFrom(0, 0, 0, Errno.ENOMEM, Errno.EPERM),
      diesAfter: fc.constantFrom(-1, -1, -1, -1, 0, 1, 2),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 60 }), async (changes) => {
        const { kernel, clock, nexthops, fib } = setUp(new SlowKernel())
        const wishes = new Map<number, number>()
        const flushes: Promise<void>[] = []
        for (const { n, via, wait, errno, diesAfter } of changes) {
          kernel.diesAfter = diesAfter
          kernel.fail = (o) => (o.what === 'route' && o.route.words[0] === net(n)[0] ? errno : 0)
          if (via === 0) {
            wishes.delete(n)
            fib.unwant(10, 4, net(n), 0, 24)
          } else {
            wishes.set(n, via)
            const row = nexthops.acquire(sid(via))
            want(fib, n, row)
            nexthops.release(row)
          }
          flushes.push(fib.flush())
          if (wait) await kernel.step()
        }
        kernel.fail = () => 0
        kernel.diesAfter = -1
        await kernel.runOut()
        await Promise.all(flushes)
        clock.advance(5000)
        await kernel.runOut()
        fib.retryFailed()
        const last = fib.flush()
        await kernel.runOut()
        await last
        const found = [...kernel.routes.values()].map(({ words, nexthop }) => {
          return [(words[0]! >>> 8) & 0xff, kernel.nexthops.get(nexthop)?.segments?.[0]?.[5]]
        })
        const byNumber = (a: (number | undefined)[], b: (number | undefined)[]) => a[0]! - b[0]!
        return (
          JSON.stringify(found.sort(byNumber)) === JSON.stringify([...wishes].sort(byNumber)) &&
          kernel.nexthops.size === new Set(wishes.values()).size &&
          fib.counts.installed === wishes.size &&
          fib.counts.failed === 0
        )
      }),
      { seed: 4, numRuns: 300 },
    )
  },
)
