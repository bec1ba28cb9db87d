import fc from 'fast-check'
import t from 'tap'
import { Why } from '../../src/rib/decision.ts'
import type { LocRib, RibListener } from '../../src/rib/loc-rib.ts'
import type { NextHopId } from '../../src/rib/next-hop.ts'
import { PathFlag, type PathId, PathKind } from '../../src/rib/path-table.ts'
import type { PrefixId } from '../../src/rib/prefix-table.ts'
import type { RibPeer } from '../../src/rib/rib-peer.ts'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import { Family } from '../../src/wire/registry.ts'
import { address, asPathValue } from '../support/builder.ts'
import { prefixText, World } from '../support/rib.ts'

const HOP = address('192.0.2.99')

/** Notes what it is told, and what the routes are by that. */
class Picture implements RibListener {
  readonly routes = new Map<string, number>()
  told: string[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  onBest(rib: LocRib, prefix: PrefixId, best: PathId): void {
    const text = prefixText(rib, prefix)
    const pref = best === 0 ? 0 : this.#world.attrs.localPrefOf(rib.paths.attrsOf(best))
    this.told.push(`${text} ${pref}`)
    if (best === 0) this.routes.delete(text)
    else this.routes.set(text, pref)
  }
}

function setUp() {
  const world = new World()
  const rib = world.rib(Family.IPV4_UNICAST)
  const peers = [world.peer('192.0.2.10', { id: 1 }), world.peer('192.0.2.20', { id: 2 })]
  const picture = new Picture(world)
  rib.listen(picture)
  const writer = new AttrWriter()
  /** 10.n.0.0/16 from a peer, its LOCAL_PREF `pref`. */
  const put = (
    n: number,
    peer: RibPeer,
    pref: number,
    more: { key?: number; why?: number } = {},
  ) => {
    writer.reset()
    writer.origin(0)
    writer.asPath(asPathValue([65101]))
    writer.localPref(pref)
    const set = world.attrs.fromBytes(HOP, 0, 4, writer.buf, 0, writer.end)
    const gateway = world.nextHops.gateway(1, HOP, 0, 4)
    const prefix = rib.prefixes.intern(net(n), 0, 16)
    const { key = 0, why = 0 } = more
    const path = rib.put(prefix, peer.id, PathKind.RECEIVED, key, set, 0, gateway, why)
    rib.prefixes.release(prefix)
    return path
  }
  return { world, rib, peers, picture, put }
}

const net = (n: number) => Int32Array.of(0x0a000000 | (n << 16))

t.test('a path is told once decided, and not again while it stays as it is', async (t) => {
  const { world, rib, peers, picture, put } = setUp()
  const [one] = peers as [RibPeer, RibPeer]
  put(1, one, 100)
  t.equal(world.wakes, 1)
  t.same(picture.told, [], 'nothing before the decision')
  world.settle()
  t.same(picture.told, ['10.1.0.0/16 100'])
  put(1, one, 100)
  world.settle()
  t.equal(picture.told.length, 1, 'the same again')
  t.equal(world.attrs.count, 1)
  put(1, one, 150)
  put(1, one, 170)
  world.settle()
  t.same(picture.told.slice(1), ['10.1.0.0/16 170'], 'two changes before one decision')
  t.equal(world.attrs.count, 1, 'the former sets are gone')
  rib.removePath(rib.bestOf(rib.prefixes.find(net(1), 0, 16)))
  world.settle()
  t.same(picture.told.slice(2), ['10.1.0.0/16 0'])
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('a path that came and went between two decisions is never told', async (t) => {
  const { world, rib, peers, picture, put } = setUp()
  rib.removePath(put(1, peers[0]!, 100))
  world.settle()
  t.same(picture.told, [])
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('a loser that changes is not told, one that becomes the best is', async (t) => {
  const { world, peers, picture, put } = setUp()
  put(1, peers[0]!, 200)
  put(1, peers[1]!, 100)
  world.settle()
  put(1, peers[1]!, 150)
  world.settle()
  t.same(picture.told, ['10.1.0.0/16 200'])
  put(1, peers[0]!, 200, { why: Why.AS_LOOP })
  world.settle()
  t.same(picture.told.slice(1), ['10.1.0.0/16 150'])
})

t.test('settle decides no more than its budget, and each prefix in its turn', async (t) => {
  const { rib, peers, picture, put } = setUp()
  for (let n = 0; n < 10; n++) put(n, peers[0]!, 100)
  t.equal(rib.settle(4), 6)
  t.equal(picture.told.length, 4)
  put(0, peers[0]!, 300)
  t.equal(rib.settle(6), 1)
  t.equal(picture.told.length, 10)
  t.equal(rib.settle(6), 0)
  t.equal(picture.told.at(-1), '10.0.0.0/16 300')
})

t.test('the row of a best path that went is not taken for the path that has it now', async (t) => {
  const { world, rib, peers, picture, put } = setUp()
  const path = put(1, peers[0]!, 100)
  const prefix = rib.paths.prefixOf(path)
  world.settle()
  rib.removePath(path)
  t.equal(put(2, peers[0]!, 700), path, 'the row is used again')
  t.equal(rib.bestOf(prefix), 0)
  world.settle()
  t.same(picture.told.slice(1), ['10.1.0.0/16 0', '10.2.0.0/16 700'])
})

t.test('the row of a best path that went, used again by the same prefix, is told', async (t) => {
  const { world, rib, peers, picture, put } = setUp()
  const path = put(1, peers[0]!, 100)
  world.settle()
  rib.removePath(path)
  t.equal(put(1, peers[1]!, 100), path)
  world.settle()
  t.same(picture.told, ['10.1.0.0/16 100', '10.1.0.0/16 100'])
  t.equal(rib.paths.peerOf(path), peers[1]!.id)
})

t.test(
  'retellIfDirty: who looks too early is told after the decision, whatever it is',
  async (t) => {
    const { world, rib, peers, picture, put } = setUp()
    const path = put(1, peers[0]!, 200)
    const prefix = rib.paths.prefixOf(path)
    world.settle()
    t.notOk(rib.retellIfDirty(prefix))
    const loser = put(1, peers[1]!, 100)
    t.ok(rib.retellIfDirty(prefix))
    t.equal(rib.bestOf(prefix), 0)
    world.settle()
    t.same(picture.told, ['10.1.0.0/16 200', '10.1.0.0/16 200'])
    rib.removePath(loser)
    rib.removePath(path)
    world.settle()
    t.same(world.leftovers, [0, 0, 0, 0])
  },
)

t.test('RFC 7911 §3: path identifiers over 2^31 are told apart and found again', async (t) => {
  const { rib, peers, put } = setUp()
  const high = put(1, peers[0]!, 100, { key: 0xffffffff })
  const low = put(1, peers[0]!, 100, { key: 1 })
  t.not(high, low)
  t.equal(put(1, peers[0]!, 100, { key: 0xffffffff }), high)
  const prefix = rib.paths.prefixOf(high)
  t.equal(rib.findPath(prefix, peers[0]!.id, PathKind.RECEIVED, 0xffffffff), high)
  t.equal(rib.paths.count, 2)
})

t.test(
  'RFC 4724 §4.2: a stale path that comes again as it was is fresh, and no news',
  async (t) => {
    const { world, rib, peers, picture, put } = setUp()
    const path = put(1, peers[0]!, 100)
    world.settle()
    rib.paths.setFlags(path, rib.paths.flagsOf(path) | PathFlag.STALE)
    put(1, peers[0]!, 100)
    world.settle()
    t.equal(rib.paths.flagsOf(path) & PathFlag.STALE, 0)
    t.equal(picture.told.length, 1)
  },
)

t.test('a next hop that changed is told of by touch', async (t) => {
  const { world, rib, peers, picture, put } = setUp()
  const path = put(1, peers[0]!, 100)
  world.settle()
  const hop = rib.paths.nextHopOf(path) as NextHopId
  world.nextHops.set(hop, 2, 0, 0)
  rib.touch(path)
  world.settle()
  t.same(picture.told.slice(1), ['10.1.0.0/16 0'])
  world.nextHops.set(hop, 1, 9, 0)
  rib.touch(path)
  world.settle()
  t.same(picture.told.slice(2), ['10.1.0.0/16 100'])
})

t.test('who does not listen any more is told nothing', async (t) => {
  const { world, rib, peers, picture, put } = setUp()
  rib.unlisten(picture)
  put(1, peers[0]!, 100)
  world.settle()
  t.same(picture.told, [])
})

t.test('any changes: the listener knows the best of what is there, and nothing leaks', async () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        n: fc.nat({ max: 4 }),
        peer: fc.nat({ max: 1 }),
        key: fc.nat({ max: 1 }),
        pref: fc.integer({ min: 100, max: 104 }),
        why: fc.constantFrom(0, 0, 0, Why.AS_LOOP),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('remove' as const),
        n: fc.nat({ max: 4 }),
        peer: fc.nat({ max: 1 }),
        key: fc.nat({ max: 1 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('settle' as const), n: fc.nat({ max: 3 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('peek' as const), n: fc.nat({ max: 4 }) }),
    },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { world, rib, peers, picture, put } = setUp()
      const model = new Map<string, { n: number; pref: number; path: PathId }>()
      for (const one of steps) {
        if (one.do === 'settle') rib.settle(one.n)
        else if (one.do === 'peek') {
          const prefix = rib.prefixes.find(net(one.n), 0, 16)
          if (prefix === 0) continue
          rib.retellIfDirty(prefix)
          const best = rib.bestOf(prefix)
          if (best !== 0 && rib.paths.prefixOf(best) !== prefix) return false
        } else {
          const id = `${one.n} ${one.peer} ${one.key}`
          if (one.do === 'put') {
            const path = put(one.n, peers[one.peer]!, one.pref, one)
            model.set(id, { n: one.n, pref: one.why === 0 ? one.pref : 0, path })
          } else if (model.delete(id)) {
            const prefix = rib.prefixes.find(net(one.n), 0, 16)
            const peer = peers[one.peer]!.id
            rib.removePath(rib.findPath(prefix, peer, PathKind.RECEIVED, one.key))
          }
        }
        if (rib.paths.count !== model.size) return false
      }
      world.settle()
      const best = new Map<string, number>()
      for (const { n, pref } of model.values()) {
        const text = `10.${n}.0.0/16`
        if (pref > (best.get(text) ?? 0)) best.set(text, pref)
      }
      const refusedOf = (at: number) => {
        const refused = [...model].filter(([id, { pref }]) => pref === 0 && id[2] === `${at}`)
        return refused.length
      }
      const counted =
        rib.bestCount === best.size &&
        peers.every((peer, at) => rib.paths.refusedOf(peer.id) === refusedOf(at))
      const same =
        counted &&
        best.size === picture.routes.size &&
        [...best].every(([text, pref]) => picture.routes.get(text) === pref)
      for (const { path } of model.values()) rib.removePath(path)
      world.settle()
      return (
        same &&
        rib.bestCount === 0 &&
        picture.routes.size === 0 &&
        world.leftovers.every((n) => n === 0)
      )
    }),
    { seed: 41_003, numRuns: 800 },
  )
})
