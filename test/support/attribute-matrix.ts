/**
 * Every path attribute and what becomes of it, as the RFCs say it: written out by hand, nothing
 * here asks the code under test. test/wire/attribute-matrix.test.ts takes each row through all
 * sessions, families, forms and places.
 */
import * as b from './builder.ts'
import { concat, hex } from './hex.ts'

/** O: accepted, D: attribute discard, W: treat as withdraw, F: AFI/SAFI disable, R: session reset. */
export type Letter = 'O' | 'D' | 'W' | 'F' | 'R'

/** Octets of an attribute: its flags, flags and type, its length, all of it, or a part of its value. */
export type Where =
  | 'flags'
  | 'flags type'
  | 'length'
  | 'attribute'
  | readonly [from: number, to: number]

/** What is to be said of an attribute: outcome, subcode of code 3, and the octets that are wrong. */
export interface Verdict {
  outcome: Letter
  subcode: number
  where: Where
}

const verdict = (outcome: Letter) => (subcode: number, where: Where) => ({
  outcome,
  subcode,
  where,
})
const D = verdict('D')
const W = verdict('W')
const F = verdict('F')
const R = verdict('R')
const OK: Verdict = { outcome: 'O', subcode: 0, where: 'attribute' }

/** A value that is wrong. */
export interface Wrong {
  what: string
  value: Uint8Array
  verdict: Verdict
  cite: string
}

export interface AttributeRow {
  name: string
  type: number
  flags: number
  /** A value that is right, of a session with AS numbers of so many octets. */
  value: Uint8Array
  /** By flags that are wrong. */
  wrongFlags: Readonly<Record<number, Verdict>>
  wrong: readonly Wrong[]
  /** Where it does not belong: there it is dropped, whatever it holds. */
  notFrom?: { session: 'ebgp' | 'asn4'; cite: string }
  /** What the message without it is; `fields`: only if it has an NLRI field outside MP_REACH_NLRI. */
  missing?: { verdict: Verdict; fieldsOnly: boolean }
  /** RFC 7606 §3 g: MP_REACH_NLRI and MP_UNREACH_NLRI may not come twice. */
  once?: true
}

const WELL_KNOWN = 0x40
const OPTIONAL = 0x80
const TRANSITIVE = 0xc0

/** RFC 7606 §3 c: every other combination of Optional and Transitive. */
function flagsBut(right: number, of: Verdict, own: Record<number, Verdict> = {}) {
  const others = [0x00, 0x40, 0x80, 0xc0].filter((flags) => flags !== right)
  return Object.fromEntries(others.map((flags) => [flags, own[flags] ?? of]))
}

const wrong = (what: string, value: Uint8Array, verdict: Verdict, cite: string): Wrong => ({
  what,
  value,
  verdict,
  cite,
})

/** One octet less, one octet more, none: the same verdict on the length. */
function lengths(value: Uint8Array, of: Verdict, cite: string): Wrong[] {
  return [
    ...(value.length > 1 ? [wrong('too short', value.slice(0, -1), of, cite)] : []),
    wrong('too long', concat(value, b.u8(0)), of, cite),
    wrong('of length 0', b.u8(), of, `${cite}, RFC 7606 §4`),
  ]
}

/** An attribute whose length is fixed, or made of whole items. */
function plain(
  name: string,
  type: number,
  flags: number,
  value: Uint8Array,
  malformed: typeof W,
  cite: string,
  more: Partial<AttributeRow> = {},
): AttributeRow {
  return {
    name,
    type,
    flags,
    value,
    wrongFlags: flagsBut(flags, W(4, 'flags')),
    wrong: lengths(value, malformed(5, 'length'), cite),
    ...more,
  }
}

const EXTERNAL = (cite: string) => ({ notFrom: { session: 'ebgp' as const, cite } })
const NEW_SPEAKER = { notFrom: { session: 'asn4' as const, cite: 'RFC 6793 §4.1' } }
const MANDATORY = { missing: { verdict: W(3, 'attribute'), fieldsOnly: false } }

