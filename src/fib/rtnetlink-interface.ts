/** Requests about links and addresses as bytes. */
import type { InterfaceAddress } from './kernel.ts'
import type { NetlinkWriter } from './netlink-writer.ts'
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFA_F_PERMANENT,
  IFF_UP,
  Ifa,
  Ifla,
  NLA_F_NESTED,
  Nlm,
  RTEXT_FILTER_SKIP_STATS,
  Rtm,
} from './rtnetlink-constants.ts'

/** IFA_F_NODAD, IFA_F_HOMEADDRESS, IFA_F_PERMANENT, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE. */
const KEPT_FLAGS = 0x02 | 0x10 | IFA_F_PERMANENT | 0x100 | 0x200

/** ifinfomsg: family pad type(2) index(4) flags(4) change(4) */
function linkHeader(w: NetlinkWriter, ifindex: number, flags = 0): void {
  w.u8(AF_UNSPEC)
  w.u8(0)
  w.u16(0)
  w.u32(ifindex)
  w.u32(flags)
  w.u32(flags)
}

export function encodeDumpLinks(w: NetlinkWriter, seq: number): void {
  w.begin(Rtm.GETLINK, Nlm.REQUEST | Nlm.DUMP, seq)
  linkHeader(w, 0)
  w.attrU32(Ifla.EXT_MASK, RTEXT_FILTER_SKIP_STATS)
  w.finish()
}

export function encodeDumpAddresses(w: NetlinkWriter, seq: number): void {
  w.begin(Rtm.GETADDR, Nlm.REQUEST | Nlm.DUMP, seq)
  w.u8(AF_UNSPEC)
  w.zeros(7)
  w.finish()
}

/** A VRF device; EEXIST where there is a link of this name. */
export function encodeNewVrf(w: NetlinkWriter, name: string, table: number, seq: number): void {
  w.begin(Rtm.NEWLINK, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | Nlm.EXCL, seq)
  linkHeader(w, 0)
  w.attrText(Ifla.IFNAME, name)
  const info = w.open(Ifla.LINKINFO | NLA_F_NESTED)
  w.attrText(Ifla.INFO_KIND, 'vrf')
  const data = w.open(Ifla.INFO_DATA | NLA_F_NESTED)
  w.attrU32(Ifla.VRF_TABLE, table)
  w.close(data)
  w.close(info)
  w.finish()
}

/** The kernel takes no alias where it makes a link. */
export function encodeLinkAlias(
  w: NetlinkWriter,
  ifindex: number,
  alias: string,
  seq: number,
): void {
  w.begin(Rtm.NEWLINK, Nlm.REQUEST | Nlm.ACK, seq)
  linkHeader(w, ifindex)
  w.attrText(Ifla.IFALIAS, alias)
  w.finish()
}

export function encodeLinkUp(w: NetlinkWriter, ifindex: number, seq: number): void {
  w.begin(Rtm.NEWLINK, Nlm.REQUEST | Nlm.ACK, seq)
  linkHeader(w, ifindex, IFF_UP)
  w.finish()
}

/** Puts a link into the device `master`, 0: out of the one it is in. */
export function encodeLinkMaster(
  w: NetlinkWriter,
  ifindex: number,
  master: number,
  seq: number,
): void {
  w.begin(Rtm.NEWLINK, Nlm.REQUEST | Nlm.ACK, seq)
  linkHeader(w, ifindex)
  w.attrU32(Ifla.MASTER, master)
  w.finish()
}

export function encodeDelLink(w: NetlinkWriter, ifindex: number, seq: number): void {
  w.begin(Rtm.DELLINK, Nlm.REQUEST | Nlm.ACK, seq)
  linkHeader(w, ifindex)
  w.finish()
}

/** An address with the flags that an operator can give; what is there already is replaced. */
export function encodeNewAddress(w: NetlinkWriter, address: InterfaceAddress, seq: number): void {
  const flags = address.flags & KEPT_FLAGS
  w.begin(Rtm.NEWADDR, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | Nlm.REPLACE, seq)
  // ifaddrmsg: family prefixlen flags scope index(4)
  w.u8(address.address.length === 4 ? AF_INET : AF_INET6)
  w.u8(address.bits)
  w.u8(flags & 0xff)
  w.u8(address.scope)
  w.u32(address.ifindex)
  w.attrBytes(Ifa.LOCAL, address.address)
  w.attrBytes(Ifa.ADDRESS, address.address)
  w.attrU32(Ifa.FLAGS, flags)
  w.finish()
}
