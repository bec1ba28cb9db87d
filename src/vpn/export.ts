import { copyBytes } from '../base/bytes.ts'
import { NONE } from '../base/id.ts'
import { AttrIndex } from '../rib/attr-index.ts'
import { AttrsMap, DerivedSets } from '../rib/attrs-map.ts'
import { Why } from '../rib/decision.ts'
import type { LocRib, RibContext, RibListener } from '../rib/loc-rib.ts'
import type { AttrsId } from '../rib/path-attrs.ts'
import { type PathId, PathKind, type PeerId } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { AttrWriter } from '../wire/attr-writer.ts'
import { isRouteTarget } from '../wire/ext-community.ts'
import { labelOf } from '../wire/prefix-sid.ts'
import { Attr } from '../wire/registry.ts'
import type { ServiceSid, ServiceSids } from './service-sids.ts'
import type { LocalSid } from './sid-manager.ts'
import type { AddressFamily, Vrf } from './vrf.ts'

const HIGHEST_TYPE = 255
/** Of all instances, as none keeps it over a call: one attribute value. */
const SCRATCH = new Uint8Array(2 * 65536)

/**
 * The best path of each prefix of a VRF -> the VPN table: RD in front, the VRF's route targets
 * and the SID of the path added (RFC 9252 §5). The SID lies whole in the table; each neighbour's
 * out-policy transposes it. What was imported is not exported again. A path without a SID that the
 * kernel has stands there too, with the reason why it is not announced. One instance a VRF and
 * family.
 */
export class VpnExport implements RibListener {
  readonly #vrf: Vrf
  readonly #rib: LocRib
  readonly #vpnRib: LocRib
  readonly #sids: ServiceSids
  readonly #context: RibContext
  /** 16 octets: the next hop of what we announce. */
  readonly #source: Uint8Array
  readonly #derived: DerivedSets
  /** By attribute set: the number of the SID that its derived set carries. */
  readonly #derivedFor: AttrsMap
  readonly #index = new AttrIndex()
  readonly #writer = new AttrWriter()
  readonly #key = new Int32Array(6)
  /** By prefix of the VRF, one reference each: the SID wanted for it. */
  readonly #held: (ServiceSid | undefined)[] = []
  /** The SID that a prefix is still announced with while the wanted one is on its way. */
  readonly #until = new Map<PrefixId, ServiceSid>()
  /** Prefixes that no SID was left for. */
  readonly #without = new Set<PrefixId>()

  constructor(
    vrf: Vrf,
    family: AddressFamily,
    vpnRib: LocRib,
    sids: ServiceSids,
    context: RibContext,
    source: Uint8Array,
  ) {
    this.#vrf = vrf
    this.#rib = vrf.rib(family)
    this.#vpnRib = vpnRib
    this.#sids = sids
    this.#context = context
    this.#source = source
    this.#derived = new DerivedSets(context.attrs)
    this.#derivedFor = new AttrsMap(context.attrs)
    this.#key[0] = vrf.rdWords[0]
    this.#key[1] = vrf.rdWords[1]
    this.#rib.listen(this)
  }

  onBest(rib: LocRib, prefix: PrefixId, best: PathId): void {
    const { prefixes } = rib
    const at = prefixes.wordsAt(prefix)
    for (let k = 0; k < prefixes.keyWords; k++) this.#key[2 + k] = prefixes.words[at + k]!
    const bits = prefixes.bitsOf(prefix)
    if (best === NONE || !this.#isExported(rib, best)) {
      this.#withdraw(bits)
      this.#hold(prefix, undefined)
      this.#without.delete(prefix)
      return
    }
    const sid = this.#sids.take(rib, prefix, best)
    if (sid === undefined) this.#without.add(prefix)
    else this.#without.delete(prefix)
    if (sid?.state === 'pending' && this.#keepsFormer(prefix, sid)) return
    this.#announce(rib, best, bits, sid)
    this.#hold(prefix, sid)
  }

  /** The kernel has answered for these SIDs: their routes are announced, or not, anew. */
  onSids(rows: ReadonlySet<ServiceSid>): void {
    for (let row = 1; row < this.#held.length; row++) {
      const held = this.#held[row]
      if (held !== undefined && rows.has(held)) this.#touch(row as PrefixId)
    }
  }

  /** A SID was given back: who had none asks again. */
  onSidFreed(): void {
    for (const prefix of this.#without) this.#touch(prefix)
  }

  #touch(prefix: PrefixId): void {
    const best = this.#rib.bestOf(prefix)
    if (best !== NONE) this.#rib.touch(best)
  }

  #isExported(rib: LocRib, best: PathId): boolean {
    switch (rib.paths.kindOf(best)) {
      case PathKind.CONNECTED:
        return this.#vrf.spec.exportConnected
      case PathKind.STATIC:
        return this.#vrf.spec.exportStatic
      case PathKind.RECEIVED:
        return true
      default:
        return false
    }
  }

