import { copyBytes, putU32 } from '../base/bytes.ts'
import { AttrWriter } from '../wire/attr-writer.ts'
import { Attr, type Family } from '../wire/registry.ts'
import type { AdjRibIn } from './adj-rib-in.ts'
import { AttrIndex } from './attr-index.ts'
import { DerivedSets } from './attrs-map.ts'
import type { LocRib, RibContext } from './loc-rib.ts'
import { AttrsFlag, type AttrsId, LLGR_STALE } from './path-attrs.ts'
import { PathFlag, type PathId, PathKind } from './path-table.ts'

const HIGHEST_TYPE = 255
/** A value may not grow past what an attribute holds (RFC 4271 §4.3). */
const SCRATCH = new Uint8Array(65536 + 4)

/**
 * RFC 9494 §4.2: what becomes of a neighbour's stale routes when its restart time is over. They
 * get the community LLGR_STALE, which puts them last in every decision and tells those who are
 * told; where NO_LLGR stands they go.
 */
export class LongLivedStale {
  readonly #context: RibContext
  readonly #derived: DerivedSets
  readonly #index = new AttrIndex()
  readonly #writer = new AttrWriter()

  constructor(context: RibContext) {
    this.#context = context
    this.#derived = new DerivedSets(context.attrs)
  }

  attach(adjRibIn: AdjRibIn, family: Family): void {
    const { attrs } = this.#context
    adjRibIn.eachPath([family], (rib, path) => {
      const flags = rib.paths.flagsOf(path)
      if ((flags & PathFlag.STALE) === 0 || (flags & PathFlag.LONG_LIVED) !== 0) return
      const communities = attrs.flagsOf(rib.paths.attrsOf(path))
      if (communities & AttrsFlag.NO_LLGR) adjRibIn.remove(rib, path)
      else this.#mark(rib, path, (communities & AttrsFlag.LLGR_STALE) !== 0)
    })
  }

  #mark(rib: LocRib, path: PathId, has: boolean): void {
    const { paths } = rib
    if (!has) {
      const nextHop = paths.nextHopOf(path)
      this.#context.nextHops.retain(nextHop)
      rib.put(
        paths.prefixOf(path),
        paths.peerOf(path),
        PathKind.RECEIVED,
        paths.keyOf(path),
        this.#withCommunity(paths.attrsOf(path)),
        paths.labelOf(path),
        nextHop,
        paths.problemOf(path),
      )
    }
    paths.setFlags(path, paths.flagsOf(path) | PathFlag.STALE | PathFlag.LONG_LIVED)
    rib.markDirty(paths.prefixOf(path))
  }

  /** The set with LLGR_STALE in it, with one reference for the caller. */
  #withCommunity(from: AttrsId): AttrsId {
    const { attrs } = this.#context
    const known = this.#derived.take(from)
    if (known !== 0) return known
    const index = this.#index
    const writer = this.#writer
    index.load(attrs, from)
    writer.reset()
    for (let type = 1; type <= HIGHEST_TYPE; type++) {
      if (type === Attr.COMMUNITIES) this.#writeCommunities()
      else if (index.at[type] !== 0) {
        writer.raw(index.flags[type]!, type, attrs.bytes, index.at[type]!, index.end[type]!)
      }
    }
    const len = attrs.nextHopLen(from)
    const set = attrs.fromBytes(attrs.bytes, attrs.nextHopAt(from), len, writer.buf, 0, writer.end)
    this.#derived.set(from, set)
    return set
  }

  #writeCommunities(): void {
    const at = this.#index.at[Attr.COMMUNITIES]!
    const len = this.#index.end[Attr.COMMUNITIES]! - at
    const end = copyBytes(this.#context.attrs.bytes, at, SCRATCH, 0, len)
    putU32(SCRATCH, end, LLGR_STALE)
    this.#writer.communities(SCRATCH, 0, end + 4)
  }
}
