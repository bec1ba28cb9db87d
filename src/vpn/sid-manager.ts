import { equalBytes, getBits, hexOf, putBits } from '../base/bytes.ts'
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

/** One SID that this router has allocated to a VRF. */
export interface LocalSid {
  readonly sid: Uint8Array
  /** IANA "SRv6 Endpoint Behaviors" code point. */
  readonly behavior: number
  readonly locator: Locator
  readonly vrf: string
  readonly table: number
}

/** What the kernel still had at start: who had which SID, by routing table and address family. */
export interface RecoveredSid {
  readonly sid: Uint8Array
  readonly table: number
  /** The behaviour without its flavor: kernels do not tell End.DT46 from its NEXT-CSID form. */
  readonly plainBehavior: number
}

/** Classic functions start at 1: the smallest label is then 16 for a function of 16 bits. */
const FIRST_CLASSIC = 1
/** uSID functions of a 16-bit local block start at 0xe000, as other implementations have it. */
const FIRST_NEXT_CSID_16 = 0xe000

export class SidExhausted extends Error {
  override readonly name = 'SidExhausted'
}

/**
 * Allocates the functions of the locators. A SID found in the kernel at start goes back to its
 * VRF, so that a restart changes no SID; a new one takes the lowest free function.
 */
export class SidManager {
  readonly #locators: ReadonlyMap<string, Locator>
  readonly #used = new Map<string, LocalSid>()
  readonly #recovered: RecoveredSid[] = []

  constructor(locators: readonly Locator[]) {
    this.#locators = new Map(locators.map((locator) => [locator.name, locator]))
  }

  recover(sid: RecoveredSid): void {
    this.#recovered.push(sid)
  }

  locatorOf(sid: Uint8Array): Locator | undefined {
    for (const locator of this.#locators.values()) {
      if (isInside(sid, locator)) return locator
    }
    return undefined
  }

  all(): LocalSid[] {
    return [...this.#used.values()]
  }

  /** A SID for a VRF; throws SidExhausted when every function of the locator is taken. */
  allocate(
    locator: Locator,
    vrf: string,
    table: number,
    behavior: number,
    plainBehavior: number,
  ): LocalSid {
    const known = this.#recovered.find(
      (r) =>
        r.table === table &&
        r.plainBehavior === plainBehavior &&
        isInside(r.sid, locator) &&
        !this.#used.has(hexOf(r.sid)),
    )
    const sid = known?.sid ?? this.#lowestFree(locator)
    const row: LocalSid = { sid, behavior, locator, vrf, table }
    this.#used.set(hexOf(sid), row)
    return row
  }

  release(row: LocalSid): void {
    this.#used.delete(hexOf(row.sid))
  }

  #lowestFree(locator: Locator): Uint8Array {
    const { blockBits, nodeBits, functionBits } = locator.structure
    const first = locator.nextCsid && functionBits === 16 ? FIRST_NEXT_CSID_16 : FIRST_CLASSIC
    const end = 2 ** functionBits
    const sid = locator.prefix.slice()
    for (let f = first; f < end; f++) {
      putBits(sid, blockBits + nodeBits, functionBits, (f * 2 ** (32 - functionBits)) >>> 0)
      const key = hexOf(sid)
      if (!this.#used.has(key) && !this.#recovered.some((r) => hexOf(r.sid) === key)) return sid
    }
    throw new SidExhausted(`locator ${locator.name} has no free function of ${functionBits} bits`)
  }
}

function isInside(sid: Uint8Array, locator: Locator): boolean {
  const { blockBits, nodeBits } = locator.structure
  const bits = blockBits + nodeBits
  const whole = bits >>> 3
  if (!equalBytes(sid, 0, locator.prefix, 0, whole)) return false
  const rest = bits & 7
  return getBits(sid, whole * 8, rest) === getBits(locator.prefix, whole * 8, rest)
}
