/**
 * The ip rules that srv6d wants, kept true to the kernel: what is missing is added, what carries
 * our protocol number and is not wanted is deleted, rules of others are left alone. What closes a
 * way (no table) comes first and goes last, added before deleted, and among the others the last of a
 * packet's way is added first: no moment leaves a circuit or a prefix to other tables.
 */
import type { Logger } from '../base/logger.ts'
import type { Kernel, KernelRule } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import { RT_TABLE_LOCAL, RTPROT_KERNEL, RTPROT_SRV6D } from './rtnetlink-constants.ts'
import { ruleText } from './rtnetlink-rule.ts'

/** A rule as it is asked for. */
export type WantedRule = Partial<KernelRule> & Pick<KernelRule, 'family' | 'priority'>

const FAMILIES = [4, 6] as const

export class RuleTable {
  readonly #kernel: Kernel
  readonly #log: Logger
  /** By who asks for them. */
  readonly #wanted = new Map<string, readonly KernelRule[]>()
  readonly #refused = new Map<string, string>()
  /** Priorities of rules that are kept from a former run until the sweep. */
  readonly #kept: readonly number[]
  #swept = false
  #running: Promise<void> | undefined
  #again = false

  constructor(kernel: Kernel, log: Logger, kept: readonly number[]) {
    this.#kernel = kernel
    this.#log = log
    this.#kept = kept
  }

  /** Replaces what `owner` asks for. */
  set(owner: string, rules: readonly WantedRule[]): void {
    const whole = rules.map((rule) => ({
      ...{ iif: '', oif: '', from: null, to: null, table: 0, protocol: RTPROT_SRV6D },
      ...rule,
    }))
    if (whole.length > 0) this.#wanted.set(owner, whole)
    else this.#wanted.delete(owner)
  }

  clear(): void {
    this.#wanted.clear()
    this.#swept = true
  }

  /** What the kernel refused. */
  get problems(): string[] {
    return [...this.#refused.values()]
  }

  /** Everybody has asked for what he wants: what a former run left beside it goes. */
  sweep(): void {
    this.#swept = true
  }

  flush(): Promise<void> {
    this.#again = this.#running !== undefined
    this.#running ??= this.#flushAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #flushAll(): Promise<void> {
    do {
      this.#again = false
      await this.#bring(await this.#kernel.rules())
    } while (this.#again)
  }

  async #bring(have: readonly KernelRule[]): Promise<void> {
    const ours = byText(have.filter((rule) => rule.protocol === RTPROT_SRV6D))
    const asked = byText([...this.#wanted.values()].flat())
    const wanted = withoutNeedless(asked, have)
    this.#refused.clear()
    const missing = [...wanted.values()].filter((rule) => !ours.has(ruleText(rule)))
    const closing = (rule: KernelRule) => (rule.table === 0 ? 1 : 0)
    const later = (a: KernelRule, b: KernelRule) =>
      closing(b) - closing(a) || b.priority - a.priority
    for (const rule of missing.sort(later)) {
      await this.#try(rule, () => this.#kernel.putRule(rule))
    }
    for (const family of FAMILIES) await this.#moveLocal(family, have, asked, ours)
    const extra = [...ours.values()].filter((rule) => !this.#isWanted(rule, wanted))
    for (const rule of extra.sort((a, b) => later(b, a))) {
      await this.#try(rule, () => this.#kernel.deleteRule(rule))
    }
    const [added, deleted] = [missing.length, extra.length]
    if (added + deleted > 0) this.#log.info({ added, deleted }, 'ip rules changed')
  }

  #isWanted(rule: KernelRule, wanted: ReadonlyMap<string, KernelRule>): boolean {
    if (wanted.has(ruleText(rule))) return true
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

  async #try(rule: KernelRule, change: () => Promise<void>): Promise<void> {
    try {
      await change()
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.errno === Errno.EEXIST) return
      this.#refused.set(ruleText(rule), error.message)
      this.#log.error({ err: error }, 'ip rule refused')
    }
  }
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
