/** What one subject needed for one operation on all routes. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Operation } from './corpus.ts'

export interface Figures {
  /** Seconds by the clock. */
  seconds: number
  /** CPU seconds of all that took part, the kernel's part included. */
  cpu: number
  /** CPU seconds of the thread that sends: what it needs where each thread has a core. */
  sender?: number
  /** The longest that the event loop stood still, in milliseconds. */
  stall?: number
  /** Octets a route that the tables hold. */
  memory?: number
}

export type SubjectFigures = Partial<Record<Operation, Figures>> & {
  /** Why some are missing. */
  note?: string
}

/** Nanoseconds that each thread of this process has run. */
function threadTimes(): Map<string, number> {
  const times = new Map<string, number>()
  for (const thread of readdirSync('/proc/self/task')) {
    const text = readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8')
    times.set(thread, Number(text.split(' ')[0]))
  }
  return times
}

/** Takes the CPU time of the thread that sends: of all but the first the one that ran most. */
export async function withSender(work: () => Promise<Figures>): Promise<Figures> {
  const before = threadTimes()
  const figures = await work()
  let most = 0
  for (const [thread, ran] of threadTimes()) {
    if (thread !== String(process.pid)) most = Math.max(most, ran - (before.get(thread) ?? 0))
  }
  return { ...figures, sender: most / 1e9 }
}

/** Times `work`, with the CPU time of this process and its threads. */
export async function timed(work: () => Promise<void> | void): Promise<Figures> {
  const cpu = process.cpuUsage()
  const from = performance.now()
  await work()
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpu: (user + system) / 1e6 }
}
