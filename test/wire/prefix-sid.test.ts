import fc from 'fast-check'
import t from 'tap'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import {
  IMPLICIT_NULL_FIELD,
  labelOf,
  readServiceSid,
  rebuildSid,
  ServiceSid,
  SidProblem,
  type SidStructure,
  sidProblemText,
  transposedBits,
} from '../../src/wire/prefix-sid.ts'
import { checkPrefixSid, prefixSidErrorText } from '../../src/wire/prefix-sid-check.ts'
import { Behavior } from '../../src/wire/registry.ts'
import {
  address,
  l2Service,
  l3Service,
  prefixSid,
  sidInformation,
  sidStructure,
  tlv,
  u8,
} from '../support/builder.ts'
import { collectionsDuring } from '../support/collections.ts'
import { concat, hex, toHex } from '../support/hex.ts'

/** What srv6d decides about one attribute value and one label field. */
function decide(value: Uint8Array, label: number, want: 'v4' | 'v6' = 'v4') {
  // An odd offset and a tail: nothing may be read outside of the range.
  const buf = concat(u8(5, 0xff, 0xff), value, u8(1, 0, 6, 0xff, 0xff, 0xff))
  const [at, end] = [3, 3 + value.length]
  const error = checkPrefixSid(buf, at, end)
  if (error !== 0) return { withdraw: prefixSidErrorText(error) }
  const sid = new ServiceSid()
  if (!readServiceSid(buf, at, end, sid, want === 'v4', want === 'v6')) {
    return { invalid: sidProblemText(sid.problem) }
  }
  const out = new Uint8Array(20)
  const problem = rebuildSid(sid, buf, label, out, 2)
  if (toHex(out.subarray(0, 2)) + toHex(out.subarray(18)) !== '00000000') return 'wrote outside'
  if (problem !== 0) return { invalid: sidProblemText(problem) }
  const result = { sid: toHex(out.subarray(2, 18)), behavior: sid.behavior }
  return sid.shortStructure ? { ...result, counted: true } : result
}

const sidText = (text: string) => toHex(address(text))
const service = (...subs: Uint8Array[]) => l3Service(...subs)
const DT46 = 20

