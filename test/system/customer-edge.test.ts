/**
 * The customer edge on this machine's own kernel, without VRF devices: nodes of clusters are CEs of
 * two customers with the same addresses, FRR is the customers' router, gobgpd behaves as Cilium's
 * agent.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('customer edge', (t) =>
  runScenario(t, { program: 'customer-edge', suite: 'bookworm', args: ['table'], seconds: 900 }),
)
