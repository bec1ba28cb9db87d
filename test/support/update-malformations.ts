/**
 * What can be wrong with an UPDATE, one function a way: each takes a sound one and a number to
 * choose by, and gives the octets of one that RFC 7606 has a verdict about, or null where it does
 * not apply.
 */
import fc from 'fast-check'
import * as b from './builder.ts'
import { concat } from './hex.ts'
import {
  type GrammarAttr,
  type GrammarSession,
  type GrammarUpdate,
  soundUpdate,
  writeUpdate,
} from './update-grammar.ts'

/** Attributes whose flags RFC 7606 §3 c fixes, of those that srv6d knows for certain. */
const FLAGS_FIXED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 25, 32, 35, 40]
/** Whose values have one length, or whole items of one: a further octet is wrong. */
const WHOLE_ITEMS = [1, 3, 4, 5, 6, 7, 8, 9, 10, 16, 25, 32, 35]
/** Which may not be empty (RFC 7606 §4). */
const NEVER_EMPTY = [1, 3, 4, 5, 7, 8, 9, 10, 14, 15, 16, 25, 32, 35, 40]

const SID = concat(b.u8(0), b.address('2001:db8:9::'), b.u8(0, 0, 20, 0))

/** RFC 9252 §7, each level of the tree; whatever the routes are. */
const BAD_SERVICES = [
  b.u8(5, 0),
  b.u8(5, 0, 9, 0),
  b.u8(6, 0, 0),
  b.l3Service(b.u8(1, 0)),
  b.l3Service(b.u8(1, 0, 9)),
  concat(b.tlv(5, b.u8(0, 1, 0, 21), SID.subarray(0, 8)), b.tlv(9, SID)),
  b.tlv(5, b.u8(0, 1, 0, 21), SID.subarray(0, 8)),
  b.l3Service(b.tlv(1, SID.subarray(1))),
  b.l2Service(b.tlv(1, SID.subarray(11))),
  b.l3Service(b.tlv(1, SID, b.u8(1))),
  b.l3Service(b.tlv(1, SID, b.u8(2, 0, 1))),
  b.l3Service(b.tlv(1, SID, b.sidStructure(32, 16, 16, 0, 16))),
]

const RD = b.rd('65000:1')
const ESI = new Uint8Array(10)
const MAC = b.u8(2, 0, 0, 0, 0, 1)
const V4 = b.address('192.0.2.1')
const LABEL = b.u24be(0x641)
const route = (type: number, ...parts: Uint8Array[]) => {
  const value = concat(...parts)
  return concat(b.u8(type, value.length), value)
}

/** RFC 7432 §7, RFC 9136 §3: route types 1 to 5, none as long as it says. */
const BAD_EVPN = [
  route(1, RD, ESI, b.u32be(0)),
  route(1, RD, ESI, b.u32be(0), LABEL, LABEL),
  route(2, RD, ESI, b.u32be(0), b.u8(48), MAC, b.u8(128), LABEL),
  route(2, RD, ESI, b.u32be(0), b.u8(48), MAC, b.u8(32), V4, b.u8(0)),
  route(2, RD, ESI, b.u32be(0), b.u8(40), MAC, b.u8(0), LABEL),
  route(2, RD, ESI, b.u32be(0), b.u8(48), MAC, b.u8(0), LABEL, b.u8(0)),
  route(3, RD, b.u32be(0), b.u8(128), V4),
  route(4, RD, ESI, b.u8(32), V4, b.u8(0)),
  route(5, RD, ESI, b.u32be(0), b.u8(33), V4, V4, LABEL),
  route(5, RD, ESI, b.u32be(0), b.u8(24), V4, V4),
]

type Malformation = (
  update: GrammarUpdate,
  choice: number,
  session: GrammarSession,
) => Uint8Array | null

