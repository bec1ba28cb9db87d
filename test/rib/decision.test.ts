import fc from 'fast-check'
import t from 'tap'
import { DECISION_STEPS, Why, whyText } from '../../src/rib/decision.ts'
import type { LocRib } from '../../src/rib/loc-rib.ts'
import { type NextHopId, Reach } from '../../src/rib/next-hop.ts'
import { PathFlag, type PathId, PathKind } from '../../src/rib/path-table.ts'
import { PrefixTable } from '../../src/rib/prefix-table.ts'
import type { RibPeer } from '../../src/rib/rib-peer.ts'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import { Family } from '../../src/wire/registry.ts'
import { address, asPathValue, rd } from '../support/builder.ts'
import { World } from '../support/rib.ts'

const { IPV4_UNICAST, VPNV4 } = Family
const NET = Int32Array.of(0x0a000000)

/** One path in words; what is left out is the same for all. */
interface Words {
  llgrStale?: boolean
  peer?: number
  kind?: number
  localPref?: number
  asPath?: number[]
  origin?: number
  med?: number
  originator?: number
  clusters?: number
  /** Of the next hop; absent: no next hop, always reachable. */
  metric?: number
  reach?: Reach
  stale?: boolean
  /** ADD-PATH identifier; of an imported path its RD. */
  id?: number
  problem?: number
}

class Table {
  readonly world = new World()
  readonly rib: LocRib
  readonly vpn = new PrefixTable(VPNV4)
  readonly peers: RibPeer[]
  readonly #writer = new AttrWriter()
  #hops = 0

  constructor() {
    this.rib = this.world.rib(IPV4_UNICAST)
    this.rib.importsFrom(this.vpn)
    // 0 and 1 are eBGP, 2 and 3 iBGP; the addresses rank 1, 0, 3, 2.
    this.peers = [
      this.world.peer('192.0.2.20', { id: 7 }),
      this.world.peer('192.0.2.10', { id: 7 }),
      this.world.peer('192.0.2.40', { id: 7, ebgp: false }),
      this.world.peer('192.0.2.30', { id: 7, ebgp: false }),
    ]
  }

  put(words: Words): PathId {
    const { world, rib } = this
    const local = (words.kind ?? PathKind.RECEIVED) <= PathKind.EXPORTED
    const peer = local ? world.peers.local : this.peers[words.peer ?? 0]!
    const prefix = rib.prefixes.intern(NET, 0, 8)
    const kind = (words.kind ?? PathKind.RECEIVED) as PathKind
    const path = rib.put(
      prefix,
      peer.id,
      kind,
      kind === PathKind.IMPORTED ? this.#vpnPrefix(words.id ?? 1) : (words.id ?? 0),
      this.#attrs(words),
      0,
      this.#nextHop(words),
      words.problem ?? 0,
    )
    rib.prefixes.release(prefix)
    if (words.stale) rib.paths.setFlags(path, rib.paths.flagsOf(path) | PathFlag.STALE)
    return path
  }

  /** The best of the paths put. */
  best(): PathId {
    this.world.settle()
    return this.rib.bestOf(this.rib.prefixes.find(NET, 0, 8))
  }

  #attrs(words: Words) {
    const w = this.#writer
    w.reset()
    w.origin(words.origin ?? 0)
    w.asPath(asPathValue(words.asPath ?? [65101]))
    if (words.med !== undefined) w.med(words.med)
    if (words.localPref !== undefined) w.localPref(words.localPref)
    if (words.llgrStale) w.communities(Uint8Array.of(0xff, 0xff, 0, 6))
    if (words.originator !== undefined) w.originatorId(words.originator)
    if (words.clusters) w.clusterList(new Uint8Array(4 * words.clusters).fill(9))
    return this.world.attrs.fromBytes(address('192.0.2.99'), 0, 4, w.buf, 0, w.end)
  }

  #nextHop({ metric, reach }: Words): NextHopId {
    if (metric === undefined && reach === undefined) return 0 as NextHopId
    const { nextHops } = this.world
    const id = nextHops.gateway(1, Uint8Array.of(10, 9, 0, ++this.#hops), 0, 4)
    nextHops.set(id, reach ?? Reach.REACHABLE, 2, metric ?? 0)
    return id
  }

  /** Rows are given in the order of asking: the row says nothing about the RD. */
  #vpnPrefix(number: number): number {
    const octets = new DataView(rd(`65000:${number}`).buffer)
    const key = Int32Array.of(octets.getInt32(0), octets.getInt32(4), NET[0]!)
    return this.vpn.intern(key, 0, 8)
  }
}

