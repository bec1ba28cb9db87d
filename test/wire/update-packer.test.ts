/** update-packer.ts and as2-attrs.ts, read back by the parser and by an independent builder. */
import fc from 'fast-check'
import t from 'tap'
import { writeExpandedAsPath } from '../../src/wire/as-path.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import {
  ALL_FAMILIES,
  Attr,
  FAMILIES,
  Family,
  familySpec,
  Outcome,
} from '../../src/wire/registry.ts'
import { type PackerOptions, UpdatePacker } from '../../src/wire/update-packer.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import {
  address,
  aggregator,
  as4Aggregator,
  as4Path,
  asPath,
  attr,
  communities,
  largeCommunities,
  localPref,
  med,
  mpReach,
  mpUnreach,
  nextHop,
  origin,
  prefix,
  rd,
  routeTargets,
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import { collectionsDuring } from '../support/collections.ts'
import { concat, toHex } from '../support/hex.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const PLAIN: PackerOptions = { maxLength: 4096, asn4: true, addPath: 0 }

interface Nlri {
  key: Int32Array
  bits: number
  label: number
  pathId: number
}

/** '65000:1 10.0.0.0/24' or '2001:db8::/32' as the packer takes it. */
function nlri(text: string, label = 0, pathId = 0): Nlri {
  const [left, right] = text.includes(' ') ? text.split(' ') : [undefined, text]
  const [net, bits] = (right as string).split('/') as [string, string]
  const octets = concat(left === undefined ? new Uint8Array(0) : rd(left), address(net))
  const view = new DataView(octets.buffer)
  const key = Int32Array.from({ length: octets.length / 4 }, (_, k) => view.getInt32(4 * k))
  return { key, bits: Number(bits), label, pathId }
}

/** Runs `drive` and returns copies of the messages, flushed. */
function pack(options: PackerOptions, drive: (packer: UpdatePacker) => void): Uint8Array[] {
  const messages: Uint8Array[] = []
  const packer = new UpdatePacker((buf, at, end) => messages.push(buf.slice(at, end)))
  packer.configure(options)
  drive(packer)
  packer.flush()
  return messages
}

function reach(packer: UpdatePacker, family: Family, hop: string, attrs: Uint8Array, list: Nlri[]) {
  const octets = concat(...hop.split('+').map(address))
  // At an offset, as in the caller's arena.
  const arena = concat(new Uint8Array(5), octets, attrs)
  packer.reach(family, arena, 5, octets.length, arena, 5 + octets.length, arena.length)
  arena.fill(0)
  for (const one of list) packer.add(one.key, 0, one.bits, one.label, one.pathId)
}

function withdraw(packer: UpdatePacker, family: Family, list: Nlri[]) {
  packer.withdraw(family)
  for (const one of list) packer.add(one.key, 0, one.bits, one.label, one.pathId)
}

const BASIC = concat(origin(0), asPath([65000]), med(50), communities('65000:1'))
const VPN = concat(origin(2), asPath([]), localPref(100), routeTargets('65000:10'))
const V4 = [nlri('10.1.0.0/24'), nlri('0.0.0.0/0'), nlri('10.2.3.4/32'), nlri('10.128.0.0/9')]
const V4_TEXT = ['10.1.0.0/24', '0.0.0.0/0', '10.2.3.4/32', '10.128.0.0/9']
const LL = 'fe80::1'

t.test('RFC 4271 §4.3: IPv4 unicast in the classic fields, NEXT_HOP at its place', async (t) => {
  const attrs = [origin(0), asPath([65000]), nextHop('192.0.2.1'), med(50), communities('65000:1')]
  const expected = update({ attrs, nlri: V4_TEXT.map((text) => prefix(text)) })
  const seen = pack(PLAIN, (p) => reach(p, IPV4_UNICAST, '192.0.2.1', BASIC, V4))
  t.same(seen.map(toHex), [toHex(expected)])
  const last = pack(PLAIN, (p) => reach(p, IPV4_UNICAST, '192.0.2.1', asPath([1]), V4))
  t.same(
    last.map(toHex),
    [
      update({ attrs: [asPath([1]), nextHop('192.0.2.1')], nlri: V4_TEXT.map((x) => prefix(x)) }),
    ].map(toHex),
    'behind the last attribute',
  )
})

