import fc from 'fast-check'
import t from 'tap'
import { AttrIndex } from '../../src/rib/attr-index.ts'
import { DerivedSets } from '../../src/rib/attrs-map.ts'
import { AttrsFlag, type AttrsId, AttrsTable } from '../../src/rib/path-attrs.ts'
import { formatAsPath } from '../../src/wire/as-path.ts'
import { Attr } from '../../src/wire/registry.ts'
import {
  address,
  aggregator,
  as4Aggregator,
  as4Path,
  asPath,
  attr,
  clusterList,
  communities,
  EXTENDED,
  localPref,
  med,
  mpReach,
  mpUnreach,
  nextHop,
  OPTIONAL,
  origin,
  originatorId,
  prefix,
  routeTargets,
  TRANSITIVE,
  u8,
  update,
} from '../support/builder.ts'
import { concat, toHex } from '../support/hex.ts'
import { viewOf } from '../support/rib.ts'

const NLRI = [prefix('10.0.0.0/24')]

function intern(table: AttrsTable, attrs: Uint8Array[], session = {}): AttrsId {
  const view = viewOf(update({ attrs, nlri: NLRI }), session)
  const at = view.attrValueAt(view.indexOf(Attr.NEXT_HOP))
  return table.fromView(view, at, 4)
}

function octets(table: AttrsTable, id: AttrsId): string {
  return toHex(table.bytes.subarray(table.attrsAt(id), table.attrsEnd(id)))
}

function pathText(table: AttrsTable, id: AttrsId): string {
  table.find(id, Attr.AS_PATH)
  return formatAsPath(table.bytes, table.valueAt, table.valueEnd)
}

t.test('attributes come out as they went in, less next hop and NLRI', async (t) => {
  const table = new AttrsTable()
  const kept = [
    origin(0),
    asPath([65101, 65102]),
    med(7),
    localPref(200),
    communities('65000:1', '65000:2'),
    originatorId('192.0.2.9'),
    clusterList('192.0.2.7', '192.0.2.8'),
    routeTargets('65000:10'),
    attr(OPTIONAL | TRANSITIVE, 99, u8(1, 2, 3)),
  ]
  const id = intern(
    table,
    [...kept.slice(0, 2), nextHop('192.0.2.2'), ...kept.slice(2), mpUnreach(2, 1)],
    { ebgp: false },
  )
  t.equal(octets(table, id), toHex(concat(...kept)))
  t.equal(table.nextHopLen(id), 4)
  t.same(table.bytes.slice(table.nextHopAt(id), table.nextHopAt(id) + 4), address('192.0.2.2'))
  t.equal(table.originOf(id), 0)
  t.equal(table.asPathLenOf(id), 2)
  t.equal(table.neighborAsOf(id), 65101)
  t.equal(table.localPrefOf(id), 200)
  t.equal(table.medOf(id), 7)
  t.equal(table.originatorIdOf(id), 0xc0000209)
  t.equal(table.clusterCountOf(id), 2)
  t.equal(table.flagsOf(id), AttrsFlag.LOCAL_PREF | AttrsFlag.MED)
})

t.test(
  'two UPDATEs with the same attributes share a set, the length form does not count',
  async (t) => {
    const table = new AttrsTable()
    const hop = nextHop('192.0.2.2')
    const first = intern(table, [origin(0), asPath([65101]), hop])
    const long = attr(TRANSITIVE | EXTENDED, 1, u8(0))
    t.equal(intern(table, [long, asPath([65101]), hop]), first)
    t.equal(intern(table, [attr(TRANSITIVE | 0x0f, 1, u8(0)), asPath([65101]), hop]), first)
    t.not(intern(table, [origin(0), asPath([65101]), nextHop('192.0.2.3')]), first)
    t.equal(table.count, 2)
  },
)

t.test('RFC 7606 §2: what is discarded is no part of the set', async (t) => {
  const table = new AttrsTable()
  const hop = nextHop('192.0.2.2')
  const clean = intern(table, [origin(0), asPath([65101]), hop])
  const id = intern(table, [
    origin(0),
    asPath([65101]),
    hop,
    localPref(900),
    originatorId('1.1.1.1'),
  ])
  t.equal(id, clean, 'LOCAL_PREF and ORIGINATOR_ID of an eBGP neighbour')
  t.equal(table.localPrefOf(id), 100)
})

t.test('well-known communities become flags', async (t) => {
  const table = new AttrsTable()
  const flags = (...list: string[]) =>
    table.flagsOf(intern(table, [origin(0), asPath([1]), nextHop('1.1.1.1'), communities(...list)]))
  t.equal(flags('65000:1'), 0)
  t.equal(flags('65000:1', '65535:65281'), AttrsFlag.NO_EXPORT)
  t.equal(flags('65535:65283'), AttrsFlag.NO_EXPORT)
  t.equal(flags('65535:65282', '65535:65281'), AttrsFlag.NO_ADVERTISE | AttrsFlag.NO_EXPORT)
})

