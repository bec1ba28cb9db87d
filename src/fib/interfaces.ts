import { equalBytes, getBits, i32 } from '../base/bytes.ts'
import { Family } from '../wire/registry.ts'
import type { InterfaceAddress, Link } from './kernel.ts'
import { IFA_F_PERMANENT, RT_SCOPE_UNIVERSE } from './rtnetlink-constants.ts'

/** A network that an interface is on. */
export interface ConnectedNetwork {
  readonly ifindex: number
  readonly family: typeof Family.IPV4_UNICAST | typeof Family.IPV6_UNICAST
  /** Address words, zero behind the prefix. */
  readonly words: Int32Array
  readonly bits: number
}

/** Whether an interface belongs to what is asked about, a VRF say. */
export type InScope = (ifindex: number) => boolean

/** The interfaces and addresses of this network namespace, read once and then as the kernel tells. */
export class Interfaces {
  #links = new Map<number, Link>()
  #addresses: InterfaceAddress[] = []

  get links(): Iterable<Link> {
    return this.#links.values()
  }

  get addresses(): readonly InterfaceAddress[] {
    return this.#addresses
  }

  update(links: readonly Link[], addresses: readonly InterfaceAddress[]): void {
    this.#links = new Map(links.map((link) => [link.ifindex, link]))
    this.#addresses = [...addresses]
  }

  setLink(link: Link): void {
    this.#links.set(link.ifindex, link)
  }

  removeLink(ifindex: number): void {
    this.#links.delete(ifindex)
    this.#addresses = this.#addresses.filter((a) => a.ifindex !== ifindex)
  }

  setAddress(address: InterfaceAddress): void {
    const at = this.#addresses.findIndex((a) => isSameAddress(a, address))
    if (at < 0) this.#addresses.push(address)
    else this.#addresses[at] = address
  }

  removeAddress(address: InterfaceAddress): void {
    this.#addresses = this.#addresses.filter((a) => !isSameAddress(a, address))
  }

  link(name: string): Link | undefined {
    for (const link of this.#links.values()) if (link.name === name) return link
    return undefined
  }

  byIndex(ifindex: number): Link | undefined {
    return this.#links.get(ifindex)
  }

  /** Belongs to no VRF, bridge or bond. */
  readonly isFree: InScope = (ifindex) => (this.byIndex(ifindex)?.master ?? 0) === 0

  isOwn(address: Uint8Array, within: InScope): boolean {
    return this.#addresses.some((a) => isSame(a.address, address) && within(a.ifindex))
  }

  /** HOT: whether an interface of the main table has the address of `len` octets at `at`. */
  hasAddress(buf: Uint8Array, at: number, len: number): boolean {
    const addresses = this.#addresses
    for (let k = 0; k < addresses.length; k++) {
      const { address, ifindex } = addresses[k]!
      if (address.length !== len || !equalBytes(address, 0, buf, at, len)) continue
      if (this.isFree(ifindex)) return true
    }
    return false
  }

  /** The networks of the interfaces that are up, link-locals left out. */
  connected(within: InScope): ConnectedNetwork[] {
    const networks: ConnectedNetwork[] = []
    for (const { ifindex, address, bits } of this.#addresses) {
      const link = this.byIndex(ifindex)
      if (link === undefined || !link.up || isLinkLocal(address)) continue
      if (!within(ifindex)) continue
      const family = address.length === 4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST
      networks.push({ ifindex, family, words: networkWords(address, bits), bits })
    }
    return networks
  }

  /** The interface on whose network `gateway` is, 0 if none (longest prefix). */
  towards(gateway: Uint8Array, within: InScope): number {
    let best = 0
    let bestBits = -1
    for (const { ifindex, address, bits } of this.#addresses) {
      const link = this.byIndex(ifindex)
      if (link === undefined || !link.up || !within(ifindex) || bits <= bestBits) continue
      if (address.length !== gateway.length || isLinkLocal(address)) continue
      if (!sharesBits(address, gateway, bits)) continue
      best = ifindex
      bestBits = bits
    }
    return best
  }

  /** A global address of a family on the interface that has `address`, for use as a next hop. */
  besides(address: Uint8Array, octets: 4 | 16, within: InScope): Uint8Array | null {
    const here = this.#addresses.filter((a) => isSame(a.address, address) && within(a.ifindex))
    const other = this.#addresses.find(
      (a) =>
        a.address.length === octets &&
        !isLinkLocal(a.address) &&
        here.some((h) => h.ifindex === a.ifindex),
    )
    return other?.address ?? null
  }
}

export function isSameAddress(a: InterfaceAddress, b: InterfaceAddress): boolean {
  return a.ifindex === b.ifindex && a.bits === b.bits && isSame(a.address, b.address)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalBytes(a, 0, b, 0, a.length)
}

export function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80
}

function sharesBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >>> 3
  const rest = bits & 7
  return (
    equalBytes(a, 0, b, 0, whole) &&
    (rest === 0 || getBits(a, whole * 8, rest) === getBits(b, whole * 8, rest))
  )
}

/** An address, zero behind `bits`. */
export function networkOf(address: Uint8Array, bits: number): Uint8Array {
  const out = new Uint8Array(address.length)
  const view = new DataView(out.buffer)
  for (const [k, word] of networkWords(address, bits).entries()) view.setInt32(k * 4, word)
  return out
}

/** The words of an address, zero behind `bits`. */
export function networkWords(address: Uint8Array, bits: number): Int32Array {
  const words = new Int32Array(address.length / 4)
  for (let k = 0; k < words.length; k++) {
    const here = Math.min(32, Math.max(0, bits - 32 * k))
    words[k] = here === 0 ? 0 : i32(address, k * 4) & (-1 << (32 - here))
  }
  return words
}

/** Whether nothing that srv6d goes by differs. */
export function isSameLink(a: Link, b: Link): boolean {
  return (
    a.name === b.name &&
    a.up === b.up &&
    a.master === b.master &&
    a.mtu === b.mtu &&
    a.vrfTable === b.vrfTable
  )
}

/** Global IPv6 addresses that somebody set: those a change of the master takes away. */
export function isKeptAddress({ address, scope, flags }: InterfaceAddress): boolean {
  return address.length === 16 && scope === RT_SCOPE_UNIVERSE && (flags & IFA_F_PERMANENT) !== 0
}
