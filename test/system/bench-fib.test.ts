/** The fib bench measures every subject in a namespace of its own and leaves nothing behind. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import type { Measurement } from '../../bench/report.ts'

const root = join(import.meta.dirname, '../..')
const { SRV6D_REQUIRE = '' } = process.env
const unshare = process.getuid?.() === 0 ? ['-n'] : ['-rn']
const tried = spawnSync('unshare', [...unshare, 'ip', 'nexthop'], { encoding: 'utf8' })

if (tried.status !== 0 && !SRV6D_REQUIRE.includes('system')) {
  t.plan(0, `no network namespace with nexthop objects: ${tried.stderr}`)
} else {
  t.setTimeout(600_000)
  // tap puts its loaders into NODE_OPTIONS of what a test starts, whatever env says; tsc fails with them.
  const args = ['-u', 'NODE_OPTIONS', process.execPath, '--import', 'tsx']
  args.push('bench/run.ts', 'fib', '--quick', '--json')
  const child = spawnSync('env', args, { cwd: root, encoding: 'utf8' })
  t.equal(child.status, 0, child.stderr)
  const found: Measurement[] = child.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const corpora = ['v4', 'v6'].flatMap((family) =>
    ['add', 'replace', 'delete'].map((operation) => `${family}-${operation}-100`),
  )
  for (const corpus of corpora) {
    for (const subject of ['srv6d', 'raw', 'ip-batch']) {
      const rate = found.find(
        (one) => one.corpus === corpus && one.subject === subject && one.metric === 'rate',
      )
      t.match(rate, { bench: 'fib', unit: 'routes/s' }, `${subject} ${corpus}`)
      t.ok(rate !== undefined && rate.value > 0)
    }
  }
  const memory = found.filter(({ metric }) => metric === 'memory')
  t.same(
    memory.map(({ corpus, unit }) => `${corpus} ${unit}`),
    ['v4-add-100 B/route', 'v6-add-100 B/route'],
  )
}
