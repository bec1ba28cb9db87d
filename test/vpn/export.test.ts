import t from 'tap'
import { type NextHopId, Reach } from '../../src/rib/next-hop.ts'
import { PathKind } from '../../src/rib/path-table.ts'
import { VpnExport } from '../../src/vpn/export.ts'
import type { LocalSid } from '../../src/vpn/sid-manager.ts'
import { Vrf } from '../../src/vpn/vrf.ts'
import { Behavior } from '../../src/wire/endpoint-behavior.ts'
import { Family } from '../../src/wire/registry.ts'
import {
  address,
  asPath,
  attr,
  clusterList,
  communities,
  extCommunities,
  l3Service,
  localPref,
  med,
  OPTIONAL,
  origin,
  originatorId,
  prefixSid,
  rd,
  routeTarget,
  sidInformation,
  sidStructure,
  TRANSITIVE,
  u8,
} from '../support/builder.ts'
import { concat, toHex } from '../support/hex.ts'
import { bests, pathsOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const SOURCE = address('2001:db8:ffff::1')
const GATEWAY = address('172.16.1.2')
const SITE = u8(0, 3, 0xfd, 0xe8, 0, 0, 0, 7)

function localSid(text: string, behavior: number): LocalSid {
  const structure = { blockBits: 32, nodeBits: 16, functionBits: 16, argumentBits: 0 }
  const locator = { name: 'main', prefix: address('fcbb:bb00:1::'), structure, nextCsid: false }
  return { sid: address(text), behavior, locator, vrf: 'red', table: 10 }
}

/** What the wire form of such a SID is, whole. */
const sidAttr = (text: string, behavior: number) =>
  prefixSid(l3Service(sidInformation(text, behavior, sidStructure(32, 16, 16, 0, 0, 0))))

function setUp(of: { connected?: boolean; static?: boolean; targets?: string[] } = {}) {
  const world = new World()
  const ribs = [world.rib(VPNV4, 'vpn'), world.rib(VPNV6, 'vpn')] as const
  const spec = {
    number: 3,
    name: 'red',
    table: 10,
    rd: rd('65000:110'),
    importTargets: [],
    exportTargets: (of.targets ?? ['65000:10', '192.0.2.1:7']).map(routeTarget),
    exportConnected: of.connected ?? true,
    exportStatic: of.static ?? true,
  }
  const vrf = new Vrf(spec, world)
  vrf.sids.set(IPV4_UNICAST, localSid('fcbb:bb00:1:4::', Behavior.END_DT4))
  vrf.sids.set(IPV6_UNICAST, localSid('fcbb:bb00:1:6::', Behavior.END_DT6))
  const inner = [vrf.rib(IPV4_UNICAST), vrf.rib(IPV6_UNICAST)] as const
  world.ribs.push(...inner)
  new VpnExport(vrf, IPV4_UNICAST, ribs[0], world, SOURCE)
  new VpnExport(vrf, IPV6_UNICAST, ribs[1], world, SOURCE)
  const ce = world.peer('172.16.1.2')
  /** A path of the VRF; words of its prefix, 4 or 16 octets. */
  const put = (net: string, kind: PathKind = PathKind.RECEIVED, ...attrs: Uint8Array[]) => {
    const octets = new DataView(address(net).buffer)
    const words = Int32Array.from({ length: octets.byteLength / 4 }, (_, k) =>
      octets.getInt32(4 * k),
    )
    const rib = inner[words.length === 1 ? 0 : 1]
    const all = concat(...(attrs.length > 0 ? attrs : [origin(0), asPath([65101])]))
    const set = world.attrs.fromBytes(GATEWAY, 0, 4, all, 0, all.length)
    const prefix = rib.prefixes.intern(words, 0, words.length === 1 ? 24 : 64)
    const peer = kind <= PathKind.EXPORTED ? world.peers.local : ce
    const hop = world.nextHops.gateway(3, GATEWAY, 0, 4)
    const path = rib.put(prefix, peer.id, kind, 0, set, 0, hop, 0)
    rib.prefixes.release(prefix)
    return { path, rib }
  }
  const exported = () => {
    world.settle()
    return [...bests(ribs[0]).keys(), ...bests(ribs[1]).keys()].sort()
  }
  const octets = (text: string) => {
    world.settle()
    const rib = ribs[text.split(' ')[1]!.includes(':') ? 1 : 0]
    const set = rib.paths.attrsOf(pathsOf(rib, text)[0]!)
    return toHex(world.attrs.bytes.subarray(world.attrs.attrsAt(set), world.attrs.attrsEnd(set)))
  }
  return { world, ribs, vrf, put, exported, octets }
}

const targets = (...more: Uint8Array[]) =>
  extCommunities(routeTarget('65000:10'), routeTarget('192.0.2.1:7'), ...more)

t.test('RFC 9252 §5: RD, route targets and the SID of the family are added', async (t) => {
  const { world, put, exported, octets, ribs } = setUp()
  const one = put('10.1.0.0')
  const two = put('2001:db8:a::')
  t.same(exported(), ['65000:110 10.1.0.0/24', '65000:110 2001:db8:a::/64'])
  const base = [origin(0), asPath([65101]), targets()]
  const v4 = concat(...base, sidAttr('fcbb:bb00:1:4::', Behavior.END_DT4))
  const v6 = concat(...base, sidAttr('fcbb:bb00:1:6::', Behavior.END_DT6))
  t.equal(octets('65000:110 10.1.0.0/24'), toHex(v4))
  t.equal(octets('65000:110 2001:db8:a::/64'), toHex(v6))
  const [path] = pathsOf(ribs[0], '65000:110 10.1.0.0/24')
  const set = ribs[0].paths.attrsOf(path!)
  const hop = world.attrs.bytes.subarray(world.attrs.nextHopAt(set), world.attrs.attrsAt(set))
  t.equal(toHex(hop), toHex(SOURCE))
  t.equal(ribs[0].paths.kindOf(path!), PathKind.EXPORTED)
  t.equal(ribs[0].paths.labelOf(path!), 0x000031, 'whole in the table: Implicit NULL')
  one.rib.removePath(one.path)
  two.rib.removePath(two.path)
  t.same(exported(), [])
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test("the customer's communities go along, what steers the VPN does not", async (t) => {
  const { put, octets } = setUp()
  put(
    '10.1.0.0',
    PathKind.RECEIVED,
    origin(2),
    asPath([65101, 7]),
    med(5),
    localPref(300),
    communities('65101:1'),
    originatorId('192.0.2.9'),
    clusterList('192.0.2.8'),
    extCommunities(routeTarget('65000:20'), SITE, routeTarget('4200000000:1')),
    attr(OPTIONAL | TRANSITIVE, 25, u8(0, 2), address('2001:db8::1'), u8(0, 7)),
    sidAttr('fcbb:bb00:bad::', 20),
    attr(OPTIONAL | TRANSITIVE, 99, u8(1)),
  )
  const expected = [
    origin(2),
    asPath([65101, 7]),
    med(5),
    localPref(300),
    communities('65101:1'),
    targets(SITE),
    sidAttr('fcbb:bb00:1:4::', Behavior.END_DT4),
    attr(OPTIONAL | TRANSITIVE, 99, u8(1)),
  ]
  t.equal(octets('65000:110 10.1.0.0/24'), toHex(concat(...expected)))
})

t.test('connected and static networks only where they are redistributed', async (t) => {
  const routes = (of: object) => {
    const { put, exported } = setUp(of)
    put('10.1.0.0', PathKind.CONNECTED)
    put('10.2.0.0', PathKind.STATIC)
    put('10.3.0.0')
    return exported().map((text) => text.split(' ')[1])
  }
  t.same(routes({}), ['10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24'])
  t.same(routes({ connected: false }), ['10.2.0.0/24', '10.3.0.0/24'])
  t.same(routes({ static: false }), ['10.1.0.0/24', '10.3.0.0/24'])
})

t.test('an imported path that becomes the best takes our own announcement back', async (t) => {
  const { put, exported } = setUp()
  put('10.1.0.0')
  t.equal(exported().length, 1)
  const better = [origin(0), asPath([65101]), localPref(200)]
  const { path, rib } = put('10.1.0.0', PathKind.IMPORTED, ...better)
  t.same(exported(), [])
  rib.removePath(path)
  t.equal(exported().length, 1)
})

t.test('a route that cannot be forwarded here is not announced', async (t) => {
  const { world, put, exported } = setUp()
  const { path, rib } = put('10.1.0.0')
  t.equal(exported().length, 1)
  world.nextHops.set(rib.paths.nextHopOf(path) as NextHopId, Reach.UNREACHABLE, 0, 0)
  rib.touch(path)
  t.same(exported(), [])
})

t.test('a VRF without a SID for a family exports nothing of it', async (t) => {
  const { vrf, put, exported } = setUp()
  vrf.sids.delete(IPV4_UNICAST)
  put('10.1.0.0')
  put('2001:db8:a::')
  t.same(exported(), ['65000:110 2001:db8:a::/64'])
})

t.test('no export targets: no EXTENDED_COMMUNITIES, but a SID', async (t) => {
  const { put, octets } = setUp({ targets: [] })
  put('10.1.0.0')
  const sid = sidAttr('fcbb:bb00:1:4::', Behavior.END_DT4)
  t.equal(octets('65000:110 10.1.0.0/24'), toHex(concat(origin(0), asPath([65101]), sid)))
})
