/**
 * The ip rules that srv6d wants, kept true to the kernel: what is missing is added, what carries
 * our protocol number and is not wanted is deleted, rules of others are left alone. What closes a
 * way (no table) comes first and goes last, added before deleted, and among the others the last of a
 * packet's way is added first: no moment leaves a circuit or a prefix to other tables.
 */
import { type Clock, SystemClock, type Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Kernel, KernelRule } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import { RT_TABLE_LOCAL, RTPROT_KERNEL, RTPROT_SRV6D } from './rtnetlink-constants.ts'
import { ruleText } from './rtnetlink-rule.ts'

/** A rule as it is asked for. */
export type WantedRule = Partial<KernelRule> & Pick<KernelRule, 'family' | 'priority'>

const FAMILIES = [4, 6] as const
/** Pause before what the kernel refused is asked for again; doubles up to the second. */
const AGAIN_MS = 100
const AGAIN_MAX_MS = 5000

export class RuleTable {
  readonly #kernel: Kernel
  readonly #log: Logger
  /** Texts of the rules, by who asks for them. */
  readonly #owners = new Map<string, readonly string[]>()
  /** By text, with how many ask for it. */
  readonly #wanted = new Map<string, { rule: KernelRule; count: number }>()
  /** Ours in the kernel at the last look and since then; null before the first one. */
  #known: Map<string, KernelRule> | null = null
  /** Texts that were asked for or given up since the last flush. */
  readonly #changed = new Set<string>()
  /** By text: the kernel's answer; and those of the look before. */
  #refused = new Map<string, string>()
  #refusedBefore: ReadonlyMap<string, string> = new Map()
  /** Priorities of rules that are kept from a former run until the sweep. */
  readonly #kept: readonly number[]
  #swept = false
  #running: Promise<void> | undefined
  #again = false
  #mustLook = true
  readonly #clock: Clock
  #retry: Timer | undefined
  #retryMs = AGAIN_MS
  #stopped = false

  constructor(
    kernel: Kernel,
    log: Logger,
    kept: readonly number[],
    clock: Clock = new SystemClock(),
  ) {
    this.#kernel = kernel
    this.#log = log
    this.#kept = kept
    this.#clock = clock
  }

  /** Replaces what `owner` asks for. */
  set(owner: string, rules: readonly WantedRule[]): void {
    const former = this.#owners.get(owner) ?? []
    const texts = rules.map((rule) => this.#ask(rule))
    for (const text of former) this.#giveUp(text)
    if (texts.length > 0) this.#owners.set(owner, texts)
    else this.#owners.delete(owner)
  }

  #ask(wanted: WantedRule): string {
    const rule: KernelRule = {
      ...{ iif: '', oif: '', from: null, to: null, table: 0, protocol: RTPROT_SRV6D },
      ...wanted,
    }
    const text = ruleText(rule)
    const entry = this.#wanted.get(text)
    if (entry) entry.count++
    else this.#wanted.set(text, { rule, count: 1 })
    this.#changed.add(text)
    return text
  }

