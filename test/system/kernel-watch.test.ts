/**
 * What others do to routes, nexthop objects, SIDs, links and addresses of this machine's kernel
 * behind our back, in a network namespace: the follower over the real notifications. (Faults of
 * VRF devices: kernel-faults.test.ts.)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { waitUntil } from '../../lab/lib/wait-until.ts'
import { SystemClock } from '../../src/base/clock.ts'
import { KernelFollower } from '../../src/daemon/kernel-follower.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { Interfaces } from '../../src/fib/interfaces.ts'
import { type LocalSid, RouteKind } from '../../src/fib/kernel.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { LocalSidTable } from '../../src/fib/local-sid-table.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import { adoptKernel, type KernelTables } from '../../src/fib/reconcile.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { Behavior } from '../../src/wire/registry.ts'
import { LogLines } from '../support/log-lines.ts'
import { inOwnNamespace, ip, ipBatch } from '../support/namespace.ts'

const MANY = 250
const TABLE = 100
const LOSS = 'warn others removed some of ours from the kernel: putting it back'
const TAKEN = 'warn others put their own in the place of ours: it stays'

const clock = new SystemClock()
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Everything of this kernel that the test compares, without the ids of objects. */
function picture(): string[] {
  const routes = ['-4 route show table all', '-6 route show table all'].flatMap((line) =>
    ip(line).split('\n'),
  )
  return routes
    .filter((line) => line.includes('proto 152') || line.includes('proto 77'))
    .map((line) => line.replace(/ (nhid|expires) \S+/g, '').trim())
    .sort()
}

/** One srv6d with routes of both families, a SID and the follower, and no sessions. */
class Life {
  readonly log = new LogLines()
  readonly kernel: LinuxKernel
  readonly interfaces = new Interfaces()
  readonly nexthops: NexthopTable
  readonly fib: FibTable
  readonly sids: LocalSidTable
  readonly follower: KernelFollower
  dumps = 0

  constructor(watchQueueBytes?: number) {
    this.kernel = new LinuxKernel(this.log, watchQueueBytes ? { watchQueueBytes } : {})
    this.nexthops = new NexthopTable(this.kernel, this.log)
    this.fib = new FibTable(this.kernel, this.nexthops, this.log)
    this.sids = new LocalSidTable(this.kernel, this.log)
    const dump = this.kernel.dump.bind(this.kernel)
    this.kernel.dump = () => {
      this.dumps++
      return dump()
    }
    this.follower = new KernelFollower({
      kernel: this.kernel,
      clock,
      log: this.log,
      interfaces: this.interfaces,
      vrfs: [],
      settle: async () => {},
      tables: () => this.tables,
      onRoute: () => {},
      onLooked: () => {
        this.fib.retryFailed()
        void this.fib.flush()
      },
      onDeviceChanged: async () => {},
    })
  }

  get tables(): KernelTables {
    const { kernel, nexthops, fib, sids, log } = this
    return { kernel, nexthops, fib, sids, log }
  }

  /** Takes over what the life before has left, and asks for the same. */
  async start(sid: LocalSid, core: number): Promise<void> {
    await adoptKernel(this.tables)
    const mode = 'encap.red' as const
    const remote = { segments: [parseAddress('fcbb:bb00:2:46::')], mode }
    const overLo = this.nexthops.acquire({ ifindex: 1, ...remote })
    const overCore = this.nexthops.acquire({ ifindex: core, ...remote })
    for (let k = 0; k < MANY; k++) {
      const row = k % 2 === 0 ? overLo : overCore
      this.fib.want(TABLE, 4, Int32Array.of(0x0a000000 | (k << 8)), 0, 24, RouteKind.UNICAST, row)
      this.fib.want(TABLE, 6, Int32Array.of(0x20010db8, k, 0, 0), 0, 64, RouteKind.UNICAST, row)
    }
    this.fib.wantUnreachableDefaults(TABLE)
    this.nexthops.release(overLo)
    this.nexthops.release(overCore)
    this.sids.want(sid)
    await this.fib.flush()
    await this.sids.flush()
    this.follower.start()
    await this.follower.look()
    this.nexthops.sweep()
    await this.fib.flush()
    this.dumps = 0
    this.log.take()
  }

  async stop(): Promise<void> {
    this.follower.stop()
    await this.kernel.close()
  }
}

function deleteAll(): void {
  const four = Array.from({ length: MANY }, (_, k) => `10.0.${k}.0/24`)
  ipBatch(four.map((prefix) => `route del ${prefix} table ${TABLE} metric 8986`))
  const six = Array.from({ length: MANY }, (_, k) => `2001:db8:0:${k.toString(16)}::/64`)
  ipBatch(six.map((prefix) => `route del ${prefix} table ${TABLE} metric 8986`))
}

function nexthopIds(): string[] {
  return [...ip('nexthop show proto 152').matchAll(/^(id \d+) /gm)].map((match) => match[1]!)
}

