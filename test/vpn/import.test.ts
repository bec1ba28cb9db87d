import fc from 'fast-check'
import t from 'tap'
import { Why } from '../../src/rib/decision.ts'
import { Reach } from '../../src/rib/next-hop.ts'
import { PathKind } from '../../src/rib/path-table.ts'
import type { RibPeer } from '../../src/rib/rib-peer.ts'
import { VpnImport } from '../../src/vpn/import.ts'
import { RouteTargetIndex } from '../../src/vpn/route-target-index.ts'
import { Vrf } from '../../src/vpn/vrf.ts'
import { Family } from '../../src/wire/registry.ts'
import {
  address,
  asPath,
  extCommunities,
  l3Service,
  localPref,
  origin,
  prefixSid,
  rd,
  routeTarget,
  sidInformation,
  sidStructure,
} from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import { bests, nextHopText, pathsOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const LABEL = 0xe00001
const HOP = address('2001:db8::2')

const transposed = (behavior = 20) =>
  prefixSid(
    l3Service(sidInformation('fcbb:bb00:2::', behavior, sidStructure(32, 16, 16, 0, 16, 48))),
  )

function vrf(world: World, number: number, imports: string[]): Vrf {
  const made = new Vrf(
    {
      number,
      name: `vrf${number}`,
      table: number * 10,
      rd: rd(`65000:${number}`),
      importTargets: imports.map(routeTarget),
      exportTargets: [],
      exportConnected: true,
      exportStatic: true,
    },
    world,
  )
  world.ribs.push(made.rib(IPV4_UNICAST), made.rib(IPV6_UNICAST))
  return made
}

function setUp(family: typeof VPNV4 | typeof VPNV6 = VPNV4) {
  const world = new World()
  const vpn = world.rib(family, 'vpn')
  const vrfs = [vrf(world, 1, ['65000:1']), vrf(world, 2, ['65000:2', '65000:1'])]
  const targets = new RouteTargetIndex(world.attrs)
  for (const one of vrfs) targets.add(one)
  const importer = new VpnImport(vpn, targets, world)
  const inner = family === VPNV4 ? IPV4_UNICAST : IPV6_UNICAST
  for (const one of vrfs) one.rib(inner).importsFrom(vpn.prefixes)
  const peers = [
    world.peer('2001:db8::2', { ebgp: false, vrf: 0, id: 1 }),
    world.peer('2001:db8::3', { ebgp: false, vrf: 0, id: 2 }),
  ]
  const key = (n: number, number = 9) => {
    const octets = new DataView(rd(`65000:${number}`).buffer)
    const words = family === VPNV4 ? [0x0a000000 | (n << 16)] : [0x20010db8, n, 0, 0]
    return Int32Array.of(octets.getInt32(0), octets.getInt32(4), ...words)
  }
  const bits = family === VPNV4 ? 16 : 64
  const put = (
    n: number,
    of: {
      peer?: RibPeer
      targets?: string[]
      sid?: Uint8Array
      label?: number
      pref?: number
      rd?: number
    } = {},
  ) => {
    const { peer = peers[0]!, targets: list = ['65000:1'], sid = transposed() } = of
    const all = concat(
      origin(0),
      asPath([]),
      localPref(of.pref ?? 100),
      ...(list.length > 0 ? [extCommunities(...list.map(routeTarget))] : []),
      sid,
    )
    const set = world.attrs.fromBytes(HOP, 0, 16, all, 0, all.length)
    const prefix = vpn.prefixes.intern(key(n, of.rd), 0, bits)
    const none = 0 as never
    vpn.put(prefix, peer.id, PathKind.RECEIVED, 0, set, of.label ?? LABEL, none, 0)
    vpn.prefixes.release(prefix)
  }
  const remove = (n: number, peer = peers[0]!, number?: number) => {
    const prefix = vpn.prefixes.find(key(n, number), 0, bits)
    const path = prefix && vpn.findPath(prefix, peer.id, PathKind.RECEIVED, 0)
    if (path) vpn.removePath(path)
  }
  const table = (k: number) => vrfs[k]!.rib(inner)
  const names = (k: number) => [...bests(table(k)).keys()].sort()
  return { world, vpn, vrfs, importer, peers, put, remove, table, names }
}

t.test('RFC 4364 §4.3.1: a route goes into every VRF that a target of it names', async (t) => {
  const { world, put, remove, names, importer, vpn } = setUp()
  put(1, { targets: ['65000:1'] })
  put(2, { targets: ['65000:2'] })
  put(3, { targets: ['65000:3'] })
  put(4, { targets: [] })
  put(5, { targets: ['65000:2', '65000:1', '65000:2'] })
  world.settle()
  t.same(names(0), ['10.1.0.0/16', '10.5.0.0/16'])
  t.same(names(1), ['10.1.0.0/16', '10.2.0.0/16', '10.5.0.0/16'])
  const [prefix] = [...bests(vpn)].filter(([text]) => text.endsWith('10.2.0.0/16'))
  t.same(
    importer.vrfsOf(vpn.paths.prefixOf(prefix![1])).map(({ spec }) => spec.number),
    [2],
  )
  for (let n = 1; n < 6; n++) remove(n)
  world.settle()
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test(
  'RFC 9252 §4: the SID with the transposed bits; label and attributes as they came',
  async (t) => {
    const { world, put, table, vpn } = setUp()
    put(1)
    world.settle()
    const [path] = pathsOf(table(0), '10.1.0.0/16')
    const { paths } = table(0)
    t.equal(nextHopText(world, paths.nextHopOf(path!)), 'fcbb:bb00:2:e000:0:0:0:0')
    t.equal(paths.labelOf(path!), LABEL)
    t.equal(paths.kindOf(path!), PathKind.IMPORTED)
    const [source] = pathsOf(vpn, '65000:9 10.1.0.0/16')
    t.equal(paths.attrsOf(path!), vpn.paths.attrsOf(source!))
    t.equal(paths.keyOf(path!), vpn.paths.prefixOf(source!))
  },
)

t.test('IPv6: its own table, a SID that takes IPv6', async (t) => {
  const { world, put, names, table } = setUp(VPNV6)
  put(1, { sid: transposed(18) })
  put(2, { sid: transposed(19) })
  world.settle()
  t.same(names(0), ['2001:db8:0:1::/64'])
  const [path] = pathsOf(table(0), '2001:db8:0:2::/64')
  t.equal(table(0).paths.problemOf(path!), Why.SID_UNUSABLE, 'End.DT4')
})

t.test('the first usable SID of the family counts (RFC 9252 §3.1)', async (t) => {
  const { world, put, table } = setUp()
  const sids = [
    sidInformation('fcbb:bb00:2:6::', 18),
    sidInformation('fcbb:bb00:2:4::', 19),
    sidInformation('fcbb:bb00:2:46::', 20),
  ]
  put(1, { sid: prefixSid(l3Service(...sids)) })
  world.settle()
  const [path] = pathsOf(table(0), '10.1.0.0/16')
  t.equal(nextHopText(world, table(0).paths.nextHopOf(path!)), 'fcbb:bb00:2:4:0:0:0:0')
})

t.test('without a usable SID the path is there, with the reason, and never best', async (t) => {
  const { world, put, names, table } = setUp()
  const why = (n: number, sid: Uint8Array, label?: number) => {
    put(n, { sid, ...(label === undefined ? {} : { label }) })
    world.settle()
    const [path] = pathsOf(table(0), `10.${n}.0.0/16`)
    return table(0).paths.whyOf(path!)
  }
  t.equal(why(1, new Uint8Array(0)), Why.NO_SERVICE_SID)
  t.equal(why(2, prefixSid(Uint8Array.of(1, 0, 7, 0, 0, 0, 0, 0, 0, 0))), Why.NO_SERVICE_SID)
  t.equal(why(3, prefixSid(l3Service())), Why.SID_UNUSABLE)
  t.equal(why(4, prefixSid(l3Service(sidInformation('::', 20)))), Why.SID_UNUSABLE)
  const whole = sidStructure(0, 0, 16, 0, 16, 0)
  const becomesMulticast = prefixSid(l3Service(sidInformation('fc02::1', 20, whole)))
  t.equal(why(5, becomesMulticast, 0xff0201), Why.SID_UNUSABLE, 'after the label was put in')
  t.same(names(0), [])
})

t.test('RFC 4364 §4.3.2: two PEs with one RD are two paths, for the VRF to choose', async (t) => {
  const { world, put, remove, table, peers, names } = setUp()
  put(1)
  world.settle()
  put(1, { peer: peers[1]!, pref: 200, label: 0xe00101 })
  world.settle()
  t.equal(pathsOf(table(0), '10.1.0.0/16').length, 2)
  const best = () => bests(table(0)).get('10.1.0.0/16')!
  const hop = () => table(0).paths.nextHopOf(best())
  t.equal(nextHopText(world, hop()), 'fcbb:bb00:2:e001:0:0:0:0')
  // The better one's locator is lost.
  world.nextHops.set(hop(), Reach.UNREACHABLE, 0, 0)
  for (const path of pathsOf(table(0), '10.1.0.0/16')) table(0).touch(path)
  const lost = best()
  world.settle()
  t.equal(table(0).paths.whyOf(lost), Why.NEXT_HOP_UNREACHABLE)
  t.equal(nextHopText(world, hop()), 'fcbb:bb00:2:e000:0:0:0:0', 'the next one is used')
  remove(1, peers[1]!)
  world.settle()
  t.equal(pathsOf(table(0), '10.1.0.0/16').length, 1)
  t.equal(table(0).paths.peerOf(best()), peers[0]!.id)
  remove(1)
  world.settle()
  t.same(names(0), [])
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('RFC 4724 §4.2: of two PEs as good, a stale one stands back in the VRF too', async (t) => {
  const { world, vpn, put, table, peers } = setUp()
  put(1)
  put(1, { peer: peers[1]!, label: 0xe00101 })
  world.settle()
  const best = () => table(0).paths.peerOf(bests(table(0)).get('10.1.0.0/16')!)
  t.equal(best(), peers[0]!.id)
  for (const path of pathsOf(vpn, '65000:9 10.1.0.0/16')) {
    if (vpn.paths.peerOf(path) === peers[0]!.id) vpn.setStale(path, true)
  }
  world.settle()
  t.equal(best(), peers[1]!.id)
  put(1)
  world.settle()
  t.equal(best(), peers[0]!.id, 'fresh again')
})

t.test('one SID by two route reflectors is one path, the better one', async (t) => {
  const { world, put, remove, table, peers } = setUp()
  put(1, { peer: peers[1]!, pref: 200 })
  put(1)
  world.settle()
  const only = () => {
    const [path, ...others] = pathsOf(table(0), '10.1.0.0/16')
    t.same(others, [])
    return table(0).paths.peerOf(path!)
  }
  t.equal(only(), peers[1]!.id)
  put(1, { pref: 300 })
  world.settle()
  t.equal(only(), peers[0]!.id)
  remove(1)
  world.settle()
  t.equal(only(), peers[1]!.id)
})

t.test('two paths of one RD that different VRFs import', async (t) => {
  const { world, put, table, peers, importer, vpn } = setUp()
  put(1, { targets: ['65000:1'] })
  put(1, { peer: peers[1]!, targets: ['65000:2'], label: 0xe00101 })
  world.settle()
  t.equal(pathsOf(table(0), '10.1.0.0/16').length, 1)
  t.equal(pathsOf(table(1), '10.1.0.0/16').length, 2)
  const [path] = [...bests(vpn).values()]
  t.same(
    importer.vrfsOf(vpn.paths.prefixOf(path!)).map(({ spec }) => spec.number),
    [1, 2],
  )
  put(1, { targets: ['65000:3'] })
  world.settle()
  t.equal(pathsOf(table(0), '10.1.0.0/16').length, 0)
  t.equal(pathsOf(table(1), '10.1.0.0/16').length, 1)
})

t.test('two RDs are two paths; each goes on its own', async (t) => {
  const { world, put, remove, table, names } = setUp()
  put(1, { rd: 8, pref: 50 })
  put(1, { rd: 9 })
  world.settle()
  t.equal(pathsOf(table(0), '10.1.0.0/16').length, 2)
  remove(1, undefined, 9)
  world.settle()
  t.same(names(0), ['10.1.0.0/16'])
  t.equal(pathsOf(table(0), '10.1.0.0/16').length, 1)
})

t.test('an attribute set whose number was given again is looked at anew', async (t) => {
  const { world, put, remove, names } = setUp()
  put(1, { targets: ['65000:1'] })
  world.settle()
  remove(1)
  world.settle()
  put(2, { targets: ['65000:2'] })
  world.settle()
  t.same([names(0), names(1)], [[], ['10.2.0.0/16']])
})

t.test(
  'what is exported here is shared as it forwards, and not with the VRF it is of',
  async (t) => {
    const { world, vpn, names, table } = setUp()
    const all = concat(
      origin(0),
      asPath([65101]),
      extCommunities(routeTarget('65000:1')),
      transposed(),
    )
    const set = world.attrs.fromBytes(HOP, 0, 16, all, 0, all.length)
    const hop = world.nextHops.gateway(1, address('172.16.1.2'), 0, 4)
    const prefix = vpn.prefixes.intern(Int32Array.of(1, 1, 0x0a010000), 0, 16)
    const path = vpn.put(prefix, world.peers.local.id, PathKind.EXPORTED, 1, set, 0x31, hop, 0)
    vpn.prefixes.release(prefix)
    world.settle()
    t.same([names(0), names(1)], [[], ['10.1.0.0/16']])
    const [shared] = pathsOf(table(1), '10.1.0.0/16')
    t.equal(table(1).paths.nextHopOf(shared!), hop)
    vpn.removePath(path)
    world.settle()
    t.same(world.leftovers, [0, 0, 0, 0])
  },
)

t.test('any changes: each VRF has what its targets name, nothing leaks', async () => {
  const n = fc.nat({ max: 2 })
  const rdOf = fc.integer({ min: 8, max: 9 })
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        n,
        rd: rdOf,
        peer: fc.nat({ max: 1 }),
        pref: fc.constantFrom(100, 200),
        targets: fc.subarray(['65000:1', '65000:2', '65000:3']),
        label: fc.constantFrom(LABEL, 0xe00101),
        usable: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('remove' as const),
        n,
        rd: rdOf,
        peer: fc.nat({ max: 1 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { world, put, remove, table, peers, vpn, vrfs } = setUp()
      type Model = { targets: string[]; pref: number; usable: boolean; label: number }
      const model = new Map<string, Model>()
      for (const one of steps) {
        if (one.do === 'settle') world.settle()
        else if (one.do === 'put') {
          const sid = one.usable ? transposed() : prefixSid(l3Service())
          put(one.n, { ...one, peer: peers[one.peer]!, sid })
          model.set(`${one.n} ${one.rd} ${one.peer}`, one)
        } else {
          remove(one.n, peers[one.peer]!, one.rd)
          model.delete(`${one.n} ${one.rd} ${one.peer}`)
        }
      }
      world.settle()
      const vrfsOf = (one?: { targets: string[] }) =>
        `${one?.targets.includes('65000:1')} ${one?.targets.some((target) => target !== '65000:3')}`
      for (const [k, vrf] of vrfs.entries()) {
        const wanted = new Map<string, number>()
        let usable = 0
        for (let n = 0; n < 3; n++) {
          let any = false
          for (const number of [8, 9]) {
            const [a, b] = [0, 1].map((peer) => model.get(`${n} ${number} ${peer}`))
            const imports = k === 0 ? ['65000:1'] : ['65000:1', '65000:2']
            const isFor = (one?: Model) => one?.targets.some((target) => imports.includes(target))
            // One for each SID, but what other VRFs import is told apart.
            const alike =
              vrfsOf(a) === vrfsOf(b) &&
              a?.usable === b?.usable &&
              (a?.label === b?.label || !a?.usable)
            const here = [a, b].filter(isFor)
            const count = here.length === 2 && alike ? 1 : here.length
            wanted.set(`10.${n}.0.0/16`, (wanted.get(`10.${n}.0.0/16`) ?? 0) + count)
            any ||= here.some((one) => one!.usable)
          }
          if (any) usable++
        }
        const rib = vrf.rib(IPV4_UNICAST)
        for (let n = 0; n < 3; n++) {
          const text = `10.${n}.0.0/16`
          if (pathsOf(rib, text).length !== (wanted.get(text) ?? 0)) return false
        }
        if (bests(table(k)).size !== usable) return false
      }
      for (const id of model.keys()) {
        const [n, number, peer] = id.split(' ').map(Number)
        remove(n!, peers[peer!]!, number)
      }
      world.settle()
      return vpn.paths.count === 0 && world.leftovers.every((count) => count === 0)
    }),
    { seed: 42_001, numRuns: 400 },
  )
})
