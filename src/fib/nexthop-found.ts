/**
 * What the kernel is found to hold of NexthopTable's objects: at the start, in a dump later, and
 * one by one as notifications tell. Notes it and has it put right; writes nothing itself.
 */
import type { KernelNexthop, NexthopGroup } from './kernel.ts'
import {
  type Group,
  groupId,
  groupIdSeed,
  isGroup,
  keyOf,
  leavesOf,
  membersNow,
  type NexthopEntry,
  type NexthopRow,
  NO_CONTENT,
  sameMembers,
} from './nexthop-entry.ts'
import type { NexthopRows } from './nexthop-rows.ts'
import type { NexthopWriter } from './nexthop-writer.ts'

export class FoundNexthops {
  readonly #rows: NexthopRows
  readonly #writer: NexthopWriter
  readonly #adopted = new Set<NexthopEntry>()

  constructor(rows: NexthopRows, writer: NexthopWriter) {
    this.#rows = rows
    this.#writer = writer
  }

  adopt(nexthops: readonly KernelNexthop[]): void {
    for (const nexthop of nexthops) {
      if (isGroup(nexthop)) continue
      const { id, ...content } = nexthop
      const key = keyOf(content)
      const known = this.#rows.byKey(key)
      if (known && known.state === 'installed') {
        this.#hold(this.#rows.add(undefined, content, null), id)
        continue
      }
      this.#hold(known ?? this.#rows.add(key, content, null), id)
    }
    for (const nexthop of nexthops) if (isGroup(nexthop)) this.#adoptGroup(nexthop)
  }

  /** Which choice it stands for shows when somebody makes that choice again. */
  #adoptGroup({ id, members }: NexthopGroup): void {
    const active = members.flatMap((member) => {
      const leaf = this.#rows.byId(member.id)
      return leaf ? [{ leaf, weight: member.weight }] : []
    })
    const group = { choice: 0, active, backup: null, written: members, writing: false }
    this.#hold(this.#rows.add(undefined, NO_CONTENT, group), id)
  }

  #hold(entry: NexthopEntry, id: number): void {
    entry.errno = 0
    this.#rows.setInstalled(entry, id)
    this.#rows.retain(entry.row)
    this.#adopted.add(entry)
  }

  /** The group that a former run made of this choice: it lies where this one would be put. */
  foundBefore(group: Group): NexthopEntry | undefined {
    if (this.#adopted.size === 0) return undefined
    const leaves = leavesOf(group)
    const seed = groupIdSeed(group)
    for (let probe = 0; ; probe++) {
      const found = this.#rows.byId(groupId(seed, probe))
      if (found === undefined || found.group === null) return undefined
      if (found.group.choice !== 0) continue
      if (!found.group.active.every(({ leaf }) => leaves.includes(leaf))) continue
      this.#rows.setGroup(found, { ...group, written: found.group.written })
      const now = membersNow(group)
      if (now !== null && !sameMembers(now, found.group.written)) this.#writer.isBehind(found)
      return found
    }
  }

  /** Gives up the hold on adopted objects: what nobody wanted meanwhile goes at the next collect. */
  sweep(): void {
    for (const entry of this.#adopted) this.#rows.release(entry.row)
    this.#adopted.clear()
  }

  noticed(id: number, now: KernelNexthop | null): NexthopRow | 0 {
    const entry = this.#rows.byId(id)
    if (!entry || (now !== null && isAsWritten(entry, now))) return 0
    if (entry.group !== null && now !== null && isGroup(now)) {
      this.#rewrite(entry, now.members)
      return 0
    }
    if (now !== null) this.#rows.abandoned.add(id)
    this.#rows.renew(entry)
    return entry.row
  }

  deviceLost(ifindex: number): NexthopRow[] {
    const lost = [...this.#rows.installed()].filter(({ content }) => content.ifindex === ifindex)
    const rows: NexthopRow[] = []
    for (const entry of lost) {
      const { id } = entry
      this.#lost(entry, rows)
      for (const parent of entry.groups) {
        if (parent.state !== 'installed') continue
        const left = parent.group!.written.filter((member) => member.id !== id)
        // The kernel removes a group with its last member, and the routes with it.
        if (left.length === 0) this.#lost(parent, rows)
        else this.#rewrite(parent, left)
      }
    }
    return rows
  }

  /** The object may be there still, when the news of its device is old. */
  #lost(entry: NexthopEntry, rows: NexthopRow[]): void {
    this.#rows.abandoned.add(entry.id)
    this.#rows.renew(entry)
    rows.push(entry.row)
  }

  resync(nexthops: readonly KernelNexthop[]): number {
    const there = new Map(nexthops.map((nexthop) => [nexthop.id, nexthop]))
    let lost = 0
    for (const entry of this.#rows.all()) {
      if (entry.state !== 'installed') continue
      const now = there.get(entry.id)
      if (now !== undefined && isAsWritten(entry, now)) continue
      if (now !== undefined && entry.group !== null && isGroup(now)) {
        this.#rewrite(entry, now.members)
      } else this.#rows.renew(entry)
      lost++
    }
    return lost
  }

  /** The kernel has these members: the next `ensure` gives it what it should have. */
  #rewrite(entry: NexthopEntry, members: Group['written']): void {
    entry.group!.written = members
    this.#writer.isBehind(entry)
  }
}

function isAsWritten(entry: NexthopEntry, now: KernelNexthop): boolean {
  if (entry.group === null) return !isGroup(now) && keyOf(now) === keyOf(entry.content)
  return isGroup(now) && sameMembers(now.members, entry.group.written)
}
