/** What is left of a prefix without some others: the fewest prefixes that make it up. */
import { getBits, putBits } from '../base/bytes.ts'

export interface AddressPrefix {
  /** 4 or 16 octets, zero behind the prefix. */
  readonly address: Uint8Array
  readonly bits: number
}

/** `holes` that lie outside do not matter; nothing is left where one holds all of it. */
export function complementOf(
  prefix: AddressPrefix,
  holes: readonly AddressPrefix[],
): AddressPrefix[] {
  const { address, bits } = prefix
  const here = holes.filter(
    (hole) =>
      hole.address.length === address.length &&
      sharesBits(hole.address, address, Math.min(hole.bits, bits)),
  )
  if (here.length === 0) return [prefix]
  if (here.some((hole) => hole.bits <= bits)) return []
  return [0, 1].flatMap((bit) => {
    const half = address.slice()
    putBits(half, bits, 1, bit === 0 ? 0 : 0x80000000)
    return complementOf({ address: half, bits: bits + 1 }, here)
  })
}

function sharesBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let at = 0; at < bits; at += 32) {
    const count = Math.min(32, bits - at)
    if (getBits(a, at, count) !== getBits(b, at, count)) return false
  }
  return true
}
