import fc from 'fast-check'
import t from 'tap'
import { Why } from '../../src/rib/decision.ts'
import type { LocRib, RibListener } from '../../src/rib/loc-rib.ts'
import { type NextHopId, Reach } from '../../src/rib/next-hop.ts'
import { PathFlag, type PathId, PathKind } from '../../src/rib/path-table.ts'
import type { PrefixId } from '../../src/rib/prefix-table.ts'
import type { RibPeer } from '../../src/rib/rib-peer.ts'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import { Family } from '../../src/wire/registry.ts'
import { address, asPathValue } from '../support/builder.ts'
import { prefixText, World } from '../support/rib.ts'

const HOP = address('192.0.2.99')

interface Words {
  peer: number
  /** Of the next hop 10.9.0.x. */
  hop: number
  pref?: number
  /** Length of AS_PATH, in addition to the neighbour's. */
  longer?: number
  med?: number
  as?: number
  kind?: PathKind
}

/** What forwards each prefix, by what the table told: `10.9.0.1 10.9.0.2 | 10.9.0.3`. */
class Picture implements RibListener {
  readonly sets = new Map<string, string>()
  told = 0
  bests = 0

  onBest(): void {
    this.bests++
  }

  onPathSet(rib: LocRib, prefix: PrefixId, best: PathId): void {
    this.told++
    const active: number[] = []
    let backup = ''
    const { paths } = rib
    for (let path = rib.firstOf(prefix); path !== 0; path = paths.nextOf(path)) {
      const flags = paths.flagsOf(path)
      if (flags & PathFlag.ACTIVE) active.push(paths.nextHopOf(path))
      if (flags & PathFlag.BACKUP) backup = ` | ${paths.nextHopOf(path)}`
    }
    const text = prefixText(rib, prefix)
    if (best === 0) this.sets.delete(text)
    else this.sets.set(text, active.sort((a, b) => a - b).join(' ') + backup)
  }
}

function setUp(maximumPaths = 1) {
  const world = new World()
  const rib = world.rib(Family.IPV4_UNICAST)
  rib.maximumPaths = maximumPaths
  const picture = new Picture()
  rib.listen(picture)
  // 0 to 3 eBGP, 4 to 7 iBGP; identifiers fall while addresses rise.
  const peers = Array.from({ length: 8 }, (_, k) =>
    world.peer(`192.0.2.${k + 1}`, { id: 100 - k, ebgp: k < 4 }),
  )
  const writer = new AttrWriter()
  // One reference each is ours: the numbers stay.
  const hops = Array.from({ length: 6 }, (_, k) =>
    world.nextHops.gateway(1, Uint8Array.of(10, 9, 0, k + 1), 0, 4),
  )
  const put = (n: number, words: Words): PathId => {
    const { peer, hop, pref = 100, longer = 0, med, as = 65101, kind = PathKind.RECEIVED } = words
    writer.reset()
    writer.origin(0)
    writer.asPath(asPathValue([as, ...new Array<number>(longer).fill(65000)]))
    if (med !== undefined) writer.med(med)
    writer.localPref(pref)
    const set = world.attrs.fromBytes(HOP, 0, 4, writer.buf, 0, writer.end)
    world.nextHops.retain(hops[hop]!)
    const prefix = rib.prefixes.intern(net(n), 0, 16)
    const path = rib.put(prefix, peers[peer]!.id, kind, 0, set, 0, hops[hop]!, 0)
    rib.prefixes.release(prefix)
    return path
  }
  const reach = (hop: number, up: boolean, metric = 0) => {
    world.nextHops.set(hops[hop]!, up ? Reach.REACHABLE : Reach.UNREACHABLE, 2, metric)
    rib.nextHopChanged(hops[hop]!)
  }
  /** `0 1 | 2` by the numbers of the next hops. */
  const forwards = (n: number) => {
    world.settle()
    const text = picture.sets.get(`10.${n}.0.0/16`)
    return text?.replace(/\d+/g, (id) => String(hops.indexOf(Number(id) as NextHopId)))
  }
  return { world, rib, peers, picture, put, reach, forwards, hops }
}

