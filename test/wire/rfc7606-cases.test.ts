/**
 * The 88 behaviours that FRR's topotests bgp_rfc7606_treat_as_withdraw, _attr_discard and
 * _session_reset look at, with octets of our own and the verdict the RFCs give; what FRR's tests
 * want beside it. docs/rfc7606.md explains the rows where the two differ.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { reasonText } from '../../src/wire/update-reason.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat, hex } from '../support/hex.ts'

const ebgp: UpdateSession = {
  asn4: true,
  ebgp: true,
  localAs: 65000,
  addPath: 0,
  families: 0b111_1111_1110,
}
const ibgp: UpdateSession = { ...ebgp, ebgp: false }

/**
 * O accepted, D attribute discard, W treat as withdraw, F AFI/SAFI disable, R session reset; with
 * the subcode of code 3 where there is one. Two, of eBGP and iBGP, where they are not the same.
 */
type Verdicts = string

/** What is wrong, the attribute, the RFC's verdict and its place, what FRR's tests want ('-': no test). */
type Case = [what: string, attr: Uint8Array, rfc: Verdicts, cite: string, frr: Verdicts]

const W = 0x40 // well-known
const O = 0x80 // optional
const T = 0xc0 // optional transitive
const HOP6 = b.address('2001:db8::1')
const P6 = b.prefix('2001:db8:7::/48')
const { attr } = b