  #giveUp(text: string): void {
    const entry = this.#wanted.get(text)!
    if (--entry.count === 0) {
      this.#wanted.delete(text)
      this.#refused.delete(text)
    }
    this.#changed.add(text)
  }

  clear(): void {
    this.#owners.clear()
    this.#wanted.clear()
    this.#swept = true
  }

  /** What the kernel refused; it is asked again after pauses. */
  get problems(): string[] {
    return [...this.#refused.values()]
  }

  /** Why not all that `owner` asks for is in the kernel, null when it is or is under way. */
  whyNot(owner: string): string | null {
    for (const text of this.#owners.get(owner) ?? []) {
      const refusal = this.#refused.get(text)
      if (refusal !== undefined) return refusal
    }
    return null
  }

  /** Everybody has asked for what he wants: what a former run left beside it goes. */
  sweep(): void {
    this.#swept = true
  }

  /** After a look at what the kernel has. */
  flush(): Promise<void> {
    this.#mustLook = true
    return this.flushChanges()
  }

  /** What was set since the last flush, without a look at the many others. */
  flushChanges(): Promise<void> {
    this.#again = this.#running !== undefined
    this.#running ??= this.#flushAll().finally(() => {
      this.#running = undefined
      this.#retryLater()
    })
    return this.#running
  }

  /** Refusals, and a look that failed, are no end. */
  #retryLater(): void {
    this.#retry?.cancel()
    this.#retry = undefined
    if (this.#stopped) return
    if (!this.#mustLook && this.#refused.size === 0) {
      this.#retryMs = AGAIN_MS
      return
    }
    this.#retry = this.#clock.after(this.#retryMs, () => {
      this.#retry = undefined
      this.#retryMs = Math.min(this.#retryMs * 2, AGAIN_MAX_MS)
      this.flush().catch((error) => this.#log.error({ err: error }, 'ip rules not written'))
    })
  }

  /** Ends the timer of retries. */
  stop(): void {
    this.#stopped = true
    this.#retry?.cancel()
    this.#retry = undefined
  }

  async #flushAll(): Promise<void> {
    do {
      this.#again = false
      const known = this.#known
      const looks = this.#mustLook || known === null || !this.#swept
      this.#mustLook = false
      try {
        if (looks) await this.#look()
        else await this.#bringChanges(known)
      } catch (error) {
        // What was to be done is no more noted: only a look tells.
        this.#mustLook = true
        throw error
      }
    } while (this.#again)
  }

  async #bringChanges(known: Map<string, KernelRule>): Promise<void> {
    const texts = [...this.#changed]
    this.#changed.clear()
    const missing = texts.flatMap((text) => {
      const entry = this.#wanted.get(text)
      return entry && !known.has(text) ? [entry.rule] : []
    })
    const extra = texts.flatMap((text) => {
      const rule = known.get(text)
      return rule && !this.#wanted.has(text) ? [rule] : []
    })
    if ([...missing, ...extra].some(isPlainLocal)) return this.#look()
    await this.#put(missing, known)
    await this.#delete(extra, known)
  }

  async #look(): Promise<void> {
    this.#changed.clear()
    const have = await this.#kernel.rules()
    const ours = byText(have.filter((rule) => rule.protocol === RTPROT_SRV6D))
    const asked = new Map([...this.#wanted].map(([text, { rule }]) => [text, rule]))
    const wanted = withoutNeedless(asked, have)
    this.#refusedBefore = this.#refused
    this.#refused = new Map()
    const missing = [...wanted].flatMap(([text, rule]) => (ours.has(text) ? [] : [rule]))
    const known = new Map(ours)
    this.#known = known
    await this.#put(missing, known)
    for (const family of FAMILIES) await this.#moveLocal(family, have, asked, ours)
    const extra = [...ours].flatMap(([text, rule]) =>
      this.#stays(text, rule, wanted) ? [] : [rule],
    )
    await this.#delete(extra, known)
    const [added, deleted] = [missing.length, extra.length]
    if (added + deleted > this.#refused.size) {
      this.#log.info({ added, deleted }, 'ip rules changed')
    }
  }

  async #put(rules: KernelRule[], known: Map<string, KernelRule>): Promise<void> {
    for (const rule of rules.sort(laterFirst)) {
      const done = await this.#try(rule, () => this.#kernel.putRule(rule))
      if (done) known.set(ruleText(rule), rule)
    }
  }

  async #delete(rules: KernelRule[], known: Map<string, KernelRule>): Promise<void> {
    for (const rule of rules.sort((a, b) => laterFirst(b, a))) {
      const done = await this.#try(rule, () => this.#kernel.deleteRule(rule))
      if (done) known.delete(ruleText(rule))
    }
  }

  #stays(text: string, rule: KernelRule, wanted: ReadonlyMap<string, KernelRule>): boolean {
    if (wanted.has(text)) return true
    if (this.#swept || !this.#kept.includes(rule.priority)) return false
    const selector = ruleText({ ...rule, table: 0 })
    return ![...wanted.values()].some((other) => ruleText({ ...other, table: 0 }) === selector)
  }

  /**
   * Where a rule of ours asks for the table of local addresses further on, the kernel's own at 0
   * goes; with ours, the kernel's comes back first.
   */
  async #moveLocal(
    family: 4 | 6,
    have: readonly KernelRule[],
    asked: ReadonlyMap<string, KernelRule>,
    ours: ReadonlyMap<string, KernelRule>,
  ): Promise<void> {
    const isLocal = (rule: KernelRule) => rule.family === family && isPlainLocal(rule)
    const mine = [...asked.values()].find(isLocal)
    const first = have.find((rule) => isLocal(rule) && rule.priority === 0)
    if (mine && first && !this.#refused.has(ruleText(mine))) {
      await this.#try(first, () => this.#kernel.deleteRule(first))
    }
    const others = have.some((rule) => isLocal(rule) && rule.protocol !== RTPROT_SRV6D)
    if (mine || others || ![...ours.values()].some(isLocal)) return
    const own = { ...[...ours.values()].find(isLocal)!, priority: 0, protocol: RTPROT_KERNEL }
    await this.#try(own, () => this.#kernel.putRule(own))
  }

  /** Whether the kernel is as it is to be, whoever made it so. */
  async #try(rule: KernelRule, change: () => Promise<void>): Promise<boolean> {
    try {
      await change()
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.errno === Errno.EEXIST) return true
      const text = ruleText(rule)
      this.#refused.set(text, error.message)
      // The same refusal again is no news.
      if (this.#refusedBefore.get(text) !== error.message) {
        this.#log.error({ err: error }, 'ip rule refused, trying again')
      }
      return false
    }
    this.#refused.delete(ruleText(rule))
    return true
  }
}

/** What closes a way before what opens one, and the last of a packet's way before the first. */
function laterFirst(a: KernelRule, b: KernelRule): number {
  const closing = (rule: KernelRule) => (rule.table === 0 ? 1 : 0)
  return closing(b) - closing(a) || b.priority - a.priority
}

/** Others may have moved the look-up of local addresses already, and further: theirs will do. */
function withoutNeedless(
  asked: ReadonlyMap<string, KernelRule>,
  have: readonly KernelRule[],
): Map<string, KernelRule> {
  const isMoved = ({ family, priority }: KernelRule) =>
    have.some(
      (rule) =>
        isPlainLocal(rule) &&
        rule.family === family &&
        rule.protocol !== RTPROT_SRV6D &&
        rule.priority > priority,
    )
  return new Map([...asked].filter(([, rule]) => !isPlainLocal(rule) || !isMoved(rule)))
}

function byText(rules: readonly KernelRule[]): Map<string, KernelRule> {
  return new Map(rules.map((rule) => [ruleText(rule), rule]))
}

/** `from all lookup local`. */
function isPlainLocal({ table, iif, oif, from, to }: KernelRule): boolean {
  return table === RT_TABLE_LOCAL && iif === '' && oif === '' && from === null && to === null
}
