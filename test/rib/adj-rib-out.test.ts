import fc from 'fast-check'
import t from 'tap'
import { AdjRibOut } from '../../src/rib/adj-rib-out.ts'
import type { NextHopId } from '../../src/rib/next-hop.ts'
import { OutPolicy } from '../../src/rib/out-policy.ts'
import { PathKind } from '../../src/rib/path-table.ts'
import type { RibPeer } from '../../src/rib/rib-peer.ts'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import { Family } from '../../src/wire/registry.ts'
import { address, asPathValue } from '../support/builder.ts'
import { outRules, ToldNeighbor, World } from '../support/rib.ts'

const { IPV4_UNICAST } = Family
const HOP = address('192.0.2.99')
const net = (n: number) => Int32Array.of(0x0a000000 | (n << 8))
const text = (n: number) => `10.${n >> 8}.${n & 255}.0/24`

function setUp(rules = {}, options: ConstructorParameters<typeof ToldNeighbor>[0] = {}) {
  const world = new World()
  const rib = world.rib(IPV4_UNICAST)
  const from = world.peer('192.0.2.10', { id: 1 })
  const to = world.peer('192.0.2.20', { id: 2 })
  const policy = new OutPolicy(outRules(IPV4_UNICAST, rules), world.attrs)
  const out = new AdjRibOut(rib, to, policy, world)
  const neighbor = new ToldNeighbor(options)
  const writer = new AttrWriter()
  const put = (n: number, med: number, peer: RibPeer = from, padding = 0) => {
    writer.reset()
    writer.origin(0)
    writer.asPath(asPathValue([65101]))
    // Told on in communities: MED goes to no other AS.
    writer.communities(Uint8Array.of(0, 1, 0, med, ...new Uint8Array(padding)))
    const set = world.attrs.fromBytes(HOP, 0, 4, writer.buf, 0, writer.end)
    const prefix = rib.prefixes.intern(net(n), 0, 24)
    rib.put(prefix, peer.id, PathKind.RECEIVED, 0, set, 0, 0 as NextHopId, 0)
    rib.prefixes.release(prefix)
  }
  const remove = (n: number, peer: RibPeer = from) => {
    const prefix = rib.prefixes.find(net(n), 0, 24)
    const path = prefix === 0 ? 0 : rib.findPath(prefix, peer.id, PathKind.RECEIVED, 0)
    if (path !== 0) rib.removePath(path)
  }
  const flush = () => {
    world.settle()
    while (out.flush(neighbor.packer) > 0);
  }
  const mark = (n: number) => neighbor.attribute(text(n), 'COMMUNITIES')
  return { world, rib, from, to, out, neighbor, put, remove, flush, mark }
}