// biome-ignore format: one row a case
const WITHDRAWN: Case[] = [
  ['ORIGIN marked optional',                 attr(T, 1, hex`00`),                     'W4', 'RFC 7606 §3 c', 'W'],
  ['ORIGIN marked partial',                  attr(0x60, 1, hex`00`),                  'O', 'RFC 7606 §3 c', 'W'],
  ['ORIGIN empty',                           attr(W, 1),                              'W5', 'RFC 7606 §7.1', 'W'],
  ['ORIGIN of two octets',                   attr(W, 1, hex`01 00`),                  'W5', 'RFC 7606 §7.1', 'W'],
  ['ORIGIN 3',                               attr(W, 1, hex`03`),                     'W6', 'RFC 7606 §7.1', 'W'],
  ['ORIGIN 4',                               attr(W, 1, hex`04`),                     'W6', 'RFC 7606 §7.1', 'W'],
  ['ORIGIN 255',                             attr(W, 1, hex`ff`),                     'W6', 'RFC 7606 §7.1', 'W'],
  ['AS_PATH marked optional',                attr(T, 2, hex`02 01 0000fdea`),         'W4', 'RFC 7606 §3 c', 'W'],
  ['AS_PATH marked partial',                 attr(0x60, 2, hex`02 01 0000fdea`),      'O', 'RFC 7606 §3 c', 'W'],
  ['AS_PATH segment of type 0',              attr(W, 2, hex`00 01 0000fdea`),         'W11', 'RFC 7606 §7.2', 'W'],
  ['AS_PATH segment of type 5',              attr(W, 2, hex`05 01 0000fdea`),         'W11', 'RFC 7606 §7.2', 'W'],
  ['AS_PATH segment without an AS',          attr(W, 2, hex`02 01 0000fdea 01 00`),   'W11', 'RFC 7606 §7.2', 'W'],
  ['AS_PATH segment past the end',           attr(W, 2, hex`02 03 0000fdea`),         'W11', 'RFC 7606 §7.2', 'W'],
  ['AS_PATH with AS 0',                      attr(W, 2, hex`02 02 0000fdea 00000000`), 'W11', 'RFC 7607 §2', 'W'],
  ['NEXT_HOP 0.0.0.0',                       b.nextHop('0.0.0.0'),                    'O', 'RFC 7606 §7.3', 'W'],
  ['NEXT_HOP of 127/8',                      b.nextHop('127.0.0.5'),                  'O', 'RFC 7606 §7.3', 'W'],
  ['NEXT_HOP multicast',                     b.nextHop('232.1.1.1'),                  'W8', 'RFC 4271 §6.3, RFC 7606 §3 e', 'W'],
  ['MULTI_EXIT_DISC marked transitive',      attr(T, 4, b.u32be(7)),                  'W4', 'RFC 7606 §3 c', 'W'],
  ['MULTI_EXIT_DISC of 3 octets',            attr(O, 4, hex`00 00 07`),               'W5', 'RFC 7606 §7.4', 'W'],
  ['MULTI_EXIT_DISC of 5 octets',            attr(O, 4, hex`00 00 00 00 07`),         'W5', 'RFC 7606 §7.4', 'W'],
  ['MULTI_EXIT_DISC empty',                  attr(O, 4),                              'W5', 'RFC 7606 §7.4', 'W'],
  ['LOCAL_PREF of 3 octets',                 attr(W, 5, hex`00 00 96`),               'D9 W5', 'RFC 7606 §7.5', '- W'],
  ['LOCAL_PREF of 5 octets',                 attr(W, 5, hex`00 00 00 00 96`),         'D9 W5', 'RFC 7606 §7.5', '- W'],
  ['LOCAL_PREF empty',                       attr(W, 5),                              'D9 W5', 'RFC 7606 §7.5', '- W'],
  ['LOCAL_PREF marked optional',             attr(T, 5, b.u32be(150)),                'D9 W4', 'RFC 7606 §7.5, §3 c', '- W'],
  ['COMMUNITIES not transitive',             attr(O, 8, b.u16be(65000, 7)),           'W4', 'RFC 7606 §3 c', 'W'],
  ['COMMUNITIES empty',                      attr(T, 8),                              'W5', 'RFC 7606 §7.8', 'W'],
  ['COMMUNITIES of 5 octets',                attr(T, 8, b.u16be(65000, 7), hex`01`),  'W5', 'RFC 7606 §7.8', 'W'],
  ['ORIGINATOR_ID of 3 octets, internal',    attr(O, 9, hex`c0 00 02`),               'D9 W5', 'RFC 7606 §7.9', 'D W'],
  ['ORIGINATOR_ID of 5 octets, internal',    attr(O, 9, hex`c0 00 02 07 00`),         'D9 W5', 'RFC 7606 §7.9', 'D W'],
  ['ORIGINATOR_ID marked transitive',        attr(T, 9, b.address('192.0.2.7')),      'D9 W4', 'RFC 7606 §7.9, §3 c', 'W'],
  ['CLUSTER_LIST empty, internal',           attr(O, 10),                             'D9 W5', 'RFC 7606 §7.10', 'D W'],
  ['CLUSTER_LIST of 5 octets, internal',     attr(O, 10, hex`c0 00 02 07 00`),        'D9 W5', 'RFC 7606 §7.10', 'D W'],
  ['CLUSTER_LIST marked transitive',         attr(T, 10, b.address('192.0.2.7')),     'D9 W4', 'RFC 7606 §7.10, §3 c', 'W'],
  ['EXTENDED_COMMUNITIES not transitive',    attr(O, 16, b.routeTarget('65000:7')),   'W4', 'RFC 7606 §3 c', 'W'],
  ['EXTENDED_COMMUNITIES empty',             attr(T, 16),                             'W5', 'RFC 7606 §7.14', 'W'],
  ['EXTENDED_COMMUNITIES of 9 octets',       attr(T, 16, b.routeTarget('65000:7'), hex`00`), 'W5', 'RFC 7606 §7.14', 'W'],
  ['AS4_PATH not transitive',                attr(O, 17, hex`02 01 00030d40`),        'D9', 'RFC 6793 §4.1', 'W'],
  ['AS4_PATH segment of type 0',             attr(T, 17, hex`00 01 00030d40`),        'D9', 'RFC 6793 §4.1, §6', 'W'],
  ['PMSI_TUNNEL not transitive',             attr(O, 22, hex`00 06 000310 c0000207`), 'W4', 'RFC 7606 §3 c', 'W'],
  ['PMSI_TUNNEL of 4 octets',                attr(T, 22, hex`00 06 0003`),            'W5', 'RFC 6514 §5', 'W'],
  ['PMSI_TUNNEL of type 8',                  attr(T, 22, hex`00 08 000310 c0000207`), 'O', 'RFC 6514 §5, IANA', 'W'],
  ['PMSI_TUNNEL of type 255',                attr(T, 22, hex`00 ff 000310 c0000207`), 'W9', 'RFC 6514 §5', 'W'],
  ['PMSI_TUNNEL, ingress replication to 5 octets', attr(T, 22, hex`00 06 000310 c0000207 01`), 'W9', 'RFC 6514 §5', 'W'],
  ['TUNNEL_ENCAPSULATION not transitive',    attr(O, 23, hex`0002 0008 06 06 00000000 0000`), 'W4', 'RFC 9012 §13', 'W'],
  ['TUNNEL_ENCAPSULATION of 3 octets',       attr(T, 23, hex`0002 00`),               'W5', 'RFC 9012 §13', 'W'],
  ['TUNNEL_ENCAPSULATION TLV past the end',  attr(T, 23, hex`0002 0009 06 06 00000000 0000`), 'W9', 'RFC 9012 §13', 'W'],
  ['TUNNEL_ENCAPSULATION sub-TLV past the end', attr(T, 23, hex`0002 0008 06 f0 00000000 0000`), 'W9', 'RFC 9012 §13', 'W'],
  ['IPV6_EXTENDED_COMMUNITIES not transitive', attr(O, 25, hex`00 02`, HOP6, hex`00 07`), 'W4', 'RFC 7606 §3 c', 'W'],
  ['IPV6_EXTENDED_COMMUNITIES empty',        attr(T, 25),                             'W5', 'RFC 7606 §7.15', 'W'],
  ['IPV6_EXTENDED_COMMUNITIES of 21 octets', attr(T, 25, hex`00 02`, HOP6, hex`00 07 00`), 'W5', 'RFC 7606 §7.15', 'W'],
  ['LARGE_COMMUNITY not transitive',         attr(O, 32, b.u32be(65000, 7, 8)),       'W4', 'RFC 7606 §3 c', 'W'],
  ['LARGE_COMMUNITY empty',                  attr(T, 32),                             'W5', 'RFC 8092 §6', 'W'],
  ['LARGE_COMMUNITY of 13 octets',           attr(T, 32, b.u32be(65000, 7, 8), hex`00`), 'W5', 'RFC 8092 §6', 'W'],
  ['ONLY_TO_CUSTOMER not transitive',        attr(O, 35, b.u32be(65010)),             'W4', 'RFC 7606 §3 c', 'W'],
  ['ONLY_TO_CUSTOMER of 3 octets',           attr(T, 35, hex`00 fd f2`),              'W5', 'RFC 9234 §5', 'W'],
  ['ONLY_TO_CUSTOMER of 5 octets',           attr(T, 35, b.u32be(65010), hex`00`),    'W5', 'RFC 9234 §5', 'W'],
  ['ONLY_TO_CUSTOMER of AS 0',               attr(T, 35, b.u32be(0)),                 'O', 'RFC 9234 §5', 'W'],
]

