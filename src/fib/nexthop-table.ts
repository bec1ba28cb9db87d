/**
 * The kernel's nexthop objects that srv6d wants: one for each content (segments, mode, device,
 * gateway), shared by all routes that go that way, counted. Deleting an object deletes its routes,
 * so an object goes only when no route has it: FibTable holds a reference for what it wants, for
 * what is installed and for what is under way.
 */
import type { Id } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import { kernelHeadroom } from './encap-overhead.ts'
import type { Kernel, NexthopContent, NexthopSpec } from './kernel.ts'
import { Errno, errnoName, KernelError } from './kernel-error.ts'
import { NEXTHOP_ID_BASE, NEXTHOP_ID_COUNT } from './rtnetlink-constants.ts'

export type NexthopRow = Id<'nexthop'>
export type NexthopState = 'pending' | 'installed' | 'failed'

interface Entry {
  row: NexthopRow
  /** Absent for a second object of the same content, found at the start: nobody new gets it. */
  key: string | undefined
  content: NexthopContent
  refs: number
  state: NexthopState
  /** Kernel id, 0 until there is one. */
  id: number
  errno: number
  /** The last refusal since it was in the kernel. */
  refusal: number
  /** The largest packet that goes into it whole, 0: as its device says. */
  mtu: number
}

export class NexthopTable {
  readonly #kernel: Kernel
  readonly #log: Logger
  readonly #entries: (Entry | undefined)[] = [undefined]
  readonly #freeRows: number[] = []
  readonly #byKey = new Map<string, Entry>()
  /** By kernel id. */
  readonly #byId = new Map<number, Entry>()
  readonly #pending = new Set<Entry>()
  readonly #unused = new Set<Entry>()
  /** Ids given up for new objects: they go when the routes have moved. */
  readonly #abandoned = new Set<number>()
  readonly #adopted = new Set<Entry>()
  /** Told which rows have got another `mtuOf`. */
  onMtuChanged: (row: NexthopRow) => void = () => {}
  #nextId = 0
  #count = 0

  constructor(kernel: Kernel, log: Logger) {
    this.#kernel = kernel
    this.#log = log
  }

  /** Objects wanted, installed or on their way out. */
  get count(): number {
    return this.#count
  }

  /** The row of this content, with a reference that the caller gives back with `release`. */
  acquire(content: NexthopContent): NexthopRow {
    const key = keyOf(content)
    const entry = this.#byKey.get(key) ?? this.#add(key, content)
    entry.refs++
    this.#unused.delete(entry)
    return entry.row
  }

  retain(row: NexthopRow): void {
    const entry = this.#entry(row)
    entry.refs++
    this.#unused.delete(entry)
  }

  /** The object goes at the next `collect` when this was the last reference. */
  release(row: NexthopRow): void {
    const entry = this.#entry(row)
    if (entry.refs === 0) throw new Error(`nexthop row ${row} released once too often`)
    if (--entry.refs === 0) this.#unused.add(entry)
  }

  idOf(row: NexthopRow): number {
    return this.#entry(row).id
  }

  contentOf(row: NexthopRow): NexthopContent {
    return this.#entry(row).content
  }

  stateOf(row: NexthopRow): NexthopState {
    return this.#entry(row).state
  }

  /** Why it is not in the kernel: 0 unless failed. */
  errnoOf(row: NexthopRow): number {
    return this.#entry(row).errno
  }

  refsOf(row: NexthopRow): number {
    return this.#entry(row).refs
  }

  mtuOf(row: NexthopRow): number {
    return this.#entry(row).mtu
  }

  setMtu(row: NexthopRow, mtu: number): void {
    const entry = this.#entry(row)
    if (entry.mtu === mtu) return
    entry.mtu = mtu
    this.onMtuChanged(row)
  }

  /** RTAX_MTU of the routes through it: the kernel takes the encapsulation off again. */
  routeMtuOf(row: NexthopRow): number {
    const { mtu, content } = this.#entry(row)
    return mtu === 0 ? 0 : mtu + kernelHeadroom(content.segments?.length ?? 0)
  }

  /** Creates what is wanted and not there yet. A refusal stays with its row. */
  async ensure(): Promise<void> {
    for (const entry of this.#pending) {
      if (entry.refs === 0) continue
      this.#pending.delete(entry)
      await this.#create(entry)
    }
  }

