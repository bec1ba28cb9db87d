import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { LongLivedStale } from '../../src/rib/long-lived.ts'
import { AttrsFlag } from '../../src/rib/path-attrs.ts'
import { StaleRoutes } from '../../src/rib/stale-routes.ts'
import { Family } from '../../src/wire/registry.ts'
import type { Retention } from '../../src/wire/restart-capability.ts'
import {
  address,
  asPath,
  communities,
  mpReach,
  nextHop,
  origin,
  prefix,
  update,
} from '../support/builder.ts'
import { adjRibIn, bests, viewOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST } = Family
const BOTH = [IPV4_UNICAST, IPV6_UNICAST]
// RFC 9494 §3.2, §3.3: 0xffff0006 and 0xffff0007
const LLGR_STALE = '65535:6'
const NO_LLGR = '65535:7'
const base = [origin(0), asPath([65101])]
const v4Route = (text: string, ...list: string[]) => {
  const more = list.length > 0 ? [communities(...list)] : []
  return viewOf(update({ attrs: [...base, nextHop('172.16.1.2'), ...more], nlri: [prefix(text)] }))
}
const v6Route = (text: string) =>
  viewOf(update({ attrs: [mpReach(2, 1, address('2001:db8::2'), prefix(text)), ...base] }))

/** What a neighbour announced: 120 s, and perhaps more; `lost`: its F bits are clear. */
const kept = (families: Family[], longLivedTime = 0, lost: Partial<Retention> = {}): Retention[] =>
  families.map((family) => ({
    family,
    restartTime: 120,
    longLivedTime,
    preserved: true,
    longLivedPreserved: longLivedTime > 0,
    ...lost,
  }))

function setUp() {
  const world = new World()
  const v4 = world.rib(IPV4_UNICAST)
  const v6 = world.rib(IPV6_UNICAST)
  const adj = adjRibIn(world, world.peer('172.16.1.2'), [v4, v6])
  const clock = new ManualClock()
  const stale = new StaleRoutes(adj, new LongLivedStale(world), clock)
  adj.apply(v4Route('10.1.0.0/24'))
  adj.apply(v4Route('10.2.0.0/24'))
  adj.apply(v6Route('2001:db8:a::/48'))
  /** '10.1.0.0/24', with ' llgr' where the route is marked. */
  const routes = () => {
    world.settle()
    return [v4, v6]
      .flatMap((rib) =>
        [...bests(rib)].map(([text, path]) => {
          const flags = world.attrs.flagsOf(rib.paths.attrsOf(path))
          return flags & AttrsFlag.LLGR_STALE ? `${text} llgr` : text
        }),
      )
      .sort()
  }
  return { world, adj, clock, stale, routes }
}

t.test('RFC 4724 §4.2: stale routes go when the restart time is up', async (t) => {
  const { clock, stale, routes } = setUp()
  stale.keep(kept(BOTH))
  clock.advance(119_999)
  t.equal(routes().length, 3)
  t.same(stale.states[0], { family: IPV4_UNICAST, phase: 'restart', secondsLeft: 1 })
  clock.advance(1)
  t.same(routes(), [])
  t.same(stale.families, [])
})

t.test('RFC 4724 §4.2: back without forwarding state, a family goes at once', async (t) => {
  const { clock, stale, routes } = setUp()
  stale.keep(kept(BOTH))
  stale.sessionUp([...kept([IPV4_UNICAST], 0, { preserved: false }), ...kept([IPV6_UNICAST])], 360)
  t.same(routes(), ['2001:db8:a::/48'])
  clock.advance(120_000)
  t.same(routes(), ['2001:db8:a::/48'], 'the restart time counts no more')
  clock.advance(240_000)
  t.same(routes(), [], 'no End-of-RIB within the stale time')
})

t.test('RFC 4724 §4.2: back without the family, or without the capability', async (t) => {
  const { stale, routes } = setUp()
  stale.keep(kept(BOTH))
  stale.sessionUp(kept([IPV6_UNICAST]), 360)
  t.same(routes(), ['2001:db8:a::/48'])
  stale.keep(kept([IPV6_UNICAST]))
  stale.sessionUp([], 360)
  t.same(routes(), [])
})