const HOP6 = b.address('2001:db8::1')
const P6 = b.prefix('2001:db8:7::/48')
/** type VXLAN(8), one egress endpoint: RFC 9012 §3.1 */
const TUNNEL = hex`0008 000c 06 0a 00000000 0001 c0000201`
const SERVICE = b.l3Service(
  b.sidInformation('2001:db8:9::', 19, b.sidStructure(40, 24, 16, 0, 0, 0)),
)
const AIGP = hex`01 000b 0000000000000005`

/** ORIGIN and its like. */
// biome-ignore format: a block an attribute
function simpleRows(): AttributeRow[] {
  return [
    plain('ORIGIN', 1, WELL_KNOWN, b.u8(0), W, 'RFC 7606 §7.1', MANDATORY),
    plain('NEXT_HOP', 3, WELL_KNOWN, b.address('192.0.2.1'), W, 'RFC 7606 §7.3',
      { missing: { verdict: W(3, 'attribute'), fieldsOnly: true } }),
    plain('MULTI_EXIT_DISC', 4, OPTIONAL, b.u32be(10), W, 'RFC 7606 §7.4'),
    plain('LOCAL_PREF', 5, WELL_KNOWN, b.u32be(100), W, 'RFC 7606 §7.5', EXTERNAL('RFC 7606 §7.5')),
    plain('COMMUNITIES', 8, TRANSITIVE, b.u16be(65000, 1, 65000, 2), W, 'RFC 7606 §7.8'),
    plain('ORIGINATOR_ID', 9, OPTIONAL, b.address('192.0.2.7'), W, 'RFC 7606 §7.9', EXTERNAL('RFC 7606 §7.9')),
    plain('CLUSTER_LIST', 10, OPTIONAL, concat(b.address('192.0.2.7'), b.address('192.0.2.8')), W, 'RFC 7606 §7.10',
      EXTERNAL('RFC 7606 §7.10')),
    plain('EXTENDED_COMMUNITIES', 16, TRANSITIVE, b.routeTarget('65000:10'), W, 'RFC 7606 §7.14'),
    plain('AS4_AGGREGATOR', 18, TRANSITIVE, concat(b.u32be(400000), b.address('192.0.2.1')), D, 'RFC 6793 §6', NEW_SPEAKER),
    plain('IPV6_EXTENDED_COMMUNITIES', 25, TRANSITIVE, concat(b.u8(0, 2), HOP6, b.u16be(10)), W, 'RFC 7606 §7.15'),
    plain('LARGE_COMMUNITY', 32, TRANSITIVE, b.u32be(65000, 1, 2), W, 'RFC 8092 §6'),
    plain('ONLY_TO_CUSTOMER', 35, TRANSITIVE, b.u32be(65001), W, 'RFC 9234 §5'),
  ]
}

