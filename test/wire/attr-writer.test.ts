import t from 'tap'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import {
  address,
  asPath,
  asPathValue,
  atomicAggregate,
  attr,
  clusterList,
  communities,
  largeCommunities,
  localPref,
  med,
  origin,
  originatorId,
  routeTarget,
  routeTargets,
  u16be,
  u32be,
} from '../support/builder.ts'
import { concat, toHex } from '../support/hex.ts'

const written = (w: AttrWriter) => toHex(w.buf.subarray(0, w.end))

t.test('every attribute as an independent builder writes it', async (t) => {
  const w = new AttrWriter()
  w.origin(2)
  w.asPath(asPathValue([65000, 4200000000]))
  w.med(0xffffffff)
  w.localPref(100)
  w.atomicAggregate()
  w.communities(u16be(65000, 1, 65535, 0xff01))
  w.originatorId(0xc0000207)
  w.clusterList(concat(address('192.0.2.1'), address('192.0.2.2')))
  w.extCommunities(concat(routeTarget('65000:10'), routeTarget('4200000000:7')))
  w.largeCommunities(u32be(65000, 1, 0xffffffff))
  const expected = concat(
    origin(2),
    asPath([65000, 4200000000]),
    med(0xffffffff),
    localPref(100),
    atomicAggregate(),
    communities('65000:1', '65535:65281'),
    originatorId('192.0.2.7'),
    clusterList('192.0.2.1', '192.0.2.2'),
    routeTargets('65000:10', '4200000000:7'),
    largeCommunities('65000:1:4294967295'),
  )
  t.equal(written(w), toHex(expected))
  w.reset()
  w.asPath(concat(new Uint8Array(3), asPathValue([1]), new Uint8Array(9)), 3, 9)
  t.equal(written(w), toHex(asPath([1])), 'a range of the bytes; reset forgets what was')
})

t.test('RFC 4271 §4.3: two length octets only over 255', async (t) => {
  for (const [octets, flags] of [
    [0, 0xc0],
    [255, 0xd0],
    [256, 0xc0],
    [255, 0xe0],
    [4000, 0xe0],
  ] as const) {
    const w = new AttrWriter()
    const value = new Uint8Array(octets).fill(7)
    w.raw(flags, 200, value, 0, octets)
    const plain = flags & ~0x10
    t.equal(written(w), toHex(attr(plain, 200, value)), `${octets} octets with flags ${flags}`)
  }
})

t.test('the writer grows and keeps what is there', async (t) => {
  const w = new AttrWriter()
  const parts: Uint8Array[] = []
  for (let k = 0; k < 300; k++) {
    const value = new Uint8Array(k).fill(k)
    w.raw(0xc0, k & 255, value, 0, k)
    parts.push(attr(0xc0, k & 255, value))
  }
  t.equal(written(w), toHex(concat(...parts)))
})
