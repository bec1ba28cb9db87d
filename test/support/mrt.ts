/** MRT records put together by hand from RFC 6396 and RFC 8050; nothing of the code under test. */
import { address, u8, u16be, u32be } from './builder.ts'
import { concat } from './hex.ts'

/** Seconds of every record: 2026-01-02 03:04:05 UTC. */
export const TIME = 1767323045

export const BGP4MP = 16
export const BGP4MP_ET = 17
export const TABLE_DUMP_V2 = 13

/** timestamp(4) type(2) subtype(2) length(4) body. */
export function mrtRecord(type: number, subtype: number, ...body: Uint8Array[]): Uint8Array {
  const octets = concat(...body)
  return concat(u32be(TIME), u16be(type, subtype), u32be(octets.length), octets)
}

export interface Session {
  peer: string
  peerAs: number
  local: string
  localAs: number
  asn4: boolean
}

export const SESSION: Session = {
  peer: '192.0.2.1',
  peerAs: 65001,
  local: '192.0.2.9',
  localAs: 65000,
  asn4: true,
}

/** peer AS, local AS, interface 0, AFI, addresses. */
function bgp4mpHead({ peer, peerAs, local, localAs, asn4 }: Session): Uint8Array {
  const ases = asn4 ? u32be(peerAs, localAs) : u16be(peerAs, localAs)
  return concat(ases, u16be(0, peer.includes(':') ? 2 : 1), address(peer), address(local))
}

/** MESSAGE and MESSAGE_AS4, or another subtype of the same form. */
export function bgp4mp(message: Uint8Array, session: Session = SESSION, subtype?: number) {
  return mrtRecord(BGP4MP, subtype ?? (session.asn4 ? 4 : 1), bgp4mpHead(session), message)
}

export function bgp4mpEt(message: Uint8Array, microseconds: number, session: Session = SESSION) {
  const subtype = session.asn4 ? 4 : 1
  return mrtRecord(BGP4MP_ET, subtype, u32be(microseconds), bgp4mpHead(session), message)
}

export function stateChange(from: number, to: number, session: Session = SESSION): Uint8Array {
  return mrtRecord(BGP4MP, session.asn4 ? 5 : 0, bgp4mpHead(session), u16be(from, to))
}

export interface Peer {
  id: string
  address: string
  as: number
  asn4?: boolean
}

export function peerIndexTable(peers: Peer[], view = ''): Uint8Array {
  const name = new TextEncoder().encode(view)
  const rows = peers.map((peer) => {
    const wide = peer.address.includes(':')
    const asn4 = peer.asn4 ?? true
    return concat(
      u8((wide ? 1 : 0) | (asn4 ? 2 : 0)),
      address(peer.id),
      address(peer.address),
      asn4 ? u32be(peer.as) : u16be(peer.as),
    )
  })
  const head = [address('192.0.2.9'), u16be(name.length), name, u16be(peers.length)]
  return mrtRecord(TABLE_DUMP_V2, 1, ...head, ...rows)
}

export interface Entry {
  peer: number
  attrs: Uint8Array[]
  pathId?: number
}

export function ribEntry({ peer, attrs, pathId }: Entry): Uint8Array {
  const octets = concat(...attrs)
  const id = pathId === undefined ? new Uint8Array(0) : u32be(pathId)
  return concat(u16be(peer), u32be(TIME - 60), id, u16be(octets.length), octets)
}

/** RIB_IPV4_UNICAST and its like: `prefix` with its length octet. */
export function rib(subtype: number, sequence: number, prefix: Uint8Array, entries: Entry[]) {
  const rows = entries.map(ribEntry)
  return mrtRecord(TABLE_DUMP_V2, subtype, u32be(sequence), prefix, u16be(rows.length), ...rows)
}

/** RIB_GENERIC and RIB_GENERIC_ADDPATH: `nlri` with its path identifier where the RFC has one. */
export function ribGeneric(
  subtype: number,
  [afi, safi]: [number, number],
  nlri: Uint8Array,
  entries: Entry[],
): Uint8Array {
  const rows = entries.map(ribEntry)
  const head = [u32be(7), u16be(afi), u8(safi), nlri, u16be(rows.length)]
  return mrtRecord(TABLE_DUMP_V2, subtype, ...head, ...rows)
}