// biome-ignore format: one row of the receive matrix each
const ACCEPTED: [rule: string, value: Uint8Array, label: number, sid: string, behavior: number, counted?: true][] = [
  ['full SID, no structure, label 3',
    service(sidInformation('fcbb:bb00:9:1::', DT46)), 0x000031, 'fcbb:bb00:9:1::', 20],
  ['full SID, no structure, any label',
    service(sidInformation('fcbb:bb00:9:1::', DT46)), 0xffffff, 'fcbb:bb00:9:1::', 20],
  ['structure without transposition, label ignored',
    service(sidInformation('fcbb:bb00:9:1::', DT46, sidStructure(32, 16, 16, 0, 0, 0))), 0x123451, 'fcbb:bb00:9:1::', 20],
  ['an offset without a length is nothing',
    service(sidInformation('fcbb:bb00:9:1::', DT46, sidStructure(32, 16, 16, 0, 0, 64))), 0x123451, 'fcbb:bb00:9:1::', 20],
  ['transposed 16@48',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 16, 0, 16, 48))), 0x000101, 'fcbb:bb00:9:1::', 20],
  ['transposed 16@64 with 40/24/16/0, opaque behavior (FRR 8.4)',
    service(sidInformation('fcbb:bb00:1:1::', 0xffff, sidStructure(40, 24, 16, 0, 16, 64))), 0x010003, 'fcbb:bb00:1:1:100::', 0xffff],
  ['transposed 20@48',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 20, 0, 20, 48))), 0x123451, 'fcbb:bb00:9:1234:5000::', 20],
  ['transposed 16@48, uDT4 of a NEXT-CSID locator',
    service(sidInformation('fcbb:bb00:9::', 63, sidStructure(32, 16, 16, 0, 16, 48))), 0xe00001, 'fcbb:bb00:9:e000::', 63],
  ['transposed 16@48, uDT46',
    service(sidInformation('fcbb:bb00:9::', 64, sidStructure(32, 16, 16, 0, 16, 48))), 0xe00001, 'fcbb:bb00:9:e000::', 64],
  ['a split in the middle of an octet: 13@45',
    service(sidInformation('fcbb:bb00:8::', DT46, sidStructure(32, 13, 13, 0, 13, 45))), 0xfff801, 'fcbb:bb00:f:ffc0::', 20],
  ['function bits still in the SID are replaced, not mixed',
    service(sidInformation('fcbb:bb00:9:ffff::', DT46, sidStructure(32, 16, 16, 0, 16, 48))), 0x000101, 'fcbb:bb00:9:1::', 20],
  ['an argument of 16 bits',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 16, 16, 16, 48))), 0x000101, 'fcbb:bb00:9:1::', 20],
  ['EXP bits set and bottom of stack clear do not count (0xe00003, 0xe0000e)',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 16, 0, 16, 48))), 0xe00003, 'fcbb:bb00:9:e000::', 20],
  ['all three EXP bits, no bottom of stack, 20 bits transposed',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 20, 0, 20, 48))), 0xe0000e, 'fcbb:bb00:9:e000::', 20],
  ['a label under 16',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 20, 0, 20, 48))), 0x000051, 'fcbb:bb00:9:0:5000::', 20],
  ['a label of 0: nothing merged in',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 16, 0, 16, 48))), 0x000001, 'fcbb:bb00:9::', 20],
  ['a structure shorter than its transposition is accepted and counted',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 0, 0, 16, 48))), 0x000101, 'fcbb:bb00:9:1::', 20, true],
  ['unknown behavior',
    service(sidInformation('fcbb:bb00:9:1::', 0x1234)), 0x31, 'fcbb:bb00:9:1::', 0x1234],
  ['unknown TLV and Label-Index before, originator SRGB behind',
    concat(tlv(200, u8(1, 2, 3)), tlv(1, u8(0, 0, 0, 0, 0, 0, 7)), service(sidInformation('fcbb:bb00:9:1::', DT46)), tlv(3, u8())), 0x31, 'fcbb:bb00:9:1::', 20],
  ['unknown sub-TLVs around the SID',
    service(tlv(2, u8(9, 9)), sidInformation('fcbb:bb00:9:1::', DT46), tlv(255)), 0x31, 'fcbb:bb00:9:1::', 20],
  ['unknown sub-sub-TLVs around the structure',
    service(sidInformation('fcbb:bb00:9::', DT46, tlv(2, u8(1)), sidStructure(32, 16, 16, 0, 16, 48), tlv(9))), 0x101, 'fcbb:bb00:9:1::', 20],
  ['of two structures the first',
    service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(32, 16, 16, 0, 16, 48), sidStructure(40, 24, 16, 0, 99, 64))), 0x101, 'fcbb:bb00:9:1::', 20],
  ['unknown flags and reserved octets set',
    tlv(5, u8(0xff), tlv(1, u8(0xff), address('fcbb:bb00:9:1::'), u8(0xff, 0, 20, 0xff))), 0x31, 'fcbb:bb00:9:1::', 20],
  ['of two L3 Service TLVs the first',
    concat(service(sidInformation('fcbb:bb00:9:1::', DT46)), service(sidInformation('fcbb:bb00:9:2::', DT46, sidStructure(0, 0, 0, 0, 99, 0)))), 0x31, 'fcbb:bb00:9:1::', 20],
  ['an L2 Service TLV before it is passed by',
    concat(l2Service(sidInformation('fcbb:bb00:9:2::', 24, sidStructure(32, 16, 24, 0, 24, 48))), service(sidInformation('fcbb:bb00:9:1::', DT46))), 0x31, 'fcbb:bb00:9:1::', 20],
  ['of several SIDs the first whose structure can be',
    service(sidInformation('fcbb::', DT46, sidStructure(32, 16, 16, 0, 21, 48)), sidInformation('fcbb:bb00:9:1::', DT46)), 0x31, 'fcbb:bb00:9:1::', 20],
  ['of several SIDs the first usable one for the family',
    service(sidInformation('::', DT46), sidInformation('fcbb:bb00:9:6::', 18), sidInformation('fcbb:bb00:9:4::', 19), sidInformation('fcbb:bb00:9:1::', DT46)), 0x31, 'fcbb:bb00:9:4::', 19],
]

