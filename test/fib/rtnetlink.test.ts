import fc from 'fast-check'
import t from 'tap'
import type { LocalSid, NexthopSpec, SidTarget } from '../../src/fib/kernel.ts'
import { ackWords, forEachMessage, type NetlinkMessage } from '../../src/fib/netlink-socket.ts'
import { NetlinkWriter } from '../../src/fib/netlink-writer.ts'
import * as decode from '../../src/fib/rtnetlink-decode.ts'
import * as encode from '../../src/fib/rtnetlink-encode.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { Behavior } from '../../src/wire/registry.ts'
import { toHex } from '../support/hex.ts'

/** The payload of the one message that `put` writes. */
function written(put: (writer: NetlinkWriter) => void): decode.Span {
  const writer = new NetlinkWriter(1024)
  put(writer)
  const messages: NetlinkMessage[] = []
  forEachMessage(writer.buf, writer.end, (message) => messages.push(message))
  if (messages.length !== 1) throw new Error(`${messages.length} messages`)
  return messages[0]!.payload
}

t.test('nexthop objects: what is asked for is what a dump says', async (t) => {
  const sid = parseAddress('fcbb:bb00:2:46::')
  const specs: NexthopSpec[] = [
    { id: 1, ifindex: 3, segments: [sid], mode: 'encap.red' },
    { id: 2, ifindex: 3, segments: [sid, parseAddress('fcbb:bb00:3::')], mode: 'encap' },
    { id: 3, ifindex: 4, gateway: parseAddress('192.0.2.1') },
    { id: 4, ifindex: 4, gateway: parseAddress('fe80::1'), onlink: true },
    { id: 5, ifindex: 5 },
  ]
  for (const spec of specs) {
    const payload = written((w) => encode.encodeNewNexthop(w, spec, 1))
    t.same(decode.decodeNexthop(payload), spec)
  }
})

t.test('groups: the octets, and what a dump says', async (t) => {
  const group = {
    id: 0x54000001,
    members: [
      { id: 0x53520000, weight: 1 },
      { id: 0x53520001, weight: 256 },
    ],
  }
  const payload = written((w) => encode.encodeNexthopGroup(w, group, false, 1))
  // nhmsg of protocol 152; NHA_ID (1); NHA_GROUP (2): id, weight less one, three octets of nothing
  const octets = '0000980000000000 0800010001000054 14000200 0000525300000000 01005253ff000000'
  t.equal(toHex(payload.copy()), octets.replaceAll(' ', ''))
  t.same(decode.decodeNexthop(payload), group)
  const flags = (replace: boolean) => {
    const writer = new NetlinkWriter(256)
    encode.encodeNexthopGroup(writer, group, replace, 1)
    return writer.buf[6]! | (writer.buf[7]! << 8)
  }
  // NLM_F_REQUEST and ACK with CREATE and EXCL, or with REPLACE alone
  t.same([flags(false), flags(true)], [0x605, 0x105])
})

t.test('RFC 8754 §2: the last segment of the path is the first of the SRH', async (t) => {
  const [a, b] = [parseAddress('fcbb:bb00:a::'), parseAddress('fcbb:bb00:b::')]
  const spec: NexthopSpec = { id: 1, ifindex: 3, segments: [a, b], mode: 'encap' }
  const text = toHex(written((w) => encode.encodeNewNexthop(w, spec, 1)).copy())
  t.match(text, `0004040101000000${toHex(b)}${toHex(a)}`)
})

const vrf = { kind: 'vrftable', table: 4294967294 } as const
const nh4 = { kind: 'next-hop', address: parseAddress('192.0.2.1') } as const
const nh6 = { kind: 'next-hop', address: parseAddress('2001:db8::1') } as const

// biome-ignore format: one row a SID; seg6local by hand: SEG6_LOCAL_ACTION (1), TABLE (3), NH4 (4), NH6 (5), VRFTABLE (9)
const SIDS: [behavior: number, target: SidTarget, classic: number, encap: string][] = [
  [Behavior.END_DX6,            nh6,                          Behavior.END_DX6,  '08000100 05000000 14000500 20010db8000000000000000000000001'],
  [Behavior.END_DX6_NEXT_CSID,  nh6,                          Behavior.END_DX6,  '08000100 05000000 14000500 20010db8000000000000000000000001'],
  [Behavior.END_DX4,            nh4,                          Behavior.END_DX4,  '08000100 06000000 08000400 c0000201'],
  [Behavior.END_DX4_NEXT_CSID,  nh4,                          Behavior.END_DX4,  '08000100 06000000 08000400 c0000201'],
  [Behavior.END_DT6,            { kind: 'table', table: 10 }, Behavior.END_DT6,  '08000100 07000000 08000300 0a000000'],
  [Behavior.END_DT6_NEXT_CSID,  vrf,                          Behavior.END_DT6,  '08000100 07000000 08000900 feffffff'],
  [Behavior.END_DT4,            vrf,                          Behavior.END_DT4,  '08000100 08000000 08000900 feffffff'],
  [Behavior.END_DT46_NEXT_CSID, vrf,                          Behavior.END_DT46, '08000100 10000000 08000900 feffffff'],
]

function localSid(behavior: number, target: SidTarget): LocalSid {
  return { sid: parseAddress('fcbb:bb00:1:46::'), prefixBits: 128, behavior, target, ifindex: 9 }
}

t.test('SIDs: the octets, and what a dump says: NEXT-CSID as its classic action', async (t) => {
  for (const [behavior, target, classic, encap] of SIDS) {
    const sid = localSid(behavior, target)
    const payload = written((w) =>
      encode.encodeNewLocalSid(w, sid, encode.sidAction(sid)!, 'create', 1),
    )
    t.match(toHex(payload.copy()), encap.replaceAll(' ', ''))
    t.same(decode.decodeLocalSid(payload), { ...sid, behavior: classic })
  }
})

t.test(
  'SIDs: the kernel has no action for a behaviour with the wrong kind of target',
  async (t) => {
    for (const [behavior, target] of [
      [Behavior.END_DX4, nh6],
      [Behavior.END_DX6, nh4],
      [Behavior.END_DX4, vrf],
      [Behavior.END_DT4, { kind: 'table', table: 10 }],
      [Behavior.END_DT46, { kind: 'table', table: 10 }],
      [Behavior.END_DT6, nh6],
      [Behavior.END_DX2, vrf],
    ] as [number, SidTarget][]) {
      t.equal(encode.sidAction(localSid(behavior, target)), undefined)
    }
  },
)

t.test('property: whatever octets come, decoding ends without an exception', async () => {
  const decoders = [
    decode.decodeRoute,
    decode.decodeLocalSid,
    decode.decodeNexthop,
    decode.decodeRouteTo,
    decode.decodeLink,
    decode.decodeAddress,
  ]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      for (const one of decoders) one(new decode.Span(octets))
      forEachMessage(octets, octets.length, (message) => {
        ackWords(message)
        for (const one of decoders) one(message.payload)
      })
      return true
    }),
    { seed: 8986, numRuns: 3000 },
  )
  const whole = written((w) =>
    encode.encodeNewNexthop(w, { id: 1, ifindex: 1, segments: [new Uint8Array(16)] }, 1),
  ).copy()
  for (let end = 0; end < whole.length; end++) {
    for (const one of decoders) one(new decode.Span(whole, 0, end))
  }
})