async function linkFlap(life: Life): Promise<void> {
  ip('link set core down')
  const isDown = () => [...life.interfaces.links].some(({ name, up }) => name === 'core' && !up)
  await waitUntil('down', 60, async () => (isDown() ? undefined : 'up'), 0.02)
  await sleep(200)
  ip('link set core up')
  ip('addr replace 2001:db8:f1::1/64 dev core nodad')
}

/** Ends as it began, but for one link and one address more. */
async function storm(): Promise<void> {
  for (let k = 0; k < 10; k++) {
    ipBatch([
      `link add a${k} type veth peer name b${k}`,
      `link set a${k} up`,
      `link set b${k} up`,
      `addr add 198.51.100.${k}/32 dev a${k}`,
      `addr add 2001:db8:a::${k}/128 dev a${k} nodad`,
      `link set a${k} mtu 1400`,
      `link set a${k} name c${k}`,
    ])
  }
  for (let k = 1; k < 10; k++) ip(`link del c${k}`)
}

function burst(): void {
  const lines: string[] = []
  for (let k = 0; k < 300; k++)
    lines.push(`route add blackhole 203.0.113.${k % 256}/32 metric ${k}`)
  ipBatch([...lines, ...lines.map((line) => line.replace('add', 'del'))])
}

/** The picture of links and addresses, kept by notifications alone, is the kernel's. */
async function checkInterfaces(t: Test, { kernel, interfaces }: Life): Promise<void> {
  const pictureOf = (of: Interfaces) =>
    [...of.links, ...of.connected(() => true)].map((each) => JSON.stringify(each)).sort()
  const known = new Interfaces()
  // a link's carrier is told of up to a second late
  const differs = async () => {
    known.update(await kernel.links(), await kernel.addresses())
    return pictureOf(known).join() === pictureOf(interfaces).join() ? undefined : 'another picture'
  }
  await waitUntil('as the kernel has it', 30, differs).catch(() => {})
  t.strictSame(pictureOf(interfaces), pictureOf(known))
}

/** Waits until the kernel is `wanted`; gives what it was at last. */
async function become(wanted: string[]): Promise<string[]> {
  const differs = async () => (picture().join() === wanted.join() ? undefined : 'another picture')
  await sleep(50)
  await waitUntil('as wanted', 30, differs, 0.05).catch(() => {})
  return picture()
}

