/**
 * The PEER_INDEX_TABLE of TABLE_DUMP_V2 (RFC 6396 §4.3.1): the peers that RIB entries name by
 * their row. One record at the head of a file; kept in columns, since it outlives the chunk.
 */
import { copyBytes, u16, u32 } from '../base/bytes.ts'
import { formatAddress } from './address.ts'
import type { MrtRecord } from './mrt-record.ts'
import { MrtProblem } from './mrt-type.ts'

const IPV6_PEER = 0x01
const AS4_PEER = 0x02

/**
 *     row  bgpId       as     addressBytes  address
 *     0    0xc0000201  65001  4             192.0.2.1
 *     1    0xc0000202  65002  16            2001:db8::2
 */
export class MrtPeerTable {
  /** How many peers the table has; rows are 0 … count - 1. */
  count = 0
  /** BGP identifier of the collector. */
  collectorId = 0
  viewName = ''
  /** By row: BGP identifier, AS number, 4 or 16. */
  bgpId: Uint32Array = new Uint32Array(0)
  as: Uint32Array = new Uint32Array(0)
  addressBytes: Uint8Array = new Uint8Array(0)
  /** Sixteen octets a row, of which an IPv4 peer uses four. */
  addresses: Uint8Array = new Uint8Array(0)

  readonly #texts: string[] = []

  /**
   * Takes the peers of a record whose kind is PEER_INDEX_TABLE in place of those it had. Returns
   * MrtProblem.NONE, or what is wrong; the peers before the wrong place are kept.
   *
   *     collector id(4) name length(2) name, count(2), each: type(1) id(4) address(4|16) AS(2|4)
   */
  load(record: MrtRecord): number {
    const { buf, bodyAt, end } = record
    this.count = 0
    this.viewName = ''
    this.#texts.length = 0
    if (end - bodyAt < 8) return MrtProblem.TOO_SHORT
    this.collectorId = u32(buf, bodyAt)
    const nameEnd = bodyAt + 6 + u16(buf, bodyAt + 4)
    if (nameEnd + 2 > end) return MrtProblem.TOO_SHORT
    this.viewName = Buffer.from(buf.subarray(bodyAt + 6, nameEnd)).toString('utf8')
    const count = u16(buf, nameEnd)
    this.#resize(count)
    let at = nameEnd + 2
    for (let row = 0; row < count; row++) {
      at = this.#loadPeer(buf, at, end, row)
      if (at < 0) return MrtProblem.PEER
      this.count++
    }
    return at === end ? MrtProblem.NONE : MrtProblem.TRAILING
  }

  #resize(count: number): void {
    this.bgpId = new Uint32Array(count)
    this.as = new Uint32Array(count)
    this.addressBytes = new Uint8Array(count)
    this.addresses = new Uint8Array(count * 16)
  }

  #loadPeer(buf: Uint8Array, at: number, end: number, row: number): number {
    if (at >= end) return -1
    const addressBytes = (buf[at]! & IPV6_PEER) !== 0 ? 16 : 4
    const asn4 = (buf[at]! & AS4_PEER) !== 0
    const asAt = at + 5 + addressBytes
    const peerEnd = asAt + (asn4 ? 4 : 2)
    if (peerEnd > end) return -1
    this.bgpId[row] = u32(buf, at + 1)
    this.addressBytes[row] = addressBytes
    copyBytes(buf, at + 5, this.addresses, row * 16, addressBytes)
    this.as[row] = asn4 ? u32(buf, asAt) : u16(buf, asAt)
    return peerEnd
  }

  /** The address as text, made once; undefined for a row the table does not have. */
  addressOf(row: number): string | undefined {
    if (row >= this.count) return undefined
    const text = this.#texts[row]
    if (text !== undefined) return text
    const made = formatAddress(this.addresses, row * 16, this.addressBytes[row] as 4 | 16)
    this.#texts[row] = made
    return made
  }
}
