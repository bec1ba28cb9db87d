/** Parsers with a bug each, to see that the fuzzer finds it: the name of the invariant it breaks. */
import { parseUpdate } from '../../src/wire/update-parser.ts'
import type { Invariant, Parse } from './invariant.ts'

/** The parser, with something done after it. */
function but(after: (view: Parameters<Parse>[0], buf: Uint8Array, end: number) => void): Parse {
  return (view, buf, at, end, session) => {
    const outcome = parseUpdate(view, buf, at, end, session)
    after(view, buf, end)
    return outcome
  }
}

const COMMUNITIES = 8
const EXTENDED_COMMUNITIES = 16

export const PLANTED: readonly [what: string, Invariant, () => Parse][] = [
  [
    'an exception for a value hardly ever seen',
    'never throws',
    () =>
      but((view, buf) => {
        const row = view.indexOf(COMMUNITIES)
        if (row >= 0 && buf[view.attrValueAt(row) + 3] === 77) throw new RangeError('77')
      }),
  ],
  [
    'the octet behind the message decides',
    'reads only the message',
    () =>
      but((view, buf, end) => {
        if (view.attrCount > 3 && buf[end] === 0xff) view.nextHopLen++
      }),
  ],
  [
    'an octet of the message is changed',
    'writes nothing',
    () =>
      but((view, buf) => {
        const row = view.indexOf(COMMUNITIES)
        if (row >= 0) buf[view.attrValueAt(row)] = 0xff
      }),
  ],
  [
    'an empty attribute of one type is never passed',
    'never loops',
    () =>
      but((view) => {
        const row = view.indexOf(COMMUNITIES)
        if (row < 0 || view.attrValueAt(row) !== view.attrEnd(row)) return
        for (let at = 0; at < 1; ) at += view.attrEnd(row) - view.attrValueAt(row)
      }),
  ],
  [
    'a range ends behind the message',
    'keeps to its ranges',
    () =>
      but((view) => {
        if (view.nlriEnd - view.nlriAt === 7) view.nlriEnd++
      }),
  ],
  [
    'the message before decides',
    'same verdict twice',
    () => {
      const last = new WeakMap<object, number>()
      return but((view) => {
        if (last.get(view) === 4 && view.attrCount === 4) view.duplicates++
        last.set(view, view.attrCount)
      })
    },
  ],
  [
    'a verdict without a reason',
    'verdict has its reason',
    () =>
      but((view) => {
        if (view.errorAttr === COMMUNITIES) view.reason = 0
      }),
  ],
  [
    'the place in memory decides',
    'same verdict in any chunks',
    () =>
      but((view, buf) => {
        // a message that was split is in the framer's own memory
        if (buf.length === 65535 && view.at === 19 && view.attrCount > 3) view.duplicates++
      }),
  ],
  [
    'the third prefix of a message is a shorter one',
    'columns hold what cursors read',
    () =>
      but(({ ipv4 }) => {
        if (ipv4 !== null && ipv4.count > 2) ipv4.bits[2] = 0
      }),
  ],
  [
    'flags are told otherwise than they stand there',
    'parse of pack is identity',
    () =>
      but((view) => {
        const found = view.indexOf(EXTENDED_COMMUNITIES)
        view.attrFlags = (row) => (row === found ? 0x40 : view.buf[view.attrAt[row]!]!)
      }),
  ],
]
