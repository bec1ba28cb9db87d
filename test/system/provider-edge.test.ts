/**
 * The provider edge on this machine's own kernel, without VRF devices: a node of a cluster is the
 * PE. Pods are namespaces laid out as Cilium does it, gobgpd behaves as Cilium's agent.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('provider edge', (t) =>
  runScenario(t, { program: 'provider-edge', suite: 'bookworm', args: ['table'], seconds: 900 }),
)
