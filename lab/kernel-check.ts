/**
 * src/fib against a real kernel with VRF devices, forwarding included; this namespace is the PE:
 *
 *   ce1 ---- red, VRF vrf-red [this program] core ---- p ---- pe2 (set up with ip) ---- ce2
 *
 *   kernel-check.mjs       (one check a line; started by host.ts, as every lab program)
 */
import { readFile } from 'node:fs/promises'
import { silentLogger } from '../src/base/logger.ts'
import { FibTable } from '../src/fib/fib-table.ts'
import { type LocalSid, type NexthopContent, RouteKind } from '../src/fib/kernel.ts'
import { Errno } from '../src/fib/kernel-error.ts'
import { LinuxKernel } from '../src/fib/linux-kernel.ts'
import { LocalSidTable } from '../src/fib/local-sid-table.ts'
import { type NexthopRow, NexthopTable } from '../src/fib/nexthop-table.ts'
import { prepareNamespace, prepareVrfDevice } from '../src/fib/preflight.ts'
import {
  adoptKernel,
  clearKernel,
  type KernelTables,
  resyncKernel,
  sweepKernel,
} from '../src/fib/reconcile.ts'
import { parseAddress, parsePrefix } from '../src/wire/address.ts'
import { Behavior, Family } from '../src/wire/registry.ts'
import { Checks, say } from './lib/checks.ts'
import { expect, refusal } from './lib/expect.ts'
import { Heard } from './lib/heard.ts'
import { buildKernelNetwork, ip, REMOTE_SID, remoteSends } from './lib/kernel-network.ts'
import { checkOverlap } from './lib/overlap-check.ts'
import { ping } from './lib/ping.ts'
import { inSandbox } from './lib/sandbox.ts'
import { waitUntil } from './lib/wait-until.ts'

const TABLE = 10
const CE2 = { 4: '10.2.0.1', 6: '2001:db8:2::1' } as const

const checks = new Checks()

/** One life of srv6d's tables on this kernel. */
class Life {
  readonly kernel = new LinuxKernel(silentLogger)
  readonly nexthops = new NexthopTable(this.kernel, silentLogger)
  readonly fib = new FibTable(this.kernel, this.nexthops, silentLogger)
  readonly sids = new LocalSidTable(this.kernel, silentLogger)
  readonly tables: KernelTables = { ...this, log: silentLogger }

  want(prefix: string, kind: RouteKind, nexthop: NexthopRow | 0): void {
    const { family, words, bits } = parsePrefix(prefix)
    const version = family === Family.IPV4_UNICAST ? 4 : 6
    this.fib.want(TABLE, version, words, 0, bits, kind, nexthop)
  }

  unwant(prefix: string): void {
    const { family, words, bits } = parsePrefix(prefix)
    this.fib.unwant(TABLE, family === Family.IPV4_UNICAST ? 4 : 6, words, 0, bits)
  }

  async flush(): Promise<void> {
    await Promise.all([this.fib.flush(), this.sids.flush()])
  }
}

async function pings(wanted: boolean): Promise<void> {
  for (const family of [4, 6] as const) {
    // (the first may be lost to neighbour discovery or to a link that only just came up)
    await waitUntil(`IPv${family} ping: ${wanted}`, wanted ? 15 : 0, async () => {
      const { reached, text } = await ping('ce1', CE2[family], undefined, 1, 1)
      return reached === wanted ? undefined : text
    })
  }
}