/** Those whose form depends on the octets of an AS number. */
function asRows(asn4: boolean): AttributeRow[] {
  const path = b.asPathValue([65001, 65002], asn4 ? 4 : 2)
  const end = path.length
  const aggregator = concat(asn4 ? b.u32be(65001) : b.u16be(65001), b.address('192.0.2.1'))
  const otherPath = b.asPathValue([65001], asn4 ? 2 : 4)
  const otherAggregator = concat(asn4 ? b.u16be(65001) : b.u32be(65001), b.address('192.0.2.1'))
  const as4 = b.asPathValue([400000, 65002])
  const segment = (at: Where) => W(11, at)
  return [
    {
      name: 'AS_PATH',
      type: 2,
      flags: WELL_KNOWN,
      value: path,
      wrongFlags: flagsBut(WELL_KNOWN, W(4, 'flags')),
      wrong: [
        wrong('too short', path.slice(0, -1), segment([1, 2]), 'RFC 7606 §7.2'),
        wrong('too long', concat(path, b.u8(2)), segment([end, end + 1]), 'RFC 7606 §7.2'),
        wrong('of length 0', b.u8(), OK, 'RFC 7606 §4, RFC 4271 §5.1.2'),
        // four octets an AS read as two: the first number is 0 (RFC 7607 §2)
        wrong('of the other AS size', otherPath, segment(asn4 ? [1, 2] : [2, 4]), 'RFC 6793 §3'),
      ],
      ...MANDATORY,
    },
    {
      ...plain('AGGREGATOR', 7, TRANSITIVE, aggregator, D, 'RFC 7606 §7.7'),
      wrong: [
        ...lengths(aggregator, D(5, 'length'), 'RFC 7606 §7.7'),
        wrong('of the other AS size', otherAggregator, D(5, 'length'), 'RFC 7606 §7.7'),
      ],
    },
    {
      ...plain('AS4_PATH', 17, TRANSITIVE, as4, D, 'RFC 6793 §6', NEW_SPEAKER),
      wrong: [
        ...lengths(as4, D(5, 'length'), 'RFC 6793 §6'),
        wrong('two too short', as4.slice(0, -2), D(9, [1, 2]), 'RFC 6793 §6'),
        wrong('of 4 octets', hex`02 01 fde9`, D(5, 'length'), 'RFC 6793 §6'),
      ],
    },
  ]
}

function specialRows(): AttributeRow[] {
  const pmsi = hex`00 06 000000 c0000201`
  const all = (value: Uint8Array): Where => [0, value.length]
  return [
    {
      ...plain('ATOMIC_AGGREGATE', 6, WELL_KNOWN, b.u8(), D, 'RFC 7606 §7.6'),
      wrong: [wrong('too long', b.u8(0), D(5, 'length'), 'RFC 7606 §7.6')],
    },
    {
      ...plain('PMSI_TUNNEL', 22, TRANSITIVE, pmsi, W, 'RFC 6514 §5'),
      wrong: [
        wrong('too short', pmsi.slice(0, -1), W(9, [5, 8]), 'RFC 6514 §5'),
        wrong('too long', concat(pmsi, b.u8(0)), W(9, [5, 10]), 'RFC 6514 §5'),
        wrong('of 4 octets', pmsi.slice(0, 4), W(5, 'length'), 'RFC 6514 §5'),
        wrong('of length 0', b.u8(), W(5, 'length'), 'RFC 6514 §5, RFC 7606 §4'),
      ],
    },
    {
      // wrong flags too are treated as withdraw: RFC 9012 §13
      ...plain('TUNNEL_ENCAPSULATION', 23, TRANSITIVE, TUNNEL, W, 'RFC 9012 §13'),
      wrong: [
        wrong('too short', TUNNEL.slice(0, -1), W(9, all(TUNNEL.slice(1))), 'RFC 9012 §13'),
        wrong('too long', concat(TUNNEL, b.u8(0)), W(9, [16, 17]), 'RFC 9012 §13'),
        wrong('of length 0', b.u8(), W(5, 'length'), 'RFC 9012 §13: no valid TLV'),
      ],
    },
    {
      ...plain('AIGP', 26, OPTIONAL, AIGP, D, 'RFC 7311 §3.2', EXTERNAL('RFC 7311 §3.3')),
      wrongFlags: flagsBut(OPTIONAL, W(4, 'flags'), { [TRANSITIVE]: D(4, 'flags') }),
      wrong: [
        wrong('too short', AIGP.slice(0, -1), D(9, [0, 10]), 'RFC 7311 §3.2'),
        wrong('too long', concat(AIGP, b.u8(0)), D(9, [11, 12]), 'RFC 7311 §3.2'),
        wrong('of length 0', b.u8(), D(5, 'length'), 'RFC 7311 §3.2, RFC 7606 §4'),
      ],
    },
    prefixSidRow('PREFIX_SID', W),
  ]
}

