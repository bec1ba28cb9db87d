/**
 * Half a million routes into the kernel, moved to other nexthop objects, and out again: FibTable
 * through its thread, beside the limit of one process that only sends, iproute2, and with --peers
 * FRR's zebra. Each run has a network namespace of its own.
 */
import { spawnSync } from 'node:child_process'
import { compiled } from './compile.ts'
import { median } from './cpu-time.ts'
import { type FibCorpus, OPERATIONS } from './fib/corpus.ts'
import type { Figures, SubjectFigures } from './fib/figures.ts'
import { zebraMissing, zebraName } from './fib/zebra.ts'
import type { BenchOptions, Measurement } from './report.ts'

const ROUTES = 500_000
const QUICK_ROUTES = 50_000
const ROUNDS = 3
/** Of the routes, for those that take minutes for them all. */
const PART = 1 / 5
const SIDS = [1, 100, 10_000]
const QUICK_SIDS = [100]
const LIMIT = 'raw'

interface Subject {
  /** As bench/fib/child.ts knows it. */
  key: string
  /** As the table has it. */
  name: string
  rounds: number
  /** The slow ones get a part of the routes. */
  share: number
}

/** One subject in a namespace of its own. */
function measure(program: string, { key }: Subject, corpus: FibCorpus): SubjectFigures {
  const unshare = process.getuid?.() === 0 ? ['-n'] : ['-rn']
  const args = [...unshare, process.execPath, program, key, JSON.stringify(corpus)]
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', env })
  if (status !== 0) throw new Error(`${key} on ${JSON.stringify(corpus)}: ${stderr}`)
  return JSON.parse(stdout)
}

type Runs = Map<Subject, SubjectFigures[]>

function rounds(program: string, subjects: Subject[], corpus: FibCorpus, quick: boolean): Runs {
  const runs: Runs = new Map(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
    for (const [subject, list] of runs) {
      if (round >= subject.rounds) continue
      list.push(measure(program, subject, { ...corpus, routes: corpus.routes * subject.share }))
    }
  }
  return runs
}

function measurements(corpus: FibCorpus, runs: Runs): Measurement[] {
  const limit = [...runs].find(([subject]) => subject.key === LIMIT)![1]
  return OPERATIONS.flatMap((operation) =>
    [...runs].flatMap(([{ key, name, share }, list]) => {
      const routes = corpus.routes * share
      const figures = list.flatMap((run) => run[operation] ?? [])
      if (figures.length === 0) return []
      const of = (value: (one: Figures) => number | undefined) => {
        const values = figures.flatMap((one) => value(one) ?? [])
        return values.length === 0 ? undefined : median(values)
      }
      // in the same round: the machine is another one the next minute
      const beside = (value: (one: Figures) => number | undefined) => {
        const ratios = figures.flatMap((one, k) => {
          const [ours, limits] = [value(one), value(limit[k]![operation]!)]
          return ours === undefined || limits === undefined ? [] : (limits / ours) * share
        })
        return key === LIMIT || ratios.length === 0 ? undefined : median(ratios)
      }
      const values: [metric: string, value: number | undefined, unit: string][] = [
        ['rate', of(({ seconds }) => routes / seconds), 'routes/s'],
        ['cpu', of(({ cpu }) => (cpu * 1e6) / routes), 'µs/route'],
        ['ratio', beside(({ seconds }) => seconds), `x ${LIMIT}`],
        ['sending thread', beside(({ sender }) => sender), `x ${LIMIT} by CPU`],
        ['stall', of(({ stall }) => stall), 'ms'],
        ['memory', of(({ memory }) => memory), 'B/route'],
      ]
      const text = `v${corpus.family}-${operation}-${corpus.sids}`
      return values.flatMap(([metric, value, unit]) =>
        value === undefined
          ? []
          : [{ bench: 'fib', corpus: text, subject: name, metric, value, unit }],
      )
    }),
  )
}

/** Measures all subjects on all corpora. */
export async function run({ peers, quick, note }: BenchOptions): Promise<Measurement[]> {
  const program = compiled('fib/child')
  const subjects: Subject[] = [
    { key: 'srv6d', name: 'srv6d', rounds: ROUNDS, share: 1 },
    { key: LIMIT, name: LIMIT, rounds: ROUNDS, share: 1 },
    { key: 'ip-batch', name: 'ip-batch', rounds: 1, share: PART },
  ]
  const missing = peers ? zebraMissing() : undefined
  if (missing !== undefined) note(`zebra not run: ${missing}`)
  else if (peers) subjects.push({ key: 'zebra', name: zebraName(), rounds: 1, share: PART })
  const routes = quick ? QUICK_ROUTES : ROUTES
  if (quick) note(`--quick: ${routes} routes, once: that code is cold at first is in the figures`)
  const out: Measurement[] = []
  for (const family of [4, 6] as const) {
    for (const sids of quick ? QUICK_SIDS : SIDS) {
      const corpus = { family, routes, sids }
      const runs = rounds(program, subjects, corpus, quick)
      for (const [{ name }, list] of runs) {
        for (const run of list) if (run.note) note(`${name}, v${family}, ${sids} SIDs: ${run.note}`)
      }
      out.push(...measurements(corpus, runs))
    }
  }
  return out
}
