/** The small messages: notification.ts, route-refresh.ts, message.ts. */
import fc from 'fast-check'
import t from 'tap'
import { BgpError } from '../../src/wire/error.ts'
import {
  decodeNotification,
  encodeNotification,
  hardResetData,
  KEEPALIVE,
  shutdownData,
} from '../../src/wire/notification.ts'
import { Family } from '../../src/wire/registry.ts'
import {
  decodeRouteRefresh,
  encodeRouteRefresh,
  RefreshSubtype,
} from '../../src/wire/route-refresh.ts'
import { message, u8 } from '../support/builder.ts'
import { concat, hex, toHex } from '../support/hex.ts'

const MARKER = 'ffffffffffffffffffffffffffffffff'
const HEADER = 19
const decode = (bytes: Uint8Array) => decodeNotification(bytes, HEADER, bytes.length)

t.test('RFC 4271 §4.4: a KEEPALIVE is the header', async (t) => {
  t.equal(toHex(KEEPALIVE), `${MARKER}001304`)
})

t.test('captured NOTIFICATIONs of FRR and GoBGP', async (t) => {
  // biome-ignore format: one row a message
  const captured: [bytes: Uint8Array, code: number, subcode: number, data: string, text?: string][] = [
    [hex`${MARKER} 0015 03 06 07`, 6, 7, ''],                     // FRR 10.3: connection collision
    [hex`${MARKER} 0015 03 05 01`, 5, 1, ''],                     // FRR 8.4.4
    [hex`${MARKER} 0015 03 06 04`, 6, 4, ''],                     // GoBGP 3.36: no communication
    [hex`${MARKER} 0017 03 06 09 06 04`, 6, 9, '0604', 'Cease/Administrative Reset'], // FRR 10.3: clear
    [hex`${MARKER} 003d 03 03 05
      c028250400220001001e00fcbbbb0000090000000000000000000000001400010006201010001030`, 3, 5,
      'c028250400220001001e00fcbbbb0000090000000000000000000000001400010006201010001030'], // FRR 10.3
  ]
  for (const [bytes, code, subcode, data, text] of captured) {
    const seen = decode(bytes)
    const expected = { code, subcode, data, ...(text === undefined ? {} : { text }) }
    t.same({ ...seen, data: toHex(seen.data) }, expected, `${code}/${subcode}`)
    t.equal(toHex(encodeNotification(code, subcode, seen.data)), toHex(bytes), 'and back')
  }
})

t.test('RFC 9003: the shutdown communication', async (t) => {
  const words = 'maintenance till 14:00 — Jürgen'
  for (const subcode of [2, 4]) {
    t.equal(decode(encodeNotification(6, subcode, shutdownData(words))).text, words)
  }
  const textOf = (subcode: number, ...data: number[]) =>
    decode(message(3, u8(6, subcode, ...data))).text
  t.equal(textOf(2), undefined, 'none')
  t.equal(textOf(2, 0), undefined, 'an empty one')
  t.equal(textOf(2, 3, 65, 66), undefined, 'shorter than it says')
  t.equal(textOf(2, 2, 65, 66, 67), 'AB', 'octets behind it')
  t.equal(textOf(2, 4, 65, 10, 27, 66), 'A  B', 'no control characters for a log')
  t.equal(textOf(2, 3, 0xff, 0xfe, 65), '\ufffd\ufffdA', 'not UTF-8')
  t.equal(textOf(3, 1, 65), undefined, 'only 6/2 and 6/4 carry one')
  t.equal(decode(message(3, u8(5, 2, 1, 65))).text, undefined, 'only Cease does')
  const long = shutdownData('é'.repeat(200))
  t.equal(long.length, 255, 'cut between two characters')
  t.equal(long[0], 254)
})

t.test('RFC 8538 §3: a hard reset carries another notification', async (t) => {
  const inner = shutdownData('bye')
  t.equal(
    decode(encodeNotification(6, 9, hardResetData(6, 2, inner))).text,
    'Cease/Administrative Shutdown: bye',
  )
  t.equal(decode(message(3, u8(6, 9))).text, undefined, 'without one')
  t.equal(decode(message(3, u8(6, 9, 4))).text, undefined, 'cut off')
  t.equal(decode(message(3, u8(6, 9, 6, 9, 6, 9, 6, 9))).text, 'Cease/Hard Reset', 'no recursion')
})

t.test('a NOTIFICATION never throws but for its two octets', async (t) => {
  t.throws(() => decodeNotification(u8(6), 0, 1), { code: 1, subcode: 2, data: u8(0, 20) })
  t.throws(() => decodeNotification(u8(), 0, 0), BgpError)
  const decoded = () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 300 }), (body) => {
        const seen = decodeNotification(concat(u8(9), body), 1, 1 + body.length)
        return seen.code === body[0] && seen.data.length === body.length - 2
      }),
      { seed: 9003 },
    )
  t.doesNotThrow(decoded)
  t.equal(encodeNotification(3, 1, new Uint8Array(9000)).length, 4096, 'the data is cut')
})

t.test('ROUTE-REFRESH: captured requests and marks of FRR', async (t) => {
  // biome-ignore format: one row a message
  const captured: [bytes: Uint8Array, family: Family, subtype: number][] = [
    [hex`${MARKER} 0017 05 0001 00 01`, Family.IPV4_UNICAST, RefreshSubtype.REQUEST],
    [hex`${MARKER} 0017 05 0002 00 01`, Family.IPV6_UNICAST, RefreshSubtype.REQUEST],
    [hex`${MARKER} 0017 05 0001 00 80`, Family.VPNV4, RefreshSubtype.REQUEST],
    [hex`${MARKER} 0017 05 0001 01 80`, Family.VPNV4, RefreshSubtype.BEGIN],
    [hex`${MARKER} 0017 05 0002 02 80`, Family.VPNV6, RefreshSubtype.END],
  ]
  for (const [bytes, family, subtype] of captured) {
    t.match(decodeRouteRefresh(bytes, HEADER, bytes.length), { family, subtype })
    t.equal(toHex(encodeRouteRefresh(family, subtype)), toHex(bytes))
  }
})

t.test('ROUTE-REFRESH: families, subtypes and lengths that are not ours', async (t) => {
  const of = (...body: number[]) => decodeRouteRefresh(u8(...body), 0, body.length)
  t.same(of(0, 25, 0, 71), { family: 0, afi: 25, safi: 71, subtype: 0 })
  t.same(of(0, 1, 9, 1), { family: Family.IPV4_UNICAST, afi: 1, safi: 1, subtype: 9 })
  t.match(of(0, 1, 0, 1, 1, 64, 0, 0), { family: Family.IPV4_UNICAST }, 'RFC 5291 filters behind')
  t.throws(
    () => of(0, 1, 1, 1, 0),
    { code: 7, subcode: 1, data: message(5, u8(0, 1, 1, 1, 0)) },
    'RFC 7313 §5: a BoRR of another length, with the message',
  )
  for (let length = 0; length < 4; length++) {
    t.throws(() => of(...[0, 1, 0].slice(0, length)), { code: 7, subcode: 1 }, `${length} octets`)
  }
})
