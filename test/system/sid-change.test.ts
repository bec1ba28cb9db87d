/**
 * A SID a CE, another locator and other SIDs under traffic, in lab/sid-change.ts: the old SIDs work
 * until everybody has the new ones, and no packet is lost.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('SIDs change under traffic', (t) => runScenario(t, { program: 'sid-change', seconds: 900 }))
