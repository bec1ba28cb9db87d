import { copyBytes } from '../base/bytes.ts'
import { NONE } from '../base/id.ts'
import { AttrIndex } from '../rib/attr-index.ts'
import { DerivedSets } from '../rib/attrs-map.ts'
import type { LocRib, RibContext, RibListener } from '../rib/loc-rib.ts'
import type { AttrsId } from '../rib/path-attrs.ts'
import { type PathId, PathKind, type PeerId } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { AttrWriter } from '../wire/attr-writer.ts'
import { isRouteTarget } from '../wire/ext-community.ts'
import { labelOf } from '../wire/prefix-sid.ts'
import { Attr } from '../wire/registry.ts'
import type { AddressFamily, Vrf } from './vrf.ts'

const HIGHEST_TYPE = 255
/** Of all instances, as none keeps it over a call: one attribute value. */
const SCRATCH = new Uint8Array(2 * 65536)

/**
 * The best path of each prefix of a VRF -> the VPN table: RD in front, the VRF's route targets
 * and its SID added (RFC 9252 §5). The SID lies whole in the table; each neighbour's out-policy
 * transposes it. What was imported is not exported again. One instance a VRF and family.
 */
export class VpnExport implements RibListener {
  readonly #vrf: Vrf
  readonly #family: AddressFamily
  readonly #vpnRib: LocRib
  readonly #context: RibContext
  /** 16 octets: the next hop of what we announce. */
  readonly #source: Uint8Array
  readonly #derived: DerivedSets
  readonly #index = new AttrIndex()
  readonly #writer = new AttrWriter()
  readonly #key = new Int32Array(6)

  constructor(
    vrf: Vrf,
    family: AddressFamily,
    vpnRib: LocRib,
    context: RibContext,
    source: Uint8Array,
  ) {
    this.#vrf = vrf
    this.#family = family
    this.#vpnRib = vpnRib
    this.#context = context
    this.#source = source
    this.#derived = new DerivedSets(context.attrs)
    this.#key[0] = vrf.rdWords[0]
    this.#key[1] = vrf.rdWords[1]
    vrf.rib(family).listen(this)
  }

  onBest(rib: LocRib, prefix: PrefixId, best: PathId): void {
    const { prefixes } = rib
    const at = prefixes.wordsAt(prefix)
    for (let k = 0; k < prefixes.keyWords; k++) this.#key[2 + k] = prefixes.words[at + k]!
    const bits = prefixes.bitsOf(prefix)
    if (best === NONE || !this.#isExported(rib, best)) this.#withdraw(bits)
    else this.#announce(rib, best, bits)
  }

  #isExported(rib: LocRib, best: PathId): boolean {
    if (!this.#vrf.sids.has(this.#family)) return false
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

  #announce(rib: LocRib, best: PathId, bits: number): void {
    const { nextHops, peers } = this.#context
    const sid = this.#vrf.sids.get(this.#family)!
    const from = rib.paths.attrsOf(best)
    const known = this.#derived.take(from)
    const attrs = known !== 0 ? known : this.#derive(from)
    const prefix = this.#vpnRib.prefixes.intern(this.#key, 0, bits)
    const nextHop = rib.paths.nextHopOf(best)
    nextHops.retain(nextHop)
    this.#vpnRib.put(
      prefix,
      peers.local.id,
      PathKind.EXPORTED,
      this.#vrf.spec.number,
      attrs,
      labelOf(sid.sid, sid.locator.structure, false),
      nextHop,
      0,
    )
    this.#vpnRib.prefixes.release(prefix)
  }

  #withdraw(bits: number): void {
    const rib = this.#vpnRib
    const prefix = rib.prefixes.find(this.#key, 0, bits)
    if (prefix === NONE) return
    const local = this.#context.peers.local.id as PeerId
    const path = rib.findPath(prefix, local, PathKind.EXPORTED, this.#vrf.spec.number)
    if (path !== NONE) rib.removePath(path)
  }

  #derive(from: AttrsId): AttrsId {
    const { attrs } = this.#context
    this.#index.load(attrs, from)
    this.#writer.reset()
    for (let type = 1; type <= HIGHEST_TYPE; type++) this.#write(type)
    const { buf, end } = this.#writer
    const set = attrs.fromBytes(this.#source, 0, this.#source.length, buf, 0, end)
    this.#derived.set(from, set)
    return set
  }

  #write(type: number): void {
    const { at, end, flags } = this.#index
    switch (type) {
      case Attr.EXTENDED_COMMUNITIES:
        this.#writeExtCommunities()
        return
      case Attr.PREFIX_SID: {
        const sid = this.#vrf.sids.get(this.#family)!
        this.#writer.prefixSid(sid.sid, sid.behavior, sid.locator.structure, false)
        return
      }
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
