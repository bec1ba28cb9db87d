/**
 * `npm run fuzz -- [--seconds N] [--executions N] [--seed S] [--cache]`: fuzzes the UPDATE
 * parser and the framer, prints what was reached, and exits with 1 when an invariant broke.
 * docs/fuzzing.md has the invariants.
 */
import { writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Coverage } from '../test/fuzz/coverage.ts'

const CACHE = fileURLToPath(new URL('../node_modules/.cache/srv6d-fuzz', import.meta.url))
const USAGE = `usage: npm run fuzz -- [options]
  --seconds N      stop after N seconds (60)
  --executions N   stop after N inputs instead
  --seed S         a number; the same seed makes the same inputs (1)
  --cache          begin with the corpus of the last run, and keep this one
  --corpus FOLDER  the same with a folder of your own
  --lines          name the lines of src/wire that never ran
`

const say = (text: string) => writeSync(1, `${text}\n`)

function fail(text: string): never {
  writeSync(2, `${text}\n${USAGE}`)
  process.exit(2)
}

function options() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string' },
        executions: { type: 'string' },
        seed: { type: 'string' },
        cache: { type: 'boolean' },
        corpus: { type: 'string' },
        lines: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    fail((error as Error).message)
  }
}

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  fail(`--${name} ${text}: expected a whole number`)
}

const given = options()
if (given.help) {
  say(USAGE)
  process.exit(0)
}
const seed = numberOf('seed', given.seed, 1)
const most = numberOf('executions', given.executions, Number.MAX_SAFE_INTEGER)
const seconds = numberOf('seconds', given.seconds, given.executions === undefined ? 60 : 0)
const folder = given.corpus ?? (given.cache ? CACHE : null)

// before anything of src/ is compiled
const coverage = new Coverage(/\/src\/wire\//)
coverage.start()
const { Checker } = await import('../test/fuzz/checker.ts')
const { Fuzzer } = await import('../test/fuzz/fuzzer.ts')
const { Store } = await import('../test/fuzz/store.ts')
const { capturedInputs, grammarInputs, malformedInputs } = await import('../test/fuzz/seeds.ts')
const { report } = await import('../test/fuzz/report.ts')

const store = folder === null ? null : new Store(folder)
const checker = new Checker()
const fuzzer = new Fuzzer({ checker, coverage, seed })
const began = performance.now()
const elapsed = () => (performance.now() - began) / 1000
const progress = () => {
  const { covered } = coverage.totals
  const rate = Math.round(checker.executions / elapsed())
  return `${Math.round(elapsed())} s, ${checker.executions} executions, ${rate}/s, corpus ${fuzzer.corpus.length}, ${covered} blocks`
}

fuzzer.seed([...capturedInputs(), ...malformedInputs(seed, 4), ...grammarInputs(seed, 2000)])
fuzzer.seed(store?.load() ?? [])
let told = 0
while (!fuzzer.isHopeless && checker.executions < most && (seconds === 0 || elapsed() < seconds)) {
  fuzzer.batch()
  if (elapsed() - told < (process.stdout.isTTY ? 1 : 10)) continue
  told = elapsed()
  if (process.stdout.isTTY) writeSync(1, `\r${progress()} `)
  else say(progress())
}
say(`${process.stdout.isTTY ? '\r' : ''}${progress()}`)
say(report({ checker, coverage, findings: fuzzer.findings, lines: given.lines === true }))
if (store !== null) {
  const kept = fuzzer.distilled(coverage)
  store.save(kept)
  say(`${kept.length} inputs kept in ${folder}`)
}
process.exitCode = fuzzer.findings.length === 0 ? 0 : 1
