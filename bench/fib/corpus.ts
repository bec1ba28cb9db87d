/**
 * The routes of the fib bench: contiguous /24s or /48s of one table, spread over nexthop objects
 * with a SID each; `replace` moves every route to an object of a second set.
 */
import type { NexthopContent } from '../../src/fib/kernel.ts'

/** What is asked of a subject: the family, how many routes and how many distinct SIDs. */
export interface FibCorpus {
  family: 4 | 6
  routes: number
  sids: number
}

/** What is done to all routes, in this order. */
export const OPERATIONS = ['add', 'replace', 'delete'] as const
export type Operation = (typeof OPERATIONS)[number]

export const TABLE = 100
export const BITS = { 4: 24, 6: 48 } as const
/** As the daemon sets it on routes over links with an MTU of 1500. */
export const MTU = 1460

/** Four words a route. */
export function prefixes({ family, routes }: FibCorpus): Int32Array {
  const words = new Int32Array(routes * 4)
  for (let k = 0; k < routes; k++) {
    if (family === 4) words[k * 4] = 0x10000000 + (k << 8)
    else {
      words[k * 4] = 0x2a000000 + (k >>> 16)
      words[k * 4 + 1] = k << 16
    }
  }
  return words
}

/** The nexthop object of SID `k` of the first or second set. */
export function nexthop(ifindex: number, set: number, k: number): NexthopContent {
  const sid = new Uint8Array(16)
  sid.set([0xfc, 0xbb, 0xbb, set, k >>> 8, k & 0xff, 0, 0x46])
  return { ifindex, segments: [sid], mode: 'encap.red' }
}
