/**
 * Requests to the kernel as bytes: routes over nexthop objects, nexthop objects with seg6
 * encapsulation, SIDs as seg6local routes, look-ups and dumps.
 */
import { Behavior } from '../wire/registry.ts'
import {
  type LocalSid,
  type NexthopGroup,
  type NexthopSpec,
  type RouteBatch,
  RouteKind,
  RouteOp,
  type SidTarget,
} from './kernel.ts'
import type { NetlinkWriter } from './netlink-writer.ts'
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  GENL_ID_CTRL,
  LWTUNNEL_ENCAP_SEG6,
  LWTUNNEL_ENCAP_SEG6_LOCAL,
  Nha,
  NLA_F_NESTED,
  Nlm,
  ROUTE_METRIC,
  RT_SCOPE_HOST,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  type RTM_F_FIB_MATCH,
  RTN_UNICAST,
  RTN_UNSPEC,
  RTNH_F_ONLINK,
  RTPROT_SRV6D,
  Rta,
  Rtax,
  Rtm,
  SEG6_ATTR_DST,
  SEG6_CMD_GET_TUNSRC,
  SEG6_CMD_SET_TUNSRC,
  SEG6_GENL_NAME,
  SEG6_IPTUN_MODE_ENCAP,
  SEG6_IPTUN_MODE_ENCAP_RED,
  SEG6_IPTUNNEL_SRH,
  Seg6Local,
  Seg6LocalAction,
} from './rtnetlink-constants.ts'

/** Room that one route change needs at most. */
export const ROUTE_MESSAGE_BYTES = 100

/** HOT: one change of a batch as RTM_NEWROUTE or RTM_DELROUTE, without asking for an ack. */
export function encodeRoute(w: NetlinkWriter, batch: RouteBatch, k: number, seq: number): void {
  const op = batch.op[k]
  const put = op !== RouteOp.DELETE
  const how = op === RouteOp.CREATE ? Nlm.EXCL : Nlm.REPLACE
  if (put) w.begin(Rtm.NEWROUTE, Nlm.REQUEST | Nlm.CREATE | how, seq)
  else w.begin(Rtm.DELROUTE, Nlm.REQUEST, seq)
  const ipv6 = batch.family[k] === 6
  // rtmsg: family dst_len src_len tos table protocol scope type flags(4)
  w.u8(ipv6 ? AF_INET6 : AF_INET)
  w.u8(batch.bits[k]!)
  w.u16(0)
  w.u8(0) // the table is in RTA_TABLE
  w.u8(RTPROT_SRV6D) // in a delete too: only ours is deleted
  w.u8(put ? scopeOf(batch.kind[k]!) : ipv6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE)
  w.u8(put ? batch.kind[k]! : RTN_UNSPEC)
  w.u32(0)
  w.u16(ipv6 ? 20 : 8)
  w.u16(Rta.DST)
  w.word(batch.words[k * 4]!)
  if (ipv6) {
    w.word(batch.words[k * 4 + 1]!)
    w.word(batch.words[k * 4 + 2]!)
    w.word(batch.words[k * 4 + 3]!)
  }
  w.attrU32(Rta.TABLE, batch.table[k]!)
  w.attrU32(Rta.PRIORITY, batch.metric[k]!)
  if (put && batch.nexthop[k] !== 0) {
    w.attrU32(Rta.NH_ID, batch.nexthop[k]!)
    if (batch.mtu[k] !== 0) encodeMetrics(w, batch.mtu[k]!, batch.advmss[k]!)
  }
  w.finish()
}

function encodeMetrics(w: NetlinkWriter, mtu: number, advmss: number): void {
  const metrics = w.open(Rta.METRICS | NLA_F_NESTED)
  w.attrU32(Rtax.MTU, mtu)
  w.attrU32(Rtax.ADVMSS, advmss)
  w.close(metrics)
}

function scopeOf(kind: number): number {
  return kind === RouteKind.LOCAL ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE
}

/** RTM_NEWNEXTHOP that fails with EEXIST where the id is taken. */
export function encodeNewNexthop(w: NetlinkWriter, nexthop: NexthopSpec, seq: number): void {
  w.begin(Rtm.NEWNEXTHOP, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | Nlm.EXCL, seq)
  // nhmsg: family scope protocol reserved flags(4). An AF_INET object serves IPv4 routes only, so
  // it is taken where an IPv4 gateway asks for it and nowhere else.
  w.u8(nexthop.gateway?.length === 4 ? AF_INET : AF_INET6)
  w.u8(0)
  w.u8(RTPROT_SRV6D)
  w.u8(0)
  w.u32(nexthop.onlink ? RTNH_F_ONLINK : 0)
  w.attrU32(Nha.ID, nexthop.id)
  w.attrU32(Nha.OIF, nexthop.ifindex)
  if (nexthop.gateway) w.attrBytes(Nha.GATEWAY, nexthop.gateway)
  if (nexthop.segments && nexthop.segments.length > 0) {
    w.attrU16(Nha.ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6)
    const encap = w.open(Nha.ENCAP | NLA_F_NESTED)
    encodeSeg6Tunnel(w, nexthop.segments, nexthop.mode ?? 'encap.red')
    w.close(encap)
  }
  w.finish()
}

