/**
 * Two PEs with srv6d, GoBGP as the CE of a VRF, in lab/pe-pair.ts: forwarding, isolation, CE
 * routes both ways, SIGKILL and a new start without a lost packet, clean stops, a bad configuration.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('two PEs with srv6d', (t) =>
  runScenario(t, { program: 'pe-pair', needsVrf: true, suite: 'bookworm', seconds: 900 }),
)