/** Two paths that differ in what a step looks at, and in all later steps speak for the loser. */
// biome-ignore format: one row a step
const STEPS: [step: number, winner: Words, loser: Words][] = [
  [0, { peer: 2, localPref: 9, asPath: [65101, 65102] }, { llgrStale: true, localPref: 900, asPath: [65101] }],
  [0, { peer: 2, llgrStale: false, stale: true, metric: 9 }, { llgrStale: true, metric: 1 }],
  [1, { kind: PathKind.CONNECTED }, { localPref: 900, asPath: [] }],
  [1, { kind: PathKind.STATIC }, { kind: PathKind.IMPORTED, localPref: 900, asPath: [] }],
  [1, { kind: PathKind.CONNECTED, asPath: [1, 2], origin: 2 }, { kind: PathKind.STATIC, asPath: [] }],
  [2, { peer: 2, localPref: 101, asPath: [65101, 65102] }, { asPath: [65101] }],
  [2, { peer: 1, asPath: [65101, 65102] }, { localPref: 99 }],
  [3, { peer: 2, asPath: [65101], origin: 2 }, { asPath: [65101, 65101], origin: 0 }],
  [4, { origin: 0, med: 9 }, { peer: 1, origin: 1, med: 0 }],
  [4, { origin: 1, med: 9 }, { peer: 1, origin: 2, med: 0 }],
  [5, { peer: 2, med: 1 }, { peer: 0, med: 2 }],
  [5, { peer: 2 }, { peer: 0, med: 1 }],
  [6, { peer: 0, metric: 9 }, { peer: 2, metric: 1 }],
  [6, { peer: 2, kind: PathKind.EXPORTED, metric: 9 }, { peer: 3, metric: 1 }],
  [7, { peer: 0, metric: 1, stale: true }, { peer: 1, metric: 2 }],
  [8, { peer: 0, originator: 8 }, { peer: 1, stale: true, originator: 6 }],
  [9, { peer: 2, originator: 6, clusters: 3 }, { peer: 3, originator: 8 }],
  [9, { peer: 2, originator: 6, clusters: 3 }, { peer: 3 }],
  [10, { peer: 2, originator: 8, clusters: 1 }, { peer: 3, originator: 8, clusters: 2 }],
  [11, { peer: 1, id: 9 }, { peer: 0, id: 1 }],
  [12, { peer: 2, kind: PathKind.IMPORTED, id: 3 }, { peer: 2, kind: PathKind.IMPORTED, id: 4 }],
  [13, { peer: 0, id: 4 }, { peer: 0, id: 0x80000001 }],
]

for (const [step, winner, loser] of STEPS) {
  const row = DECISION_STEPS.find((one) => one.step === step)!
  t.test(`decision step ${step}: ${row.name} (${row.rfc})`, async (t) => {
    for (const order of [
      [winner, loser],
      [loser, winner],
    ]) {
      const table = new Table()
      const paths = order.map((words) => table.put(words))
      const won = paths[order.indexOf(winner)]!
      const lost = paths[order.indexOf(loser)]!
      t.equal(table.best(), won)
      t.equal(table.rib.paths.whyOf(won), Why.BEST)
      const why = table.rib.paths.whyOf(lost) - Why.DECISION
      // The two words of an RD are one thing.
      t.equal(why, step === 12 ? 13 : step)
      t.match(whyText(table.rib.paths.whyOf(lost)), /\(step \d+\)$/)
    }
  })
}

