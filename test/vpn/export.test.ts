import t from 'tap'
import { Why } from '../../src/rib/decision.ts'
import { type NextHopId, Reach } from '../../src/rib/next-hop.ts'
import { PathKind } from '../../src/rib/path-table.ts'
import { VpnExport } from '../../src/vpn/export.ts'
import type { Locator } from '../../src/vpn/locator.ts'
import type { SidPlan } from '../../src/vpn/service-sids.ts'
import { Vrf } from '../../src/vpn/vrf.ts'
import { Behavior } from '../../src/wire/endpoint-behavior.ts'
import { readServiceSid, ServiceSid } from '../../src/wire/prefix-sid.ts'
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
import { bests, nextHopText, pathsOf, World } from '../support/rib.ts'
import { locator, serviceSids } from '../support/sids.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const SOURCE = address('2001:db8:ffff::1')
const GATEWAY = address('172.16.1.2')
const DT6 = { classic: Behavior.END_DT6, nextCsid: Behavior.END_DT6_NEXT_CSID }
const SITE = u8(0, 3, 0xfd, 0xe8, 0, 0, 0, 7)

/** The SIDs of the families, named. */
const EXPLICIT = new Map([
  [Behavior.END_DT4 as number, address('fcbb:bb00:1:4::')],
  [Behavior.END_DT6 as number, address('fcbb:bb00:1:6::')],
])

/** What the wire form of such a SID is, whole. */
const sidAttr = (text: string, behavior: number) =>
  prefixSid(l3Service(sidInformation(text, behavior, sidStructure(32, 16, 16, 0, 0, 0))))

interface Setting {
  connected?: boolean
  static?: boolean
  targets?: string[]
  sid?: Parameters<typeof serviceSids>[1]
  plan?: Partial<SidPlan>
  locator?: Locator
}

function setUp(of: Setting = {}) {
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
  const own = serviceSids(world, of.sid ?? 'per-family', {
    plan: of.plan ?? { explicit: EXPLICIT },
    ...(of.locator ? { locator: of.locator } : {}),
  })
  const inner = [vrf.rib(IPV4_UNICAST), vrf.rib(IPV6_UNICAST)] as const
  world.ribs.push(...inner)
  const exports = [
    new VpnExport(vrf, IPV4_UNICAST, ribs[0], own.sids, world, SOURCE),
    new VpnExport(vrf, IPV6_UNICAST, ribs[1], own.sids, world, SOURCE),
  ] as const
  const ce = world.peer('172.16.1.2')
  /** A path of the VRF; words of its prefix, 4 or 16 octets. */
  const put = (net: string, kind: PathKind = PathKind.RECEIVED, ...attrs: Uint8Array[]) =>
    putVia(GATEWAY, net, kind, ...attrs)
  /** The same by another gateway, the device alone (empty) or into nothing (null). */
  const putVia = (
    gateway: Uint8Array | null,
    net: string,
    kind: PathKind = PathKind.RECEIVED,
    ...attrs: Uint8Array[]
  ) => {
    const octets = new DataView(address(net).buffer)
    const words = Int32Array.from({ length: octets.byteLength / 4 }, (_, k) =>
      octets.getInt32(4 * k),
    )
    const rib = inner[words.length === 1 ? 0 : 1]
    const all = concat(...(attrs.length > 0 ? attrs : [origin(0), asPath([65101])]))
    const nh = gateway ?? new Uint8Array(0)
    const set = world.attrs.fromBytes(nh, 0, nh.length, all, 0, all.length)
    const prefix = rib.prefixes.intern(words, 0, words.length === 1 ? 24 : 64)
    const peer = kind <= PathKind.EXPORTED ? world.peers.local : ce
    const hop =
      gateway === null
        ? (0 as NextHopId)
        : gateway.length === 0
          ? world.nextHops.device(3, 7)
          : world.nextHops.gateway(3, gateway, 0, gateway.length)
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
  return { world, ribs, put, putVia, exported, octets, exports, ...own }
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
  const byTable = new Map([[IPV6_UNICAST, DT6]])
  const { put, exported, ribs } = setUp({ plan: { byTable } })
  put('10.1.0.0')
  put('2001:db8:a::')
  t.same(exported(), ['65000:110 2001:db8:a::/64'])
  const [path] = pathsOf(ribs[0], '65000:110 10.1.0.0/24')
  t.equal(ribs[0].paths.whyOf(path!), Why.SID_NONE, 'but it is there, with the reason')
})

