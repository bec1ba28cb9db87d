import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { type ErrorRoute, IcmpRelay } from '../../src/fib/icmp-relay.ts'
import { internetChecksum, readTooBig, writeTooBig } from '../../src/fib/packet-too-big.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { fromHex, hex } from '../support/hex.ts'

// What Linux 6.18 sent to its own tunnel source about pings of 1500 octets over a core of 1500,
// cut behind the first octets of the echo request.
const OUTER = 'fd000000000000000000000000000001'
const ECHO4 = `450005dc000040004001211c 0a010002 0a020001 0800b47367710001`
const ECHO6 = `6003fcab05b43a40 20010db8000100000000000000000002 20010db8000200000000000000000001 8000919367e50001`
const IN_RED_4 = fromHex(`0200285a 000005dc
  60000000 05dc 04 40 ${OUTER} fcbb0002000000000000000000000004 // H.Encaps.Red: no SRH
  ${ECHO4}`)
const IN_RED_6 = fromHex(`020065e9 000005dc
  6003fcab 05dc 29 40 ${OUTER} fcbb0002000000000000000000000006
  ${ECHO6}`)
const IN_SRH_4 = fromHex(`0200f683 000005dc
  60000000 05f4 2b 40 ${OUTER} fcbb0002000000000000000000000004
  04 02 04 00 00 00 0000 fcbb0002000000000000000000000004 // SRH: next header IPv4, one segment
  ${ECHO4}`)
const IN_SRH_LIST = fromHex(`02000000 000005dc
  60000000 05f4 2b 40 ${OUTER} fcbb0003000000000000000000000001 // on its way to the first segment
  29 04 04 01 01 00 0000 fcbb0002000000000000000000000006 fcbb0003000000000000000000000001
  ${ECHO6}`)

t.test('RFC 2473 §7.2: the customer’s packet and what of it would fit', async (t) => {
  const sid4 = parseAddress('fcbb:2::4')
  const sid6 = parseAddress('fcbb:2::6')
  t.match(readTooBig(IN_RED_4), { family: 4, mtu: 1460, sid: sid4, outerSource: fromHex(OUTER) })
  t.match(readTooBig(IN_RED_4), {
    source: Uint8Array.of(10, 1, 0, 2),
    destination: Uint8Array.of(10, 2, 0, 1),
  })
  t.match(readTooBig(IN_RED_6), { family: 6, mtu: 1460, sid: sid6 })
  t.match(readTooBig(IN_RED_6)?.source, parseAddress('2001:db8:1::2'))
  t.match(readTooBig(IN_SRH_4), { family: 4, mtu: 1436, sid: sid4 })
  t.match(readTooBig(IN_SRH_LIST), { family: 6, mtu: 1420, sid: sid6 }, 'the last segment')
})

t.test('no IPv6 sender is told of less than 1280 octets (RFC 8200 §5)', async (t) => {
  const small = Uint8Array.from(IN_RED_6)
  small.set([0, 0, 5, 0], 4)
  t.equal(readTooBig(small)?.mtu, 1280)
})

t.test('messages cut anywhere, and others, are none', async (t) => {
  for (const message of [IN_RED_4, IN_RED_6, IN_SRH_4, IN_SRH_LIST]) {
    const innerAt = message.length - (message === IN_RED_4 || message === IN_SRH_4 ? 28 : 48)
    const header = message === IN_RED_4 || message === IN_SRH_4 ? 20 : 40
    for (let end = 0; end < innerAt + header; end++) {
      t.equal(readTooBig(message.subarray(0, end)), null)
    }
  }
  const changed = (at: number, value: number, message = IN_RED_4) => {
    const copy = Uint8Array.from(message)
    copy[at] = value
    return readTooBig(copy)
  }
  t.equal(changed(0, 1), null, 'unreachable')
  t.equal(changed(14, 58), null, 'a packet of our own, not encapsulated')
  t.equal(changed(48, 0x65), null, 'not the version that the header says')
  t.equal(changed(50, 3, IN_SRH_4), null, 'a routing header that is no SRH')
})

