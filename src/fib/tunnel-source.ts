/**
 * The source address of encapsulated packets, one for the whole network namespace (generic netlink
 * SEG6). Others may set it (`ip sr tunsrc`, FRR's zebra), and the kernel tells nobody.
 */
import { equalBytes } from '../base/bytes.ts'
import { formatAddress } from '../wire/address.ts'
import type { ChangedSetting } from './kernel.ts'
import { type NetlinkMessage, NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { CTRL_ATTR_FAMILY_ID, NETLINK_GENERIC, SEG6_ATTR_DST } from './rtnetlink-constants.ts'
import {
  encodeGetSeg6Family,
  encodeGetTunnelSource,
  encodeSetTunnelSource,
} from './rtnetlink-encode.ts'

const OPERATION = 'SRv6 tunnel source'
/** cmd(1) version(1) reserved(2) before the attributes. */
const GENL_HEADER = 4

type Encode = (writer: NetlinkWriter, seq: number) => void

export class TunnelSource {
  #wanted: Uint8Array | null = null

  set(address: Uint8Array): void {
    withSeg6((ask, family) => ask((w, seq) => encodeSetTunnelSource(w, family, address, seq)))
    this.#wanted = address
  }

  /** Sets it back when others changed it since; null when it is as it was set, or cannot be. */
  setBack(): ChangedSetting | null {
    const wanted = this.#wanted
    if (wanted === null) return null
    let was: Uint8Array | undefined
    try {
      withSeg6((ask, family) => {
        ask(
          (w, seq) => encodeGetTunnelSource(w, family, seq),
          ({ payload }) => {
            was = payload.attributes(GENL_HEADER).get(SEG6_ATTR_DST)?.copy()
          },
        )
      })
      if (was === undefined || equalBytes(was, 0, wanted, 0, 16)) return null
      this.set(wanted)
    } catch {
      return null
    }
    const text = (address: Uint8Array) => formatAddress(address, 0, 16)
    return { path: 'ip sr tunsrc', value: text(wanted), was: text(was), why: null }
  }
}

type Ask = (encode: Encode, onReply?: (message: NetlinkMessage) => void) => void

/** A socket of its own each time: it is rarely asked for. */
function withSeg6(use: (ask: Ask, family: number) => void): void {
  const socket = new NetlinkSocket(NETLINK_GENERIC)
  const writer = new NetlinkWriter(256)
  let seq = 0
  const ask: Ask = (encode, onReply) => {
    writer.reset()
    encode(writer, ++seq)
    socket.request(OPERATION, writer.buf, writer.end, onReply)
  }
  try {
    let family = 0
    ask(encodeGetSeg6Family, ({ payload }) => {
      family = payload.attributes(GENL_HEADER).get(CTRL_ATTR_FAMILY_ID)?.u16() ?? 0
    })
    use(ask, family)
  } finally {
    socket.close()
  }
}