t.test('decision step 12: an RD that differs in its first word', async (t) => {
  const table = new Table()
  const high = (type: number) => table.vpn.intern(Int32Array.of(type << 16, 5, NET[0]!), 0, 8)
  const prefix = table.rib.prefixes.intern(NET, 0, 8)
  const put = (key: number) => {
    const path = table.put({ peer: 2, kind: PathKind.IMPORTED, id: 77 })
    const { attrs } = table.world
    attrs.retain(table.rib.paths.attrsOf(path))
    const set = table.rib.paths.attrsOf(path)
    const other = table.rib.put(
      prefix,
      table.peers[2]!.id,
      PathKind.IMPORTED,
      key,
      set,
      0,
      0 as NextHopId,
      0,
    )
    table.rib.removePath(path)
    return other
  }
  const late = put(high(2))
  const early = put(high(1))
  t.equal(table.best(), early)
  t.equal(table.rib.paths.whyOf(late), Why.DECISION + 12)
})

t.test('RFC 4271 §9.1.2.2 c: MED is compared only within one neighbouring AS', async (t) => {
  const table = new Table()
  const cheap = table.put({ peer: 1, asPath: [65102], med: 1 })
  const dear = table.put({ peer: 0, asPath: [65101], med: 90, originator: 1 })
  t.equal(table.best(), dear, 'BGP identifier decides')
  t.equal(table.rib.paths.whyOf(cheap), Why.DECISION + 9)
})

t.test('RFC 9494 §4.4: among long-lived stale paths the usual steps decide', async (t) => {
  const table = new Table()
  const low = table.put({ peer: 0, llgrStale: true, localPref: 90 })
  const high = table.put({ peer: 1, llgrStale: true, localPref: 110 })
  t.equal(table.best(), high)
  t.equal(table.rib.paths.whyOf(low), Why.DECISION + 2)
  t.match(whyText(Why.DECISION), 'long-lived stale, the other is not (step 0)')
})

t.test('MED: the textbook case in which pairwise comparison goes round in circles', async (t) => {
  // a beats b by MED, b beats c by identifier, c beats a by identifier.
  const a: Words = { peer: 0, asPath: [65101], med: 1, originator: 30 }
  const b: Words = { peer: 1, asPath: [65101], med: 2, originator: 10 }
  const c: Words = { peer: 2, kind: PathKind.EXPORTED, asPath: [65102], med: 5, originator: 20 }
  for (const order of permutations([a, b, c])) {
    const table = new Table()
    const paths = order.map((words) => table.put(words))
    t.equal(table.best(), paths[order.indexOf(c)])
    t.equal(table.rib.paths.whyOf(paths[order.indexOf(b)]!), Why.DECISION + 5)
    t.equal(table.rib.paths.whyOf(paths[order.indexOf(a)]!), Why.DECISION + 9)
  }
})

t.test('MED among very many paths: of each neighbouring AS the lowest stay', async (t) => {
  const table = new Table()
  const { paths } = table.rib
  const all = Array.from({ length: 200 }, (_, k) => ({
    path: 0,
    as: 65101 + ((k * 7) % 5),
    med: 10 + ((k * 13) % 11),
    originator: 1000 - k,
    id: k,
  }))
  for (const one of all) {
    one.path = table.put({ ...one, peer: 0, asPath: [one.as] })
  }
  const lowest = (as: number) => Math.min(...all.filter((a) => a.as === as).map((a) => a.med))
  const left = all.filter(({ as, med }) => med === lowest(as))
  const best = left.reduce((a, b) => (a.originator < b.originator ? a : b))
  t.equal(table.best(), best.path)
  for (const one of all) {
    const lost = left.includes(one) ? 9 : 5
    t.equal(paths.whyOf(one.path as PathId), one === best ? 0 : Why.DECISION + lost)
  }
})

