import t from 'tap'
import * as path from '../../src/wire/as-path.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat, toHex } from '../support/hex.ts'

const SET = 1
const SEQUENCE = 2
const CONFED_SEQUENCE = 3
const CONFED_SET = 4
const PAD = new Uint8Array(3).fill(0xaa)

/** Puts the value between other octets, to see that only the range is read. */
function on<T>(
  segments: number[] | number[][],
  read: (buf: Uint8Array, at: number, end: number) => T,
): T {
  const value = b.asPathValue(segments)
  return read(concat(PAD, value, PAD), 3, 3 + value.length)
}

t.test('RFC 4271 §9.1.2.2, RFC 5065 §5.3: path length', async (t) => {
  const rows: [number[] | number[][], number][] = [
    [[], 0],
    [[65001], 1],
    [[1, 2, 3], 3],
    [
      [
        [SEQUENCE, 1, 2],
        [SET, 3, 4, 5],
      ],
      3,
    ],
    [
      [
        [CONFED_SEQUENCE, 1, 2],
        [SEQUENCE, 3],
        [CONFED_SET, 9],
      ],
      1,
    ],
    [[[SET, 1, 2]], 1],
  ]
  for (const [segments, want] of rows) t.equal(on(segments, path.asPathLength), want)
})

t.test('asPathHas counts occurrences in all segments', async (t) => {
  const segments = [
    [SEQUENCE, 1, 7, 7],
    [SET, 7, 2],
    [CONFED_SEQUENCE, 7],
  ]
  const has = (as: number) => on(segments, (buf, at, end) => path.asPathHas(buf, at, end, as))
  t.same([has(7), has(1), has(2), has(9)], [4, 1, 1, 0])
  t.equal(
    on([4200000000], (buf, at, end) => path.asPathHas(buf, at, end, 4200000000)),
    1,
  )
})

t.test('asPathFirst and asPathOrigin: neighbour and origin, 0 for sets', async (t) => {
  const rows: [number[] | number[][], first: number, origin: number][] = [
    [[], 0, 0],
    [[65001, 65002], 65001, 65002],
    [[4200000000], 4200000000, 4200000000],
    [
      [
        [SET, 1, 2],
        [SEQUENCE, 3],
      ],
      0,
      3,
    ],
    [
      [
        [SEQUENCE, 3],
        [SET, 1, 2],
      ],
      3,
      0,
    ],
    [
      [
        [CONFED_SEQUENCE, 9],
        [SEQUENCE, 5, 6],
      ],
      5,
      6,
    ],
    [[[CONFED_SEQUENCE, 9]], 0, 0],
  ]
  for (const [segments, first, origin] of rows) {
    t.equal(on(segments, path.asPathFirst), first)
    t.equal(on(segments, path.asPathOrigin), origin)
  }
})

t.test('RFC 4271 §5.1.2: prepending joins a leading sequence while it has room', async (t) => {
  const prepend = (segments: number[] | number[][], as: number, count: number) => {
    const out = new Uint8Array(3000)
    const end = on(segments, (buf, at, e) => path.prependAsPath(buf, at, e, as, count, out, 5))
    return path.formatAsPath(out, 5, end)
  }
  t.equal(prepend([], 65000, 1), '65000')
  t.equal(prepend([], 65000, 3), '65000 65000 65000')
  t.equal(prepend([], 65000, 0), '')
  t.equal(prepend([1, 2], 65000, 0), '1 2')
  t.equal(prepend([1, 2], 4200000000, 2), '4200000000 4200000000 1 2')
  t.equal(prepend([[SET, 1, 2]], 65000, 1), '65000 {1,2}')
  t.equal(prepend([[CONFED_SEQUENCE, 1]], 65000, 1), '65000 (1)')
  const long = new Array(254).fill(1)
  const full = (count: number) => {
    const out = new Uint8Array(3000)
    on(long, (buf, at, e) => path.prependAsPath(buf, at, e, 9, count, out, 0))
    return out[1]
  }
  t.equal(full(1), 255, 'fits into the segment')
  t.equal(full(2), 2, 'needs one of its own')
})

t.test('replaceAsPath: every occurrence, in all segments', async (t) => {
  const out = new Uint8Array(200)
  const segments = [
    [SEQUENCE, 1, 65001, 65001],
    [SET, 65001, 3],
  ]
  const end = on(segments, (buf, at, e) =>
    path.replaceAsPath(buf, at, e, 65001, 4200000000, out, 2),
  )
  t.equal(path.formatAsPath(out, 2, end), '1 4200000000 4200000000 {4200000000,3}')
})

