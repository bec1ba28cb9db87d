/**
 * srv6d beside Cilium's BGP speaker, played by gobgpd of three versions, in lab/node-speaker.ts.
 * 3.10 waits for End-of-RIB longer than it should, 4.8 is nearest to the library of Cilium 1.20.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)
t.jobs = 3

for (const suite of ['bookworm', 'trixie', 'sid'] as const) {
  t.test(`beside gobgpd of ${suite}`, (t) =>
    runScenario(t, { program: 'node-speaker', suite, seconds: 900 }),
  )
}
