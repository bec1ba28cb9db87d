/**
 * What FibTable knows of each row beside its key: what is wanted, what the kernel has, what it last
 * refused. Keeps the references to nexthop objects and the counts right; acts on nothing.
 */
import { grown } from '../base/row-pool.ts'
import type { FibRow } from './fib-rows.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'

/**
 * What others did to a route of ours. GONE: it is not there, or not as we wrote it; written again it
 * may take the place of what is left of it. TAKEN: a route of somebody else has its prefix and
 * metric, and stays. SHAKEN: the object it is to go by went while the kernel worked on it: whether it
 * was there before that, the answer tells.
 */
export const Notice = { NONE: 0, GONE: 1, TAKEN: 2, SHAKEN: 3 } as const
export type Notice = (typeof Notice)[keyof typeof Notice]

export class FibColumns {
  #wantKind = new Uint8Array(64)
  #wantNexthop = new Int32Array(64)
  #haveKind = new Uint8Array(64)
  #haveNexthop = new Int32Array(64)
  /** RTAX_MTU of the route in the kernel. */
  #haveMtu = new Int32Array(64)
  #errno = new Int32Array(64)
  /** 1: found in the kernel at the start and not asked for since. */
  #stale = new Uint8Array(64)
  /** 1: in a batch that the kernel works on. */
  #underWay = new Uint8Array(64)
  #notice = new Uint8Array(64)
  readonly #nexthops: NexthopTable

  wanted = 0
  installed = 0
  failed = 0
  stale = 0

  constructor(nexthops: NexthopTable) {
    this.#nexthops = nexthops
  }

  reserve(row: FibRow, capacity: number): void {
    if (row < this.#wantKind.length) return
    this.#wantKind = grown(this.#wantKind, capacity)
    this.#wantNexthop = grown(this.#wantNexthop, capacity)
    this.#haveKind = grown(this.#haveKind, capacity)
    this.#haveNexthop = grown(this.#haveNexthop, capacity)
    this.#haveMtu = grown(this.#haveMtu, capacity)
    this.#errno = grown(this.#errno, capacity)
    this.#stale = grown(this.#stale, capacity)
    this.#underWay = grown(this.#underWay, capacity)
    this.#notice = grown(this.#notice, capacity)
  }

  wantKindOf(row: FibRow): number {
    return this.#wantKind[row]!
  }

  wantNexthopOf(row: FibRow): NexthopRow {
    return this.#wantNexthop[row] as NexthopRow
  }

  /** The RTAX_MTU that the nexthop object asks for now. */
  wantMtuOf(row: FibRow): number {
    const nexthop = this.#wantNexthop[row]!
    return nexthop === 0 ? 0 : this.#nexthops.routeMtuOf(nexthop as NexthopRow)
  }

  haveKindOf(row: FibRow): number {
    return this.#haveKind[row]!
  }

  haveNexthopOf(row: FibRow): NexthopRow {
    return this.#haveNexthop[row] as NexthopRow
  }

  isHad(row: FibRow, kind: number, nexthop: number, mtu: number): boolean {
    return (
      this.#haveKind[row] === kind &&
      this.#haveNexthop[row] === nexthop &&
      this.#haveMtu[row] === mtu
    )
  }

  errnoOf(row: FibRow): number {
    return this.#errno[row]!
  }

  isStale(row: FibRow): boolean {
    return this.#stale[row] === 1
  }

  isUnderWay(row: FibRow): boolean {
    return this.#underWay[row] === 1
  }

  setUnderWay(row: FibRow, underWay: boolean): void {
    this.#underWay[row] = Number(underWay)
  }

  isWanted(row: FibRow, kind: number, nexthop: number): boolean {
    return this.#wantKind[row] === kind && this.#wantNexthop[row] === nexthop
  }

  /** Whether the kernel has what is wanted: the route, or none. */
  isSettled(row: FibRow): boolean {
    return (
      this.#wantKind[row] === this.#haveKind[row] &&
      this.#wantNexthop[row] === this.#haveNexthop[row] &&
      this.wantMtuOf(row) === this.#haveMtu[row]
    )
  }

  /** Kind 0 for nothing. Tells whether this is a change. */
  setWant(row: FibRow, kind: number, nexthop: number): boolean {
    if (this.isWanted(row, kind, nexthop)) return false
    this.wanted += Number(kind !== 0) - Number(this.#wantKind[row] !== 0)
    this.#takeNexthop(nexthop)
    this.giveNexthop(this.#wantNexthop[row]!)
    this.#wantKind[row] = kind
    this.#wantNexthop[row] = nexthop
    return true
  }

  setHave(row: FibRow, kind: number, nexthop: number, mtu: number): void {
    this.installed += Number(kind !== 0) - Number(this.#haveKind[row] !== 0)
    this.#takeNexthop(nexthop)
    this.giveNexthop(this.#haveNexthop[row]!)
    this.#haveKind[row] = kind
    this.#haveNexthop[row] = nexthop
    this.#haveMtu[row] = mtu
  }

  setErrno(row: FibRow, errno: number): void {
    this.failed += Number(errno !== 0) - Number(this.#errno[row] !== 0)
    this.#errno[row] = errno
  }

  setStale(row: FibRow, stale: boolean): void {
    this.stale += Number(stale) - this.#stale[row]!
    this.#stale[row] = Number(stale)
  }

  noticeOf(row: FibRow): Notice {
    return this.#notice[row] as Notice
  }

  setNotice(row: FibRow, notice: Notice): void {
    this.#notice[row] = notice
  }

  giveNexthop(nexthop: number): void {
    if (nexthop !== 0) this.#nexthops.release(nexthop as NexthopRow)
  }

  #takeNexthop(nexthop: number): void {
    if (nexthop !== 0) this.#nexthops.retain(nexthop as NexthopRow)
  }
}