t.test('RFC 9252: what is accepted, and the SID it gives', async (t) => {
  for (const [rule, value, label, sid, behavior, counted] of ACCEPTED) {
    const expected = { sid: sidText(sid), behavior, ...(counted ? { counted } : {}) }
    t.same(decide(value, label), expected, rule)
  }
})

t.test('RFC 9252 §3.1: several SIDs, the first for the family of the route', async (t) => {
  const value = service(sidInformation('fcbb::6', 18), sidInformation('fcbb::4', 19))
  t.same(decide(value, 0x31, 'v4'), { sid: sidText('fcbb::4'), behavior: 19 })
  t.same(decide(value, 0x31, 'v6'), { sid: sidText('fcbb::6'), behavior: 18 })
  const has = (verdict: object | string) => typeof verdict === 'object' && 'sid' in verdict
  for (const [code, v4, v6] of [
    [16, false, true],
    [17, true, false],
    [Behavior.END_DT6_NEXT_CSID, false, true],
    [Behavior.END_DT4_NEXT_CSID, true, false],
    [Behavior.END_DT46_NEXT_CSID, true, true],
    [Behavior.OPAQUE, true, true],
    [0xfffe, true, true],
  ] as const) {
    const one = service(sidInformation('fcbb::1', code))
    t.equal(has(decide(one, 0x31, 'v4')), v4, `behavior ${code} takes IPv4`)
    t.equal(has(decide(one, 0x31, 'v6')), v6, `behavior ${code} takes IPv6`)
  }
})

const structured = (...bits: number[]) =>
  service(sidInformation('fcbb:bb00:9::', DT46, sidStructure(...bits)))

// biome-ignore format: one row of the receive matrix each
const INVALID: [rule: string, value: Uint8Array, label: number, problem: number][] = [
  ['no L3 Service TLV', tlv(1, u8(0, 0, 0, 0, 0, 0, 7)), 0x31, SidProblem.NO_L3_SERVICE],
  ['only an L2 Service TLV', l2Service(sidInformation('fcbb::1', 24)), 0x31, SidProblem.NO_L3_SERVICE],
  ['the TLV 4 of an old draft', tlv(4, u8(0, 1, 0), address('fcbb::1')), 0x31, SidProblem.NO_L3_SERVICE],
  ['an L3 Service TLV without a SID', service(), 0x31, SidProblem.NO_SID],
  ['an L3 Service TLV with unknown sub-TLVs alone', service(tlv(9, u8(1))), 0x31, SidProblem.NO_SID],
  ['a first L3 Service TLV without a SID, a second with one', concat(service(), service(sidInformation('fcbb::1', DT46))), 0x31, SidProblem.NO_SID],
  ['the SID ::', service(sidInformation('::', DT46)), 0x31, SidProblem.UNSPECIFIED],
  ['the SID :: whatever is transposed', service(sidInformation('::', DT46, sidStructure(32, 16, 16, 0, 16, 48))), 0xe00001, SidProblem.UNSPECIFIED],
  ['a multicast SID', service(sidInformation('ff02::1', DT46)), 0x31, SidProblem.MULTICAST],
  ['a SID that the label makes multicast', service(sidInformation('fcbb::1', DT46, sidStructure(0, 0, 16, 0, 16, 0))), 0xff0200, SidProblem.MULTICAST],
  ['a link-local SID', service(sidInformation('fe80::1', DT46)), 0x31, SidProblem.NOT_ROUTABLE],
  ['the SID ::1', service(sidInformation('::1', DT46)), 0x31, SidProblem.NOT_ROUTABLE],
  ['End.DT6 for an IPv4 prefix', service(sidInformation('fcbb::1', 18)), 0x31, SidProblem.WRONG_FAMILY],
  ['uDT6 for an IPv4 prefix', service(sidInformation('fcbb::1', 62)), 0x31, SidProblem.WRONG_FAMILY],
  ['End, which serves no customer', service(sidInformation('fcbb::1', 1)), 0x31, SidProblem.WRONG_FAMILY],
  ['a transposition of 21 bits', structured(32, 16, 21, 0, 21, 48), 0x101, SidProblem.TRANSPOSITION_LENGTH],
  ['a transposition of 24 bits', structured(32, 16, 24, 0, 24, 48), 0x101, SidProblem.TRANSPOSITION_LENGTH],
  ['a transposition of 255 bits at 255', structured(32, 16, 16, 0, 255, 255), 0x101, SidProblem.TRANSPOSITION_LENGTH],
  ['TL + TO = 129', structured(32, 16, 16, 0, 16, 113), 0x101, SidProblem.TRANSPOSITION_RANGE],
  ['TL 1 at 128', structured(32, 16, 16, 0, 1, 128), 0x101, SidProblem.TRANSPOSITION_RANGE],
  ['a structure of 129 bits', structured(64, 32, 32, 1, 16, 48), 0x101, SidProblem.STRUCTURE_RANGE],
  ['a structure of 129 bits, nothing transposed', structured(64, 64, 1, 0, 0, 0), 0x101, SidProblem.STRUCTURE_RANGE],
  ['the first of several reasons', service(sidInformation('ff02::1', DT46), sidInformation('::', DT46)), 0x31, SidProblem.MULTICAST],
]

