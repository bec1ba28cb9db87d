/** The entries of NexthopTable: rows, references, indexes, and which group holds which leaf. */
import type { NexthopContent } from './kernel.ts'
import { NexthopColumns } from './nexthop-columns.ts'
import { type Group, leavesOf, NexthopEntry, type NexthopRow } from './nexthop-entry.ts'

export class NexthopRows {
  readonly #entries: (NexthopEntry | undefined)[] = [undefined]
  readonly columns = new NexthopColumns()
  readonly #byKey = new Map<string, NexthopEntry>()
  readonly #byId = new Map<number, NexthopEntry>()
  /** To be created. */
  readonly pending = new Set<NexthopEntry>()
  /** Without a reference. */
  readonly unused = new Set<NexthopEntry>()
  /** Kernel ids given up for new objects: they go when the routes have moved. */
  readonly abandoned = new Set<number>()

  /** Objects wanted, installed or on their way out. */
  get count(): number {
    return this.columns.count
  }

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
    if (this.columns.addRefs(row, 1) === 1) this.unused.delete(this.get(row))
  }

  release(row: NexthopRow): void {
    const refs = this.columns.addRefs(row, -1)
    if (refs < 0) throw new Error(`nexthop row ${row} released once too often`)
    if (refs === 0) this.unused.add(this.get(row))
  }

  add(key: string | undefined, content: NexthopContent, group: Group | null): NexthopEntry {
    const entry = new NexthopEntry(this.columns, key, content, group)
    this.#entries[entry.row] = entry
    if (key !== undefined) this.#byKey.set(key, entry)
    this.#link(entry)
    this.pending.add(entry)
    this.unused.add(entry)
    return entry
  }

  forget(entry: NexthopEntry): void {
    if (entry.key !== undefined) this.#byKey.delete(entry.key)
    this.#unlink(entry, entry.group)
    this.#byId.delete(entry.id)
    this.pending.delete(entry)
    this.#entries[entry.row] = undefined
    entry.forget()
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
    const before = entry.group
    entry.group = group
    this.#link(entry)
    this.#unlink(entry, before)
  }

  /** A group holds its leaves, and a leaf knows its groups. */
  #link(entry: NexthopEntry): void {
    for (const leaf of entry.group === null ? [] : leavesOf(entry.group)) {
      this.retain(leaf.row)
      leaf.groups.add(entry)
    }
    entry.remeasure()
  }

  /** Of a group that had the leaves of `before`. */
  #unlink(entry: NexthopEntry, before: Group | null): void {
    const stay = before === entry.group || entry.group === null ? [] : leavesOf(entry.group)
    for (const leaf of before === null ? [] : leavesOf(before)) {
      if (!stay.includes(leaf)) leaf.groups.delete(entry)
      this.release(leaf.row)
    }
  }
}
