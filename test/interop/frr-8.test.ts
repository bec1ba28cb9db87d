/**
 * srv6d and FRR 8.4.4 (Debian bookworm) as the two PEs, in lab/frr-interop.ts:
 *
 *   ce1, ce2 --- pe1 srv6d ---- p (IPv6 only) ---- pe2 FRR --- ce3, ce4
 *
 * iBGP and eBGP; FRR 8.4 knows one SID an address family only, of its own structure.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('FRR 8.4.4', (t) =>
  runScenario(t, {
    program: 'frr-interop',
    needsVrf: true,
    suite: 'bookworm',
    args: ['ibgp/dt4dt6/per-vrf', 'ebgp/dt4dt6/per-family'],
    seconds: 900,
  }),
)
