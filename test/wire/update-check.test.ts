import t from 'tap'
import { UpdateView } from '../../src/wire/index.ts'
import { ATTRS, Attr, attrName, Outcome } from '../../src/wire/registry.ts'
import { errorOf } from '../../src/wire/update-error.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { reasonText } from '../../src/wire/update-reason.ts'
import type { UpdateSession } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat, fromHex, hex, toHex } from '../support/hex.ts'

const ALL = 0b11110
const ebgp: UpdateSession = { asn4: true, ebgp: true, localAs: 65000, addPath: 0, families: ALL }
const ibgp: UpdateSession = { ...ebgp, ebgp: false }
const old: UpdateSession = { ...ebgp, asn4: false }
const { OK, ATTRIBUTE_DISCARD, TREAT_AS_WITHDRAW, AFI_SAFI_DISABLE, SESSION_RESET } = Outcome

function parse(octets: Uint8Array, session: UpdateSession): UpdateView {
  const view = new UpdateView()
  parseUpdate(view, octets, 19, octets.length, session)
  return view
}

const NLRI = [b.prefix('10.1.0.0/16')]
const asPathOf = (session: UpdateSession) => b.asPath([65001], session.asn4 ? 4 : 2)

/** ORIGIN, AS_PATH and NEXT_HOP, those left out whose type `instead` brings. */
function base(session: UpdateSession, instead: Uint8Array[]): Uint8Array[] {
  const types = new Set(instead.map((attr) => attr[1]))
  return [b.origin(0), asPathOf(session), b.nextHop('192.0.2.1')].filter(
    (attr) => !types.has(attr[1]),
  )
}

function withAttrs(session: UpdateSession, ...attrs: Uint8Array[]): UpdateView {
  return parse(b.update({ attrs: [...base(session, attrs), ...attrs], nlri: NLRI }), session)
}

const W = 0x40 // well-known
const O = 0x80 // optional
const T = 0xc0 // optional transitive
const P6 = b.prefix('2001:db8::/32')
const HOP6 = b.address('2001:db8::1')
const SID = b.prefixSid(b.l3Service(b.sidInformation('2001:db8:9::', 19)))
const aigp = (...value: Uint8Array[]) => b.attr(O, 26, ...value)

type Row = [
  what: string,
  session: UpdateSession,
  attr: Uint8Array,
  outcome: number,
  subcode: number,
]

