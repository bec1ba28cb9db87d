/**
 * `npm run bench -- [NAME…] [--json]`: runs bench/NAME.bench.ts, all of them without a name, and
 * prints a table each, or with --json one object a line {bench, corpus, subject, metric, value,
 * unit}. Figures hold for the machine and the minute: compare subjects of one run.
 */
import { readdirSync } from 'node:fs'
import { type BenchRun, formatTable } from './report.ts'

const SUFFIX = '.bench.ts'
const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))
  .sort()

const args = process.argv.slice(2)
const json = args.includes('--json')
const wanted = args.filter((arg) => arg !== '--json')
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(', ')}: expected ${names.join(', ')}`)
  process.exit(2)
}
for (const name of wanted.length > 0 ? wanted : names) {
  const { run }: { run: BenchRun } = await import(new URL(`${name}${SUFFIX}`, import.meta.url).href)
  const list = await run()
  if (json) for (const one of list) console.log(JSON.stringify(one))
  else console.log(`${name}: Node ${process.version}\n${formatTable(list)}\n`)
}
