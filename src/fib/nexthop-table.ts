/**
 * The kernel's nexthop objects that srv6d wants: a leaf for each content (segments, mode, device,
 * gateway) and a group for each choice of leaves and backup, shared by all routes that go that way,
 * counted. When a leaf's next hop is lost, each group with it is given other members by one message,
 * and no route is touched. Deleting an object deletes its routes, so an object goes only when no
 * route has it: FibTable holds a reference for what it wants, for what is installed and for what is
 * under way.
 */
import { ByteIntern } from '../base/byte-intern.ts'
import { type Clock, SystemClock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Kernel, KernelNexthop, NexthopContent } from './kernel.ts'
import type { NexthopChoice } from './nexthop-choice.ts'
import type { NexthopState } from './nexthop-columns.ts'
import {
  type Group,
  keyOf,
  type NexthopEntry,
  type NexthopRow,
  NO_CONTENT,
} from './nexthop-entry.ts'
import { FoundNexthops } from './nexthop-found.ts'
import { NexthopRows } from './nexthop-rows.ts'
import { NexthopWriter } from './nexthop-writer.ts'

export type { NexthopState } from './nexthop-columns.ts'
export type { NexthopRow } from './nexthop-entry.ts'

export class NexthopTable {
  readonly #writer: NexthopWriter
  readonly #rows = new NexthopRows()
  readonly #found: FoundNexthops
  readonly #choices = new ByteIntern()
  /** By the number of its choice. */
  readonly #groups: (NexthopEntry | undefined)[] = []
  /** Told which rows have got another `mtuOf`. */
  onMtuChanged: (row: NexthopRow) => void = () => {}

