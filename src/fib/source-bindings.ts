import { hexOf } from '../base/bytes.ts'
import type { RulePrefix } from './kernel.ts'
import type { RuleTable, WantedRule } from './rule-table.ts'
import {
  type ClusterAddresses,
  closedRules,
  clusterRules,
  covers,
  sourceRules,
} from './table-rules.ts'

interface Binding {
  table: number
  /** Where its cluster rules are from. */
  scope: string
}

/**
 * Prefixes whose traffic is a VRF's wherever it comes in: each is one VRF's and no other's. Every
 * packet of the node passes these rules one by one, so a prefix has but two of its own; what is to
 * stay in the cluster is said once for a whole pool.
 */
export class SourceBindings {
  readonly #rules: RuleTable
  readonly #cluster: ClusterAddresses
  readonly #bound = new Map<string, Binding>()
  /** How many prefixes are bound in a pool. */
  readonly #scopes = new Map<string, number>()
  #first: readonly WantedRule[] = []

  constructor(rules: RuleTable, cluster: ClusterAddresses) {
    this.#rules = rules
    this.#cluster = cluster
  }

  /** What goes before the rules of the prefixes, as long as there are any: `sidRules`, `thrownRules`. */
  setFirst(rules: readonly WantedRule[]): void {
    this.#first = rules
    this.#syncFirst()
  }

  #syncFirst(): void {
    this.#rules.set('first', this.#bound.size > 0 ? this.#first : [])
  }

  /** Takes effect with the next flush of the rules; throws where the prefix is another VRF's. */
  bind(prefix: RulePrefix, table: number): void {
    const key = keyOf(prefix)
    const other = this.#bound.get(key)
    if (other?.table === table) return
    if (other) throw new Error(`bound to table ${other.table} already`)
    const pools = this.#cluster.pools.get(table) ?? []
    const from = pools.find((pool) => covers(pool, prefix)) ?? prefix
    const scope = `pool ${keyOf(from)} of ${table}`
    this.#bound.set(key, { table, scope })
    if (this.#bound.size === 1) this.#syncFirst()
    const count = this.#scopes.get(scope) ?? 0
    this.#scopes.set(scope, count + 1)
    if (count === 0) this.#rules.set(scope, clusterRules(from, table, this.#cluster))
    this.#rules.set(`source ${key}`, sourceRules(prefix, table))
  }

  /** The kernel's refusal of a rule that the prefix needs, null when there is none. */
  whyNot(prefix: RulePrefix): string | null {
    const key = keyOf(prefix)
    const scope = this.#bound.get(key)?.scope
    return this.#rules.whyNot(`source ${key}`) ?? (scope ? this.#rules.whyNot(scope) : null)
  }

  /** `closed`: nothing goes anywhere from the prefix until it is bound or unbound again. */
  unbind(prefix: RulePrefix, table: number, closed = false): void {
    const key = keyOf(prefix)
    const binding = this.#bound.get(key)
    if (binding && binding.table !== table) return
    this.#rules.set(`source ${key}`, closed ? closedRules(prefix) : [])
    if (!binding) return
    this.#bound.delete(key)
    if (this.#bound.size === 0) this.#syncFirst()
    const count = this.#scopes.get(binding.scope)! - 1
    this.#scopes.set(binding.scope, count)
    if (count > 0) return
    this.#scopes.delete(binding.scope)
    this.#rules.set(binding.scope, [])
  }
}

export function keyOf({ address, bits }: RulePrefix): string {
  return `${hexOf(address)}/${bits}`
}
