import { DirtyQueue } from '../base/dirty-queue.ts'
import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import type { UpdatePacker } from '../wire/update-packer.ts'
import type { LocRib, RibContext, RibListener } from './loc-rib.ts'
import type { OutPolicy } from './out-policy.ts'
import type { AttrsId } from './path-attrs.ts'
import { type PathId, PathKind } from './path-table.ts'
import type { PrefixId } from './prefix-table.ts'
import type { RibPeer } from './rib-peer.ts'

/** Prefixes looked at between two questions whether the neighbour's socket takes more. */
const BATCH = 2048
/** Told once, to be told again whatever it is: an answer to ROUTE-REFRESH. */
const TELL_AGAIN = -1

/**
 * What one neighbour has been told of one table, and what it is still to be told.
 *
 *   prefix  told (attrs)  label     a prefix that changes twice before its turn is sent once;
 *       41            17  0x0e0001  the changes of one turn are packed by attribute set
 */
export class AdjRibOut implements RibListener {
  readonly rib: LocRib
  readonly policy: OutPolicy
  readonly #peer: RibPeer
  readonly #context: RibContext
  readonly #pending = new DirtyQueue()
  #told = new Int32Array(64)
  #label = new Int32Array(64)
  #toldCount = 0
  /** Of an answer to ROUTE-REFRESH: 'again' when it was asked for anew meanwhile. */
  #refresh: 'none' | 'queued' | 'going' | 'again' = 'none'
  readonly #prefixes = new Int32Array(BATCH)
  readonly #labels = new Int32Array(BATCH)
  readonly #next = new Int32Array(BATCH)
  /** Attribute set -> the last prefix of this batch that goes with it, plus one. */
  readonly #groups = new Map<number, number>()
  /** Prefixes of this batch that fit no message beside their attributes. */
  #unfit: PrefixId[] = []

  constructor(rib: LocRib, peer: RibPeer, policy: OutPolicy, context: RibContext) {
    this.rib = rib
    this.#peer = peer
    this.policy = policy
    this.#context = context
  }