t.test('RFC 4724 §4.2: End-of-RIB sweeps what was not sent again, family by family', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  stale.keep(kept(BOTH))
  stale.sessionUp(kept(BOTH), 360)
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
  stale.keep(kept(BOTH))
  stale.sessionUp(kept(BOTH), 360)
  adj.apply(v4Route('10.1.0.0/24'))
  stale.keep(kept(BOTH))
  t.same(routes(), ['10.1.0.0/24'])
  clock.advance(120_000)
  t.same(routes(), [])
})

t.test('a session lost to another connection is no second restart', async (t) => {
  for (const longLived of [0, 600]) {
    const { adj, clock, stale, routes } = setUp()
    stale.keep(kept(BOTH, longLived))
    stale.sessionUp(kept(BOTH, longLived), 360)
    adj.apply(v4Route('10.1.0.0/24'))
    stale.keep(kept(BOTH, longLived), true)
    t.same(routes(), ['10.1.0.0/24', '10.2.0.0/24', '2001:db8:a::/48'])
    stale.sessionUp(kept(BOTH, longLived), 360)
    adj.apply(v4Route('10.1.0.0/24'))
    stale.sweep(IPV4_UNICAST)
    t.same(routes(), ['10.1.0.0/24', '2001:db8:a::/48'])
    clock.advance(360_000)
    t.same(routes(), ['10.1.0.0/24'])
  }
})

t.test('a family that is not kept has no stale routes to sweep', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  adj.clear([IPV6_UNICAST])
  stale.keep(kept([IPV4_UNICAST]))
  adj.apply(v6Route('2001:db8:b::/48'))
  clock.advance(120_000)
  t.same(routes(), ['2001:db8:b::/48'])
})

t.test('a sweep ends the wait', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  stale.keep(kept(BOTH, 3600))
  for (const family of BOTH) stale.sweep(family)
  t.same(routes(), [])
  adj.apply(v4Route('10.1.0.0/24'))
  adj.markStale([IPV4_UNICAST])
  clock.advance(5_000_000)
  t.same(routes(), ['10.1.0.0/24'], 'no timer is left')
})

t.test(
  'RFC 9494 §4.2: after the restart time routes are marked, each family by its own time',
  async (t) => {
    const { adj, clock, stale, routes } = setUp()
    adj.apply(v4Route('10.2.0.0/24', '65000:1'))
    stale.keep([...kept([IPV4_UNICAST], 600), ...kept([IPV6_UNICAST], 60)])
    clock.advance(119_999)
    t.same(routes(), ['10.1.0.0/24', '10.2.0.0/24', '2001:db8:a::/48'], 'preferred as before')
    clock.advance(1)
    t.same(routes(), ['10.1.0.0/24 llgr', '10.2.0.0/24 llgr', '2001:db8:a::/48 llgr'])
    t.same(stale.states, [
      { family: IPV4_UNICAST, phase: 'long-lived', secondsLeft: 600 },
      { family: IPV6_UNICAST, phase: 'long-lived', secondsLeft: 60 },
    ])
    clock.advance(60_000)
    t.same(routes(), ['10.1.0.0/24 llgr', '10.2.0.0/24 llgr'])
    clock.advance(540_000)
    t.same(routes(), [])
    t.same(stale.families, [])
  },
)

t.test('RFC 9494 §4.2: a family with no restart time is long-lived at once', async (t) => {
  const { clock, stale, routes } = setUp()
  stale.keep(kept(BOTH, 60, { restartTime: 0 }))
  t.equal(routes().filter((text) => text.endsWith('llgr')).length, 3)
  clock.advance(60_000)
  t.same(routes(), [])
})

t.test('RFC 9494 §4.2: NO_LLGR: the route goes with the restart time', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  adj.apply(v4Route('10.2.0.0/24', NO_LLGR))
  stale.keep(kept(BOTH, 600))
  t.equal(routes().length, 3)
  clock.advance(120_000)
  t.same(routes(), ['10.1.0.0/24 llgr', '2001:db8:a::/48 llgr'])
  t.equal(adj.receivedOf(IPV4_UNICAST), 1)
})

