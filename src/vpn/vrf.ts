import { u32 } from '../base/bytes.ts'
import { LocRib, type RibContext } from '../rib/loc-rib.ts'
import { Family } from '../wire/registry.ts'

export const ADDRESS_FAMILIES = [Family.IPV4_UNICAST, Family.IPV6_UNICAST] as const
export type AddressFamily = (typeof ADDRESS_FAMILIES)[number]

/** The VPN family that carries a VRF's family, and back. */
export function vpnFamilyOf(family: AddressFamily): Family {
  return family === Family.IPV4_UNICAST ? Family.VPNV4 : Family.VPNV6
}

export function addressFamilyOf(vpnFamily: Family): AddressFamily {
  return vpnFamily === Family.VPNV4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST
}

export interface VrfSpec {
  /** From 1: the number next hops and peers name the VRF by; 0 is the default table. */
  readonly number: number
  readonly name: string
  /** Kernel routing table. */
  readonly table: number
  /** 8 octets (RFC 4364 §4.2). */
  readonly rd: Uint8Array
  /** 8 octets each (RFC 4360 §4). */
  readonly importTargets: readonly Uint8Array[]
  readonly exportTargets: readonly Uint8Array[]
  readonly exportConnected: boolean
  readonly exportStatic: boolean
  /** How many equally good paths a prefix uses at once; 1 where it is left out. */
  readonly maximumPaths?: number
}

/** One customer's network on this router: its tables and its identity in the VPN. */
export class Vrf {
  readonly spec: VrfSpec
  /** The RD as the two words that stand in front of a VPN key. */
  readonly rdWords: readonly [number, number]
  readonly #ribs: ReadonlyMap<AddressFamily, LocRib>

  constructor(spec: VrfSpec, context: RibContext) {
    this.spec = spec
    this.rdWords = [u32(spec.rd, 0) | 0, u32(spec.rd, 4) | 0]
    this.#ribs = new Map(
      ADDRESS_FAMILIES.map((family) => [family, new LocRib(spec.name, family, context)]),
    )
    for (const rib of this.#ribs.values()) rib.maximumPaths = spec.maximumPaths ?? 1
  }

  rib(family: AddressFamily): LocRib {
    return this.#ribs.get(family)!
  }
}
