/**
 * The netlink side alone on a kernel with VRF devices, in lab/kernel-check.ts: devices, SIDs,
 * routes over nexthop objects, pings, adoption without a write, what a device that goes down takes.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('kernel with VRF devices', (t) =>
  runScenario(t, { program: 'kernel-check', needsVrf: true, seconds: 900 }),
)
