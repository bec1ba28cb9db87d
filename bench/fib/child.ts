/**
 * Measures one subject on one corpus in the network namespace that it is started in: compiled by
 * bench/compile.ts, run by bench/fib.bench.ts. Answers with one line of JSON.
 */
import { execFileSync } from 'node:child_process'
import type { FibCorpus } from './corpus.ts'
import type { SubjectFigures } from './figures.ts'
import { measureIpBatch } from './ip-batch.ts'
import { measureRaw } from './raw.ts'
import { measureSrv6d } from './srv6d.ts'
import { measureZebra } from './zebra.ts'

type Measure = (corpus: FibCorpus, ifindex: number) => Promise<SubjectFigures>
const SUBJECTS: Record<string, Measure> = {
  srv6d: measureSrv6d,
  raw: measureRaw,
  'ip-batch': measureIpBatch,
  zebra: measureZebra,
}

const LINKS = `link set lo up
link add core type veth peer name far
link set core up
link set far up
addr add 10.0.0.1/24 dev core
addr add 2001:db8::1/64 dev core nodad
`

const [subject, corpus] = process.argv.slice(2)
execFileSync('ip', ['-batch', '-'], { input: LINKS })
const core = execFileSync('ip', ['-o', 'link', 'show', 'core'], { encoding: 'utf8' })
const figures = await SUBJECTS[subject!]!(JSON.parse(corpus!), Number.parseInt(core, 10))
console.log(JSON.stringify(figures))
process.exit(0)
