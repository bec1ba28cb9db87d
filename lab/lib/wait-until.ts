/** Waiting for a condition, with what was seen instead when it never came. */

export const sleep = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))

/** What a probe throws when waiting on is in vain. */
export class InVain extends Error {}

/**
 * Polls until `probe` gives undefined ("it is so"); any string is what was seen instead, and the
 * last one is in the error. A probe that throws was not satisfied either.
 */
export async function waitUntil(
  what: string,
  seconds: number,
  probe: () => Promise<string | undefined>,
  pause = 0.4,
): Promise<void> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    let seen: string | undefined
    try {
      seen = await probe()
    } catch (e) {
      seen = (e as Error).message
      if (e instanceof InVain) throw new Error(`${what}: ${seen}`)
    }
    if (seen === undefined) return
    if (performance.now() > end) {
      throw new Error(`not within ${seconds} s: ${what}; seen instead: ${seen}`)
    }
    await sleep(pause)
  }
}
