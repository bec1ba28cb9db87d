import { hexOf } from '../base/bytes.ts'
import { formatAddress } from '../wire/address.ts'
import {
  type FunctionCounts,
  functionOf,
  isInside,
  type Locator,
  LocatorFunctions,
  sidOf,
} from './locator.ts'

/** What a SID is to be for. */
export interface SidRequest {
  readonly locator: Locator
  readonly vrf: string
  /** IANA "SRv6 Endpoint Behaviors" code point, as announced. */
  readonly behavior: number
  /**
   * What the kernel would tell of it (behaviour without its flavor, table or next hop and device):
   * a SID that a former run left with the same is taken over.
   */
  readonly identity: string
  /** The SID that the configuration names. */
  readonly explicit?: Uint8Array | undefined
  /** Of what it is for, the same in every run: several SIDs of one identity are told apart by it. */
  readonly hash?: number | undefined
}

/** One SID that this router has allocated. */
export interface LocalSid extends SidRequest {
  readonly sid: Uint8Array
}

export interface LocatorRow extends FunctionCounts {
  readonly locator: Locator
}

export class SidExhausted extends Error {
  override readonly name = 'SidExhausted'
}

/**
 * Allocates SIDs of the locators. A SID found in the kernel at start goes back to what it was for,
 * so that a restart changes no SID; until `forgetRecovered` nobody else gets it.
 */
export class SidManager {
  readonly #locators: readonly LocatorFunctions[]
  readonly #sids = new Set<LocalSid>()
  /** By identity: functions that the kernel had at the start and nobody has asked for yet. */
  readonly #recovered = new Map<LocatorFunctions, Map<string, Set<number>>>()
  /** Functions that the configuration gives away: nobody else gets them. */
  readonly #explicit = new Map<LocatorFunctions, Set<number>>()

  constructor(locators: readonly Locator[], explicit: readonly Uint8Array[] = []) {
    this.#locators = locators.map((locator) => new LocatorFunctions(locator))
    for (const functions of this.#locators) {
      this.#recovered.set(functions, new Map())
      const inside = explicit.filter((sid) => isInside(sid, functions.locator))
      const reserved = new Set(inside.map((sid) => functionOf(sid, functions.locator)))
      for (const func of reserved) functions.reserve(func)
      this.#explicit.set(functions, reserved)
    }
  }

  /** A SID that the kernel had at start. */
  recover(sid: Uint8Array, identity: string): void {
    const functions = this.#functionsOf(sid)
    if (functions === undefined) return
    const func = functionOf(sid, functions.locator)
    // Of the same prefix when it had another structure, or from where none are given out now.
    if (!functions.isGiven(func) || hexOf(sidOf(functions.locator, func)) !== hexOf(sid)) return
    if (!functions.reserve(func)) return
    const known = this.#recovered.get(functions)!
    const same = known.get(identity) ?? new Set()
    known.set(identity, same.add(func))
  }

  /** What nobody asked for since the start is free for others; true if there was any. */
  forgetRecovered(): boolean {
    let any = false
    for (const [functions, identities] of this.#recovered) {
      for (const funcs of identities.values()) {
        for (const func of funcs) functions.free(func)
        any ||= funcs.size > 0
      }
      identities.clear()
    }
    return any
  }

  locatorOf(sid: Uint8Array): Locator | undefined {
    return this.#functionsOf(sid)?.locator
  }

  all(): LocalSid[] {
    return [...this.#sids]
  }

  locators(): LocatorRow[] {
    return this.#locators.map((each) => ({ locator: each.locator, ...each.counts }))
  }

  /** Throws SidExhausted when every function of the locator is taken. */
  allocate(request: SidRequest): LocalSid {
    const functions = this.#locators.find((each) => each.locator.name === request.locator.name)!
    const sid = request.explicit ?? sidOf(request.locator, this.#functionFor(request, functions))
    const row: LocalSid = { ...request, sid }
    this.#sids.add(row)
    return row
  }

  release(row: LocalSid): void {
    const functions = this.#functionsOf(row.sid)
    if (!this.#sids.delete(row) || functions === undefined) return
    const func = functionOf(row.sid, functions.locator)
    if (!this.#explicit.get(functions)!.has(func)) functions.free(func)
  }

  #functionFor(request: SidRequest, functions: LocatorFunctions): number {
    const { identity, hash, locator } = request
    const mine = this.#recovered.get(functions)!.get(identity)
    if (hash !== undefined) {
      for (const func of functions.probes(hash)) {
        if (mine?.delete(func) || functions.reserve(func)) return func
      }
    } else if (mine) {
      for (const func of mine) {
        mine.delete(func)
        return func
      }
    }
    const func = functions.take()
    if (func !== -1) return func
    const { functionBits } = locator.structure
    const prefix = `${formatAddress(locator.prefix, 0, 16)}, ${functionBits} bits of function`
    throw new SidExhausted(`locator ${locator.name} (${prefix}) has no free SID`)
  }

  #functionsOf(sid: Uint8Array): LocatorFunctions | undefined {
    return this.#locators.find(({ locator }) => isInside(sid, locator))
  }
}

/** What a SID by a routing table is for, as the kernel tells it. */
export function tableIdentity(plainBehavior: number, table: number): string {
  return `${plainBehavior} table ${table}`
}

/** What a SID to a next hop is for: `gateway` empty for the device alone. */
export function nextHopIdentity(plain: number, gateway: Uint8Array, ifindex: number): string {
  return `${plain} via ${hexOf(gateway)} dev ${ifindex}`
}
