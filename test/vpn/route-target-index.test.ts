import t from 'tap'
import { RouteTargetIndex } from '../../src/vpn/route-target-index.ts'
import { Vrf } from '../../src/vpn/vrf.ts'
import { asPath, extCommunities, origin, rd, routeTarget, u8 } from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import { World } from '../support/rib.ts'

function setUp() {
  const world = new World()
  const targets = new RouteTargetIndex(world.attrs)
  const add = (number: number, ...imports: string[]) => {
    const importTargets = imports.map(routeTarget)
    const spec = {
      number,
      name: `${number}`,
      table: number,
      rd: rd(`65000:${number}`),
      importTargets,
      exportTargets: [],
      exportConnected: true,
      exportStatic: true,
    }
    targets.add(new Vrf(spec, world))
  }
  const set = (...list: Uint8Array[]) => {
    const more = list.length > 0 ? [extCommunities(...list)] : []
    const all = concat(origin(0), asPath([]), ...more)
    return world.attrs.fromBytes(new Uint8Array(0), 0, 0, all, 0, all.length)
  }
  const importers = (...list: Uint8Array[]) =>
    targets.vrfsOf(targets.importersOf(set(...list))).map(({ spec }) => spec.number)
  return { world, targets, add, set, importers }
}

t.test('route targets of all three forms, exactly', async (t) => {
  const { add, importers } = setUp()
  add(1, '65000:10')
  add(2, '192.0.2.1:10', '4200000000:10')
  t.same(importers(routeTarget('65000:10')), [1])
  t.same(importers(routeTarget('192.0.2.1:10')), [2])
  t.same(importers(routeTarget('4200000000:10')), [2])
  t.same(importers(routeTarget('65000:11')), [])
  t.same(importers(u8(0, 3, 0xfd, 0xe8, 0, 0, 0, 10)), [], 'a route origin is no target')
  t.same(importers(u8(0x40, 2, 0xfd, 0xe8, 0, 0, 0, 10)), [], 'nor is another type')
  t.same(importers(), [])
})

t.test('the same VRFs are the same set, in the order of their numbers', async (t) => {
  const { add, set, targets, importers } = setUp()
  add(2, '65000:1', '65000:3')
  add(1, '65000:1', '65000:2')
  const [one, two, three] = ['65000:1', '65000:2', '65000:3'].map(routeTarget) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  t.same(importers(two, three), [1, 2])
  t.equal(targets.importersOf(set(one)), targets.importersOf(set(three, two, two)))
  t.equal(targets.importersOf(set()), 0)
})

t.test('a VRF that is added counts for sets that were asked for before', async (t) => {
  const { add, importers } = setUp()
  add(1, '65000:1')
  t.same(importers(routeTarget('65000:2')), [])
  add(2, '65000:2')
  t.same(importers(routeTarget('65000:2')), [2])
})

t.test('a number given to another attribute set is asked for anew', async (t) => {
  const { add, set, targets, world } = setUp()
  add(1, '65000:1')
  const first = set(routeTarget('65000:1'))
  t.not(targets.importersOf(first), 0)
  world.attrs.release(first)
  const again = set(routeTarget('65000:2'))
  t.equal(again, first)
  t.equal(targets.importersOf(again), 0)
})

t.test('VRFs beyond the first word of bits; a set has its own and no other', async (t) => {
  const { add, set, targets, importers } = setUp()
  for (const number of [1, 31, 32, 63, 64, 200]) add(number, '65000:1', `65000:${number + 1000}`)
  t.same(importers(routeTarget('65000:1')), [1, 31, 32, 63, 64, 200])
  t.same(importers(routeTarget('65000:1063'), routeTarget('65000:1031')), [31, 63])
  const two = targets.importersOf(set(routeTarget('65000:1031'), routeTarget('65000:1200')))
  const all = targets.vrfsOf(targets.importersOf(set(routeTarget('65000:1'))))
  t.same(
    all.filter((vrf) => targets.has(two, vrf)).map(({ spec }) => spec.number),
    [31, 200],
  )
  const one = targets.importersOf(set(routeTarget('65000:1032')))
  const both = targets.union(one, two)
  t.same(
    targets.vrfsOf(both).map(({ spec }) => spec.number),
    [31, 32, 200],
  )
  t.equal(targets.union(two, one), both)
  t.equal(targets.union(both, one), both)
  t.equal(targets.union(0, one), one)
  t.notOk(all.some((vrf) => targets.has(0, vrf)))
})

t.test('lists of targets without end: what no prefix stands in is forgotten', async (t) => {
  const { add, set, targets, world } = setUp()
  for (let number = 1; number <= 12; number++) add(number, `65000:${number}`)
  /** Targets 1 to 12 as the bits of `list` say. */
  const listed = (list: number) => {
    const numbers = [...Array(12).keys()].filter((k) => list & (1 << k)).map((k) => k + 1)
    const id = set(...numbers.map((number) => routeTarget(`65000:${number}`)))
    const found = targets.importersOf(id)
    t.same(
      targets.vrfsOf(found).map(({ spec }) => spec.number),
      numbers,
    )
    world.attrs.release(id)
    return found
  }
  const kept = listed(0b101)
  targets.hold(kept)
  for (let list = 1; list < 4096; list++) {
    listed(list)
    targets.tidy()
  }
  t.ok(targets.setCount < 2048, `${targets.setCount} sets`)
  t.same(
    targets.vrfsOf(kept).map(({ spec }) => spec.number),
    [1, 3],
    'a set that is held keeps its number',
  )
  t.equal(listed(0b101), kept)
})