// biome-ignore format: one row a case
const DISCARDED: Case[] = [
  ['ATOMIC_AGGREGATE of one octet',          attr(W, 6, hex`01`),                     'D5', 'RFC 7606 §7.6', 'D'],
  ['AGGREGATOR of 5 octets',                 attr(T, 7, hex`0000fdea c0`),            'D5', 'RFC 7606 §7.7', 'D'],
  ['AGGREGATOR of 7 octets',                 attr(T, 7, hex`0000fdea c00002`),        'D5', 'RFC 7606 §7.7', 'D'],
  ['AGGREGATOR of 9 octets',                 attr(T, 7, hex`0000fdea c0000207 00`),   'D5', 'RFC 7606 §7.7', 'D'],
  ['AGGREGATOR with AS 0',                   b.aggregator(0, '192.0.2.7'),            'D9', 'RFC 7607 §2', 'D'],
  ['AS4_AGGREGATOR of 7 octets',             attr(T, 18, hex`00030d40 c00002`),       'D9', 'RFC 6793 §4.1', 'D'],
  ['AS4_AGGREGATOR of 9 octets',             attr(T, 18, hex`00030d40 c0000207 00`),  'D9', 'RFC 6793 §4.1', 'D'],
  ['ORIGINATOR_ID of 3 octets, external',    attr(O, 9, hex`c0 00 02`),               'D9 W5', 'RFC 7606 §7.9', 'D W'],
  ['ORIGINATOR_ID of 5 octets, external',    attr(O, 9, hex`c0 00 02 07 00`),         'D9 W5', 'RFC 7606 §7.9', 'D W'],
  ['CLUSTER_LIST empty, external',           attr(O, 10),                             'D9 W5', 'RFC 7606 §7.10', 'D W'],
  ['CLUSTER_LIST of 5 octets, external',     attr(O, 10, hex`c0 00 02 07 00`),        'D9 W5', 'RFC 7606 §7.10', 'D W'],
  ['AIGP marked transitive',                 attr(T, 26, hex`01 000b 0000000000000014`), 'D9 D4', 'RFC 7311 §3.3, §3.2', 'D'],
  ['AIGP of an unknown TLV alone',           attr(O, 26, hex`07 000b 0000000000000014`), 'D9 O', 'RFC 7311 §3.3, §3.2', '- D'],
  ['AIGP TLV of another length than 11',     attr(O, 26, hex`01 0007 00000014`),      'D9 D9', 'RFC 7311 §3.3, §3.2', '- D'],
  ['AIGP empty',                             attr(O, 26),                             'D9 D5', 'RFC 7311 §3.3, §3.2', '- D'],
  ['PREFIX_SID not transitive',              attr(O, 40, hex`01 0007 00 0000 00000007`), 'W4', 'RFC 7606 §3 c', 'D'],
  ['PREFIX_SID TLV past the end',            attr(T, 40, hex`01 0009 00 0000 00000007`), 'W9', 'RFC 7606 §2', 'D'],
  ['PREFIX_SID TLV header cut off',          attr(T, 40, hex`01 00`),                 'W9', 'RFC 7606 §2', 'D'],
  ['PREFIX_SID Label-Index of no octet',     attr(T, 40, hex`01 0000`),               'O', 'RFC 8669 §3.1', 'D'],
  ['BGP-LS attribute marked transitive',     attr(T, 29, hex`0402 0001 61`),          'O', 'RFC 4271 §5', 'D'],
  ['BGP-LS attribute, TLV past the end',     attr(O, 29, hex`0402 0009 61`),          'O', 'RFC 4271 §5', 'D'],
  ['BGP-LS attribute, TLV cut off',          attr(O, 29, hex`0402 00`),               'O', 'RFC 4271 §5', 'D'],
  ['next hop dependent characteristics of an unknown family', attr(T, 39, hex`4004 47 04 c0000207 0001 0000`), 'O', 'RFC 4271 §5', 'D'],
  ['next hop dependent characteristics, TLV past the end',    attr(T, 39, hex`0001 01 04 c0000207 0001 0009`), 'O', 'RFC 4271 §5', 'D'],
  // FRR counts both with the attributes it drops; that the second is passed on is what it tests
  ['unknown attribute, optional non-transitive', attr(O, 252, hex`01 02`),            'O', 'RFC 4271 §5', 'O'],
  ['unknown attribute, optional transitive', attr(T, 251, hex`01 02`),                'O', 'RFC 4271 §5', 'O'],
]