// biome-ignore format: one row a case
const MATRIX: Row[] = [
  ['§7.1 ORIGIN 0',                      ebgp, b.origin(0), OK, 0],
  ['§7.1 ORIGIN 2',                      ebgp, b.origin(2), OK, 0],
  ['§7.1 ORIGIN undefined',              ebgp, b.origin(3), TREAT_AS_WITHDRAW, 6],
  ['§7.1 ORIGIN empty',                  ebgp, b.attr(W, 1), TREAT_AS_WITHDRAW, 5],
  ['§7.1 ORIGIN of two octets',          ebgp, b.attr(W, 1, b.u8(0, 0)), TREAT_AS_WITHDRAW, 5],
  ['§7.2 AS_PATH empty',                 ibgp, b.asPath([]), OK, 0],
  ['§7.2 AS_PATH with a set',            ebgp, b.asPath([[2, 65001], [1, 1, 2]]), OK, 0],
  ['§7.2 AS_PATH segment type 0',        ebgp, b.asPath([[0, 65001]]), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment type 5',        ebgp, b.asPath([[5, 65001]]), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment overrun',       ebgp, b.attr(W, 2, hex`02 02 00 00 fd e9`), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment underrun',      ebgp, b.attr(W, 2, hex`02 01 00 00 fd e9 02`), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment of no AS',      ebgp, b.attr(W, 2, hex`02 00`), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH of two octets read as four', ebgp, b.asPath([65001, 65002, 65003], 2), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH of two octets',         old,  b.asPath([65001, 65002], 2), OK, 0],
  ['RFC 7607 AS 0 in AS_PATH',           ebgp, b.asPath([65001, 0]), TREAT_AS_WITHDRAW, 11],
  ['RFC 7607 AS 0 in AS_PATH, two octets', old, b.asPath([65001, 0], 2), TREAT_AS_WITHDRAW, 11],
  ['RFC 5065 confederation, eBGP',       ebgp, b.asPath([[3, 65001]]), TREAT_AS_WITHDRAW, 11],
  ['RFC 5065 confederation, iBGP',       ibgp, b.asPath([[3, 65001]]), OK, 0],
  ['§7.3 NEXT_HOP of three octets',      ebgp, b.attr(W, 3, b.u8(1, 2, 3)), TREAT_AS_WITHDRAW, 5],
  ['§7.3 NEXT_HOP of 16 octets',         ebgp, b.attr(W, 3, HOP6), TREAT_AS_WITHDRAW, 5],
  ['§7.3 NEXT_HOP loopback is policy',   ebgp, b.nextHop('127.0.0.1'), OK, 0],
  ['§7.3 NEXT_HOP 0.0.0.0 is policy',    ebgp, b.nextHop('0.0.0.0'), OK, 0],
  ['§7.4 MED',                           ebgp, b.med(5), OK, 0],
  ['§7.4 MED of two octets',             ebgp, b.attr(O, 4, b.u16be(5)), TREAT_AS_WITHDRAW, 5],
  ['§7.4 MED empty',                     ebgp, b.attr(O, 4), TREAT_AS_WITHDRAW, 5],
  ['§7.5 LOCAL_PREF, iBGP',              ibgp, b.localPref(100), OK, 0],
  ['§7.5 LOCAL_PREF, eBGP',              ebgp, b.localPref(100), ATTRIBUTE_DISCARD, 9],
  ['§7.5 LOCAL_PREF malformed, iBGP',    ibgp, b.attr(W, 5, b.u8(1)), TREAT_AS_WITHDRAW, 5],
  ['§7.5 LOCAL_PREF malformed, eBGP',    ebgp, b.attr(W, 5, b.u8(1)), ATTRIBUTE_DISCARD, 9],
  ['§7.6 ATOMIC_AGGREGATE',              ebgp, b.atomicAggregate(), OK, 0],
  ['§7.6 ATOMIC_AGGREGATE of one octet', ebgp, b.attr(W, 6, b.u8(0)), ATTRIBUTE_DISCARD, 5],
  ['§7.7 AGGREGATOR',                    ebgp, b.aggregator(65001, '192.0.2.1'), OK, 0],
  ['§7.7 AGGREGATOR of 6, asn4',         ebgp, b.aggregator(65001, '192.0.2.1', 2), ATTRIBUTE_DISCARD, 5],
  ['§7.7 AGGREGATOR of 7',               ebgp, b.attr(T, 7, b.u8(1, 2, 3, 4, 5, 6, 7)), ATTRIBUTE_DISCARD, 5],
  ['§7.7 AGGREGATOR of 6, no asn4',      old,  b.aggregator(65001, '192.0.2.1', 2), OK, 0],
  ['§7.7 AGGREGATOR of 8, no asn4',      old,  b.aggregator(65001, '192.0.2.1'), ATTRIBUTE_DISCARD, 5],
  ['RFC 7607 AS 0 in AGGREGATOR',        ebgp, b.aggregator(0, '192.0.2.1'), ATTRIBUTE_DISCARD, 9],
  ['§7.8 COMMUNITIES',                   ebgp, b.communities('65000:1', '65000:2'), OK, 0],
  ['§7.8 COMMUNITIES of 6',              ebgp, b.attr(T, 8, b.u8(1, 2, 3, 4, 5, 6)), TREAT_AS_WITHDRAW, 5],
  ['§7.8 COMMUNITIES empty',             ebgp, b.attr(T, 8), TREAT_AS_WITHDRAW, 5],
  ['§7.9 ORIGINATOR_ID, iBGP',           ibgp, b.originatorId('192.0.2.7'), OK, 0],
  ['§7.9 ORIGINATOR_ID of 5, iBGP',      ibgp, b.attr(O, 9, b.u8(1, 2, 3, 4, 5)), TREAT_AS_WITHDRAW, 5],
  ['§7.9 ORIGINATOR_ID, eBGP',           ebgp, b.originatorId('192.0.2.7'), ATTRIBUTE_DISCARD, 9],
  ['§7.10 CLUSTER_LIST, iBGP',           ibgp, b.clusterList('192.0.2.7', '192.0.2.8'), OK, 0],
  ['§7.10 CLUSTER_LIST of 6, iBGP',      ibgp, b.attr(O, 10, b.u8(1, 2, 3, 4, 5, 6)), TREAT_AS_WITHDRAW, 5],
  ['§7.10 CLUSTER_LIST empty, iBGP',     ibgp, b.attr(O, 10), TREAT_AS_WITHDRAW, 5],
  ['§7.10 CLUSTER_LIST, eBGP',           ebgp, b.clusterList('192.0.2.7'), ATTRIBUTE_DISCARD, 9],
  ['§7.11 MP_REACH_NLRI',                ebgp, b.mpReach(2, 1, HOP6, P6), OK, 0],
  ['§7.11 next hop of 15 octets',        ebgp, b.mpReach(2, 1, HOP6.subarray(1), P6), AFI_SAFI_DISABLE, 9],
  ['§7.11 next hop past the end',        ebgp, b.attr(O, 14, hex`00 02 01 20`, HOP6), AFI_SAFI_DISABLE, 9],
  ['§5.3 MP_REACH_NLRI of 4 octets',     ebgp, b.attr(O, 14, hex`00 02 01 00`), SESSION_RESET, 5],
  ['§5.3 MP_REACH_NLRI empty',           ebgp, b.attr(O, 14), SESSION_RESET, 5],
  ['§5.3 MP_REACH_NLRI flags',           ebgp, b.attr(T, 14, hex`00 02 01 10`, HOP6, b.u8(0), P6), SESSION_RESET, 4],
  ['§5.3 IPv6 prefix of 129 bits',       ebgp, b.mpReach(2, 1, HOP6, b.u8(129, ...HOP6, 0)), AFI_SAFI_DISABLE, 9],
  ['§5.3 last NLRI past the end',        ebgp, b.mpReach(2, 1, HOP6, P6, b.u8(32, 1)), AFI_SAFI_DISABLE, 9],
  ['§5.3 IPv4 prefix of 33 bits in MP',  ebgp, b.mpReach(1, 1, HOP6, b.u8(33, 1, 2, 3, 4, 5)), AFI_SAFI_DISABLE, 9],
  ['§5.3 VPN NLRI without a whole RD',   ebgp, b.mpReach(1, 128, b.vpnNextHop('2001:db8::1'), b.u8(80, ...new Uint8Array(10))), AFI_SAFI_DISABLE, 9],
  ['§5.3 VPNv4 prefix of 33 bits',       ebgp, b.mpReach(1, 128, b.vpnNextHop('2001:db8::1'), b.u8(121, ...new Uint8Array(16))), AFI_SAFI_DISABLE, 9],
  ['§5.3 MP_UNREACH_NLRI of 2 octets',   ebgp, b.attr(O, 15, hex`00 02`), SESSION_RESET, 5],
  ['§5.3 MP_UNREACH_NLRI flags',         ebgp, b.attr(W, 15, hex`00 02 01`), SESSION_RESET, 4],
  ['§5.3 MP_UNREACH_NLRI bad prefix',    ebgp, b.mpUnreach(2, 1, b.u8(200)), AFI_SAFI_DISABLE, 9],
  ['an address family we do not have',   ebgp, b.mpReach(25, 70, b.u8(1, 2, 3), b.u8(255, 255)), OK, 0],
  ['§7.14 EXTENDED_COMMUNITIES',         ebgp, b.routeTargets('65000:10'), OK, 0],
  ['§7.14 EXTENDED_COMMUNITIES of 12',   ebgp, b.attr(T, 16, new Uint8Array(12)), TREAT_AS_WITHDRAW, 5],
  ['§7.14 EXTENDED_COMMUNITIES empty',   ebgp, b.attr(T, 16), TREAT_AS_WITHDRAW, 5],
  ['RFC 6793 AS4_PATH',                  old,  b.as4Path([400000]), OK, 0],
  ['RFC 6793 AS4_PATH from asn4',        ebgp, b.as4Path([400000]), ATTRIBUTE_DISCARD, 9],
  ['RFC 6793 AS4_PATH overrun',          old,  b.attr(T, 17, hex`02 02 00 00 fd e9`), ATTRIBUTE_DISCARD, 9],
  ['RFC 6793 AS4_PATH empty',            old,  b.attr(T, 17), ATTRIBUTE_DISCARD, 5],
  ['RFC 7607 AS 0 in AS4_PATH',          old,  b.as4Path([0]), ATTRIBUTE_DISCARD, 9],
  ['RFC 6793 AS4_AGGREGATOR',            old,  b.as4Aggregator(400000, '192.0.2.1'), OK, 0],
  ['RFC 6793 AS4_AGGREGATOR from asn4',  ebgp, b.as4Aggregator(400000, '192.0.2.1'), ATTRIBUTE_DISCARD, 9],
  ['RFC 6793 AS4_AGGREGATOR of 6',       old,  b.attr(T, 18, new Uint8Array(6)), ATTRIBUTE_DISCARD, 5],
  ['RFC 7607 AS 0 in AS4_AGGREGATOR',    old,  b.as4Aggregator(0, '192.0.2.1'), ATTRIBUTE_DISCARD, 9],
  ['§7.15 IPv6 extended community',      ebgp, b.attr(T, 25, new Uint8Array(20)), OK, 0],
  ['§7.15 IPv6 extended community of 16', ebgp, b.attr(T, 25, new Uint8Array(16)), TREAT_AS_WITHDRAW, 5],
  ['RFC 7311 AIGP',                      ibgp, aigp(hex`01 00 0b 00 00 00 00 00 00 00 05`), OK, 0],
  ['RFC 7311 AIGP with another TLV',     ibgp, aigp(hex`09 00 04 00`, hex`01 00 0b 00 00 00 00 00 00 00 05`), OK, 0],
  ['RFC 7311 AIGP TLV of 10',            ibgp, aigp(hex`01 00 0a 00 00 00 00 00 00 05`), ATTRIBUTE_DISCARD, 9],
  ['RFC 7311 AIGP TLV past the end',     ibgp, aigp(hex`01 00 0b 00`), ATTRIBUTE_DISCARD, 9],
  ['RFC 7311 AIGP TLV of length 0',      ibgp, aigp(hex`09 00 00`), ATTRIBUTE_DISCARD, 9],
  ['RFC 7311 AIGP empty',                ibgp, aigp(), ATTRIBUTE_DISCARD, 5],
  ['RFC 7311 AIGP transitive',           ibgp, b.attr(T, 26, hex`01 00 0b 00 00 00 00 00 00 00 05`), ATTRIBUTE_DISCARD, 4],
  ['RFC 7311 AIGP, eBGP',                ebgp, aigp(hex`01 00 0b 00 00 00 00 00 00 00 05`), ATTRIBUTE_DISCARD, 9],
  ['RFC 8092 LARGE_COMMUNITY',           ebgp, b.largeCommunities('1:2:3', '4:5:6'), OK, 0],
  ['RFC 8092 LARGE_COMMUNITY of 16',     ebgp, b.attr(T, 32, new Uint8Array(16)), TREAT_AS_WITHDRAW, 5],
  ['RFC 8092 LARGE_COMMUNITY empty',     ebgp, b.attr(T, 32), TREAT_AS_WITHDRAW, 5],
  ['RFC 9234 ONLY_TO_CUSTOMER',          ebgp, b.attr(T, 35, b.u32be(65001)), OK, 0],
  ['RFC 9234 ONLY_TO_CUSTOMER of 5',     ebgp, b.attr(T, 35, new Uint8Array(5)), TREAT_AS_WITHDRAW, 5],
  ['RFC 9252 PREFIX_SID',                ebgp, SID, OK, 0],
  ['RFC 9252 §7 PREFIX_SID cut off',     ebgp, b.attr(T, 40, SID.subarray(3, SID.length - 1)), TREAT_AS_WITHDRAW, 9],
  ['RFC 9252 §7 PREFIX_SID empty',       ebgp, b.attr(T, 40), TREAT_AS_WITHDRAW, 9],
  ['unknown, optional transitive',       ebgp, b.attr(T, 200, b.u8(1)), OK, 0],
  ['unknown, optional non-transitive',   ebgp, b.attr(O, 200), OK, 0],
  ['RFC 4271 §6.3 unknown, well-known',  ebgp, b.attr(W, 200, b.u8(1)), SESSION_RESET, 2],
  ['RFC 4271 §6.3 unknown, no flags',    ebgp, b.attr(0, 200, b.u8(1)), SESSION_RESET, 2],
]