/** RFC 9252 §7. What is behind the service is none: of labeled unicast it is dropped (RFC 8669 §6). */
function prefixSidRow(name: string, behind: typeof W): AttributeRow {
  const end = SERVICE.length
  return {
    ...plain(name, 40, TRANSITIVE, SERVICE, W, 'RFC 9252 §7'),
    wrong: [
      wrong('too short', SERVICE.slice(0, -1), W(9, [0, end - 1]), 'RFC 9252 §7'),
      wrong('too long', concat(SERVICE, b.u8(0)), behind(9, [end, end + 1]), 'RFC 8669 §6'),
      wrong('of length 0', b.u8(), behind(5, 'length'), 'RFC 8669 §6, RFC 7606 §4'),
    ],
  }
}

/** PREFIX_SID as an attribute of labeled unicast routes. */
export const LABELED_PREFIX_SID: AttributeRow = prefixSidRow('PREFIX_SID of labeled unicast', D)

/** RFC 7606 §5.3, §7.11, §7.12: a field of routes cannot be left out. */
function mpRows(): AttributeRow[] {
  const reach = concat(hex`0002 01 10`, HOP6, b.u8(0), P6)
  const unreach = concat(hex`0002 01`, P6)
  const wrongFlags = flagsBut(OPTIONAL, R(4, 'flags'))
  const cite = 'RFC 7606 §5.3'
  return [
    {
      name: 'MP_REACH_NLRI',
      type: 14,
      flags: OPTIONAL,
      value: reach,
      wrongFlags,
      wrong: [
        wrong('too short', reach.slice(0, -1), F(9, [21, 27]), cite),
        wrong('too long', concat(reach, b.u8(200)), F(9, [28, 29]), cite),
        wrong('of 4 octets', reach.slice(0, 4), R(5, 'length'), cite),
        wrong('of length 0', b.u8(), R(5, 'length'), cite),
        wrong('next hop of 15 octets', reach.with(3, 15), F(9, [3, 4]), 'RFC 7606 §7.11'),
        wrong('next hop past the end', reach.with(3, 32), F(9, [3, 4]), 'RFC 7606 §7.11'),
      ],
      once: true,
    },
    {
      name: 'MP_UNREACH_NLRI',
      type: 15,
      flags: OPTIONAL,
      value: unreach,
      wrongFlags,
      wrong: [
        wrong('too short', unreach.slice(0, -1), F(9, [3, 9]), cite),
        wrong('too long', concat(unreach, b.u8(200)), F(9, [10, 11]), cite),
        wrong('of 2 octets', unreach.slice(0, 2), R(5, 'length'), cite),
        wrong('of length 0', b.u8(), R(5, 'length'), cite),
      ],
      once: true,
    },
  ]
}

/** RFC 4271 §5, §6.3: what nobody here knows is passed on or left, unless it had to be known. */
function unknownRows(): AttributeRow[] {
  const rows: [name: string, flags: number][] = [
    ['unknown optional transitive', TRANSITIVE],
    ['unknown optional non-transitive', OPTIONAL],
  ]
  const lost = { [WELL_KNOWN]: R(2, 'flags type'), 0: R(2, 'flags type') }
  return rows.map(([name, flags]) => ({
    name,
    type: 200,
    flags,
    value: b.u8(1, 2, 3),
    wrongFlags: { ...lost, [flags ^ 0x40]: OK },
    wrong: [
      wrong('too short', b.u8(1, 2), OK, 'RFC 4271 §5'),
      wrong('too long', new Uint8Array(300), OK, 'RFC 4271 §5'),
      wrong('of length 0', b.u8(), OK, 'RFC 4271 §5'),
    ],
  }))
}

/** All rows, for a session with or without four-octet AS numbers. */
export function attributeRows(asn4: boolean): AttributeRow[] {
  return [...simpleRows(), ...asRows(asn4), ...specialRows(), ...mpRows(), ...unknownRows()]
}
