import { u32 } from '../base/bytes.ts'
import { EXT_COMMUNITY_LENGTH, isLinkBandwidth } from '../wire/ext-community.ts'
import { Attr } from '../wire/registry.ts'
import type { AttrsId, AttrsTable } from './path-attrs.ts'

const WORD = new Uint32Array(1)
const FLOAT = new Float32Array(WORD.buffer)

/** HOT: octets a second that the path's link has, by its link bandwidth community; 0: it says nothing. */
export function linkBandwidthOf(attrs: AttrsTable, id: AttrsId): number {
  if (!attrs.find(id, Attr.EXTENDED_COMMUNITIES)) return 0
  const { bytes, valueEnd } = attrs
  for (let at = attrs.valueAt; at < valueEnd; at += EXT_COMMUNITY_LENGTH) {
    if (!isLinkBandwidth(bytes, at)) continue
    WORD[0] = u32(bytes, at + 4)
    const bandwidth = FLOAT[0]!
    return bandwidth > 0 && Number.isFinite(bandwidth) ? bandwidth : 0
  }
  return 0
}

/**
 * HOT: the first `count` of `values` from bandwidths to weights of 1 to `most`, as small as the same
 * shares allow. All are 1 when one says nothing: a share of what is not known means nothing.
 */
export function bandwidthsToWeights(values: Float64Array, count: number, most: number): void {
  let highest = 0
  let lowest = Number.POSITIVE_INFINITY
  for (let k = 0; k < count; k++) {
    highest = Math.max(highest, values[k]!)
    lowest = Math.min(lowest, values[k]!)
  }
  let divisor = 0
  for (let k = 0; k < count; k++) {
    const share = lowest === 0 ? 1 : Math.max(1, Math.round((values[k]! / highest) * most))
    values[k] = share
    divisor = commonDivisor(share, divisor)
  }
  for (let k = 0; k < count; k++) values[k] = values[k]! / divisor
}

function commonDivisor(a: number, b: number): number {
  let [high, low] = [a, b]
  while (low !== 0) [high, low] = [low, high % low]
  return high
}