t.test('a path that cannot be used never wins, and says why', async (t) => {
  const cases: [Words, number, RegExp][] = [
    [{ peer: 1, problem: Why.AS_LOOP }, Why.AS_LOOP, /own AS/],
    [{ peer: 1, reach: Reach.PENDING }, Why.NEXT_HOP_PENDING, /being resolved/],
    [{ peer: 1, reach: Reach.UNREACHABLE }, Why.NEXT_HOP_NOT_CONNECTED, /no connected network/],
  ]
  for (const [words, why, text] of cases) {
    const table = new Table()
    const bad = table.put({ localPref: 900, ...words })
    t.equal(table.best(), 0, 'alone')
    const good = table.put({ peer: 0 })
    t.equal(table.best(), good)
    t.equal(table.rib.paths.whyOf(bad), why)
    t.match(whyText(why), text)
  }
  const table = new Table()
  const { nextHops } = table.world
  const sid = nextHops.sid(address('fcbb:bb00:2:e000::'), 0)
  nextHops.set(sid, Reach.UNREACHABLE, 0, 0)
  const prefix = table.rib.prefixes.intern(NET, 0, 8)
  const path = table.put({})
  const set = table.rib.paths.attrsOf(path)
  table.world.attrs.retain(set)
  table.rib.put(prefix, table.peers[0]!.id, PathKind.RECEIVED, 0, set, 0, sid, 0)
  t.equal(table.best(), 0)
  t.equal(table.rib.paths.whyOf(path), Why.NEXT_HOP_UNREACHABLE)
})

t.test('any paths in any order: the same one is chosen, MED included', async () => {
  const small = (max: number) => fc.nat({ max })
  // Few kinds of path with many of each: the late steps come to decide too.
  const kinds = fc.array(
    fc.record({
      localPref: fc.constantFrom(100, 100, 200),
      asPath: fc.constantFrom<number[]>([65101], [65102], [65101, 1], []),
      origin: small(1),
      med: small(2),
      originator: small(2),
      clusters: small(1),
      metric: small(1),
      stale: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  )
  const who = fc.record({
    like: small(2),
    peer: small(3),
    kind: fc.constantFrom(PathKind.RECEIVED, PathKind.IMPORTED, PathKind.EXPORTED),
    id: small(3),
  })
  const set = fc
    .tuple(
      kinds,
      fc.uniqueArray(who, {
        minLength: 1,
        maxLength: 8,
        selector: (w) => (w.kind === PathKind.EXPORTED ? `${w.id}` : `${w.peer} ${w.kind} ${w.id}`),
      }),
    )
    .map(([like, all]): Words[] => all.map((w) => ({ ...like[w.like % like.length], ...w })))
  const shuffled = set.chain((all) =>
    fc.tuple(
      fc.constant(all),
      fc.shuffledSubarray(all, { minLength: all.length }),
      fc.array(fc.nat({ max: all.length - 1 }), { maxLength: 4 }),
    ),
  )
  fc.assert(
    fc.property(shuffled, ([first, second, replayed]) => {
      const one = new Table()
      const paths = first.map((w) => one.put(w))
      const chosen = first[paths.indexOf(one.best())]
      const other = new Table()
      // Some come, are decided on, go and come again.
      for (const k of replayed) {
        const path = other.put(first[k]!)
        other.best()
        other.rib.removePath(path)
      }
      const again = second.map((w) => other.put(w))
      return second[again.indexOf(other.best())] === chosen
    }),
    { seed: 41_002, numRuns: 600 },
  )
})

function permutations<T>(list: T[]): T[][] {
  if (list.length < 2) return [list]
  return list.flatMap((one, k) =>
    permutations([...list.slice(0, k), ...list.slice(k + 1)]).map((rest) => [one, ...rest]),
  )
}
