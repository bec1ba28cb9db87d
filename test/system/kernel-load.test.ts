/**
 * LinuxKernel under load, in a network namespace: links that come and go while they are asked for,
 * tables of many routes that go at once, and the thread that writes them.
 */
import { spawn } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { RouteThread } from '../../src/fib/fib-thread.ts'
import { type RouteBatch, RouteKind, RouteOp, routeBatch } from '../../src/fib/kernel.ts'
import { Errno, KernelError } from '../../src/fib/kernel-error.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { NetlinkSocket } from '../../src/fib/netlink-socket.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { LogLines } from '../support/log-lines.ts'
import { inOwnNamespace, ip, ipBatch } from '../support/namespace.ts'

const STANDING = 60
const ASKED = 1500
const ROUTES = 60_000
const OBJECTS = 3000

/** Links and addresses that come and go until the returned function is called. */
function flapping(): () => Promise<void> {
  const lines = Array.from({ length: 20 }, (_, k) => [
    `link add x${k} type veth peer name y${k}`,
    `link set x${k} up`,
    `addr add 10.9.${k}.1/24 dev x${k}`,
    `link set d${k} down`,
    `addr add 10.8.${k}.1/24 dev d${k}`,
    `link set d${k} up`,
    `addr del 10.8.${k}.1/24 dev d${k}`,
    `link del x${k}`,
  ]).flat()
  let stopped = false
  const ended = (async () => {
    while (!stopped) {
      const child = spawn('ip', ['-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] })
      child.stdin.end(`${lines.join('\n')}\n`)
      await new Promise((resolve) => child.on('exit', resolve))
    }
  })()
  return () => {
    stopped = true
    return ended
  }
}

function oneRoute(table: number, op: number): RouteBatch {
  const batch = routeBatch(1)
  batch.count = 1
  batch.op[0] = op
  batch.table[0] = table
  batch.family[0] = 4
  batch.bits[0] = 8
  batch.words[0] = 0x0a000000
  batch.kind[0] = RouteKind.THROW
  batch.metric[0] = 8986
  return batch
}

const routesOf = (table: number) =>
  ip('route show table all')
    .split('\n')
    .filter((line) => line.includes(` table ${table} `))

async function inNamespace(): Promise<void> {
  ip('link set lo up')
  const pair = (k: number) => `link add d${k} type veth peer name e${k}`
  ipBatch(Array.from({ length: STANDING }, (_, k) => pair(k)))
  ipBatch(Array.from({ length: STANDING }, (_, k) => `addr add 10.7.${k}.1/24 dev e${k}`))

  await t.test('links and addresses asked for at once, while links come and go', async (t) => {
    const kernel = new LinuxKernel(silentLogger)
    const stop = flapping()
    const missing = { links: 0, addresses: 0, twice: 0 }
    const links = async () => {
      const found = (await kernel.links()).map(({ name }) => name)
      if (found.filter((name) => /^[de]\d+$/.test(name)).length !== 2 * STANDING) missing.links++
      if (new Set(found).size !== found.length) missing.twice++
    }
    const addresses = async () => {
      const found = await kernel.addresses()
      if (found.filter(({ address }) => address[1] === 7).length !== STANDING) missing.addresses++
    }
    const refusals: number[] = []
    const moved = async () => {
      const gone = { ifindex: 99_999, address: parseAddress('10.1.1.1'), bits: 24, scope: 0 }
      const error: unknown = await kernel.addAddress({ ...gone, flags: 0 }).catch((e) => e)
      if (error instanceof KernelError) refusals.push(error.errno)
    }
    const asks = [links, addresses, moved]
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: ASKED / 10 }, (_, k) => asks[k % asks.length]!()))
    }
    await stop()
    t.same(missing, { links: 0, addresses: 0, twice: 0 })
    t.equal(refusals.length, ASKED / 3)
    t.ok(refusals.every((errno) => errno === Errno.ENODEV))
    await kernel.close()
  })

  await t.test('other work runs while tens of thousands of IPv4 routes go', async (t) => {
    const kernel = new LinuxKernel(silentLogger)
    const nexthops = new NexthopTable(kernel, silentLogger)
    const fib = new FibTable(kernel, nexthops, silentLogger)
    ip('link set d0 up')
    ip('link set e0 up')
    const ifindex = (await kernel.links()).find((link) => link.name === 'd0')!.ifindex
    const segments = [parseAddress('fcbb:bb00:2:46::')]
    const row = nexthops.acquire({ ifindex, segments, mode: 'encap.red' })
    for (let k = 0; k < ROUTES; k++) {
      fib.want(100, 4, Int32Array.of(0x10000000 + (k << 8)), 0, 24, RouteKind.UNICAST, row)
    }
    nexthops.release(row)
    await fib.flush()
    t.equal(fib.counts.installed, ROUTES)
    t.equal((await kernel.dump()).routes.length, ROUTES)

    fib.unwantAll()
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    let turns = 0
    let flushing = true
    const flushed = fib.flush().finally(() => {
      flushing = false
    })
    for (; flushing; turns++) await turn()
    await flushed
    delay.disable()
    t.comment(`longest stall ${Math.round(delay.max / 1e6)} ms, ${turns} turns`)
    t.ok(turns > 100, 'the event loop turns all the while')
    t.same(routesOf(100), [])
    t.equal(ip('nexthop').trim(), '')
    await kernel.close()
  })

  await t.test('other work runs while thousands of nexthop objects come and go', async (t) => {
    const kernel = new LinuxKernel(silentLogger)
    const nexthops = new NexthopTable(kernel, silentLogger)
    const ifindex = (await kernel.links()).find((link) => link.name === 'd0')!.ifindex
    const rows = Array.from({ length: OBJECTS }, (_, k) =>
      nexthops.acquire({ ifindex, segments: [parseAddress(`fcbb:bb00:${k.toString(16)}:46::`)] }),
    )
    const turnsDuring = async (work: () => Promise<void>) => {
      let working = true
      const done = work().finally(() => {
        working = false
      })
      let turns = 0
      for (; working; turns++) await turn()
      await done
      return turns
    }
    t.ok((await turnsDuring(() => nexthops.ensure())) > OBJECTS / 64)
    t.equal((await kernel.dump()).nexthops.length, OBJECTS)
    for (const row of rows) nexthops.release(row)
    t.ok((await turnsDuring(() => nexthops.collect())) > OBJECTS / 64)
    t.equal(ip('nexthop').trim(), '')
    await kernel.close()
  })

  await t.test('nothing happens between a change and who waits for it', async (t) => {
    const kernel = new LinuxKernel(silentLogger)
    const { attempt } = NetlinkSocket.prototype
    let waits = false
    let turns = 0
    NetlinkSocket.prototype.attempt = function (this: NetlinkSocket, ...args) {
      waits = true
      setImmediate(() => {
        if (waits) turns++
      })
      return attempt.apply(this, args)
    }
    const done = (work: Promise<void>) =>
      work.then(() => {
        waits = false
      })
    for (let id = 1; id <= 100; id++) await done(kernel.putNexthop({ id, ifindex: 1 }))
    for (let id = 1; id <= 100; id++) await done(kernel.deleteNexthop(id))
    t.equal(turns, 0)
    NetlinkSocket.prototype.attempt = attempt
    await kernel.close()
  })

  await t.test('batches under way when the kernel is closed fail, and nothing hangs', async (t) => {
    const thread = new RouteThread()
    const under = [RouteOp.CREATE, RouteOp.DELETE, RouteOp.CREATE].map((op) =>
      thread.apply(oneRoute(101, op)).then(
        () => 'done',
        (error: Error) => error.message,
      ),
    )
    await thread.close()
    const ended = /^(done|the thread that writes routes ended)$/
    for (const outcome of await Promise.all(under)) t.match(outcome, ended)
    await t.rejects(thread.apply(oneRoute(101, RouteOp.DELETE)), /closed/)
  })

  await t.test(
    'a thread that crashes fails its batch; the next batch gets a new one',
    async (t) => {
      const thread = new RouteThread()
      const put = oneRoute(102, RouteOp.CREATE)
      await thread.apply(put)
      await t.rejects(thread.apply({ count: 1 } as RouteBatch), TypeError)
      t.match(await thread.apply(put), /File exists|^$/)
      t.equal(put.errno[0], Errno.EEXIST)
      put.op[0] = RouteOp.DELETE
      await thread.apply(put)
      t.equal(put.errno[0], 0)
      t.equal(ip('route show table 100').trim(), '')
      await thread.close()
    },
  )

  await t.test('a thread that dies while it writes leaves no route wrong', async (t) => {
    const log = new LogLines()
    const kernel = new LinuxKernel(log)
    const nexthops = new NexthopTable(kernel, log)
    const fib = new FibTable(kernel, nexthops, log)
    const ways = ['fcbb:bb00:2:46::', 'fcbb:bb00:3:46::'].map((text) =>
      nexthops.acquire({ ifindex: 1, segments: [parseAddress(text)], mode: 'encap.red' }),
    )
    const net = (n: number) => Int32Array.of(0x0a000000 + (n << 8))
    const want = (n: number, way: number) =>
      fib.want(103, 4, net(n), 0, 24, RouteKind.UNICAST, ways[way]!)
    const count = 20_000
    const kernelHas = async () => {
      const { routes } = await kernel.dump()
      return routes.map(({ words, nexthop }) => {
        return `${(words[0]! >>> 8) & 0xffff} ${ways.indexOf(nexthops.rowOfId(nexthop) as never)}`
      })
    }
    const wished = new Map<number, number>()
    const text = () => [...wished].map(([n, way]) => `${n} ${way}`).sort()
    for (const change of [
      (n: number) => wished.set(n, 0),
      (n: number) => n % 2 === 0 && wished.delete(n),
      (n: number) => wished.has(n) && wished.set(n, 1),
      (n: number) => (n % 3 === 0 ? wished.delete(n) : wished.set(n, 0)),
    ]) {
      for (let n = 0; n < count; n++) {
        change(n)
        const way = wished.get(n)
        if (way === undefined) fib.unwant(103, 4, net(n), 0, 24)
        else want(n, way)
      }
      const died = killWriterAt(4)
      await fib.flush()
      await died
      t.same((await kernelHas()).sort(), text())
      t.same(fib.counts, { wanted: wished.size, installed: wished.size, failed: 0, stale: 0 })
      t.same(log.take(), ['error writing routes broke off: reading the kernel and going on'])
    }
    fib.unwantAll()
    await fib.flush()
    await kernel.close()
  })
}

/** Ends the thread that writes when it is handed this batch of those to come. */
function killWriterAt(batch: number): Promise<void> {
  const { postMessage } = Worker.prototype
  return new Promise((resolve) => {
    let left = batch
    Worker.prototype.postMessage = function (this: Worker, ...args: [unknown]) {
      if (--left === 0) {
        Worker.prototype.postMessage = postMessage
        // Before the batch reaches it, so whatever it has done by then, it has not done all.
        void this.terminate().then(() => resolve())
      }
      postMessage.apply(this, args)
    }
  })
}

await inOwnNamespace(t, import.meta.url, inNamespace)