const net = (n: number) => Int32Array.of(0x0a000000 | (n << 16))

t.test('one path is used and the next best of another next hop stands by', async (t) => {
  const { put, forwards, rib } = setUp()
  put(1, { peer: 0, hop: 0, pref: 200 })
  t.equal(forwards(1), '0')
  put(1, { peer: 1, hop: 0, pref: 150 })
  t.equal(forwards(1), '0', 'the same next hop is no alternative')
  put(1, { peer: 2, hop: 1, pref: 100 })
  t.equal(forwards(1), '0 | 1')
  rib.removePath(put(1, { peer: 0, hop: 0, pref: 200 }))
  t.equal(forwards(1), '0 | 1', 'the other path through it is best now')
  rib.removePath(put(1, { peer: 1, hop: 0 }))
  t.equal(forwards(1), '1')
})

t.test('RFC 4271 §9.1.2.2: paths that tie through the metric are used together', async (t) => {
  const { put, forwards, reach, rib } = setUp(4)
  put(1, { peer: 0, hop: 0 })
  put(1, { peer: 1, hop: 1 })
  put(1, { peer: 2, hop: 2, longer: 1 })
  t.equal(forwards(1), '0 1 | 2')
  t.equal(rib.paths.whyOf(put(1, { peer: 0, hop: 0 })), Why.DECISION + 9, 'its identifier lost')
  reach(0, true, 7)
  t.equal(forwards(1), '1 | 0', 'a higher metric is no tie')
  reach(1, true, 7)
  t.equal(forwards(1), '0 1 | 2')
  put(1, { peer: 1, hop: 1, med: 5 })
  t.equal(forwards(1), '0 | 1', 'nor a higher MED of the same AS')
  put(1, { peer: 1, hop: 1, med: 5, as: 65102 })
  t.equal(forwards(1), '0 1 | 2', 'of another AS it is')
  put(1, { peer: 5, hop: 3 })
  t.equal(forwards(1), '0 1 | 3', 'iBGP beside eBGP stands by')
})

t.test('paths of two kinds are not used together', async (t) => {
  const { put, forwards } = setUp(4)
  put(1, { peer: 4, hop: 0 })
  put(1, { peer: 5, hop: 1, kind: PathKind.IMPORTED })
  t.equal(forwards(1), '1 | 0')
})

t.test('no more than maximum-paths, the ones that the later steps prefer', async (t) => {
  const { put, forwards } = setUp(2)
  for (let k = 0; k < 4; k++) put(1, { peer: k, hop: k })
  // The highest number has the lowest BGP Identifier.
  t.equal(forwards(1), '2 3 | 1')
})

t.test('a change of the backup is told to who forwards, and to nobody else', async (t) => {
  const { put, forwards, picture, rib } = setUp()
  put(1, { peer: 0, hop: 0, pref: 200 })
  put(1, { peer: 1, hop: 1 })
  t.equal(forwards(1), '0 | 1')
  const { told, bests } = picture
  put(1, { peer: 2, hop: 2, pref: 50 })
  forwards(1)
  t.equal(picture.told, told, 'a third path changes nothing')
  put(1, { peer: 2, hop: 2, pref: 150 })
  t.equal(forwards(1), '0 | 2')
  put(1, { peer: 2, hop: 2, pref: 20 })
  t.equal(forwards(1), '0 | 1', 'a backup that got worse')
  t.same([picture.told - told, picture.bests - bests], [2, 0])
  rib.removePath(put(1, { peer: 1, hop: 1 }))
  t.equal(forwards(1), '0 | 2', 'a backup that went')
})

t.test('a next hop that changes costs its own paths, as the budget allows', async (t) => {
  const { world, put, picture, hops, rib } = setUp()
  for (let n = 0; n < 20; n++) put(n, { peer: 0, hop: n < 8 ? 0 : 1 })
  world.settle()
  const { told } = picture
  world.nextHops.set(hops[0]!, Reach.UNREACHABLE, 0, 0)
  rib.nextHopChanged(hops[0]!)
  rib.nextHopChanged(hops[3]!)
  t.ok(rib.settle(3) > 0)
  t.equal(picture.told - told, 3)
  const at = rib.paths.walk
  rib.removePath(at)
  world.settle()
  t.equal(picture.told - told, 8)
  t.equal(picture.sets.size, 12)
})

