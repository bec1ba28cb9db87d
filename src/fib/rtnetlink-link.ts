/** Links that srv6d makes for itself, as bytes, and what may be adopted instead. */
import type { Link } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import type { NetlinkWriter } from './netlink-writer.ts'
import { AF_UNSPEC, IFF_NOARP, Ifla, NLA_F_NESTED, Nlm, Rtm } from './rtnetlink-constants.ts'

/** Any packet of the core fits: a pair stands between two look-ups and is no hop. */
const PAIR_MTU = 65535

/**
 * A pair of veth devices with one hardware address: without ARP a packet is addressed to the
 * sender's own, and so the other end takes it.
 */
export function encodeNewPair(w: NetlinkWriter, name: string, peer: string, seq: number): void {
  w.begin(Rtm.NEWLINK, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | Nlm.EXCL, seq)
  const address = hardwareAddress(name)
  end(w, name, address)
  const info = w.open(Ifla.LINKINFO | NLA_F_NESTED)
  w.attrText(Ifla.INFO_KIND, 'veth')
  const data = w.open(Ifla.INFO_DATA | NLA_F_NESTED)
  const other = w.open(Ifla.VETH_INFO_PEER | NLA_F_NESTED)
  end(w, peer, address)
  w.close(other)
  w.close(data)
  w.close(info)
  w.finish()
}

/** ifinfomsg: family(1) pad(1) type(2) index(4) flags(4) change(4). */
function end(w: NetlinkWriter, name: string, address: Uint8Array): void {
  w.u8(AF_UNSPEC)
  w.zeros(7)
  // Up later: an end without the other one cannot be.
  w.u32(IFF_NOARP)
  w.u32(IFF_NOARP)
  w.attrText(Ifla.IFNAME, name)
  w.attrU32(Ifla.MTU, PAIR_MTU)
  w.attrBytes(Ifla.ADDRESS, address)
}

/** Locally administered, of one pair only: an `srN` device's own number. */
function hardwareAddress(name: string): Uint8Array {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0)
  return Uint8Array.of(0x02, 0x53, number >>> 24, number >>> 16, number >>> 8, number)
}

/** The pair's first end, undefined when both are to be created; throws when they may not be. */
export function adoptablePair(
  links: readonly Link[],
  name: string,
  peer: string,
): Link | undefined {
  const [first, second] = [name, peer].map((each) => links.find((link) => link.name === each))
  const other = [first, second].find((link) => link !== undefined && link.kind !== 'veth')
  if (other) {
    const kind = other.kind ?? 'a plain interface'
    const words = `${other.name} exists and is ${kind}, expected veth`
    throw new KernelError(`veth ${name}`, Errno.EEXIST, words)
  }
  if (first && second) return first
  const half = first ?? second
  if (half === undefined) return undefined
  const words = `${half.name} exists without the other end of the pair: remove it with \`ip link del ${half.name}\``
  throw new KernelError(`veth ${name}`, Errno.EEXIST, words)
}

/**
 * A request for a VRF device that lacks its table: EINVAL where there are VRF devices, EOPNOTSUPP
 * where there are none. It loads the kernel's module, and makes nothing.
 */
export function encodeProbeVrf(w: NetlinkWriter, seq: number): void {
  w.begin(Rtm.NEWLINK, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | Nlm.EXCL, seq)
  w.u8(AF_UNSPEC)
  w.zeros(15)
  w.attrText(Ifla.IFNAME, 'srv6d-probe')
  const info = w.open(Ifla.LINKINFO | NLA_F_NESTED)
  w.attrText(Ifla.INFO_KIND, 'vrf')
  w.close(info)
  w.finish()
}
