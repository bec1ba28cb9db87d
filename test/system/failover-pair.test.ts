/**
 * Three PEs with srv6d, a site behind two of them (lab/failover.ts): a lost locator under pings,
 * the kernel's groups before its routes, two PEs that share the traffic.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('a site behind two PEs', (t) => runScenario(t, { program: 'failover', seconds: 900 }))
