import { hashWords } from '../base/hash.ts'
import { HashIndex } from '../base/hash-index.ts'
import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import { type PathId, PathKind, type PathTable, type PeerId } from './path-table.ts'
import type { PrefixId } from './prefix-table.ts'

/** A prefix with this many paths is a crowd; with half as many it is none any more. */
export const CROWD = 64

/**
 * The paths of each prefix, chained. Few have more than some paths, so a walk finds one. A prefix
 * that many PEs announce with an RD each, or that a neighbour blows up so, is a crowd: its paths
 * are indexed and chained both ways, and what one change costs does not grow with their number.
 */
export class PathChains {
  readonly #paths: PathTable
  #first = new Int32Array(64)
  /** Crowds with the number of their paths. */
  readonly #crowds = new Map<PrefixId, number>()
  readonly #index = new HashIndex()
  readonly #key = new Int32Array(4)
  /** Of paths of crowds: the one that stands before it. */
  #before = new Int32Array(0)
  /** After `findAll`. */
  found = new Int32Array(16)

  constructor(paths: PathTable) {
    this.#paths = paths
  }

  firstOf(prefix: PrefixId): PathId {
    return (prefix < this.#first.length ? this.#first[prefix]! : NONE) as PathId
  }

  isCrowd(prefix: PrefixId): boolean {
    return this.#crowds.size > 0 && this.#crowds.has(prefix)
  }

  /** HOT: the path of a prefix by who sent it and which of his it is; NONE when there is none. */
  find(prefix: PrefixId, peer: PeerId, kind: PathKind, key: number): PathId {
    const paths = this.#paths
    const column = key | 0
    if (this.isCrowd(prefix)) return this.#findIndexed(prefix, peer, kind, column)
    for (let path = this.firstOf(prefix); path !== NONE; path = paths.nextOf(path)) {
      if (paths.keyOf(path) !== column || paths.kindOf(path) !== kind) continue
      if (paths.peerOf(path) === peer) return path
    }
    return NONE as PathId
  }

  /** HOT: writes the paths imported under one key, whoever sent them, into `found`; how many. */
  findImported(prefix: PrefixId, key: number): number {
    const paths = this.#paths
    let count = 0
    if (!this.isCrowd(prefix)) {
      for (let path = this.firstOf(prefix); path !== NONE; path = paths.nextOf(path)) {
        if (this.#isImported(path, prefix, key)) count = this.#note(path, count)
      }
      return count
    }
    const hash = this.#hash(prefix, 0, PathKind.IMPORTED, key)
    for (let slot = this.#index.start(hash); ; slot = this.#index.next(slot)) {
      const path = this.#index.rowAt(slot) as PathId
      if (path === NONE) return count
      if (this.#isImported(path, prefix, key)) count = this.#note(path, count)
    }
  }

  /** A new path, the first of its prefix from here on. */
  add(prefix: PrefixId, path: PathId): void {
    if (prefix >= this.#first.length) {
      this.#first = grown(this.#first, Math.max(prefix + 1, this.#first.length * 2))
    }
    const next = this.#first[prefix] as PathId
    this.#paths.setNext(path, next)
    this.#first[prefix] = path
    if (next === NONE) return
    const count = this.isCrowd(prefix) ? this.#crowds.get(prefix)! : 0
    if (count === 0) {
      if (this.#isLong(path)) this.#gather(prefix)
      return
    }
    this.#crowds.set(prefix, count + 1)
    this.#enter(path, NONE)
    this.#before[next] = path
  }

  remove(prefix: PrefixId, path: PathId): void {
    const next = this.#paths.nextOf(path)
    const before = this.isCrowd(prefix) ? this.#leave(prefix, path, next) : this.#walkTo(path)
    if (before === NONE) this.#first[prefix] = next
    else this.#paths.setNext(before, next)
  }

  #walkTo(path: PathId): PathId {
    let before = NONE as PathId
    let at = this.firstOf(this.#paths.prefixOf(path))
    while (at !== path) {
      before = at
      at = this.#paths.nextOf(at)
    }
    return before
  }

  #isLong(first: PathId): boolean {
    let path = first
    for (let k = 1; k < CROWD; k++) {
      path = this.#paths.nextOf(path)
      if (path === NONE) return false
    }
    return true
  }

  #gather(prefix: PrefixId): void {
    let before: PathId = NONE as PathId
    let count = 0
    for (let path = this.firstOf(prefix); path !== NONE; path = this.#paths.nextOf(path)) {
      this.#enter(path, before)
      before = path
      count++
    }
    this.#crowds.set(prefix, count)
  }

  #enter(path: PathId, before: number): void {
    const paths = this.#paths
    if (path >= this.#before.length) {
      this.#before = grown(this.#before, Math.max(path + 1, this.#before.length * 2))
    }
    this.#before[path] = before
    const [prefix, peer] = [paths.prefixOf(path), paths.peerOf(path)]
    this.#index.insert(path, this.#hash(prefix, peer, paths.kindOf(path), paths.keyOf(path)))
  }

  /** Out of the crowd; returns the path before it. */
  #leave(prefix: PrefixId, path: PathId, next: PathId): PathId {
    this.#index.remove(path)
    const before = this.#before[path] as PathId
    if (next !== NONE) this.#before[next] = before
    const left = this.#crowds.get(prefix)! - 1
    this.#crowds.set(prefix, left)
    if (left > CROWD / 2) return before
    for (let at = this.firstOf(prefix); at !== NONE; at = this.#paths.nextOf(at)) {
      if (at !== path) this.#index.remove(at)
    }
    this.#crowds.delete(prefix)
    return before
  }

  #findIndexed(prefix: PrefixId, peer: PeerId, kind: PathKind, key: number): PathId {
    const paths = this.#paths
    const hash = this.#hash(prefix, peer, kind, key)
    for (let slot = this.#index.start(hash); ; slot = this.#index.next(slot)) {
      const path = this.#index.rowAt(slot) as PathId
      if (path === NONE) return path
      if (paths.prefixOf(path) !== prefix || paths.keyOf(path) !== key) continue
      if (paths.kindOf(path) === kind && paths.peerOf(path) === peer) return path
    }
  }

  /** Paths imported under one key share their hash: it is asked for them all as well. */
  #hash(prefix: PrefixId, peer: number, kind: PathKind, key: number): number {
    this.#key[0] = prefix
    this.#key[1] = kind === PathKind.IMPORTED ? 0 : peer
    this.#key[2] = kind
    this.#key[3] = key
    return hashWords(this.#key, 0, 4, 0)
  }

  #isImported(path: PathId, prefix: PrefixId, key: number): boolean {
    const paths = this.#paths
    if (paths.keyOf(path) !== key || paths.kindOf(path) !== PathKind.IMPORTED) return false
    return paths.prefixOf(path) === prefix
  }

  #note(path: PathId, count: number): number {
    if (count === this.found.length) this.found = grown(this.found, count * 2)
    this.found[count] = path
    return count + 1
  }
}
