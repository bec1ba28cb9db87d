/**
 * A bounded run of the fuzzer: what it runs follows from the seed, so that it fails where a change
 * broke an invariant and nowhere else. `npm run fuzz` goes on from here.
 */
import t from 'tap'
import { fromHex } from '../support/hex.ts'
import { Coverage } from './coverage.ts'

t.setTimeout(300_000)

const SEED = 20260101
const EXECUTIONS = 25_000

const coverage = new Coverage(/\/src\/wire\//)
coverage.start()
const { Checker } = await import('./checker.ts')
const { Fuzzer } = await import('./fuzzer.ts')
const { INVARIANTS } = await import('./invariant.ts')
const { FINDINGS } = await import('./findings.ts')
const { PLANTED } = await import('./planted.ts')
const { report, unmetReasons } = await import('./report.ts')
const { capturedInputs, grammarInputs, malformedInputs } = await import('./seeds.ts')

t.test('what was found once holds', async (t) => {
  const checker = new Checker()
  for (const [what, session, body] of FINDINGS) {
    t.doesNotThrow(() => checker.run({ session, body: fromHex(body) }, true), what)
  }
})

t.test('a bounded run: every invariant holds, every verdict and reason is met', async (t) => {
  const checker = new Checker()
  const fuzzer = new Fuzzer({ checker, coverage, seed: SEED })
  fuzzer.seed([...capturedInputs(), ...malformedInputs(SEED, 3), ...grammarInputs(SEED, 1000)])
  const began = fuzzer.corpus.length
  while (checker.executions < EXECUTIONS && !fuzzer.isHopeless) fuzzer.batch()
  t.same(
    fuzzer.findings.map(({ error, input }) => [error.message, Buffer.from(input.body)]),
    [],
  )
  t.ok(began > 0 && fuzzer.corpus.length > began, 'the corpus grew')
  t.ok(
    checker.outcomes.every((count) => count > 0),
    'every outcome',
  )
  t.ok(checker.repacked > 100, 'accepted messages went through the packer')
  t.same(unmetReasons(checker), [])
  t.comment(report({ checker, coverage, findings: [], lines: true }))
})

t.test('the fuzzer finds planted bugs, of each invariant one', async (t) => {
  t.same(PLANTED.map(([, invariant]) => invariant).sort(), [...INVARIANTS].sort())
  for (const [what, invariant, broken] of PLANTED) {
    const checker = new Checker(broken())
    // a sound batch may take longer than that on a busy machine
    const patience = invariant === 'never loops' ? { loopMs: 500 } : {}
    const fuzzer = new Fuzzer({ checker, coverage, seed: SEED, ...patience })
    const found = () => fuzzer.findings.find(({ error }) => error.invariant === invariant)
    fuzzer.seed(capturedInputs())
    for (let batches = 0; batches < 100 && found() === undefined; batches++) fuzzer.batch()
    t.ok(found(), `${what}: ${found()?.error.message.slice(0, 60) ?? 'not found'}`)
  }
})