t.test('RFC 9252 §3.1, §7: what leaves a path without a SID, with its reason', async (t) => {
  for (const [rule, value, label, problem] of INVALID) {
    t.same(decide(value, label), { invalid: sidProblemText(problem) }, rule)
  }
  const texts = Object.values(SidProblem).map(sidProblemText)
  t.equal(new Set(texts).size, texts.length, 'each problem has its own text')
  t.equal(sidProblemText(99), 'sid problem 99')
})

t.test('every truncation of every value is refused or reads inside its range', async (t) => {
  const accepted = ACCEPTED.map(([, value]) => value)
  for (const value of [...accepted, ...INVALID.map(([, v]) => v)]) {
    for (let end = 0; end < value.length; end++) {
      const cut = decide(value.subarray(0, end), 0x101)
      // A cut between two TLVs leaves a shorter, whole attribute.
      if (typeof cut === 'string' || !('withdraw' in cut))
        t.equal(tlvEnds(value).has(end), true, `cut at ${end}`)
    }
  }
})

function tlvEnds(value: Uint8Array): Set<number> {
  const ends = new Set<number>()
  for (let at = 0; at < value.length; at += 3 + ((value[at + 1]! << 8) | value[at + 2]!)) {
    ends.add(at)
  }
  return ends
}

t.test('any octets at all: a verdict, never an exception or a SID from outside', async (t) => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(...ACCEPTED.map(([, value]) => value), ...INVALID.map(([, v]) => v)),
    ),
    { maxLength: 4 },
  )
  const verdicts = () =>
    fc.assert(
      fc.property(pieces, fc.nat(0xffffff), (parts, label) => {
        const value = concat(...parts)
        const sid = new ServiceSid()
        if (checkPrefixSid(value, 0, value.length) !== 0) return true
        if (!readServiceSid(value, 0, value.length, sid, true, false)) return sid.problem !== 0
        rebuildSid(sid, value, label, new Uint8Array(16), 0)
        return sid.sidAt >= 0 && sid.sidAt + 16 <= value.length
      }),
      { seed: 9252, numRuns: 3000 },
    )
  t.doesNotThrow(verdicts)
})

t.test('a reused ServiceSid keeps nothing of the one before', async (t) => {
  const sid = new ServiceSid()
  const full = structured(32, 16, 0, 0, 16, 48)
  readServiceSid(full, 0, full.length, sid, true, false)
  t.match(sid, { hasStructure: true, transpositionBits: 16, shortStructure: true, problem: 0 })
  const bare = service(sidInformation('fcbb::1', DT46))
  readServiceSid(bare, 0, bare.length, sid, true, false)
  const fresh = new ServiceSid()
  readServiceSid(bare, 0, bare.length, fresh, true, false)
  t.same({ ...sid }, { ...fresh })
  readServiceSid(tlv(1), 0, 3, sid, true, false)
  t.same({ ...sid }, { ...new ServiceSid() })
})

const structures = fc
  .tuple(fc.nat(128), fc.nat(128), fc.nat(128), fc.nat(128))
  .filter((bits) => bits.reduce((a, b) => a + b) <= 128)
  .map(([blockBits, nodeBits, functionBits, argumentBits]) => ({
    blockBits,
    nodeBits,
    functionBits,
    argumentBits,
  }))
