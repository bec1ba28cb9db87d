import type { Clock } from '../base/clock.ts'
import { isKeptAddress, isSameAddress } from '../fib/interfaces.ts'
import type { InterfaceAddress } from '../fib/kernel.ts'

/** An address that went this long ago was not dropped for what is found now. */
const DROPPED_MS = 3000

/** Addresses that went a moment ago: an interface that changes its VRF drops those of IPv6. */
export class DroppedAddresses {
  readonly #clock: Clock
  #rows: { address: InterfaceAddress; at: number }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(address: InterfaceAddress): void {
    this.#rows.push({ address, at: this.#clock.now() })
  }

  /** It is back. */
  remove(address: InterfaceAddress): void {
    this.#rows = this.#rows.filter((row) => !isSameAddress(row.address, address))
  }

  /** Those that would have to be given back. */
  recent(): InterfaceAddress[] {
    this.#rows = this.#rows.filter(({ at }) => this.#clock.now() - at < DROPPED_MS)
    return this.#rows.map(({ address }) => address).filter(isKeptAddress)
  }
}
