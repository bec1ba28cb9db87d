import t from 'tap'
import { formatKey } from '../../src/wire/address.ts'
import { checkNlri } from '../../src/wire/nlri-check.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { Family, familySpec } from '../../src/wire/registry.ts'
import * as b from '../support/builder.ts'
import { concat, hex } from '../support/hex.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family

interface Found {
  rd?: string
  prefix: string
  label: number
  pathId: number
}

/** Reads the range with octets before and behind it, and once more as the end of the buffer. */
function read(octets: Uint8Array, family: Family, addPath = false, withdraw = false): Found[] {
  const noise = new Uint8Array(20).fill(0xff)
  const inside = walk(concat(noise, octets, noise), 20, 20 + octets.length)
  const atEnd = walk(concat(noise, octets), 20, 20 + octets.length)
  if (JSON.stringify(inside) !== JSON.stringify(atEnd)) throw new Error('what lies behind shows')
  return inside

  function walk(buf: Uint8Array, at: number, end: number): Found[] {
    const cursor = new NlriCursor()
    const out: Found[] = []
    if (!checkNlri(buf, at, end, family, addPath)) throw new Error('not a list of NLRI')
    cursor.start(buf, at, end, family, addPath, withdraw)
    let last = at
    while (cursor.next()) {
      if (cursor.nlriAt !== last) throw new Error('gap')
      last = cursor.at
      const key = formatKey(family, cursor.key, 0, cursor.prefixBits)
      out.push({ ...key, label: cursor.label, pathId: cursor.pathId })
    }
    if (last !== end) throw new Error('not to the end')
    return out
  }
}

t.test('NlriCursor: IPv4 prefixes of every length, bits past the length masked', async (t) => {
  const all: Uint8Array[] = []
  const want: string[] = []
  for (let bits = 0; bits <= 32; bits++) {
    all.push(b.u8(bits, ...new Uint8Array((bits + 7) >> 3).fill(0xff)))
    const word = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
    const dotted = [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.')
    want.push(`${dotted}/${bits}`)
  }
  const found = read(concat(...all), IPV4_UNICAST)
  t.same(
    found.map(({ prefix }) => prefix),
    want,
  )
  t.ok(found.every(({ label, pathId }) => label === 0 && pathId === 0))
})

t.test('NlriCursor: IPv6 prefixes of every length, bits past the length masked', async (t) => {
  const ones = new Uint8Array(16).fill(0xff)
  for (let bits = 0; bits <= 128; bits++) {
    const octets = b.u8(bits, ...ones.subarray(0, (bits + 7) >> 3))
    const cursor = new NlriCursor()
    cursor.start(octets, 0, octets.length, IPV6_UNICAST, false, false)
    t.ok(cursor.next())
    let text = ''
    for (let k = 0; k < 4; k++) text += (cursor.key[k]! >>> 0).toString(2).padStart(32, '0')
    t.equal(text, '1'.repeat(bits).padEnd(128, '0'))
    t.equal(cursor.keyWords, 4)
    t.notOk(cursor.next())
  }
})

t.test('NlriCursor: RD, label and prefix of the VPN families', async (t) => {
  const four = [
    { rd: '65000:1', label: 0x000101, prefix: '10.1.0.0/16' },
    { rd: '192.0.2.1:7', label: 0xe00003, prefix: '0.0.0.0/0' },
    { rd: '4200000000:9', label: 0xffffff, prefix: '10.1.2.3/32' },
  ]
  const six = [
    { rd: '65000:1', label: 0x800000, prefix: '2001:db8::/32' },
    { rd: '65000:2', label: 0x000031, prefix: '::/0' },
    { rd: '65000:3', label: 1, prefix: '2001:db8::1/128' },
  ]
  for (const [family, list] of [
    [VPNV4, four],
    [VPNV6, six],
  ] as const) {
    const octets = concat(...list.map(b.vpnPrefix))
    t.same(
      read(octets, family),
      list.map((one) => ({ ...one, pathId: 0 })),
    )
    const withIds = concat(...list.map((one, k) => b.vpnPrefix({ ...one, pathId: k + 1 })))
    t.same(
      read(withIds, family, true),
      list.map((one, k) => ({ ...one, pathId: k + 1 })),
    )
    t.ok(
      read(octets, family, false, true).every(({ label }) => label === 0),
      'RFC 8277 §2.4: the label of a withdrawn route is nothing',
    )
  }
})

t.test('NlriCursor: used again for another family it keeps nothing', async (t) => {
  const cursor = new NlriCursor()
  const vpn = b.vpnPrefix({ rd: '65000:1', label: 0x101, prefix: '2001:db8::/64', pathId: 5 })
  cursor.start(vpn, 0, vpn.length, VPNV6, true, false)
  cursor.next()
  const plain = b.prefix('10.0.0.0/8')
  cursor.start(plain, 0, plain.length, IPV4_UNICAST, false, false)
  cursor.next()
  t.same([cursor.label, cursor.pathId, cursor.keyWords, cursor.prefixBits], [0, 0, 1, 8])
  t.equal(cursor.key[0], 0x0a000000)
  cursor.start(plain, 0, 0, IPV4_UNICAST, false, false)
  t.notOk(cursor.next())
})

t.test('RFC 7606 §5.3: what is a list of NLRI of a family', async (t) => {
  const ok = (octets: Uint8Array, family: Family, addPath = false) =>
    checkNlri(octets, 0, octets.length, family, addPath)
  for (const family of [IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6] as const) {
    const { addressBytes, hasRd } = familySpec(family)
    const min = hasRd ? 88 : 0
    t.ok(ok(b.u8(), family), 'an empty field')
    for (let bits = 0; bits <= 255; bits++) {
      const octets = b.u8(bits, ...new Uint8Array((bits + 7) >> 3))
      const want = bits >= min && bits <= min + addressBytes * 8
      if (ok(octets, family) !== want) t.fail(`${bits} bits`)
      if (want && bits > 0 && ok(octets.subarray(0, -1), family)) t.fail(`${bits} bits, cut`)
    }
  }
  t.notOk(ok(hex`00 00 00 01`, IPV4_UNICAST, true), 'an identifier alone')
  t.notOk(ok(hex`00 00 00`, IPV4_UNICAST, true), 'half an identifier')
  t.ok(ok(hex`00 00 00 01 00`, IPV4_UNICAST, true))
})
