import t from 'tap'
import { UpdateView } from '../../src/wire/index.ts'
import { ALL_FAMILIES, attrName, Outcome } from '../../src/wire/registry.ts'
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
const tunnels = (...tlvs: Uint8Array[]) => b.attr(T, 23, ...tlvs)
const aigp = (...value: Uint8Array[]) => b.attr(O, 26, ...value)

type Row = [
  what: string,
  session: UpdateSession,
  attr: Uint8Array,
  outcome: number,
  subcode: number,
]

// biome-ignore format: one row a case
const VALUES: Row[] = [
  ['§7.1 ORIGIN 0',                      ebgp, b.origin(0), OK, 0],
  ['§7.1 ORIGIN 2',                      ebgp, b.origin(2), OK, 0],
  ['§7.1 ORIGIN undefined',              ebgp, b.origin(3), TREAT_AS_WITHDRAW, 6],
  ['§7.2 AS_PATH with a set',            ebgp, b.asPath([[2, 65001], [1, 1, 2]]), OK, 0],
  ['§7.2 AS_PATH segment type 0',        ebgp, b.asPath([[0, 65001]]), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment type 5',        ebgp, b.asPath([[5, 65001]]), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment overrun',       ebgp, b.attr(W, 2, hex`02 02 00 00 fd e9`), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment underrun',      ebgp, b.attr(W, 2, hex`02 01 00 00 fd e9 02`), TREAT_AS_WITHDRAW, 11],
  ['§7.2 AS_PATH segment of no AS',      ebgp, b.attr(W, 2, hex`02 00`), TREAT_AS_WITHDRAW, 11],
  ['RFC 7607 AS 0 in AS_PATH',           ebgp, b.asPath([65001, 0]), TREAT_AS_WITHDRAW, 11],
  ['RFC 7607 AS 0 in AS_PATH, two octets', old, b.asPath([65001, 0], 2), TREAT_AS_WITHDRAW, 11],
  ['RFC 5065 confederation, eBGP',       ebgp, b.asPath([[3, 65001]]), TREAT_AS_WITHDRAW, 11],
  ['RFC 5065 confederation, iBGP',       ibgp, b.asPath([[3, 65001]]), OK, 0],
  ['§7.3 NEXT_HOP of 16 octets',         ebgp, b.attr(W, 3, HOP6), TREAT_AS_WITHDRAW, 5],
  ['§7.3 NEXT_HOP loopback is policy',   ebgp, b.nextHop('127.0.0.1'), OK, 0],
  ['RFC 4271 §6.3 NEXT_HOP multicast',   ebgp, b.nextHop('224.0.0.1'), TREAT_AS_WITHDRAW, 8],
  ['RFC 4271 §6.3 NEXT_HOP multicast',   ibgp, b.nextHop('239.255.255.255'), TREAT_AS_WITHDRAW, 8],
  ['RFC 4271 §6.3 NEXT_HOP broadcast',   ebgp, b.nextHop('255.255.255.255'), TREAT_AS_WITHDRAW, 8],
  ['§7.3 NEXT_HOP of class E is policy', ebgp, b.nextHop('240.0.0.1'), OK, 0],
  ['§7.3 NEXT_HOP 0.0.0.0 is policy',    ebgp, b.nextHop('0.0.0.0'), OK, 0],
  ['RFC 7607 AS 0 in AGGREGATOR',        ebgp, b.aggregator(0, '192.0.2.1'), ATTRIBUTE_DISCARD, 9],
  ['§5.3 IPv6 prefix of 129 bits',       ebgp, b.mpReach(2, 1, HOP6, b.u8(129, ...HOP6, 0)), AFI_SAFI_DISABLE, 9],
  ['§5.3 last NLRI past the end',        ebgp, b.mpReach(2, 1, HOP6, P6, b.u8(32, 1)), AFI_SAFI_DISABLE, 9],
  ['§5.3 IPv4 prefix of 33 bits in MP',  ebgp, b.mpReach(1, 1, HOP6, b.u8(33, 1, 2, 3, 4, 5)), AFI_SAFI_DISABLE, 9],
  ['§5.3 VPN NLRI without a whole RD',   ebgp, b.mpReach(1, 128, b.vpnNextHop('2001:db8::1'), b.u8(80, ...new Uint8Array(10))), AFI_SAFI_DISABLE, 9],
  ['§5.3 VPNv4 prefix of 33 bits',       ebgp, b.mpReach(1, 128, b.vpnNextHop('2001:db8::1'), b.u8(121, ...new Uint8Array(16))), AFI_SAFI_DISABLE, 9],
  ['§5.3 MP_UNREACH_NLRI bad prefix',    ebgp, b.mpUnreach(2, 1, b.u8(200)), AFI_SAFI_DISABLE, 9],
  ['an address family we do not have',   ebgp, b.mpReach(25, 70, b.u8(1, 2, 3), b.u8(255, 255)), OK, 0],
  ['RFC 6793 AS4_PATH overrun',          old,  b.attr(T, 17, hex`02 02 00 00 fd e9`), ATTRIBUTE_DISCARD, 9],
  ['RFC 7607 AS 0 in AS4_PATH',          old,  b.as4Path([0]), ATTRIBUTE_DISCARD, 9],
  ['RFC 7607 AS 0 in AS4_AGGREGATOR',    old,  b.as4Aggregator(0, '192.0.2.1'), ATTRIBUTE_DISCARD, 9],
  ['RFC 7311 AIGP with another TLV',     ibgp, aigp(hex`09 00 04 00`, hex`01 00 0b 00 00 00 00 00 00 00 05`), OK, 0],
  ['RFC 7311 AIGP TLV of 10',            ibgp, aigp(hex`01 00 0a 00 00 00 00 00 00 05`), ATTRIBUTE_DISCARD, 9],
  ['RFC 7311 AIGP TLV past the end',     ibgp, aigp(hex`01 00 0b 00`), ATTRIBUTE_DISCARD, 9],
  ['RFC 7311 AIGP TLV of length 0',      ibgp, aigp(hex`09 00 00`), ATTRIBUTE_DISCARD, 9],
  ['RFC 9234 OTC of AS 0: no RFC says so', ebgp, b.attr(T, 35, b.u32be(0)), OK, 0],
  ['RFC 6514 §5 PMSI of no tunnel',      ebgp, b.attr(T, 22, hex`00 00 000000`), OK, 0],
  ['RFC 6514 §5 PMSI type undefined',    ebgp, b.attr(T, 22, hex`00 ff 000000`), TREAT_AS_WITHDRAW, 9],
  ['RFC 6514 §5 mLDP FEC element cut',   ebgp, b.attr(T, 22, hex`00 02 000000 06 0001 04 c0000201 0002 01`), TREAT_AS_WITHDRAW, 9],
  ['RFC 9012 §13 tunnel type unknown',   ebgp, tunnels(hex`ffff 000c 06 0a 00000000 0001 c0000201`), OK, 0],
  ['RFC 9012 §3.1 endpoint: the next hop', ebgp, tunnels(hex`0008 0008 06 06 00000000 0000`), OK, 0],
  ['RFC 9012 §3.1 endpoint: IPv6',       ebgp, tunnels(hex`0008 0018 06 16 00000000 0002`, HOP6), OK, 0],
  ['RFC 9012 §3.1 endpoint of a wrong family', ebgp, tunnels(hex`0008 000c 06 0a 00000000 0002 c0000201`), TREAT_AS_WITHDRAW, 9],
  ['RFC 9012 §3.1 endpoint too short',   ebgp, tunnels(hex`0008 000b 06 09 00000000 0001 c00002`), TREAT_AS_WITHDRAW, 9],
  ['RFC 9012 §13 no endpoint',           ebgp, tunnels(hex`0008 000a 04 08 030b 0000 00000064`), TREAT_AS_WITHDRAW, 9],
  ['RFC 9012 §13 two endpoints',         ebgp, tunnels(hex`0008 0010 06 06 00000000 0000 06 06 00000000 0000`), TREAT_AS_WITHDRAW, 9],
  ['RFC 9012 §13 one tunnel of two has its endpoint', ebgp, tunnels(hex`0008 0000`, hex`0008 0008 06 06 00000000 0000`), OK, 0],
  ['RFC 9012 §13 sub-TLV past its tunnel', ebgp, tunnels(hex`0008 0008 06 07 00000000 0000`), TREAT_AS_WITHDRAW, 9],
]

for (const [what, session, attr, outcome, subcode] of VALUES) {
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

t.test('RFC 9012 §6: what needs a tunnel egress endpoint, and what does not', async (t) => {
  const color = tunnels(hex`0008 000a 04 08 030b 0000 00000064`)
  const all = { ...ebgp, families: ALL_FAMILIES }
  const rd = '0000fde800000001'
  for (const [afi, safi, hop, nlri, outcome] of [
    [2, 1, 16, hex`10 2001`, TREAT_AS_WITHDRAW],
    [1, 4, 4, hex`20 000311 0a`, TREAT_AS_WITHDRAW],
    [2, 4, 16, hex`28 000311 2001`, TREAT_AS_WITHDRAW],
    [1, 128, 12, hex`60 000311 ${rd} 0a`, TREAT_AS_WITHDRAW],
    [2, 128, 24, hex`60 000311 ${rd} 20`, TREAT_AS_WITHDRAW],
    [25, 70, 4, hex`03 11 ${rd} 00000000 20 c0000201`, TREAT_AS_WITHDRAW],
    [1, 2, 4, hex`08 0a`, OK],
    [1, 132, 4, hex`00`, OK],
    [1, 73, 4, hex`60 00000001 00000064 c0000201`, OK], // SR Policy (RFC 9830): not one of ours
  ] as const) {
    const reach = b.mpReach(afi, safi, new Uint8Array(hop).fill(1), nlri)
    const view = parse(b.update({ attrs: [color, b.origin(0), asPathOf(all), reach] }), all)
    t.equal(view.outcome, outcome, `${afi}/${safi}: ${reasonText(view.reason)}`)
  }
})

t.test('RFC 4760 §3: a NEXT_HOP beside MP_REACH_NLRI alone says nothing', async (t) => {
  const attrs = [b.mpReach(2, 1, HOP6, P6), b.origin(0), b.asPath([]), b.nextHop('224.0.0.1')]
  t.equal(parse(b.update({ attrs }), ibgp).outcome, OK)
})

t.test('RFC 8669 §6, RFC 9252 §7: Prefix-SID of labeled unicast and of other routes', async (t) => {
  const all = { ...ibgp, families: ALL_FAMILIES }
  const labeled = b.mpReach(1, 4, b.address('192.0.2.1'), hex`30 000311 0a0700`)
  const unicast = b.mpReach(2, 1, HOP6, P6)
  const rest = [b.origin(0), b.asPath([])]
  for (const [what, value, ofLabeled, ofUnicast] of [
    ['Label-Index', b.tlv(1, new Uint8Array(7)), OK, OK],
    ['Label-Index of 6 octets', b.tlv(1, new Uint8Array(6)), ATTRIBUTE_DISCARD, OK],
    ['Originator SRGB of 4 octets', b.tlv(3, new Uint8Array(4)), ATTRIBUTE_DISCARD, OK],
    ['TLV header cut off', hex`01 00`, ATTRIBUTE_DISCARD, TREAT_AS_WITHDRAW],
    ['unknown TLV past the end', hex`63 0009 00`, ATTRIBUTE_DISCARD, TREAT_AS_WITHDRAW],
    ['service past the end', hex`05 0009 00`, TREAT_AS_WITHDRAW, TREAT_AS_WITHDRAW],
    ['service without its reserved octet', b.tlv(6), TREAT_AS_WITHDRAW, TREAT_AS_WITHDRAW],
  ] as const) {
    const attr = b.prefixSid(value)
    for (const attrs of [
      [attr, ...rest, labeled],
      [labeled, ...rest, attr],
    ]) {
      const view = parse(b.update({ attrs }), all)
      t.equal(view.outcome, ofLabeled, `${what}, labeled unicast`)
      t.equal(view.attrDiscard[view.indexOf(40)], ofLabeled === ATTRIBUTE_DISCARD ? 1 : 0)
    }
    t.equal(parse(b.update({ attrs: [unicast, ...rest, attr] }), all).outcome, ofUnicast, what)
    // with routes of both kinds in one message the stronger of the two
    const both = b.update({ attrs: [labeled, ...rest, b.nextHop('192.0.2.1'), attr], nlri: NLRI })
    t.equal(parse(both, all).outcome, ofUnicast, `${what}, both`)
  }
})

t.test('RFC 4271 §6.3: a NOTIFICATION about a missing attribute carries its type', async (t) => {
  const view = parse(b.update({ attrs: [b.origin(0), b.asPath([1])], nlri: NLRI }), ebgp)
  t.same([...errorOf(view).data], [3])
  // only NEXT_HOP belongs to the NLRI field, whatever comes in MP_REACH_NLRI
  const attrs = [b.mpReach(2, 1, HOP6, P6), b.origin(0), b.asPath([1])]
  t.equal(parse(b.update({ attrs, nlri: NLRI }), ebgp).errorAttr, 3)
})

t.test('RFC 7606 §3 g: of an attribute given twice the first counts', async (t) => {
  const view = withAttrs(ebgp, b.med(1), b.communities('65000:1'), b.med(2), b.attr(O, 4, b.u8(9)))
  t.equal(view.outcome, ATTRIBUTE_DISCARD)
  t.equal(view.duplicates, 2)
  t.equal(view.errorAttr, 4)
  const row = view.indexOf(4)
  t.equal(view.attrDiscard[row], 0)
  t.equal(toHex(view.buf.slice(view.attrValueAt(row), view.attrEnd(row))), '00000001')
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
    // the body, and where in it the wrong octets stand
    for (const [body, at, end] of [
      ['', 0, 0],
      ['00', 0, 1],
      ['0000', 0, 2],
      ['000000', 0, 3],
      ['0001 0000', 0, 2],
      ['0000 0001', 2, 4],
      ['ffff 0000', 0, 2],
      ['0000 ffff', 2, 4],
      ['0002 080a 0005 4001', 4, 6],
    ] as const) {
      const octets = concat(new Uint8Array(19), fromHex(body))
      const view = parse(octets, ebgp)
      t.same([view.outcome, view.errorSubcode], [SESSION_RESET, 1], body)
      t.same([view.faultAt, view.faultEnd], [19 + at, 19 + end], `what is wrong in ${body}`)
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
