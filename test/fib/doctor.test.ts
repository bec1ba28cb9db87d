import t from 'tap'
import { examine, type Finding, type Subject } from '../../src/fib/doctor.ts'
import { Cap, type Host } from '../../src/fib/host.ts'
import { isAtLeast } from '../../src/fib/kernel-version.ts'
import { Behavior } from '../../src/wire/registry.ts'

const ALL_CAPABILITIES = Object.values(Cap).reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n)

// biome-ignore format: one row a setting
const GOOD: Record<string, string> = {
  'net/vrf/strict_mode': '1',
  'net/ipv4/ip_forward': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/ipv6/conf/all/disable_ipv6': '0',
  'net/ipv6/conf/all/seg6_enabled': '0',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/default/rp_filter': '0',
  'net/ipv4/conf/vrf-red/rp_filter': '0',
  'net/ipv6/conf/vrf-red/disable_ipv6': '0',
  'net/ipv4/tcp_l3mdev_accept': '0',
  'net/ipv4/nexthop_compat_mode': '0',
}

function hostWith(
  changes: Partial<Host> & { settings?: Record<string, string | null> } = {},
): Host {
  const settings: Record<string, string | null> = { ...GOOD, ...changes.settings }
  return {
    release: '6.12.107-amd64',
    capabilities: ALL_CAPABILITIES,
    sysctl: (path) => settings[path] ?? null,
    hasModule: () => true,
    kernelOption: () => 'y',
    maySet: () => true,
    ...changes,
  }
}

const CORE = { ifindex: 2, name: 'core0', up: true, master: 0, mtu: 1600 }
const CIRCUIT = { ifindex: 3, name: 'eth1', up: true, master: 4, mtu: 1500 }
const DEVICE = {
  ifindex: 4,
  name: 'vrf-red',
  up: true,
  master: 0,
  mtu: 65575,
  kind: 'vrf',
  vrfTable: 10,
}

const SUBJECT: Subject = {
  vrfDevices: true,
  encapsulation: 'encap.red',
  behaviors: [Behavior.END_DT46],
  vrfs: [{ name: 'red', device: 'vrf-red', table: 10, interfaces: ['eth1'] }],
  links: [CORE, CIRCUIT, DEVICE],
  coreIfindexes: [2],
  source: { text: '2001:db8:ffff::1', isOurs: true },
  lowPort: true,
  sids: [{ sid: 'fcbb:bb00:1:1::', why: null, byLoopback: false }],
  cilium: null,
  running: true,
  changed: new Map(),
}

const bad = (host: Host, subject: Partial<Subject> = {}): Finding[] =>
  examine(host, { ...SUBJECT, ...subject }).filter(({ state }) => state !== 'ok')

t.test('a host as it should be: all is well, each thing named once', async (t) => {
  const findings = examine(hostWith(), SUBJECT)
  t.same(bad(hostWith()), [])
  const names = findings.map(({ check }) => check)
  t.same(names, [...new Set(names)])
  t.ok(findings.every(({ says, mend }) => says !== '' && mend === null))
})

