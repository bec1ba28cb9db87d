import t from 'tap'
import { Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat } from '../support/hex.ts'

const session: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: 0b11110,
}
const view = new UpdateView()

t.test(
  'parseUpdate: an AS_PATH that begins as a plain one and is longer than its octet says',
  async (t) => {
    // 64 hops are 258 octets: 2 in one octet, with type 3 in the place of AS_PATH
    const odd = concat(b.u8(0x40, 3, 2, 2, 64), new Uint8Array(256).fill(1))
    const message = b.update({
      attrs: [b.origin(0), odd, b.nextHop('192.0.2.1')],
      nlri: [b.prefix('10.0.0.0/8')],
    })
    t.not(parseUpdate(view, message, 19, message.length, session), Outcome.OK)
  },
)

t.test('parseUpdate: a hop of 0 anywhere in a path of any length is found', async (t) => {
  const wrong: string[] = []
  for (let hops = 1; hops <= 63; hops++) {
    for (let zero = -1; zero < hops; zero++) {
      const path = Array.from({ length: hops }, (_, k) => (k === zero ? 0 : 65001 + k))
      const sound = [b.origin(2), b.asPath(path), b.nextHop('192.0.2.1'), b.med(5)]
      const message = b.update({ attrs: sound, nlri: [b.prefix('10.0.0.0/8')] })
      const outcome = parseUpdate(view, message, 19, message.length, session)
      const want = zero < 0 ? Outcome.OK : Outcome.TREAT_AS_WITHDRAW
      if (outcome !== want || view.attrCount !== 4) wrong.push(`${hops} hops, 0 at ${zero}`)
    }
  }
  t.same(wrong, [])
})

/** Outcome and types of the rows; the body is all there is in the buffer. */
function verdict(attrs: Uint8Array[], nlri: Uint8Array[]): string {
  const message = b.update({ attrs, nlri }).slice(19)
  const outcome = parseUpdate(view, message, 0, message.length, session)
  return [outcome, ...Array.from({ length: view.attrCount }, (_, row) => view.attrType(row))].join()
}

t.test(
  'parseUpdate: MULTI_EXIT_DISC and COMMUNITIES behind NEXT_HOP, there or not, right or wrong, and what follows',
  async (t) => {
    const { OK, ATTRIBUTE_DISCARD, TREAT_AS_WITHDRAW } = Outcome
    const wrong: string[] = []
    const communities = (octets: number, flags = 0xc0) =>
      b.attr(flags, 8, new Uint8Array(octets).fill(8))
    const behind: [Uint8Array[], number[], Outcome][] = [
      [[], [], OK],
      [[b.localPref(7)], [5], OK],
      [[b.atomicAggregate()], [6], OK],
      [[communities(4)], [], ATTRIBUTE_DISCARD],
      [[b.med(1)], [], ATTRIBUTE_DISCARD],
    ]
    for (let hops = 2; hops <= 10; hops++) {
      const path = Array.from({ length: hops }, (_, k) => 65001 + k)
      const start = [b.origin(0), b.asPath(path), b.nextHop('192.0.2.1')]
      for (const meds of [[], [b.med(hops)]]) {
        for (const flags of [0xc0, 0xe0, 0xd0, 0x40]) {
          for (let octets = 0; octets <= 260; octets += octets < 12 ? 1 : 31) {
            for (const [more, types, also] of behind) {
              const isBad = octets === 0 || octets % 4 !== 0 || flags === 0x40
              const isSecondMed = more[0]?.[1] === 4
              const extra = isSecondMed && meds.length === 0 ? [4] : types
              const isTwice = isSecondMed && meds.length === 0 ? OK : also
              const want = [
                isBad ? TREAT_AS_WITHDRAW : isTwice,
                ...[1, 2, 3, ...(meds.length > 0 ? [4] : []), 8, ...extra],
              ].join()
              const attrs = [...start, ...meds, communities(octets, flags), ...more]
              const nlri = hops % 2 === 0 ? [b.prefix('10.0.0.0/8')] : [b.prefix('0.0.0.0/0')]
              const got = verdict(attrs, nlri)
              if (got !== want) wrong.push(`${hops} ${flags} ${octets}: ${got}, not ${want}`)
            }
          }
        }
        const plain = verdict([...start, ...meds], [b.prefix('10.0.0.0/8')])
        if (plain !== (meds.length > 0 ? '0,1,2,3,4' : '0,1,2,3')) wrong.push(`${hops}: ${plain}`)
      }
    }
    t.same(wrong, [])
  },
)

t.test(
  'RFC 7606 §4: COMMUNITIES as the last attribute, longer or shorter than the list',
  async (t) => {
    const start = [b.origin(0), b.asPath([65001, 65002]), b.nextHop('192.0.2.1')]
    for (const claimed of [0, 3, 5, 7, 8, 12, 255]) {
      const odd = concat(b.u8(0xc0, 8, claimed), new Uint8Array(4).fill(0x40))
      const got = verdict([...start, odd], [b.prefix('10.0.0.0/8')])
      t.equal(Number(got.split(',')[0]), Outcome.TREAT_AS_WITHDRAW, `${claimed} of 4 octets`)
    }
    // a list so long that its length minus three looks like type and length of COMMUNITIES
    const long = concat(
      b.u8(0xc0, 8, 4),
      new Uint8Array(4).fill(1),
      b.u8(0xd0, 99),
      b.u8(0x07, 0xfc),
    )
    const got = verdict([...start, concat(long, new Uint8Array(0x7fc))], [b.prefix('10.0.0.0/8')])
    t.equal(got, '0,1,2,3,8,99')
  },
)