/**
 * RTM_NEWNEXTHOP of a group: a new one fails with EEXIST where the id is taken, a replacement with
 * ENOENT where there is none to replace.
 */
export function encodeNexthopGroup(
  w: NetlinkWriter,
  group: NexthopGroup,
  replace: boolean,
  seq: number,
): void {
  const how = replace ? Nlm.REPLACE : Nlm.CREATE | Nlm.EXCL
  w.begin(Rtm.NEWNEXTHOP, Nlm.REQUEST | Nlm.ACK | how, seq)
  w.u8(AF_UNSPEC)
  w.u8(0)
  w.u8(RTPROT_SRV6D)
  w.u8(0)
  w.u32(0)
  w.attrU32(Nha.ID, group.id)
  // nexthop_grp: id(4) weight less one(1) its high octet(1) reserved(2)
  const members = w.open(Nha.GROUP)
  for (const { id, weight } of group.members) {
    w.u32(id)
    w.u8(weight - 1)
    w.zeros(3)
  }
  w.close(members)
  w.finish()
}

/**
 * seg6_iptunnel_encap: mode(4), then the SRH (RFC 8754 §2): nexthdr hdrlen type segments_left
 * first_segment flags tag(2) segments, the last one first. The kernel wants the whole header also
 * for H.Encaps.Red and leaves it out itself.
 */
function encodeSeg6Tunnel(w: NetlinkWriter, segments: Uint8Array[], mode: string): void {
  const srh = w.open(SEG6_IPTUNNEL_SRH)
  w.u32(mode === 'encap' ? SEG6_IPTUN_MODE_ENCAP : SEG6_IPTUN_MODE_ENCAP_RED)
  w.u8(0)
  w.u8(segments.length * 2)
  w.u8(4)
  w.u8(segments.length - 1)
  w.u8(segments.length - 1)
  w.u8(0)
  w.u16(0)
  for (let k = segments.length - 1; k >= 0; k--) w.bytes(segments[k]!)
  w.close(srh)
}

export function encodeDelNexthop(w: NetlinkWriter, id: number, seq: number): void {
  w.begin(Rtm.DELNEXTHOP, Nlm.REQUEST | Nlm.ACK, seq)
  w.u32(0)
  w.u32(0)
  w.attrU32(Nha.ID, id)
  w.finish()
}

/**
 * The kernel's action for an endpoint behaviour, undefined where it has none for this target. A
 * NEXT-CSID behaviour (RFC 9800) that ends here is the classic action on its /128, as FRR has it:
 * what follows it in the address is zero.
 */
export function sidAction({ behavior, target }: LocalSid): number | undefined {
  const row = SID_ACTIONS.find((r) => r.classic === behavior || r.nextCsid === behavior)
  return row?.targets.includes(targetForm(target)) ? row.action : undefined
}

/** The classic behaviour of a kernel action: what a dump says of a SID. */
export function sidBehavior(action: number): number {
  return SID_ACTIONS.find((row) => row.action === action)?.classic ?? 0
}

type TargetForm = 'vrftable' | 'table' | 'nh4' | 'nh6'

function targetForm(target: SidTarget): TargetForm {
  if (target.kind !== 'next-hop') return target.kind
  return target.address.length === 4 ? 'nh4' : 'nh6'
}

// biome-ignore format: one row an action
const SID_ACTIONS: { action: number; classic: number; nextCsid: number; targets: TargetForm[] }[] = [
  { action: Seg6LocalAction.END_DX6,  classic: Behavior.END_DX6,  nextCsid: Behavior.END_DX6_NEXT_CSID,  targets: ['nh6'] },
  { action: Seg6LocalAction.END_DX4,  classic: Behavior.END_DX4,  nextCsid: Behavior.END_DX4_NEXT_CSID,  targets: ['nh4'] },
  { action: Seg6LocalAction.END_DT6,  classic: Behavior.END_DT6,  nextCsid: Behavior.END_DT6_NEXT_CSID,  targets: ['vrftable', 'table'] },
  { action: Seg6LocalAction.END_DT4,  classic: Behavior.END_DT4,  nextCsid: Behavior.END_DT4_NEXT_CSID,  targets: ['vrftable'] },
  { action: Seg6LocalAction.END_DT46, classic: Behavior.END_DT46, nextCsid: Behavior.END_DT46_NEXT_CSID, targets: ['vrftable'] },
]