t.test('RFC 6793 §4.2.2: AS_TRANS where two octets are too few', async (t) => {
  const out = new Uint8Array(200)
  const segments = [
    [SEQUENCE, 65001, 4200000000],
    [SET, 65536, 3],
  ]
  const end = on(segments, (buf, at, e) => path.narrowAsPath(buf, at, e, out, 1))
  const want = b.asPathValue(
    [
      [SEQUENCE, 65001, 23456],
      [SET, 23456, 3],
    ],
    2,
  )
  t.equal(toHex(out.subarray(1, end)), toHex(want))
  t.equal(on(segments, path.hasWideAs), true)
  t.equal(
    on(
      [
        [SEQUENCE, 65535],
        [SET, 1],
      ],
      path.hasWideAs,
    ),
    false,
  )
})

t.test('formatAsPath writes sets in braces and confederation segments in brackets', async (t) => {
  const segments = [
    [CONFED_SEQUENCE, 65010, 65011],
    [CONFED_SET, 9, 8],
    [SEQUENCE, 1],
    [SET, 3, 4],
  ]
  t.equal(on(segments, path.formatAsPath), '(65010 65011) [9,8] 1 {3,4}')
})

t.test('RFC 6793 §4.2.3: AS_PATH and AS4_PATH of a two-octet neighbour as one path', async (t) => {
  const T = 23456
  const cases: [what: string, attrs: Uint8Array[], want: string][] = [
    ['no AS4_PATH', [b.asPath([1, 2, T], 2)], '1 2 23456'],
    ['no AS_PATH at all', [], ''],
    ['all replaced', [b.asPath([T, T], 2), b.as4Path([70000, 80000])], '70000 80000'],
    [
      'old speakers before',
      [b.asPath([1, 2, T, T], 2), b.as4Path([70000, 80000])],
      '1 2 70000 80000',
    ],
    ['AS4_PATH longer: ignored', [b.asPath([T], 2), b.as4Path([70000, 80000])], '23456'],
    [
      'a set behind',
      [
        b.asPath(
          [
            [SEQUENCE, 1, T],
            [SET, 5, 6],
          ],
          2,
        ),
        b.as4Path([
          [SEQUENCE, 70000],
          [SET, 5, 6],
        ]),
      ],
      '1 70000 {5,6}',
    ],
    [
      'a set before',
      [
        b.asPath(
          [
            [SET, 5, 6],
            [SEQUENCE, T],
          ],
          2,
        ),
        b.as4Path([70000]),
      ],
      '{5,6} 70000',
    ],
    [
      'the cut is inside a segment',
      [
        b.asPath(
          [
            [SEQUENCE, 1, 2, 3],
            [SEQUENCE, 4, T],
          ],
          2,
        ),
        b.as4Path([4, 70000]),
      ],
      '1 2 3 4 70000',
    ],
    [
      'RFC 6793 §6: confederation segments in AS4_PATH are left out',
      [
        b.asPath([1, T], 2),
        b.as4Path([
          [CONFED_SEQUENCE, 9],
          [SEQUENCE, 70000],
        ]),
      ],
      '1 70000',
    ],
    [
      'an AGGREGATOR that is not AS_TRANS: both AS4 attributes are stale',
      [
        b.asPath([1, T], 2),
        b.aggregator(65001, '192.0.2.1', 2),
        b.as4Path([1, 70000]),
        b.as4Aggregator(70000, '192.0.2.1'),
      ],
      '1 23456',
    ],
    [
      'an AGGREGATOR of AS_TRANS: they count',
      [
        b.asPath([1, T], 2),
        b.aggregator(T, '192.0.2.1', 2),
        b.as4Path([1, 70000]),
        b.as4Aggregator(70000, '192.0.2.1'),
      ],
      '1 70000',
    ],
    [
      'AS4_PATH malformed: discarded',
      [b.asPath([1, T], 2), b.attr(0xc0, 17, b.u8(2, 9, 0, 0, 0, 1))],
      '1 23456',
    ],
  ]
  const session = { asn4: false, ebgp: true, localAs: 65000, addPath: 0, families: 0b11110 }
  for (const [what, attrs, want] of cases) {
    const octets = b.update({ attrs, nlri: [b.prefix('10.0.0.0/8')] })
    const view = new UpdateView()
    parseUpdate(view, octets, 19, octets.length, session)
    const out = new Uint8Array(200)
    const end = path.writeExpandedAsPath(view, out, 7)
    t.equal(path.formatAsPath(out, 7, end), want, what)
  }
})

t.test('writeExpandedAsPath copies the path of a four-octet neighbour', async (t) => {
  const octets = b.update({
    attrs: [
      b.asPath([
        [SEQUENCE, 70000, 1],
        [SET, 2],
      ]),
    ],
  })
  const view = new UpdateView()
  const session = { asn4: true, ebgp: true, localAs: 65000, addPath: 0, families: 0b11110 }
  parseUpdate(view, octets, 19, octets.length, session)
  const out = new Uint8Array(100)
  t.equal(path.formatAsPath(out, 3, path.writeExpandedAsPath(view, out, 3)), '70000 1 {2}')
})
