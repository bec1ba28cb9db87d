import fc from 'fast-check'
import t from 'tap'
import { bandwidthsToWeights, linkBandwidthOf } from '../../src/rib/link-bandwidth.ts'
import { extCommunities, origin, routeTarget } from '../support/builder.ts'
import { concat, hex } from '../support/hex.ts'
import { World } from '../support/rib.ts'

function bandwidthOf(...communities: Uint8Array[]): number {
  const world = new World()
  const all = concat(origin(0), ...(communities.length > 0 ? [extCommunities(...communities)] : []))
  const set = world.attrs.fromBytes(new Uint8Array(4), 0, 4, all, 0, all.length)
  return linkBandwidthOf(world.attrs, set)
}

// AS 65000; 0x4e9502f9 is 1.25e9 octets a second, 10 Gbit/s
const TEN_GIGABIT = hex`40 04 fd e8 4e 95 02 f9`
const TRANSITIVE = hex`00 04 fd e8 4e 95 02 f9`

t.test('draft-ietf-idr-link-bandwidth §2: octets a second as an IEEE float', async (t) => {
  t.equal(bandwidthOf(routeTarget('65000:1'), TEN_GIGABIT), 1.25e9)
  t.equal(bandwidthOf(TRANSITIVE), 1.25e9, 'the transitive form too')
  t.equal(bandwidthOf(), 0)
  t.equal(bandwidthOf(routeTarget('65000:1')), 0)
  for (const [what, octets] of [
    ['zero', hex`40 04 fd e8 00 00 00 00`],
    ['negative', hex`40 04 fd e8 ce 95 02 f9`],
    ['infinite', hex`40 04 fd e8 7f 80 00 00`],
    ['no number', hex`40 04 fd e8 7f c0 00 00`],
    ['of another sub-type', hex`40 05 fd e8 4e 95 02 f9`],
    ['of another type', hex`43 04 fd e8 4e 95 02 f9`],
  ] as const) {
    t.equal(bandwidthOf(octets), 0, what)
  }
})

function weights(...bandwidths: number[]): number[] {
  const values = Float64Array.from(bandwidths)
  bandwidthsToWeights(values, values.length, 256)
  return [...values]
}

t.test('weights are the same shares in small numbers; of what is not known, equal', async (t) => {
  t.same(weights(5), [1])
  t.same(weights(0), [1])
  t.same(weights(1e9, 1e9), [1, 1])
  t.same(weights(1e9, 4e9), [1, 4])
  t.same(weights(1e9, 3e9), [85, 256])
  t.same(weights(1, 1e12), [1, 256])
  t.same(weights(1e9, 0, 2e9), [1, 1, 1])
})

t.test('any bandwidths: weights are whole, of 1 to 256, and in their order', async () => {
  const bandwidth = fc.double({ min: 1, max: 1e13, noNaN: true })
  fc.assert(
    fc.property(fc.array(bandwidth, { minLength: 1, maxLength: 8 }), (bandwidths) => {
      const found = weights(...bandwidths)
      return found.every(
        (weight, k) =>
          Number.isInteger(weight) &&
          weight >= 1 &&
          weight <= 256 &&
          found.every((other, j) => bandwidths[j]! < bandwidths[k]! || other >= weight),
      )
    }),
    { seed: 43_002, numRuns: 500 },
  )
})