t.test(
  'RFC 9494 §4.2: back in time, the End-of-RIB sweeps; what is sent again is unmarked',
  async (t) => {
    const { adj, clock, stale, routes } = setUp()
    adj.apply(v4Route('10.3.0.0/24', LLGR_STALE))
    stale.keep(kept([IPV4_UNICAST], 600))
    adj.clear([IPV6_UNICAST])
    clock.advance(300_000)
    stale.sessionUp(kept([IPV4_UNICAST], 9999), 60)
    adj.apply(v4Route('10.1.0.0/24'))
    adj.apply(v4Route('10.3.0.0/24', LLGR_STALE))
    t.same(routes(), ['10.1.0.0/24', '10.2.0.0/24 llgr', '10.3.0.0/24 llgr'])
    t.same(stale.states, [{ family: IPV4_UNICAST, phase: 'resync', secondsLeft: 420 }])
    stale.sweep(IPV4_UNICAST)
    t.same(routes(), ['10.1.0.0/24', '10.3.0.0/24 llgr'], 'marked by the neighbour itself')
    clock.advance(10_000_000)
    t.equal(routes().length, 2)
  },
)

t.test(
  'RFC 9494 §4.2: the timer runs on when the session is back, until the End-of-RIB',
  async (t) => {
    const { adj, clock, stale, routes } = setUp()
    stale.keep(kept(BOTH, 600))
    clock.advance(120_000 + 500_000)
    stale.sessionUp(kept(BOTH, 600), 360)
    adj.apply(v4Route('10.1.0.0/24'))
    clock.advance(99_999)
    t.equal(routes().length, 3)
    clock.advance(1)
    t.same(routes(), ['10.1.0.0/24'])
  },
)

t.test('RFC 9494 §4.2: F bit clear, family or capability missing: stale routes go', async (t) => {
  for (const [what, back] of [
    ['F bit', kept(BOTH, 600, { longLivedPreserved: false })],
    ['family', kept([], 600)],
    ['capability', kept(BOTH)],
  ] as const) {
    const { clock, stale, routes } = setUp()
    stale.keep(kept(BOTH, 600))
    clock.advance(120_000)
    t.equal(routes().length, 3)
    stale.sessionUp(back, 360)
    t.same(routes(), [], what)
  }
})

t.test('RFC 9494 §4.2: consecutive restarts do not delete, nor start the time anew', async (t) => {
  const { adj, clock, stale, routes } = setUp()
  stale.keep(kept([IPV4_UNICAST], 600))
  adj.clear([IPV6_UNICAST])
  clock.advance(1000)
  stale.sessionUp(kept([IPV4_UNICAST], 600), 360)
  adj.apply(v4Route('10.1.0.0/24'))
  stale.keep(kept([IPV4_UNICAST], 600))
  t.same(routes(), ['10.1.0.0/24', '10.2.0.0/24 llgr'], 'stale twice: long-lived now')
  clock.advance(120_000)
  t.same(routes(), ['10.1.0.0/24 llgr', '10.2.0.0/24 llgr'])
  stale.sessionUp(kept([IPV4_UNICAST], 600), 360)
  adj.apply(v4Route('10.1.0.0/24'))
  stale.keep(kept([IPV4_UNICAST], 600))
  clock.advance(480_000 - 120_000)
  t.same(routes(), ['10.1.0.0/24 llgr', '10.2.0.0/24 llgr'])
  clock.advance(120_000)
  t.same(routes(), [], '600 s after the first was marked')
})

t.test('what was marked leaves nothing behind', async (t) => {
  const { world, adj, clock, stale } = setUp()
  stale.keep(kept(BOTH, 600))
  clock.advance(120_000)
  world.settle()
  clock.advance(600_000)
  world.settle()
  t.same(world.leftovers, [0, 0, 0, 0])
  t.equal(adj.receivedOf(IPV4_UNICAST), 0)
})
