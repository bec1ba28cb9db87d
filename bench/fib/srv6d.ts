/** FibTable over LinuxKernel as the daemon uses them: routes are asked for in turns of a few thousand. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { RouteKind } from '../../src/fib/kernel.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { type NexthopRow, NexthopTable } from '../../src/fib/nexthop-table.ts'
import { BITS, type FibCorpus, MTU, nexthop, prefixes, TABLE } from './corpus.ts'
import { type Figures, type SubjectFigures, timed, withSender } from './figures.ts'

/** Routes asked for between two turns of the event loop. */
const TURN = 4096

/** Asks for every route, a turn at a time, while the flush runs. */
async function inTurns(fib: FibTable, count: number, ask: (k: number) => void): Promise<void> {
  for (let k = 0; k < count; ) {
    for (const end = Math.min(count, k + TURN); k < end; k++) ask(k)
    void fib.flush()
    await turn()
  }
  await fib.flush()
}

async function watched(work: () => Promise<void>): Promise<Figures> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const figures = await withSender(() => timed(work))
  delay.disable()
  return { ...figures, stall: delay.max / 1e6 }
}

export async function measureSrv6d(corpus: FibCorpus, ifindex: number): Promise<SubjectFigures> {
  const kernel = new LinuxKernel(silentLogger)
  const nexthops = new NexthopTable(kernel, silentLogger)
  const fib = new FibTable(kernel, nexthops, silentLogger)
  const words = prefixes(corpus)
  const bits = BITS[corpus.family]
  const { routes, sids } = corpus

  /** All routes over the SIDs of a set; the references to the objects stay with the routes. */
  const put = async (set: number) => {
    const rows: NexthopRow[] = []
    for (let k = 0; k < sids; k++) {
      const row = nexthops.acquire(nexthop(ifindex, set, k))
      nexthops.setMtu(row, MTU)
      rows.push(row)
    }
    await inTurns(fib, routes, (k) => {
      fib.want(TABLE, corpus.family, words, k * 4, bits, RouteKind.UNICAST, rows[k % sids]!)
    })
    for (const row of rows) nexthops.release(row)
    await fib.flush()
    expect(fib, routes)
  }
  const remove = async () => {
    await inTurns(fib, routes, (k) => fib.unwant(TABLE, corpus.family, words, k * 4, bits))
    expect(fib, 0)
  }

  // a flush starts the thread
  await fib.flush()
  const before = process.memoryUsage().arrayBuffers
  const add = await watched(() => put(1))
  add.memory = (process.memoryUsage().arrayBuffers - before) / routes
  const figures = { add, replace: await watched(() => put(2)), delete: await watched(remove) }
  await kernel.close()
  return figures
}

function expect(fib: FibTable, installed: number): void {
  const { counts } = fib
  if (counts.installed === installed && counts.failed === 0) return
  throw new Error(`${installed} routes expected, found ${JSON.stringify(counts)}`)
}
