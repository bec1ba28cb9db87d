import { copyBytes, putU32 } from '../base/bytes.ts'
import { prependAsPath, replaceAsPath } from '../wire/as-path.ts'
import { AttrWriter } from '../wire/attr-writer.ts'
import { isRouteTarget } from '../wire/ext-community.ts'
import { labelOf, readServiceSid, ServiceSid } from '../wire/prefix-sid.ts'
import { Attr, AttrFlag, EXPECTED_FLAGS, type Family, familySpec } from '../wire/registry.ts'
import { AttrIndex } from './attr-index.ts'
import { AttrsMap, DerivedSets } from './attrs-map.ts'
import { AttrsFlag, type AttrsId, type AttrsTable, NO_EXPORT } from './path-attrs.ts'
import { type PathId, PathKind, type PathTable } from './path-table.ts'
import type { RibPeer, RibPeers } from './rib-peer.ts'

/** How a neighbour is told of routes of one family. */
export interface OutRules {
  readonly family: Family
  readonly localAs: number
  readonly remoteAs: number
  readonly ebgp: boolean
  readonly asOverride: boolean
  /** Transpose the function of our own SIDs into the label (RFC 9252 §4). */
  readonly transpose: boolean
  /** 4 or 16 octets that replace the next hop; null: as it stands in the path. */
  readonly nextHop: Uint8Array | null
  /** Kinds of path that are none of the neighbour's business. */
  readonly hidden: readonly PathKind[]
  /**
   * Long-lived stale routes: told to who knows what they are, else withheld, or with `restricted`
   * told in a form that does little harm (RFC 9494 §4.3, §4.6, §4.7.1).
   */
  readonly longLivedStale: 'told' | 'withheld' | 'restricted'
}

/** Why a best path is not told to a neighbour; null: it is. */
export type NotTold =
  | 'it came from this neighbour'
  | 'iBGP-learned'
  | 'not redistributed'
  | 'NO_EXPORT'
  | 'NO_ADVERTISE'
  | 'LLGR_STALE'

const HIGHEST_TYPE = 255
/** Of all policies, as none keeps it over a call: room for one attribute value in each half. */
const SCRATCH = new Uint8Array(2 * 65536)
const NON_TRANSITIVE_COMMUNITY = 0x40

/**
 * Attributes on their way out: what a neighbour may see of a path and what is changed for it.
 * The change depends on the attribute set alone and is computed once a set.
 */
export class OutPolicy {
  readonly rules: OutRules
  readonly #attrs: AttrsTable
  readonly #writer = new AttrWriter()
  readonly #index = new AttrIndex()
  readonly #isVpn: boolean
  readonly #isV4: boolean
  readonly #serviceSid = new ServiceSid()
  readonly #sid = new Uint8Array(16)
  readonly #derived: DerivedSets
  readonly #labels: AttrsMap
  /** The label that goes with the last `apply`; -1: the path's own, 0: none. */
  label = -1

  constructor(rules: OutRules, attrs: AttrsTable) {
    this.rules = rules
    this.#attrs = attrs
    this.#derived = new DerivedSets(attrs)
    this.#labels = new AttrsMap(attrs)
    const spec = familySpec(rules.family)
    this.#isVpn = spec.hasRd
    this.#isV4 = spec.addressBytes === 4
  }

  /** Whether the neighbour may hear of a best path. */
  notTold(path: PathId, paths: PathTable, to: RibPeer, peers: RibPeers): NotTold | null {
    const from = peers.get(paths.peerOf(path))
    const kind = paths.kindOf(path)
    if (kind === PathKind.RECEIVED && from.id === to.id) return 'it came from this neighbour'
    // RFC 4271 §9.2: what an internal neighbour told is not told to another one.
    if (kind === PathKind.RECEIVED && !from.ebgp && !to.ebgp) return 'iBGP-learned'
    if (this.rules.hidden.includes(kind)) return 'not redistributed'
    const flags = this.#attrs.flagsOf(paths.attrsOf(path))
    if (flags & AttrsFlag.NO_ADVERTISE) return 'NO_ADVERTISE'
    const isStale = (flags & AttrsFlag.LLGR_STALE) !== 0
    if (isStale && this.rules.longLivedStale === 'withheld') return 'LLGR_STALE'
    return to.ebgp && flags & AttrsFlag.NO_EXPORT ? 'NO_EXPORT' : null
  }

  /** The set as this neighbour sees it, with one reference for the caller; writes `label`. */
  apply(id: AttrsId, own: boolean): AttrsId {
    const known = this.#derived.take(id)
    if (known !== 0) {
      this.label = this.#labels.get(id)
      return known
    }
    const out = this.#derive(id, own)
    this.#derived.set(id, out)
    this.#labels.set(id, this.label)
    return out
  }

