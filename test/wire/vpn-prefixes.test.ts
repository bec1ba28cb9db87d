import t from 'tap'
import { formatKey } from '../../src/wire/address.ts'
import { Family, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import { VpnPrefixes } from '../../src/wire/vpn-prefixes.ts'
import * as b from '../support/builder.ts'
import { concat, hex } from '../support/hex.ts'

const { VPNV4, VPNV6 } = Family
const session: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: 0b11110,
}

const view = new UpdateView()
const reach = new VpnPrefixes()
const unreach = new VpnPrefixes()
view.vpnReach = reach
view.vpnUnreach = unreach

/** label 0x000101, RD 65000:7 */
const FRONT = hex`000101 0000 fde8 00000007`

/** A route of a prefix of ones. */
const ones = (bits: number) =>
  concat(b.u8(88 + bits), FRONT, new Uint8Array((bits + 7) >> 3).fill(0xff))

function message(afi: number, ...nlri: Uint8Array[]): Uint8Array {
  const routes = concat(...nlri)
  const hop = b.vpnNextHop('2001:db8::1')
  return b.update({
    attrs: [
      b.mpReach(afi, 128, hop, routes),
      b.mpUnreach(afi, 128, routes),
      b.origin(0),
      b.asPath([]),
      b.localPref(100),
    ],
  })
}

/** Attributes are followed by other octets, and by the end of the buffer. */
function parse(octets: Uint8Array, changes: Partial<UpdateSession> = {}, behind = 0): void {
  const buf = concat(octets, new Uint8Array(behind).fill(0xff))
  parseUpdate(view, buf, 19, octets.length, { ...session, ...changes })
}

function textOf({ family, keyWords, key, bits, label, count }: VpnPrefixes): string[] {
  return Array.from({ length: count }, (_, row) => {
    const { rd, prefix } = formatKey(family as Family, key, row * keyWords, bits[row]!)
    return `${rd} ${prefix} ${label[row]!.toString(16)}`
  })
}

for (const [family, afi, longest] of [
  [VPNV4, 1, 32],
  [VPNV6, 2, 128],
] as const) {
  const lengths = Array.from({ length: longest + 1 }, (_, bits) => bits)

  t.test(`VpnPrefixes: family ${family}, prefixes of every length, bits past it 0`, async (t) => {
    const want = lengths.map((bits) => '1'.repeat(bits).padEnd(longest, '0'))
    for (const behind of [0, 30]) {
      parse(message(afi, ...lengths.map(ones)), {}, behind)
      for (const rows of [reach, unreach]) {
        t.equal(rows.family, family)
        const words = rows.keyWords
        const got = lengths.map((_, row) => {
          const own = rows.key.subarray(row * words + 2, (row + 1) * words)
          return [...own].map((word) => (word >>> 0).toString(2).padStart(32, '0')).join('')
        })
        t.same(got, want)
        t.same([...rows.bits.subarray(0, rows.count)], lengths)
      }
      t.match(textOf(reach)[8], /^65000:7 (255\.0\.0\.0|ff00::)\/8 101$/)
    }
  })

  t.test(`VpnPrefixes: family ${family}, each length alone at the end of a buffer`, async (t) => {
    for (const bits of lengths) {
      const unreached = b.mpUnreach(afi, 128, ones(bits))
      parse(b.update({ attrs: [unreached] }))
      const own = [...unreach.key.subarray(2, unreach.keyWords)]
      const text = own.map((word) => (word >>> 0).toString(2).padStart(32, '0')).join('')
      t.equal(text, '1'.repeat(bits).padEnd(longest, '0'))
      t.same([unreach.count, unreach.bits[0], unreach.key[1]], [1, bits, 7])
    }
  })

  t.test(`RFC 7606 §5.4: family ${family}, no rows of a field that is no list`, async (t) => {
    const cut = ones(longest).subarray(0, -1)
    const long = concat(b.u8(88 + longest + 1), FRONT, new Uint8Array(17))
    const short = concat(b.u8(87), FRONT.subarray(0, 11))
    for (const bad of [cut, long, short]) {
      for (const behind of [0, 30]) {
        parse(message(afi, ones(8), bad), {}, behind)
        t.equal(view.outcome, Outcome.AFI_SAFI_DISABLE)
        t.same([reach.family, reach.count, unreach.family, unreach.count], [0, 0, 0, 0])
      }
    }
  })

  t.test(`VpnPrefixes: family ${family}, none with path identifiers or label stacks`, async (t) => {
    parse(message(afi, concat(b.u32be(1), ones(8))), { addPath: 1 << family })
    t.equal(view.outcome, Outcome.OK)
    t.same([reach.family, unreach.family], [0, 0])
    parse(message(afi, ones(8)), { multipleLabels: 1 << family })
    t.same([reach.family, unreach.family], [0, family], 'withdrawn routes have no stack')
  })
}

t.test('VpnPrefixes: no row of the message before stays', async (t) => {
  parse(message(1, ones(8)))
  t.same([reach.count, unreach.count], [1, 1])
  parse(b.update())
  t.same([reach.family, reach.count, unreach.family, unreach.count], [0, 0, 0, 0])
})

t.test('VpnPrefixes: as many as the longest attribute has', async (t) => {
  const nlri = concat(...new Array<Uint8Array>(5400).fill(ones(0)))
  parse(b.update({ attrs: [b.mpUnreach(2, 128, nlri)] }))
  t.equal(unreach.count, 5400)
  t.equal(unreach.key[5399 * 6 + 1], 7)
})
