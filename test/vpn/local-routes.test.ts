import t from 'tap'
import { PathKind } from '../../src/rib/path-table.ts'
import { type LocalRoute, LocalRoutes } from '../../src/vpn/local-routes.ts'
import { Vrf } from '../../src/vpn/vrf.ts'
import { Family } from '../../src/wire/registry.ts'
import { rd } from '../support/builder.ts'
import { bests, pathsOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST } = Family

function setUp() {
  const world = new World()
  const vrf = new Vrf(
    {
      number: 1,
      name: 'red',
      table: 10,
      rd: rd('65000:1'),
      importTargets: [],
      exportTargets: [],
      exportConnected: true,
      exportStatic: true,
    },
    world,
  )
  const v4 = vrf.rib(IPV4_UNICAST)
  const v6 = vrf.rib(IPV6_UNICAST)
  world.ribs.push(v4, v6)
  const local = new LocalRoutes(vrf, world)
  const route = (n: number, device: number, more: Partial<LocalRoute> = {}): LocalRoute => ({
    family: IPV4_UNICAST,
    words: Int32Array.of(0x0a000000 | (n << 16)),
    bits: 16,
    kind: PathKind.CONNECTED,
    nextHop: () => world.nextHops.device(1, device),
    ...more,
  })
  const told: string[] = []
  v4.listen({ onBest: (rib, prefix, best) => told.push(`${prefix} ${rib.paths.nextHopOf(best)}`) })
  const names = () => {
    world.settle()
    return [...bests(v4).keys(), ...bests(v6).keys()].sort()
  }
  return { world, v4, v6, local, route, told, names }
}

t.test('the tables hold exactly the routes of the last sync', async (t) => {
  const { world, local, route, names, told } = setUp()
  const six = { family: IPV6_UNICAST, words: Int32Array.of(0x20010db8, 1, 0, 0), bits: 64 }
  local.sync([route(1, 3), route(2, 3), route(0, 3, six)])
  t.same(names(), ['10.1.0.0/16', '10.2.0.0/16', '2001:db8:0:1::/64'])
  const before = told.length
  local.sync([route(1, 3), route(2, 3), route(0, 3, six)])
  names()
  t.equal(told.length, before, 'what is there already is no news')
  local.sync([route(2, 3), route(3, 4)])
  t.same(names(), ['10.2.0.0/16', '10.3.0.0/16'])
  local.sync([])
  t.same(names(), [])
  t.same(world.leftovers, [1, 0, 0, 0], 'the one attribute set is its own')
})

t.test('a network that moved to another interface is told anew', async (t) => {
  const { local, route, names, told, world } = setUp()
  local.sync([route(1, 3)])
  names()
  local.sync([route(1, 4)])
  names()
  t.equal(told.length, 2)
  t.equal(world.nextHops.count, 1)
})

t.test('two interfaces on one network count once', async (t) => {
  const { world, v4, local, route, names } = setUp()
  local.sync([route(1, 3), route(1, 4)])
  names()
  t.equal(pathsOf(v4, '10.1.0.0/16').length, 1)
  t.equal(world.nextHops.deviceOf(v4.paths.nextHopOf(pathsOf(v4, '10.1.0.0/16')[0]!)), 3)
  local.sync([])
  names()
  t.equal(world.nextHops.count, 0)
})

t.test(
  'connected and static routes of one prefix are two paths; a blackhole has no next hop',
  async (t) => {
    const { v4, local, route, names } = setUp()
    const none = 0 as ReturnType<LocalRoute['nextHop']>
    const blackhole = route(1, 0, { kind: PathKind.STATIC, nextHop: () => none })
    local.sync([route(1, 3), blackhole])
    names()
    t.equal(pathsOf(v4, '10.1.0.0/16').length, 2)
    local.sync([blackhole])
    t.same(names(), ['10.1.0.0/16'])
    const [path] = pathsOf(v4, '10.1.0.0/16')
    t.equal(v4.paths.kindOf(path!), PathKind.STATIC)
    t.equal(v4.paths.nextHopOf(path!), 0)
  },
)
