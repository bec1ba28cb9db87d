/**
 * Which VRF a prefix of a speaker on this node belongs to: the one that lists one of its communities
 * and has the prefix in its pools. A software engineer names a network; a wrong name joins nobody.
 */
import { equalBytes } from '../base/bytes.ts'
import { AttrsMap } from '../rib/attrs-map.ts'
import type { AttrsId, AttrsTable } from '../rib/path-attrs.ts'
import type { PeerId } from '../rib/path-table.ts'
import { Attr } from '../wire/registry.ts'
import type { AddressFamily, Vrf } from './vrf.ts'

/** Prefixes of one family from which a VRF takes. */
export interface Pool {
  readonly family: AddressFamily
  readonly words: Int32Array
  readonly bits: number
  readonly text: string
}

/** One entry of a VRF's `networks`. */
export interface Network {
  readonly vrf: Vrf
  /** The speaker's sessions. */
  readonly peers: readonly PeerId[]
  /** Four octets (RFC 1997) or twelve (RFC 8092). */
  readonly community: Uint8Array
  /** Null: any prefix that shares no address with a pool of another VRF. */
  readonly pools: readonly Pool[] | null
}

/** Why a prefix is in no VRF; `verdict` is the kind of it. */
export interface Refusal {
  readonly verdict: 'untagged' | 'outside-pools' | 'ambiguous'
  readonly why: string
}

export interface Member {
  readonly vrf: Vrf
  /** By a network without pools. */
  readonly open: boolean
}

export type Membership = Member | Refusal

const UNTAGGED: Refusal = { verdict: 'untagged', why: 'no community of a network' }
// Its source would be the whole node's.
const EVERYTHING: Refusal = {
  verdict: 'outside-pools',
  why: 'a default route is no network of pods',
}

export class Networks {
  readonly #networks: readonly Network[]
  readonly #attrs: AttrsTable
  /** By attribute set: which networks it names, a number in `#sets`. */
  readonly #named: AttrsMap
  readonly #sets: (readonly Network[])[] = [[]]
  readonly #setByName = new Map<string, number>([['', 0]])

  constructor(networks: readonly Network[], attrs: AttrsTable) {
    this.#networks = networks
    this.#attrs = attrs
    this.#named = new AttrsMap(attrs)
  }

  /**
   * RFC 1997 and RFC 8092 communities name networks; of those, the ones count that the prefix may
   * come into. Communities of two VRFs: the one whose pools have the prefix, else none.
   */
  memberOf(
    peer: PeerId,
    set: AttrsId,
    family: AddressFamily,
    words: Int32Array,
    at: number,
    bits: number,
  ): Membership {
    const named = this.#namedBy(set).filter((network) => network.peers.includes(peer))
    if (named.length === 0) return UNTAGGED
    if (bits === 0) return EVERYTHING
    const shares = (pool: Pool) => sharesAddress(pool, family, words, at, bits)
    const holds = (pool: Pool) => bits >= pool.bits && shares(pool)
    const inPool = named.filter(({ pools }) => pools?.some(holds))
    const open = inPool.length === 0
    const vrfs = new Set((open ? this.#open(named, shares) : inPool).map(vrfOf))
    const [vrf] = vrfs
    if (vrf === undefined) {
      return { verdict: 'outside-pools', why: `not in the pools of VRF ${namesOf(named)}` }
    }
    if (vrfs.size === 1) return { vrf, open }
    return {
      verdict: 'ambiguous',
      why: `communities of several networks: ${namesOf(named)}`,
    }
  }

  /**
   * Those that take any prefix, when no pool of somebody else has an address of it, whichever
   * speaker that pool is for: the node routes by address alone.
   */
  #open(named: Network[], shares: (pool: Pool) => boolean): Network[] {
    return named.filter(
      ({ vrf, pools }) =>
        pools === null &&
        !this.#networks.some((other) => other.vrf !== vrf && other.pools?.some(shares)),
    )
  }

  #namedBy(id: AttrsId): readonly Network[] {
    const known = this.#named.get(id)
    if (known !== -1) return this.#sets[known]!
    const networks = this.#networks.filter(({ community }) => this.#has(id, community))
    const name = networks.map((network) => this.#networks.indexOf(network)).join(' ')
    let set = this.#setByName.get(name)
    if (set === undefined) {
      set = this.#sets.push(networks) - 1
      this.#setByName.set(name, set)
    }
    this.#named.set(id, set)
    return networks
  }

  #has(id: AttrsId, community: Uint8Array): boolean {
    const attrs = this.#attrs
    const size = community.length
    if (!attrs.find(id, size === 4 ? Attr.COMMUNITIES : Attr.LARGE_COMMUNITY)) return false
    for (let at = attrs.valueAt; at < attrs.valueEnd; at += size) {
      if (equalBytes(attrs.bytes, at, community, 0, size)) return true
    }
    return false
  }
}

function vrfOf({ vrf }: Network): Vrf {
  return vrf
}

function namesOf(networks: readonly Network[]): string {
  return [...new Set(networks.map(({ vrf }) => vrf.spec.name))].join(', ')
}

function sharesAddress(
  pool: Pool,
  family: AddressFamily,
  words: Int32Array,
  at: number,
  bits: number,
): boolean {
  if (pool.family !== family) return false
  const common = Math.min(pool.bits, bits)
  for (let k = 0; k * 32 < common; k++) {
    const kept = Math.min(common - k * 32, 32)
    if (((words[at + k]! ^ pool.words[k]!) & (-1 << (32 - kept))) !== 0) return false
  }
  return true
}