// biome-ignore format: one row a case
const RESET: Case[] = [
  ['MP_REACH_NLRI next hop of a length IPv6 does not have', attr(O, 14, hex`0002 01 0b 2001 0db8 0000 0000 0000 01 00`, P6), 'F9', 'RFC 7606 §7.11', 'R1'],
  ['MP_REACH_NLRI next hop past the end',    attr(O, 14, hex`0002 01 30`, HOP6, hex`00`, P6), 'F9', 'RFC 7606 §7.11', 'R1'],
  ['MP_REACH_NLRI cut off in its next hop',  attr(O, 14, hex`0002 01 10 2001 0db8`),  'F9', 'RFC 7606 §7.11', 'R1'],
  ['MP_UNREACH_NLRI cut off in a prefix',    attr(O, 15, hex`0002 01 30 2001 0db8`),  'F9', 'RFC 7606 §5.3', 'R9'],
]

const CASES = [...WITHDRAWN, ...DISCARDED, ...RESET]

const OUTCOMES: Record<string, number> = {
  O: Outcome.OK,
  D: Outcome.ATTRIBUTE_DISCARD,
  W: Outcome.TREAT_AS_WITHDRAW,
  F: Outcome.AFI_SAFI_DISABLE,
  R: Outcome.SESSION_RESET,
}

