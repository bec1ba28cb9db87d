/**
 * parse∘pack = identity: an accepted UPDATE, given to the packer as routes, comes back from the
 * parser as the same routes with the same attributes and next hop.
 */
import { putAttrHeader } from '../../src/wire/attr-writer.ts'
import { Attr, AttrFlag, Family, familySpec, Outcome } from '../../src/wire/registry.ts'
import { UpdatePacker } from '../../src/wire/update-packer.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import { type Visitor, walk } from './digest.ts'

const HEADER = 19
const MAX = 65535
/** What the packer writes: unicast and VPN. */
const PACKED: readonly number[] = [
  Family.IPV4_UNICAST,
  Family.IPV6_UNICAST,
  Family.VPNV4,
  Family.VPNV6,
]
const MP = [Attr.MP_REACH_NLRI, Attr.MP_UNREACH_NLRI] as readonly number[]

interface Nlri {
  family: Family
  withdraw: boolean
  /** In the NLRI field of the message, not in an attribute. */
  classic: boolean
  octets: number
  key: Int32Array
  bits: number
  label: number
  pathId: number
}

/**
 * The octets of both sides as text when they differ, null when they agree, undefined for a message
 * that the packer has no means for: 2-octet AS numbers, other families, label stacks, a next hop
 * with a route distinguisher, or one that NEXT_HOP may not have, attributes that fill a message.
 */
export function repackDifference(
  view: UpdateView,
  session: UpdateSession,
): { sent: string; got: string } | null | undefined {
  if (!session.asn4 || view.outcome !== Outcome.OK) return undefined
  if (view.endOfRib !== 0) return endOfRibDifference(view.endOfRib, session)
  const nlri: Nlri[] = []
  const collect: Visitor = (c, family, withdraw, octets) => {
    nlri.push(take(view, c, family, withdraw, octets))
  }
  if (walk(view, collect) !== null) return undefined
  if (nlri.length === 0 || !nlri.every((one) => isPackable(view, one))) return undefined
  const hops = { classic: classicHop(view), mp: mpHop(view) }
  const needsMp = nlri.some(({ withdraw }) => !withdraw) && view.reachAt < view.reachEnd
  if (needsMp && (hops.mp === null || isNoHost(hops.mp))) return undefined
  const attrs = attributesOf(view)
  if (attrs.length > 4096) return undefined
  return compare(session, nlri, hops, attrs)
}

/** MP_REACH_NLRI may have it, the NEXT_HOP it is packed as may not (RFC 4271 §6.3). */
function isNoHost(hop: Uint8Array): boolean {
  return hop.length === 4 && (hop[0]! >>> 4 === 14 || hop.every((octet) => octet === 255))
}

function compare(
  session: UpdateSession,
  nlri: Nlri[],
  hops: { classic: Uint8Array; mp: Uint8Array | null },
  attrs: Uint8Array,
): { sent: string; got: string } | null | undefined {
  const again = new UpdateView()
  const got: string[] = []
  const packer = new UpdatePacker((buf, at, end) => {
    parseUpdate(again, buf, at + HEADER, end, session)
    if (again.outcome !== Outcome.OK) got.push(`outcome ${again.outcome} reason ${again.reason}`)
    const kept = text(attributesOf(again))
    const hop = again.reachFamily === 0 ? classicHop(again) : (mpHop(again) ?? [])
    walk(again, (c, family, withdraw, octets) => {
      got.push(show(take(again, c, family, withdraw, octets), text(hop), kept))
    })
  })
  packer.configure({ maxLength: MAX, asn4: true, addPath: session.addPath })
  const sent: string[] = []
  let open = ''
  for (const one of nlri) {
    const hop = one.classic || hops.mp === null ? hops.classic : hops.mp
    const group = `${one.withdraw}${one.classic}${one.family}`
    if (group !== open) {
      if (one.withdraw) packer.withdraw(one.family)
      else packer.reach(one.family, hop, 0, hop.length, attrs, 0, attrs.length)
    }
    open = group
    packer.add(one.key, 0, one.bits, one.label, one.pathId)
    sent.push(show(one, text(mapped(one.family, hop)), text(attrs)))
  }
  packer.flush()
  if (packer.tooLong > 0) return undefined
  const [a, b] = [sent.join('\n'), got.join('\n')]
  return a === b ? null : { sent: a, got: b }
}

