import fc from 'fast-check'
import t from 'tap'
import { decodeUpdate } from '../../src/wire/decode.ts'
import { BgpError } from '../../src/wire/error.ts'
import { Framer } from '../../src/wire/framer.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { ALL_FAMILIES, Attr, FAMILIES, Family, Outcome } from '../../src/wire/registry.ts'
import { UpdatePacker } from '../../src/wire/update-packer.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { reasonText } from '../../src/wire/update-reason.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import { concat, fromHex } from '../support/hex.ts'
import { type GrammarSession, soundUpdate, writeUpdate } from '../support/update-grammar.ts'
import { MALFORMATIONS, malformedUpdate } from '../support/update-malformations.ts'
import { capturedMessages } from '../support/vectors.ts'

const SEED = 20260101
const captured = capturedMessages()
const updates = captured.filter(({ type }) => type === 'UPDATE').map(({ hex }) => fromHex(hex))

const anySession: fc.Arbitrary<UpdateSession> = fc.record({
  asn4: fc.boolean(),
  ebgp: fc.boolean(),
  localAs: fc.constant(65000),
  addPath: fc.constantFrom(0, ALL_FAMILIES, 1 << Family.VPNV4),
  families: fc.constantFrom(ALL_FAMILIES, ALL_FAMILIES, 0, 1 << Family.VPNV6),
  multipleLabels: fc.constantFrom(0, ALL_FAMILIES),
})

interface Edit {
  at: number
  octets: number[]
  cut: number
}

