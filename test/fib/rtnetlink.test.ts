import fc from 'fast-check'
import t from 'tap'
import type { LocalSid, NexthopSpec } from '../../src/fib/kernel.ts'
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

t.test('RFC 8754 §2: the last segment of the path is the first of the SRH', async (t) => {
  const [a, b] = [parseAddress('fcbb:bb00:a::'), parseAddress('fcbb:bb00:b::')]
  const spec: NexthopSpec = { id: 1, ifindex: 3, segments: [a, b], mode: 'encap' }
  const text = toHex(written((w) => encode.encodeNewNexthop(w, spec, 1)).copy())
  t.match(text, `0004040101000000${toHex(b)}${toHex(a)}`)
})

t.test(
  'SIDs: what is asked for is what a dump says, NEXT-CSID as its classic action',
  async (t) => {
    for (const [behavior, classic] of [
      [Behavior.END_DT4, Behavior.END_DT4],
      [Behavior.END_DT6_NEXT_CSID, Behavior.END_DT6],
      [Behavior.END_DT46_NEXT_CSID, Behavior.END_DT46],
    ] as const) {
      const sid: LocalSid = {
        sid: parseAddress('fcbb:bb00:1:46::'),
        prefixBits: 128,
        behavior,
        table: 4294967294,
        ifindex: 9,
      }
      const action = encode.sidAction(behavior)!
      const payload = written((w) => encode.encodeNewLocalSid(w, sid, action, 1))
      t.same(decode.decodeLocalSid(payload), { ...sid, behavior: classic })
    }
    t.equal(encode.sidAction(Behavior.END_DX4), undefined)
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
