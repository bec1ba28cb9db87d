import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { CrowdLane } from '../../src/rib/crowd-lane.ts'
import { type PathId, PathKind } from '../../src/rib/path-table.ts'
import { Family } from '../../src/wire/registry.ts'
import { asPath, localPref, origin } from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import { World } from '../support/rib.ts'

const MANY = 10_000

t.test(
  'who comes first is let in at once; the next when the first has been paid for',
  async (t) => {
    const clock = new ManualClock()
    let wakes = 0
    const lane = new CrowdLane(clock, () => wakes++)
    const [one, two] = [{}, {}]
    t.notOk(lane.isFor(one), 'it has nothing to decide')
    lane.enter(one)
    lane.enter(two)
    lane.enter(one)
    t.ok(lane.isFor(one))
    t.notOk(lane.isFor(two))
    lane.passed(one, MANY, true)
    t.notOk(lane.isFor(one))
    t.notOk(lane.isFor(two))
    wakes = 0
    while (wakes === 0) clock.advance(1)
    t.ok(lane.isFor(two), 'in the order in which they came')
    t.notOk(lane.isFor(one))
    lane.passed(two, 1, false)
    clock.advance(1)
    t.ok(lane.isFor(one))
    lane.passed(one, MANY, false)
    wakes = 0
    clock.advance(1e6)
    t.equal(wakes, 0, 'nobody waits')
    t.notOk(lane.isFor(one))
  },
)

t.test('twice as many paths are paid for with twice the time', async (t) => {
  const waitFor = (paths: number) => {
    const clock = new ManualClock()
    const lane = new CrowdLane(clock, () => {})
    const table = {}
    lane.enter(table)
    lane.passed(table, paths, true)
    while (!lane.isFor(table)) clock.advance(0.5)
    return clock.now()
  }
  t.equal(waitFor(2 * MANY), 2 * waitFor(MANY))
})

/** 10.0.0.0/32 with MANY paths, decided. */
function crowd() {
  const world = new World()
  const rib = world.rib(Family.IPV4_UNICAST)
  const peer = world.peer('192.0.2.1', { id: 1 })
  const told: number[] = []
  rib.listen({ onBest: (_rib, _prefix, best) => void told.push(best) })
  const prefix = rib.prefixes.intern(Int32Array.of(0x0a000000), 0, 32)
  const put = (key: number, pref: number): PathId => {
    const octets = concat(origin(0), asPath([65101]), localPref(pref))
    const set = world.attrs.fromBytes(new Uint8Array(4), 0, 4, octets, 0, octets.length)
    return rib.put(prefix, peer.id, PathKind.RECEIVED, key, set, 0, 0 as never, 0)
  }
  const first = put(0, 300)
  for (let key = 1; key < MANY; key++) put(key, 100)
  rib.settle(1)
  return { world, rib, prefix, put, told, first }
}

t.test('a prefix that becomes a crowd is decided like any other', async (t) => {
  const { rib, told, first } = crowd()
  t.same(told, [first])
  t.equal(rib.dirtyCount, 0)
})

t.test('a crowd that changes again and again is decided once for all of it', async (t) => {
  const { world, rib, prefix, put, told, first } = crowd()
  const flaps = 50
  for (let k = 0; k < flaps; k++) {
    rib.removePath(rib.findPath(prefix, rib.paths.peerOf(rib.firstOf(prefix)), 4, 0))
    rib.settle(100)
    put(0, 300 + k)
    rib.settle(100)
  }
  t.equal(told.length, 1, 'it waits')
  t.equal(rib.dirtyCount, 1)
  t.equal(rib.readyCount, 0)
  t.ok(rib.retellIfDirty(prefix), 'what was told is not told anew meanwhile')
  world.clock.advance(1e6)
  t.equal(rib.readyCount, 1)
  rib.settle(100)
  const best = rib.findPath(prefix, rib.paths.peerOf(rib.firstOf(prefix)), PathKind.RECEIVED, 0)
  t.same(told, [first, best])
  t.equal(world.attrs.localPrefOf(rib.paths.attrsOf(best)), 300 + flaps - 1)
  t.equal(rib.dirtyCount, 0)
})

t.test('others are decided while it waits', async (t) => {
  const { world, rib, put, told } = crowd()
  put(0, 400)
  rib.settle(100)
  const { length } = told
  const other = rib.prefixes.intern(Int32Array.of(0x0a000001), 0, 32)
  const peer = world.peer('192.0.2.2', { id: 2 })
  const octets = concat(origin(0), asPath([65101]))
  const set = world.attrs.fromBytes(new Uint8Array(4), 0, 4, octets, 0, octets.length)
  const path = rib.put(other, peer.id, PathKind.RECEIVED, 0, set, 0, 0 as never, 0)
  rib.settle(100)
  t.equal(told.length, length + 1)
  t.equal(told.at(-1), path)
})

t.test('what is no crowd any more when its turn comes does not hold up the lane', async (t) => {
  const { world, rib, prefix } = crowd()
  const other = world.rib(Family.IPV6_UNICAST)
  rib.touch(rib.firstOf(prefix))
  while (rib.chains.isCrowd(prefix)) rib.removePath(rib.firstOf(prefix))
  world.clock.advance(1e6)
  rib.settle(100)
  t.equal(rib.dirtyCount, 0)
  world.crowds.enter(other)
  world.clock.advance(1e6)
  t.ok(world.crowds.isFor(other))
})
