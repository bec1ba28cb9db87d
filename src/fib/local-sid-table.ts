/**
 * The SIDs of this router, wanted and in the kernel: a few a VRF. The same ways as FibTable: want
 * and unwant note, flush acts, a refusal stays with its SID, what is found right is left alone.
 */
import { setImmediate as pause } from 'node:timers/promises'
import { hexOf, putU32 } from '../base/bytes.ts'
import type { Logger } from '../base/logger.ts'
import type { Kernel, LocalSid, RouteNotice, SidTarget } from './kernel.ts'
import { Errno, errnoName, isDeviceDown, KernelError } from './kernel-error.ts'
import { ROUTE_METRIC, RT_TABLE_MAIN, RTPROT_SRV6D } from './rtnetlink-constants.ts'
import { sidAction } from './rtnetlink-encode.ts'

const TAKEN = 'a route of another protocol has its prefix and metric'

/** A refusal, with words where the kernel has none: it names no holder of a blackhole. */
function refusalOf(thrown: unknown): KernelError {
  if (!(thrown instanceof KernelError))
    return new KernelError('SID', Errno.EIO, (thrown as Error).message)
  const { errno, words } = thrown
  if (errno !== Errno.EEXIST || words !== '') return thrown
  return new KernelError('RTM_NEWROUTE of a SID', errno, TAKEN)
}

/** SIDs written in one go before the event loop gets its turn. */
const BEFORE_OTHERS = 64

export type SidState = 'pending' | 'installed' | 'failed'

interface Entry {
  sid: LocalSid
  wanted: boolean
  /** What the kernel has, undefined for nothing. */
  have: LocalSid | undefined
  error: KernelError | undefined
  /** Found at the start and not asked for since. */
  stale: boolean
  /** A route of somebody else has its prefix and metric, and stays. */
  taken: boolean
}

export class LocalSidTable {
  readonly #kernel: Kernel
  readonly #log: Logger
  readonly #entries = new Map<string, Entry>()
  readonly #dirty = new Set<string>()
  #running: Promise<void> | undefined
  #listener: (sids: readonly LocalSid[]) => void = () => {}

  constructor(kernel: Kernel, log: Logger) {
    this.#kernel = kernel
    this.#log = log
  }

  /** Told after each flush which SIDs the kernel was asked about. */
  listen(listener: (sids: readonly LocalSid[]) => void): void {
    this.#listener = listener
  }

  want(sid: LocalSid): void {
    const key = keyOf(sid)
    const entry = this.#entries.get(key)
    if (entry) Object.assign(entry, { sid, wanted: true, stale: false })
    else {
      const fresh = {
        sid,
        wanted: true,
        have: undefined,
        error: undefined,
        stale: false,
        taken: false,
      }
      this.#entries.set(key, fresh)
    }
    this.#dirty.add(key)
  }

  unwant(sid: LocalSid): void {
    const entry = this.#entries.get(keyOf(sid))
    if (entry) this.#drop(entry)
  }