t.test('RFC 1122 §3.2.2, RFC 4443 §2.4: no error about errors, fragments, groups', async (t) => {
  const inner = (at: number, value: number, message: Uint8Array) => {
    const copy = Uint8Array.from(message)
    copy[48 + at] = value
    return readTooBig(copy)
  }
  t.equal(inner(20, 3, IN_RED_4), null, 'ICMP destination unreachable')
  t.equal(inner(20, 11, IN_RED_4), null, 'ICMP time exceeded')
  t.equal(inner(7, 8, IN_RED_4), null, 'a later fragment')
  t.equal(inner(16, 224, IN_RED_4), null, 'to a group')
  t.equal(inner(40, 2, IN_RED_6), null, 'ICMPv6 packet too big')
  t.equal(inner(8, 0xff, IN_RED_6), null, 'from a group')
  t.not(inner(9, 6, IN_RED_4), null, 'TCP is told')
})

t.test('RFC 1191 §4, RFC 4443 §3.2: the error that the customer gets', async (t) => {
  const four = writeTooBig(readTooBig(IN_RED_4)!)
  t.same(four.subarray(0, 2), hex`03 04`)
  t.same(four.subarray(4), hex`0000 05b4 ${fromHex(ECHO4)}`)
  t.equal(internetChecksum(four), 0, 'RFC 1071: over itself it gives nothing')
  t.same(writeTooBig(readTooBig(IN_RED_6)!), hex`02 00 0000 000005b4 ${fromHex(ECHO6)}`)
})

t.test('errors are cut to 576 and 1280 octets with their IP header', async (t) => {
  const long = (message: Uint8Array) => {
    const all = new Uint8Array(1500)
    all.set(message)
    return writeTooBig(readTooBig(all)!).length
  }
  t.equal(long(IN_RED_4), 556)
  t.equal(long(IN_RED_6), 1240)
})

function relayWith(route: ErrorRoute | null, why: string | null = null) {
  const clock = new ManualClock()
  const sent: { to: string; device: string | undefined }[] = []
  let hear = (_: Uint8Array) => {}
  const relay = new IcmpRelay({
    clock,
    log: silentLogger,
    source: fromHex(OUTER),
    route: () => route,
    watch: (_source, onMessage) => {
      hear = onMessage
      return () => {}
    },
    send: (_message, destination, device) => {
      sent.push({ to: destination.join('.'), device })
      return why
    },
  })
  t.equal(relay.start(), null)
  return { relay, clock, sent, hear: (message: Uint8Array) => hear(message) }
}

t.test('relay: tells the sender, in its VRF', async (t) => {
  const { relay, sent, hear } = relayWith({ device: 'vrf-red' })
  hear(IN_RED_4)
  t.same(sent, [{ to: '10.1.0.2', device: 'vrf-red' }])
  t.match(relay, { relayed: 1, dropped: 0 })
})

t.test('relay: nobody is told of packets of others, of no VRF, or over the limit', async (t) => {
  const unclear = relayWith(null)
  unclear.hear(IN_RED_4)
  t.match(unclear, { sent: [], relay: { dropped: 1 } })
  const { relay, clock, sent, hear } = relayWith({ device: undefined })
  const foreign = Uint8Array.from(IN_RED_4)
  foreign[31] = 9
  hear(foreign)
  t.match(relay, { relayed: 0, dropped: 1 })
  for (let k = 0; k < 1000; k++) hear(IN_RED_4)
  t.equal(sent.length, 100)
  clock.advance(1000)
  hear(IN_RED_4)
  t.equal(sent.length, 101)
})

t.test('relay: a process that may not says what does not work', async (t) => {
  const relay = new IcmpRelay({
    clock: new ManualClock(),
    log: silentLogger,
    source: fromHex(OUTER),
    route: () => null,
    watch: () => {
      throw new Error('ICMP socket: EPERM')
    },
  })
  t.match(relay.start(), /not told .*ICMP socket: EPERM.*CAP_NET_RAW/)
})
