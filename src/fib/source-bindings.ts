import { hexOf } from '../base/bytes.ts'
import type { RulePrefix } from './kernel.ts'
import type { RuleTable } from './rule-table.ts'
import { type ClusterAddresses, sourceRules } from './table-rules.ts'

const OWNER = 'sources'

/** Prefixes whose traffic is a VRF's wherever it comes in: each is one VRF's and no other's. */
export class SourceBindings {
  readonly #rules: RuleTable
  readonly #cluster: ClusterAddresses
  readonly #bound = new Map<string, { prefix: RulePrefix; table: number }>()

  constructor(rules: RuleTable, cluster: ClusterAddresses) {
    this.#rules = rules
    this.#cluster = cluster
  }

  /** Takes effect with the next flush of the rules; throws where the prefix is another VRF's. */
  bind(prefix: RulePrefix, table: number): void {
    const key = keyOf(prefix)
    const other = this.#bound.get(key)
    if (other && other.table !== table) throw new Error(`bound to table ${other.table} already`)
    this.#bound.set(key, { prefix, table })
    this.#write()
  }

  unbind(prefix: RulePrefix, table: number): void {
    const key = keyOf(prefix)
    if (this.#bound.get(key)?.table !== table) return
    this.#bound.delete(key)
    this.#write()
  }

  #write(): void {
    const all = [...this.#bound.values()]
    this.#rules.set(
      OWNER,
      all.flatMap(({ prefix, table }) => sourceRules(prefix, table, this.#cluster)),
    )
  }
}

export function keyOf({ address, bits }: RulePrefix): string {
  return `${hexOf(address)}/${bits}`
}