t.test('what is there when the session comes up is told, then every change', async (t) => {
  const { world, out, neighbor, put, remove, flush, mark } = setUp()
  put(1, 7)
  world.settle()
  out.open()
  flush()
  t.same([...neighbor.routes.keys()], [text(1)])
  put(2, 7)
  put(1, 8)
  flush()
  t.equal(neighbor.routes.size, 2)
  t.same(mark(1), ['1:8'])
  t.equal(out.toldCount, 2)
  remove(1)
  remove(2)
  flush()
  t.equal(neighbor.routes.size, 0)
  t.equal(out.toldCount, 0)
  t.same(neighbor.complaints, [])
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('a prefix that changes twice before it is its turn is told once', async (t) => {
  const { world, out, neighbor, put, remove, flush, mark } = setUp()
  out.open()
  put(1, 7)
  world.settle()
  put(1, 8)
  world.settle()
  flush()
  t.equal(neighbor.messages, 1)
  t.same(mark(1), ['1:8'])
  put(1, 9)
  world.settle()
  put(1, 8)
  flush()
  t.equal(neighbor.messages, 1, 'it is again what was told')
  put(2, 7)
  world.settle()
  remove(2)
  flush()
  t.equal(neighbor.messages, 1, 'never told, never withdrawn')
  t.same(neighbor.complaints, [])
})

t.test('one message holds all prefixes of an attribute set, and only those', async (t) => {
  const { out, neighbor, put, flush } = setUp()
  out.open()
  for (let n = 0; n < 300; n++) put(n, n % 3)
  flush()
  t.equal(neighbor.messages, 3)
  t.equal(neighbor.routes.size, 300)
  for (let n = 0; n < 300; n++) {
    if (neighbor.attribute(text(n), 'COMMUNITIES')?.toString() !== `1:${n % 3}`) t.fail(text(n))
  }
  for (let n = 0; n < 300; n++) put(n, 9)
  flush()
  t.equal(neighbor.messages, 4)
})

t.test(
  'what a neighbour told itself is not told back; it is taken from it when it wins',
  async (t) => {
    const { out, neighbor, to, put, remove, flush } = setUp()
    out.open()
    put(1, 7)
    flush()
    t.equal(neighbor.routes.size, 1)
    // The neighbour's own path is best as soon as the other one has gone.
    put(1, 7, to)
    remove(1)
    flush()
    t.equal(neighbor.routes.size, 0)
    t.same(neighbor.complaints, [])
  },
)

t.test(
  'RFC 2918 §4: ROUTE-REFRESH tells all of it again, pending changes in their new form',
  async (t) => {
    const { world, out, neighbor, put, remove, flush, mark } = setUp()
    out.open()
    for (let n = 0; n < 4; n++) put(n, 7)
    flush()
    put(1, 8)
    remove(2)
    world.settle()
    put(3, 9)
    neighbor.routes.delete(text(0))
    neighbor.routes.delete(text(1))
    out.refresh()
    flush()
    t.same([...neighbor.routes.keys()].sort(), [text(0), text(1), text(3)])
    t.same([mark(0), mark(1), mark(3)], [['1:7'], ['1:8'], ['1:9']])
    t.equal(out.toldCount, 3)
    t.same(neighbor.complaints, [])
    out.refresh()
    out.close()
    for (let n = 0; n < 4; n++) remove(n)
    world.settle()
    t.same(world.leftovers, [0, 0, 0, 0])
  },
)

t.test('close gives everything back, whatever was told or pending; open begins anew', async (t) => {
  const { world, out, put, remove, flush } = setUp()
  out.open()
  for (let n = 0; n < 9; n++) put(n, n)
  flush()
  put(3, 100)
  remove(4)
  world.settle()
  t.ok(out.pendingCount > 0)
  out.close()
  t.equal(out.pendingCount, 0)
  t.equal(out.toldCount, 0)
  const again = new ToldNeighbor()
  out.open()
  world.settle()
  while (out.flush(again.packer) > 0);
  t.equal(again.routes.size, 8)
  out.close()
  for (let n = 0; n < 9; n++) remove(n)
  world.settle()
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('ROUTE-REFRESH faster than it is answered: once more for all that asked', async (t) => {
  const { world, out, neighbor, put, flush } = setUp()
  const told: string[] = []
  out.open()
  for (let n = 0; n < 5000; n++) put(n, 1)
  flush()
  const tellAll = () => {
    neighbor.routes.clear()
    while (out.flush(neighbor.packer) > 0);
    told.push(`${neighbor.routes.size}`)
  }
  for (let k = 0; k < 10; k++) out.refresh()
  const before = neighbor.messages
  tellAll()
  const once = neighbor.messages - before
  for (let k = 0; k < 10; k++) out.refresh()
  t.ok(out.flush(neighbor.packer) > 0, 'it is on its way')
  for (let k = 0; k < 10; k++) out.refresh()
  tellAll()
  t.equal(neighbor.messages - before, 3 * once)
  tellAll()
  t.equal(neighbor.messages - before, 3 * once, 'nothing is owed')
  t.same(told, ['5000', '5000', '0'])
  out.refresh()
  tellAll()
  t.equal(neighbor.messages - before, 4 * once)
  world.settle()
  t.same(neighbor.complaints, [])
})

t.test('more prefixes than one flush looks at', async (t) => {
  const { world, out, neighbor, put } = setUp()
  out.open()
  for (let n = 0; n < 5000; n++) put(n, 1)
  world.settle()
  const left = out.flush(neighbor.packer)
  t.ok(left > 0 && left < 5000)
  while (out.flush(neighbor.packer) > 0);
  t.equal(neighbor.routes.size, 5000)
})

t.test(
  'a best path that went before its prefix was decided anew is not told as another one',
  async (t) => {
    const { world, out, rib, neighbor, put, remove, mark } = setUp()
    out.open()
    put(1, 7)
    put(2, 8)
    world.settle()
    remove(1)
    put(3, 9)
    t.equal(rib.dirtyCount, 2)
    while (out.flush(neighbor.packer) > 0);
    t.same(
      [...neighbor.routes.keys()],
      [text(2)],
      'the row of the path of 10.0.1.0/24 is 10.0.3.0/24’s',
    )
    world.settle()
    while (out.flush(neighbor.packer) > 0);
    t.same([...neighbor.routes.keys()], [text(2), text(3)])
    t.same(mark(3), ['1:9'])
    t.same(neighbor.complaints, [])
  },
)

t.test(
  'a pending prefix whose decision is under way is neither withdrawn nor told in passing',
  async (t) => {
    const { world, out, neighbor, from, put, remove, flush, mark } = setUp()
    const third = world.peer('192.0.2.30', { id: 3 })
    out.open()
    put(1, 7)
    put(1, 5, third)
    flush()
    put(1, 8)
    world.settle()
    // Pending: 8. Before it is told its path goes, the other one is not decided on yet.
    remove(1)
    while (out.flush(neighbor.packer) > 0);
    t.same(mark(1), ['1:7'])
    flush()
    t.same(mark(1), ['1:5'])
    // Pending: 6. Before it is told the path changes to what may not be the best any more.
    put(1, 6, third)
    world.settle()
    put(1, 4, third)
    put(1, 9, from)
    while (out.flush(neighbor.packer) > 0);
    t.same(mark(1), ['1:5'])
    flush()
    t.same(mark(1), ['1:9'])
    t.same(neighbor.complaints, [])
  },
)

t.test('a withdrawal waits for the decision too, and is not lost', async (t) => {
  const { world, out, neighbor, from, to, put, remove } = setUp()
  out.open()
  put(1, 7)
  world.settle()
  while (out.flush(neighbor.packer) > 0);
  remove(1)
  world.settle()
  // Pending: the withdrawal. The neighbour's own path comes, undecided while it is flushed.
  put(1, 7, to)
  while (out.flush(neighbor.packer) > 0);
  world.settle()
  while (out.flush(neighbor.packer) > 0);
  t.equal(neighbor.routes.size, 0)
  t.same(neighbor.complaints, [])
  remove(1, to)
  remove(1, from)
  world.settle()
  while (out.flush(neighbor.packer) > 0);
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test(
  'RFC 8654 §5: attributes too long for the neighbour withdraw what it was told before',
  async (t) => {
    const { world, from, out, neighbor, put, remove, flush } = setUp()
    out.open()
    put(1, 7)
    put(2, 7)
    flush()
    put(1, 7, from, 4096)
    put(3, 7, from, 4096)
    flush()
    t.same([...neighbor.routes.keys()], [text(2)])
    t.equal(out.toldCount, 1)
    put(1, 9)
    flush()
    t.same([...neighbor.routes.keys()].sort(), [text(1), text(2)])
    for (let n = 1; n < 4; n++) remove(n)
    flush()
    t.same(world.leftovers, [0, 0, 0, 0])
  },
)

t.test('any changes: the neighbour ends with what is best, nothing leaks', async () => {
  const n = fc.nat({ max: 5 })
  const peer = fc.nat({ max: 1 })
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('put' as const), n, peer, med: fc.nat({ max: 3 }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), n, peer }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), n }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('refresh' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { world, rib, from, to, out, put, remove } = setUp()
      const peers = [from, to]
      let neighbor = new ToldNeighbor()
      const model = new Map<string, number>()
      out.open()
      for (const one of steps) {
        if (one.do === 'put') {
          put(one.n, one.med, peers[one.peer]!)
          model.set(`${one.n} ${one.peer}`, one.med)
        } else if (one.do === 'remove') {
          remove(one.n, peers[one.peer]!)
          model.delete(`${one.n} ${one.peer}`)
        } else if (one.do === 'settle') rib.settle(one.n)
        else if (one.do === 'flush') out.flush(neighbor.packer)
        else if (one.do === 'refresh') out.refresh()
        else {
          out.close()
          if (neighbor.complaints.length > 0) return false
          neighbor = new ToldNeighbor()
          out.open()
        }
      }
      world.settle()
      while (out.flush(neighbor.packer) > 0);
      if (neighbor.complaints.length > 0) return false
      // The lower BGP identifier wins: `from` over the neighbour itself.
      for (let n = 0; n < 6; n++) {
        const med = model.get(`${n} 0`)
        const told = neighbor.attribute(text(n), 'COMMUNITIES')
        if (med === undefined ? told !== undefined : String(told) !== `1:${med}`) return false
      }
      if (out.toldCount !== neighbor.routes.size) return false
      out.close()
      for (let n = 0; n < 6; n++) for (const one of peers) remove(n, one)
      world.settle()
      return world.leftovers.every((count) => count === 0)
    }),
    { seed: 41_004, numRuns: 600 },
  )
})
