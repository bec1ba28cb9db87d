/**
 * Every attribute × (wrong flags, too short, too long, empty, twice, missing) × session × routes it
 * comes with × place in the message × form of its header: verdict, subcode and octets, each as
 * test/support/attribute-matrix.ts has it from the RFCs.
 */
import t, { type Test } from 'tap'
import { ATTRS, Attr, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import {
  type AttributeRow,
  attributeRows,
  LABELED_PREFIX_SID,
  type Letter,
  type Verdict,
} from '../support/attribute-matrix.ts'
import * as b from '../support/builder.ts'
import { concat, hex } from '../support/hex.ts'

/** Bits 1 to 10: every family. */
const FAMILIES = 0b111_1111_1110
const base = { localAs: 65000, addPath: 0, families: FAMILIES }
const SESSIONS: Record<string, UpdateSession> = {
  'eBGP, AS of 4 octets': { ...base, asn4: true, ebgp: true },
  'iBGP, AS of 4 octets': { ...base, asn4: true, ebgp: false },
  'eBGP, AS of 2 octets': { ...base, asn4: false, ebgp: true },
  'iBGP, AS of 2 octets': { ...base, asn4: false, ebgp: false },
}

/** The routes an attribute comes with. */
interface Routes {
  /** MP_REACH_NLRI or MP_UNREACH_NLRI. */
  mp?: Uint8Array
  withdrawn?: Uint8Array[]
  nlri?: Uint8Array[]
  announces: boolean
}

const HOP4 = b.address('192.0.2.1')
const HOP6 = b.address('2001:db8::1')
const LABELED = hex`30 000311 0a0700 // label 49, 10.7.0.0/24`
const EVPN = hex`03 11 0000fde800000001 00000000 20 c0000201 // inclusive multicast`
const CLASSIC: Routes = { nlri: [b.prefix('10.1.0.0/16')], announces: true }
const LABELED_UNICAST: Routes = { mp: b.mpReach(1, 4, HOP4, LABELED), announces: true }
const ROUTES: Record<string, Routes> = {
  'NLRI field': CLASSIC,
  'IPv6 unicast': { mp: b.mpReach(2, 1, HOP6, b.prefix('2001:db8::/32')), announces: true },
  'IPv4 multicast': { mp: b.mpReach(1, 2, HOP4, b.prefix('10.1.0.0/16')), announces: true },
  'labeled unicast': LABELED_UNICAST,
  VPNv4: {
    mp: b.mpReach(
      1,
      128,
      b.vpnNextHop('2001:db8::1'),
      b.vpnPrefix({ rd: '65000:1', label: 0x31, prefix: '10.1.0.0/16' }),
    ),
    announces: true,
  },
  EVPN: { mp: b.mpReach(25, 70, HOP4, EVPN), announces: true },
  'a family nobody knows': { mp: b.mpReach(16388, 71, HOP4, b.u8(1, 2, 3)), announces: true },
  'withdrawn routes': { withdrawn: [b.prefix('10.1.0.0/16')], announces: false },
  MP_UNREACH_NLRI: { mp: b.mpUnreach(2, 1, b.prefix('2001:db8::/32')), announces: false },
}

/** Header octets an attribute may have: the bits that no specification fixes make no difference. */
const FORMS: Record<string, number> = {
  plain: 0,
  'two length octets': 0x10,
  partial: 0x20,
  unused: 0x0f,
}

const PLACES = ['first', 'last'] as const

const OUTCOMES: Record<Letter, number> = {
  O: Outcome.OK,
  D: Outcome.ATTRIBUTE_DISCARD,
  W: Outcome.TREAT_AS_WITHDRAW,
  F: Outcome.AFI_SAFI_DISABLE,
  R: Outcome.SESSION_RESET,
}

interface Case {
  row: AttributeRow
  session: UpdateSession
  routes: Routes
  place: (typeof PLACES)[number]
  /** The occurrences of the attribute, in order. */
  occurrences: Uint8Array[]
}

/** The message, and where each occurrence begins in it. */
function message({ row, session, routes, place, occurrences }: Case) {
  const own = concat(...occurrences)
  const mandatory = [b.origin(0), b.asPath([65001], session.asn4 ? 4 : 2)]
  if (routes.nlri !== undefined) mandatory.push(b.nextHop('192.0.2.1'))
  const others = [
    ...(routes.mp === undefined ? [] : [routes.mp]),
    ...(routes.announces ? mandatory.filter((attr) => attr[1] !== row.type) : []),
  ]
  const attrs = place === 'first' ? [own, ...others] : [...others, own]
  const { withdrawn = [], nlri = [] } = routes
  const body = b.update({ withdrawn, attrs, nlri }).slice(19)
  const attrsAt = 4 + concat(...withdrawn).length
  let at = attrsAt + (place === 'first' ? 0 : concat(...others).length)
  const starts = occurrences.map((octets) => {
    at += octets.length
    return at - octets.length
  })
  return { body, starts, attrsAt }
}

/** [from, to] of a verdict's octets, of an attribute at `at`. */
function octetsOf({ where }: Verdict, attr: Uint8Array, at: number): [number, number] {
  const valueAt = at + ((attr[0]! & 0x10) !== 0 ? 4 : 3)
  if (where === 'flags') return [at, at + 1]
  if (where === 'flags type') return [at, at + 2]
  if (where === 'length') return [at + 2, valueAt]
  if (where === 'attribute') return [at, at + attr.length]
  return [valueAt + where[0], valueAt + where[1]]
}

const view = new UpdateView()
let checks = 0

/** Parses the case and compares; `of` is the occurrence the verdict is about. */
function check(t: Test, name: string, one: Case, verdict: Verdict, of = 0): void {
  const { body, starts } = message(one)
  parseUpdate(view, body, 0, body.length, one.session)
  checks++
  const attr = one.occurrences[of]!
  const at = starts[of]!
  // RFC 7606 §5.2: without reachable NLRI more than a discard ends the session
  const ends = verdict.outcome === 'W' && !one.routes.announces
  const isGood = verdict.outcome === 'O'
  const want = {
    outcome: OUTCOMES[ends ? 'R' : verdict.outcome],
    code: isGood ? 0 : 3,
    subcode: verdict.subcode,
    type: isGood ? 0 : one.row.type,
    attribute: isGood ? [0, 0] : [at, at + attr.length],
    wrong: isGood ? [0, 0] : octetsOf(verdict, attr, at),
  }
  const got = {
    outcome: view.outcome,
    code: view.errorCode,
    subcode: view.errorSubcode,
    type: view.errorAttr,
    attribute: [view.errorAt, view.errorEnd],
    wrong: [view.faultAt, view.faultEnd],
  }
  if (JSON.stringify(got) !== JSON.stringify(want)) t.same(got, want, name)
  if (of === 0) checkRow(t, name, one, verdict, want.wrong)
}

/** The verdict that stands with the attribute itself. */
function checkRow(t: Test, name: string, one: Case, verdict: Verdict, wrong: number[]): void {
  const row = view.indexOf(one.row.type)
  const want = [
    OUTCOMES[verdict.outcome],
    verdict.subcode,
    ...wrong,
    verdict.outcome === 'D' ? 1 : 0,
  ]
  const got = [
    view.attrOutcome[row],
    view.attrSubcode[row],
    view.attrFaultAt[row],
    view.attrFaultEnd[row],
    view.attrDiscard[row],
  ]
  if (`${got}` !== `${want}`) t.same(got, want, `${name}: its own`)
}

/** Is it dropped on the session, whatever it holds? */
function dropped({ notFrom }: AttributeRow, session: UpdateSession): Verdict | null {
  if (notFrom === undefined || !session[notFrom.session]) return null
  return { outcome: 'D', subcode: 9, where: 'attribute' }
}

/** The rows as they are for some routes, and which routes make sense with them. */
function rowsFor(session: UpdateSession, routes: Routes): AttributeRow[] {
  return attributeRows(session.asn4)
    .filter(({ once }) => once === undefined || routes === CLASSIC)
    .map((row) => (row.type === 40 && routes === LABELED_UNICAST ? LABELED_PREFIX_SID : row))
}

type Check = (t: Test, name: string, one: Omit<Case, 'occurrences'>, form: number) => void

/** Runs `each` for every session, routes, row, place and form. */
function everywhere(t: Test, each: Check): void {
  const began = checks
  for (const [sessionName, session] of Object.entries(SESSIONS)) {
    for (const [routesName, routes] of Object.entries(ROUTES)) {
      for (const row of rowsFor(session, routes)) {
        for (const place of PLACES) {
          for (const [formName, form] of Object.entries(FORMS)) {
            const name = `${row.name}, ${formName}, ${place}, ${sessionName}, ${routesName}`
            each(t, name, { row, session, routes, place }, form)
          }
        }
      }
    }
  }
  t.ok(checks > began + 1000, `${checks - began} checks`)
}

const GOOD: Verdict = { outcome: 'O', subcode: 0, where: 'attribute' }
const TWICE: Verdict = { outcome: 'D', subcode: 1, where: 'attribute' }

t.test('the matrix has every attribute of the registry', async (t) => {
  const types = new Set(attributeRows(true).map(({ type }) => type))
  for (const name of Object.keys(ATTRS) as (keyof typeof Attr)[]) t.ok(types.has(Attr[name]), name)
})

t.test('RFC 4271 §4.3: attributes as they should be, each where it belongs', async (t) => {
  everywhere(t, (t, name, one, form) => {
    const { row, session } = one
    const occurrences = [b.attr(row.flags | form, row.type, row.value)]
    check(t, name, { ...one, occurrences }, dropped(row, session) ?? GOOD)
  })
})

t.test('RFC 7606 §3 c: wrong Optional and Transitive bits', async (t) => {
  everywhere(t, (t, name, one, form) => {
    const { row, session } = one
    for (const [flags, verdict] of Object.entries(row.wrongFlags)) {
      const occurrences = [b.attr(Number(flags) | form, row.type, row.value)]
      const want = dropped(row, session) ?? verdict
      check(t, `flags ${flags}: ${name}`, { ...one, occurrences }, want)
    }
  })
})

t.test('RFC 7606 §4, §7: values too short, too long, empty, of another form', async (t) => {
  everywhere(t, (t, name, one, form) => {
    const { row, session } = one
    for (const { what, value, verdict, cite } of row.wrong) {
      const occurrences = [b.attr(row.flags | form, row.type, value)]
      const want = dropped(row, session) ?? verdict
      check(t, `${cite}: ${what}: ${name}`, { ...one, occurrences }, want)
    }
  })
})

t.test('RFC 7606 §3 g: twice: the second is dropped, whatever it holds', async (t) => {
  everywhere(t, (t, name, one, form) => {
    const { row, session } = one
    const right = b.attr(row.flags | form, row.type, row.value)
    const others = [
      right,
      ...row.wrong.map(({ value }) => b.attr(row.flags | form, row.type, value)),
      ...Object.keys(row.wrongFlags).map((flags) => b.attr(Number(flags), row.type, row.value)),
    ]
    for (const second of others) {
      const occurrences = [right, second]
      const drop = dropped(row, session)
      const want = row.once ? { ...TWICE, outcome: 'R' as const } : (drop ?? TWICE)
      check(t, `twice: ${name}`, { ...one, occurrences }, want, drop === null || row.once ? 1 : 0)
      if (view.duplicates !== 1) t.equal(view.duplicates, 1, name)
      const at = view.indexOf(row.type)
      if (drop === null && !row.once && view.attrOutcome[at] !== 0) t.fail(`${name}: first refused`)
    }
  })
})

t.test('RFC 7606 §3 g, §3 h: twice, and the first is malformed', async (t) => {
  everywhere(t, (t, name, one, form) => {
    const { row, session } = one
    // judged behind the walk, so that of two equal verdicts the other is the message's
    if (row.once || row === LABELED_PREFIX_SID) return
    for (const { what, value, verdict } of row.wrong) {
      if (verdict.outcome === 'O') continue
      const first = b.attr(row.flags | form, row.type, value)
      const occurrences = [first, b.attr(row.flags, row.type, row.value)]
      const want = dropped(row, session) ?? verdict
      check(t, `${what}, and again: ${name}`, { ...one, occurrences }, want)
    }
  })
})

t.test('RFC 7606 §3 d: missing', async (t) => {
  everywhere(t, (t, name, one) => {
    const { row, session, routes } = one
    const { body, attrsAt } = message({ ...one, occurrences: [] })
    parseUpdate(view, body, 0, body.length, session)
    checks++
    const isMissed =
      row.missing !== undefined &&
      routes.announces &&
      (!row.missing.fieldsOnly || routes === CLASSIC)
    const want = isMissed
      ? [OUTCOMES[row.missing!.verdict.outcome], 3, 3, row.type, attrsAt, attrsAt]
      : [0, 0, 0, 0, 0, 0]
    const got = [
      view.outcome,
      view.errorCode,
      view.errorSubcode,
      view.errorAttr,
      view.faultAt,
      view.faultEnd,
    ]
    if (`${got}` !== `${want}`) t.same(got, want, name)
  })
})