t.test('no export targets: no EXTENDED_COMMUNITIES, but a SID', async (t) => {
  const { put, octets } = setUp({ targets: [] })
  put('10.1.0.0')
  const sid = sidAttr('fcbb:bb00:1:4::', Behavior.END_DT4)
  t.equal(octets('65000:110 10.1.0.0/24'), toHex(concat(origin(0), asPath([65101]), sid)))
})

const CE = ['172.16.1.2', '172.16.1.3'].map(address)
const CE6 = address('2001:db8:1::2')
const AUTO = { explicit: new Map() }

/** The SID that each exported route carries: 'prefix behavior function'. */
function announced({ world, ribs }: ReturnType<typeof setUp>): string[] {
  world.settle()
  return ribs.flatMap((rib, at) =>
    [...bests(rib)].map(([text, path]) => {
      world.attrs.find(rib.paths.attrsOf(path), 40)
      const sid = new ServiceSid()
      const { bytes, valueAt, valueEnd } = world.attrs
      readServiceSid(bytes, valueAt, valueEnd, sid, at === 0, at === 1)
      const func = (bytes[sid.sidAt + 6]! << 8) | bytes[sid.sidAt + 7]!
      return `${text.split(' ')[1]} ${sid.behavior} ${func}`
    }),
  )
}

t.test('per-ce: one SID a gateway and family, what has no gateway by the table', async (t) => {
  const all = setUp({ sid: 'per-ce', plan: AUTO })
  const { putVia, keeper, world } = all
  putVia(CE[0]!, '10.1.0.0')
  putVia(CE[0]!, '10.2.0.0')
  putVia(CE[1]!, '10.3.0.0', PathKind.STATIC)
  putVia(CE6, '2001:db8:a::')
  putVia(new Uint8Array(0), '10.4.0.0', PathKind.CONNECTED)
  putVia(null, '10.5.0.0', PathKind.STATIC)
  const { END_DT4, END_DX4, END_DX6 } = Behavior
  t.same(announced(all), [
    `10.1.0.0/24 ${END_DX4} 3`,
    `10.2.0.0/24 ${END_DX4} 3`,
    `10.3.0.0/24 ${END_DX4} 4`,
    `10.4.0.0/24 ${END_DT4} 1`,
    `10.5.0.0/24 ${END_DT4} 1`,
    `2001:db8:a::/64 ${END_DX6} 5`,
  ])
  const hops = keeper.rows.map((row) => row.nextHop && nextHopText(world, row.nextHop))
  t.same(hops, [0, 0, '172.16.1.2', '172.16.1.3', '2001:db8:1:0:0:0:0:2'])
})

