import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { type LocalSid, RouteKind } from '../../src/fib/kernel.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { LocalSidTable } from '../../src/fib/local-sid-table.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import { prepareNamespace, prepareVrfDevice } from '../../src/fib/preflight.ts'
import {
  adoptKernel,
  clearKernel,
  type KernelTables,
  resyncKernel,
  sweepKernel,
} from '../../src/fib/reconcile.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { Behavior } from '../../src/wire/registry.ts'
import { FakeKernel } from '../support/fake-kernel.ts'

function life(kernel: FakeKernel): KernelTables {
  const nexthops = new NexthopTable(kernel, silentLogger)
  const fib = new FibTable(kernel, nexthops, silentLogger, new ManualClock())
  return { kernel, nexthops, fib, sids: new LocalSidTable(kernel, silentLogger), log: silentLogger }
}

async function host() {
  const kernel = new FakeKernel()
  const core = kernel.addLink('core').ifindex
  const vrf = (await kernel.ensureVrf('vrf-red', 10)).ifindex
  return { kernel, core, vrf }
}

const vrfTable = (table: number) => ({ kind: 'vrftable', table }) as const

function sid(n: number, vrf: number, behavior: number = Behavior.END_DT46): LocalSid {
  const text = `fcbb:bb00:1:${n}::`
  return { sid: parseAddress(text), prefixBits: 128, behavior, target: vrfTable(10), ifindex: vrf }
}

/** One VRF's wishes: a SID, a route through a remote SID, the last resort. */
async function wish(tables: KernelTables, core: number, vrf: number): Promise<void> {
  const content = { ifindex: core, segments: [parseAddress('fcbb:bb00:2:46::')] }
  const row = tables.nexthops.acquire(content)
  tables.fib.want(10, 4, Int32Array.of(0x0a020000), 0, 24, RouteKind.UNICAST, row)
  tables.nexthops.release(row)
  tables.fib.wantUnreachableDefaults(10)
  tables.sids.want(sid(46, vrf))
  await Promise.all([tables.fib.flush(), tables.sids.flush()])
}

t.test('killed and started again: nothing is written, a stranger is swept', async (t) => {
  const { kernel, core, vrf } = await host()
  const first = life(kernel)
  await wish(first, core, vrf)
  first.sids.want(sid(99, vrf))
  await first.sids.flush()

  const second = life(kernel)
  const before = kernel.operations.length
  await adoptKernel(second)
  await wish(second, core, vrf)
  t.equal(kernel.operations.length, before)
  t.equal(second.sids.counts.stale, 1)
  await sweepKernel(second)
  t.equal(kernel.sids.size, 2, 'SIDs have a time of their own')
  t.same(second.sids.stale(), [sid(99, vrf)])
  second.sids.sweep()
  await second.sids.flush()
  t.equal(kernel.sids.size, 1)
  t.same(
    kernel.operations.slice(before).map((o) => `${o.op} ${o.what}`),
    ['delete sid'],
  )

  await clearKernel(second)
  t.equal(kernel.routes.size, 2, 'the last resorts, until nothing leads to the table')
  second.fib.unwantAll()
  await second.fib.flush()
  t.equal(kernel.routes.size + kernel.sids.size + kernel.nexthops.size, 0)
})

t.test('a device that went down and up: all of it comes back', async (t) => {
  const { kernel, core, vrf } = await host()
  const tables = life(kernel)
  await wish(tables, core, vrf)
  kernel.linkDown(core)
  kernel.linkDown(vrf)
  t.equal(kernel.sids.size, 0)
  await resyncKernel(tables)
  t.equal(kernel.sids.size, 1)
  t.equal(tables.fib.counts.failed, 1)
  for (const link of kernel.linkList) link.up = true
  await resyncKernel(tables)
  t.same(tables.fib.counts, { wanted: 3, installed: 3, failed: 0, stale: 0 })
  t.equal(kernel.nexthops.size, 1)
})

t.test('a SID that no kernel refused, but that was not written, is tried again', async (t) => {
  const { kernel, vrf } = await host()
  const { sids } = life(kernel)
  const { putLocalSid } = kernel
  kernel.putLocalSid = () => Promise.reject(new Error('bpftool is not installed'))
  sids.want(sid(1, vrf))
  await sids.flush()
  t.match(sids.whyOf(sid(1, vrf)), 'bpftool is not installed')
  t.match(sids.counts, { wanted: 1, installed: 0, failed: 1 })
  kernel.putLocalSid = putLocalSid
  sids.retryFailed()
  await sids.flush()
  t.match(sids.counts, { wanted: 1, installed: 1, failed: 0 })
})

t.test('a SID: refused with the reason, changed, and left alone when it is right', async (t) => {
  const { kernel, vrf } = await host()
  const { sids } = life(kernel)
  const lost = { ...sid(1, vrf), target: vrfTable(99) }
  sids.want(lost)
  t.equal(sids.stateOf(lost), 'pending')
  await sids.flush()
  t.equal(sids.stateOf(lost), 'failed')
  t.equal(sids.errnoOf(lost), Errno.EINVAL)
  t.match(sids.whyOf(lost), 'no associated VRF device')
  sids.want(sid(1, vrf))
  await sids.flush()
  t.equal(sids.stateOf(lost), 'installed')
  t.equal(sids.whyOf(lost), null)

  const before = kernel.operations.length
  sids.want(sid(1, vrf, Behavior.END_DT46_NEXT_CSID))
  await sids.flush()
  t.equal(kernel.operations.length, before, 'NEXT-CSID is the same to the kernel')
  sids.want(sid(1, vrf, Behavior.END_DT4))
  await sids.flush()
  t.equal(kernel.sids.get('fcbb:bb00:1:1::/128')?.behavior, Behavior.END_DT4)

  kernel.fail = (o) => (o.what === 'sid' ? Errno.EPERM : 0)
  sids.unwant(sid(1, vrf))
  await sids.flush()
  t.equal(sids.stateOf(lost), 'failed')
  kernel.fail = () => 0
  sids.retryFailed()
  await sids.flush()
  t.equal(sids.stateOf(lost), undefined)
})

t.test(
  'settings of the host: made once, and a plain sentence for each that is refused',
  async (t) => {
    const { kernel } = await host()
    t.same(await prepareNamespace(kernel), [])
    t.same(await prepareVrfDevice(kernel, 'vrf-red'), [])
    t.equal(kernel.sysctls.get('net/vrf/strict_mode'), '1')
    t.equal(kernel.sysctls.get('net/ipv4/conf/vrf-red/rp_filter'), '0')
    const writes = kernel.operations.length
    await prepareNamespace(kernel)
    t.equal(kernel.operations.length, writes)

    const bare = new FakeKernel()
    bare.fail = (o) => {
      if (o.what !== 'sysctl') return 0
      if (o.path.startsWith('net/vrf')) return Errno.ENOENT
      return o.path === 'net/ipv4/ip_forward' ? Errno.EPERM : 0
    }
    t.same(await prepareNamespace(bare), [
      'this kernel has no VRF devices (net.vrf.strict_mode is missing), the kernel refuses the SIDs of VRFs: run `modprobe vrf`',
      'net/ipv4/ip_forward could not be set to 1 (EACCES), IPv4 of VPNs is not forwarded: run `sysctl -w net.ipv4.ip_forward=1`',
    ])
  },
)
