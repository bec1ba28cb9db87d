/**
 * Brings nexthop objects into the kernel: creates leaves and groups under free ids, gives a group
 * other members by one message, removes. What the kernel refuses stays with the entry; a group that
 * it did not change is tried again, first soon, then at leisure.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Kernel, NexthopMember } from './kernel.ts'
import { Errno, errnoName, isDeviceDown, KernelError } from './kernel-error.ts'
import {
  groupId,
  groupIdSeed,
  membersNow,
  type NexthopEntry,
  sameMembers,
} from './nexthop-entry.ts'
import { NEXTHOP_GROUP_ID_COUNT, NEXTHOP_ID_BASE, NEXTHOP_ID_COUNT } from './rtnetlink-constants.ts'

const AGAIN_MS = 100
const AGAIN_MAX_MS = 5000

export class NexthopWriter {
  readonly #kernel: Kernel
  readonly #log: Logger
  readonly #clock: Clock
  readonly #onCreated: (entry: NexthopEntry, id: number) => void
  #nextId = 0
  /** Groups that the kernel has otherwise than they should be. */
  readonly #behind = new Set<NexthopEntry>()
  #again: Timer | undefined
  #againMs = AGAIN_MS

  /** `onCreated`: told at once, for the kernel may lose it again while we go on. */
  constructor(
    kernel: Kernel,
    log: Logger,
    clock: Clock,
    onCreated: (entry: NexthopEntry, id: number) => void,
  ) {
    this.#onCreated = onCreated
    this.#kernel = kernel
    this.#log = log
    this.#clock = clock
  }

  /** Creates the object; `state` and `errno` tell what came of it. */
  async create(entry: NexthopEntry): Promise<void> {
    if (entry.group === null) {
      await this.#createUnder(entry, NEXTHOP_ID_COUNT, () => {
        const id = NEXTHOP_ID_BASE + this.#nextId
        this.#nextId = (this.#nextId + 1) % NEXTHOP_ID_COUNT
        return id
      })
      return
    }
    const seed = groupIdSeed(entry.group)
    await this.#createUnder(entry, NEXTHOP_GROUP_ID_COUNT, (probe) => groupId(seed, probe))
  }

  async #createUnder(
    entry: NexthopEntry,
    count: number,
    idOf: (probe: number) => number,
  ): Promise<void> {
    for (let probe = 0; probe < count; probe++) {
      const members = entry.group === null ? [] : firstMembers(entry)
      if (entry.group !== null && members.length === 0) return this.#failed(entry, leafErrno(entry))
      const id = idOf(probe)
      try {
        const content = entry.group === null ? entry.content : { members }
        await this.#kernel.putNexthop({ ...content, id })
        this.#onCreated(entry, id)
        entry.errno = 0
        entry.refusal = 0
        if (entry.group === null) return
        entry.group.written = members
        // A leaf may have been lost meanwhile.
        return this.replace(entry)
      } catch (error) {
        if (!(error instanceof KernelError)) {
          // Not pending any more: who waits for it would ask for ever.
          this.#failed(entry, Errno.EIO)
          throw error
        }
        if (error.errno === Errno.EEXIST) continue
        this.#failed(entry, error.errno)
        // The same refusal again is no news.
        if (entry.refusal === error.errno || isDeviceDown(error.errno)) return
        entry.refusal = error.errno
        this.#log.warn({ errno: errnoName(error.errno), err: error }, 'nexthop object refused')
        return
      }
    }
    this.#failed(entry, Errno.EEXIST)
  }

  #failed(entry: NexthopEntry, errno: number): void {
    entry.state = 'failed'
    entry.errno = errno
  }

  /**
   * Gives the kernel's group the members that carry the traffic now. The message is sent before
   * this returns, unless one is under way, which looks again when it is done.
   */
  async replace(entry: NexthopEntry): Promise<void> {
    const { group } = entry
    if (group === null || group.writing) return
    group.writing = true
    try {
      while (entry.state === 'installed') {
        const members = membersNow(group)
        if (members === null || sameMembers(members, group.written)) {
          entry.errno = 0
          entry.refusal = 0
          this.#behind.delete(entry)
          return
        }
        await this.#kernel.replaceNexthop({ id: entry.id, members })
        group.written = members
      }
      this.#behind.delete(entry)
    } catch (error) {
      entry.errno = error instanceof KernelError ? error.errno : Errno.EIO
      if (entry.refusal !== entry.errno) {
        this.#log.error({ id: entry.id, err: error }, 'nexthop group not changed, trying again')
      }
      entry.refusal = entry.errno
      this.#behind.add(entry)
      this.#replaceSoon()
    } finally {
      group.writing = false
    }
  }

  /** Tries again what was refused, and what `resync` found to differ. */
  async replaceBehind(): Promise<void> {
    for (const entry of [...this.#behind]) await this.replace(entry)
    if (this.#behind.size === 0) this.#againMs = AGAIN_MS
  }

  /** Has the group looked at by the next `replaceBehind`, which comes. */
  isBehind(entry: NexthopEntry): void {
    this.#behind.add(entry)
    this.#replaceSoon()
  }

  async remove(id: number): Promise<void> {
    try {
      await this.#kernel.deleteNexthop(id)
    } catch (error) {
      this.#log.warn({ id, err: error }, 'nexthop object not removed')
    }
  }

  forget(entry: NexthopEntry): void {
    this.#behind.delete(entry)
  }

  stop(): void {
    this.#again?.cancel()
    this.#again = undefined
  }

  #replaceSoon(): void {
    if (this.#again) return
    this.#again = this.#clock.after(this.#againMs, () => {
      this.#again = undefined
      void this.replaceBehind()
    })
    this.#againMs = Math.min(this.#againMs * 2, AGAIN_MAX_MS)
  }
}

/** Of a new group: one whose leaves are all out of reach is made of the active ones all the same. */
function firstMembers(entry: NexthopEntry): NexthopMember[] {
  const group = entry.group!
  const there = group.active.filter(({ leaf }) => leaf.state === 'installed')
  return membersNow(group) ?? there.map(({ leaf, weight }) => ({ id: leaf.id, weight }))
}

/** Why a group has no member: what the kernel said to its first leaf. */
function leafErrno(entry: NexthopEntry): number {
  return entry.group!.active[0]?.leaf.errno || Errno.ENETUNREACH
}
