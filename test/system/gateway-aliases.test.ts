/**
 * SIDs straight to a gateway, on this machine's kernel: two customers with the same addresses, each
 * SID to its own, the gateway on a connected network or link-local; what has no way goes nowhere.
 */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { ALIASES, GatewayAliases } from '../../src/fib/gateway-aliases.ts'
import type { LocalSid } from '../../src/fib/kernel.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { LocalSidTable } from '../../src/fib/local-sid-table.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import { adoptKernel } from '../../src/fib/reconcile.ts'
import { RuleTable } from '../../src/fib/rule-table.ts'
import { SourceBindings } from '../../src/fib/source-bindings.ts'
import { sidRules } from '../../src/fib/table-rules.ts'
import type { NextHopId } from '../../src/rib/next-hop.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { Behavior } from '../../src/wire/registry.ts'
import { inOwnNamespace } from '../support/namespace.ts'

const run = (line: string) => {
  const { stdout, stderr, status } = spawnSync('sh', ['-ec', line], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${line}: ${stderr}`)
  return stdout
}

// Neighbours are not asked for before an address is sure: the first packets would be lost.
const NO_DAD = 'sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0'

/** far — this namespace — a, b: both customers have 10.1.0.1 behind 172.16.0.2, and so in IPv6. */
function build(): void {
  run(`
    mount -t tmpfs none /run && mkdir /run/netns
    ip link set lo up && ip netns add far && ip -n far link set lo up
    ${NO_DAD} && ip netns exec far ${NO_DAD}
    ip link add core type veth peer name core netns far
    ip link set core up && ip -n far link set core up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.core.rp_filter=0
    ip addr add fd00::1/64 dev core nodad && ip -n far addr add fd00::2/64 dev core nodad
    ip -n far addr add 10.9.0.1/32 dev lo && ip -n far addr add 2001:db8:9::1/128 dev lo
    ip route add 10.9.0.1 via inet6 fd00::2 dev core && ip -6 route add 2001:db8:9::1 via fd00::2
    ip -n far -6 route add fcbb:1::/48 via fd00::1
    ip link add vpn type veth peer name vpn2 && ip link set vpn up && ip link set vpn2 up
  `)
  for (const name of ['a', 'b']) {
    run(`
      ip netns add ${name} && ip -n ${name} link set lo up && ip netns exec ${name} ${NO_DAD}
      ip link add name ${name} type veth peer name pe netns ${name}
      ip link set dev ${name} up && ip -n ${name} link set pe up
      ip addr add 172.16.0.1/24 dev ${name} && ip addr add 2001:db8:16::1/64 dev ${name} nodad
      ip -n ${name} addr add 172.16.0.2/24 dev pe
      ip -n ${name} addr add 2001:db8:16::2/64 dev pe nodad
      ip -n ${name} addr add 10.1.0.1/32 dev lo && ip -n ${name} addr add 2001:db8:1::1/128 dev lo
      ip -n ${name} route add default via 172.16.0.1
      ip -n ${name} -6 route add default via 2001:db8:16::1
    `)
  }
}

/** Sends to a customer's address by a SID; where the packets arrived, '' for nowhere. */
function reach(sid: string, family: 4 | 6, seconds = 20): string {
  const [to, from] = family === 4 ? ['10.1.0.1', '10.9.0.1'] : ['2001:db8:1::1', '2001:db8:9::1']
  const echoes = () =>
    ['a', 'b'].map((name) => {
      const text = run(`ip netns exec ${name} cat /proc/net/snmp /proc/net/snmp6`)
      const [names, values] = [...text.matchAll(/^Icmp: (.*)$/gm)].map((m) => m[1]!.split(' '))
      const four = Number(values![names!.indexOf('InEchos')])
      return four + Number(/^Icmp6InEchos\s+(\d+)/m.exec(text)![1])
    })
  run(
    `ip -n far -${family} route replace ${to} encap seg6 mode encap.red segs ${sid} dev core src ${from}`,
  )
  const before = echoes()
  const ping = ['netns', 'exec', 'far', 'ping', '-c1', `-W${seconds}`, '-n', '-I', from!, to!]
  const { stdout } = spawnSync('ip', ping, { encoding: 'utf8' })
  const after = echoes()
  const where = ['a', 'b'].filter((_, k) => after[k]! > before[k]!).join('')
  return stdout.includes('bytes from') ? where : `${where} without an answer`.trim()
}

function life() {
  const kernel = new LinuxKernel(silentLogger)
  const nexthops = new NexthopTable(kernel, silentLogger)
  const fib = new FibTable(kernel, nexthops, silentLogger)
  const sids = new LocalSidTable(kernel, silentLogger)
  return { kernel, nexthops, fib, sids, aliases: new GatewayAliases(fib, nexthops) }
}

const SIDS = [
  'fcbb:1:0:1::',
  'fcbb:1:0:2::',
  'fcbb:1:0:3::',
  'fcbb:1:0:4::',
  'fcbb:1:0:5::',
  'fcbb:1:0:6::',
]

async function inNamespace(): Promise<void> {
  build()
  const { kernel, nexthops, fib, sids, aliases } = life()
  const links = await kernel.links()
  const ifindexOf = (name: string) => links.find((link) => link.name === name)!.ifindex
  const linkLocal = /inet6 (fe80[^/]*)/.exec(run('ip -n a -6 addr show dev pe scope link'))![1]!
  // biome-ignore format: one row a SID
  const ways: [family: 4 | 6, gateway: string, device: string][] = [
    [4, '172.16.0.2',    'a'],
    [4, '172.16.0.2',    'b'],
    [6, '2001:db8:16::2', 'a'],
    [6, '2001:db8:16::2', 'b'],
    [6, linkLocal,       'a'],
    [4, '2001:db8:16::2', 'b'], // RFC 8950
  ]
  const wanted: LocalSid[] = ways.map(([family, gateway, device], k) => {
    const row = nexthops.acquire({ ifindex: ifindexOf(device), gateway: parseAddress(gateway) })
    const address = aliases.take((k + 1) as NextHopId, family, row)
    return {
      sid: parseAddress(SIDS[k]!),
      prefixBits: 128,
      behavior: family === 4 ? Behavior.END_DX4 : Behavior.END_DX6_NEXT_CSID,
      target: { kind: 'next-hop', address },
      ifindex: ifindexOf('vpn'),
    }
  })
  for (const sid of wanted) sids.want(sid)
  await fib.flush()
  await sids.flush()

  await t.test('each SID leads to its own customer, whose addresses are the same', async (t) => {
    t.same(sids.counts, { wanted: 6, installed: 6, failed: 0, stale: 0 })
    t.same(fib.counts.failed, 0)
    t.same(
      ways.map(([family], k) => reach(SIDS[k]!, family)),
      ['a', 'b', 'a', 'b', 'a', 'b'],
    )
  })

  await t.test('also what comes from addresses that on this node are another VRF’s', async (t) => {
    run(`ip route add default via 172.16.0.2 dev b table 77
      ip -6 route add default via 2001:db8:16::2 dev b table 77`)
    const rules = new RuleTable(kernel, silentLogger, [])
    const sources = new SourceBindings(rules, { prefixes: [], pools: new Map() })
    sources.setFirst(sidRules(['core'], ALIASES))
    const bound = [
      { address: parseAddress('10.9.0.1'), bits: 32 },
      { address: parseAddress('2001:db8:9::1'), bits: 128 },
    ]
    for (const prefix of bound) sources.bind(prefix, 77)
    await rules.flush()
    t.same([reach(SIDS[0]!, 4), reach(SIDS[2]!, 6)], ['a', 'a'])
    for (const prefix of bound) sources.unbind(prefix, 77)
    rules.sweep()
    await rules.flush()
    t.notMatch(run('ip rule; ip -6 rule'), /proto 152/, 'no source, no rule')
  })

  await t.test('a second life finds where each leads, and writes nothing', async (t) => {
    const second = life()
    const dump = await adoptKernel({ ...second, log: silentLogger })
    const found = second.aliases.adopt(dump)
    t.equal(found.size, 6)
    const { writes } = second.kernel
    for (const [k, [family, gateway, device]] of ways.entries()) {
      const content = { ifindex: ifindexOf(device), gateway: parseAddress(gateway) }
      const row = second.nexthops.acquire(content)
      const address = second.aliases.take((50 + k) as NextHopId, family, row)
      t.same(address, (wanted[k]!.target as { address: Uint8Array }).address)
      second.sids.want(wanted[k]!)
    }
    await second.fib.flush()
    await second.sids.flush()
    t.equal(second.kernel.writes, writes)
    await second.kernel.close()
  })

  await t.test('what has no way goes nowhere, not by the default route', async (t) => {
    run(
      'ip route add default via 172.16.0.2 dev b && ip -6 route add default via 2001:db8:16::2 dev b',
    )
    aliases.point(1 as NextHopId, 0)
    aliases.point(3 as NextHopId, 0)
    await fib.flush()
    t.equal(reach(SIDS[0]!, 4, 2), 'without an answer')
    t.equal(reach(SIDS[2]!, 6, 2), 'without an answer')
    // The kernel drops the routes through a device that goes down before anybody can say so.
    run('ip link set dev a down')
    t.equal(reach(SIDS[4]!, 6, 2), 'without an answer')
    t.equal(reach(SIDS[1]!, 4), 'b')
  })

  await t.test('given back: nothing of it stays', async (t) => {
    sids.unwantAll()
    for (const [k, [family]] of ways.entries()) aliases.give((k + 1) as NextHopId, family)
    await sids.flush()
    await fib.flush()
    const { routes, localSids } = await kernel.dump()
    t.same([routes, localSids], [[], []])
  })
  await kernel.close()
}

await inOwnNamespace(t, import.meta.url, inNamespace, ['--mount'])