t.test('RFC 4760 §3: MP_REACH_NLRI first, with every next hop that is legal', async (t) => {
  const v6 = ['2001:db8::/32', '::/0', '2001:db8::1/128']
  const vpn4 = { rd: '65000:1', label: 0xe00021, prefix: '10.1.0.0/24' }
  const vpn6 = { rd: '192.0.2.1:7', label: 0x000031, prefix: '2001:db8:1::/48' }
  const ll = concat(address('2001:db8::9'), address(LL))
  const v4n = prefix('10.1.0.0/24')
  const v6n = v6.map((text) => prefix(text))
  // biome-ignore format: one row a next hop
  const rows: [why: string, family: Family, hop: string, list: Nlri[], mp: Uint8Array][] = [
    ['IPv4, 16 (RFC 8950)', IPV4_UNICAST, '2001:db8::9', [nlri('10.1.0.0/24')], mpReach(1, 1, address('2001:db8::9'), v4n)],
    ['IPv4, 32', IPV4_UNICAST, `2001:db8::9+${LL}`, [nlri('10.1.0.0/24')], mpReach(1, 1, ll, v4n)],
    ['IPv6, 16', IPV6_UNICAST, '2001:db8::9', v6.map((x) => nlri(x)), mpReach(2, 1, address('2001:db8::9'), ...v6n)],
    ['IPv6, 32', IPV6_UNICAST, `2001:db8::9+${LL}`, v6.map((x) => nlri(x)), mpReach(2, 1, ll, ...v6n)],
    ['IPv6, IPv4-mapped', IPV6_UNICAST, '192.0.2.1', v6.map((x) => nlri(x)), mpReach(2, 1, address('::ffff:192.0.2.1'), ...v6n)],
    ['VPNv4, 12', VPNV4, '192.0.2.1', [nlri('65000:1 10.1.0.0/24', 0xe00021)], mpReach(1, 128, vpnNextHop('192.0.2.1'), vpnPrefix(vpn4))],
    ['VPNv4, 24 (RFC 8950)', VPNV4, '2001:db8::9', [nlri('65000:1 10.1.0.0/24', 0xe00021)], mpReach(1, 128, vpnNextHop('2001:db8::9'), vpnPrefix(vpn4))],
    ['VPNv4, 48', VPNV4, `2001:db8::9+${LL}`, [nlri('65000:1 10.1.0.0/24', 0xe00021)], mpReach(1, 128, vpnNextHop('2001:db8::9', LL), vpnPrefix(vpn4))],
    ['VPNv6, 24', VPNV6, '2001:db8::9', [nlri('192.0.2.1:7 2001:db8:1::/48', 0x31)], mpReach(2, 128, vpnNextHop('2001:db8::9'), vpnPrefix(vpn6))],
    ['VPNv6, 48', VPNV6, `2001:db8::9+${LL}`, [nlri('192.0.2.1:7 2001:db8:1::/48', 0x31)], mpReach(2, 128, vpnNextHop('2001:db8::9', LL), vpnPrefix(vpn6))],
    ['VPNv6, IPv4-mapped', VPNV6, '192.0.2.1', [nlri('192.0.2.1:7 2001:db8:1::/48', 0x31)], mpReach(2, 128, vpnNextHop('::ffff:192.0.2.1'), vpnPrefix(vpn6))],
  ]
  for (const [why, family, hop, list, mp] of rows) {
    const seen = pack(PLAIN, (p) => reach(p, family, hop, VPN, list))
    t.same(seen.map(toHex), [toHex(update({ attrs: [mp, VPN] }))], why)
  }
})

t.test('withdrawals: the classic field for IPv4, MP_UNREACH_NLRI for the others', async (t) => {
  const classic = pack(PLAIN, (p) => withdraw(p, IPV4_UNICAST, V4))
  t.same(classic.map(toHex), [toHex(update({ withdrawn: V4_TEXT.map((x) => prefix(x)) }))])
  const v6 = pack(PLAIN, (p) => withdraw(p, IPV6_UNICAST, [nlri('2001:db8::/32')]))
  t.same(v6.map(toHex), [toHex(update({ attrs: [mpUnreach(2, 1, prefix('2001:db8::/32'))] }))])
  const vpn = pack(PLAIN, (p) => withdraw(p, VPNV4, [nlri('65000:1 10.1.0.0/24', 0xe00021)]))
  const gone = vpnPrefix({ rd: '65000:1', label: 0x800000, prefix: '10.1.0.0/24' })
  t.same(vpn.map(toHex), [toHex(update({ attrs: [mpUnreach(1, 128, gone)] }))], 'RFC 8277 §2.4')
})