  /** Takes over the reference to `sid`. */
  #hold(prefix: PrefixId, sid: ServiceSid | undefined): void {
    const before = this.#held[prefix]
    this.#held[prefix] = sid
    if (before) this.#sids.give(before)
    const until = this.#until.get(prefix)
    if (!until) return
    this.#until.delete(prefix)
    this.#sids.give(until)
  }

  /** Make before break: what is announced stays so until the kernel has the new SID. */
  #keepsFormer(prefix: PrefixId, sid: ServiceSid): boolean {
    const before = this.#held[prefix]
    const until = this.#until.get(prefix)
    if (!until && (before === sid || before?.state !== 'installed')) return false
    // Asked for already, or given up for yet another one before it was there.
    if (until && before) this.#sids.give(before)
    if (!until) this.#until.set(prefix, before!)
    this.#held[prefix] = sid
    return true
  }

  #announce(rib: LocRib, best: PathId, bits: number, sid: ServiceSid | undefined): void {
    const { nextHops, peers } = this.#context
    const usable = sid?.state === 'installed'
    const from = rib.paths.attrsOf(best)
    const number = usable ? sid.number : 0
    const known = this.#derivedFor.get(from) === number ? this.#derived.take(from) : 0
    const attrs = known !== 0 ? known : this.#derive(from, usable ? sid.local : undefined, number)
    const prefix = this.#vpnRib.prefixes.intern(this.#key, 0, bits)
    const nextHop = rib.paths.nextHopOf(best)
    nextHops.retain(nextHop)
    this.#vpnRib.put(
      prefix,
      peers.local.id,
      PathKind.EXPORTED,
      this.#vrf.spec.number,
      attrs,
      usable ? labelOf(sid.local.sid, sid.local.locator.structure, false) : 0,
      nextHop,
      usable ? 0 : this.#problemOf(sid),
    )
    this.#vpnRib.prefixes.release(prefix)
  }

  #problemOf(sid: ServiceSid | undefined): number {
    if (sid === undefined) return this.#sids.why
    return sid.state === 'failed' ? Why.SID_REFUSED : Why.SID_PENDING
  }

  #withdraw(bits: number): void {
    const rib = this.#vpnRib
    const prefix = rib.prefixes.find(this.#key, 0, bits)
    if (prefix === NONE) return
    const local = this.#context.peers.local.id as PeerId
    const path = rib.findPath(prefix, local, PathKind.EXPORTED, this.#vrf.spec.number)
    if (path !== NONE) rib.removePath(path)
  }

  #derive(from: AttrsId, sid: LocalSid | undefined, number: number): AttrsId {
    const { attrs } = this.#context
    this.#index.load(attrs, from)
    this.#writer.reset()
    for (let type = 1; type <= HIGHEST_TYPE; type++) this.#write(type, sid)
    const { buf, end } = this.#writer
    const set = attrs.fromBytes(this.#source, 0, this.#source.length, buf, 0, end)
    this.#derived.set(from, set)
    this.#derivedFor.set(from, number)
    return set
  }

  #write(type: number, sid: LocalSid | undefined): void {
    const { at, end, flags } = this.#index
    switch (type) {
      case Attr.EXTENDED_COMMUNITIES:
        this.#writeExtCommunities()
        return
      case Attr.PREFIX_SID:
        if (sid) this.#writer.prefixSid(sid.sid, sid.behavior, sid.locator.structure, false)
        return
      // A customer's route targets in their IPv6 form (RFC 5701 §2), and what means nothing past
      // its own route reflectors.
      case Attr.IPV6_EXTENDED_COMMUNITIES:
      case Attr.ORIGINATOR_ID:
      case Attr.CLUSTER_LIST:
        return
      default:
        if (at[type] === 0) return
        this.#writer.raw(flags[type]!, type, this.#context.attrs.bytes, at[type]!, end[type]!)
    }
  }

  /** A customer's own route targets would put its routes into other customers' VRFs: they go. */
  #writeExtCommunities(): void {
    const buf = this.#context.attrs.bytes
    const out = SCRATCH
    let end = 0
    for (const target of this.#vrf.spec.exportTargets) end = copyBytes(target, 0, out, end, 8)
    const last = this.#index.end[Attr.EXTENDED_COMMUNITIES]!
    for (let at = this.#index.at[Attr.EXTENDED_COMMUNITIES]!; at < last; at += 8) {
      if (!isRouteTarget(buf, at)) end = copyBytes(buf, at, out, end, 8)
    }
    if (end > 0) this.#writer.extCommunities(out, 0, end)
  }
}