for (const [what, session, attr, outcome, subcode] of MATRIX) {
  t.test(`RFC 7606 ${what}`, async (t) => {
    const view = withAttrs(session, attr)
    t.equal(view.outcome, outcome, reasonText(view.reason))
    t.equal(view.errorSubcode, subcode)
    if (outcome === OK) return
    t.equal(view.errorAttr, attr[1])
    t.equal(toHex(view.buf.slice(view.errorAt, view.errorEnd)), toHex(attr))
    if (outcome !== SESSION_RESET) {
      const discarded = view.attrDiscard[view.indexOf(attr[1]!)]
      t.equal(discarded, outcome === ATTRIBUTE_DISCARD ? 1 : 0)
    }
  })
}

t.test(
  'RFC 7606 §3 c: the Optional and Transitive bits of each attribute, Partial aside',
  async (t) => {
    const values: Partial<Record<keyof typeof Attr, Uint8Array>> = {
      ORIGIN: b.u8(0),
      AS_PATH: b.asPathValue([65001]),
      ATOMIC_AGGREGATE: b.u8(),
      AGGREGATOR: b.aggregator(65001, '192.0.2.1').subarray(3),
      MP_REACH_NLRI: b.mpReach(2, 1, HOP6, P6).subarray(3),
      MP_UNREACH_NLRI: b.mpUnreach(2, 1, P6).subarray(3),
      EXTENDED_COMMUNITIES: b.routeTarget('65000:10'),
      PMSI_TUNNEL: hex`00 06 00 00 00 c0 00 02 01`,
      TUNNEL_ENCAPSULATION: hex`00 08 00 08 06 06 00 00 00 00 00 00`,
      IPV6_EXTENDED_COMMUNITIES: new Uint8Array(20),
      AIGP: hex`01 00 0b 00 00 00 00 00 00 00 05`,
      LARGE_COMMUNITY: b.u32be(1, 2, 3),
      AS4_PATH: b.asPathValue([65001]),
      AS4_AGGREGATOR: b.as4Aggregator(65001, '192.0.2.1').subarray(3),
      PREFIX_SID: SID.subarray(3),
    }
    for (const [name, type] of Object.entries(Attr) as [keyof typeof Attr, number][]) {
      const row = ATTRS[name]
      const value = values[name] ?? b.u8(192, 0, 2, 1)
      const session = name.startsWith('AS4') ? { ...old, ebgp: false } : ibgp
      for (const flags of [0x00, 0x40, 0x80, 0xc0]) {
        const right = flags === row.flags
        for (const low of [0x00, 0x20, 0x0f]) {
          const view = withAttrs(session, b.attr(flags | low, type, value))
          const want = right
            ? OK
            : name === 'AIGP' && flags !== 0xc0
              ? TREAT_AS_WITHDRAW
              : row.badFlags
          t.equal(view.outcome, want, `${name} flags ${(flags | low).toString(16)}`)
          if (!right) t.equal(view.errorSubcode, 4)
        }
      }
    }
  },
)

