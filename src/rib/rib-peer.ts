import { compareBytes } from '../base/bytes.ts'
import type { PeerId } from './path-table.ts'

/** What the tables know of a neighbour. */
export interface RibPeer {
  readonly id: PeerId
  /** For `show`: the address as configured. */
  readonly name: string
  /** The neighbour's address, 4 or 16 octets; empty for ourselves. */
  readonly address: Uint8Array
  readonly ebgp: boolean
  /** The VRF the session runs in, 0 for the default table. */
  readonly vrf: number
  /** BGP Identifier of the last OPEN, 0 before the first. */
  bgpIdentifier: number
  /** Rank among all peers by address: the decision process compares numbers. */
  rank: number
}

/** The neighbours by number; number 1 is this router itself. */
export class RibPeers {
  readonly #rows: RibPeer[] = []
  readonly local: RibPeer

  constructor(bgpIdentifier: number) {
    this.local = this.add('local', new Uint8Array(0), false, 0)
    this.local.bgpIdentifier = bgpIdentifier
  }

  add(name: string, address: Uint8Array, ebgp: boolean, vrf: number): RibPeer {
    const id = (this.#rows.length + 1) as PeerId
    const peer = { id, name, address, ebgp, vrf, bgpIdentifier: 0, rank: 0 }
    this.#rows.push(peer)
    const ranked = [...this.#rows].sort(byAddress)
    for (const [rank, row] of ranked.entries()) row.rank = rank
    return peer
  }

  get(id: PeerId): RibPeer {
    return this.#rows[id - 1]!
  }
}

/** RFC 4271 §9.1.2.2 g: lower address first; IPv4 before IPv6; equal addresses by VRF. */
function byAddress(a: RibPeer, b: RibPeer): number {
  const len = a.address.length - b.address.length
  if (len !== 0) return len
  return compareBytes(a.address, 0, b.address, 0, a.address.length) || a.vrf - b.vrf
}
