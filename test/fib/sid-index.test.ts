import fc from 'fast-check'
import t from 'tap'
import { SidIndex } from '../../src/fib/sid-index.ts'
import type { NextHopId } from '../../src/rib/next-hop.ts'

/** Few different octets, so that prefixes cover some and not all. */
const address = fc.uint8Array({ minLength: 16, maxLength: 16, max: 2 }).map((octets) => {
  octets[0] = 0xfc
  return octets
})

function words(octets: Uint8Array): Int32Array {
  const view = new DataView(octets.buffer, octets.byteOffset)
  return Int32Array.of(view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12))
}

const bitsOf = (octets: Uint8Array, bits: number) =>
  [...octets]
    .map((octet) => octet.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, bits)

/** The prefix without the bits of a host, as the kernel tells it. */
function masked(octets: Uint8Array, bits: number): Uint8Array {
  return octets.map((octet, k) => octet & (0xff00 >> Math.min(8, Math.max(0, bits - k * 8))))
}

t.test('any SIDs and prefixes: those found are those covered, at any time', async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('add' as const), sid: address }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), k: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('ask' as const),
        of: address,
        bits: fc.integer({ min: 0, max: 128 }),
      }),
    },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const index = new SidIndex()
      const model = new Map<NextHopId, Uint8Array>()
      let next = 0
      for (const one of steps) {
        if (one.do === 'add') {
          const id = ++next as NextHopId
          index.add(id, one.sid)
          model.set(id, one.sid)
        } else if (one.do === 'remove') {
          const id = [...model.keys()][one.k % Math.max(1, model.size)]
          if (id === undefined) continue
          index.remove(id)
          model.delete(id)
        } else {
          const prefix = masked(one.of, one.bits)
          const found: NextHopId[] = []
          index.covered(words(prefix), one.bits, (id) => found.push(id))
          const wanted = [...model].filter(
            ([, sid]) => bitsOf(sid, one.bits) === bitsOf(prefix, one.bits),
          )
          const ids = wanted.map(([id]) => id)
          if (found.sort().join() !== ids.sort().join()) return false
        }
      }
      return true
    }),
    { seed: 43_003, numRuns: 500 },
  )
})
