import { NONE } from '../base/id.ts'
import { familySpec } from '../wire/registry.ts'
import type { LocRib } from './loc-rib.ts'
import type { PrefixId } from './prefix-table.ts'

/**
 * The longest prefix with a best path that holds an address (`words`, in the table's family); NONE
 * without one. A look-up a length: for single packets and `show`, not for forwarding.
 */
export function longestMatch(rib: LocRib, words: Int32Array): PrefixId {
  const key = words.slice()
  for (let bits = familySpec(rib.family).prefixBits; bits >= 0; bits--) {
    for (let k = 0; k < key.length; k++) {
      const kept = Math.min(Math.max(bits - 32 * k, 0), 32)
      key[k] = kept === 0 ? 0 : words[k]! & (-1 << (32 - kept))
    }
    const prefix = rib.prefixes.find(key, 0, bits)
    if (prefix !== NONE && rib.bestOf(prefix) !== NONE) return prefix
  }
  return NONE as PrefixId
}