  unwantAll(): void {
    for (const entry of this.#entries.values()) this.#drop(entry)
  }

  /** undefined: neither wanted nor there. */
  stateOf(sid: Pick<LocalSid, 'sid' | 'prefixBits'>): SidState | undefined {
    const entry = this.#entries.get(keyOf(sid))
    if (!entry) return undefined
    if (entry.error) return 'failed'
    return isSettled(entry) ? 'installed' : 'pending'
  }

  errnoOf(sid: Pick<LocalSid, 'sid' | 'prefixBits'>): number {
    return this.#entries.get(keyOf(sid))?.error?.errno ?? 0
  }

  /** The refusal in words, the kernel's own included; null when there is none. */
  whyOf(sid: Pick<LocalSid, 'sid' | 'prefixBits'>): string | null {
    return this.#entries.get(keyOf(sid))?.error?.message ?? null
  }

  get counts(): { wanted: number; installed: number; failed: number; stale: number } {
    const all = [...this.#entries.values()]
    return {
      wanted: all.filter((entry) => entry.wanted).length,
      installed: all.filter((entry) => entry.have).length,
      failed: all.filter((entry) => entry.error).length,
      stale: all.filter((entry) => entry.stale).length,
    }
  }

  flush(): Promise<void> {
    this.#running ??= this.#flushRounds().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #flushRounds(): Promise<void> {
    do await this.#flushAll()
    while (this.#dirty.size > 0)
  }

  async #flushAll(): Promise<void> {
    const asked: LocalSid[] = []
    // Set iteration also reaches what is added while it runs.
    for (const key of this.#dirty) {
      this.#dirty.delete(key)
      const entry = this.#entries.get(key)
      if (!entry || entry.stale) continue
      await this.#bring(key, entry)
      if (asked.push(entry.sid) % BEFORE_OTHERS === 0) await pause()
    }
    if (asked.length > 0) this.#listener(asked)
  }

  async #bring(key: string, entry: Entry): Promise<void> {
    const { sid, wanted } = entry
    try {
      if (!isSettled(entry)) {
        if (wanted && entry.taken)
          throw new KernelError('RTM_NEWROUTE of a SID', Errno.EEXIST, TAKEN)
        if (wanted) await this.#kernel.putLocalSid(sid)
        else if (entry.have) await this.#kernel.deleteLocalSid(entry.have)
        entry.have = wanted ? sid : undefined
      }
      entry.error = undefined
    } catch (thrown) {
      // What is no answer of the kernel is kept and tried again all the same.
      const error = refusalOf(thrown)
      // The same refusal again is no news.
      if (entry.error?.message !== error.message && !isDeviceDown(error.errno)) {
        this.#log.warn({ errno: errnoName(error.errno), err: error }, 'SID refused by the kernel')
      }
      entry.error = error
      return
    }
    if (!entry.wanted && !entry.have) this.#entries.delete(key)
  }

  retryFailed(): void {
    for (const [key, entry] of this.#entries) if (entry.error) this.#dirty.add(key)
  }

  /** SIDs found in the kernel at the start: left alone until asked for or swept. */
  adopt(sids: readonly LocalSid[]): void {
    for (const sid of sids) {
      const entry = this.#entries.get(keyOf(sid))
      if (entry) entry.have = sid
      else {
        const found = { sid, wanted: false, have: sid, error: undefined, stale: true, taken: false }
        this.#entries.set(keyOf(sid), found)
      }
    }
  }

  /** Adopted SIDs that nobody asked for. */
  stale(): LocalSid[] {
    return [...this.#entries.values()].filter((entry) => entry.stale).map((entry) => entry.sid)
  }

  /** Gives up the adopted SIDs that nobody asked for; returns how many. */
  sweep(): number {
    const stale = [...this.#entries.values()].filter((entry) => entry.stale)
    for (const entry of stale) this.#drop(entry)
    return stale.length
  }

  /** Compares with what the kernel holds now; what went away is pending again. */
  resync(sids: readonly LocalSid[]): number {
    for (const entry of this.#entries.values()) entry.taken = false
    const there = new Map(sids.map((sid) => [keyOf(sid), sid]))
    let changed = 0
    for (const [key, entry] of this.#entries) {
      const now = there.get(key)
      if (sameSid(now, entry.have)) continue
      entry.have = now
      this.#dirty.add(key)
      changed++
    }
    return changed
  }

  /** A notification tells of a route; one of ours that others changed is written again by `flush`. */
  noticed(route: RouteNotice): LocalSid | null {
    if (route.table !== RT_TABLE_MAIN || route.metric !== ROUTE_METRIC || route.family !== 6) {
      return null
    }
    const key = keyOfRoute(route)
    const entry = this.#entries.get(key)
    if (!entry) return null
    const ours = route.protocol === RTPROT_SRV6D
    if (!ours && !entry.taken && (route.gone || (entry.have && !route.replaced))) return null
    const { have } = entry
    entry.have = undefined
    entry.stale = false
    entry.taken = !ours && !route.gone
    this.#dirty.add(key)
    return entry.wanted ? (have ?? null) : null
  }

  /** Whether a route of somebody else stands in its place. */
  isTaken(sid: Pick<LocalSid, 'sid' | 'prefixBits'>): boolean {
    return this.#entries.get(keyOf(sid))?.taken ?? false
  }

  /** A device went down or away: the kernel has dropped the SIDs that go by it. */
  deviceLost(ifindex: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.have?.ifindex !== ifindex) continue
      entry.have = undefined
      entry.stale = false
      this.#dirty.add(key)
    }
  }

  #drop(entry: Entry): void {
    entry.wanted = false
    entry.stale = false
    this.#dirty.add(keyOf(entry.sid))
  }
}

function isSettled(entry: Entry): boolean {
  return entry.wanted ? sameSid(entry.sid, entry.have) : entry.have === undefined
}

/** Whether the kernel would be asked for the same: a NEXT-CSID behaviour is its classic action. */
function sameSid(a: LocalSid | undefined, b: LocalSid | undefined): boolean {
  if (!a || !b) return a === b
  return a.ifindex === b.ifindex && sidAction(a) === sidAction(b) && sameTarget(a.target, b.target)
}

function sameTarget(a: SidTarget, b: SidTarget): boolean {
  if (a.kind === 'next-hop') {
    return b.kind === 'next-hop' && hexOf(a.address) === hexOf(b.address)
  }
  return a.kind === b.kind && a.table === b.table
}

function keyOfRoute({ words, bits }: RouteNotice): string {
  const address = new Uint8Array(16)
  for (let k = 0; k < 4; k++) putU32(address, k * 4, words[k]!)
  return keyOf({ sid: address, prefixBits: bits })
}

function keyOf(sid: Pick<LocalSid, 'sid' | 'prefixBits'>): string {
  return `${hexOf(sid.sid)}/${sid.prefixBits}`
}
