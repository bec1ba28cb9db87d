/**
 * The same two PEs without VRF devices, on this machine's own kernel: rules, tables, End.DT6
 * `table`, End.DX4, two customers' CEs with the same addresses.
 */
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('two PEs with srv6d, without VRF devices', (t) =>
  runScenario(t, { program: 'pe-pair', suite: 'bookworm', args: ['table'], seconds: 900 }),
)