/** RTM_NEWROUTE of a SID: seg6local in the main table. */
export function encodeNewLocalSid(
  w: NetlinkWriter,
  sid: LocalSid,
  action: number,
  how: 'create' | 'replace',
  seq: number,
): void {
  const flag = how === 'create' ? Nlm.EXCL : Nlm.REPLACE
  w.begin(Rtm.NEWROUTE, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | flag, seq)
  sidHeader(w, sid, RTN_UNICAST)
  w.attrU32(Rta.OIF, sid.ifindex)
  w.attrU16(Rta.ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6_LOCAL)
  const encap = w.open(Rta.ENCAP | NLA_F_NESTED)
  w.attrU32(Seg6Local.ACTION, action)
  const { target } = sid
  if (target.kind === 'vrftable') w.attrU32(Seg6Local.VRFTABLE, target.table)
  else if (target.kind === 'table') w.attrU32(Seg6Local.TABLE, target.table)
  else w.attrBytes(target.address.length === 4 ? Seg6Local.NH4 : Seg6Local.NH6, target.address)
  w.close(encap)
  w.finish()
}

export function encodeDelLocalSid(w: NetlinkWriter, sid: LocalSid, seq: number): void {
  w.begin(Rtm.DELROUTE, Nlm.REQUEST | Nlm.ACK, seq)
  sidHeader(w, sid, RTN_UNSPEC)
  w.finish()
}

function sidHeader(w: NetlinkWriter, sid: LocalSid, type: number): void {
  w.u8(AF_INET6)
  w.u8(sid.prefixBits)
  w.u16(0)
  w.u8(0)
  w.u8(RTPROT_SRV6D)
  w.u8(RT_SCOPE_UNIVERSE)
  w.u8(type)
  w.u32(0)
  w.attrBytes(Rta.DST, sid.sid)
  w.attrU32(Rta.TABLE, RT_TABLE_MAIN)
  w.attrU32(Rta.PRIORITY, ROUTE_METRIC)
}

/** RTM_GETROUTE: the way of one address; with RTM_F_FIB_MATCH the route that it goes by. */
export function encodeGetRoute(
  w: NetlinkWriter,
  address: Uint8Array,
  seq: number,
  flags: 0 | typeof RTM_F_FIB_MATCH = 0,
): void {
  w.begin(Rtm.GETROUTE, Nlm.REQUEST, seq)
  w.u8(address.length === 4 ? AF_INET : AF_INET6)
  w.u8(address.length * 8)
  w.u16(0)
  w.zeros(4)
  w.u32(flags)
  w.attrBytes(Rta.DST, address)
  w.finish()
}

/** A dump of the routes of srv6d's protocol, filtered by the kernel (strict checking is on). */
export function encodeDumpRoutes(w: NetlinkWriter, ipv6: boolean, seq: number): void {
  w.begin(Rtm.GETROUTE, Nlm.REQUEST | Nlm.DUMP, seq)
  w.u8(ipv6 ? AF_INET6 : AF_INET)
  w.zeros(4)
  w.u8(RTPROT_SRV6D)
  w.zeros(6)
  w.finish()
}

export function encodeDumpNexthops(w: NetlinkWriter, seq: number): void {
  w.begin(Rtm.GETNEXTHOP, Nlm.REQUEST | Nlm.DUMP, seq)
  w.u8(AF_UNSPEC)
  w.zeros(7)
  w.finish()
}

/** Generic netlink: the id of the family SEG6. */
export function encodeGetSeg6Family(w: NetlinkWriter, seq: number): void {
  w.begin(GENL_ID_CTRL, Nlm.REQUEST, seq)
  w.u8(CTRL_CMD_GETFAMILY)
  w.u8(1)
  w.u16(0)
  w.attrText(CTRL_ATTR_FAMILY_NAME, SEG6_GENL_NAME)
  w.finish()
}

/** Generic netlink SEG6: what the source address is. */
export function encodeGetTunnelSource(w: NetlinkWriter, family: number, seq: number): void {
  w.begin(family, Nlm.REQUEST, seq)
  w.u8(SEG6_CMD_GET_TUNSRC)
  w.u8(1)
  w.u16(0)
  w.finish()
}

/** Generic netlink SEG6: the source address of encapsulated packets. */
export function encodeSetTunnelSource(
  w: NetlinkWriter,
  family: number,
  address: Uint8Array,
  seq: number,
): void {
  w.begin(family, Nlm.REQUEST | Nlm.ACK, seq)
  w.u8(SEG6_CMD_SET_TUNSRC)
  w.u8(1)
  w.u16(0)
  w.attrBytes(SEG6_ATTR_DST, address)
  w.finish()
}
