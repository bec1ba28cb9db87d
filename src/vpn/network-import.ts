import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import type { LocRib, RibContext, RibListener } from '../rib/loc-rib.ts'
import { type PathId, PathKind, type PeerId } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import type { Member, Networks, Refusal } from './networks.ts'
import { OpenPrefixes } from './open-prefixes.ts'
import type { AddressFamily, Vrf } from './vrf.ts'

/** What else follows when a prefix of this node comes into a VRF or leaves it. */
export interface NetworkListener {
  /** What comes from the prefix is the VRF's from here on; `words` are good during the call. */
  onJoin(vrf: Vrf, family: AddressFamily, words: Int32Array, bits: number): void
  /**
   * `goOn`: it is on its way into another VRF, and joins that once `goOn` is called, when nothing
   * is left of the former one. Until then nothing may come from it.
   */
  onLeave(
    vrf: Vrf,
    family: AddressFamily,
    words: Int32Array,
    bits: number,
    goOn: (() => void) | null,
  ): void
}

/**
 * The best path of each prefix that speakers of this node announce -> the one VRF that its
 * communities name (`Networks`). There it is a path like a CE's, that leads to this node. One
 * instance a family.
 */
export class NetworkImport implements RibListener {
  readonly #rib: LocRib
  readonly #family: AddressFamily
  readonly #networks: Networks
  readonly #vrfs: readonly Vrf[]
  readonly #context: RibContext
  readonly #listener: NetworkListener
  /** By prefix: number of the VRF it is in, 0 for none; and the peer of its path there. */
  #into = new Int32Array(64)
  #peer = new Int32Array(64)
  /** Prefixes between two VRFs, with the former one. */
  readonly #moving = new Map<PrefixId, Vrf>()
  readonly #refused = new Map<PrefixId, Refusal>()
  /** In VRFs by `pools: any`; and those that wait until no other VRF has an address of theirs. */
  readonly #open = new OpenPrefixes()
  readonly #waiting = new Set<PrefixId>()
  readonly #words = new Int32Array(4)

  constructor(
    rib: LocRib,
    networks: Networks,
    vrfs: readonly Vrf[],
    context: RibContext,
    listener: NetworkListener,
  ) {
    this.#rib = rib
    this.#family = rib.family as AddressFamily
    this.#networks = networks
    this.#vrfs = vrfs
    this.#context = context
    this.#listener = listener
    rib.listen(this)
  }

  /** For `show`: the VRF that has a prefix, or why none has. */
  vrfOf(prefix: PrefixId): Vrf | null {
    const number = prefix < this.#into.length ? this.#into[prefix]! : 0
    return this.#vrfs.find((vrf) => vrf.spec.number === number) ?? null
  }

  whyOf(prefix: PrefixId): string | null {
    return this.#refused.get(prefix)?.why ?? null
  }

  /** How many prefixes are in each VRF, and how many in none for what kind of reason. */
  verdicts(): { verdict: 'in' | Refusal['verdict']; vrf: string; count: number }[] {
    const inside = new Int32Array(this.#vrfs.length + 1)
    for (const number of this.#into) inside[number] = inside[number]! + 1
    const outside = { untagged: 0, 'outside-pools': 0, ambiguous: 0 }
    for (const { verdict } of this.#refused.values()) outside[verdict]++
    const verdicts = Object.keys(outside) as Refusal['verdict'][]
    return [
      ...this.#vrfs.map(({ spec: { name, number } }) => {
        return { verdict: 'in' as const, vrf: name, count: inside[number]! }
      }),
      ...verdicts.map((verdict) => ({ verdict, vrf: '', count: outside[verdict] })),
    ]
  }

  onPathSet(rib: LocRib, prefix: PrefixId, best: PathId): void {
    if (prefix >= this.#into.length) this.#grow(prefix)
    if (this.#moving.has(prefix)) return
    const member = this.#networkOf(rib, prefix, best)
    const to = member?.vrf ?? null
    const before = this.vrfOf(prefix)
    // Out of the one network before it is in another: at no moment in both.
    if (before !== null && to !== null && before !== to) this.#move(before, prefix)
    else if (before !== null && to === null) this.#letGo(before, prefix)
    else if (member !== null) this.#join(member, prefix, best)
  }

  #networkOf({ paths, prefixes }: LocRib, prefix: PrefixId, best: PathId): Member | null {
    this.#refused.delete(prefix)
    this.#waiting.delete(prefix)
    if (best === NONE) return null
    const bits = prefixes.bitsOf(prefix)
    const found = this.#networks.memberOf(
      paths.peerOf(best),
      paths.attrsOf(best),
      this.#family,
      prefixes.words,
      prefixes.wordsAt(prefix),
      bits,
    )
    if (!('vrf' in found)) {
      this.#refused.set(prefix, found)
      return null
    }
    if (!found.open) return found
    const other = this.#open.ownerOf(this.#wordsOf(prefix), bits, found.vrf)
    if (other === undefined) return found
    const why = `VRF ${other.spec.name} has addresses of it`
    this.#refused.set(prefix, { verdict: 'ambiguous', why })
    this.#waiting.add(prefix)
    return null
  }

  /** What others wait for is let go of as if it moved: they come in when the kernel is done. */
  #letGo(from: Vrf, prefix: PrefixId): void {
    const isOpen = this.#open.has(this.#wordsOf(prefix), this.#rib.prefixes.bitsOf(prefix))
    if (isOpen && this.#waiting.size > 0) this.#move(from, prefix)
    else this.#leave(from, prefix, null)
  }

  #move(from: Vrf, prefix: PrefixId): void {
    this.#rib.prefixes.retain(prefix)
    this.#moving.set(prefix, from)
    this.#leave(from, prefix, () => this.#goOn(from, prefix))
  }