export const MALFORMATIONS: Readonly<Record<string, Malformation>> = {
  'wrong flags': (update, choice) =>
    change(update, choice, FLAGS_FIXED, (attr) => ({
      ...attr,
      flags: attr.flags ^ [b.OPTIONAL, b.TRANSITIVE, b.OPTIONAL | b.TRANSITIVE][choice % 3]!,
    })),
  'too long': (update, choice) =>
    change(update, choice, WHOLE_ITEMS, (attr) => ({
      ...attr,
      value: concat(attr.value, b.u8(choice & 0xff)),
    })),
  'too short': (update, choice) =>
    change(update, choice, WHOLE_ITEMS.slice(1), (attr) =>
      attr.value.length === 0 ? null : { ...attr, value: attr.value.slice(0, -1) },
    ),
  empty: (update, choice) =>
    change(update, choice, NEVER_EMPTY, (attr) => ({ ...attr, value: b.u8() })),
  duplicate: (update, choice) => {
    if (update.attrs.length === 0) return null
    const attr = update.attrs[choice % update.attrs.length]!
    const attrs = update.attrs.slice()
    attrs.splice(choice % (attrs.length + 1), 0, attr)
    return writeUpdate({ ...update, attrs })
  },
  'well-known one that nobody knows': (update, choice) =>
    withAttr(update, 150 + (choice % 50), b.u8(1), choice % 2 === 0 ? b.TRANSITIVE : 0),
  'mandatory one missing': (update, choice) => {
    const wanted = update.nlri.length > 0 ? [1, 2, 3] : [1, 2]
    const type = wanted[choice % wanted.length]!
    if (!update.attrs.some((attr) => attr.type === type)) return null
    return writeUpdate({ ...update, attrs: update.attrs.filter((attr) => attr.type !== type) })
  },
  'undefined ORIGIN': (update, choice) =>
    change(update, choice, [1], (attr) => ({ ...attr, value: b.u8(3 + (choice % 253)) })),
  'undefined segment type': (update, choice) =>
    change(update, choice, [2], (attr) => ({
      ...attr,
      value: concat(b.u8(choice % 2 === 0 ? 0 : 5, 0), attr.value),
    })),
  'segment past the end': (update, choice) =>
    change(update, choice, [2], (attr) => ({ ...attr, value: concat(attr.value, b.u8(2, 255)) })),
  'confederation segment from outside': (update, choice, { asn4, ebgp }) =>
    !ebgp
      ? null
      : change(update, choice, [2], (attr) => ({
          ...attr,
          value: concat(b.asPathValue([[3 + (choice % 2), 65001]], asn4 ? 4 : 2), attr.value),
        })),
  'segment without an AS': (update, choice) =>
    change(update, choice, [2], (attr) => ({ ...attr, value: concat(attr.value, b.u8(2, 0)) })),
  'half a segment header': (update, choice) =>
    change(update, choice, [2], (attr) => ({ ...attr, value: concat(attr.value, b.u8(2)) })),
  'AS4_PATH of a four-octet speaker': (update, _choice, { asn4 }) =>
    asn4 ? withAttr(update, 17, b.asPathValue([65001])) : null,
  'LOCAL_PREF of another AS': (update, _choice, { ebgp }) =>
    ebgp ? withAttr(update, 5, b.u32be(100), b.TRANSITIVE) : null,
  'AIGP TLV of a wrong length': (update, choice, { ebgp }) => {
    const wrong = [b.u8(1, 0, 10, ...new Array(7).fill(0)), b.u8(1, 0, 11), b.u8(1, 0, 2)]
    return ebgp ? null : withAttr(update, 26, wrong[choice % wrong.length]!, b.OPTIONAL)
  },
  'PMSI tunnel type nobody defined': (update) => withAttr(update, 22, b.u8(0, 9, 0, 0, 0)),
  'tunnel TLV past the end': (update, choice) =>
    withAttr(update, 23, [b.u8(0, 8, 0), b.u8(0, 8, 0, 9, 1), b.u8(0, 8, 0, 2, 4, 9)][choice % 3]!),
  'tunnels without an egress endpoint': (update, choice) =>
    advertises(update)
      ? withAttr(update, 23, [b.u8(0, 8, 0, 0), b.u8(0, 8, 0, 3, 4, 1, 0)][choice % 2]!)
      : null,
  'next hop that is no host': (update, choice) =>
    change(update, choice, [3], () => ({
      flags: b.TRANSITIVE,
      type: 3,
      value: choice % 5 === 0 ? b.u8(255, 255, 255, 255) : b.u8(224 + (choice % 16), 0, 0, 1),
    })),
  'Prefix-SID whose lengths do not add up': (update, choice) =>
    withAttr(update, 40, BAD_SERVICES[choice % BAD_SERVICES.length]!),
  'EVPN route with a length in it that is not its own': (update, choice, { addPath }) =>
    change(update, choice, [14], (attr) =>
      attr.value[1] === 25 && attr.value[2] === 70
        ? {
            ...attr,
            value: concat(
              attr.value,
              b.u8(...(addPath ? [0, 0, 0, 1] : [])),
              BAD_EVPN[choice % BAD_EVPN.length]!,
            ),
          }
        : null,
    ),
  'AS 0': (update, choice) =>
    change(update, choice, [2], (attr) => ({
      ...attr,
      value: concat(attr.value, b.u8(2, 2, 0, 0, 0, 0, 0, 0, 0, 0)),
    })),
  'next hop of no length the family has': (update, choice) =>
    change(update, choice, [14], (attr) => {
      const value = attr.value.slice()
      value[3] = [1, 5, 11, 17, 33, 255][choice % 6]!
      return isKnown(value) ? { ...attr, value } : null
    }),
  'NLRI field of another family': (update, choice) =>
    change(update, choice, [14], (attr) => {
      const value = attr.value.slice()
      // 129 bits and more: no IPv4 or IPv6 prefix, and past the end of the field
      return isKnown(value) ? { ...attr, value: concat(value, b.u8(250)) } : null
    }),
  'withdrawn prefix past the end': (update) =>
    writeUpdate({ ...update, withdrawn: concat(update.withdrawn, b.u8(32)) }),
  'prefix longer than the family has': (update, _choice, { addPath }) => {
    const long = concat(b.u8(...(addPath ? [0, 0, 0, 1] : [])), b.u8(33, 0, 0, 0, 0, 0))
    return writeUpdate({ ...update, withdrawn: concat(long, update.withdrawn) })
  },
  'withdrawn length past the end': (update) => {
    const body = writeUpdate(update)
    body.set([0xff, 0xff], 0)
    return body
  },
  'attributes length past the end': (update) => {
    const body = writeUpdate(update)
    body.set([0xff, 0xff], 2 + update.withdrawn.length)
    return body
  },
  'attribute past the end of the attributes': (update, choice) => {
    const last = b.u8(b.OPTIONAL | b.TRANSITIVE, 8, 4 + (choice % 200), 0, 0)
    return append(update, last)
  },
  'half an attribute header': (update, choice) =>
    append(update, [b.u8(0xc0), b.u8(0xc0, 8), b.u8(0xd0, 8, 0)][choice % 3]!),
  'not even the length fields': (update, choice) => writeUpdate(update).slice(0, choice % 4),
  'half a message': (update, choice) => {
    const body = writeUpdate(update)
    const attrsAt = 4 + update.withdrawn.length
    const end = body.length - update.nlri.length
    return end === attrsAt ? null : body.slice(0, attrsAt + (choice % (end - attrsAt)))
  },
}