// biome-ignore format: one row a trap
const TRAPS: [trap: string, host: Parameters<typeof hostWith>[0], subject: Partial<Subject>, state: string, says: RegExp, mend: string | null][] = [
  ['net.vrf.strict_mode is off',     { settings: { 'net/vrf/strict_mode': '0' } }, {}, 'failed', /^is 0, expected 1: the kernel refuses the SIDs/, 'sysctl -w net.vrf.strict_mode=1'],
  ['rp_filter on all',               { settings: { 'net/ipv4/conf/all/rp_filter': '2' } }, {}, 'failed', /IPv4 that comes out of SRv6 is dropped/, 'sysctl -w net.ipv4.conf.all.rp_filter=0'],
  ['rp_filter on the VRF device',    { settings: { 'net/ipv4/conf/vrf-red/rp_filter': '1' } }, {}, 'failed', /dropped on vrf-red/, 'sysctl -w net.ipv4.conf.vrf-red.rp_filter=0'],
  ['rp_filter on the core, SIDs a CE', { settings: { 'net/ipv4/conf/core0/rp_filter': '2' } }, { behaviors: [Behavior.END_DX4] }, 'failed', /dropped on core0/, 'sysctl -w net.ipv4.conf.core0.rp_filter=0'],
  ['no IPv6 on the VRF device',      { settings: { 'net/ipv6/conf/vrf-red/disable_ipv6': '1' } }, {}, 'failed', /SIDs through vrf-red/, 'sysctl -w net.ipv6.conf.vrf-red.disable_ipv6=0'],
  ['IPv4 is not forwarded',          { settings: { 'net/ipv4/ip_forward': '0' } }, {}, 'failed', /IPv4 of VPNs is not forwarded/, 'sysctl -w net.ipv4.ip_forward=1'],
  ['IPv6 is not forwarded',          { settings: { 'net/ipv6/conf/all/forwarding': '0' } }, {}, 'failed', /IPv6 and SRv6/, 'sysctl -w net.ipv6.conf.all.forwarding=1'],
  ['IPv6 is disabled',               { settings: { 'net/ipv6/conf/all/disable_ipv6': '1' } }, {}, 'failed', /nothing can be encapsulated/, 'sysctl -w net.ipv6.conf.all.disable_ipv6=0'],
  ['a kernel without SRv6',          { settings: { 'net/ipv6/conf/all/seg6_enabled': null } }, {}, 'failed', /CONFIG_IPV6_SEG6_LWTUNNEL/, null],
  ['a kernel with its setting alone', { kernelOption: (name) => (name === 'CONFIG_IPV6_SEG6_LWTUNNEL' ? 'n' : 'y') }, {}, 'failed', /CONFIG_IPV6_SEG6_LWTUNNEL/, null],
  ['servers take customers',         { settings: { 'net/ipv4/tcp_l3mdev_accept': '1' } }, {}, 'warning', /connections of customers/, 'sysctl -w net.ipv4.tcp_l3mdev_accept=0'],
  ['a kernel before End.DT46',       { release: '5.10.0-30-amd64' }, { encapsulation: 'encap' }, 'failed', /5\.10\.0-30-amd64 is too old for End\.DT46 \(5\.14\)/, null],
  ['a kernel before H.Encaps.Red',   { release: '5.15.0-91-generic' }, {}, 'failed', /too old for H\.Encaps\.Red \(6\.0\)/, 'dataplane.encapsulation: encap'],
  ['a kernel before uDT4',           { release: '5.4.0' }, { encapsulation: 'encap', behaviors: [Behavior.END_DT4_NEXT_CSID] }, 'failed', /uDT4 \(5\.11\)/, null],
  ['the process may not write',      { capabilities: ALL_CAPABILITIES & ~(1n << BigInt(Cap.NET_ADMIN)) }, {}, 'failed', /routes, SIDs and VRFs/, null],
  ['the process has no raw sockets', { capabilities: ALL_CAPABILITIES & ~(1n << BigInt(Cap.NET_RAW)) }, {}, 'warning', /too big/, null],
  ['port 179 may not be bound',      { capabilities: ALL_CAPABILITIES & ~(1n << BigInt(Cap.NET_BIND_SERVICE)) }, {}, 'failed', /below 1024/, null],
  ['two devices on a table',         {}, { links: [CORE, CIRCUIT, DEVICE, { ...DEVICE, ifindex: 9, name: 'vrf-old' }] }, 'failed', /table 10 is also vrf-old’s/, 'ip link del vrf-old'],
  ['the source is nobody’s',         {}, { source: { text: '2001:db8:ffff::1', isOurs: false } }, 'failed', /on no interface/, 'ip -6 addr add 2001:db8:ffff::1/128 dev lo'],
  ['a SID was refused',              {}, { sids: [{ sid: 'fcbb::1', why: 'EPERM', byLoopback: true }] }, 'failed', /EPERM/, null],
  ['a SID goes by lo',               {}, { sids: [{ sid: 'fcbb::1', why: null, byLoopback: true }] }, 'failed', /takes it for itself/, 'ip -6 addr del fcbb::1/128 dev lo'],
  ['the core is no larger',          {}, { links: [{ ...CORE, mtu: 1500 }, CIRCUIT, DEVICE] }, 'warning', /1500 leaves 1460 octets, customers' links carry 1500/, 'ip link set core0 mtu 1540'],
  ['the core is far too small',      {}, { links: [{ ...CORE, mtu: 1300 }, CIRCUIT, DEVICE] }, 'failed', /IPv6 of customers needs 1280/, 'ip link set core0 mtu 1540'],
  ['an SRH takes more',              {}, { encapsulation: 'encap', links: [{ ...CORE, mtu: 1540 }, CIRCUIT, DEVICE] }, 'warning', /1540 leaves 1476/, 'ip link set core0 mtu 1564'],
]

for (const [trap, host, subject, state, says, mend] of TRAPS) {
  t.test(`${trap}: one finding, with what to do`, async (t) => {
    const found = bad(hostWith(host), subject)
    t.match(found, [{ state, says, mend }])
    t.equal(found.length, 1)
  })
}

t.test('no VRF devices: load the module, or go without where there is none', async (t) => {
  const settings = { 'net/vrf/strict_mode': null }
  t.match(bad(hostWith({ settings })), [{ check: 'VRF devices', mend: 'modprobe vrf' }])
  const without = hostWith({ settings, hasModule: () => false })
  t.match(bad(without), [{ check: 'VRF devices', mend: 'dataplane.mode: table' }])
  const tables = { vrfDevices: false, behaviors: [Behavior.END_DT6] }
  const filter = (value: string) => {
    const all = { ...settings, 'net/ipv4/conf/core0/rp_filter': value }
    return hostWith({ settings: all, hasModule: () => false })
  }
  t.same(bad(filter('0'), tables), [], 'not needed then')
  const command = 'sysctl -w net.ipv4.conf.core0.rp_filter=0'
  t.match(bad(filter('2'), tables), [{ mend: command }], 'but the core lets in what it brings')
})

t.test('VRFs of tables and rules: what the kernel must be built with, and its pairs', async (t) => {
  const tables = {
    vrfDevices: false,
    behaviors: [Behavior.END_DT6],
    links: [CORE, CIRCUIT, { ...CORE, ifindex: 9, name: 'sr10in' }],
  }
  const filters = { 'net/ipv4/conf/core0/rp_filter': '0', 'net/ipv4/conf/sr10in/rp_filter': '0' }
  const host = (changes: Partial<Host>) => hostWith({ settings: filters, ...changes })
  t.same(bad(host({}), tables), [])
  t.same(bad(host({ kernelOption: () => null }), tables), [], 'unknown is no reason to complain')
  const without = (...names: string[]) =>
    host({ kernelOption: (name) => (names.includes(name) ? 'n' : 'y') })
  t.match(bad(without('CONFIG_IPV6_MULTIPLE_TABLES', 'CONFIG_VETH'), tables), [
    { state: 'failed', says: /lacks CONFIG_IPV6_MULTIPLE_TABLES, CONFIG_VETH$/ },
  ])
  const modular = { kernelOption: () => 'm', hasModule: (name: string) => name !== 'veth' }
  t.match(bad(host(modular), tables), [{ state: 'failed', says: /module veth is not installed/ }])
  t.match(
    bad(hostWith({ settings: { ...filters, 'net/ipv4/conf/sr10in/rp_filter': '2' } }), tables),
    [{ mend: 'sysctl -w net.ipv4.conf.sr10in.rp_filter=0' }],
  )
})

t.test('what srv6d has mended says so, with what it was', async (t) => {
  const changed = new Map([['net/ipv4/ip_forward', '0']])
  t.match(bad(hostWith(), { changed }), [
    { check: 'net.ipv4.ip_forward', state: 'mended', says: '1; it was 0, srv6d has set it' },
  ])
})

t.test('what srv6d will set when it starts is no failure before', async (t) => {
  const settings = { 'net/ipv4/ip_forward': '0' }
  const before = { running: false }
  const mend = 'sysctl -w net.ipv4.ip_forward=1'
  const says = 'is 0, expected 1: IPv4 of VPNs is not forwarded'
  t.match(bad(hostWith({ settings }), before), [
    { state: 'warning', says: `${says}; srv6d sets it when it starts`, mend },
  ])
  t.match(bad(hostWith({ settings, maySet: () => false }), before), [
    { state: 'failed', says, mend },
  ])
})

t.test('the settings of a VRF device: missed only while srv6d runs', async (t) => {
  const host = hostWith({ settings: { 'net/ipv4/conf/vrf-red/rp_filter': null } })
  t.match(bad(host), [{ state: 'failed', says: /is not there/ }])
  t.same(bad(host, { running: false }), [])
})

t.test('a port above 1023 needs no capability', async (t) => {
  const host = hostWith({ capabilities: ALL_CAPABILITIES & ~(1n << BigInt(Cap.NET_BIND_SERVICE)) })
  t.same(bad(host, { lowPort: false }), [])
})

t.test('kernel versions compare by number', async (t) => {
  for (const [release, since, is] of [
    ['6.12.107-amd64', '6.0', true],
    ['6.0.0', '6.0', true],
    ['5.9.1', '5.14', false],
    ['5.14.0-rc1', '5.14', true],
    ['4.19.0', '5.11', false],
    ['10.1', '6.0', true],
  ] as const) {
    t.equal(isAtLeast(release, since), is, `${release} ≥ ${since}`)
  }
})

t.test('with Cilium’s data path only its maps and our SIDs in them matter', async (t) => {
  const of = (cilium: Subject['cilium']) =>
    bad(hostWith({ settings: { 'net/ipv4/ip_forward': '0' } }), { cilium })
  t.same(of({ missing: [], why: null }), [])
  t.match(of({ missing: ['cilium_srv6_sid'], why: null }), [
    { state: 'failed', says: /not pinned: cilium_srv6_sid: .*enable-srv6/ },
  ])
  t.match(of({ missing: [], why: 'bpftool is not installed' }), [
    { says: 'bpftool is not installed', mend: 'apt-get install bpftool' },
  ])
})