  /** Into the VRF that it is to be in now, which may be another one or none. */
  #goOn(from: Vrf, prefix: PrefixId): void {
    this.#moving.delete(prefix)
    this.onPathSet(this.#rib, prefix, this.#rib.bestOf(prefix))
    if (this.#into[prefix] === 0) this.#tellLeft(from, prefix, null)
    this.#rib.prefixes.release(prefix)
    for (const each of [...this.#waiting]) this.onPathSet(this.#rib, each, this.#rib.bestOf(each))
  }

  /** What a VRF has of this node's prefixes is told anew. */
  retell(vrf: Vrf): void {
    for (let row = 1; row < this.#into.length; row++) {
      if (this.#into[row] !== vrf.spec.number) continue
      const path = this.#pathIn(vrf, row as PrefixId)
      if (path !== NONE) vrf.rib(this.#family).touch(path)
    }
  }

  #join({ vrf, open }: Member, prefix: PrefixId, best: PathId): void {
    const { paths, prefixes } = this.#rib
    const { attrs, nextHops } = this.#context
    const rib = vrf.rib(this.#family)
    const inner = rib.prefixes.intern(
      prefixes.words,
      prefixes.wordsAt(prefix),
      prefixes.bitsOf(prefix),
    )
    const [peer, set] = [paths.peerOf(best), paths.attrsOf(best)]
    const isNew = this.#into[prefix] === 0
    if (!isNew && this.#peer[prefix] !== peer) this.#removePath(vrf, prefix)
    attrs.retain(set)
    rib.put(inner, peer, PathKind.RECEIVED, 0, set, 0, nextHops.node(), 0)
    rib.prefixes.release(inner)
    this.#into[prefix] = vrf.spec.number
    this.#peer[prefix] = peer
    if (!isNew) return
    const [words, bits] = [this.#wordsOf(prefix), prefixes.bitsOf(prefix)]
    if (open) this.#open.add(words, bits, vrf)
    this.#listener.onJoin(vrf, this.#family, words, bits)
  }

  #leave(vrf: Vrf, prefix: PrefixId, goOn: (() => void) | null): void {
    this.#removePath(vrf, prefix)
    this.#into[prefix] = 0
    this.#open.remove(this.#wordsOf(prefix), this.#rib.prefixes.bitsOf(prefix))
    this.#tellLeft(vrf, prefix, goOn)
  }

  #removePath(vrf: Vrf, prefix: PrefixId): void {
    const path = this.#pathIn(vrf, prefix)
    if (path !== NONE) vrf.rib(this.#family).removePath(path)
  }

  #pathIn(vrf: Vrf, prefix: PrefixId): PathId {
    const { prefixes } = this.#rib
    const rib = vrf.rib(this.#family)
    const [at, bits] = [prefixes.wordsAt(prefix), prefixes.bitsOf(prefix)]
    const inner = rib.prefixes.find(prefixes.words, at, bits)
    if (inner === NONE) return NONE as PathId
    return rib.findPath(inner, this.#peer[prefix] as PeerId, PathKind.RECEIVED, 0)
  }

  #tellLeft(vrf: Vrf, prefix: PrefixId, goOn: (() => void) | null): void {
    const bits = this.#rib.prefixes.bitsOf(prefix)
    this.#listener.onLeave(vrf, this.#family, this.#wordsOf(prefix), bits, goOn)
  }

  #wordsOf(prefix: PrefixId): Int32Array {
    const { prefixes } = this.#rib
    const at = prefixes.wordsAt(prefix)
    for (let k = 0; k < prefixes.keyWords; k++) this.#words[k] = prefixes.words[at + k]!
    return this.#words
  }

  #grow(prefix: PrefixId): void {
    let capacity = this.#into.length
    while (capacity <= prefix) capacity *= 2
    this.#into = grown(this.#into, capacity)
    this.#peer = grown(this.#peer, capacity)
  }
}
