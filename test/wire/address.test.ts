import t from 'tap'
import * as text from '../../src/wire/address.ts'
import {
  countRouteTargets,
  hasExtCommunity,
  isRouteTarget,
  isTransitive,
  nextRouteTarget,
} from '../../src/wire/ext-community.ts'
import { Family } from '../../src/wire/registry.ts'
import * as b from '../support/builder.ts'
import { concat, hex, toHex } from '../support/hex.ts'

t.test('parseAddress and formatAddress: IPv4, and IPv6 as RFC 5952 writes it', async (t) => {
  const rows: [input: string, octets: string, output: string][] = [
    ['10.0.0.1', '0a000001', '10.0.0.1'],
    ['0.0.0.0', '00000000', '0.0.0.0'],
    ['255.255.255.255', 'ffffffff', '255.255.255.255'],
    ['::', '00000000000000000000000000000000', '::'],
    ['::1', '00000000000000000000000000000001', '::1'],
    ['2001:DB8::A', '20010db800000000000000000000000a', '2001:db8::a'],
    ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:127.0.0.1', '00000000000000000000ffff7f000001', '::ffff:127.0.0.1'],
    ['fe80::1', 'fe800000000000000000000000000001', 'fe80::1'],
  ]
  for (const [input, octets, output] of rows) {
    const parsed = text.parseAddress(input)
    t.equal(toHex(parsed), octets)
    const size = parsed.length === 4 ? 4 : 16
    t.equal(text.formatAddress(concat(b.u8(9, 9), parsed), 2, size), output)
  }
  for (const bad of [
    '',
    '1.2.3',
    '1.2.3.4/24',
    'fe80::1%eth0',
    '::1/64',
    '1.2.3.256',
    'x',
    ':::',
  ]) {
    t.throws(() => text.parseAddress(bad), { message: `${bad}: expected an IPv4 or IPv6 address` })
  }
})

t.test('parsePrefix: family, words and length; nothing past the length', async (t) => {
  const four = text.parsePrefix('10.1.0.0/16')
  t.same([four.family, [...four.words], four.bits], [Family.IPV4_UNICAST, [0x0a010000], 16])
  const six = text.parsePrefix('2001:db8::/33')
  t.same([six.family, [...six.words], six.bits], [Family.IPV6_UNICAST, [0x20010db8, 0, 0, 0], 33])
  t.equal(text.parsePrefix('10.0.0.1').bits, 32)
  t.equal(text.parsePrefix('::1').bits, 128)
  t.equal(text.parsePrefix('0.0.0.0/0').words[0], 0)
  t.throws(() => text.parsePrefix('10.0.0.1/8'), { message: /expected 10\.0\.0\.0\/8/ })
  for (const bad of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', 'x/8']) {
    t.throws(() => text.parsePrefix(bad), TypeError, bad)
  }
  const { words, bits } = text.parsePrefix('2001:db8:1::/48')
  t.equal(text.formatPrefix(words, 0, 16, bits), '2001:db8:1::/48')
  const key = Int32Array.of(0x0000fde8, 1, 0x0a010000)
  t.same(text.formatKey(Family.VPNV4, key, 0, 16), { rd: '65000:1', prefix: '10.1.0.0/16' })
  t.same(text.formatKey(Family.IPV4_UNICAST, key, 2, 16), { prefix: '10.1.0.0/16' })
})

t.test('RFC 4364 §4.2, RFC 4360 §4: route distinguishers and route targets', async (t) => {
  const rows: [input: string, value: string][] = [
    ['65000:1', '0000fde800000001'],
    ['65000:4294967295', '0000fde8ffffffff'],
    ['192.0.2.1:65535', '0001c0000201ffff'],
    ['4200000000:7', '0002fa56ea000007'],
  ]
  for (const [input, value] of rows) {
    t.equal(toHex(text.parseRd(input)), value)
    t.equal(text.formatRd(text.parseRd(input)), input)
    const target = text.parseRouteTarget(input)
    t.equal(toHex(target), `${value.slice(2, 4)}02${value.slice(4)}`)
    t.equal(text.formatRouteTarget(target), input)
    t.equal(text.formatExtCommunity(target), `rt:${input}`)
  }
  t.equal(text.formatRd(hex`00 09 01 02 03 04 05 06`), '0x0009010203040506')
  for (const bad of [
    '',
    '65000',
    '65536:65536',
    '4294967296:1',
    '1.2.3.4:65536',
    '1.2.3:1',
    'a:1',
    '1:',
    ':1',
    '-1:1',
    '1:1:1',
    '1.2.3.4/8:1',
  ]) {
    t.throws(() => text.parseRd(bad), { message: /expected a route distinguisher/ }, bad)
    t.throws(() => text.parseRouteTarget(bad), { message: /expected a route target/ }, bad)
  }
})

t.test('communities to text', async (t) => {
  t.equal(text.formatExtCommunity(hex`00 03 fd e8 00 00 00 0a`), 'soo:65000:10')
  t.equal(text.formatExtCommunity(hex`03 0c 00 00 00 00 00 08`), 'encapsulation:8')
  t.equal(text.formatExtCommunity(hex`03 0b 00 00 00 00 00 64`), 'color:100')
  t.equal(text.formatExtCommunity(hex`06 03 02 00 00 00 00 0a`), 'router-mac:02:00:00:00:00:0a')
  t.equal(text.formatExtCommunity(hex`06 00 01 00 00 00 00 07`), 'mac-mobility:7:sticky')
  t.equal(text.formatExtCommunity(hex`03 0d 00 00 00 00 00 08`), '0x030d000000000008')
  t.equal(text.formatCommunity(hex`fd e8 00 64`), '65000:100')
  t.equal(text.formatCommunity(hex`ff ff ff 01`), 'no-export')
  t.equal(text.formatLargeCommunity(hex`00 00 fd e8 00 00 00 01 ff ff ff ff`), '65000:1:4294967295')
})

t.test('RFC 4360: route targets among extended communities', async (t) => {
  const range = concat(
    hex`03 0c 00 00 00 00 00 08 // encapsulation`,
    b.routeTarget('65000:10'),
    hex`40 02 fd e8 00 00 00 0a // not transitive`,
    b.routeTarget('192.0.2.1:7'),
  )
  t.same(
    [0, 8, 16, 24].map((at) => isRouteTarget(range, at)),
    [false, true, false, true],
  )
  t.same(
    [0, 8, 16, 24].map((at) => isTransitive(range, at)),
    [true, true, false, true],
  )
  t.equal(countRouteTargets(range, 0, 32), 2)
  t.equal(nextRouteTarget(range, 0, 32), 8)
  t.equal(nextRouteTarget(range, 16, 32), 24)
  t.equal(nextRouteTarget(range, 0, 8), 8)
  t.equal(hasExtCommunity(range, 0, 32, b.routeTarget('192.0.2.1:7'), 0), true)
  t.equal(hasExtCommunity(range, 0, 24, b.routeTarget('192.0.2.1:7'), 0), false)
})
