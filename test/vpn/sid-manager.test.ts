import t from 'tap'
import type { Locator } from '../../src/vpn/locator.ts'
import {
  nextHopIdentity,
  SidExhausted,
  SidManager,
  type SidRequest,
  tableIdentity,
} from '../../src/vpn/sid-manager.ts'
import { address } from '../support/builder.ts'
import { toHex } from '../support/hex.ts'
import { locator } from '../support/sids.ts'

const MAIN = locator('fcbb:bb00:1::')
const text = (row: { sid: Uint8Array }) => toHex(row.sid)
const sid = (value: string) => toHex(address(value))
const want = (manager: SidManager, of: Locator, identity: string, more: Partial<SidRequest> = {}) =>
  text(manager.allocate({ locator: of, vrf: 'red', behavior: 20, identity, ...more }))

t.test('classic functions from 1, uSID functions from e000', async (t) => {
  const manager = new SidManager([MAIN])
  t.equal(want(manager, MAIN, 'a'), sid('fcbb:bb00:1:1::'))
  t.equal(want(manager, MAIN, 'b'), sid('fcbb:bb00:1:2::'))
  const usid = locator('fcbb:bb00:1::', { nextCsid: true })
  t.equal(want(new SidManager([usid]), usid, 'a'), sid('fcbb:bb00:1:e000::'))
})

t.test('what was given back comes last, the longest idle first', async (t) => {
  const small = locator('fcbb:bb00:1::', { functionBits: 3 })
  const manager = new SidManager([small])
  const rows = Array.from({ length: 6 }, (_, k) =>
    manager.allocate({ locator: small, vrf: 'red', behavior: 20, identity: `${k}` }),
  )
  for (const k of [4, 1, 2]) manager.release(rows[k]!)
  t.same(manager.locators(), [{ locator: small, total: 7, used: 3, free: 4 }])
  const next = Array.from({ length: 4 }, () => want(manager, small, 'next'))
  const freed = [4, 1, 2].map((k) => text(rows[k]!))
  t.same(next, [sid('fcbb:bb00:1:e000::'), ...freed])
})

t.test('functions of any width lie right behind the node', async (t) => {
  for (const [functionBits, expected] of [
    [32, 'fcbb:bb00:1:0:1::'],
    [20, 'fcbb:bb00:1:0:1000::'],
    [12, 'fcbb:bb00:1:10::'],
    [3, 'fcbb:bb00:1:2000::'],
  ] as const) {
    const one = locator('fcbb:bb00:1::', { functionBits })
    t.equal(want(new SidManager([one]), one, 'a'), sid(expected), `${functionBits}`)
  }
})

t.test('a restart: a SID of the kernel goes back to what it was for, once', async (t) => {
  const manager = new SidManager([MAIN])
  manager.recover(address('fcbb:bb00:1:1::'), tableIdentity(20, 20))
  manager.recover(address('fcbb:bb00:1:7::'), tableIdentity(19, 10))
  manager.recover(address('fcbb:bb00:1:8::'), tableIdentity(18, 10))
  manager.recover(address('fcbb:bb00:1:9::'), nextHopIdentity(17, address('172.16.1.2'), 7))
  manager.recover(address('fcbb:bb00:9:1::'), tableIdentity(20, 30))
  t.equal(want(manager, MAIN, tableIdentity(18, 10)), sid('fcbb:bb00:1:8::'))
  t.equal(want(manager, MAIN, tableIdentity(19, 10)), sid('fcbb:bb00:1:7::'))
  t.equal(want(manager, MAIN, tableIdentity(20, 30)), sid('fcbb:bb00:1:2::'), 'other locator')
  t.equal(want(manager, MAIN, tableIdentity(20, 20)), sid('fcbb:bb00:1:1::'))
  const red = nextHopIdentity(17, address('172.16.1.2'), 7)
  const blue = nextHopIdentity(17, address('172.16.1.2'), 8)
  t.equal(want(manager, MAIN, blue), sid('fcbb:bb00:1:3::'), 'the same gateway elsewhere')
  t.equal(want(manager, MAIN, red), sid('fcbb:bb00:1:9::'))
  t.equal(want(manager, MAIN, red), sid('fcbb:bb00:1:4::'))
})

t.test('a SID that nobody asks for again is nobody else’s until it is forgotten', async (t) => {
  const two = locator('fcbb:bb00:1::', { functionBits: 1 })
  const manager = new SidManager([two])
  manager.recover(address('fcbb:bb00:1:8000::'), 'gone')
  t.throws(() => want(manager, two, 'new'), SidExhausted)
  t.equal(manager.forgetRecovered(), true)
  t.equal(want(manager, two, 'new'), sid('fcbb:bb00:1:8000::'))
  t.equal(manager.forgetRecovered(), false)
})

t.test('a SID that the locator would not give now is not taken over', async (t) => {
  const wide = new SidManager([locator('fcbb:bb00:1::', { functionBits: 20 })])
  const narrow = new SidManager([MAIN])
  const usid = new SidManager([locator('fcbb:bb00:1::', { nextCsid: true })])
  for (const manager of [wide, narrow, usid]) {
    manager.recover(address('fcbb:bb00:1:0:1000::'), 'mine')
    manager.recover(address('fcbb:bb00:1:5::'), 'mine')
  }
  const [of20] = wide.locators()
  t.equal(want(wide, of20!.locator, 'mine'), sid('fcbb:bb00:1:0:1000::'))
  t.equal(want(narrow, MAIN, 'mine'), sid('fcbb:bb00:1:5::'))
  t.equal(want(usid, usid.locators()[0]!.locator, 'mine'), sid('fcbb:bb00:1:e000::'))
})

t.test('several of one identity: each hash goes back to where it was', async (t) => {
  const hashes = [11, 4711, 65535, 123456789]
  const before = new SidManager([MAIN])
  const sids = hashes.map((hash) => want(before, MAIN, 'same', { hash }))
  t.equal(new Set(sids).size, hashes.length)
  const after = new SidManager([MAIN])
  for (const row of before.all()) after.recover(row.sid, 'same')
  for (const k of [2, 0, 3, 1]) {
    t.equal(want(after, MAIN, 'same', { hash: hashes[k] }), sids[k])
  }
})

t.test('a SID that the configuration names is given to nobody else', async (t) => {
  const named = address('fcbb:bb00:1:1::')
  const manager = new SidManager([MAIN], [named])
  manager.recover(named, 'other')
  t.equal(want(manager, MAIN, 'other'), sid('fcbb:bb00:1:2::'))
  const row = manager.allocate({
    locator: MAIN,
    vrf: 'red',
    behavior: 20,
    identity: 'mine',
    explicit: named,
  })
  t.equal(text(row), toHex(named))
  manager.release(row)
  t.equal(want(manager, MAIN, 'more'), sid('fcbb:bb00:1:3::'))
})

t.test('a locator with no free function says so', async (t) => {
  const tiny = locator('fcbb:bb00:1::', { functionBits: 2 })
  const manager = new SidManager([tiny])
  for (let k = 1; k < 4; k++) want(manager, tiny, `${k}`)
  t.throws(() => want(manager, tiny, 'more'), SidExhausted)
  t.throws(() => want(manager, tiny, 'more', { hash: 5 }), /locator main .* has no free SID/)
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