  #derive(id: AttrsId, own: boolean): AttrsId {
    const attrs = this.#attrs
    const { rules } = this
    this.label = this.#isVpn ? -1 : 0
    this.#index.load(attrs, id)
    this.#writer.reset()
    for (let type = 1; type <= HIGHEST_TYPE; type++) this.#write(id, type, own)
    const writer = this.#writer
    const nextHop = rules.nextHop
    if (nextHop !== null) {
      return attrs.fromBytes(nextHop, 0, nextHop.length, writer.buf, 0, writer.end)
    }
    const len = attrs.nextHopLen(id)
    return attrs.fromBytes(attrs.bytes, attrs.nextHopAt(id), len, writer.buf, 0, writer.end)
  }

  #write(id: AttrsId, type: number, own: boolean): void {
    const { ebgp } = this.rules
    switch (type) {
      case Attr.AS_PATH:
        this.#writeAsPath()
        return
      case Attr.LOCAL_PREF:
        if (ebgp) return
        this.#writer.localPref(this.#isRestricted(id) ? 0 : this.#attrs.localPrefOf(id))
        return
      case Attr.COMMUNITIES:
        if (this.#isRestricted(id)) this.#writeNoExport()
        else this.#copy(type)
        return
      case Attr.MULTI_EXIT_DISC:
        // RFC 4271 §5.1.4: never passed on to another neighbouring AS.
        if (!ebgp) this.#copy(type)
        return
      case Attr.ORIGINATOR_ID:
      case Attr.CLUSTER_LIST:
      case Attr.AIGP:
        return
      case Attr.EXTENDED_COMMUNITIES:
        this.#writeExtCommunities()
        return
      case Attr.IPV6_EXTENDED_COMMUNITIES:
        // They hold IPv6 address specific route targets (RFC 5701 §2): the VPN's affair.
        if (this.#isVpn) this.#copy(type)
        return
      case Attr.PREFIX_SID:
        if (this.#isVpn) this.#writePrefixSid(own)
        return
      default:
        this.#copy(type)
    }
  }

  #isRestricted(id: AttrsId): boolean {
    if (this.rules.longLivedStale !== 'restricted') return false
    return (this.#attrs.flagsOf(id) & AttrsFlag.LLGR_STALE) !== 0
  }

  /** RFC 9494 §4.6: the communities, LLGR_STALE among them, and NO_EXPORT. */
  #writeNoExport(): void {
    const at = this.#index.at[Attr.COMMUNITIES]!
    const end = copyBytes(
      this.#attrs.bytes,
      at,
      SCRATCH,
      0,
      this.#index.end[Attr.COMMUNITIES]! - at,
    )
    putU32(SCRATCH, end, NO_EXPORT)
    this.#writer.communities(SCRATCH, 0, end + 4)
  }

  #copy(type: number): void {
    if (this.#index.at[type] === 0) return
    let flags = this.#index.flags[type]!
    if (EXPECTED_FLAGS[type] === 0xff) {
      // RFC 4271 §5: an unknown attribute goes on only if transitive, marked partial.
      if ((flags & AttrFlag.TRANSITIVE) === 0) return
      flags |= AttrFlag.PARTIAL
    }
    this.#writer.raw(flags, type, this.#attrs.bytes, this.#index.at[type]!, this.#index.end[type]!)
  }

  #writeAsPath(): void {
    const { rules } = this
    let buf = this.#attrs.bytes
    let at = this.#index.at[Attr.AS_PATH]!
    let end = this.#index.end[Attr.AS_PATH]!
    if (rules.ebgp) {
      const out = SCRATCH
      if (rules.asOverride) {
        const half = out.length >>> 1
        end = replaceAsPath(buf, at, end, rules.remoteAs, rules.localAs, out, half)
        buf = out
        at = half
      }
      end = prependAsPath(buf, at, end, rules.localAs, 1, out, 0)
      buf = out
      at = 0
    }
    this.#writer.asPath(buf, at, end)
  }

  /** CEs never see route targets; non-transitive communities stay in the AS (RFC 4360 §6). */
  #writeExtCommunities(): void {
    const buf = this.#attrs.bytes
    let end = 0
    for (
      let at = this.#index.at[Attr.EXTENDED_COMMUNITIES]!;
      at < this.#index.end[Attr.EXTENDED_COMMUNITIES]!;
      at += 8
    ) {
      if (this.rules.ebgp && buf[at]! & NON_TRANSITIVE_COMMUNITY) continue
      if (!this.#isVpn && isRouteTarget(buf, at)) continue
      end = copyBytes(buf, at, SCRATCH, end, 8)
    }
    if (end > 0) this.#writer.extCommunities(SCRATCH, 0, end)
  }

  /** Our own SIDs lie whole in the table and are transposed here; others' are passed on to the bit. */
  #writePrefixSid(own: boolean): void {
    const at = this.#index.at[Attr.PREFIX_SID]!
    const end = this.#index.end[Attr.PREFIX_SID]!
    if (at === 0) return
    const sid = this.#serviceSid
    const buf = this.#attrs.bytes
    if (!own || !readServiceSid(buf, at, end, sid, this.#isV4, !this.#isV4)) {
      this.#copy(Attr.PREFIX_SID)
      return
    }
    copyBytes(buf, sid.sidAt, this.#sid, 0, 16)
    this.#writer.prefixSid(this.#sid, sid.behavior, sid, this.rules.transpose)
    this.label = labelOf(this.#sid, sid, this.rules.transpose)
  }
}
