import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import { bandwidthsToWeights, linkBandwidthOf } from '../rib/link-bandwidth.ts'
import type { LocRib, RibContext, RibListener } from '../rib/loc-rib.ts'
import { NextHopKind } from '../rib/next-hop.ts'
import { PathFlag, type PathId, PathKind } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { Family } from '../wire/registry.ts'
import type { FibTable } from './fib-table.ts'
import { RouteKind } from './kernel.ts'
import type { NextHopResolver } from './next-hop-resolver.ts'
import { MAX_MEMBERS, MAX_WEIGHT, NexthopChoice } from './nexthop-choice.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'
import type { SidEscapes, SidSetId } from './sid-escapes.ts'

/**
 * What forwards each prefix of a VRF (the best path and those as good, the one that stands by) ->
 * the route in the VRF's kernel table, through a nexthop object or a group of them. One a family.
 */
export class VrfFib implements RibListener {
  readonly #table: number
  readonly #family: 4 | 6
  readonly #fib: FibTable
  readonly #resolver: NextHopResolver
  readonly #nexthops: NexthopTable
  readonly #context: RibContext
  readonly #escapes: SidEscapes
  readonly #installsConnected: boolean
  readonly #homeIfindex: () => number
  readonly #choice = new NexthopChoice()
  readonly #rows = new Int32Array(MAX_MEMBERS)
  readonly #weights = new Float64Array(MAX_MEMBERS)
  /** By prefix: the SIDs that the wanted route goes by, one reference each. */
  #sids = new Int32Array(64)

  constructor(
    ports: {
      rib: LocRib
      table: number
      fib: FibTable
      resolver: NextHopResolver
      nexthops: NexthopTable
      context: RibContext
      escapes: SidEscapes
      /** As in VrfPlane. */
      homeIfindex: () => number
    },
    installsConnected: boolean,
  ) {
    this.#table = ports.table
    this.#family = ports.rib.family === Family.IPV4_UNICAST ? 4 : 6
    this.#fib = ports.fib
    this.#resolver = ports.resolver
    this.#nexthops = ports.nexthops
    this.#context = ports.context
    this.#escapes = ports.escapes
    this.#homeIfindex = ports.homeIfindex
    this.#installsConnected = installsConnected
    ports.rib.listen(this)
  }

  /** HOT */
  onPathSet(rib: LocRib, prefix: PrefixId, best: PathId): void {
    const { paths } = rib
    // With VRF devices the kernel itself has the connected networks.
    if (best === NONE || (paths.kindOf(best) === PathKind.CONNECTED && !this.#installsConnected)) {
      this.#unwant(rib, prefix)
      return
    }
    this.#escapes.reset()
    if (paths.nextHopOf(best) === NONE) {
      this.#want(rib, prefix, RouteKind.BLACKHOLE, 0)
      return
    }
    if (this.#context.nextHops.kindOf(paths.nextHopOf(best)) === NextHopKind.NODE) {
      this.#wantHome(rib, prefix)
      return
    }
    this.#choose(rib, prefix)
    if (this.#choice.count === 0) this.#unwant(rib, prefix)
    else this.#want(rib, prefix, RouteKind.UNICAST, this.#nexthops.rowOfChoice(this.#choice))
  }

  /** To where rules send it on to the main table, which knows where this node's prefixes are. */
  #wantHome(rib: LocRib, prefix: PrefixId): void {
    const ifindex = this.#homeIfindex()
    if (ifindex === 0) {
      this.#want(rib, prefix, RouteKind.THROW, 0)
      return
    }
    const row = this.#nexthops.acquire({ ifindex })
    this.#want(rib, prefix, RouteKind.UNICAST, row)
    this.#nexthops.release(row)
  }

  /** Puts together what the prefix goes by, and which SIDs are among it. */
  #choose(rib: LocRib, prefix: PrefixId): void {
    const { paths } = rib
    const choice = this.#choice
    let count = 0
    let backup = 0 as NexthopRow | 0
    for (let path = rib.firstOf(prefix); path !== NONE; path = paths.nextOf(path)) {
      const flags = paths.flagsOf(path)
      if ((flags & (PathFlag.ACTIVE | PathFlag.BACKUP)) === 0) continue
      const nextHop = paths.nextHopOf(path)
      const row = this.#resolver.rowOf(nextHop)
      if (row === 0 || count === MAX_MEMBERS) continue
      this.#escapes.add(nextHop)
      if (flags & PathFlag.BACKUP) {
        backup = row
        continue
      }
      this.#rows[count] = row
      this.#weights[count++] = linkBandwidthOf(this.#context.attrs, paths.attrsOf(path))
    }
    if (count > 0) bandwidthsToWeights(this.#weights, count, MAX_WEIGHT)
    choice.reset()
    for (let k = 0; k < count; k++) choice.add(this.#rows[k] as NexthopRow, this.#weights[k]!)
    choice.setBackup(backup)
  }

  /** The new SIDs have their way out before the route moves, the former ones until it has. */
  #want(rib: LocRib, prefix: PrefixId, kind: RouteKind, row: NexthopRow | 0): void {
    const before = this.#moveSids(prefix, this.#escapes.take())
    const { prefixes } = rib
    const at = prefixes.wordsAt(prefix)
    const bits = prefixes.bitsOf(prefix)
    this.#fib.want(this.#table, this.#family, prefixes.words, at, bits, kind, row)
    this.#escapes.give(before)
  }

  #unwant(rib: LocRib, prefix: PrefixId): void {
    const { prefixes } = rib
    const at = prefixes.wordsAt(prefix)
    this.#fib.unwant(this.#table, this.#family, prefixes.words, at, prefixes.bitsOf(prefix))
    this.#escapes.give(this.#moveSids(prefix, 0))
  }

  /** Notes which SIDs the route goes by now; returns the former ones, to be given back. */
  #moveSids(prefix: PrefixId, sids: SidSetId): SidSetId {
    if (prefix >= this.#sids.length) {
      this.#sids = grown(this.#sids, Math.max(prefix + 1, this.#sids.length * 2))
    }
    const before = this.#sids[prefix]!
    this.#sids[prefix] = sids
    return before
  }
}