t.test('RFC 7606 §3 d: a mandatory attribute is missing', async (t) => {
  const all = [b.origin(0), b.asPath([65001]), b.nextHop('192.0.2.1')]
  for (const type of [1, 2, 3]) {
    const attrs = all.filter((attr) => attr[1] !== type)
    const view = parse(b.update({ attrs, nlri: NLRI }), ebgp)
    t.same([view.outcome, view.errorSubcode, view.errorAttr], [TREAT_AS_WITHDRAW, 3, type])
    t.same([...errorOf(view).data], [type])
  }
  const reach = b.mpReach(2, 1, HOP6, P6)
  t.equal(parse(b.update({ attrs: [reach, all[0]!, all[1]!] }), ebgp).outcome, OK)
  t.equal(parse(b.update({ attrs: [reach, all[0]!] }), ebgp).errorAttr, 2)
  t.equal(parse(b.update({ attrs: [reach, all[1]!] }), ebgp).errorAttr, 1)
  // only NEXT_HOP belongs to the classic NLRI, and withdrawn routes need nothing
  t.equal(parse(b.update({ attrs: [reach, ...all.slice(0, 2)], nlri: NLRI }), ebgp).errorAttr, 3)
  t.equal(parse(b.update({ withdrawn: NLRI }), ebgp).outcome, OK)
  t.equal(parse(b.update({ attrs: [b.mpUnreach(2, 1, P6)] }), ebgp).outcome, OK)
})

