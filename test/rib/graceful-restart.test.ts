import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { RestartDeferral, StaleRoutes } from '../../src/rib/graceful-restart.ts'
import { Family } from '../../src/wire/registry.ts'
import { address, asPath, mpReach, nextHop, origin, prefix, update } from '../support/builder.ts'
import { adjRibIn, bests, viewOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST } = Family
const BOTH = [IPV4_UNICAST, IPV6_UNICAST]
const base = [origin(0), asPath([65101])]
const v4Route = (text: string) =>
  viewOf(update({ attrs: [...base, nextHop('172.16.1.2')], nlri: [prefix(text)] }))
const v6Route = (text: string) =>
  viewOf(update({ attrs: [mpReach(2, 1, address('2001:db8::2'), prefix(text)), ...base] }))

function setUp() {
  const world = new World()
  const v4 = world.rib(IPV4_UNICAST)
  const v6 = world.rib(IPV6_UNICAST)
  const adj = adjRibIn(world, world.peer('172.16.1.2'), [v4, v6])
  const clock = new ManualClock()
  const stale = new StaleRoutes(adj, clock)
  adj.apply(v4Route('10.1.0.0/24'))
  adj.apply(v4Route('10.2.0.0/24'))
  adj.apply(v6Route('2001:db8:a::/48'))
  const routes = () => {
    world.settle()
    return [...bests(v4).keys(), ...bests(v6).keys()].sort()
  }
  return { world, adj, clock, stale, routes }
}

t.test('RFC 4724 §4.2: stale routes go when the restart time is up', async (t) => {
  const { clock, stale, routes } = setUp()
  stale.keep(BOTH, 120)
  clock.advance(119_999)
  t.equal(routes().length, 3)
  clock.advance(1)
  t.same(routes(), [])
  t.equal(stale.families.size, 0)
})

t.test('RFC 4724 §4.2: back without forwarding state, a family goes at once', async (t) => {
  const { clock, stale, routes } = setUp()
  stale.keep(BOTH, 120)
  stale.sessionUp([IPV6_UNICAST], 360)
  t.same(routes(), ['2001:db8:a::/48'])
  clock.advance(120_000)
  t.same(routes(), ['2001:db8:a::/48'], 'the restart time counts no more')
  clock.advance(240_000)
  t.same(routes(), [], 'no End-of-RIB within the stale time')
})

t.test('RFC 4724 §4.2: End-of-RIB sweeps what was not sent again, family by family', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  stale.keep(BOTH, 120)
  stale.sessionUp(BOTH, 360)
  adj.apply(v4Route('10.2.0.0/24'))
  adj.apply(v4Route('10.3.0.0/24'))
  stale.sweep(IPV4_UNICAST)
  t.same(routes(), ['10.2.0.0/24', '10.3.0.0/24', '2001:db8:a::/48'])
  stale.sweep(IPV4_UNICAST)
  stale.sweep(IPV6_UNICAST)
  t.same(routes(), ['10.2.0.0/24', '10.3.0.0/24'])
  clock.advance(1_000_000)
  t.equal(routes().length, 2)
})

t.test('RFC 4724 §4.2: a second failure keeps only what was fresh', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  stale.keep(BOTH, 120)
  stale.sessionUp(BOTH, 360)
  adj.apply(v4Route('10.1.0.0/24'))
  stale.keep(BOTH, 120)
  t.same(routes(), ['10.1.0.0/24'])
  clock.advance(120_000)
  t.same(routes(), [])
})

t.test('a family that is not kept has no stale routes to sweep', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  adj.clear([IPV6_UNICAST])
  stale.keep([IPV4_UNICAST], 120)
  adj.apply(v6Route('2001:db8:b::/48'))
  clock.advance(120_000)
  t.same(routes(), ['2001:db8:b::/48'])
})

t.test('sweepAll ends the wait', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  stale.keep(BOTH, 120)
  stale.sweepAll()
  t.same(routes(), [])
  adj.apply(v4Route('10.1.0.0/24'))
  adj.markStale([IPV4_UNICAST])
  clock.advance(500_000)
  t.same(routes(), ['10.1.0.0/24'], 'the timer is gone')
})

t.test('RFC 4724 §4.1: a restart is over with the last neighbour', async (t) => {
  const clock = new ManualClock()
  const ends: (readonly string[])[] = []
  const deferral = new RestartDeferral(['a', 'b'], 120, clock, (late) => ends.push(late))
  deferral.ready('b')
  deferral.ready('b')
  deferral.ready('nobody')
  t.ok(deferral.active)
  t.same(deferral.waiting, ['a'])
  deferral.ready('a')
  t.notOk(deferral.active)
  t.same(ends, [[]])
  clock.advance(1_000_000)
  t.equal(ends.length, 1)
})

t.test('RFC 4724 §4.1: or when the time is up, and says who is late', async (t) => {
  const clock = new ManualClock()
  const ends: (readonly string[])[] = []
  const deferral = new RestartDeferral(['a', 'b'], 120, clock, (late) => ends.push(late))
  deferral.ready('a')
  clock.advance(119_999)
  t.ok(deferral.active)
  clock.advance(1)
  t.same(ends, [['b']])
  deferral.ready('b')
  t.equal(ends.length, 1)
})

t.test('a restart without neighbours waits for nobody', async (t) => {
  const clock = new ManualClock()
  let ended = 0
  const deferral = new RestartDeferral([], 120, clock, () => ended++)
  t.equal(ended, 0, 'not before the caller holds it in its hand')
  clock.advance(0)
  t.equal(ended, 1)
  t.notOk(deferral.active)
})

t.test('a daemon that stops waits no longer', async (t) => {
  const clock = new ManualClock()
  const deferral = new RestartDeferral(['a'], 120, clock, () => t.fail('told'))
  deferral.cancel()
  clock.advance(1_000_000)
  t.notOk(deferral.active)
})
