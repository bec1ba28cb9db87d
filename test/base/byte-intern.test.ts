import fc from 'fast-check'
import t from 'tap'
import { ByteIntern } from '../../src/base/byte-intern.ts'

const SEED = 40_001

interface Model {
  ids: Map<string, { id: number; refs: number }>
}

/** What the table must be: each string of the model at its number, nothing else. */
function sameAs(model: Model, real: ByteIntern): boolean {
  if (real.count !== model.ids.size) return false
  const seen = new Set<number>()
  for (const [text, { id, refs }] of model.ids) {
    const bytes = Buffer.from(text, 'hex')
    const here = Buffer.from(real.bytes.subarray(real.atOf(id), real.endOf(id)))
    if (id === 0 || seen.has(id) || !here.equals(bytes)) return false
    if (real.refsOf(id) !== refs || real.find(bytes, 0, bytes.length) !== id) return false
    seen.add(id)
  }
  return true
}

t.test('ByteIntern: against a Map, whatever is interned, retained and released', async () => {
  const bytes = fc.uint8Array({ maxLength: 40 })
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('intern' as const), bytes }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('retain' as const), pick: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat() }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const real = new ByteIntern()
      const model: Model = { ids: new Map() }
      for (const one of steps) {
        if (one.do === 'intern') {
          // Somewhere in a larger buffer: only the range may count.
          const buf = Buffer.concat([Buffer.from([7]), one.bytes, Buffer.from([9, 9])])
          const id = real.intern(buf, 1, 1 + one.bytes.length)
          const text = Buffer.from(one.bytes).toString('hex')
          const known = model.ids.get(text)
          if (real.lastWasNew !== (known === undefined)) return false
          if (known && known.id !== id) return false
          model.ids.set(text, { id, refs: (known?.refs ?? 0) + 1 })
        } else {
          const all = [...model.ids]
          if (all.length === 0) continue
          const [text, row] = all[one.pick % all.length]!
          if (one.do === 'retain') {
            real.retain(row.id)
            row.refs++
          } else {
            row.refs--
            if (real.release(row.id) !== (row.refs === 0)) return false
            if (row.refs === 0) model.ids.delete(text)
          }
        }
        if (!sameAs(model, real)) return false
      }
      return true
    }),
    { seed: SEED, numRuns: 200 },
  )
})

t.test('ByteIntern: thousands of strings, all found again after the arena grew', async (t) => {
  const real = new ByteIntern()
  const word = (k: number) => Buffer.from(`${k} `.repeat(1 + (k % 9)))
  const ids = Array.from({ length: 5000 }, (_, k) => real.intern(word(k), 0, word(k).length))
  t.equal(new Set(ids).size, 5000)
  t.ok(ids.every((id, k) => real.find(word(k), 0, word(k).length) === id))
  for (const id of ids) real.release(id)
  t.equal(real.count, 0)
})

t.test(
  'ByteIntern: freed room is used again, so replacing strings for ever grows nothing',
  async (t) => {
    const real = new ByteIntern()
    const word = (k: number) => Buffer.from(String(k).padStart(90, '.'))
    for (let k = 0; k < 600; k++) real.intern(word(k), 0, 90)
    const arena = real.bytes.length
    for (let k = 600; k < 60_000; k++) {
      const old = word(k - 600)
      real.release(real.find(old, 0, 90))
      real.intern(word(k), 0, 90)
    }
    t.equal(real.bytes.length, arena)
    t.equal(real.count, 600)
  },
)

t.test('ByteIntern: strings of ever other lengths that come and go grow nothing', async (t) => {
  const real = new ByteIntern()
  const kept = Array.from({ length: 50 }, (_, k) => Buffer.from(`kept ${k} `.repeat(1 + k)))
  const ids = kept.map((bytes) => real.intern(bytes, 0, bytes.length))
  const buf = Buffer.alloc(4096, 7)
  for (let len = 16; len <= 4096; len += 16) {
    const some = Array.from({ length: 200 }, (_, k) => {
      buf.writeUInt32BE(k)
      return real.intern(buf, 0, len)
    })
    for (const id of some) real.release(id)
    // All that was ever freed is 100 MB.
    if (real.bytes.length > 4 * 2 ** 20) t.fail(`${len}: ${real.bytes.length}`)
  }
  t.equal(real.count, kept.length)
  for (const [k, bytes] of kept.entries()) {
    const here = real.bytes.subarray(real.atOf(ids[k]!), real.endOf(ids[k]!))
    t.same(Buffer.from(here), bytes)
    t.equal(real.find(bytes, 0, bytes.length), ids[k])
  }
  const octets = kept.reduce((sum, { length }) => sum + Math.ceil(length / 16) * 16, 0)
  t.equal(real.octets, octets)
})

t.test('ByteIntern: one release too many is told at once', async (t) => {
  const real = new ByteIntern()
  const id = real.intern(Buffer.from('once'), 0, 4)
  real.release(id)
  t.throws(() => real.release(id), /once too often/)
})