t.test('RFC 7606 §3 g: of an attribute given twice the first counts', async (t) => {
  const view = withAttrs(ebgp, b.med(1), b.communities('65000:1'), b.med(2), b.attr(O, 4, b.u8(9)))
  t.equal(view.outcome, ATTRIBUTE_DISCARD)
  t.equal(view.duplicates, 2)
  t.equal(view.errorAttr, 4)
  const row = view.indexOf(4)
  t.equal(view.attrDiscard[row], 0)
  t.equal(toHex(view.buf.slice(view.attrValueAt[row], view.attrEnd[row])), '00000001')
  t.equal(view.attrCount, 5)
  const unknown = withAttrs(ebgp, b.attr(T, 200, b.u8(1)), b.attr(T, 200, b.u8(2)))
  t.same([unknown.outcome, unknown.duplicates], [ATTRIBUTE_DISCARD, 1])
})

t.test(
  'RFC 7606 §3 g: MP_REACH_NLRI or MP_UNREACH_NLRI twice ends the session with 3/1',
  async (t) => {
    const reach = b.mpReach(2, 1, HOP6, P6)
    const unreach = b.mpUnreach(2, 1, P6)
    for (const attr of [reach, unreach]) {
      const view = withAttrs(ebgp, attr, attr)
      t.same([view.outcome, view.errorSubcode], [SESSION_RESET, 1])
    }
    t.equal(withAttrs(ebgp, unreach, reach).outcome, OK)
  },
)

