import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import { Why } from '../rib/decision.ts'
import type { LocRib, RibContext, RibListener } from '../rib/loc-rib.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import type { AttrsId } from '../rib/path-attrs.ts'
import { PathFlag, type PathId, PathKind, type PeerId } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { readServiceSid, rebuildSid, ServiceSid, sidProblem } from '../wire/prefix-sid.ts'
import { Attr, familySpec } from '../wire/registry.ts'
import type { RouteTargetIndex, VrfSetId } from './route-target-index.ts'
import { type AddressFamily, addressFamilyOf, type Vrf } from './vrf.ts'

const RD_WORDS = 2

/** Candidates of one VPN prefix: rows of scratch, used anew for each. */
class Candidates {
  path = new Int32Array(16)
  importers = new Int32Array(16)
  nextHop = new Int32Array(16)
  problem = new Uint8Array(16)
  count = 0

  add(path: PathId, importers: VrfSetId, nextHop: NextHopId, problem: number): void {
    const k = this.count++
    if (k === this.path.length) {
      this.path = grown(this.path, k * 2)
      this.importers = grown(this.importers, k * 2)
      this.nextHop = grown(this.nextHop, k * 2)
      this.problem = grown(this.problem, k * 2)
    }
    this.path[k] = path
    this.importers[k] = importers
    this.nextHop[k] = nextHop
    this.problem[k] = problem
  }

  remove(k: number): void {
    const last = --this.count
    this.path[k] = this.path[last]!
    this.importers[k] = this.importers[last]!
    this.nextHop[k] = this.nextHop[last]!
    this.problem[k] = this.problem[last]!
  }

  isAlike(a: number, b: number): boolean {
    return this.nextHop[a] === this.nextHop[b] && this.importers[a] === this.importers[b]
  }
}

/**
 * The paths of each VPN prefix -> the VRFs that their route targets name: all that could be used,
 * one for each SID, so that a VRF chooses by what it can reach and has something to fall back on,
 * though the PEs use the same RD. A path in the VRF has the same attributes and label; its next hop
 * is the service SID with the transposed bits put back (RFC 9252 §4). A path without a usable SID
 * is imported too, with the reason why it cannot be used. One instance a VPN family.
 */
export class VpnImport implements RibListener {
  readonly #rib: LocRib
  readonly #family: AddressFamily
  readonly #targets: RouteTargetIndex
  readonly #context: RibContext
  readonly #serviceSid = new ServiceSid()
  readonly #sid = new Uint8Array(16)
  readonly #candidates = new Candidates()
  #alike = new Int32Array(16)
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

  /** HOT */
  onDecided(_rib: LocRib, prefix: PrefixId): void {
    if (prefix >= this.#into.length) this.#grow(prefix)
    const all = this.#candidates
    this.#collect(prefix)
    let after: VrfSetId = 0
    for (let k = 0; k < all.count; k++) after = this.#targets.union(after, all.importers[k]!)
    const before: VrfSetId = this.#into[prefix]!
    if (before !== after) this.#move(prefix, before, after)
    const importers = this.#targets.vrfsOf(after)
    for (const vrf of importers) this.#put(vrf, prefix)
    this.#rib.spend(importers.length * all.count)
    for (let k = 0; k < all.count; k++) this.#context.nextHops.release(all.nextHop[k] as NextHopId)
    all.count = 0
    this.#targets.tidy()
  }

  #move(prefix: PrefixId, before: VrfSetId, after: VrfSetId): void {
    const targets = this.#targets
    const former = targets.vrfsOf(before)
    for (const vrf of former) if (!targets.has(after, vrf)) this.#drop(vrf, prefix)
    this.#rib.spend(former.length)
    targets.hold(after)
    targets.drop(before)
    this.#into[prefix] = after
  }

