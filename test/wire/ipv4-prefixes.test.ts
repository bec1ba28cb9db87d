import t from 'tap'
import { Ipv4Prefixes } from '../../src/wire/ipv4-prefixes.ts'
import { Family, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat } from '../support/hex.ts'

const ADD_PATH = 1 << Family.IPV4_UNICAST
const session: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: 0b11110,
}
const attrs = [b.origin(0), b.asPath([65001, 65002]), b.nextHop('192.0.2.1')]

const view = new UpdateView()
const rows = new Ipv4Prefixes()
view.ipv4 = rows

interface Rows {
  withdrawn: string[]
  announced: string[]
}

/** The rows as text, of the message in the middle of a buffer and at its end. */
function read(message: Uint8Array, changes: Partial<UpdateSession> = {}): Rows {
  const behind = concat(message, new Uint8Array(20).fill(0xff))
  const inside = readIn(behind, message.length, changes)
  const atEnd = readIn(message, message.length, changes)
  if (JSON.stringify(inside) !== JSON.stringify(atEnd)) throw new Error('what lies behind shows')
  return inside
}

function readIn(buf: Uint8Array, end: number, changes: Partial<UpdateSession>): Rows {
  parseUpdate(view, buf, 19, end, { ...session, ...changes })
  const all = Array.from({ length: rows.count }, (_, row) => {
    const octets = [24, 16, 8, 0].map((shift) => (rows.address[row]! >>> shift) & 0xff)
    const text = `${octets.join('.')}/${rows.bits[row]}`
    return changes.addPath === undefined ? text : `${rows.pathId[row]! >>> 0} ${text}`
  })
  return { withdrawn: all.slice(0, rows.withdrawn), announced: all.slice(rows.withdrawn) }
}

t.test('Ipv4Prefixes: prefixes of every length, bits past the length masked', async (t) => {
  const nlri: Uint8Array[] = []
  const want: string[] = []
  for (let bits = 0; bits <= 32; bits++) {
    nlri.push(b.u8(bits, ...new Uint8Array((bits + 7) >> 3).fill(0xff)))
    const word = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
    want.push(`${[24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.')}/${bits}`)
  }
  t.same(read(b.update({ attrs, nlri })), { withdrawn: [], announced: want })
  t.same(read(b.update({ withdrawn: nlri })), { withdrawn: want, announced: [] })
  for (const [k, one] of nlri.entries()) {
    t.same(read(b.update({ attrs, nlri: [one] })).announced, [want[k]], 'alone')
  }
})

t.test('Ipv4Prefixes: any length behind any other, and how many there are', async (t) => {
  const wrong: string[] = []
  const one = (bits: number) => b.prefix(bits === 0 ? '0.0.0.0/0' : `128.0.0.0/${bits}`)
  const text = (bits: number) => (bits === 0 ? '0.0.0.0/0' : `128.0.0.0/${bits}`)
  for (let bits = 0; bits <= 32; bits++) {
    for (let next = 0; next <= 32; next++) {
      const lengths = [bits, next, 24, 20, next].slice(0, 2 + (next % 4))
      const { announced } = read(b.update({ attrs, nlri: lengths.map(one) }))
      if (announced.join() !== lengths.map(text).join()) wrong.push(lengths.join())
    }
  }
  t.same(wrong, [])
})

t.test(
  'Ipv4Prefixes: withdrawn ones come first, and no row of the message before stays',
  async (t) => {
    const withdrawn = [b.prefix('10.0.0.0/8'), b.prefix('198.51.100.0/24')]
    const nlri = [b.prefix('203.0.113.0/24'), b.prefix('0.0.0.0/0'), b.prefix('192.0.2.1/32')]
    t.same(read(b.update({ withdrawn, attrs, nlri })), {
      withdrawn: ['10.0.0.0/8', '198.51.100.0/24'],
      announced: ['203.0.113.0/24', '0.0.0.0/0', '192.0.2.1/32'],
    })
    t.same(read(b.update()), { withdrawn: [], announced: [] })
  },
)

t.test('RFC 7911: path identifiers are a column', async (t) => {
  const withdrawn = [b.prefix('10.0.0.0/8', 7)]
  const nlri = [b.prefix('203.0.113.0/24', 0xfffffffe), b.prefix('192.0.2.1/32', 2)]
  t.same(read(b.update({ withdrawn, attrs, nlri }), { addPath: ADD_PATH }), {
    withdrawn: ['7 10.0.0.0/8'],
    announced: ['4294967294 203.0.113.0/24', '2 192.0.2.1/32'],
  })
})

t.test('RFC 7606 §5.3: of fields that are no list of prefixes there are no rows', async (t) => {
  const good = b.prefix('10.0.0.0/8')
  for (const bad of [b.u8(33, 1, 2, 3, 4, 5), b.u8(24, 1, 2), b.u8(32, 1, 2, 3), b.u8(255)]) {
    for (const parts of [
      { withdrawn: [good, bad] },
      { attrs, nlri: [good, bad] },
      { withdrawn: [good, bad], attrs, nlri: [good] },
      { withdrawn: [good], attrs, nlri: [good, bad] },
    ]) {
      t.same(read(b.update(parts)), { withdrawn: [], announced: [] })
      t.equal(view.outcome, Outcome.SESSION_RESET)
    }
  }
})

t.test('Ipv4Prefixes: none of a family that was not negotiated', async (t) => {
  const nlri = [b.prefix('10.0.0.0/8')]
  t.same(read(b.update({ withdrawn: nlri, attrs, nlri }), { families: 0b11100 }), {
    withdrawn: [],
    announced: [],
  })
})

t.test('Ipv4Prefixes: as many as an extended message has', async (t) => {
  for (const changes of [{}, { addPath: ADD_PATH }]) {
    const octets = changes.addPath === undefined ? b.u8(0) : b.u8(0, 0, 0, 9, 0)
    const count = Math.floor(65_000 / octets.length)
    const nlri = [concat(...new Array<Uint8Array>(count).fill(octets))]
    t.equal(read(b.update({ attrs, nlri }), changes).announced.length, count)
    t.ok(rows.address.length >= count && rows.bits.length >= count)
  }
})