/** A sound UPDATE made wrong in one of the ways `names`, with the way's name. */
export function malformedUpdate(
  session: GrammarSession,
  names: string[] = Object.keys(MALFORMATIONS),
): fc.Arbitrary<{ name: string; body: Uint8Array }> {
  return fc
    .tuple(soundUpdate(session), fc.constantFrom(...names), fc.nat(0xffff))
    .map(([update, name, choice]) => ({
      name,
      body: MALFORMATIONS[name]!(update, choice, session),
    }))
    .filter((one): one is { name: string; body: Uint8Array } => one.body !== null)
}

/** Can the way apply on the session at all? */
export function isPossible(name: string, { asn4, ebgp }: GrammarSession): boolean {
  const needs = NEEDS[name]
  return needs === undefined || needs({ asn4, ebgp })
}

const NEEDS: Record<string, (session: { asn4: boolean; ebgp: boolean }) => boolean> = {
  'confederation segment from outside': ({ ebgp }) => ebgp,
  'LOCAL_PREF of another AS': ({ ebgp }) => ebgp,
  'AS4_PATH of a four-octet speaker': ({ asn4 }) => asn4,
  'AIGP TLV of a wrong length': ({ ebgp }) => !ebgp,
}

/** The update with one of the attributes of `types` changed; null when it has none of them. */
function change(
  update: GrammarUpdate,
  choice: number,
  types: number[],
  how: (attr: GrammarAttr) => GrammarAttr | null,
): Uint8Array | null {
  const rows = update.attrs.flatMap(({ type }, row) => (types.includes(type) ? [row] : []))
  if (rows.length === 0) return null
  const row = rows[choice % rows.length]!
  const attr = how(update.attrs[row]!)
  return attr === null ? null : writeUpdate({ ...update, attrs: update.attrs.with(row, attr) })
}

/** The update with an attribute in the place of any of the type; null where it has no routes. */
function withAttr(
  update: GrammarUpdate,
  type: number,
  value: Uint8Array,
  flags = b.OPTIONAL | b.TRANSITIVE,
): Uint8Array | null {
  if (!update.attrs.some((attr) => attr.type === 1)) return null
  const others = update.attrs.filter((attr) => attr.type !== type)
  return writeUpdate({ ...update, attrs: [...others, { flags, type, value }] })
}

/** Octets behind the last attribute, counted in the attributes' length. */
function append(update: GrammarUpdate, octets: Uint8Array): Uint8Array {
  const path = update.attrs.map(({ flags, type, value }) => b.attr(flags, type, value))
  const attrs = concat(...path, octets)
  const { withdrawn, nlri } = update
  return concat(b.u16be(withdrawn.length), withdrawn, b.u16be(attrs.length), attrs, nlri)
}

/** Has it routes outside MP_REACH_NLRI? */
function advertises({ nlri }: GrammarUpdate): boolean {
  return nlri.length > 0
}

/** Of an MP_REACH_NLRI: of IPv4 or IPv6 unicast or VPN. */
function isKnown(value: Uint8Array): boolean {
  return (
    value[0] === 0 && (value[1] === 1 || value[1] === 2) && (value[2] === 1 || value[2] === 128)
  )
}
