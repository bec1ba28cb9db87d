/** What one subject needed for one operation on all routes. */
import type { Operation } from './corpus.ts'

export interface Figures {
  /** Seconds by the clock. */
  seconds: number
  /** CPU seconds of all that took part, the kernel's part included. */
  cpu: number
  /** The longest that the event loop stood still, in milliseconds. */
  stall?: number
  /** Octets a route that the tables hold. */
  memory?: number
}

export type SubjectFigures = Partial<Record<Operation, Figures>>

/** Times `work`, with the CPU time of this process and its threads. */
export async function timed(work: () => Promise<void> | void): Promise<Figures> {
  const cpu = process.cpuUsage()
  const from = performance.now()
  await work()
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpu: (user + system) / 1e6 }
}
