/**
 * `npm run bench -- [NAME…] [--peers] [--json | --write]`: runs bench/NAME.bench.ts, all of them
 * without a name, and prints a table each, or with --json one object a line {bench, corpus, subject,
 * metric, value, unit}, or with --write puts the table into docs/benchmarks.md. --peers runs the
 * programs of others too; --quick does little, to see that it runs. Figures hold for the machine
 * and the minute: compare subjects of one run.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { conditions } from './machine.ts'
import { type BenchRun, formatMarkdown, formatTable, type Measurement } from './report.ts'

const SUFFIX = '.bench.ts'
const OPTIONS = ['--json', '--peers', '--quick', '--write']
const DOCUMENT = join(import.meta.dirname, '../docs/benchmarks.md')

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))
  .sort()

const args = process.argv.slice(2)
const wanted = args.filter((arg) => !OPTIONS.includes(arg))
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(
    `no bench ${unknown.join(', ')}: expected ${names.join(', ')}, ${OPTIONS.join(' ')}`,
  )
  process.exit(2)
}
const has = (option: string) => args.includes(option)

for (const name of wanted.length > 0 ? wanted : names) {
  const { run }: { run: BenchRun } = await import(new URL(`${name}${SUFFIX}`, import.meta.url).href)
  const notes: string[] = []
  const note = (text: string) => {
    notes.push(text)
    if (has('--json')) console.error(text)
  }
  const load = loadavg()
  const list = await run({ peers: has('--peers'), quick: has('--quick'), note })
  const command = `npm run bench -- ${name}${has('--peers') ? ' --peers' : ''}`
  const about = [...conditions(command, load), ...notes]
  if (has('--write')) writeTable(name, list, about)
  else if (has('--json')) for (const one of list) console.log(JSON.stringify(one))
  else console.log(`${formatTable(list)}\n\n${about.join('\n')}\n`)
}

/** Replaces what stands between the markers of the bench in the document. */
function writeTable(name: string, list: Measurement[], about: string[]): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const begin = `<!-- bench ${name} -->\n`
  const end = `<!-- /bench ${name} -->`
  const from = text.indexOf(begin) + begin.length
  const to = text.indexOf(end)
  if (from < begin.length || to < from) throw new Error(`${DOCUMENT}: no ${begin}`)
  const lines = about.map((line) => `- ${line}`).join('\n')
  const table = `\n${lines}\n\n${formatMarkdown(list)}\n\n`
  writeFileSync(DOCUMENT, `${text.slice(0, from)}${table}${text.slice(to)}`)
}
