/**
 * What the kernel says, of the kinds that srv6d installs: routes over nexthop objects, nexthop
 * objects, SIDs; links and addresses. Anything else decodes to undefined.
 */
import {
  type EncapMode,
  type InterfaceAddress,
  type KernelNexthop,
  type KernelRoute,
  type Link,
  type LocalSid,
  type NexthopMember,
  type NexthopSpec,
  RouteKind,
  type RouteNotice,
  type SidTarget,
} from './kernel.ts'
import { LITTLE_ENDIAN } from './netlink-writer.ts'
import {
  AF_INET6,
  AF_UNSPEC,
  IFF_LOWER_UP,
  IFF_UP,
  Ifa,
  Ifla,
  LWTUNNEL_ENCAP_SEG6,
  LWTUNNEL_ENCAP_SEG6_LOCAL,
  Netconfa,
  Nha,
  RT_TABLE_MAIN,
  RTNH_F_ONLINK,
  RTPROT_SRV6D,
  Rta,
  Rtax,
  SEG6_IPTUN_MODE_ENCAP,
  SEG6_IPTUN_MODE_ENCAP_RED,
  SEG6_IPTUNNEL_SRH,
  Seg6Local,
} from './rtnetlink-constants.ts'
import { sidBehavior } from './rtnetlink-encode.ts'

/** A span of octets with fields in host order: a message's payload or an attribute's value. */
export class Span {
  readonly buf: Uint8Array
  readonly at: number
  readonly end: number
  readonly #view: DataView

  constructor(buf: Uint8Array, at = 0, end = buf.length) {
    this.buf = buf
    this.at = at
    this.end = end
    this.#view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength)
  }

  get length(): number {
    return this.end - this.at
  }

  u8(offset = 0): number {
    return offset < this.length ? this.buf[this.at + offset]! : 0
  }

  u16(offset = 0): number {
    return offset + 2 <= this.length ? this.#view.getUint16(this.at + offset, LITTLE_ENDIAN) : 0
  }

  u32(offset = 0): number {
    return offset + 4 <= this.length ? this.#view.getUint32(this.at + offset, LITTLE_ENDIAN) : 0
  }

  /** Four octets in network order, as a signed integer. */
  word(offset: number): number {
    return offset + 4 <= this.length ? this.#view.getInt32(this.at + offset, false) : 0
  }

  copy(): Uint8Array {
    return this.buf.slice(this.at, this.end)
  }

  text(): string {
    return new TextDecoder().decode(this.buf.subarray(this.at, this.end)).replace(/\0.*$/s, '')
  }

  /** The attributes behind a fixed part of `skip` octets: rtattr len(2) type(2) value. */
  attributes(skip = 0): Map<number, Span> {
    const found = new Map<number, Span>()
    let at = this.at + skip
    while (at + 4 <= this.end) {
      const len = this.#view.getUint16(at, LITTLE_ENDIAN)
      if (len < 4 || at + len > this.end) break
      const type = this.#view.getUint16(at + 2, LITTLE_ENDIAN) & 0x3fff
      found.set(type, new Span(this.buf, at + 4, at + len))
      at += (len + 3) & ~3
    }
    return found
  }
}

const RTMSG_BYTES = 12

/** HOT: any route of a notification, into `into`. `nexthop` is 0 where it has no nexthop object. */
export function readRouteNotice(message: Span, into: RouteNotice): void {
  into.family = message.u8() === AF_INET6 ? 6 : 4
  into.bits = message.u8(1)
  into.table = message.u8(4)
  into.protocol = message.u8(5)
  into.kind = message.u8(7)
  into.nexthop = 0
  into.metric = 0
  into.mtu = 0
  into.words.fill(0)
  for (let at = RTMSG_BYTES; at + 4 <= message.length; ) {
    const len = message.u16(at)
    if (len < 4 || at + len > message.length) break
    const type = message.u16(at + 2) & 0x3fff
    if (type === Rta.TABLE) into.table = message.u32(at + 4)
    else if (type === Rta.PRIORITY) into.metric = message.u32(at + 4)
    else if (type === Rta.NH_ID) into.nexthop = message.u32(at + 4)
    else if (type === Rta.METRICS) into.mtu = mtuIn(message, at + 4, at + len)
    else if (type === Rta.DST) {
      for (let k = 0; k * 4 < len - 4; k++) into.words[k] = message.word(at + 4 + k * 4)
    }
    at += (len + 3) & ~3
  }
}