  /** What can be used and is imported somewhere; of several with one SID (two route reflectors) the best. */
  #collect(prefix: PrefixId): void {
    const { paths } = this.#rib
    const all = this.#candidates
    for (let path = this.#rib.firstOf(prefix); path !== NONE; path = paths.nextOf(path)) {
      const why = paths.whyOf(path)
      if (why !== Why.BEST && why < Why.DECISION) continue
      const attrs = paths.attrsOf(path)
      const importers = this.#targets.importersOf(attrs)
      if (importers === 0) continue
      const nextHop =
        paths.kindOf(path) === PathKind.EXPORTED
          ? this.#shared(path)
          : this.#remoteSid(attrs, paths.labelOf(path))
      all.add(path, importers, nextHop, nextHop === NONE ? this.#problem : 0)
    }
    for (let k = 0; k < all.count - 1; k++) this.#keepBestLike(k)
  }

  #keepBestLike(first: number): void {
    const all = this.#candidates
    let count = 0
    for (let k = first; k < all.count; k++) {
      if (!all.isAlike(first, k)) continue
      if (count === this.#alike.length) this.#alike = grown(this.#alike, count * 2)
      this.#alike[count++] = all.path[k]!
    }
    if (count === 1) return
    const best = this.#rib.bestAmong(this.#alike, count)
    for (let k = all.count - 1; k > first; k--) {
      if (!all.isAlike(first, k)) continue
      if (all.path[k] === best) {
        all.path[first] = best
        all.problem[first] = all.problem[k]!
      }
      this.#context.nextHops.release(all.nextHop[k] as NextHopId)
      all.remove(k)
    }
  }

  #put(vrf: Vrf, prefix: PrefixId): void {
    const { paths, prefixes } = this.#rib
    const all = this.#candidates
    const rib = vrf.rib(this.#family)
    const at = prefixes.wordsAt(prefix) + RD_WORDS
    const inner = rib.prefixes.intern(prefixes.words, at, prefixes.bitsOf(prefix))
    for (let k = 0; k < all.count; k++) {
      if (!this.#isFor(vrf, k)) continue
      const path = all.path[k] as PathId
      const attrs = paths.attrsOf(path)
      const nextHop = all.nextHop[k] as NextHopId
      this.#context.attrs.retain(attrs)
      this.#context.nextHops.retain(nextHop)
      const imported = rib.put(
        inner,
        paths.peerOf(path),
        PathKind.IMPORTED,
        prefix,
        attrs,
        paths.labelOf(path),
        nextHop,
        all.problem[k]!,
      )
      rib.setStale(imported, (paths.flagsOf(path) & PathFlag.STALE) !== 0)
    }
    this.#dropOthers(vrf, inner, prefix)
    rib.prefixes.release(inner)
  }

  #isFor(vrf: Vrf, k: number): boolean {
    const { paths } = this.#rib
    const path = this.#candidates.path[k] as PathId
    // What a VRF exports does not come back to it.
    if (paths.kindOf(path) === PathKind.EXPORTED && paths.keyOf(path) === vrf.spec.number) {
      return false
    }
    return this.#targets.has(this.#candidates.importers[k]!, vrf)
  }

  #drop(vrf: Vrf, prefix: PrefixId): void {
    const { prefixes } = this.#rib
    const at = prefixes.wordsAt(prefix) + RD_WORDS
    const inner = vrf.rib(this.#family).prefixes.find(prefixes.words, at, prefixes.bitsOf(prefix))
    if (inner !== NONE) this.#dropOthers(vrf, inner, prefix)
  }

  /** Paths of this VPN prefix from neighbours that no candidate for the VRF is from. */
  #dropOthers(vrf: Vrf, inner: PrefixId, prefix: PrefixId): void {
    const rib = vrf.rib(this.#family)
    const count = rib.chains.findImported(inner, prefix)
    for (let k = 0; k < count; k++) {
      const path = rib.chains.found[k] as PathId
      if (!this.#hasCandidate(vrf, rib.paths.peerOf(path))) rib.removePath(path)
    }
  }

  #hasCandidate(vrf: Vrf, peer: PeerId): boolean {
    const all = this.#candidates
    for (let k = 0; k < all.count; k++) {
      if (this.#rib.paths.peerOf(all.path[k] as PathId) === peer && this.#isFor(vrf, k)) return true
    }
    return false
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