t.test('RFC 4724 §2: End-of-RIB of each family, behind what was pending', async (t) => {
  const families = [
    [1, 1],
    [2, 1],
    [1, 128],
    [2, 128],
    [1, 2],
    [2, 2],
    [1, 4],
    [2, 4],
    [1, 132],
    [25, 70],
  ] as const
  const expected = families.map(([afi, safi]) => update({ attrs: [mpUnreach(afi, safi)] }))
  expected[0] = update()
  for (const { id } of FAMILIES) {
    const seen = pack(PLAIN, (p) => {
      reach(p, IPV4_UNICAST, '192.0.2.1', BASIC, V4)
      p.endOfRib(id)
    })
    t.equal(seen.length, 2)
    t.equal(toHex(seen[1]!), toHex(expected[id - 1]!))
  }
})

t.test('groups: nothing is sent for an empty one, nothing is added outside of one', async (t) => {
  const seen = pack(PLAIN, (p) => {
    reach(p, VPNV4, '2001:db8::9', VPN, [])
    withdraw(p, IPV6_UNICAST, [])
    reach(p, IPV4_UNICAST, '192.0.2.1', BASIC, V4)
    p.configure(PLAIN)
  })
  t.same(seen, [], 'configure drops what is open')
  const packer = new UpdatePacker(() => {})
  const [one] = V4
  t.throws(() => packer.add(one!.key, 0, 24, 0, 0), TypeError)
  packer.withdraw(IPV4_UNICAST)
  packer.flush()
  t.throws(() => packer.add(one!.key, 0, 24, 0, 0), TypeError)
})

t.test('RFC 7911 §3: path identifiers where they were negotiated', async (t) => {
  const options = { ...PLAIN, addPath: (1 << IPV4_UNICAST) | (1 << VPNV4) }
  const vpn = nlri('65000:1 10.1.0.0/24', 0x31, 0xfffffffe)
  const seen = pack(options, (p) => {
    reach(p, IPV4_UNICAST, '192.0.2.1', BASIC, [nlri('10.1.0.0/24', 0, 7)])
    reach(p, IPV6_UNICAST, '2001:db8::9', BASIC, [nlri('2001:db8::/32', 0, 7)])
    withdraw(p, VPNV4, [vpn])
  })
  const wire = seen.map(toHex)
  t.ok(wire[0]!.endsWith(toHex(prefix('10.1.0.0/24', 7))))
  t.ok(wire[1]!.includes(toHex(mpReach(2, 1, address('2001:db8::9'), prefix('2001:db8::/32')))))
  const gone = { rd: '65000:1', label: 0x800000, prefix: '10.1.0.0/24', pathId: 0xfffffffe }
  t.ok(wire[2]!.endsWith(toHex(vpnPrefix(gone))))
})

t.test('RFC 6793 §4.2.2: a neighbour with 2-octet AS numbers', async (t) => {
  const options = { ...PLAIN, asn4: false }
  const of = (...attrs: Uint8Array[]) =>
    pack(options, (p) => reach(p, IPV4_UNICAST, '192.0.2.1', concat(...attrs), V4)).map(toHex)
  const expected = (...attrs: Uint8Array[]) => [
    toHex(update({ attrs, nlri: V4_TEXT.map((text) => prefix(text)) })),
  ]
  const hop = nextHop('192.0.2.1')
  t.same(
    of(origin(0), asPath([65000, 65001])),
    expected(origin(0), asPath([65000, 65001], 2), hop),
    'AS numbers that fit: no AS4_PATH',
  )
  const path = [
    [2, 65000, 4200000000],
    [1, 70000, 65001],
  ]
  const narrow = [
    [2, 65000, 23456],
    [1, 23456, 65001],
  ]
  t.same(
    of(origin(0), asPath(path), routeTargets('65000:1'), largeCommunities('1:2:3')),
    expected(
      origin(0),
      asPath(narrow, 2),
      hop,
      routeTargets('65000:1'),
      as4Path(path),
      largeCommunities('1:2:3'),
    ),
    'AS_TRANS, and AS4_PATH in its order',
  )
  t.same(
    of(origin(0), asPath([1]), aggregator(4200000000, '192.0.2.7')),
    expected(
      origin(0),
      asPath([1], 2),
      hop,
      aggregator(23456, '192.0.2.7', 2),
      as4Aggregator(4200000000, '192.0.2.7'),
    ),
    'AGGREGATOR and AS4_AGGREGATOR',
  )
  t.same(
    of(asPath([1]), aggregator(65000, '192.0.2.7'), as4Path([9]), as4Aggregator(9, '192.0.2.9')),
    expected(asPath([1], 2), hop, aggregator(65000, '192.0.2.7', 2)),
    'an aggregator that fits; stray AS4 attributes are dropped',
  )
  const confed = [
    [3, 70000, 65010],
    [2, 4200000000],
  ]
  t.same(
    of(asPath(confed)),
    expected(
      asPath(
        [
          [3, 23456, 65010],
          [2, 23456],
        ],
        2,
      ),
      hop,
      as4Path([[2, 4200000000]]),
    ),
    'RFC 6793 §3: no confederation segments in AS4_PATH',
  )
  t.same(
    of(asPath([[3, 70000]])),
    expected(asPath([[3, 23456]], 2), hop),
    'and none at all when there are no others',
  )
  const long = Array.from({ length: 120 }, (_, k) => 70000 + k)
  t.same(
    of(asPath(long)),
    expected(
      asPath(
        long.map(() => 23456),
        2,
      ),
      hop,
      as4Path(long),
    ),
    'lengths cross 255 octets one by one',
  )
})

