import { equalBytes, getBits, putBits } from '../base/bytes.ts'
import type { SidStructure } from '../wire/prefix-sid.ts'

/** A locator of this router (RFC 8986 §3.1). */
export interface Locator {
  readonly name: string
  /** 16 octets, zero behind the prefix. */
  readonly prefix: Uint8Array
  readonly structure: SidStructure
  /** SIDs of this locator are announced with the NEXT-CSID flavor (RFC 9800 §4.1). */
  readonly nextCsid: boolean
}

export function isInside(sid: Uint8Array, locator: Locator): boolean {
  const { blockBits, nodeBits } = locator.structure
  const bits = blockBits + nodeBits
  const whole = bits >>> 3
  if (!equalBytes(sid, 0, locator.prefix, 0, whole)) return false
  const rest = bits & 7
  return getBits(sid, whole * 8, rest) === getBits(locator.prefix, whole * 8, rest)
}

/** The function of a SID of this locator. */
export function functionOf(sid: Uint8Array, locator: Locator): number {
  const { blockBits, nodeBits, functionBits } = locator.structure
  return getBits(sid, blockBits + nodeBits, functionBits) / 2 ** (32 - functionBits)
}

export function sidOf(locator: Locator, func: number): Uint8Array {
  const { blockBits, nodeBits, functionBits } = locator.structure
  const sid = locator.prefix.slice()
  putBits(sid, blockBits + nodeBits, functionBits, (func * 2 ** (32 - functionBits)) >>> 0)
  return sid
}

/** Classic functions start at 1: the smallest label is then 16 for a function of 16 bits. */
const FIRST_CLASSIC = 1
/** uSID functions of a 16-bit local block start at 0xe000, as other implementations have it. */
const FIRST_NEXT_CSID_16 = 0xe000
/** Places looked at around a wanted function before any other is as good. */
const PROBES = 8
const GOLDEN = 0x9e3779b1

export interface FunctionCounts {
  /** That may be given out. */
  total: number
  used: number
  free: number
}

/**
 * The functions of one locator: which are taken. Fresh ones go in order, then those that were
 * given back, the longest idle first: the later a function means something else, the fewer packets
 * that were sent for the former meaning are still under way. Each step is O(1).
 */
export class LocatorFunctions {
  readonly locator: Locator
  readonly #first: number
  readonly #end: number
  readonly #used = new Set<number>()
  /** In the order in which they were given back. */
  readonly #idle = new Set<number>()
  #next: number
  /** Taken ones that lie where functions are given out from: the explicit may lie elsewhere. */
  #usedInRange = 0

  constructor(locator: Locator) {
    const { functionBits } = locator.structure
    this.locator = locator
    this.#first = locator.nextCsid && functionBits === 16 ? FIRST_NEXT_CSID_16 : FIRST_CLASSIC
    this.#end = 2 ** functionBits
    this.#next = this.#first
  }

  get counts(): FunctionCounts {
    const total = this.#end - this.#first
    return { total, used: this.#used.size, free: total - this.#usedInRange }
  }

  /** Takes this one; false when it is taken. */
  reserve(func: number): boolean {
    if (this.#used.has(func)) return false
    this.#used.add(func)
    this.#idle.delete(func)
    if (this.isGiven(func)) this.#usedInRange++
    return true
  }

  /** Takes any; -1 when all are taken. */
  take(): number {
    while (this.#next < this.#end) {
      const func = this.#next++
      if (this.reserve(func)) return func
    }
    for (const func of this.#idle) {
      this.reserve(func)
      return func
    }
    return -1
  }

  free(func: number): void {
    if (!this.#used.delete(func)) return
    if (!this.isGiven(func)) return
    this.#usedInRange--
    if (func < this.#next) this.#idle.add(func)
  }

  /**
   * Where a function would be looked for that shall be the same again after a restart, by a hash
   * of what it is for.
   */
  *probes(hash: number): Generator<number> {
    const total = this.#end - this.#first
    for (let k = 0; k < PROBES; k++) yield this.#first + (((hash + k * GOLDEN) >>> 0) % total)
  }

  /** Whether functions are given out from there. */
  isGiven(func: number): boolean {
    return func >= this.#first && func < this.#end
  }
}
