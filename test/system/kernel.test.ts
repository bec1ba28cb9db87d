/**
 * LinuxKernel against this machine's kernel, in a network namespace of its own: all that needs no
 * VRF device (lab/kernel-check.ts has the rest). Asks the kernel back with `ip`.
 */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { Heard } from '../../lab/lib/heard.ts'
import { waitUntil } from '../../lab/lib/wait-until.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { type LocalSid, RouteKind, type SidTarget } from '../../src/fib/kernel.ts'
import { Errno, KernelError } from '../../src/fib/kernel-error.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { LocalSidTable } from '../../src/fib/local-sid-table.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import {
  adoptKernel,
  type KernelTables,
  resyncKernel,
  sweepKernel,
} from '../../src/fib/reconcile.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { Behavior } from '../../src/wire/registry.ts'
import { inOwnNamespace, ip } from '../support/namespace.ts'

const MANY = 2000
const SID = parseAddress('fcbb:bb00:2:46::')

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function refusal(request: Promise<void>): Promise<KernelError> {
  const error: unknown = await request.catch((e: unknown) => e)
  if (!(error instanceof KernelError)) throw new Error(`not refused: ${error}`)
  return error
}

function life(): KernelTables & { kernel: LinuxKernel } {
  const kernel = new LinuxKernel(silentLogger)
  const nexthops = new NexthopTable(kernel, silentLogger)
  const fib = new FibTable(kernel, nexthops, silentLogger)
  return { kernel, nexthops, fib, sids: new LocalSidTable(kernel, silentLogger), log: silentLogger }
}

/** Many routes of both families over two objects, and one of each other kind. */
async function wish({ fib, nexthops }: KernelTables, core: number): Promise<void> {
  const red = nexthops.acquire({ ifindex: core, segments: [SID], mode: 'encap.red' })
  const full = nexthops.acquire({ ifindex: core, segments: [SID], mode: 'encap' })
  for (let k = 0; k < MANY; k++) {
    fib.want(100, 4, Int32Array.of(0x0a000000 | (k << 8)), 0, 24, RouteKind.UNICAST, red)
    fib.want(100, 6, Int32Array.of(0x20010db8, k, 0, 0), 0, 64, RouteKind.UNICAST, full)
  }
  fib.want(100, 4, Int32Array.of(0xac100000 | 0), 0, 12, RouteKind.BLACKHOLE, 0)
  fib.want(100, 6, Int32Array.of(0xfcbbbb00 | 0, 0x00020046, 0, 0), 0, 128, RouteKind.THROW, 0)
  fib.wantUnreachableDefaults(100)
  nexthops.release(red)
  nexthops.release(full)
  await fib.flush()
}

const WISHES = 2 * MANY + 4