  async #create(entry: Entry): Promise<void> {
    for (let tries = 0; tries < NEXTHOP_ID_COUNT; tries++) {
      const id = NEXTHOP_ID_BASE + this.#nextId
      this.#nextId = (this.#nextId + 1) % NEXTHOP_ID_COUNT
      try {
        await this.#kernel.putNexthop({ ...entry.content, id })
        this.#installed(entry, id)
        return
      } catch (error) {
        if (!(error instanceof KernelError)) {
          // Not pending any more: who waits for it would ask for ever.
          entry.state = 'failed'
          entry.errno = Errno.EIO
          throw error
        }
        if (error.errno === Errno.EEXIST) continue
        entry.state = 'failed'
        entry.errno = error.errno
        // The same refusal again is no news.
        if (entry.refusal === error.errno) return
        entry.refusal = error.errno
        this.#log.warn({ errno: errnoName(error.errno), err: error }, 'nexthop object refused')
        return
      }
    }
    entry.state = 'failed'
    entry.errno = Errno.EEXIST
  }

  /** Removes the objects that nothing refers to; call it after the routes have gone. */
  async collect(): Promise<void> {
    for (const id of this.#abandoned) {
      this.#abandoned.delete(id)
      await this.#remove(id)
    }
    for (const entry of this.#unused) {
      this.#unused.delete(entry)
      if (entry.refs > 0) continue
      // Out of the index first: who wants this content from here on gets a new object.
      this.#forget(entry)
      if (entry.state === 'installed') await this.#remove(entry.id)
    }
  }

  async #remove(id: number): Promise<void> {
    try {
      await this.#kernel.deleteNexthop(id)
    } catch (error) {
      this.#log.warn({ id, err: error }, 'nexthop object not removed')
    }
  }

  /** Asks again for what was refused. */
  retryFailed(): void {
    for (const entry of this.#byKey.values()) {
      if (entry.state === 'failed') this.#renew(entry)
    }
  }

  /** Objects found in the kernel at the start: theirs is the first claim on their content. */
  adopt(nexthops: readonly NexthopSpec[]): void {
    for (const { id, ...content } of nexthops) {
      const key = keyOf(content)
      const known = this.#byKey.get(key)
      if (known && known.state === 'installed') {
        this.#hold(this.#add(undefined, content), id)
        continue
      }
      this.#hold(known ?? this.#add(key, content), id)
    }
  }

  #hold(entry: Entry, id: number): void {
    this.#installed(entry, id)
    entry.refs++
    this.#pending.delete(entry)
    this.#unused.delete(entry)
    this.#adopted.add(entry)
  }

  /** Gives up the hold on adopted objects: what nobody wanted meanwhile goes at the next collect. */
  sweep(): void {
    for (const entry of this.#adopted) this.release(entry.row)
    this.#adopted.clear()
  }

  /** The row of a kernel id, 0 for an object that is not ours. */
  rowOfId(id: number): NexthopRow | 0 {
    return this.#byId.get(id)?.row ?? 0
  }

  /** The object of this id went, or is what others made of it: it will be created again. */
  noticed(id: number, now: NexthopSpec | null): NexthopRow | 0 {
    const entry = this.#byId.get(id)
    if (!entry || (now !== null && keyOf(now) === keyOf(entry.content))) return 0
    if (now !== null) this.#abandoned.add(id)
    this.#renew(entry)
    return entry.row
  }

  /** A device went down or away and took its objects along, without a word. */
  deviceLost(ifindex: number): NexthopRow[] {
    const lost = [...this.#byId.values()].filter((entry) => entry.content.ifindex === ifindex)
    for (const entry of lost) {
      // It is there still when the news of the device is old.
      this.#abandoned.add(entry.id)
      this.#renew(entry)
    }
    return lost.map((entry) => entry.row)
  }

  /**
   * Compares with what the kernel holds now: it drops objects silently, with all their routes, when
   * a device goes down. The lost ones will be created again. Returns how many they are.
   */
  resync(nexthops: readonly NexthopSpec[]): number {
    const there = new Map(nexthops.map((nexthop) => [nexthop.id, keyOf(nexthop)]))
    let lost = 0
    for (const entry of this.#entries) {
      if (entry?.state !== 'installed') continue
      if (there.get(entry.id) === keyOf(entry.content)) continue
      this.#renew(entry)
      lost++
    }
    return lost
  }

  #installed(entry: Entry, id: number): void {
    entry.id = id
    entry.state = 'installed'
    entry.errno = 0
    entry.refusal = 0
    this.#byId.set(id, entry)
  }

  #renew(entry: Entry): void {
    this.#byId.delete(entry.id)
    entry.state = 'pending'
    entry.id = 0
    entry.errno = 0
    this.#pending.add(entry)
  }

  #add(key: string | undefined, content: NexthopContent): Entry {
    const row = (this.#freeRows.pop() ?? this.#entries.length) as NexthopRow
    const fresh = { refs: 0, state: 'pending', id: 0, errno: 0, refusal: 0, mtu: 0 } as const
    const entry: Entry = { row, key, content, ...fresh }
    this.#entries[row] = entry
    if (key !== undefined) this.#byKey.set(key, entry)
    this.#pending.add(entry)
    this.#count++
    return entry
  }

  #forget(entry: Entry): void {
    if (entry.key !== undefined) this.#byKey.delete(entry.key)
    this.#byId.delete(entry.id)
    this.#pending.delete(entry)
    this.#entries[entry.row] = undefined
    this.#freeRows.push(entry.row)
    this.#count--
  }

  #entry(row: NexthopRow): Entry {
    const entry = this.#entries[row]
    if (!entry) throw new Error(`no nexthop row ${row}`)
    return entry
  }
}

function keyOf(content: NexthopContent): string {
  const segments = content.segments ?? []
  const mode = segments.length > 0 ? (content.mode ?? 'encap.red') : ''
  const gateway = content.gateway ? Buffer.from(content.gateway).toString('hex') : ''
  const sids = segments.map((segment) => Buffer.from(segment).toString('hex')).join(',')
  return `${content.ifindex} ${gateway} ${content.onlink ? 'onlink' : ''} ${mode} ${sids}`
}