  constructor(kernel: Kernel, log: Logger, clock: Clock = new SystemClock()) {
    this.#writer = new NexthopWriter(kernel, log, clock, (entry, id) =>
      this.#rows.setInstalled(entry, id),
    )
    this.#found = new FoundNexthops(this.#rows, this.#writer)
  }

  /** Objects wanted, installed or on their way out. */
  get count(): number {
    return this.#rows.count
  }

  /** The row of this content, with a reference that the caller gives back with `release`. */
  acquire(content: NexthopContent): NexthopRow {
    const key = keyOf(content)
    const { row } = this.#rows.byKey(key) ?? this.#rows.add(key, content, null)
    this.#rows.retain(row)
    return row
  }

  /**
   * The row of what a choice goes by, the leaf itself where there is no other. No reference is
   * taken: it stays while somebody has one, or until the next `collect`.
   */
  rowOfChoice(choice: NexthopChoice): NexthopRow {
    if (choice.count === 1 && choice.backup === 0) return choice.rows[0] as NexthopRow
    choice.encode()
    const known = this.#choices.find(choice.buf, 0, choice.end)
    return known === 0 ? this.#addGroup(choice) : this.#groups[known]!.row
  }

  #addGroup(choice: NexthopChoice): NexthopRow {
    const active = Array.from({ length: choice.count }, (_, k) => ({
      leaf: this.#rows.get(choice.rows[k] as NexthopRow),
      weight: choice.weights[k]!,
    }))
    const backup = choice.backup === 0 ? null : this.#rows.get(choice.backup)
    const number = this.#choices.intern(choice.buf, 0, choice.end)
    const group: Group = { choice: number, active, backup, written: [], writing: false }
    const entry = this.#found.foundBefore(group) ?? this.#rows.add(undefined, NO_CONTENT, group)
    this.#groups[number] = entry
    return entry.row
  }

  retain(row: NexthopRow): void {
    this.#rows.retain(row)
  }

  /** The object goes at the next `collect` when this was the last reference. */
  release(row: NexthopRow): void {
    this.#rows.release(row)
  }

  /** A leaf's next hop was lost or found: the groups with it have moved their traffic on return. */
  setReachable(row: NexthopRow, reachable: boolean): void {
    const entry = this.#rows.get(row)
    if (entry.reachable === reachable) return
    entry.reachable = reachable
    for (const group of entry.groups) void this.#writer.replace(group)
  }

  idOf(row: NexthopRow): number {
    return this.#rows.columns.idOf(row)
  }

  contentOf(row: NexthopRow): NexthopContent {
    return this.#rows.get(row).content
  }

  /** Of a group: its leaves with their weights, and its backup, 0 for none; null for a leaf. */
  groupOf(
    row: NexthopRow,
  ): { active: { row: NexthopRow; weight: number }[]; backup: NexthopRow | 0 } | null {
    const { group } = this.#rows.get(row)
    if (group === null) return null
    const active = group.active.map(({ leaf, weight }) => ({ row: leaf.row, weight }))
    return { active, backup: group.backup?.row ?? 0 }
  }

  stateOf(row: NexthopRow): NexthopState {
    return this.#rows.columns.stateOf(row)
  }

  /** Why it is not in the kernel, or a group not as it should be there: else 0. */
  errnoOf(row: NexthopRow): number {
    return this.#rows.get(row).errno
  }

  refsOf(row: NexthopRow): number {
    return this.#rows.columns.refsOf(row)
  }

  mtuOf(row: NexthopRow): number {
    return this.#rows.columns.mtuOf(row)
  }

  setMtu(row: NexthopRow, mtu: number): void {
    const entry = this.#rows.get(row)
    if (entry.mtu === mtu) return
    entry.mtu = mtu
    entry.remeasure()
    for (const group of entry.groups) group.remeasure()
    // One reference is of who sets it: no route goes by it yet.
    if (entry.refs > 1) this.onMtuChanged(row)
    for (const group of entry.groups) this.onMtuChanged(group.row)
  }

  /** RTAX_MTU of the routes through it. */
  routeMtuOf(row: NexthopRow): number {
    return this.#rows.columns.routeMtuOf(row)
  }

  /** Creates what is wanted and not there yet, leaves first. A refusal stays with its row. */
  async ensure(): Promise<void> {
    for (const groups of [false, true]) {
      for (const entry of this.#rows.pending) {
        if (entry.refs === 0 || (entry.group !== null) !== groups) continue
        this.#rows.pending.delete(entry)
        await this.#writer.create(entry)
        if (entry.state !== 'installed') continue
        // A leaf that is back under another id.
        for (const group of entry.groups) this.#writer.isBehind(group)
      }
    }
    await this.#writer.replaceBehind()
  }

  /** Removes the objects that nothing refers to; call it after the routes have gone. */
  async collect(): Promise<void> {
    const { abandoned, unused } = this.#rows
    for (const id of abandoned) {
      abandoned.delete(id)
      await this.#writer.remove(id)
    }
    for (const entry of unused) {
      unused.delete(entry)
      if (entry.refs > 0) continue
      const { id, state } = entry
      // Out of the index first: who wants this content from here on gets a new object.
      this.#forget(entry)
      if (state === 'installed') await this.#writer.remove(id)
    }
  }

  #forget(entry: NexthopEntry): void {
    const choice = entry.group?.choice ?? 0
    if (choice !== 0) {
      this.#choices.release(choice)
      this.#groups[choice] = undefined
    }
    this.#writer.forget(entry)
    this.#rows.forget(entry)
  }

  /** Asks again for what was refused. */
  retryFailed(): void {
    for (const entry of this.#rows.all()) if (entry.state === 'failed') this.#rows.renew(entry)
  }

  /** Objects found in the kernel at the start: theirs is the first claim on their content. */
  adopt(nexthops: readonly KernelNexthop[]): void {
    this.#found.adopt(nexthops)
  }

  /** Gives up the hold on adopted objects: what nobody wanted meanwhile goes at the next collect. */
  sweep(): void {
    this.#found.sweep()
  }

  /** The row of a kernel id, 0 for an object that is not ours. */
  rowOfId(id: number): NexthopRow | 0 {
    return this.#rows.byId(id)?.row ?? 0
  }

  /** The object of this id went, or is what others made of it: it will be put right. */
  noticed(id: number, now: KernelNexthop | null): NexthopRow | 0 {
    return this.#found.noticed(id, now)
  }

  /** A device went down or away and took its objects along, without a word. */
  deviceLost(ifindex: number): NexthopRow[] {
    return this.#found.deviceLost(ifindex)
  }

  /**
   * Compares with what the kernel holds now: it drops objects silently, with all their routes, when
   * a device goes down. The lost ones will be created again. Returns how many they are.
   */
  resync(nexthops: readonly KernelNexthop[]): number {
    return this.#found.resync(nexthops)
  }

  /** Ends the timer of retries. */
  stop(): void {
    this.#writer.stop()
  }
}