t.test('RFC 7606 §3 h: of several errors the strongest counts, of equals the first', async (t) => {
  const view = withAttrs(ebgp, b.localPref(1), b.attr(T, 16), b.attr(T, 8))
  t.same([view.outcome, view.errorAttr], [TREAT_AS_WITHDRAW, 16])
  t.equal(view.attrDiscard[view.indexOf(5)], 1)
  const both = withAttrs(ebgp, b.attr(T, 16), b.mpReach(2, 1, HOP6, b.u8(129)))
  t.same([both.outcome, both.errorAttr, both.treatAsWithdraw], [AFI_SAFI_DISABLE, 14, true])
  const one = withAttrs(ebgp, b.mpReach(2, 1, HOP6, b.u8(129)))
  t.equal(one.treatAsWithdraw, false)
})

t.test(
  'RFC 7606 §4: attributes that break off: the routes are withdrawn, the rest is found',
  async (t) => {
    const attrs = (tail: Uint8Array) => [...base(ebgp, []), tail]
    for (const [what, tail, subcode] of [
      ['one octet left', hex`c0`, 1],
      ['two octets left', hex`c0 08`, 1],
      ['extended length cut', hex`d0 08 00`, 1],
      ['length past the end', hex`c0 08 05 00 00 00 00`, 5],
      ['extended length past the end', hex`d0 08 00 05 00 00 00 00`, 5],
    ] as const) {
      const view = parse(b.update({ attrs: attrs(tail), nlri: NLRI }), ebgp)
      t.same([view.outcome, view.errorSubcode], [TREAT_AS_WITHDRAW, subcode], what)
      t.equal(view.nlriEnd - view.nlriAt, 3, 'the NLRI field is where the total length says')
    }
  },
)