t.test('RFC 6793 §4.2.3: a 2-octet neighbour, AS4_PATH merged in', async (t) => {
  const table = new AttrsTable()
  const narrow = { asn4: false }
  const hop = nextHop('192.0.2.2')
  const path = (...attrs: Uint8Array[]) =>
    pathText(table, intern(table, [origin(0), ...attrs, hop], narrow))
  t.equal(path(asPath([65101, 65102], 2)), '65101 65102')
  t.equal(path(asPath([65101, 23456], 2), as4Path([4200000001])), '65101 4200000001')
  t.equal(path(asPath([23456], 2), as4Path([65102, 4200000001])), '23456', 'AS4_PATH too long')
  const id = intern(
    table,
    [origin(0), asPath([65101, 23456], 2), hop, as4Path([4200000001])],
    narrow,
  )
  t.equal(table.asPathLenOf(id), 2)
  t.equal(table.neighborAsOf(id), 65101)
  t.notOk(table.find(id, Attr.AS4_PATH))
  const long = Array.from({ length: 100 }, (_, k) => k + 1)
  t.equal(path(asPath(long, 2)), long.join(' '), 'over 255 octets only once it is widened')
})

t.test('RFC 6793 §4.2.3: AGGREGATOR of a 2-octet neighbour', async (t) => {
  const table = new AttrsTable()
  const base = [origin(0), asPath([65101], 2), nextHop('192.0.2.2')]
  const aggregatorOf = (...attrs: Uint8Array[]) => {
    table.find(intern(table, [...base, ...attrs], { asn4: false }), Attr.AGGREGATOR)
    return toHex(table.bytes.subarray(table.valueAt, table.valueEnd))
  }
  t.equal(aggregatorOf(aggregator(65101, '192.0.2.5', 2)), '0000fe4dc0000205')
  t.equal(
    aggregatorOf(aggregator(23456, '192.0.2.5', 2), as4Aggregator(4200000001, '192.0.2.5')),
    'fa56ea01c0000205',
  )
  t.equal(
    aggregatorOf(aggregator(65101, '192.0.2.5', 2), as4Aggregator(4200000001, '192.0.2.6')),
    '0000fe4dc0000205',
    'stale AS4_AGGREGATOR',
  )
})

t.test('any attributes: what went in comes out, in order, and AttrIndex finds each', async () => {
  const one = fc.record({
    type: fc.integer({ min: 41, max: 255 }),
    value: fc.uint8Array({ maxLength: 600, size: 'max' }),
  })
  fc.assert(
    fc.property(fc.uniqueArray(one, { maxLength: 5, selector: (a) => a.type }), (extra) => {
      const table = new AttrsTable()
      const index = new AttrIndex()
      const more = extra.map(({ type, value }) => attr(OPTIONAL | TRANSITIVE, type, value))
      const kept = [origin(1), asPath([65101]), ...more]
      const id = intern(table, [kept[0]!, kept[1]!, nextHop('192.0.2.2'), ...more])
      index.load(table, id)
      return (
        octets(table, id) === toHex(concat(...kept)) &&
        extra.every(({ type, value }) => {
          const here = table.bytes.subarray(index.at[type], index.end[type])
          return table.find(id, type) && toHex(here) === toHex(value)
        }) &&
        !table.find(id, Attr.MULTI_EXIT_DISC) &&
        index.at[Attr.MULTI_EXIT_DISC] === 0
      )
    }),
    { seed: 41_001, numRuns: 100 },
  )
})

t.test('a number given to other attributes has another generation', async (t) => {
  const table = new AttrsTable()
  const derived = new DerivedSets(table)
  const make = (value: number) => intern(table, [origin(0), asPath([value]), nextHop('1.1.1.1')])
  const from = make(1)
  const to = make(2)
  derived.set(from, to)
  t.equal(derived.take(from), to)
  table.release(to)
  table.release(to)
  t.equal(derived.take(from), 0, 'the derived set was freed')
  const other = make(3)
  t.equal(other, to, 'its number was given again')
  t.equal(derived.take(from), 0)
  derived.set(from, other)
  table.release(from)
  t.equal(make(4), from)
  t.equal(derived.take(from), 0, 'the set it was derived from is another one now')
})

t.test('an IPv6 next hop in front of the set', async (t) => {
  const table = new AttrsTable()
  const hop = address('2001:db8::2')
  const reach = mpReach(2, 1, hop, prefix('2001:db8:1::/48'))
  const view = viewOf(update({ attrs: [origin(0), asPath([65101]), reach] }))
  const id = table.fromView(view, view.nextHopAt, 16)
  t.equal(table.nextHopLen(id), 16)
  t.equal(toHex(table.bytes.subarray(table.nextHopAt(id), table.attrsAt(id))), toHex(hop))
  t.equal(octets(table, id), toHex(concat(origin(0), asPath([65101]))))
})