async function inNamespace(): Promise<void> {
  ip('link set lo up')
  ip('link add core type veth peer name far')
  ip('link set core up')
  ip('link set far up')
  ip('addr add 2001:db8:f1::1/64 dev core nodad')
  ip('-6 route add fcbb:bb00:2::/48 via 2001:db8:f1::f')
  const first = life()
  const core = (await first.kernel.links()).find((link) => link.name === 'core')!.ifindex

  await t.test('links, addresses, the way to an address', async (t) => {
    const links = await first.kernel.links()
    t.match(links, [{ name: 'lo', up: true, master: 0 }, { name: 'far' }, { kind: 'veth' }])
    const addresses = await first.kernel.addresses()
    t.ok(addresses.some((a) => a.ifindex === core && a.bits === 64 && a.scope === 0))
    const way = await first.kernel.routeTo(SID)
    t.same(way, { ifindex: core, gateway: parseAddress('2001:db8:f1::f'), metric: 1024 })
    t.same(await first.kernel.routeTo(parseAddress('fcbb:bb00:9::')), { errno: Errno.ENETUNREACH })
    t.same(await first.kernel.routeTo(parseAddress('192.0.2.1')), { errno: Errno.ENETUNREACH })
  })

  await t.test('routes of both families and of each kind go in', async (t) => {
    await wish(first, core)
    t.same(first.fib.counts, { wanted: WISHES, installed: WISHES, failed: 0, stale: 0 })
    t.match(ip('route show table 100 10.0.7.0/24'), 'encap seg6 mode encap.red segs 1')
    t.match(ip('-6 route show table 100 2001:db8:0:7::/64'), 'encap seg6 mode encap segs 1')
    const kinds = ip('route show table 100') + ip('-6 route show table 100')
    for (const text of [
      'blackhole 172.16.0.0/12 proto 152 metric 8986',
      'throw fcbb:bb00:2:46:: dev lo proto 152 metric 8986',
      'unreachable default proto 152 metric 4278198272',
      'unreachable default dev lo proto 152 metric 4278198272',
    ]) {
      t.match(kinds, text)
    }
    t.equal(kinds.trim().split('\n').length, WISHES)
    t.equal(ip('nexthop').trim().split('\n').length, 2)
  })

  await t.test('a refusal has its errno, the kernel’s words and no effect', async (t) => {
    t.match(await refusal(first.kernel.putNexthop({ id: 5, ifindex: 4711 })), {
      errno: Errno.EINVAL,
      message: /Invalid device index/,
    })
    const gateway = parseAddress('2001:db8:dead::1')
    const error = await refusal(first.kernel.putNexthop({ id: 5, ifindex: core, gateway }))
    t.match(error, { errno: Errno.EHOSTUNREACH, message: 'RTM_NEWNEXTHOP 5: EHOSTUNREACH' })
    ip('nexthop add id 6 blackhole')
    t.match(await refusal(first.kernel.putNexthop({ id: 6, ifindex: core })), {
      errno: Errno.EEXIST,
    })
    t.match(ip('nexthop show id 6'), 'blackhole')
    const target = { kind: 'vrftable', table: 99 } as const
    const sid = { sid: SID, prefixBits: 128, behavior: Behavior.END_DT46, target, ifindex: core }
    first.sids.want(sid)
    await first.sids.flush()
    t.equal(first.sids.stateOf(sid), 'failed')
    first.sids.unwant(sid)
    await first.sids.flush()
  })

  await t.test('SIDs that need no VRF device: End.DX4, End.DX6, End.DT6 by table', async (t) => {
    const { sids } = first
    const sid = (end: string, behavior: number, target: SidTarget): LocalSid => {
      return {
        sid: parseAddress(`fcbb:bb00:1:${end}::`),
        prefixBits: 128,
        behavior,
        target,
        ifindex: core,
      }
    }
    const via = (text: string) => ({ kind: 'next-hop', address: parseAddress(text) }) as const
    const wanted = [
      sid('4', Behavior.END_DX4, via('192.0.2.4')),
      sid('5', Behavior.END_DX4_NEXT_CSID, via('192.0.2.5')),
      sid('6', Behavior.END_DX6, via('2001:db8:f1::6')),
      sid('7', Behavior.END_DX6_NEXT_CSID, via('2001:db8:f1::7')),
      sid('8', Behavior.END_DT6, { kind: 'table', table: 100 }),
    ]
    for (const one of wanted) sids.want(one)
    await sids.flush()
    t.same(sids.counts, { wanted: 5, installed: 5, failed: 0, stale: 0 })
    const shown = ip('-6 route show proto 152')
    for (const line of [
      'fcbb:bb00:1:4:: encap seg6local action End.DX4 nh4 192.0.2.4 dev core',
      'fcbb:bb00:1:5:: encap seg6local action End.DX4 nh4 192.0.2.5 dev core',
      'fcbb:bb00:1:6:: encap seg6local action End.DX6 nh6 2001:db8:f1::6 dev core',
      'fcbb:bb00:1:7:: encap seg6local action End.DX6 nh6 2001:db8:f1::7 dev core',
      'fcbb:bb00:1:8:: encap seg6local action End.DT6 table 100 dev core',
    ]) {
      t.match(shown.replaceAll('  ', ' '), line)
    }
    const again = life()
    await adoptKernel(again)
    const { writes } = again.kernel
    for (const one of wanted) again.sids.want(one)
    await again.sids.flush()
    t.equal(again.kernel.writes, writes, 'a second life finds them as they should be')
    for (const [put, words] of [
      [
        'addr add fcbb:bb00:1:9::/128 dev lo',
        'SID fcbb:bb00:1:9:: is in use by an address of this router',
      ],
      [
        '-6 route add fcbb:bb00:1:9::/128 dev core proto 186 metric 20',
        'SID fcbb:bb00:1:9:: is in use by FRR (BGP)',
      ],
      [
        '-6 route add fcbb:bb00:1:9::/128 dev core proto static metric 8986',
        'SID fcbb:bb00:1:9:: is in use by a static route',
      ],
      // of these the kernel names no holder
      [
        '-6 route add blackhole fcbb:bb00:1:9::/128 metric 8986 proto 77',
        'a route of another protocol has its prefix and metric',
      ],
    ] as const) {
      const taken = sid('9', Behavior.END_DX4, via('192.0.2.9'))
      ip(put)
      sids.want(taken)
      await sids.flush()
      t.equal(sids.errnoOf(taken), Errno.EEXIST)
      t.match(sids.whyOf(taken), words)
      ip(put.replace(' add ', ' del ').replace(/^addr add/, 'addr del'))
      sids.retryFailed()
      await sids.flush()
      t.equal(sids.stateOf(taken), 'installed')
      sids.unwant(taken)
      await sids.flush()
    }
    // The locator's own route shares its nexthop object with another one, as zebra has it.
    ip('nexthop add id 7 via 2001:db8:f1::f dev core')
    ip('-6 route add 2001:db8:ffff::2/128 nhid 7 proto 188')
    ip('-6 route add fcbb:bb00:1::/48 nhid 7 proto 188')
    ip('-6 route get 2001:db8:ffff::2')
    const covered = sid('9', Behavior.END_DX4, via('192.0.2.9'))
    sids.want(covered)
    await sids.flush()
    t.equal(sids.whyOf(covered), null, 'a route that covers the SID is not in its way')
    ip('nexthop del id 7')
    sids.unwant(covered)
    sids.want(sid('4', Behavior.END_DX4, via('192.0.2.44')))
    await sids.flush()
    t.match(ip('-6 route show fcbb:bb00:1:4::'), 'nh4 192.0.2.44')
    await again.kernel.close()
    sids.unwantAll()
    await sids.flush()
    t.same((await first.kernel.dump()).localSids, [])
  })

  await t.test('routes of others stay, those of our metric too', async (t) => {
    const table = (six: boolean) =>
      ip(`${six ? '-6 ' : ''}route show table 101`.trim()).replace(/^.*proto 152.*\n/gm, '')
    for (const metric of [20, 8986]) {
      ip(`route add blackhole 10.0.0.0/24 table 101 metric ${metric}`)
      ip(`-6 route add blackhole 2001:db8::/64 table 101 metric ${metric}`)
    }
    const before = table(false) + table(true)
    const { fib } = first
    const four = fib.want(101, 4, Int32Array.of(0x0a000000), 0, 24, RouteKind.THROW, 0)
    const six = fib.want(101, 6, Int32Array.of(0x20010db8, 0, 0, 0), 0, 64, RouteKind.THROW, 0)
    await fib.flush()
    t.same([fib.errnoOf(four), fib.errnoOf(six)], [Errno.EEXIST, Errno.EEXIST])
    t.equal(table(false) + table(true), before)
    ip('route del blackhole 10.0.0.0/24 table 101 metric 8986')
    ip('-6 route del blackhole 2001:db8::/64 table 101 metric 8986')
    fib.retryFailed()
    await fib.flush()
    t.equal(fib.counts.failed, 0)
    fib.unwantTable(101)
    await fib.flush()
    t.match(
      table(false) + table(true),
      /^blackhole 10.* metric 20 \nblackhole 2001.* metric 20 .*\n$/,
    )
  })

  await t.test('a route’s MTU is what still fits with the encapsulation around it', async (t) => {
    const { fib, nexthops } = first
    for (const [mode, overhead] of [
      ['encap.red', 40],
      ['encap', 64],
    ] as const) {
      const row = nexthops.acquire({ ifindex: 1, segments: [SID], mode })
      nexthops.setMtu(row, 1500 - overhead)
      fib.want(254, 4, Int32Array.of(0xc6336400 | 0), 0, 24, RouteKind.UNICAST, row)
      fib.want(254, 6, Int32Array.of(0x20010db8, 0xf2 << 16, 0, 0), 0, 64, RouteKind.UNICAST, row)
      await fib.flush()
      const size = (address: string) => {
        const { stdout, stderr } = spawnSync('ping', ['-c1', '-W1', '-Mdo', '-s1480', address])
        return /mtu[=:] ?(\d+)/.exec(`${stdout}${stderr}`)?.[1]
      }
      t.equal(size('198.51.100.1'), `${1500 - overhead}`, `${mode}, IPv4`)
      t.equal(size('2001:db8:f2::1'), `${1500 - overhead}`, `${mode}, IPv6`)
      const mss = 1500 - overhead - 60
      t.match(ip('-6 route show 2001:db8:f2::/64'), `advmss ${mss}`)
      nexthops.release(row)
    }
    fib.unwantTable(254)
    await fib.flush()
  })

  await t.test('changes by others are heard of, our own are not', async (t) => {
    const watcher = new Heard()
    const heard = watcher.kinds
    const end = first.kernel.watch(watcher)
    first.fib.want(102, 4, Int32Array.of(0), 0, 8, RouteKind.THROW, 0)
    await first.fib.flush()
    first.fib.unwantTable(102)
    await first.fib.flush()
    await sleep(200)
    // an address that is sure now, a link that is up, are told of late
    t.same(
      heard.filter((kind) => kind !== 'link' && kind !== 'address'),
      [],
    )
    for (const [what, line] of [
      ['route', 'route add blackhole 198.51.100.0/24'],
      ['address', 'addr add 192.0.2.1/24 dev core'],
      ['link', 'link set far mtu 1400'],
      ['nexthop', 'nexthop add id 77 blackhole'],
    ] as const) {
      heard.length = 0
      ip(line)
      await waitUntil(what, 60, async () => (heard.includes(what) ? undefined : heard.join()), 0.02)
      t.pass(what)
    }
    end()
  })

  const second = life()
  await t.test('a second life adopts all and writes nothing', async (t) => {
    await adoptKernel(second)
    await wish(second, core)
    await sweepKernel(second)
    t.equal(second.kernel.writes, 0)
    t.same(second.fib.counts, { wanted: WISHES, installed: WISHES, failed: 0, stale: 0 })
  })
  await first.kernel.close()

  await t.test('what went with the link is put back', async (t) => {
    ip('link set core down')
    ip('link set core up')
    t.equal((await second.kernel.dump()).nexthops.length, 0)
    await resyncKernel(second)
    t.same(second.fib.counts, { wanted: WISHES, installed: WISHES, failed: 0, stale: 0 })
    t.equal(ip('route show table 100').trim().split('\n').length, MANY + 2)
    t.equal(ip('-6 route show table 100').trim().split('\n').length, MANY + 2)
  })

  await t.test('the source of encapsulated packets is set back', async (t) => {
    const { kernel } = life()
    t.same(await kernel.keepSettings('all'), [], 'nothing was set')
    await kernel.setTunnelSource(parseAddress('2001:db8:ffff::1'))
    t.match(ip('sr tunsrc show'), 'tunsrc addr 2001:db8:ffff::1')
    t.same(await kernel.keepSettings(), [])
    ip('sr tunsrc set 2001:db8:ffff::9')
    t.same(await kernel.keepSettings('core'), [], 'of an interface it is not')
    t.match(await kernel.keepSettings('all'), [
      { value: '2001:db8:ffff::1', was: '2001:db8:ffff::9', why: null },
    ])
    t.match(ip('sr tunsrc show'), 'tunsrc addr 2001:db8:ffff::1')
    await kernel.close()
  })

  await t.test('a third life that wants nothing sweeps all of ours and only ours', async (t) => {
    const third = life()
    await adoptKernel(third)
    await sweepKernel(third)
    const { routes } = await third.kernel.dump()
    t.same(
      routes.map(({ bits, kind }) => [bits, kind]),
      [
        [0, RouteKind.UNREACHABLE],
        [0, RouteKind.UNREACHABLE],
      ],
      'the last resorts, as long as something may look into the table',
    )
    third.fib.sweepLastResorts()
    await third.fib.flush()
    t.same(await third.kernel.dump(), { routes: [], nexthops: [], localSids: [] })
    t.match(ip('nexthop'), /^id 6 blackhole.*\nid 77 blackhole.*\n$/)
    t.match(ip('route show'), 'blackhole 198.51.100.0/24')
    await third.kernel.close()
  })
  await second.kernel.close()
}

await inOwnNamespace(t, import.meta.url, inNamespace)
