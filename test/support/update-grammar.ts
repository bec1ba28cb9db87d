/**
 * UPDATEs from a grammar, for fast-check: families × attributes. Numbers are those of the RFCs,
 * written out: nothing here asks the code under test what is right. update-malformations.ts bends
 * what comes from here.
 */
import fc from 'fast-check'
import * as b from './builder.ts'
import { concat } from './hex.ts'
import {
  all,
  anyNextHop,
  anyNlriField,
  GRAMMAR_FAMILIES,
  type GrammarFamily,
  type NlriSession,
  octets,
} from './nlri-grammar.ts'

const { oneof, constantFrom, integer, array, record, constant, tuple } = fc

const as4 = oneof(
  constantFrom(65000, 65001, 65102, 23456, 4_200_000_000),
  integer({ min: 1, max: 0xffffffff }),
)
const be16 = (value: number) => constant(b.u16be(value))

/** What the form of an UPDATE depends on. */
export interface GrammarSession extends NlriSession {
  asn4: boolean
  ebgp: boolean
}

/** A path attribute before it is written. */
export interface GrammarAttr {
  type: number
  flags: number
  value: Uint8Array
}

const W = b.TRANSITIVE
const O = b.OPTIONAL
const T = b.OPTIONAL | b.TRANSITIVE

const segments = (width: 2 | 4, confed: boolean) =>
  array(
    tuple(
      confed ? constantFrom(1, 2, 2, 3, 4) : constantFrom(1, 2, 2),
      array(width === 4 ? as4 : integer({ min: 1, max: 0xffff }), { minLength: 1, maxLength: 5 }),
    ),
    { maxLength: 3 },
  ).map((list) =>
    b.asPathValue(
      list.map(([type, as]) => [type, ...as]),
      width,
    ),
  )

/** RFC 9252 §3: services with SIDs and structures that add up. */
const structure = tuple(constantFrom(0, 16, 20), constantFrom(16, 32, 40)).map(([bits, block]) =>
  b.sidStructure(block, 16, 16, 0, Math.min(bits, 16), bits === 0 ? 0 : block + 16),
)
const information = tuple(
  octets(16),
  constantFrom(17, 18, 19, 20, 62, 63, 64, 0xffff, 99),
  structure,
).map(([sid, behavior, data]) => b.sidInformation(sid, behavior, data))
const subTlv = oneof(
  { weight: 4, arbitrary: information },
  tuple(integer({ min: 2, max: 255 }), octets(0, 12)).map(([type, value]) => b.tlv(type, value)),
)
const prefixSid = array(
  oneof(
    { weight: 4, arbitrary: array(subTlv, { maxLength: 3 }).map((subs) => b.l3Service(...subs)) },
    array(subTlv, { maxLength: 2 }).map((subs) => b.l2Service(...subs)),
    octets(7).map((value) => b.tlv(1, value)),
    tuple(integer({ min: 7, max: 255 }), octets(0, 12)).map(([type, value]) => b.tlv(type, value)),
  ),
  { minLength: 1, maxLength: 3 },
).map((list) => concat(...list))

/** RFC 9012 §2: tunnels with endpoint and Color. */
const tunnels = array(
  tuple(
    constantFrom(1, 2, 7, 8, 15),
    octets(0, 8).map((value) => concat(b.u8(4, value.length), value)),
  ),
  { minLength: 1, maxLength: 2 },
).map((list) =>
  concat(
    ...list.map(([type, color]) => {
      const endpoint = concat(b.u8(6, 10), b.u32be(0), b.u16be(1), b.address('192.0.2.1'))
      return concat(b.u16be(type, endpoint.length + color.length), endpoint, color)
    }),
  ),
)

const times = (size: number, max = 4) =>
  integer({ min: 1, max }).chain((count) => octets(size * count))