/** A captured UPDATE with some octets overwritten, left out or put in. */
const bentUpdate = fc
  .tuple(
    fc.constantFrom(...updates),
    fc.array(
      fc.record({
        at: fc.nat(255),
        octets: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 }),
        cut: fc.nat(4),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([octets, edits]) => edits.reduce(bend, [...octets.subarray(19)]))

function bend(body: number[], { at, octets, cut }: Edit): number[] {
  const out = body.slice()
  out.splice(at % (out.length + 1), cut, ...octets)
  return out
}

/** UPDATEs of the grammar on a session of their kind, every family negotiated. */
const grammarSession: fc.Arbitrary<GrammarSession> = fc.record({
  asn4: fc.boolean(),
  ebgp: fc.boolean(),
  addPath: fc.boolean(),
  multipleLabels: fc.boolean(),
})

function sessionOf({ asn4, ebgp, addPath, multipleLabels }: GrammarSession): UpdateSession {
  return {
    asn4,
    ebgp,
    localAs: 65000,
    addPath: addPath ? ALL_FAMILIES : 0,
    multipleLabels: multipleLabels ? ALL_FAMILIES : 0,
    families: ALL_FAMILIES,
  }
}

/** Walks all NLRI; a cursor that runs out of its range is a bug of parser or cursor. */
function walk(view: UpdateView): string[] {
  const found: string[] = []
  const cursor = new NlriCursor()
  const each = (at: number, end: number, family: Family | 0, withdraw: boolean) => {
    if (family === 0) return
    const addPath = (view.addPath & (1 << family)) !== 0
    const manyLabels = (view.multipleLabels & (1 << family)) !== 0
    cursor.start(view.buf, at, end, family, addPath, withdraw, manyLabels)
    let last = at
    while (cursor.next()) {
      last = cursor.at
      const key = [...cursor.key.subarray(0, cursor.keyWords)].join('.')
      found.push(
        `${withdraw ? '-' : '+'}${family} ${cursor.pathId} ${key}/${cursor.prefixBits} ${cursor.label}`,
      )
    }
    if (last !== end || at < view.at || end > view.end) throw new Error('outside')
  }
  each(view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST, true)
  each(view.unreachAt, view.unreachEnd, view.unreachFamily, true)
  each(view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, false)
  each(view.reachAt, view.reachEnd, view.reachFamily, false)
  return found
}

t.test(
  'random and bent UPDATEs: never a throw, a defined outcome, the same one again',
  async (t) => {
    const view = new UpdateView()
    const outcomes = new Set<number>()
    fc.assert(
      fc.property(
        fc.oneof({ weight: 4, arbitrary: bentUpdate }, fc.array(fc.nat(255), { maxLength: 200 })),
        anySession,
        (body, session) => {
          const octets = Uint8Array.from([...new Array(19).fill(0), ...body])
          const outcome = parseUpdate(view, octets, 19, octets.length, session)
          outcomes.add(outcome)
          if (outcome !== Outcome.SESSION_RESET) walk(view)
          const reason = view.reason
          // what lies around the message does not matter
          const inside = Uint8Array.from([255, ...octets.subarray(19), 255, 255])
          const again = parseUpdate(view, inside, 1, inside.length - 2, session)
          if (again !== outcome || view.reason !== reason) throw new Error(`${outcome}, ${again}`)
          decodeUpdate(octets, 19, octets.length, session)
          return (outcome === Outcome.OK) === (reason === 0)
        },
      ),
      { seed: SEED, numRuns: 20_000 },
    )
    t.same([...outcomes].sort(), [0, 1, 2, 3, 4], 'all outcomes were met')
  },
)

t.test('grammar: what is sound is accepted, every family and every attribute', async (t) => {
  const view = new UpdateView()
  const families = new Set<number>()
  const attributes = new Set<number>()
  fc.assert(
    fc.property(
      grammarSession.chain((of) => fc.tuple(fc.constant(of), soundUpdate(of))),
      ([of, update]) => {
        const octets = writeUpdate(update)
        const outcome = parseUpdate(view, octets, 0, octets.length, sessionOf(of))
        for (const { type } of update.attrs) {
          if (view.indexOf(type) < 0) throw new Error(`attribute ${type} is lost`)
          attributes.add(type)
        }
        families.add(view.reachFamily).add(view.unreachFamily)
        if (outcome !== Outcome.OK) throw new Error(reasonText(view.reason))
      },
    ),
    { seed: SEED, numRuns: 5000 },
  )
  t.same(
    FAMILIES.filter(({ id }) => !families.has(id)),
    [],
    'every family was met',
  )
  const missed = Object.entries(Attr).filter(([, type]) => !attributes.has(type))
  t.same(missed, [], 'every attribute was met')
})

t.test('grammar: what is wrong is never accepted, and its octets are named', async (t) => {
  const view = new UpdateView()
  const met = new Map<string, number>()
  const wrong = grammarSession.chain((of) => fc.tuple(fc.constant(of), malformedUpdate(of)))
  fc.assert(
    fc.property(wrong, ([of, { name, body }]) => {
      const outcome = parseUpdate(view, body, 0, body.length, sessionOf(of))
      met.set(name, (met.get(name) ?? 0) + 1)
      if (outcome === Outcome.OK) throw new Error(`${name}: accepted`)
      const { errorAt, errorEnd, at, end } = view
      return at <= errorAt && errorAt <= errorEnd && errorEnd <= end && view.reason !== 0
    }),
    { seed: SEED, numRuns: 5000 },
  )
  t.same([...met.keys()].sort(), Object.keys(MALFORMATIONS).sort(), 'every way was met')
})

t.test('framer: any stream cut anywhere gives the same messages and the same error', async (t) => {
  const streams = fc
    .tuple(
      fc.array(fc.constantFrom(...captured.map(({ hex }) => fromHex(hex))), { maxLength: 5 }),
      fc.array(fc.record({ at: fc.nat(600), value: fc.nat(255) }), { maxLength: 1 }),
    )
    .map(([messages, flips]) => {
      const stream = concat(...messages)
      for (const { at, value } of flips) if (at < stream.length) stream[at] = value
      return stream
    })
  const log = (chunks: Uint8Array[]): string => {
    const lines: string[] = []
    const framer = new Framer({
      onMessage: (type, buf, at, end) => {
        lines.push(`${type} ${buf.subarray(at, end).join()}`)
      },
    })
    try {
      for (const chunk of chunks) framer.push(chunk)
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      lines.push(`${error.code}/${error.subcode} ${error.message} ${error.data.join()}`)
    }
    return lines.join('\n')
  }
  fc.assert(
    fc.property(streams, fc.array(fc.nat(1500), { maxLength: 6 }), (stream, places) => {
      const cuts = [0, ...places.filter((at) => at < stream.length).sort((a, b) => a - b)]
      const chunks = cuts.map((from, k) => stream.subarray(from, cuts[k + 1] ?? stream.length))
      return log([stream]) === log(chunks)
    }),
    { seed: SEED, numRuns: 1000 },
  )
  t.pass('1000 runs')
})

t.test('packer and parser: what is packed is what is read', async (t) => {
  const octet = fc.integer({ min: 0, max: 255 })
  const route = fc.record({
    words: fc.array(fc.integer(), { minLength: 6, maxLength: 6 }),
    bits: fc.nat(128),
    label: fc.nat(0xffffff),
    pathId: fc.nat(1000),
  })
  const group = fc.record({
    spec: fc.constantFrom(...FAMILIES.filter(({ kind }) => kind === 'prefix')),
    withdraw: fc.boolean(),
    routes: fc.array(route, { minLength: 1, maxLength: 60 }),
    med: fc.nat(),
    hop: fc.array(octet, { minLength: 16, maxLength: 16 }),
  })
  fc.assert(
    fc.property(
      fc.array(group, { maxLength: 4 }),
      fc.boolean(),
      fc.constantFrom(200, 4096),
      (groups, addPath, maxLength) => {
        const session = {
          asn4: true,
          ebgp: true,
          localAs: 1,
          addPath: addPath ? ALL_FAMILIES : 0,
          families: ALL_FAMILIES,
        }
        const view = new UpdateView()
        const read: string[] = []
        const packer = new UpdatePacker((buf, at, end) => {
          if (parseUpdate(view, buf, at + 19, end, session) !== Outcome.OK)
            throw new Error('not ok')
          const row = view.indexOf(Attr.MULTI_EXIT_DISC)
          const med =
            row < 0 ? '' : ` ${view.buf.subarray(view.attrValueAt(row), view.attrEnd(row))}`
          for (const line of walk(view)) read.push(line + (line.startsWith('+') ? med : ''))
        })
        packer.configure({ maxLength, asn4: true, addPath: session.addPath })
        const packed: string[] = []
        for (const { spec, withdraw, routes, med, hop } of groups) {
          const attrs = Uint8Array.of(0x40, 1, 1, 0, 0x40, 2, 0, 0x80, 4, 4, 0, 0, 0, 0)
          new DataView(attrs.buffer).setUint32(10, med)
          if (withdraw) packer.withdraw(spec.id)
          else packer.reach(spec.id, Uint8Array.from(hop), 0, 16, attrs, 0, attrs.length)
          for (const { words, bits, label, pathId } of routes) {
            const length = bits % (spec.addressBytes * 8 + 1)
            const rd = spec.keyWords - spec.addressBytes / 4
            const key = Int32Array.from(words.slice(0, spec.keyWords), (word, k) => {
              const kept = k < rd ? 32 : Math.min(Math.max(length - (k - rd) * 32, 0), 32)
              return kept === 0 ? 0 : word & (-1 << (32 - kept))
            })
            packer.add(key, 0, length, label, pathId)
            const shown = spec.hasLabel && !withdraw ? label : 0
            const tail = withdraw ? '' : ` ${attrs.subarray(10)}`
            packed.push(
              `${withdraw ? '-' : '+'}${spec.id} ${addPath ? pathId : 0} ${key.join('.')}/${length} ${shown}${tail}`,
            )
          }
          packer.flush()
        }
        return packed.join('\n') === read.join('\n')
      },
    ),
    { seed: SEED, numRuns: 1000 },
  )
  t.pass('1000 runs')
})