/** Every prefix a /24 of its own. */
const many = (count: number, text: (a: number, b: number) => string, label = 0) =>
  Array.from({ length: count }, (_, k) => nlri(text(k >>> 8, k & 255), label))

t.test('messages are as full as the length allows, and never longer', async (t) => {
  // biome-ignore format: one row a family and next hop
  const sets: [family: Family, hop: string, text: (a: number, b: number) => string, size: number][] = [
    [IPV4_UNICAST, '192.0.2.1', (a, b) => `10.${a}.${b}.0/24`, 4],
    [IPV4_UNICAST, '2001:db8::9', (a, b) => `10.${a}.${b}.0/24`, 4],
    [IPV6_UNICAST, '2001:db8::9', (a, b) => `2001:db8:${a}:${b}::/64`, 9],
    [VPNV4, '2001:db8::9', (a, b) => `65000:1 10.${a}.${b}.0/24`, 15],
    [VPNV6, `2001:db8::9+${LL}`, (a, b) => `65000:1 2001:db8:${a}:${b}::1/128`, 28],
  ]
  for (const maxLength of [4096, 65535]) {
    for (const [family, hop, text, size] of sets) {
      const list = many(Math.ceil((2.5 * maxLength) / size), text, 0x31)
      const name = `${familySpec(family).name} via ${hop} in ${maxLength}`
      const groups = [
        pack({ ...PLAIN, maxLength }, (p) => reach(p, family, hop, VPN, list)),
        pack({ ...PLAIN, maxLength }, (p) => withdraw(p, family, list)),
      ]
      for (const messages of groups) {
        t.ok(
          messages.every((m) => m.length <= maxLength),
          `${name}: none longer`,
        )
        t.ok(
          messages.slice(0, -1).every((m) => m.length + size > maxLength),
          `${name}: full`,
        )
        const all = list.map(keyText(family)).join('\n')
        t.ok(read(messages, PLAIN).keys.join('\n') === all, `${name}: all, in order`)
        t.equal(messages.length, 3, `${name}: in as few as possible`)
      }
    }
  }
})

t.test('a message exactly full is sent, one octet more is not', async (t) => {
  const one = many(1, (a, b) => `65000:1 10.${a}.${b}.0/24`, 0x31)
  const of = (octets: number) => {
    const attrs = concat(VPN, attr(0xc0, 200, new Uint8Array(octets)))
    let tooLong = 0
    const messages = pack(PLAIN, (p) => {
      reach(p, VPNV4, '2001:db8::9', attrs, one)
      tooLong = p.tooLong
    })
    return { lengths: messages.map((m) => m.length), tooLong }
  }
  const room = 4096 - of(1000).lengths[0]! + 1000
  t.same(of(room), { lengths: [4096], tooLong: 0 })
  t.same(of(room + 1), { lengths: [], tooLong: 1 })
  for (const huge of [4000, 4070, 4096, 9000]) {
    t.same(of(huge), { lengths: [], tooLong: 1 }, `an attribute of ${huge} octets`)
  }
})