async function checkDevices(life: Life): Promise<number> {
  const { kernel } = life
  let vrf = { ifindex: 0, created: false }
  await checks.check('a VRF device is created, up, and adopted the second time', async () => {
    vrf = await kernel.ensureVrf('vrf-red', TABLE)
    expect(vrf.created, true)
    expect(await kernel.ensureVrf('vrf-red', TABLE), { ifindex: vrf.ifindex, created: true })
    const link = (await kernel.links()).find((l) => l.name === 'vrf-red')
    expect([link?.up, link?.kind, link?.vrfTable], [true, 'vrf', TABLE])
  })
  await checks.check('what is something else is refused', async () => {
    await refusal(() => kernel.ensureVrf('core', 20), Errno.EEXIST, /core exists and is veth/)
    await refusal(() => kernel.ensureVrf('vrf-red', 20), Errno.EEXIST, /with table 10, expected 20/)
    return refusal(() => kernel.ensureVrf('vrf-b', TABLE), Errno.EEXIST, /is VRF device vrf-red's/)
  })
  await checks.check('settings of the host are made', async () => {
    expect(await prepareNamespace(kernel), [])
    expect(await prepareVrfDevice(kernel, 'vrf-red'), [])
    expect((await readFile('/proc/sys/net/vrf/strict_mode', 'utf8')).trim(), '1')
  })
  await checks.check('an enslaved interface keeps its addresses', async () => {
    await kernel.enslave('red', vrf.ifindex)
    await kernel.enslave('red', vrf.ifindex)
    const text = await ip('addr show dev red')
    for (const a of ['10.1.0.254/24', '2001:db8:1::fe/64']) expect([a, text.includes(a)], [a, true])
    const route = await ip('-6 route show table 10 2001:db8:1::/64')
    expect(route.includes('dev red'), true)
  })
  await checks.check('an interface of another master is refused', () =>
    refusal(() => kernel.enslave('red', vrf.ifindex + 77), Errno.EBUSY, /belongs to vrf-red/),
  )
  await checks.check('the tunnel source is set', async () => {
    await kernel.setTunnelSource(parseAddress('2001:db8:ffff::1'))
    expect((await ip('sr tunsrc show')).includes('2001:db8:ffff::1'), true)
  })
  return vrf.ifindex
}

const vrfTable = (table: number) => ({ kind: 'vrftable', table }) as const

function sidsOf(ifindex: number): Record<'dt46' | 'dt4' | 'dt6', LocalSid> {
  const sid = (text: string, behavior: number) => ({
    ...{ sid: parseAddress(text), prefixBits: 128, behavior, target: vrfTable(TABLE), ifindex },
  })
  return {
    dt46: sid('fcbb:bb00:1:46::', Behavior.END_DT46_NEXT_CSID),
    dt4: sid('fcbb:bb00:1:4::', Behavior.END_DT4),
    dt6: sid('fcbb:bb00:1:6::', Behavior.END_DT6),
  }
}

async function checkSids(life: Life, ifindex: number): Promise<void> {
  const { sids } = life
  await checks.check('SIDs: End.DT46, End.DT4, End.DT6 through the VRF device', async () => {
    for (const sid of Object.values(sidsOf(ifindex))) sids.want(sid)
    await sids.flush()
    expect(sids.counts, { wanted: 3, installed: 3, failed: 0, stale: 0 })
    const text = await ip('-6 route show proto 152')
    for (const a of ['DT46', 'DT4', 'DT6']) expect(text.includes(`End.${a} vrftable 10`), true)
  })
  await checks.check(
    'a SID of a table without a VRF device is refused, with the reason',
    async () => {
      const lost = {
        ...sidsOf(ifindex).dt4,
        sid: parseAddress('fcbb:bb00:1:99::'),
        target: vrfTable(99),
      }
      sids.want(lost)
      await sids.flush()
      expect(sids.stateOf(lost), 'failed')
      const why = sids.whyOf(lost) ?? ''
      sids.unwant(lost)
      await sids.flush()
      if (!why.includes('no associated VRF device')) throw new Error(why)
      return why
    },
  )
}

const encap = (ifindex: number, mode: 'encap' | 'encap.red'): NexthopContent => ({
  ifindex,
  segments: [parseAddress(REMOTE_SID)],
  mode,
})

/** What a PE asks for, of one VRF with one remote site. */
function wishes(life: Life, core: number, mode: 'encap' | 'encap.red' = 'encap.red'): void {
  const row = life.nexthops.acquire(encap(core, mode))
  life.fib.wantUnreachableDefaults(TABLE)
  life.want(`${REMOTE_SID}/128`, RouteKind.THROW, 0)
  life.want('10.2.0.0/24', RouteKind.UNICAST, row)
  life.want('2001:db8:2::/64', RouteKind.UNICAST, row)
  life.nexthops.release(row) // (the table has its own references)
}

async function checkRoutes(life: Life, core: number): Promise<void> {
  await checks.check('the way to a SID is found', async () => {
    const way = await life.kernel.routeTo(parseAddress(REMOTE_SID))
    expect('errno' in way ? way : [way.ifindex, way.gateway?.length], [core, 16])
    expect(await life.kernel.routeTo(parseAddress('fcbb:bb00:9::')), { errno: Errno.ENETUNREACH })
  })
  await checks.check('no route, no ping', () => pings(false))
  await checks.check('IPv4 and IPv6 through one nexthop object, H.Encaps.Red', async () => {
    wishes(life, core)
    await life.flush()
    expect(life.fib.counts, { wanted: 5, installed: 5, failed: 0, stale: 0 })
    await pings(true)
  })
  await checks.check('H.Encaps', async () => {
    wishes(life, core, 'encap')
    await life.flush()
    await pings(true)
    wishes(life, core)
    await life.flush()
  })
  await checks.check('End.DT4 and End.DT6 carry what comes back', async () => {
    await remoteSends('fcbb:bb00:1:4::', 'fcbb:bb00:1:6::')
    await pings(true)
    await remoteSends('fcbb:bb00:1:46::', 'fcbb:bb00:1:46::')
  })
  await checks.check("a customer's default through SRv6 carries them as well", async () => {
    const row = life.nexthops.acquire(encap(core, 'encap.red'))
    for (const prefix of ['10.2.0.0/24', '2001:db8:2::/64']) life.unwant(prefix)
    for (const prefix of ['0.0.0.0/0', '::/0']) life.want(prefix, RouteKind.UNICAST, row)
    life.nexthops.release(row)
    await life.flush()
    await pings(true)
    for (const prefix of ['0.0.0.0/0', '::/0']) life.unwant(prefix)
    wishes(life, core)
    await life.flush()
    await pings(true)
  })
}

async function checkForeign(life: Life, core: number): Promise<void> {
  await checks.check('routes of others of the same prefix stay', async () => {
    await ip('route add unreachable 10.66.0.0/24 table 10 metric 20')
    await ip('-6 route add unreachable 2001:db8:66::/64 table 10 metric 20')
    await ip('route add blackhole 10.67.0.0/24 table 10 metric 8986')
    await ip('-6 route add blackhole 2001:db8:67::/64 table 10 metric 1024')
    await ip('-6 route add blackhole 2001:db8:68::/64 table 10 metric 8986')
    const row = life.nexthops.acquire(encap(core, 'encap.red'))
    const before = await foreign()
    for (const p of ['10.66.0.0/24', '2001:db8:66::/64', '2001:db8:67::/64']) {
      life.want(p, RouteKind.UNICAST, row)
    }
    await life.flush()
    expect(await foreign(), before)
    for (const p of ['10.66.0.0/24', '2001:db8:66::/64', '2001:db8:67::/64']) life.unwant(p)
    life.nexthops.release(row)
    // Even one of our metric stays, and ours is refused.
    life.want('10.67.0.0/24', RouteKind.THROW, 0)
    life.want('2001:db8:68::/64', RouteKind.THROW, 0)
    await life.flush()
    expect(
      [...life.fib.failedRows()].map((r) => life.fib.errnoOf(r)),
      [Errno.EEXIST, Errno.EEXIST],
    )
    expect(await foreign(), before)
    life.unwant('10.67.0.0/24')
    life.unwant('2001:db8:68::/64')
    await life.flush()
    expect(await foreign(), before)
  })
}

async function foreign(): Promise<string> {
  const [four, six] = [await ip('route show table 10'), await ip('-6 route show table 10')]
  return `${four}${six}`
    .split('\n')
    .filter((line) => !line.includes('proto 152'))
    .join('\n')
}

async function checkSecondLife(first: Life, core: number, vrf: number): Promise<Life> {
  const life = new Life()
  await checks.check('a second life adopts everything and writes nothing', async () => {
    await adoptKernel(life.tables)
    for (const sid of Object.values(sidsOf(vrf))) life.sids.want(sid)
    wishes(life, core)
    await life.flush()
    await sweepKernel(life.tables)
    expect(life.kernel.writes, 0)
    expect(life.fib.counts, { wanted: 5, installed: 5, failed: 0, stale: 0 })
    await pings(true)
  })
  await first.kernel.close()
  return life
}

async function checkLinks(life: Life, core: number): Promise<void> {
  await checks.check('what went with a device comes back with it', async () => {
    await ip('link set core down')
    await ip('link set vrf-red down')
    expect((await life.kernel.dump()).nexthops.length, 0)
    await ip('link set core up')
    await ip('link set vrf-red up')
    await ip('addr replace 2001:db8:f1::1/64 dev core nodad')
    await ip('route replace fcbb:bb00:2::/48 via 2001:db8:f1::f')
    await resyncKernel(life.tables)
    expect(life.fib.counts, { wanted: 5, installed: 5, failed: 0, stale: 0 })
    expect(life.sids.counts.installed, 3)
    await pings(true)
  })
  await checks.check('a nexthop object through lo outlives the core link', async () => {
    const row = life.nexthops.acquire(encap(1, 'encap.red'))
    for (const p of ['10.2.0.0/24', '2001:db8:2::/64']) life.want(p, RouteKind.UNICAST, row)
    await life.flush()
    await pings(true)
    await ip('link set core down')
    expect(
      (await life.kernel.dump()).nexthops.some((n) => 'ifindex' in n && n.ifindex === 1),
      true,
    )
    await ip('link set core up')
    await ip('addr replace 2001:db8:f1::1/64 dev core nodad')
    await ip('route replace fcbb:bb00:2::/48 via 2001:db8:f1::f')
    await pings(true)
    wishes(life, core)
    life.nexthops.release(row)
    await resyncKernel(life.tables)
  })
}

async function checkEnd(life: Life): Promise<void> {
  await checks.check('cleared: nothing of ours is left, all of the others is', async () => {
    const before = await foreign()
    await clearKernel(life.tables)
    const { routes, localSids } = await life.kernel.dump()
    expect([routes.every(({ bits }) => bits === 0), localSids.length], [true, 0])
    expect(await foreign(), before)
    await life.kernel.removeLink('vrf-red')
    life.tables.fib.unwantAll()
    await life.tables.fib.flush()
    expect((await life.kernel.dump()).routes.length, 0)
    await life.kernel.removeLink('vrf-red')
    expect(
      (await life.kernel.links()).some((l) => l.name === 'vrf-red'),
      false,
    )
    const text = await ip('addr show dev red')
    for (const a of ['10.1.0.254/24', '2001:db8:1::fe/64']) expect([a, text.includes(a)], [a, true])
  })
}

await inSandbox(async () => {
  say('building the network')
  await buildKernelNetwork()
  const first = new Life()
  const core = (await first.kernel.links()).find((l) => l.name === 'core')!.ifindex
  const heard = new Heard()
  const end = first.kernel.watch(heard)
  const vrf = await checkDevices(first)
  await checkSids(first, vrf)
  await checkRoutes(first, core)
  await checkForeign(first, core)
  await checks.check('changes of links, addresses and routes were heard of', async () => {
    const unheard = () =>
      (['address', 'link', 'route'] as const).filter((what) => !heard.kinds.includes(what))
    await waitUntil('all kinds', checks.patience, async () => unheard().join() || undefined)
  })
  end()
  const second = await checkSecondLife(first, core, vrf)
  await checkLinks(second, core)
  await checkOverlap(checks, second.kernel)
  await checkEnd(second)
  await second.kernel.close()
  return checks.finish()
})
