import { DirtyQueue } from '../base/dirty-queue.ts'
import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import type { Family } from '../wire/registry.ts'
import { Decision } from './decision.ts'
import type { NextHopId, NextHopTable } from './next-hop.ts'
import type { AttrsId, AttrsTable } from './path-attrs.ts'
import { PathFlag, type PathId, type PathKind, PathTable, type PeerId } from './path-table.ts'
import { type PrefixId, PrefixTable } from './prefix-table.ts'
import type { RibPeers } from './rib-peer.ts'

/** In the column of best paths: the listeners are to be told at the next decision, come what may. */
const UNDECIDED = -1

/** Told after every decision that changed something: import, export, fib, Adj-RIB-Out. */
export interface RibListener {
  /** `best` is NONE when the prefix has no usable path any more. */
  onBest(rib: LocRib, prefix: PrefixId, best: PathId): void
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
  readonly #context: RibContext
  readonly #decision: Decision
  readonly #dirty = new DirtyQueue()
  #listeners: RibListener[] = []
  #first = new Int32Array(64)
  #best = new Int32Array(64)

  constructor(name: string, family: Family, context: RibContext) {
    this.name = name
    this.family = family
    this.prefixes = new PrefixTable(family)
    this.#context = context
    this.#decision = new Decision(context.attrs, this.paths, context.peers, context.nextHops)
  }

  /** The VPN table whose prefixes the keys of imported paths are. */
  importsFrom(vpn: PrefixTable): void {
    this.#decision.sources = vpn
  }

  listen(listener: RibListener): void {
    this.#listeners.push(listener)
  }

  unlisten(listener: RibListener): void {
    this.#listeners = this.#listeners.filter((l) => l !== listener)
  }

  get dirtyCount(): number {
    return this.#dirty.size
  }

  firstOf(prefix: PrefixId): PathId {
    return (prefix < this.#first.length ? this.#first[prefix]! : NONE) as PathId
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
    this.#best[prefix] = UNDECIDED
    return true
  }

  /** The path of a prefix by who sent it and which of his it is; NONE when there is none. */
  findPath(prefix: PrefixId, peer: PeerId, kind: PathKind, key: number): PathId {
    const paths = this.paths
    const column = key | 0
    for (let path = this.firstOf(prefix); path !== NONE; path = paths.nextOf(path)) {
      if (paths.keyOf(path) !== column || paths.kindOf(path) !== kind) continue
      if (paths.peerOf(path) === peer) return path
    }
    return NONE as PathId
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
    let path = this.findPath(prefix, peer, kind, key)
    if (path !== NONE) {
      if (this.#isSame(path, attrs, label, nextHop, problem)) {
        if (paths.flagsOf(path) & PathFlag.STALE) {
          paths.setFlags(path, paths.flagsOf(path) & ~PathFlag.STALE)
          this.markDirty(prefix)
        }
        this.#context.attrs.release(attrs)
        this.#context.nextHops.release(nextHop)
        return path
      }
      this.#context.attrs.release(paths.attrsOf(path))
      this.#context.nextHops.release(paths.nextHopOf(path))
      paths.replace(path, attrs, label, this.#context.seconds())
    } else {
      path = paths.add(prefix, peer, kind, key, attrs, label, this.#context.seconds())
      this.prefixes.retain(prefix)
      if (prefix >= this.#first.length) this.#grow(prefix)
      paths.setNext(path, this.#first[prefix] as PathId)
      this.#first[prefix] = path
    }
    paths.setNextHop(path, nextHop)
    paths.setProblem(path, problem)
    this.markDirty(prefix)
    return path
  }

  removePath(path: PathId): void {
    const paths = this.paths
    const prefix = paths.prefixOf(path)
    this.#unlink(prefix, path)
    // The row may soon be another prefix's.
    if (this.bestOf(prefix) === path) this.#best[prefix] = UNDECIDED
    this.#context.attrs.release(paths.attrsOf(path))
    this.#context.nextHops.release(paths.nextHopOf(path))
    paths.remove(path)
    this.markDirty(prefix)
    this.prefixes.release(prefix)
  }

  markDirty(prefix: PrefixId): void {
    if (this.#dirty.has(prefix)) return
    this.prefixes.retain(prefix)
    this.#dirty.add(prefix)
    if (this.#dirty.size === 1) this.#context.wake()
  }

  /** Marks the path changed, so that its prefix is decided and told anew. */
  touch(path: PathId): void {
    this.paths.setFlags(path, this.paths.flagsOf(path) | PathFlag.CHANGED)
    this.markDirty(this.paths.prefixOf(path))
  }

  /** Decides up to `budget` dirty prefixes; returns how many are left. */
  settle(budget: number): number {
    for (let k = 0; k < budget; k++) {
      const prefix = this.#dirty.take() as PrefixId
      if (prefix === NONE) return 0
      this.#settleOne(prefix)
      this.prefixes.release(prefix)
    }
    return this.#dirty.size
  }

  #settleOne(prefix: PrefixId): void {
    if (prefix >= this.#best.length) this.#grow(prefix)
    const best = this.#decision.choose(this.firstOf(prefix))
    const before = this.#best[prefix]!
    const changed = best !== NONE && (this.paths.flagsOf(best) & PathFlag.CHANGED) !== 0
    if (best === before && !changed) return
    if (changed) this.paths.setFlags(best, this.paths.flagsOf(best) & ~PathFlag.CHANGED)
    this.#best[prefix] = best
    for (const listener of this.#listeners) listener.onBest(this, prefix, best)
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

  #unlink(prefix: PrefixId, path: PathId): void {
    const next = this.paths.nextOf(path)
    if (this.#first[prefix] === path) {
      this.#first[prefix] = next
      return
    }
    let before = this.#first[prefix] as PathId
    while (this.paths.nextOf(before) !== path) before = this.paths.nextOf(before)
    this.paths.setNext(before, next)
  }

  #grow(prefix: PrefixId): void {
    let capacity = this.#first.length
    while (capacity <= prefix) capacity *= 2
    this.#first = grown(this.#first, capacity)
    this.#best = grown(this.#best, capacity)
  }
}
