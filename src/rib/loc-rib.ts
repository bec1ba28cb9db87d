import { DirtyQueue } from '../base/dirty-queue.ts'
import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import type { Family } from '../wire/registry.ts'
import type { CrowdLane } from './crowd-lane.ts'
import { Decision, Why } from './decision.ts'
import { DirtyPrefixes } from './dirty-prefixes.ts'
import type { NextHopId, NextHopTable } from './next-hop.ts'
import type { AttrsId, AttrsTable } from './path-attrs.ts'
import { PathChains } from './path-chains.ts'
import { PathFlag, type PathId, type PathKind, PathTable, type PeerId } from './path-table.ts'
import { type PrefixId, PrefixTable } from './prefix-table.ts'
import type { RibPeers } from './rib-peer.ts'

/** In the column of best paths: the listeners are to be told at the next decision, come what may. */
const UNDECIDED = -1
const IN_USE = PathFlag.ACTIVE | PathFlag.BACKUP

/**
 * Told after a decision: export and Adj-RIB-Out of best paths, the fib of all that forward, import
 * of anything. `best` is NONE when the prefix has no usable path any more.
 */
export interface RibListener {
  /** The best path is another one, or what it says is. */
  onBest?(rib: LocRib, prefix: PrefixId, best: PathId): void
  /** The best path, or any flagged ACTIVE or BACKUP, is another one, or what it says is. */
  onPathSet?(rib: LocRib, prefix: PrefixId, best: PathId): void
  /** Decided, whatever came of it: any path may have changed. */
  onDecided?(rib: LocRib, prefix: PrefixId, best: PathId): void
}

/** What all tables of the daemon share. */
export interface RibContext {
  readonly attrs: AttrsTable
  readonly nextHops: NextHopTable
  readonly peers: RibPeers
  /** Seconds on the daemon's clock. */
  readonly seconds: () => number
  /** Some table has prefixes to decide: the turn loop shall come by. */
  readonly wake: () => void
  /** Where prefixes with very many paths wait for their decision. */
  readonly crowds: CrowdLane
}

/**
 * One table of one family: all paths (the Adj-RIBs-In, what was imported, what is local) and the
 * best path of each prefix. Changes mark a prefix dirty; `settle` decides each dirty prefix once,
 * however often it changed, and tells the listeners.
 */
export class LocRib {
  readonly name: string
  readonly family: Family
  readonly prefixes: PrefixTable
  readonly paths = new PathTable()
  readonly chains = new PathChains(this.paths)
  readonly #context: RibContext
  readonly #decision: Decision
  readonly #dirty: DirtyPrefixes
  /** Next hops whose paths are to be decided anew. */
  readonly #hops = new DirtyQueue()
  #listeners: RibListener[] = []
  #keepsSets = false
  /** How many paths a prefix may use at once. */
  maximumPaths = 1
  /** What `settle` has spent of its budget. */
  #spent = 0
  #best = new Int32Array(64)
  #bestCount = 0

  constructor(name: string, family: Family, context: RibContext) {
    this.name = name
    this.family = family
    this.prefixes = new PrefixTable(family)
    this.#context = context
    this.#dirty = new DirtyPrefixes(this.prefixes, context.crowds)
    this.#decision = new Decision(context.attrs, this.paths, context.peers, context.nextHops)
  }

  /** The VPN table whose prefixes the keys of imported paths are. */
  importsFrom(vpn: PrefixTable): void {
    this.#decision.sources = vpn
  }

  listen(listener: RibListener): void {
    this.#listeners.push(listener)
    this.#keepsSets ||= listener.onPathSet !== undefined
  }

  unlisten(listener: RibListener): void {
    this.#listeners = this.#listeners.filter((l) => l !== listener)
  }

  /** Work left for `settle`: prefixes, and next hops whose prefixes are not marked yet. */
  get dirtyCount(): number {
    return this.#dirty.size + this.#hopCount
  }

  /** The same, less what has to wait in the lane of crowds. */
  get readyCount(): number {
    return this.#dirty.readySize + this.#hopCount
  }

