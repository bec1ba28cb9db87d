import t from 'tap'
import { type Locator, SidExhausted, SidManager } from '../../src/vpn/sid-manager.ts'
import { Behavior } from '../../src/wire/endpoint-behavior.ts'
import { address } from '../support/builder.ts'
import { toHex } from '../support/hex.ts'

const { END_DT4, END_DT46, END_DT46_NEXT_CSID, END_DT6 } = Behavior

function locator(prefix: string, of: Partial<Locator> & { functionBits?: number } = {}): Locator {
  const { functionBits = 16, ...more } = of
  const structure = { blockBits: 32, nodeBits: 16, functionBits, argumentBits: 0 }
  return { name: 'main', prefix: address(prefix), structure, nextCsid: false, ...more }
}

const MAIN = locator('fcbb:bb00:1::')
const text = (row: { sid: Uint8Array }) => toHex(row.sid)
const sid = (value: string) => toHex(address(value))
const dt46 = (manager: SidManager, of: Locator, vrf: string, table: number) =>
  manager.allocate(of, vrf, table, END_DT46, END_DT46)

t.test(
  'classic functions from 1, uSID functions from e000, each the lowest free one',
  async (t) => {
    const manager = new SidManager([MAIN])
    const first = dt46(manager, MAIN, 'red', 10)
    t.equal(text(first), sid('fcbb:bb00:1:1::'))
    t.equal(text(dt46(manager, MAIN, 'blue', 20)), sid('fcbb:bb00:1:2::'))
    manager.release(first)
    t.equal(text(dt46(manager, MAIN, 'green', 30)), sid('fcbb:bb00:1:1::'))
    t.equal(manager.all().length, 2)
    const usid = locator('fcbb:bb00:1::', { nextCsid: true })
    const row = new SidManager([usid]).allocate(usid, 'red', 10, END_DT46_NEXT_CSID, END_DT46)
    t.equal(text(row), sid('fcbb:bb00:1:e000::'))
    t.equal(row.behavior, END_DT46_NEXT_CSID)
  },
)

t.test('functions of any width lie right behind the node', async (t) => {
  for (const [functionBits, expected] of [
    [20, 'fcbb:bb00:1:0:1000::'],
    [32, 'fcbb:bb00:1:0:1::'],
    [12, 'fcbb:bb00:1:10::'],
    [3, 'fcbb:bb00:1:2000::'],
  ] as const) {
    const one = locator('fcbb:bb00:1::', { functionBits })
    t.equal(text(dt46(new SidManager([one]), one, 'red', 10)), sid(expected), `${functionBits}`)
  }
})

t.test('a restart: a SID of the kernel goes back to the table and behaviour it had', async (t) => {
  const manager = new SidManager([MAIN])
  manager.recover({ sid: address('fcbb:bb00:1:1::'), table: 20, plainBehavior: END_DT46 })
  manager.recover({ sid: address('fcbb:bb00:1:7::'), table: 10, plainBehavior: END_DT4 })
  manager.recover({ sid: address('fcbb:bb00:1:8::'), table: 10, plainBehavior: END_DT6 })
  manager.recover({ sid: address('fcbb:bb00:9:1::'), table: 30, plainBehavior: END_DT46 })
  t.equal(text(manager.allocate(MAIN, 'red', 10, END_DT6, END_DT6)), sid('fcbb:bb00:1:8::'))
  t.equal(text(manager.allocate(MAIN, 'red', 10, END_DT4, END_DT4)), sid('fcbb:bb00:1:7::'))
  t.equal(text(dt46(manager, MAIN, 'green', 30)), sid('fcbb:bb00:1:2::'), 'of another locator')
  t.equal(text(dt46(manager, MAIN, 'blue', 20)), sid('fcbb:bb00:1:1::'))
})

t.test('two SIDs of one table in the kernel: each is given once', async (t) => {
  const manager = new SidManager([MAIN])
  manager.recover({ sid: address('fcbb:bb00:1:5::'), table: 10, plainBehavior: END_DT46 })
  manager.recover({ sid: address('fcbb:bb00:1:6::'), table: 10, plainBehavior: END_DT46 })
  t.equal(text(dt46(manager, MAIN, 'red', 10)), sid('fcbb:bb00:1:5::'))
  t.equal(text(dt46(manager, MAIN, 'red', 10)), sid('fcbb:bb00:1:6::'))
  t.equal(text(dt46(manager, MAIN, 'red', 10)), sid('fcbb:bb00:1:1::'))
})

t.test('a locator with no free function says so', async (t) => {
  const tiny = locator('fcbb:bb00:1::', { functionBits: 2 })
  const manager = new SidManager([tiny])
  for (let table = 1; table < 4; table++) dt46(manager, tiny, `${table}`, table)
  t.throws(() => dt46(manager, tiny, 'one too many', 9), SidExhausted)
  t.throws(
    () => dt46(manager, tiny, 'one too many', 9),
    /locator main has no free function of 2 bits/,
  )
})

t.test('whose locator an address is in, to the bit', async (t) => {
  const odd: Locator = {
    name: 'odd',
    prefix: address('fcbb:bb00:2::'),
    structure: { blockBits: 32, nodeBits: 15, functionBits: 16, argumentBits: 0 },
    nextCsid: false,
  }
  const manager = new SidManager([MAIN, odd])
  const of = (value: string) => manager.locatorOf(address(value))?.name
  t.equal(of('fcbb:bb00:1:ffff::1'), 'main')
  t.equal(of('fcbb:bb00:3::'), 'odd')
  t.equal(of('fcbb:bb00:4::'), undefined)
})
