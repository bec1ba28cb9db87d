import t from 'tap'
import { type NextHopId, NextHopKind, NextHopTable, Reach } from '../../src/rib/next-hop.ts'
import { address } from '../support/builder.ts'

function setUp() {
  const table = new NextHopTable()
  const heard: string[] = []
  table.listen({
    onNextHopAdded: (id) => heard.push(`+${id}`),
    // What it was can still be asked.
    onNextHopRemoved: (id) => heard.push(`-${id} ${table.addressOf(id).join('.')}`),
  })
  return { table, heard }
}

t.test(
  'SIDs, gateways and devices, each once, told of at the first and the last reference',
  async (t) => {
    const { table, heard } = setUp()
    const gateway = table.gateway(1, address('172.16.1.2'), 0, 4)
    t.equal(table.gateway(1, address('172.16.1.2'), 0, 4), gateway)
    t.same(heard, [`+${gateway}`])
    t.equal(table.kindOf(gateway), NextHopKind.GATEWAY)
    t.equal(table.vrfOf(gateway), 1)
    t.same(table.addressOf(gateway), address('172.16.1.2'))
    table.release(gateway)
    t.equal(heard.length, 1)
    table.release(gateway)
    t.same(heard.slice(1), [`-${gateway} 172.16.1.2`])
    t.equal(table.count, 0)
  },
)

t.test('the same address elsewhere is another next hop', async (t) => {
  const { table } = setUp()
  const octets = address('fcbb:bb00:2:e000::')
  const device = new DataView(octets.buffer).getUint32(0)
  const ids = [
    table.sid(octets, 0),
    table.gateway(0, octets, 0, 16),
    table.gateway(2, octets, 0, 16),
    table.gateway(258, octets, 0, 16),
    table.gateway(2, octets, 0, 4),
    table.device(2, device),
  ]
  t.equal(new Set(ids).size, ids.length)
  t.equal(table.kindOf(ids[0]!), NextHopKind.SID)
  t.equal(table.vrfOf(ids[3]!), 258)
  t.equal(table.deviceOf(ids[5]!), device)
  t.equal(table.addressOf(ids[5]!).length, 0)
})

t.test('a new next hop is pending, a number given again too', async (t) => {
  const { table } = setUp()
  const id = table.device(1, 3)
  t.equal(table.reachOf(id), Reach.PENDING)
  t.ok(table.set(id, Reach.REACHABLE, 3, 10))
  t.notOk(table.set(id, Reach.REACHABLE, 3, 10), 'no news')
  t.notOk(table.set(id, Reach.REACHABLE, 4, 10), 'another device decides nothing')
  t.ok(table.set(id, Reach.REACHABLE, 4, 11))
  t.ok(table.set(id, Reach.UNREACHABLE, 4, 11))
  table.release(id)
  t.equal(table.device(1, 9), id)
  t.same([table.reachOf(id), table.ifindexOf(id), table.metricOf(id)], [Reach.PENDING, 0, 0])
})

t.test('no next hop is held and released without a thought', async (t) => {
  const { table, heard } = setUp()
  table.retain(0 as NextHopId)
  table.release(0 as NextHopId)
  t.same(heard, [])
})

t.test('many next hops: the columns grow', async (t) => {
  const { table } = setUp()
  const ids = Array.from({ length: 1000 }, (_, k) => table.device(1, k + 1))
  for (const [k, id] of ids.entries()) table.set(id, Reach.REACHABLE, k + 1, k)
  t.ok(ids.every((id, k) => table.metricOf(id) === k && table.deviceOf(id) === k + 1))
})