  get #hopCount(): number {
    return this.#hops.size + Number(this.paths.walk !== NONE)
  }

  /** Prefixes with a best path, as last decided. */
  get bestCount(): number {
    return this.#bestCount
  }

  firstOf(prefix: PrefixId): PathId {
    return this.chains.firstOf(prefix)
  }

  /** The best path as last decided; NONE too when it has gone since. */
  bestOf(prefix: PrefixId): PathId {
    return (prefix < this.#best.length ? Math.max(this.#best[prefix]!, NONE) : NONE) as PathId
  }

  /**
   * True when the prefix waits for its decision: what is best now may be so no more. The listeners
   * will be told of it then, even if nothing comes of it.
   */
  retellIfDirty(prefix: PrefixId): boolean {
    if (!this.#dirty.has(prefix)) return false
    if (prefix >= this.#best.length) this.#grow(prefix)
    this.#setBest(prefix, UNDECIDED)
    return true
  }

  /** The path of a prefix by who sent it and which of his it is; NONE when there is none. */
  findPath(prefix: PrefixId, peer: PeerId, kind: PathKind, key: number): PathId {
    return this.chains.find(prefix, peer, kind, key)
  }

  /**
   * HOT: adds or replaces a path. Takes over one reference to `attrs` and to `nextHop`.
   * The same attributes, label and next hop again change nothing but clear STALE.
   */
  put(
    prefix: PrefixId,
    peer: PeerId,
    kind: PathKind,
    key: number,
    attrs: AttrsId,
    label: number,
    nextHop: NextHopId,
    problem: number,
  ): PathId {
    const paths = this.paths
    const context = this.#context
    let path = this.findPath(prefix, peer, kind, key)
    if (path !== NONE) {
      if (this.#isSame(path, attrs, label, nextHop, problem)) {
        if (paths.flagsOf(path) & PathFlag.STALE) {
          paths.setFlags(path, paths.flagsOf(path) & ~(PathFlag.STALE | PathFlag.LONG_LIVED))
          this.markDirty(prefix)
        }
        context.attrs.release(attrs)
        context.nextHops.release(nextHop)
        return path
      }
      paths.countOctets(peer, -context.attrs.lengthOf(paths.attrsOf(path)))
      context.attrs.release(paths.attrsOf(path))
      context.nextHops.release(paths.nextHopOf(path))
      paths.replace(path, attrs, label, context.seconds())
    } else {
      path = paths.add(prefix, peer, kind, key, attrs, label, context.seconds())
      this.prefixes.retain(prefix)
      this.chains.add(prefix, path)
    }
    paths.countOctets(peer, context.attrs.lengthOf(attrs))
    paths.setNextHop(path, nextHop)
    paths.setProblem(path, problem)
    this.markDirty(prefix)
    return path
  }

  removePath(path: PathId): void {
    const paths = this.paths
    const prefix = paths.prefixOf(path)
    this.chains.remove(prefix, path)
    const best = this.bestOf(prefix)
    // The row may soon be another prefix's.
    if (best === path) this.#setBest(prefix, UNDECIDED)
    else if (best !== NONE && paths.flagsOf(path) & IN_USE) this.#setFlag(best, PathFlag.CHANGED)
    const { attrs, nextHops } = this.#context
    paths.countOctets(paths.peerOf(path), -attrs.lengthOf(paths.attrsOf(path)))
    attrs.release(paths.attrsOf(path))
    nextHops.release(paths.nextHopOf(path))
    paths.remove(path)
    this.markDirty(prefix)
    this.prefixes.release(prefix)
  }

  markDirty(prefix: PrefixId): void {
    if (this.#dirty.has(prefix)) return
    if (this.#dirty.add(prefix, this.chains.isCrowd(prefix))) this.#context.wake()
  }

  /** Marks the path changed, so that its prefix is decided and told anew. */
  touch(path: PathId): void {
    this.#setFlag(path, PathFlag.CHANGED)
    this.markDirty(this.paths.prefixOf(path))
  }

  /** RFC 4724 §4.2: an imported path is as stale as the one that it comes from. */
  setStale(path: PathId, stale: boolean): void {
    const flags = this.paths.flagsOf(path)
    if (((flags & PathFlag.STALE) !== 0) === stale) return
    this.paths.setFlags(path, flags ^ PathFlag.STALE)
    this.markDirty(this.paths.prefixOf(path))
  }

  /** All paths through a next hop are to be decided anew, as `settle` has time for it. */
  nextHopChanged(id: NextHopId): void {
    if (this.paths.firstThrough(id) === NONE) return
    this.#hops.add(id)
    this.#context.wake()
  }

  /** Decides up to `budget` dirty prefixes, fewer where there is more to each; returns what is left. */
  settle(budget: number): number {
    this.#touchThrough(budget)
    this.#spent = 0
    while (this.#spent < budget) {
      const prefix = this.#dirty.take()
      if (prefix === NONE) break
      this.#settleOne(prefix, this.chains.isCrowd(prefix))
    }
    const crowd = this.#dirty.takeCrowd()
    if (crowd !== NONE) this.#settleOne(crowd, true)
    return this.dirtyCount
  }

  /** A listener has done so much for the prefix it was just told of: fewer fit into this turn. */
  spend(much: number): void {
    this.#spent += much
  }

  /** Touches up to `budget` paths of the next hops that changed. */
  #touchThrough(budget: number): void {
    const { paths } = this
    for (let k = 0; k < budget; k++) {
      while (paths.walk === NONE) {
        if (this.#hops.size === 0) return
        paths.walk = paths.firstThrough(this.#hops.take() as NextHopId)
      }
      const path = paths.walk
      paths.walk = paths.nextThrough(path)
      this.touch(path)
    }
  }

  #settleOne(prefix: PrefixId, isCrowd: boolean): void {
    this.#decide(prefix)
    this.#spent += 1 + (this.#decision.seen >>> 3)
    if (isCrowd) this.#dirty.passed(this.#decision.seen)
    this.prefixes.release(prefix)
  }

  #decide(prefix: PrefixId): void {
    if (prefix >= this.#best.length) this.#grow(prefix)
    const first = this.firstOf(prefix)
    const { paths } = this
    const sets = this.#keepsSets
    const best = sets
      ? this.#decision.chooseSet(first, this.maximumPaths)
      : this.#decision.choose(first)
    const before = this.#best[prefix]!
    // Make before break: until it is known how the new next hop is reached, all stays as it was told.
    if (best === NONE && before !== NONE && this.#isAwaited(first)) return
    const isNew =
      best !== before || (best !== NONE && (paths.flagsOf(best) & PathFlag.CHANGED) !== 0)
    const isNewSet = (sets && this.#markSet(first, best)) || isNew
    if (best !== NONE) paths.setFlags(best, paths.flagsOf(best) & ~PathFlag.CHANGED)
    this.#setBest(prefix, best)
    for (const listener of this.#listeners) {
      if (isNew) listener.onBest?.(this, prefix, best)
      if (isNewSet) listener.onPathSet?.(this, prefix, best)
      listener.onDecided?.(this, prefix, best)
    }
  }

  /** Writes ACTIVE and BACKUP as decided; true when they, or what such a path says, changed. */
  #markSet(first: PathId, best: PathId): boolean {
    const { paths } = this
    const { active, activeCount, backup } = this.#decision
    let changed = false
    for (let path = first; path !== NONE; path = paths.nextOf(path)) {
      let use = path === backup ? PathFlag.BACKUP : 0
      if (best !== NONE) {
        for (let k = 0; k < activeCount; k++) if (active[k] === path) use = PathFlag.ACTIVE
      }
      const flags = paths.flagsOf(path)
      if ((flags & IN_USE) === use && (use === 0 || (flags & PathFlag.CHANGED) === 0)) continue
      changed = true
      paths.setFlags(path, (flags & ~(IN_USE | (use === 0 ? 0 : PathFlag.CHANGED))) | use)
    }
    return changed
  }

  /** The best of some paths of this table, all of which can be used. */
  bestAmong(paths: Int32Array, count: number): PathId {
    return this.#decision.chooseAmong(paths, count)
  }

  #setBest(prefix: PrefixId, best: number): void {
    this.#bestCount += Number(best > NONE) - Number(this.#best[prefix]! > NONE)
    this.#best[prefix] = best
  }

  #setFlag(path: PathId, flag: number): void {
    this.paths.setFlags(path, this.paths.flagsOf(path) | flag)
  }

  /** A next hop of the prefix is being looked up; the prefix is touched when that is done. */
  #isAwaited(first: PathId): boolean {
    const { paths } = this
    for (let path = first; path !== NONE; path = paths.nextOf(path)) {
      if (paths.whyOf(path) === Why.NEXT_HOP_PENDING) return true
    }
    return false
  }

  #isSame(
    path: PathId,
    attrs: AttrsId,
    label: number,
    nextHop: NextHopId,
    problem: number,
  ): boolean {
    const paths = this.paths
    return (
      paths.attrsOf(path) === attrs &&
      paths.labelOf(path) === label &&
      paths.nextHopOf(path) === nextHop &&
      paths.problemOf(path) === problem
    )
  }

  #grow(prefix: PrefixId): void {
    let capacity = this.#best.length
    while (capacity <= prefix) capacity *= 2
    this.#best = grown(this.#best, capacity)
  }
}