t.test(
  'an NLRI that does not fit beside its attributes is skipped, the others are not',
  async (t) => {
    // Room for a default route but not for a host route.
    const attrs = concat(
      origin(0),
      asPath([]),
      attr(0xc0, 200, new Uint8Array(4096 - 23 - 7 - 7 - 4 - 1)),
    )
    let tooLong = 0
    const messages = pack(PLAIN, (p) => {
      reach(p, IPV4_UNICAST, '192.0.2.1', attrs, [nlri('10.2.3.4/32'), nlri('0.0.0.0/0')])
      tooLong = p.tooLong
      reach(p, IPV4_UNICAST, '192.0.2.1', BASIC, V4)
    })
    t.equal(tooLong, 1)
    t.same(read(messages, PLAIN).keys, [nlri('0.0.0.0/0'), ...V4].map(keyText(IPV4_UNICAST)))
    for (const asn4 of [true, false]) {
      const seen = pack({ ...PLAIN, asn4 }, (p) => {
        const huge = concat(BASIC, attr(0xc0, 200, new Uint8Array(65000)))
        reach(p, IPV4_UNICAST, '192.0.2.1', huge, V4)
        reach(p, VPNV4, '2001:db8::9', huge, [nlri('65000:1 10.1.0.0/24')])
        t.equal(p.tooLong, V4.length + 1)
        withdraw(p, IPV4_UNICAST, V4)
      })
      t.equal(seen.length, 1, 'the packer goes on behind an attribute set that fits no message')
    }
  },
)

const keyText =
  (family: Family) =>
  ({ key, bits }: { key: Int32Array; bits: number }) =>
    `${family} ${key.subarray(0, familySpec(family).keyWords).join(',')}/${bits}`

/** What our parser and cursor read in the messages. */
function read(messages: Uint8Array[], options: PackerOptions, widen = false) {
  const view = new UpdateView()
  const cursor = new NlriCursor()
  const session = {
    asn4: options.asn4,
    ebgp: false,
    localAs: 65000,
    addPath: options.addPath,
    families: ALL_FAMILIES,
  }
  const keys: string[] = []
  const events: string[] = []
  for (const bytes of messages) {
    const outcome = parseUpdate(view, bytes, 19, bytes.length, session)
    if (outcome !== Outcome.OK) throw new Error(`outcome ${outcome}: ${toHex(bytes)}`)
    const walk = (at: number, end: number, family: Family, what: string) => {
      const addPath = (options.addPath & (1 << family)) !== 0
      cursor.start(bytes, at, end, family, addPath, what === 'withdraw')
      while (cursor.next()) {
        const text = keyText(family)({ key: cursor.key, bits: cursor.prefixBits })
        keys.push(text)
        events.push(`${what} ${text} ${cursor.label} ${cursor.pathId}`)
      }
    }
    if (view.endOfRib !== 0) events.push(`end ${view.endOfRib}`)
    walk(view.withdrawnAt, view.withdrawnEnd, IPV4_UNICAST, 'withdraw')
    if (view.unreachFamily) walk(view.unreachAt, view.unreachEnd, view.unreachFamily, 'withdraw')
    if (view.nlriAt < view.nlriEnd || view.reachFamily !== 0) {
      const set = attributesOf(view, bytes, widen)
      if (view.reachFamily) walk(view.reachAt, view.reachEnd, view.reachFamily, set)
      walk(view.nlriAt, view.nlriEnd, IPV4_UNICAST, set)
    }
  }
  return { keys, events }
}

/** The attribute set and next hop of a message, as one text. */
function attributesOf(view: UpdateView, bytes: Uint8Array, widen: boolean): string {
  const parts: Uint8Array[] = []
  let hop = bytes.subarray(view.nextHopAt, view.nextHopAt + view.nextHopLen)
  for (let row = 0; row < view.attrCount; row++) {
    const type = view.attrType(row)
    const value = bytes.subarray(view.attrValueAt(row), view.attrEnd(row))
    if (type === Attr.NEXT_HOP) hop = value
    else if (type === Attr.AS_PATH && widen) {
      const path = new Uint8Array(4096)
      parts.push(attr(0x40, Attr.AS_PATH, path.subarray(0, writeExpandedAsPath(view, path, 0))))
    } else if (type !== Attr.MP_REACH_NLRI && type !== Attr.AS4_PATH) {
      parts.push(bytes.subarray(view.attrAt[row]!, view.attrEnd(row)))
    }
  }
  return `${toHex(hop)} ${toHex(concat(...parts))}`
}

const words = (count: number) =>
  fc.array(fc.integer({ min: -0x80000000, max: 0x7fffffff }), {
    minLength: count,
    maxLength: count,
  })

