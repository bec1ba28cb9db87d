/**
 * srv6d and FRR 10 (Debian sid) as the two PEs, in lab/frr-interop.ts:
 *
 *   ce1, ce2 --- pe1 srv6d ---- p (IPv6 only) ---- pe2 FRR --- ce3, ce4
 *
 * iBGP and eBGP, a SID a VRF, a family and a CE, classic and NEXT-CSID locators on both sides.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('FRR 10', (t) =>
  runScenario(t, {
    program: 'frr-interop',
    needsVrf: true,
    suite: 'sid',
    args: [
      'ibgp/dt46/per-vrf',
      'ebgp/dt4dt6/per-family',
      'ibgp/udt4udt6/per-family',
      'ebgp/udt46/per-vrf',
      'ibgp/udt46/per-ce',
    ],
    seconds: 900,
  }),
)