t.test('per-ce: a SID goes with its last route, and comes back if that does in time', async (t) => {
  const all = setUp({ sid: 'per-ce', plan: AUTO })
  const { putVia, keeper, world, manager } = all
  const one = putVia(CE[0]!, '10.1.0.0')
  const two = putVia(CE[0]!, '10.2.0.0')
  world.settle()
  const before = manager.all().length
  one.rib.removePath(one.path)
  world.settle()
  t.equal(keeper.dropped.size, 0)
  two.rib.removePath(two.path)
  world.settle()
  t.equal(keeper.dropped.size, 1)
  putVia(CE[0]!, '10.2.0.0')
  t.same(announced(all), [`10.2.0.0/24 ${Behavior.END_DX4} 3`])
  t.equal(keeper.dropped.size, 0)
  const { rib } = two
  rib.removePath(pathsOf(rib, '10.2.0.0/24')[0]!)
  world.settle()
  keeper.drain()
  t.equal(manager.all().length, before - 1)
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test(
  'make before break: a route moves to the SID of its new gateway once it is there',
  async (t) => {
    const all = setUp({ sid: 'per-ce', plan: AUTO })
    const { putVia, keeper, exports } = all
    putVia(CE[0]!, '10.1.0.0')
    t.same(announced(all), [`10.1.0.0/24 ${Behavior.END_DX4} 3`])
    keeper.answer = () => 'pending'
    putVia(CE[1]!, '10.1.0.0')
    t.same(announced(all), [`10.1.0.0/24 ${Behavior.END_DX4} 3`], 'still')
    t.equal(keeper.dropped.size, 0)
    const row = keeper.rows.at(-1)!
    row.state = 'installed'
    exports[0].onSids(new Set([row]))
    t.same(announced(all), [`10.1.0.0/24 ${Behavior.END_DX4} 4`])
    t.same(
      [...keeper.dropped].map((each) => each.number),
      [row.number - 1],
    )
  },
)

t.test('a route whose SID is pending, then refused, says so and is not announced', async (t) => {
  const all = setUp({ sid: 'per-ce', plan: AUTO })
  const { putVia, keeper, exports, ribs, world } = all
  keeper.answer = () => 'pending'
  putVia(CE[0]!, '10.1.0.0')
  const why = () => {
    world.settle()
    return ribs[0].paths.whyOf(pathsOf(ribs[0], '65000:110 10.1.0.0/24')[0]!)
  }
  t.equal(why(), Why.SID_PENDING)
  const row = keeper.rows.at(-1)!
  for (const [state, reason] of [
    ['failed', Why.SID_REFUSED],
    ['installed', Why.BEST],
    ['failed', Why.SID_REFUSED],
  ] as const) {
    row.state = state
    exports[0].onSids(new Set([row]))
    t.equal(why(), reason)
    t.equal(keeper.dropped.size, 0, 'it is still wanted')
  }
  t.same(announced(all), [])
})

t.test('per-prefix: one SID a prefix, to its gateway or by the table', async (t) => {
  const sidsNow = () => {
    const all = setUp({ sid: 'per-prefix', plan: AUTO })
    for (const net of ['10.3.0.0', '10.1.0.0', '10.2.0.0']) all.putVia(CE[0]!, net)
    all.putVia(new Uint8Array(0), '10.4.0.0', PathKind.CONNECTED)
    return announced(all)
  }
  const before = sidsNow()
  t.same(
    before.map((line) => Number(line.split(' ')[1])),
    [17, 17, 17, 19],
  )
  t.equal(new Set(before.map((line) => line.split(' ')[2])).size, 4)
  t.same(sidsNow(), before, 'the same in every run')
})

t.test('no SID left: the route says so, and is announced when one is given back', async (t) => {
  const tiny = locator('fcbb:bb00:1::', { functionBits: 2 })
  const all = setUp({ sid: 'per-ce', plan: AUTO, locator: tiny })
  const { putVia, keeper, ribs, exports, world, sids } = all
  const first = putVia(CE[0]!, '10.1.0.0')
  putVia(CE[1]!, '10.2.0.0')
  const texts = () => announced(all).map((line) => line.split(' ')[0])
  t.same(texts(), ['10.1.0.0/24'])
  const [path] = pathsOf(ribs[0], '65000:110 10.2.0.0/24')
  t.equal(ribs[0].paths.whyOf(path!), Why.SID_EXHAUSTED)
  t.match(sids.problem, /locator main \(fcbb:bb00:1::, 2 bits of function\) has no free SID/)
  first.rib.removePath(first.path)
  world.settle()
  exports[0].onSidFreed()
  t.same(texts(), [], 'not while packets for it may be on their way')
  keeper.drain()
  exports[0].onSidFreed()
  t.same(texts(), ['10.2.0.0/24'])
  t.equal(sids.problem, null)
})