/** NLRI of a family with the bits past the prefix zero, as every key in the tables is. */
const nlriOf = (family: Family): fc.Arbitrary<Nlri> => {
  const { keyWords, addressBytes, hasRd } = familySpec(family)
  return fc
    .record({
      words: words(keyWords),
      bits: fc.nat(8 * addressBytes),
      label: fc.nat(0xffffff),
      pathId: fc.nat(0xffffffff),
    })
    .map(({ words: list, bits, label, pathId }) => {
      const key = Int32Array.from(list, (word, k) => {
        const left = bits - 32 * (k - (hasRd ? 2 : 0))
        if (hasRd && k < 2) return word
        return left <= 0 ? 0 : left >= 32 ? word : word & (-1 << (32 - left))
      })
      return { key, bits, label, pathId }
    })
}

const PACKED = FAMILIES.filter(({ kind }) => kind === 'prefix')

const group = fc.constantFrom(...PACKED.map((f) => f.id)).chain((family) =>
  fc.record({
    family: fc.constant(family),
    kind: fc.constantFrom('reach', 'reach', 'withdraw', 'end'),
    mapped: fc.boolean(),
    list: fc.array(nlriOf(family), { maxLength: 40 }),
    path: fc.array(fc.constantFrom(1, 65000, 65535, 65536, 4200000000), { maxLength: 90 }),
    noise: fc.nat(700),
  }),
)

t.test('what the parser reads is what was packed, at any message length', async (t) => {
  const programs = fc.record({
    groups: fc.array(group, { maxLength: 6 }),
    maxLength: fc.constantFrom(4096, 4096, 65535),
    asn4: fc.boolean(),
    addPath: fc.constantFrom(0, ALL_FAMILIES, 0x08),
  })
  const holds = () =>
    fc.assert(
      fc.property(programs, ({ groups, ...options }) => {
        const expected: string[] = []
        const messages = pack(options, (p) => {
          for (const { family, kind, mapped, list, path, noise } of groups) {
            const hasPath = (options.addPath & (1 << family)) !== 0
            const said = (what: string, label: boolean) => (one: Nlri) =>
              `${what} ${keyText(family)(one)} ${label ? one.label : 0} ${hasPath ? one.pathId : 0}`
            if (kind === 'end') {
              p.endOfRib(family)
              expected.push(`end ${family}`)
            } else if (kind === 'withdraw') {
              withdraw(p, family, list)
              expected.push(...list.map(said('withdraw', false)))
            } else {
              const classic = family === IPV4_UNICAST && !mapped
              const hop = classic ? '192.0.2.1' : '2001:db8::9'
              const attrs = concat(origin(0), asPath(path), attr(0xc0, 200, new Uint8Array(noise)))
              const octets = familySpec(family).hasRd ? vpnNextHop(hop) : address(hop)
              reach(p, family, hop, attrs, list)
              const what = `${toHex(octets)} ${toHex(attrs)}`
              expected.push(...list.map(said(what, familySpec(family).hasLabel)))
            }
          }
        })
        if (messages.some((m) => m.length > options.maxLength)) return false
        return read(messages, options, true).events.join('\n') === expected.join('\n')
      }),
      { seed: 4760, numRuns: 300 },
    )
  t.doesNotThrow(holds)
})

t.test('no garbage: 100,000 messages without one collection', async (t) => {
  let total = 0
  const packer = new UpdatePacker((_buf, at, end) => {
    total += end - at
  })
  const attrs = concat(VPN, asPath([65000, 4200000000]))
  const hop = address('2001:db8::9')
  const v4 = nlri('65000:1 10.1.0.0/24', 0x31)
  const run = (rounds: number, asn4: boolean) => {
    packer.configure({ ...PLAIN, asn4 })
    for (let k = 0; k < rounds; k++) {
      packer.reach(VPNV4, hop, 0, 16, attrs, 0, attrs.length)
      packer.add(v4.key, 0, v4.bits, v4.label, 0)
      packer.withdraw(VPNV4)
      packer.add(v4.key, 0, v4.bits, 0, 0)
      packer.flush()
    }
  }
  run(20000, true)
  run(20000, false)
  const { during, control } = await collectionsDuring(() => {
    run(25000, true)
    run(25000, false)
  })
  t.ok(total > 0)
  t.equal(during, 0)
  t.ok(control > 0, 'collections are seen')
})
