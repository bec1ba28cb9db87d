import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import { Why } from '../rib/decision.ts'
import type { LocRib, RibContext, RibListener } from '../rib/loc-rib.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import type { AttrsId } from '../rib/path-attrs.ts'
import { type PathId, PathKind } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { readServiceSid, rebuildSid, ServiceSid, sidProblem } from '../wire/prefix-sid.ts'
import { Attr, familySpec } from '../wire/registry.ts'
import type { RouteTargetIndex, VrfSetId } from './route-target-index.ts'
import { type AddressFamily, addressFamilyOf, type Vrf } from './vrf.ts'

const RD_WORDS = 2

/**
 * The best path of each VPN prefix -> the VRFs that its route targets name. The path in the VRF
 * has the same attributes and label; its next hop is the service SID with the transposed bits
 * put back (RFC 9252 §4). A path without a usable SID is imported too, with the reason why it
 * cannot be used. One instance a VPN family.
 */
export class VpnImport implements RibListener {
  readonly #rib: LocRib
  readonly #family: AddressFamily
  readonly #targets: RouteTargetIndex
  readonly #context: RibContext
  readonly #serviceSid = new ServiceSid()
  readonly #sid = new Uint8Array(16)
  /** By VPN prefix: the VRFs that have it now. */
  #into = new Int32Array(64)
  /** Why the path last looked at cannot be used. */
  #problem = 0

  constructor(rib: LocRib, targets: RouteTargetIndex, context: RibContext) {
    this.#rib = rib
    this.#family = addressFamilyOf(rib.family)
    this.#targets = targets
    this.#context = context
    rib.listen(this)
  }

  /** For `show`: the VRFs that a VPN prefix stands in. */
  vrfsOf(prefix: PrefixId): readonly Vrf[] {
    return this.#targets.vrfsOf(prefix < this.#into.length ? this.#into[prefix]! : 0)
  }

  onBest(rib: LocRib, prefix: PrefixId, best: PathId): void {
    if (prefix >= this.#into.length) this.#grow(prefix)
    const before: VrfSetId = this.#into[prefix]!
    const after = best === NONE ? 0 : this.#targets.importersOf(rib.paths.attrsOf(best))
    this.#into[prefix] = after
    const importers = this.#targets.vrfsOf(after)
    for (const vrf of this.#targets.vrfsOf(before)) {
      if (before !== after && !importers.includes(vrf)) this.#remove(vrf, prefix)
    }
    for (const vrf of importers) this.#put(vrf, prefix, best)
  }

  #put(vrf: Vrf, prefix: PrefixId, best: PathId): void {
    const { paths, prefixes } = this.#rib
    const exported = paths.kindOf(best) === PathKind.EXPORTED
    // What a VRF exports does not come back to it.
    if (exported && paths.keyOf(best) === vrf.spec.number) {
      this.#remove(vrf, prefix)
      return
    }
    const attrs = paths.attrsOf(best)
    const nextHop = exported ? this.#shared(best) : this.#remoteSid(attrs, paths.labelOf(best))
    const problem = nextHop === NONE ? this.#problem : 0
    const rib = vrf.rib(this.#family)
    const at = prefixes.wordsAt(prefix) + RD_WORDS
    const inner = rib.prefixes.intern(prefixes.words, at, prefixes.bitsOf(prefix))
    this.#dropOthers(rib, inner, paths.peerOf(best), prefix)
    this.#context.attrs.retain(attrs)
    rib.put(
      inner,
      paths.peerOf(best),
      PathKind.IMPORTED,
      prefix,
      attrs,
      paths.labelOf(best),
      nextHop,
      problem,
    )
    rib.prefixes.release(inner)
  }

  /** The best path moved to another neighbour: the path of the former one goes. */
  #dropOthers(rib: LocRib, inner: PrefixId, peer: number, prefix: PrefixId): void {
    for (let path = rib.firstOf(inner); path !== NONE; ) {
      const next = rib.paths.nextOf(path)
      if (this.#isFrom(rib, path, prefix) && rib.paths.peerOf(path) !== peer) rib.removePath(path)
      path = next
    }
  }

  #remove(vrf: Vrf, prefix: PrefixId): void {
    const rib = vrf.rib(this.#family)
    const { prefixes } = this.#rib
    const at = prefixes.wordsAt(prefix) + RD_WORDS
    const inner = rib.prefixes.find(prefixes.words, at, prefixes.bitsOf(prefix))
    if (inner !== NONE) this.#dropOthers(rib, inner, NONE, prefix)
  }

  #isFrom(rib: LocRib, path: PathId, prefix: PrefixId): boolean {
    return rib.paths.kindOf(path) === PathKind.IMPORTED && rib.paths.keyOf(path) === prefix
  }

  /** A route of another VRF of this router forwards as it does there, without encapsulation. */
  #shared(best: PathId): NextHopId {
    const nextHop = this.#rib.paths.nextHopOf(best)
    this.#context.nextHops.retain(nextHop)
    this.#problem = 0
    return nextHop
  }

  #remoteSid(set: AttrsId, label: number): NextHopId {
    const { attrs, nextHops } = this.#context
    if (!attrs.find(set, Attr.PREFIX_SID)) return this.#unusable(Why.NO_SERVICE_SID)
    const isV4 = familySpec(this.#family).addressBytes === 4
    const sid = this.#serviceSid
    const buf = attrs.bytes
    if (!readServiceSid(buf, attrs.valueAt, attrs.valueEnd, sid, isV4, !isV4)) {
      return this.#unusable(sid.family === 0 ? Why.NO_SERVICE_SID : Why.SID_UNUSABLE)
    }
    rebuildSid(sid, buf, label, this.#sid, 0)
    if (sidProblem(this.#sid, 0) !== 0) return this.#unusable(Why.SID_UNUSABLE)
    return nextHops.sid(this.#sid, 0)
  }

  #unusable(why: number): NextHopId {
    this.#problem = why
    return NONE as NextHopId
  }

  #grow(prefix: PrefixId): void {
    let capacity = this.#into.length
    while (capacity <= prefix) capacity *= 2
    this.#into = grown(this.#into, capacity)
  }
}
