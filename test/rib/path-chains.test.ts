import fc from 'fast-check'
import t from 'tap'
import type { LocRib } from '../../src/rib/loc-rib.ts'
import { CROWD } from '../../src/rib/path-chains.ts'
import { type PathId, PathKind } from '../../src/rib/path-table.ts'
import type { PrefixId } from '../../src/rib/prefix-table.ts'
import { Family } from '../../src/wire/registry.ts'
import { asPath, origin } from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import { World } from '../support/rib.ts'

const { RECEIVED, IMPORTED } = PathKind
const KEYS = CROWD * 2

function setUp() {
  const world = new World()
  const rib = world.rib(Family.IPV4_UNICAST)
  const peers = ['192.0.2.1', '192.0.2.2'].map((text) => world.peer(text, { id: 1 }))
  const octets = concat(origin(0), asPath([65101]))
  // The rows stay, so that their numbers do.
  const nets = [0, 1].map((n) => rib.prefixes.intern(Int32Array.of(0x0a000000 + n), 0, 32))
  const put = (net: number, peer: number, kind: PathKind, key: number) => {
    const set = world.attrs.fromBytes(new Uint8Array(4), 0, 4, octets, 0, octets.length)
    return rib.put(nets[net]!, peers[peer]!.id, kind, key, set, 0, 0 as never, 0)
  }
  const find = (net: number, peer: number, kind: PathKind, key: number) =>
    rib.findPath(nets[net]!, peers[peer]!.id, kind, key)
  return { world, rib, nets, put, find }
}

function chainOf(rib: LocRib, prefix: PrefixId): PathId[] {
  const found: PathId[] = []
  for (let path = rib.firstOf(prefix); path !== 0; path = rib.paths.nextOf(path)) found.push(path)
  return found
}

const sorted = (list: Iterable<number>) => [...list].sort((a, b) => a - b)

t.test('a prefix is a crowd from its 64th path until half of them are gone', async (t) => {
  const { rib, nets, put } = setUp()
  const prefix = nets[0]!
  for (let key = 1; key < CROWD; key++) put(0, 0, IMPORTED, key)
  t.notOk(rib.chains.isCrowd(prefix))
  put(0, 0, IMPORTED, CROWD)
  t.ok(rib.chains.isCrowd(prefix))
  t.notOk(rib.chains.isCrowd(nets[1]!))
  for (const path of chainOf(rib, prefix).slice(CROWD / 2 + 1)) rib.removePath(path)
  t.ok(rib.chains.isCrowd(prefix))
  rib.removePath(rib.firstOf(prefix))
  t.notOk(rib.chains.isCrowd(prefix))
  t.equal(chainOf(rib, prefix).length, CROWD / 2)
})

t.test('any paths come and go: each is found as what it is, and no other', async () => {
  const which = fc.record({
    net: fc.nat({ max: 1 }),
    peer: fc.nat({ max: 1 }),
    kind: fc.constantFrom(RECEIVED, IMPORTED, IMPORTED),
    from: fc.nat({ max: KEYS }),
    step: fc.constantFrom(1, 1, 3, 7),
    count: fc.constantFrom(1, 5, 40, 100),
    put: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(which, { maxLength: 24 }), (runs) => {
      const { world, rib, nets, put, find } = setUp()
      const model = [new Map<string, PathId>(), new Map<string, PathId>()]
      for (const { net, peer, kind, from, step, count, put: isPut } of runs) {
        for (let k = 0; k < count; k++) {
          const key = (from + k * step) % KEYS
          const name = `${peer} ${kind} ${key}`
          if (isPut) model[net]!.set(name, put(net, peer, kind, key))
          else if (model[net]!.delete(name)) rib.removePath(find(net, peer, kind, key))
        }
      }
      for (const [net, prefix] of nets.entries()) {
        const there = model[net]!
        if (`${sorted(chainOf(rib, prefix))}` !== `${sorted(there.values())}`) return false
        for (let key = 0; key < KEYS; key++) {
          const imported: PathId[] = []
          for (const peer of [0, 1]) {
            for (const kind of [RECEIVED, IMPORTED]) {
              const path = there.get(`${peer} ${kind} ${key}`) ?? 0
              if (find(net, peer, kind, key) !== path) return false
              if (path !== 0 && kind === IMPORTED) imported.push(path)
            }
          }
          const count = rib.chains.findImported(prefix, key)
          const found = rib.chains.found.subarray(0, count)
          if (`${sorted(found)}` !== `${sorted(imported)}`) return false
        }
        for (const path of chainOf(rib, prefix)) rib.removePath(path)
        rib.prefixes.release(prefix)
      }
      world.settle()
      return world.leftovers.every((count) => count === 0)
    }),
    { seed: 43_001, numRuns: 150 },
  )
})
