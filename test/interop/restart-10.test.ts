/**
 * No packet is lost over a restart, in lab/restart.ts: srv6d killed, upgraded, hung, away for a minute
 * and beyond its restart time, with FRR 10 (Debian sid), srv6d and a route reflector as helpers;
 * FRR killed with srv6d as helper.
 *
 *   ce1 --- pe1 srv6d --- p FRR (route reflector) --- pe2 FRR, pe3 srv6d, pe4 srv6d --- ce2, ce3, ce4
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('restart without loss', (t) =>
  runScenario(t, { program: 'restart', needsVrf: true, suite: 'sid', seconds: 900 }),
)