/** rtmsg of a route by nexthop object, or of a kind that needs none, whoever made it. */
export function decodeRoute(message: Span): KernelRoute | undefined {
  const attributes = message.attributes(RTMSG_BYTES)
  const kind = message.u8(7)
  const nexthop = attributes.get(Rta.NH_ID)?.u32() ?? 0
  if ((kind === RouteKind.UNICAST || kind === RouteKind.LOCAL) && nexthop === 0) return undefined
  const words = new Int32Array(4)
  const destination = attributes.get(Rta.DST)
  if (destination) for (let k = 0; k < 4; k++) words[k] = destination.word(k * 4)
  return {
    table: attributes.get(Rta.TABLE)?.u32() ?? message.u8(4),
    family: message.u8() === AF_INET6 ? 6 : 4,
    words,
    bits: message.u8(1),
    kind,
    nexthop,
    metric: attributes.get(Rta.PRIORITY)?.u32() ?? 0,
    mtu: mtuOf(attributes) ?? 0,
    protocol: message.u8(5),
  }
}

function mtuOf(attributes: Map<number, Span>): number | undefined {
  return attributes.get(Rta.METRICS)?.attributes().get(Rtax.MTU)?.u32()
}

/** rtmsg of a seg6local route of srv6d in the main table. */
export function decodeLocalSid(message: Span): LocalSid | undefined {
  if (message.u8() !== AF_INET6 || message.u8(5) !== RTPROT_SRV6D) return undefined
  const attributes = message.attributes(RTMSG_BYTES)
  if (attributes.get(Rta.ENCAP_TYPE)?.u16() !== LWTUNNEL_ENCAP_SEG6_LOCAL) return undefined
  if ((attributes.get(Rta.TABLE)?.u32() ?? message.u8(4)) !== RT_TABLE_MAIN) return undefined
  const encap = attributes.get(Rta.ENCAP)?.attributes() ?? new Map<number, Span>()
  return {
    sid: attributes.get(Rta.DST)?.copy() ?? new Uint8Array(16),
    prefixBits: message.u8(1),
    behavior: sidBehavior(encap.get(Seg6Local.ACTION)?.u32() ?? 0),
    target: decodeSidTarget(encap),
    ifindex: attributes.get(Rta.OIF)?.u32() ?? 0,
  }
}

function decodeSidTarget(encap: Map<number, Span>): SidTarget {
  const address = encap.get(Seg6Local.NH4) ?? encap.get(Seg6Local.NH6)
  if (address) return { kind: 'next-hop', address: address.copy() }
  const vrfTable = encap.get(Seg6Local.VRFTABLE)
  if (vrfTable) return { kind: 'vrftable', table: vrfTable.u32() }
  return { kind: 'table', table: encap.get(Seg6Local.TABLE)?.u32() ?? 0 }
}

function mtuIn(message: Span, from: number, end: number): number {
  for (let at = from; at + 8 <= end && message.u16(at) >= 4; at += (message.u16(at) + 3) & ~3) {
    if ((message.u16(at + 2) & 0x3fff) === Rtax.MTU) return message.u32(at + 4)
  }
  return 0
}

/** The id of any nexthop object. */
export function nexthopId(message: Span): number {
  return message.attributes(8).get(Nha.ID)?.u32() ?? 0
}

/** nhmsg of a nexthop object of srv6d, a leaf or a group. */
export function decodeNexthop(message: Span): KernelNexthop | undefined {
  if (message.u8(2) !== RTPROT_SRV6D) return undefined
  const attributes = message.attributes(8)
  const id = attributes.get(Nha.ID)
  if (!id || attributes.has(Nha.BLACKHOLE)) return undefined
  const group = attributes.get(Nha.GROUP)
  if (group) return { id: id.u32(), members: decodeMembers(group) }
  const nexthop: NexthopSpec = { id: id.u32(), ifindex: attributes.get(Nha.OIF)?.u32() ?? 0 }
  const gateway = attributes.get(Nha.GATEWAY)
  if (gateway) nexthop.gateway = gateway.copy()
  if ((message.u32(4) & RTNH_F_ONLINK) !== 0) nexthop.onlink = true
  if (attributes.get(Nha.ENCAP_TYPE)?.u16() === LWTUNNEL_ENCAP_SEG6) {
    const tunnel = attributes.get(Nha.ENCAP)?.attributes().get(SEG6_IPTUNNEL_SRH)
    if (tunnel) decodeSeg6Tunnel(tunnel, nexthop)
  }
  return nexthop
}

