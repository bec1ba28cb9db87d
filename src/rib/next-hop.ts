import { ByteIntern } from '../base/byte-intern.ts'
import { copyBytes, putU16, putU32, u32 } from '../base/bytes.ts'
import type { Id } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'

/** One thing that paths forward to: a remote SID, a gateway in a VRF, an interface, this node. */
export type NextHopId = Id<'nextHop'>

/** NODE: this node itself, by the routes of its main table. */
export const NextHopKind = { SID: 1, GATEWAY: 2, DEVICE: 3, NODE: 4 } as const
export type NextHopKind = (typeof NextHopKind)[keyof typeof NextHopKind]

export const Reach = { PENDING: 0, REACHABLE: 1, UNREACHABLE: 2 } as const
export type Reach = (typeof Reach)[keyof typeof Reach]

/** Told when a next hop comes to be asked for and when the last path that asked has gone. */
export interface NextHopListener {
  onNextHopAdded(id: NextHopId): void
  onNextHopRemoved(id: NextHopId): void
}

/**
 * What the paths of all tables forward to, each once, with its reachability.
 *
 *   key: vrf(2) kind(1) address(4, 16) or ifindex(4)      reach        ifindex  metric
 *   0    SID      fcbb:bb00:2:e000::                      REACHABLE          3    1024
 *   2    GATEWAY  172.16.1.2                              REACHABLE          7       0
 *
 * Whoever resolves (the fib) writes `set`; the decision process reads.
 */
export class NextHopTable {
  readonly #intern = new ByteIntern()
  readonly #key = new Uint8Array(24)
  #reach = new Uint8Array(32)
  #ifindex = new Int32Array(32)
  #metric = new Uint32Array(32)
  #listener: NextHopListener | null = null

  listen(listener: NextHopListener): void {
    this.#listener = listener
  }

  get count(): number {
    return this.#intern.count
  }

  sid(sid: Uint8Array, at: number): NextHopId {
    return this.#take(NextHopKind.SID, 0, copyBytes(sid, at, this.#key, 3, 16))
  }

  /** A gateway of 4 or 16 octets inside a VRF (its number), 0: the default table. */
  gateway(vrf: number, address: Uint8Array, at: number, len: number): NextHopId {
    return this.#take(NextHopKind.GATEWAY, vrf, copyBytes(address, at, this.#key, 3, len))
  }

  device(vrf: number, ifindex: number): NextHopId {
    putU32(this.#key, 3, ifindex)
    return this.#take(NextHopKind.DEVICE, vrf, 7)
  }

  /** What speakers of this node announce leads here; always reachable. */
  node(): NextHopId {
    return this.#take(NextHopKind.NODE, 0, 3)
  }

  retain(id: NextHopId): void {
    if (id !== 0) this.#intern.retain(id)
  }

  release(id: NextHopId): void {
    if (id === 0) return
    if (this.#intern.refsOf(id) === 1) this.#listener?.onNextHopRemoved(id)
    this.#intern.release(id)
  }

  kindOf(id: NextHopId): NextHopKind {
    return this.#intern.bytes[this.#intern.atOf(id) + 2]! as NextHopKind
  }

  vrfOf(id: NextHopId): number {
    const at = this.#intern.atOf(id)
    return (this.#intern.bytes[at]! << 8) | this.#intern.bytes[at + 1]!
  }

  /** A copy of the address (4 or 16 octets), empty for a device and this node: for the resolver and `show`. */
  addressOf(id: NextHopId): Uint8Array {
    if (this.kindOf(id) === NextHopKind.DEVICE) return new Uint8Array(0)
    return this.#intern.bytes.slice(this.#intern.atOf(id) + 3, this.#intern.endOf(id))
  }

  /** The interface index that a DEVICE row names. */
  deviceOf(id: NextHopId): number {
    return u32(this.#intern.bytes, this.#intern.atOf(id) + 3)
  }

  reachOf(id: NextHopId): Reach {
    return this.#reach[id] as Reach
  }

  ifindexOf(id: NextHopId): number {
    return this.#ifindex[id]!
  }

  metricOf(id: NextHopId): number {
    return this.#metric[id]!
  }

  /** Writes what is known of a next hop; true when the decision process may decide otherwise. */
  set(id: NextHopId, reach: Reach, ifindex: number, metric: number): boolean {
    const changed = this.#reach[id] !== reach || this.#metric[id] !== metric
    this.#reach[id] = reach
    this.#ifindex[id] = ifindex
    this.#metric[id] = metric
    return changed
  }

  #take(kind: NextHopKind, vrf: number, end: number): NextHopId {
    putU16(this.#key, 0, vrf)
    this.#key[2] = kind
    const id = this.#intern.intern(this.#key, 0, end) as NextHopId
    if (!this.#intern.lastWasNew) return id
    if (id >= this.#reach.length) {
      this.#reach = grown(this.#reach, this.#reach.length * 2)
      this.#ifindex = grown(this.#ifindex, this.#ifindex.length * 2)
      this.#metric = grown(this.#metric, this.#metric.length * 2)
    }
    this.#reach[id] = Reach.PENDING
    this.#ifindex[id] = 0
    this.#metric[id] = 0
    this.#listener?.onNextHopAdded(id)
    return id
  }
}