t.test(
  'RFC 7606 §3 j: an MP attribute that breaks off takes routes with it: session reset',
  async (t) => {
    for (const type of [14, 15]) {
      const tail = b.u8(O, type, 40, 0, 2, 1)
      const view = parse(b.update({ attrs: [...base(ebgp, []), tail], nlri: NLRI }), ebgp)
      t.same([view.outcome, view.errorSubcode], [SESSION_RESET, 5])
    }
  },
)

t.test(
  'RFC 7606 §5.2: an attribute error in a message without reachable NLRI ends the session',
  async (t) => {
    const bad = b.attr(T, 8)
    const { outcome, reason } = parse(b.update({ attrs: [b.origin(0), bad] }), ebgp)
    t.same(
      [outcome, reasonText(reason)],
      [SESSION_RESET, 'attribute error in a message without reachable NLRI'],
    )
    const withdrawing = { withdrawn: NLRI, attrs: [bad] }
    t.equal(parse(b.update(withdrawing), ebgp).outcome, SESSION_RESET)
    const unreach = b.mpUnreach(2, 1, P6)
    t.equal(parse(b.update({ attrs: [unreach, bad] }), ebgp).outcome, SESSION_RESET)
    // attribute discard is not strong enough, and a family we do not read has reachable NLRI too
    t.equal(parse(b.update({ attrs: [b.localPref(1)] }), ebgp).outcome, ATTRIBUTE_DISCARD)
    const foreign = b.mpReach(25, 70, b.u8(0), b.u8(1))
    const attrs = [foreign, b.origin(0), b.asPath([1]), bad]
    t.equal(parse(b.update({ attrs }), ebgp).outcome, TREAT_AS_WITHDRAW)
  },
)

t.test(
  'RFC 7606 §5.3, §3 i: classic NLRI that are no list of prefixes end the session with 3/10',
  async (t) => {
    const attrs = base(ebgp, [])
    for (const bad of [b.u8(33, 1, 2, 3, 4, 5), b.u8(24, 10, 1), b.u8(8, 10, 255)]) {
      for (const parts of [{ attrs, nlri: [bad] }, { withdrawn: [bad] }]) {
        const view = parse(b.update(parts), ebgp)
        t.same([view.outcome, view.errorSubcode], [SESSION_RESET, 10])
        t.equal(errorOf(view).data.length, 0)
      }
    }
  },
)

t.test(
  'RFC 4271 §6.3: lengths that do not fit into the message end the session with 3/1',
  async (t) => {
    for (const body of [
      '',
      '00',
      '0000',
      '000000',
      '0001 0000',
      '0000 0001',
      'ffff 0000',
      '0000 ffff',
    ]) {
      const octets = concat(new Uint8Array(19), fromHex(body))
      const view = parse(octets, ebgp)
      t.same([view.outcome, view.errorSubcode], [SESSION_RESET, 1], body)
      t.equal(errorOf(view).data.length, 0)
    }
  },
)

t.test('the NOTIFICATION of a session reset carries the attribute', async (t) => {
  const attr = b.attr(T, 14, hex`00 02 01 10`, HOP6, b.u8(0), P6)
  const error = errorOf(withAttrs(ebgp, attr))
  t.same([error.code, error.subcode, toHex(error.data)], [3, 4, toHex(attr)])
  t.equal(
    error.describe(),
    'UPDATE Message Error/Attribute Flags Error: MP_REACH_NLRI flags 0xc0, expected 0x80 (3/4)',
  )
  const unknown = errorOf(withAttrs(ebgp, b.attr(W, 200, b.u8(1))))
  t.equal(toHex(unknown.data), '40c80101')
  t.match(unknown.message, attrName(200))
  const long = errorOf(withAttrs({ ...ebgp }, b.attr(W, 200, new Uint8Array(5000))))
  t.equal(long.data.length, 4096 - 21, 'no more than a NOTIFICATION takes')
})