/** Of eBGP and of iBGP. */
function each(verdicts: Verdicts): [string, string] {
  const [external, internal = external] = verdicts.split(' ')
  return [external!, internal!]
}

/** An IPv4 unicast route with the attribute in the place of one of its type. */
function routeWith(attr: Uint8Array): Uint8Array {
  const attrs = [b.origin(0), b.asPath([65001]), b.nextHop('192.0.2.1')]
  return b.update({
    attrs: [...attrs.filter(([, type]) => type !== attr[1]), attr],
    nlri: [b.prefix('10.40.0.0/16')],
  })
}

t.test('88 ways to be wrong: the verdict of the RFCs', async (t) => {
  t.equal(CASES.length, 88)
  t.equal(new Set(CASES.map(([what]) => what)).size, 88)
  const view = new UpdateView()
  for (const [what, attr, rfc, cite] of CASES) {
    const octets = routeWith(attr)
    each(rfc).forEach((verdict, k) => {
      const session = k === 0 ? ebgp : ibgp
      parseUpdate(view, octets, 19, octets.length, session)
      const want = [OUTCOMES[verdict[0]!], Number(verdict.slice(1))]
      const name = `${cite}: ${what}, ${k === 0 ? 'eBGP' : 'iBGP'}: ${reasonText(view.reason)}`
      t.same([view.outcome, view.errorSubcode], want, name)
      // whatever it is, the route itself was found
      t.equal(view.nlriEnd - view.nlriAt, 3, name)
    })
  }
})

t.test(
  'RFC 8669 §6: with routes of labeled unicast Prefix-SID is dropped as FRR does',
  async (t) => {
    const view = new UpdateView()
    const reach = b.mpReach(1, 4, b.address('192.0.2.1'), hex`30 000311 0a0700`)
    for (const [what, attr] of DISCARDED.filter(([, , rfc]) => rfc !== 'W4')) {
      if (attr[1] !== 40) continue
      const octets = b.update({ attrs: [reach, b.origin(0), b.asPath([65001]), attr] })
      parseUpdate(view, octets, 19, octets.length, ebgp)
      t.equal(view.outcome, Outcome.ATTRIBUTE_DISCARD, what)
    }
  },
)

t.test('RFC 6793 §6: from a two-octet speaker AS4_PATH is looked at', async (t) => {
  const view = new UpdateView()
  const old = { ...ebgp, asn4: false }
  const rest = [b.origin(0), b.asPath([23456], 2), b.nextHop('192.0.2.1')]
  for (const [attr, outcome] of [
    [attr17(O, 2), Outcome.TREAT_AS_WITHDRAW],
    [attr17(T, 0), Outcome.ATTRIBUTE_DISCARD],
    [attr17(T, 2), Outcome.OK],
  ] as const) {
    const octets = b.update({ attrs: [...rest, attr], nlri: [b.prefix('10.40.0.0/16')] })
    parseUpdate(view, octets, 19, octets.length, old)
    t.equal(view.outcome, outcome)
  }
})

const attr17 = (flags: number, segment: number) =>
  attr(flags, 17, concat(b.u8(segment, 1), b.u32be(200000)))

t.test('docs/rfc7606.md names every case where FRR wants something else', async (t) => {
  const text = readFileSync(new URL('../../docs/rfc7606.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| '))
  const listed = new Map(
    rows
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .map(([, what, ours, frr]) => [what, [ours, frr]]),
  )
  const WORDS: Record<string, string> = {
    O: 'accepted',
    D: 'discard',
    W: 'withdraw',
    F: 'disable',
    R: 'reset',
    '-': 'not tested',
  }
  const words = (verdicts: Verdicts) => {
    const [external, internal] = each(verdicts).map((verdict) => WORDS[verdict[0]!])
    return external === internal ? external : `${external}, iBGP ${internal}`
  }
  let count = 0
  for (const [what, , rfc, , frr] of CASES) {
    const ours = each(rfc)
    const differs = each(frr).some((verdict, k) => verdict !== '-' && verdict[0] !== ours[k]![0])
    if (differs) count++
    t.same(listed.get(what) ?? null, differs ? [words(rfc), words(frr)] : null, what)
  }
  t.match(text, `${count} of the 88`)
})
