/**
 * The two edges with VRF devices, FRR 10 as the far PE and GoBGP 4 as Cilium's agent: a cluster's
 * node that is the PE, then clusters as sites of customers with FRR as one's router.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

for (const program of ['provider-edge', 'customer-edge']) {
  t.test(program, (t) =>
    runScenario(t, { program, suite: 'sid', needsVrf: true, args: ['vrf'], seconds: 900 }),
  )
}