/** The attributes beside ORIGIN, AS_PATH and the fields of NLRI, by type, that `session` may have. */
function otherAttributes({ asn4, ebgp }: GrammarSession): fc.Arbitrary<GrammarAttr> {
  const of = (type: number, flags: number, value: fc.Arbitrary<Uint8Array>) =>
    value.map((value) => ({ type, flags, value }))
  const rows = [
    of(4, O, octets(4)),
    of(6, W, octets(0)),
    of(7, T, all(asn4 ? as4.map((as) => b.u32be(as)) : be16(65001), octets(4))),
    of(8, T, times(4)),
    of(16, T, times(8)),
    of(
      22,
      T,
      tuple(constantFrom(0, 6), octets(4)).map(([type, label]) =>
        concat(b.u8(0, type), label.subarray(1), type === 6 ? b.address('192.0.2.1') : b.u8()),
      ),
    ),
    of(23, T, tunnels),
    of(25, T, times(20)),
    of(32, T, times(12)),
    of(
      35,
      T,
      as4.map((as) => b.u32be(as)),
    ),
    of(40, T, prefixSid),
    of(99, T, octets(0, 12)),
    of(99, T | 0x20, octets(0, 300)),
    of(98, O, octets(0, 12)),
  ]
  if (!ebgp) {
    rows.push(of(5, W, octets(4)), of(9, O, octets(4)), of(10, O, times(4)))
    rows.push(
      of(
        26,
        O,
        octets(8).map((metric) => concat(b.u8(1), b.u16be(11), metric)),
      ),
    )
  }
  if (!asn4) {
    const path = segments(4, true).filter((value) => value.length >= 6)
    rows.push(
      of(17, T, path),
      of(
        18,
        T,
        all(
          as4.map((as) => b.u32be(as)),
          octets(4),
        ),
      ),
    )
  }
  return oneof(...rows)
}

// ── UPDATEs ───────────────────────────────────────────────────────────────────────────────────

/** An UPDATE as parts: what a malformation works on. */
export interface GrammarUpdate {
  withdrawn: Uint8Array
  attrs: GrammarAttr[]
  nlri: Uint8Array
}

/** A sound UPDATE of the session: any mix of the four places for routes, attributes in any order. */
export function soundUpdate(session: GrammarSession): fc.Arbitrary<GrammarUpdate> {
  const { asn4, ebgp } = session
  const field = (family: GrammarFamily, withdraw: boolean, min = 0) =>
    anyNlriField(family, session, { withdraw, min })
  const v4 = GRAMMAR_FAMILIES[0]!
  const reach = constantFrom(...GRAMMAR_FAMILIES).chain((family) =>
    tuple(anyNextHop(family), field(family, false, 1)).map(([hop, nlri]) => ({
      type: 14,
      flags: O,
      value: concat(b.u16be(family.afi), b.u8(family.safi, hop.length), hop, b.u8(0), nlri),
    })),
  )
  const unreach = constantFrom(...GRAMMAR_FAMILIES).chain((family) =>
    field(family, true).map((nlri) => ({
      type: 15,
      flags: O,
      value: concat(b.u16be(family.afi), b.u8(family.safi), nlri),
    })),
  )
  const hop = tuple(integer({ min: 1, max: 126 }), octets(3)).map(([a, rest]) => ({
    type: 3,
    flags: W,
    value: concat(b.u8(a), rest),
  }))
  return record({
    withdrawn: oneof({ weight: 3, arbitrary: constant(b.u8()) }, field(v4, true)),
    nlri: oneof(constant(b.u8()), field(v4, false, 1)),
    origin: constantFrom(0, 1, 2).map((value) => ({ type: 1, flags: W, value: b.u8(value) })),
    path: segments(asn4 ? 4 : 2, !ebgp).map((value) => ({ type: 2, flags: W, value })),
    hop,
    others: fc.uniqueArray(otherAttributes(session), { maxLength: 5, selector: (a) => a.type }),
    reach: fc.option(reach, { nil: undefined }),
    unreach: fc.option(unreach, { nil: undefined, freq: 3 }),
    rotate: fc.nat(8),
  }).map(({ withdrawn, nlri, origin, path, hop, others, reach, unreach, rotate }) => {
    const advertises = nlri.length > 0 || reach !== undefined
    const list: GrammarAttr[] = []
    if (reach !== undefined) list.push(reach)
    if (unreach !== undefined) list.push(unreach)
    if (advertises) list.push(origin, path, ...(nlri.length > 0 ? [hop] : []), ...others)
    const at = list.length === 0 ? 0 : rotate % list.length
    return { withdrawn, attrs: [...list.slice(at), ...list.slice(0, at)], nlri }
  })
}

/** The octets of the body, lengths as they should be. */
export function writeUpdate({ withdrawn, attrs, nlri }: GrammarUpdate): Uint8Array {
  const path = attrs.map(({ flags, type, value }) => b.attr(flags, type, value))
  return b.update({ withdrawn: [withdrawn], attrs: path, nlri: [nlri] }).slice(19)
}
