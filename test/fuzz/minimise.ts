/** The smallest input found that still does something: parts left out, then octets made 0. */
import type { FuzzInput } from './input.ts'

/** At most so many runs. */
const TRIES = 2000

export function minimise(input: FuzzInput, does: (input: FuzzInput) => boolean): FuzzInput {
  let best = input
  let tries = 0
  const isGood = (body: Uint8Array) => {
    if (++tries > TRIES) return false
    const candidate = { session: best.session, body }
    if (!does(candidate)) return false
    best = candidate
    return true
  }
  for (let size = Math.max(1, best.body.length >>> 1); size >= 1; size >>>= 1) {
    for (let at = 0; at + size <= best.body.length; ) {
      const { body } = best
      const without = new Uint8Array(body.length - size)
      without.set(body.subarray(0, at))
      without.set(body.subarray(at + size), at)
      if (!isGood(without)) at += size
    }
  }
  for (let at = 0; at < best.body.length; at++) {
    if (best.body[at] !== 0) isGood(best.body.with(at, 0))
  }
  return best
}
