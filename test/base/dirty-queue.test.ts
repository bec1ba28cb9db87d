import fc from 'fast-check'
import t from 'tap'
import { DirtyQueue } from '../../src/base/dirty-queue.ts'

const SEED = 40_003

t.test('DirtyQueue: against a Set: each row once, in the order of its first asking', async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 700 }) },
    { weight: 2, arbitrary: fc.constant('take' as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500 }), (steps) => {
      const queue = new DirtyQueue()
      const model = new Set<number>()
      for (const one of steps) {
        if (one === 'take') {
          const first = model.values().next().value ?? 0
          if (queue.take() !== first) return false
          model.delete(first)
          if (first !== 0 && queue.has(first)) return false
        } else {
          queue.add(one)
          model.add(one)
          if (!queue.has(one)) return false
        }
        if (queue.size !== model.size) return false
      }
      const rest = [...model]
      return rest.every((row) => queue.take() === row) && queue.take() === 0
    }),
    { seed: SEED, numRuns: 150 },
  )
})

t.test('DirtyQueue: the ring grows while it is wrapped around', async (t) => {
  const queue = new DirtyQueue()
  for (let row = 1; row <= 200; row++) queue.add(row)
  for (let row = 1; row <= 150; row++) queue.take()
  for (let row = 201; row <= 1000; row++) queue.add(row)
  const out: number[] = []
  for (let row = queue.take(); row !== 0; row = queue.take()) out.push(row)
  t.strictSame(
    out,
    Array.from({ length: 850 }, (_, k) => k + 151),
  )
})

t.test('DirtyQueue: scattered rows come once each, in no order', async (t) => {
  const queue = new DirtyQueue()
  const out: number[] = []
  for (let row = 1; row <= 3000; row++) {
    queue.scatter(row)
    queue.scatter(row)
    if (row % 3 === 0) out.push(queue.take())
  }
  for (let row = queue.take(); row !== 0; row = queue.take()) out.push(row)
  t.strictSame(
    [...out].sort((a, b) => a - b),
    Array.from({ length: 3000 }, (_, k) => k + 1),
  )
  const climbs = out.filter((row, k) => row > (out[k - 1] ?? 0)).length
  t.ok(climbs > 1000 && climbs < 2000, `the next row is higher ${climbs} times of 3000`)
})
