/**
 * A PE loses the locator that its routes go by: how long until the kernel sends their packets to
 * the backup, how many are lost, what is asked of the kernel. The tables are fed directly, without
 * BGP; kernel, notifications, tables and packets are real (failover/network.ts). Linux as root.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Loss } from './failover/inside.ts'
import type { BenchRun, Measurement } from './report.ts'

/** FAMILY:ROUTES:GROUPS:ROUNDS */
const SIZES_4 = ['4:10:1:5', '4:10000:1:5', '4:500000:1:3', '4:500000:100:3']
const SIZES = [...SIZES_4, ...SIZES_4.map((size) => size.replace('4', '6'))]
/** With the kernel's default instead of what srv6d sets. */
const COMPAT_SIZES = ['4:500000:1:3', '4:500000:100:3']
const QUICK = ['4:10:1:2', '6:2000:4:2']

export const run: BenchRun = async ({ quick, note }) => {
  if (process.getuid?.() !== 0) {
    note('failover: needs root for namespaces of its own, not run')
    return []
  }
  const list: Measurement[] = []
  for (const [compat, sizes] of [
    [0, quick ? QUICK : SIZES],
    [1, quick ? [] : COMPAT_SIZES],
  ] as const) {
    if (sizes.length === 0) continue
    for await (const { size, losses } of sandbox(compat, sizes)) {
      list.push(...measurements(compat, size, losses))
    }
  }
  note('medians; probe: 2000 datagrams a second, to a prefix of each group in turn')
  return list
}

async function* sandbox(
  compat: number,
  sizes: readonly string[],
): AsyncGenerator<{ size: string; losses: Loss[] }> {
  const script = new URL('./failover/inside.ts', import.meta.url).pathname
  const node = [process.execPath, '--import=tsx', script, String(compat), ...sizes]
  const unshare = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('unshare', [...unshare, ...node], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line)
}

function measurements(compat: number, size: string, losses: Loss[]): Measurement[] {
  const [family, routes, groups] = size.split(':').map(Number)
  const corpus = `IPv${family}, ${routes!.toLocaleString('en')} routes, ${groups} group${groups === 1 ? '' : 's'}`
  const subject = compat === 0 ? 'srv6d' : 'srv6d, nexthop_compat_mode=1'
  const one = (metric: string, unit: string, of: (loss: Loss) => number): Measurement => {
    const sorted = losses.map(of).sort((a, b) => a - b)
    return { bench: 'failover', corpus, subject, metric, value: sorted[sorted.length >> 1]!, unit }
  }
  return [
    one('notified to replaced', 'ms', (loss) => loss.reactMs),
    one('gap in the flow', 'ms', (loss) => loss.gapMs),
    one('lost', 'packets', (loss) => loss.lost),
    one('asked of the kernel till then', 'messages', (loss) => loss.messages),
    one('routes moved after', 's', (loss) => loss.movedMs / 1000),
  ]
}
