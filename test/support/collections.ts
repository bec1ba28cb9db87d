import { PerformanceObserver, performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** On a busy machine code is compiled late, and what is not compiled yet leaves numbers behind. */
const ATTEMPTS = 5

/**
 * Counts the garbage collections while `run` runs, and while a million arrays are left
 * behind afterwards: the second number shows that collections are seen at all. What always leaves
 * something behind has collections at every attempt.
 */
export async function collectionsDuring(
  run: () => void,
): Promise<{ during: number; control: number }> {
  let counts = await countOnce(run)
  for (let k = 1; k < ATTEMPTS && counts.during > 0; k++) counts = await countOnce(run)
  return counts
}

async function countOnce(run: () => void): Promise<{ during: number; control: number }> {
  const times: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) times.push(entry.startTime)
  })
  observer.observe({ entryTypes: ['gc'] })
  await sleep(10)
  const begin = performance.now()
  run()
  const end = performance.now()
  const kept: number[][] = []
  for (let k = 0; k < 1e6; k++) kept[k & 7] = new Array(50).fill(k)
  await sleep(50)
  observer.disconnect()
  return {
    during: times.filter((time) => time >= begin && time <= end).length,
    control: times.filter((time) => time > end).length,
  }
}