function endOfRibDifference(family: Family, session: UpdateSession) {
  if (!PACKED.includes(family)) return undefined
  const again = new UpdateView()
  let got = 0
  const packer = new UpdatePacker((buf, at, end) => {
    parseUpdate(again, buf, at + HEADER, end, session)
    got = again.endOfRib
  })
  packer.configure({ maxLength: MAX, asn4: true, addPath: session.addPath })
  packer.endOfRib(family)
  return got === family ? null : { sent: `end of RIB ${family}`, got: `${got}` }
}

function take(
  view: UpdateView,
  c: Parameters<Visitor>[0],
  family: Family,
  withdraw: boolean,
  octets: number,
): Nlri {
  return {
    family,
    withdraw,
    classic: !withdraw && c.nlriAt >= view.nlriAt,
    octets,
    key: c.key.slice(0, c.keyWords),
    bits: c.prefixBits,
    label: withdraw ? 0 : c.label,
    pathId: c.pathId,
  }
}

/** One label at most: the octets are those of the form the packer writes. */
function isPackable(view: UpdateView, nlri: Nlri): boolean {
  return PACKED.includes(nlri.family) && nlri.octets === sizeOf(nlri, view)
}

function sizeOf({ family, bits }: Nlri, view: UpdateView): number {
  const spec = familySpec(family)
  const addPath = (view.addPath & (1 << family)) !== 0
  return 1 + (addPath ? 4 : 0) + (spec.hasLabel ? 3 : 0) + (spec.hasRd ? 8 : 0) + ((bits + 7) >>> 3)
}

function classicHop(view: UpdateView): Uint8Array {
  const row = view.indexOf(Attr.NEXT_HOP)
  if (row < 0) return new Uint8Array(4)
  return view.buf.slice(view.attrValueAt(row), view.attrEnd(row))
}

/** The addresses of MP_REACH_NLRI without route distinguishers; null where one is not 0. */
function mpHop(view: UpdateView): Uint8Array | null {
  const { buf, nextHopAt, nextHopLen, reachFamily } = view
  const hop = buf.slice(nextHopAt, nextHopAt + nextHopLen)
  if (reachFamily === 0 || !familySpec(reachFamily).hasRd) return hop
  const step = nextHopLen === 12 ? 12 : 24
  const out: number[] = []
  for (let k = 0; k < hop.length; k += step) {
    if (hop.subarray(k, k + 8).some((octet) => octet !== 0)) return null
    out.push(...hop.subarray(k + 8, k + step))
  }
  return Uint8Array.from(out)
}

/** RFC 4659 §3.2.1.2: an IPv4 next hop of an IPv6 family is sent IPv4-mapped. */
function mapped(family: Family, hop: Uint8Array): Uint8Array {
  const isWide = family === Family.IPV6_UNICAST || family === Family.VPNV6
  if (!isWide || hop.length !== 4) return hop
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...hop])
}

/** Ascending by type, without those the packer writes itself, lengths as short as they go. */
function attributesOf(view: UpdateView): Uint8Array {
  const rows = Array.from({ length: view.attrCount }, (_, row) => row)
    .filter((row) => !MP.includes(view.attrType(row)) && view.attrType(row) !== Attr.NEXT_HOP)
    .sort((a, b) => view.attrType(a) - view.attrType(b))
  const parts: Uint8Array[] = []
  for (const row of rows) {
    const value = view.buf.subarray(view.attrValueAt(row), view.attrEnd(row))
    const head = new Uint8Array(4)
    const flags = view.attrFlags(row) & ~AttrFlag.EXTENDED_LENGTH
    const end = putAttrHeader(head, 0, flags, view.attrType(row), value.length)
    parts.push(head.subarray(0, end), value)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function text(octets: Uint8Array | number[]): string {
  return Buffer.from(octets).toString('hex')
}

function show(nlri: Nlri, hop: string, attrs: string): string {
  const route = `${nlri.family} ${nlri.pathId} ${nlri.key.join('.')}/${nlri.bits} ${nlri.label}`
  return nlri.withdraw ? `-${route}` : `+${route} ${hop} ${attrs}`
}
