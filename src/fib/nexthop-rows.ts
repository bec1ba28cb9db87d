/** The entries of NexthopTable: rows, references, indexes, and which group holds which leaf. */
import type { NexthopContent } from './kernel.ts'
import { type Group, leavesOf, type NexthopEntry, type NexthopRow } from './nexthop-entry.ts'

export class NexthopRows {
  readonly #entries: (NexthopEntry | undefined)[] = [undefined]
  readonly #freeRows: number[] = []
  readonly #byKey = new Map<string, NexthopEntry>()
  readonly #byId = new Map<number, NexthopEntry>()
  /** To be created. */
  readonly pending = new Set<NexthopEntry>()
  /** Without a reference. */
  readonly unused = new Set<NexthopEntry>()
  /** Kernel ids given up for new objects: they go when the routes have moved. */
  readonly abandoned = new Set<number>()
  count = 0

  get(row: NexthopRow): NexthopEntry {
    const entry = this.#entries[row]
    if (!entry) throw new Error(`no nexthop row ${row}`)
    return entry
  }

  *all(): Generator<NexthopEntry> {
    for (const entry of this.#entries) if (entry) yield entry
  }

  byKey(key: string): NexthopEntry | undefined {
    return this.#byKey.get(key)
  }

  byId(id: number): NexthopEntry | undefined {
    return this.#byId.get(id)
  }

  installed(): IterableIterator<NexthopEntry> {
    return this.#byId.values()
  }

  retain(row: NexthopRow): void {
    const entry = this.get(row)
    if (entry.refs++ === 0) this.unused.delete(entry)
  }

  release(row: NexthopRow): void {
    const entry = this.get(row)
    if (entry.refs === 0) throw new Error(`nexthop row ${row} released once too often`)
    if (--entry.refs === 0) this.unused.add(entry)
  }

  add(key: string | undefined, content: NexthopContent, group: Group | null): NexthopEntry {
    const row = (this.#freeRows.pop() ?? this.#entries.length) as NexthopRow
    const entry: NexthopEntry = {
      ...{ row, key, content, group, refs: 0, state: 'pending', id: 0, errno: 0 },
      ...{ mtu: 0, refusal: 0 },
      ...{ reachable: true, groups: new Set<NexthopEntry>() },
    }
    this.#entries[row] = entry
    if (key !== undefined) this.#byKey.set(key, entry)
    this.#link(entry)
    this.pending.add(entry)
    this.unused.add(entry)
    this.count++
    return entry
  }

  forget(entry: NexthopEntry): void {
    if (entry.key !== undefined) this.#byKey.delete(entry.key)
    this.#unlink(entry)
    this.#byId.delete(entry.id)
    this.pending.delete(entry)
    entry.state = 'pending'
    this.#entries[entry.row] = undefined
    this.#freeRows.push(entry.row)
    this.count--
  }

  /** The kernel has it under this id. */
  setInstalled(entry: NexthopEntry, id: number): void {
    entry.id = id
    entry.state = 'installed'
    this.#byId.set(id, entry)
    this.pending.delete(entry)
    this.abandoned.delete(id)
  }

  /** The kernel has it no more: it will be created again. */
  renew(entry: NexthopEntry): void {
    this.#byId.delete(entry.id)
    entry.state = 'pending'
    entry.id = 0
    entry.errno = 0
    this.pending.add(entry)
  }

  setGroup(entry: NexthopEntry, group: Group): void {
    const before = { ...entry }
    entry.group = group
    this.#link(entry)
    this.#unlink(before, entry)
  }

  /** A group holds its leaves, and a leaf knows its groups. */
  #link(entry: NexthopEntry): void {
    for (const leaf of entry.group === null ? [] : leavesOf(entry.group)) {
      this.retain(leaf.row)
      leaf.groups.add(entry)
    }
  }

  #unlink(former: NexthopEntry, entry: NexthopEntry = former): void {
    for (const leaf of former.group === null ? [] : leavesOf(former.group)) {
      const stays = entry !== former && leavesOf(entry.group!).includes(leaf)
      if (!stays) leaf.groups.delete(entry)
      this.release(leaf.row)
    }
  }
}
