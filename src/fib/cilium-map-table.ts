/**
 * What Cilium's SRv6 maps should hold of ours, beside what they hold: only the difference is
 * written. Entries of other VRF ids are somebody else's and never touched. When the agent makes its
 * maps anew, all of ours is put into the new ones.
 */
import type { Logger } from '../base/logger.ts'
import type { MapOp, MapStore } from './bpftool.ts'
import { CILIUM_MAPS, type CiliumEntry, type CiliumMap, vrfIdOf } from './cilium-maps.ts'

/** Refused entries that a watch tries again: each costs a process of bpftool. */
const RETRIES = 50

export class CiliumMapTable {
  readonly #store: MapStore
  readonly #log: Logger
  readonly #ids: ReadonlySet<number>
  readonly #wanted = new Map<string, CiliumEntry>()
  readonly #have = new Map<string, CiliumEntry>()
  readonly #dirty = new Set<string>()
  readonly #refused = new Map<string, string>()
  /** Number of each map as last read. */
  readonly #mapIds = new Map<CiliumMap, number | undefined>()
  #swept = false
  #running: Promise<void> = Promise.resolve()

  /** `ids`: the VRF ids that are ours. */
  constructor(store: MapStore, ids: Iterable<number>, log: Logger) {
    this.#store = store
    this.#ids = new Set(ids)
    this.#log = log
  }

  /** What could not be written, and maps that are not there. */
  get problems(): string[] {
    const missing = CILIUM_MAPS.filter((map) => this.#mapIds.has(map) && !this.#mapIds.get(map))
    const absent = missing.map((map) => `${map} is not pinned: is Cilium running with enable-srv6?`)
    return [...absent, ...new Set(this.#refused.values())]
  }

  get counts(): { wanted: number; installed: number } {
    let installed = 0
    for (const [key, { value }] of this.#wanted)
      if (this.#have.get(key)?.value === value) installed++
    return { wanted: this.#wanted.size, installed }
  }

  /** Entries of ours that the maps held when last read. */
  *found(map: CiliumMap): Generator<CiliumEntry> {
    for (const entry of this.#have.values()) if (entry.map === map) yield entry
  }

  set(entry: CiliumEntry): void {
    const key = keyOf(entry)
    if (this.#wanted.get(key)?.value === entry.value) return
    this.#wanted.set(key, entry)
    this.#dirty.add(key)
  }

  delete(entry: Pick<CiliumEntry, 'map' | 'key'>): void {
    const key = keyOf(entry)
    if (!this.#wanted.delete(key)) return
    this.#dirty.add(key)
  }

  /** From here on what a former run left and nobody asked for goes. */
  sweep(): void {
    this.#swept = true
    for (const key of this.#have.keys()) if (!this.#wanted.has(key)) this.#dirty.add(key)
  }

  clear(): void {
    for (const entry of [...this.#wanted.values()]) this.delete(entry)
    this.sweep()
  }

  /** Why an entry is not in its map, null when it is or was never asked for. */
  whyNot(entry: Pick<CiliumEntry, 'map' | 'key'>): string | null {
    return this.#refused.get(keyOf(entry)) ?? null
  }

  /** Reads the maps; those that were made anew since last time have lost what is ours. */
  load(): Promise<void> {
    return this.#then(() => this.#load())
  }

  flush(): Promise<void> {
    return this.#then(() => this.#flush())
  }

  /** Looks whether the agent has made its maps anew, puts back what is ours, tries again what was refused. */
  watch(): Promise<void> {
    return this.#then(async () => {
      for (const map of CILIUM_MAPS) {
        const id = await this.#store.idOf(map)
        if (id === this.#mapIds.get(map)) continue
        this.#log.warn({ map }, id === undefined ? 'eBPF map is gone' : 'eBPF map was made anew')
        await this.#loadMap(map)
      }
      for (const key of [...this.#refused.keys()].slice(0, RETRIES)) this.#dirty.add(key)
      await this.#flush()
    })
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.catch(() => {}).then(work)
    return this.#running
  }

  async #load(): Promise<void> {
    for (const map of CILIUM_MAPS) await this.#loadMap(map)
  }

  async #loadMap(map: CiliumMap): Promise<void> {
    const now = await this.#store.read(map)
    this.#mapIds.set(map, now?.id)
    for (const [key, entry] of this.#have) if (entry.map === map) this.#have.delete(key)
    for (const entry of now?.entries ?? []) {
      if (this.#ids.has(vrfIdOf(entry))) this.#have.set(keyOf(entry), entry)
    }
    for (const [key, entry] of this.#wanted) if (entry.map === map) this.#dirty.add(key)
    if (this.#swept) this.sweep()
  }

  async #flush(): Promise<void> {
    const ops: MapOp[] = []
    for (const key of this.#dirty) {
      const [want, have] = [this.#wanted.get(key), this.#have.get(key)]
      const map = want?.map ?? have?.map
      if (map !== undefined && this.#mapIds.get(map) === undefined) continue
      this.#dirty.delete(key)
      if (want && want.value !== have?.value) ops.push({ op: 'update', entry: want })
      else if (!want && have) ops.push({ op: 'delete', entry: have })
      else this.#refused.delete(key)
    }
    if (ops.length === 0) return
    try {
      await this.#write(ops)
    } catch (error) {
      for (const { entry } of ops) this.#dirty.add(keyOf(entry))
      throw error
    }
  }

  async #write(ops: readonly MapOp[]): Promise<void> {
    const failed = await this.#store.write(ops)
    for (const [k, { op, entry }] of ops.entries()) {
      const key = keyOf(entry)
      const why = failed.get(k)
      if (why !== undefined) {
        if (this.#refused.get(key) !== why)
          this.#log.error({ map: entry.map, why }, 'map not written')
        this.#refused.set(key, why)
        continue
      }
      this.#refused.delete(key)
      if (op === 'update') this.#have.set(key, entry)
      else this.#have.delete(key)
    }
  }
}

function keyOf({ map, key }: Pick<CiliumEntry, 'map' | 'key'>): string {
  return `${map} ${key}`
}
