/** Cilium's SRv6 maps, real eBPF maps of its layout, filled by srv6d: lab/cilium-maps.ts. */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test("Cilium's maps", (t) =>
  runScenario(t, { program: 'cilium-maps', suite: 'bookworm', seconds: 900 }),
)
