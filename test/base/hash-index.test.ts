import fc from 'fast-check'
import t from 'tap'
import { HashIndex } from '../../src/base/hash-index.ts'

const SEED = 40_002

function find(index: HashIndex, hash: number, wanted: number): boolean {
  for (let slot = index.start(hash); ; slot = index.next(slot)) {
    const row = index.rowAt(slot)
    if (row === 0) return false
    if (row === wanted) return index.hashOf(row) === hash
  }
}

t.test('HashIndex: against a Map, with hashes that collide at will', async () => {
  // Few distinct hashes, some differing in high bits only: long chains that wrap around the end.
  const hash = fc.oneof(
    fc.constantFrom(0, 1, 62, 63, 127, 0x8000003f, 0xffffffff),
    fc.nat({ max: 0xffffffff }),
  )
  const step = fc.record({ row: fc.integer({ min: 1, max: 200 }), hash, put: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const index = new HashIndex()
      const model = new Map<number, number>()
      for (const { row, hash, put } of steps) {
        if (put && !model.has(row)) {
          index.insert(row, hash)
          model.set(row, hash)
        } else if (!put && model.has(row)) {
          index.remove(row)
          if (find(index, model.get(row)!, row)) return false
          model.delete(row)
        }
        if (index.count !== model.size) return false
      }
      return [...model].every(([row, hash]) => find(index, hash, row))
    }),
    { seed: SEED, numRuns: 300 },
  )
})

t.test('HashIndex: removal keeps every other row of a full chain reachable', async (t) => {
  const rows = Array.from({ length: 31 }, (_, k) => k + 1)
  for (const gone of rows) {
    const index = new HashIndex()
    for (const row of rows) index.insert(row, 60)
    index.remove(gone)
    t.ok(rows.every((row) => find(index, 60, row) === (row !== gone)))
  }
})
