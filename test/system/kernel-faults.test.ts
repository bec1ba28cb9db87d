/**
 * What others do to the kernel of a PE behind srv6d's back, in lab/kernel-faults.ts: routes,
 * nexthop objects, SIDs, VRF devices, interfaces, addresses, the core link; beside FRR's zebra with
 * OSPFv3 and routes set by hand, which nothing of it may touch.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('faults of the kernel', (t) =>
  runScenario(t, { program: 'kernel-faults', needsVrf: true, suite: 'bookworm', seconds: 900 }),
)
