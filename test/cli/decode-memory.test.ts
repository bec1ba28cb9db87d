/** RFC 6396 files have hundreds of megabytes: what `decode` has read is not kept. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

t.setTimeout(300_000)

const child = fileURLToPath(new URL('../support/decode-child.ts', import.meta.url))

interface Measured {
  status: number
  given: number
  printed: number
  failed: string
  /** Octets of heap at each eighth of the file. */
  heaps: number[]
  /** Most megabytes the process ever had. */
  rss: number
}

function measure(form: string, megabytes: number, ...args: string[]): Measured {
  const command = ['--expose-gc', '--import=tsx', child, form, String(megabytes), ...args]
  return JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' }))
}

for (const [form, megabytes, ...args] of [
  ['mrt', 64, '--summary'],
  ['mrt', 4],
  ['mrt', 4, '--json'],
  ['bgp', 48, '--summary'],
  ['pcap', 24, '--summary'],
] as [string, number, ...string[]][]) {
  t.test(`${megabytes} MB of ${form} ${args.join(' ')}`, async (t) => {
    const { status, given, printed, failed, heaps, rss } = measure(form, megabytes, ...args)
    t.same([status, failed], [0, ''])
    t.ok(given >= megabytes * 1e6)
    if (!args.includes('--summary')) t.ok(printed > given, `${printed} characters printed`)
    // a row for each of the records would be more, and what they hold far more
    const growth = heaps.at(-1)! - heaps[1]!
    t.ok(growth < 500_000, `${growth} octets of heap more at the end than at a quarter`)
    t.ok(rss < 400, `${Math.round(rss)} MB at most`)
  })
}