async function inNamespace(): Promise<void> {
  ip('link set lo up')
  ip('link add core type veth peer name far')
  ip('link set core up')
  ip('link set far up')
  ip('addr add 192.0.2.1/24 dev core')
  ip('addr add 2001:db8:f1::1/64 dev core nodad')
  // Routes of somebody else, beside ours and in their way.
  for (const [table, metric] of [
    [TABLE, 20],
    [TABLE, 9000],
    [254, 20],
  ] as const) {
    ip(`route add blackhole 10.0.7.0/24 table ${table} metric ${metric} proto 77`)
    ip(`-6 route add blackhole 2001:db8:7::/64 table ${table} metric ${metric} proto 77`)
  }
  const core = Number(/^(\d+): core/m.exec(ip('-o link show core'))![1])
  const sid: LocalSid = {
    ...{ sid: parseAddress('fcbb:bb00:1:1::'), prefixBits: 128, behavior: Behavior.END_DT6 },
    ...{ target: { kind: 'table', table: TABLE }, ifindex: core },
  }
  const first = new Life()
  await first.start(sid, core)
  await first.stop()
  const before = picture()
  t.equal(before.length, 2 * MANY + 2 + 1 + 6)

  /** `cause` while a new life runs: the kernel becomes `wanted`, and `said` is all that is said. */
  const fault = (
    name: string,
    cause: (life: Life) => void | Promise<void>,
    said: (string | RegExp)[],
    more: { queue?: number; dumps?: number } = {},
  ) => {
    const { queue, dumps = 0 } = more
    return t.test(name, async (t) => {
      const life = new Life(queue)
      await life.start(sid, core)
      t.strictSame(picture(), before)
      await cause(life)
      t.strictSame(await become(before), before)
      await life.log.has(said.length)
      await sleep(100)
      t.match(life.log.take(), said)

      t.equal(life.dumps, dumps, 'how often the kernel was read')
      await checkInterfaces(t, life)
      await life.stop()
    })
  }

  await fault('nothing happens: nothing is written or said', () => {}, [])
  await fault(
    'routes are deleted, one of each family',
    () =>
      void ipBatch([
        `route del 10.0.8.0/24 table ${TABLE} metric 8986`,
        `route del 2001:db8:0:9::/64 table ${TABLE} metric 8986`,
      ]),
    [LOSS],
  )
  await fault('all our routes are flushed', deleteAll, [LOSS])
  await fault(
    'nexthop objects are deleted, with all routes',
    () => void ip('nexthop flush proto 152'),
    [LOSS],
  )
  await fault(
    'a nexthop object is replaced',
    () => void ip(`-6 nexthop replace ${nexthopIds()[0]} dev core`),
    [LOSS],
  )
  await fault('the SID is deleted', () => void ip('-6 route del fcbb:bb00:1:1::/128'), [LOSS])
  await fault(
    'a route is changed by somebody who leaves our name on it',
    () => void ip(`route replace blackhole 10.0.8.0/24 table ${TABLE} metric 8986 proto 152`),
    [LOSS],
  )
  await fault(
    'a route of somebody else takes the place of ours, and goes again',
    async (life) => {
      ip(`route replace blackhole 10.0.8.0/24 table ${TABLE} metric 8986 proto 77`)
      ip(`-6 route replace blackhole 2001:db8:0:8::/64 table ${TABLE} metric 8986 proto 77`)
      await life.log.has(1)
      ip(`route del blackhole 10.0.8.0/24 table ${TABLE} metric 8986`)
      ip(`-6 route del blackhole 2001:db8:0:8::/64 table ${TABLE} metric 8986`)
    },
    [TAKEN],
  )
  await t.test('a refused route goes in when what stood in its way has gone', async (t) => {
    const life = new Life()
    await life.start(sid, core)
    const theirs = [
      `blackhole 198.51.100.0/24 table ${TABLE} metric 8986`,
      `blackhole 2001:db8:ffff::/64 table ${TABLE} metric 8986`,
    ]
    for (const route of theirs) ip(`route add ${route} proto 77`)
    const words = [Int32Array.of(0xc6336400), Int32Array.of(0x20010db8, 0xffff0000, 0, 0)]
    const rows = [
      life.fib.want(TABLE, 4, words[0]!, 0, 24, RouteKind.THROW, 0),
      life.fib.want(TABLE, 6, words[1]!, 0, 64, RouteKind.THROW, 0),
    ]
    await life.fib.flush()
    t.same(
      rows.map((row) => life.fib.errnoOf(row)),
      [Errno.EEXIST, Errno.EEXIST],
    )
    for (const route of theirs) ip(`route del ${route}`)
    const failed = async () => (life.fib.counts.failed > 0 ? 'refused' : undefined)
    await waitUntil('both go in', 60, failed, 0.02)
    const kinds = ip('route show table all') + ip('-6 route show table all')
    t.match(kinds, /throw 198\.51\.100\.0\/24 .*proto 152/)
    t.match(kinds, /throw 2001:db8:ffff::\/64 .*proto 152/)
    life.fib.unwant(TABLE, 4, words[0]!, 0, 24)
    life.fib.unwant(TABLE, 6, words[1]!, 0, 64)
    await life.fib.flush()
    await life.stop()
  })
  await t.test('settings that others change are set back, five times a minute', async (t) => {
    const life = new Life()
    const conf = (path: string) => `/proc/sys/net/${path}`
    const is = (path: string) => readFileSync(conf(path), 'utf8').trim()
    const SET_BACK = 'warn setting was changed: set back'
    const filter = 'ipv4/conf/core/rp_filter'
    const settings = [
      [filter, '0', '2'],
      ['ipv4/conf/all/rp_filter', '0', '1'],
      ['ipv4/conf/default/rp_filter', '0', '2'],
      ['ipv4/ip_forward', '1', '0'],
      ['ipv6/conf/all/forwarding', '1', '0'],
    ] as const
    for (const [path, value] of settings) await life.kernel.sysctl(`net/${path}`, value)
    await life.start(sid, core)
    /** Somebody writes it; gives what is said of it at last. */
    const change = async (path: string, other: string) => {
      writeFileSync(conf(path), other)
      const said: string[] = []
      for (let tries = 0; tries < 500 && said.length === 0; tries++) {
        await sleep(20)
        said.push(...life.log.take())
      }
      return said
    }
    for (const [path, value, other] of settings) {
      t.same(await change(path, other), [SET_BACK], path)
      t.equal(is(path), value, path)
    }
    for (let k = 0; k < 4; k++) t.same(await change(filter, '2'), [SET_BACK])
    t.same(await change(filter, '2'), [
      'error setting left as it is: it is changed again and again',
    ])
    t.equal(is(filter), '2')
    writeFileSync(conf(filter), '0')
    await life.stop()
  })
  await fault('the core link goes down and up', linkFlap, [])
  await fault('the far end of the core link goes down and up', async () => {
    ip('link set far down')
    await sleep(200)
    ip('link set far up')
  }, [])
  await fault('links and addresses change in a storm', storm, [])
  await fault(
    'more happens than the notification socket holds',
    () => {
      deleteAll()
      burst()
    },
    ['warn kernel notifications were lost: reading everything again', /kernel had lost some/],
    { queue: 4096, dumps: 1 },
  )
}
await inOwnNamespace(t, import.meta.url, inNamespace)