/** nexthop_grp: id(4) weight less one(1) its high octet(1) reserved(2). */
function decodeMembers(group: Span): NexthopMember[] {
  const members: NexthopMember[] = []
  for (let at = 0; at + 8 <= group.length; at += 8) {
    members.push({ id: group.u32(at), weight: ((group.u8(at + 5) << 8) | group.u8(at + 4)) + 1 })
  }
  return members
}

function decodeSeg6Tunnel(tunnel: Span, nexthop: NexthopSpec): void {
  nexthop.segments = []
  const first = tunnel.u8(8)
  for (let k = first; k >= 0; k--) {
    const at = tunnel.at + 12 + k * 16
    nexthop.segments.push(tunnel.buf.slice(at, at + 16))
  }
  const mode = MODES.get(tunnel.u32())
  if (mode) nexthop.mode = mode
}

const MODES = new Map<number, EncapMode>([
  [SEG6_IPTUN_MODE_ENCAP, 'encap'],
  [SEG6_IPTUN_MODE_ENCAP_RED, 'encap.red'],
])

/** The answer to RTM_GETROUTE with RTM_F_FIB_MATCH: which route an address goes by, and whose it is. */
export function decodeRouteOwner(message: Span): {
  destination: Uint8Array
  bits: number
  protocol: number
  kind: number
} {
  const destination = message.attributes(RTMSG_BYTES).get(Rta.DST)?.copy() ?? new Uint8Array(0)
  return { destination, bits: message.u8(1), protocol: message.u8(5), kind: message.u8(7) }
}

/** The answer to RTM_GETROUTE. */
export function decodeRouteTo(message: Span): {
  ifindex: number
  gateway?: Uint8Array
  metric?: number
  mtu?: number
  kind: number
} {
  const attributes = message.attributes(RTMSG_BYTES)
  const gateway = attributes.get(Rta.GATEWAY)?.copy() ?? viaOf(attributes.get(Rta.VIA))
  const metric = attributes.get(Rta.PRIORITY)?.u32()
  const mtu = mtuOf(attributes)
  return {
    ifindex: attributes.get(Rta.OIF)?.u32() ?? 0,
    kind: message.u8(7),
    ...(gateway ? { gateway } : {}),
    ...(metric === undefined ? {} : { metric }),
    ...(mtu === undefined ? {} : { mtu }),
  }
}

/** rtvia: family(2) address; an IPv4 route's gateway of the other family. */
function viaOf(via: Span | undefined): Uint8Array | undefined {
  return via?.copy().subarray(2)
}

const USABLE = IFF_UP | IFF_LOWER_UP

/** Some notifications of a link tell one thing only: of a bridge's port, of wireless events. */
export function isWholeLink(message: Span): boolean {
  return message.u8() === AF_UNSPEC && message.attributes(16).has(Ifla.MTU)
}

/** ifinfomsg: family(1) pad(1) type(2) index(4) flags(4) change(4). */
export function decodeLink(message: Span): Link {
  const attributes = message.attributes(16)
  const info = attributes.get(Ifla.LINKINFO)?.attributes()
  const kind = info?.get(Ifla.INFO_KIND)?.text()
  const alias = attributes.get(Ifla.IFALIAS)?.text()
  const table =
    kind === 'vrf' ? info?.get(Ifla.INFO_DATA)?.attributes().get(Ifla.VRF_TABLE)?.u32() : undefined
  return {
    ifindex: message.u32(4),
    name: attributes.get(Ifla.IFNAME)?.text() ?? '',
    up: (message.u32(8) & USABLE) === USABLE,
    master: attributes.get(Ifla.MASTER)?.u32() ?? 0,
    mtu: attributes.get(Ifla.MTU)?.u32() ?? 0,
    ...(kind === undefined ? {} : { kind }),
    ...(table === undefined ? {} : { vrfTable: table }),
    ...(alias === undefined ? {} : { alias }),
  }
}

/** netconfmsg: whose settings changed; -1 of all interfaces, -2 of those to come. */
export function netconfIfindex(message: Span): number {
  return (message.attributes(4).get(Netconfa.IFINDEX)?.u32() ?? 0) | 0
}

/** ifaddrmsg: family(1) prefixlen(1) flags(1) scope(1) index(4). */
export function decodeAddress(message: Span): InterfaceAddress | undefined {
  const attributes = message.attributes(8)
  const address = attributes.get(Ifa.LOCAL) ?? attributes.get(Ifa.ADDRESS)
  if (!address) return undefined
  return {
    ifindex: message.u32(4),
    address: address.copy(),
    bits: message.u8(1),
    scope: message.u8(3),
    flags: attributes.get(Ifa.FLAGS)?.u32() ?? message.u8(2),
  }
}