  get toldCount(): number {
    return this.#toldCount
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** The session is up: everything that is best is to be told, then every change. */
  open(): void {
    this.rib.listen(this)
    this.#queueAll()
  }

  /**
   * ROUTE-REFRESH (RFC 2918): all of it once more. Asked for again before it is all told, all of it
   * follows once more for as many requests as came: a neighbour cannot ask faster than it reads.
   */
  refresh(): void {
    if (this.#refresh !== 'none') {
      if (this.#refresh === 'going') this.#refresh = 'again'
      return
    }
    for (let prefix = 1; prefix < this.#told.length; prefix++) {
      const told = this.#told[prefix] as AttrsId
      if (told <= 0) continue
      this.#context.attrs.release(told)
      this.#told[prefix] = TELL_AGAIN
    }
    this.#queueAll()
    if (this.#pending.size > 0) this.#refresh = 'queued'
  }

  close(): void {
    this.rib.unlisten(this)
    this.#refresh = 'none'
    for (let p = this.#pending.take(); p !== NONE; p = this.#pending.take()) {
      this.rib.prefixes.release(p as PrefixId)
    }
    for (let prefix = 1; prefix < this.#told.length; prefix++) {
      const told = this.#told[prefix]!
      if (told === 0) continue
      if (told > 0) this.#context.attrs.release(told as AttrsId)
      this.rib.prefixes.release(prefix as PrefixId)
      this.#told[prefix] = 0
    }
    this.#toldCount = 0
  }

  onBest(_rib: LocRib, prefix: PrefixId): void {
    if (this.#pending.has(prefix)) return
    this.rib.prefixes.retain(prefix)
    this.#pending.add(prefix)
    this.#context.wake()
  }

  /** Packs one batch of what is pending; returns how much is left. */
  flush(packer: UpdatePacker): number {
    let count = 0
    if (this.#refresh === 'queued') this.#refresh = 'going'
    packer.withdraw(this.rib.family)
    for (let k = 0; k < BATCH; k++) {
      const prefix = this.#pending.take() as PrefixId
      if (prefix === NONE) break
      if (prefix >= this.#told.length) this.#grow(prefix)
      if (this.#collect(prefix, count, packer)) count++
      this.rib.prefixes.release(prefix)
    }
    packer.flush()
    for (const [attrs, last] of this.#groups) this.#emit(attrs as AttrsId, last, packer)
    this.#groups.clear()
    this.#withdrawUnfit(packer)
    if (this.#pending.size === 0) this.#refreshed()
    return this.#pending.size
  }

  #refreshed(): void {
    const again = this.#refresh === 'again'
    this.#refresh = 'none'
    if (again) this.refresh()
  }

  /** Puts a prefix with what it is to be told into its group, or withdraws it. */
  #collect(prefix: PrefixId, slot: number, packer: UpdatePacker): boolean {
    if (this.rib.retellIfDirty(prefix)) return false
    const path = this.rib.bestOf(prefix)
    const told = this.#told[prefix]!
    if (path === NONE || !this.#mayTell(path)) {
      if (told !== 0) this.#forget(prefix, packer)
      return false
    }
    const paths = this.rib.paths
    const own = paths.kindOf(path) === PathKind.EXPORTED
    const attrs = this.policy.apply(paths.attrsOf(path), own)
    const label = this.policy.label === -1 ? paths.labelOf(path) : this.policy.label
    if (told === attrs && this.#label[prefix] === label) {
      this.#context.attrs.release(attrs)
      return false
    }
    if (told > 0) this.#context.attrs.release(told as AttrsId)
    if (told === 0) {
      this.rib.prefixes.retain(prefix)
      this.#toldCount++
    }
    this.#told[prefix] = attrs
    this.#label[prefix] = label
    this.#prefixes[slot] = prefix
    this.#labels[slot] = label
    this.#next[slot] = this.#groups.get(attrs) ?? 0
    this.#groups.set(attrs, slot + 1)
    return true
  }

  #mayTell(path: PathId): boolean {
    return this.policy.notTold(path, this.rib.paths, this.#peer, this.#context.peers) === null
  }

  #forget(prefix: PrefixId, packer: UpdatePacker): void {
    const prefixes = this.rib.prefixes
    const told = this.#told[prefix]!
    packer.add(prefixes.words, prefixes.wordsAt(prefix), prefixes.bitsOf(prefix), 0, 0)
    if (told > 0) this.#context.attrs.release(told as AttrsId)
    this.#told[prefix] = 0
    this.#toldCount--
    prefixes.release(prefix)
  }

  #emit(attrs: AttrsId, last: number, packer: UpdatePacker): void {
    const table = this.#context.attrs
    const prefixes = this.rib.prefixes
    packer.reach(
      this.rib.family,
      table.bytes,
      table.nextHopAt(attrs),
      table.nextHopLen(attrs),
      table.bytes,
      table.attrsAt(attrs),
      table.attrsEnd(attrs),
    )
    for (let slot = last; slot !== 0; slot = this.#next[slot - 1]!) {
      const prefix = this.#prefixes[slot - 1] as PrefixId
      const at = prefixes.wordsAt(prefix)
      const { tooLong } = packer
      packer.add(prefixes.words, at, prefixes.bitsOf(prefix), this.#labels[slot - 1]!, 0)
      if (packer.tooLong !== tooLong) this.#unfit.push(prefix)
    }
    packer.flush()
  }

  /** RFC 8654 §5: what cannot be told any more must not stay as it was told before. */
  #withdrawUnfit(packer: UpdatePacker): void {
    if (this.#unfit.length === 0) return
    packer.withdraw(this.rib.family)
    for (const prefix of this.#unfit) this.#forget(prefix, packer)
    packer.flush()
    this.#unfit = []
  }

  #queueAll(): void {
    const prefixes = this.rib.prefixes
    for (let row = 1; row < prefixes.top; row++) {
      const prefix = row as PrefixId
      if (prefixes.isUsed(prefix) && this.rib.bestOf(prefix) !== NONE) this.onBest(this.rib, prefix)
    }
  }

  #grow(prefix: PrefixId): void {
    let capacity = this.#told.length
    while (capacity <= prefix) capacity *= 2
    this.#told = grown(this.#told, capacity)
    this.#label = grown(this.#label, capacity)
  }
}