const sids = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((sid) => Uint8Array.from(sid, (octet, k) => (k === 0 ? 0xfc : k === 15 ? octet | 1 : octet)))

t.test('RFC 9252 §4: transposed, written, read and rebuilt, a SID is what it was', async (t) => {
  const roundTrips = () =>
    fc.assert(
      fc.property(sids, structures, fc.boolean(), fc.nat(0xf), (sid, s, transpose, noise) => {
        // A SID whose first 8 bits travel in the label looks like another address on the way.
        fc.pre(s.blockBits + s.nodeBits >= 8 || s.functionBits === 0 || !transpose)
        const writer = new AttrWriter()
        writer.prefixSid(sid, DT46, s, transpose)
        const at = 3
        const out = new Uint8Array(16)
        const read = new ServiceSid()
        const label = (labelOf(sid, s, transpose) & 0xfffff0) | noise
        return (
          checkPrefixSid(writer.buf, at, writer.end) === 0 &&
          readServiceSid(writer.buf, at, writer.end, read, true, true) &&
          rebuildSid(read, writer.buf, label, out, 0) === 0 &&
          toHex(out) === toHex(sid)
        )
      }),
      { seed: 9252, numRuns: 2000 },
    )
  t.doesNotThrow(roundTrips)
})

const F3216: SidStructure = { blockBits: 32, nodeBits: 16, functionBits: 16, argumentBits: 0 }

t.test('RFC 9252 §4: up to 20 function bits are transposed, more are not', async (t) => {
  const of = (functionBits: number) => transposedBits({ ...F3216, functionBits })
  t.same([0, 16, 20, 21, 32].map(of), [0, 16, 20, 0, 0])
})

t.test('RFC 9252 §4: the label field of a route', async (t) => {
  const sid = address('fcbb:bb00:1:e002::')
  t.equal(labelOf(sid, F3216, true), 0xe00201, 'the function, left-justified, bottom of stack')
  t.equal(labelOf(sid, F3216, false), 0x000031, 'Implicit NULL')
  t.equal(labelOf(sid, { ...F3216, functionBits: 24 }, true), IMPLICIT_NULL_FIELD)
  const wide = address('fcbb:bb00:1:1234:5000::')
  t.equal(labelOf(wide, { ...F3216, functionBits: 20 }, true), 0x123451)
})

t.test('RFC 9252 §3: the attribute, octet for octet', async (t) => {
  const sid = address('fcbb:bb00:1:e002::')
  const writer = new AttrWriter()
  writer.prefixSid(sid, Behavior.END_DT46, F3216, true)
  t.equal(
    toHex(writer.buf.subarray(0, writer.end)),
    toHex(hex`
      c0 28 25                             // PREFIX_SID, 37 octets
      05 0022 00                           // SRv6 L3 Service
      01 001e 00                           // SID Information
      fcbb bb00 0001 0000 00000000 00000000 // the function travels in the label
      00 0014 00                           // flags, End.DT46
      01 0006 20 10 10 00 10 30            // 32/16/16/0, 16 bits at 48`),
  )
  writer.reset()
  writer.prefixSid(sid, Behavior.END_DT46_NEXT_CSID, F3216, false)
  t.equal(
    toHex(writer.buf.subarray(0, writer.end)),
    toHex(prefixSid(service(sidInformation(sid, 64, sidStructure(32, 16, 16, 0, 0, 0))))),
    'whole, as the independent builder writes it',
  )
})

t.test('no garbage: a million SIDs checked, read and rebuilt without one collection', async (t) => {
  const values = ACCEPTED.map(([, value]) => value)
  const sid = new ServiceSid()
  const out = new Uint8Array(16)
  let usable = 0
  const run = (rounds: number) => {
    for (let k = 0; k < rounds; k++) {
      const value = values[k % values.length]!
      if (checkPrefixSid(value, 0, value.length) !== 0) continue
      if (!readServiceSid(value, 0, value.length, sid, true, false)) continue
      if (rebuildSid(sid, value, k & 0xffffff, out, 0) === 0) usable++
    }
  }
  run(100_000)
  const { during, control } = await collectionsDuring(() => run(1_000_000))
  t.ok(usable > 1_000_000)
  t.equal(during, 0)
  t.ok(control > 0, 'collections are seen')
})