t.test('any changes in any order: the set is that of the paths there are', async (t) => {
  const path = fc
    .record({
      peer: fc.nat({ max: 7 }),
      hop: fc.nat({ max: 5 }),
      pref: fc.constantFrom(100, 100, 200),
      longer: fc.constantFrom(0, 0, 1),
    })
    // A neighbour is of the VRF or of the VPN.
    .map((words) => ({
      ...words,
      kind: words.peer < 6 ? PathKind.RECEIVED : PathKind.IMPORTED,
    }))
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), n: fc.nat(2), path }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), n: fc.nat(2), path }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('reach' as const),
        hop: fc.nat({ max: 5 }),
        up: fc.boolean(),
        metric: fc.nat({ max: 1 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), n: fc.nat(5) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), fc.integer({ min: 1, max: 4 }), (steps, max) => {
      const { world, rib, put, reach, forwards, peers, hops } = setUp(max)
      const model = new Map<string, { n: number; words: Words }>()
      const state = hops.map(() => ({ up: true, metric: 0 }))
      for (const one of steps) {
        if (one.do === 'settle') rib.settle(one.n)
        else if (one.do === 'reach') {
          state[one.hop] = { up: one.up, metric: one.metric }
          reach(one.hop, one.up, one.metric)
        } else {
          const id = `${one.n} ${one.path.peer} ${one.path.kind}`
          if (one.do === 'put') {
            put(one.n, one.path)
            model.set(id, { n: one.n, words: one.path })
          } else if (model.delete(id)) {
            const prefix = rib.prefixes.find(net(one.n), 0, 16)
            const { peer, kind } = one.path
            rib.removePath(rib.findPath(prefix, peers[peer]!.id, kind, 0))
          }
        }
      }
      for (let n = 0; n < 3; n++) {
        const there = [...model.values()].filter((one) => one.n === n).map((one) => one.words)
        t.equal(forwards(n), oracle(there, state, peers, max))
      }
      for (const row of rib.paths.count > 0 ? [0, 1, 2] : []) {
        const prefix = rib.prefixes.find(net(row), 0, 16)
        while (prefix !== 0 && rib.firstOf(prefix) !== 0) rib.removePath(rib.firstOf(prefix))
      }
      world.settle()
      for (const hop of hops) world.nextHops.release(hop)
      return world.leftovers.every((count) => count === 0)
    }),
    { seed: 41_004, numRuns: 400 },
  )
})

/** The same by sorting: ranks of what ties, then what breaks ties. */
function oracle(
  all: Words[],
  state: { up: boolean; metric: number }[],
  peers: RibPeer[],
  max: number,
): string | undefined {
  const tie = (w: Words) => [-w.pref!, w.longer!, w.peer < 4 ? 0 : 1, state[w.hop]!.metric]
  const rank = (w: Words) => [...tie(w), peers[w.peer]!.bgpIdentifier, w.kind!]
  const byRank = (a: Words, b: Words) => {
    const [left, right] = [rank(a), rank(b)]
    const k = left.findIndex((value, at) => value !== right[at])
    return k === -1 ? 0 : left[k]! - right[k]!
  }
  const usable = all.filter((w) => state[w.hop]!.up).sort(byRank)
  const best = usable[0]
  if (best === undefined) return undefined
  const active: number[] = []
  for (const w of usable) {
    const ties = w.kind === best.kind && String(tie(w)) === String(tie(best))
    if (ties && active.length < max && !active.includes(w.hop)) active.push(w.hop)
  }
  const backup = usable.find((w) => !active.includes(w.hop))
  return active.sort((a, b) => a - b).join(' ') + (backup ? ` | ${backup.hop}` : '')
}
