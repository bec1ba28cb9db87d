import t from 'tap'
import * as b from '../support/builder.ts'
import {
  conversation,
  FIN,
  ipPacket,
  ipv6,
  LINKS,
  type Packet,
  pcap,
  pcapng,
  RST,
  SYN,
} from '../support/capture.ts'
import { decode, objectsOf } from '../support/decode.ts'
import { concat, fromHex } from '../support/hex.ts'
import { pcapOf } from '../support/pcap.ts'
import { capturedMessages } from '../support/vectors.ts'

t.setTimeout(300_000)

const KEEPALIVE = b.message(4)
const update = (prefix: string, asn: 2 | 4 = 4, pathId?: number) =>
  b.update({
    attrs: [b.origin(0), b.asPath([65001, 65002], asn), b.nextHop('192.0.2.1')],
    nlri: [b.prefix(prefix, pathId)],
  })

const ETHERNET = LINKS.ethernet
const frames = (packets: Packet[]) => packets.map((packet) => ETHERNET.frame(ipPacket(packet)))

async function read(file: Uint8Array, size?: number) {
  const ran = await decode(['--json', '-'], file, size)
  return { ...ran, objects: objectsOf(ran) }
}

/** Types of the messages, and prefixes of the UPDATEs, in order. */
async function seen(file: Uint8Array): Promise<string[]> {
  const { objects } = await read(file)
  return objects.map(({ message, problem }) =>
    problem !== undefined
      ? `problem: ${problem}`
      : message.type === 'UPDATE' && message.nlri.length > 0
        ? message.nlri[0].prefix
        : message.type,
  )
}

t.test('a capture of the captured sessions: every message, as it decodes alone', async (t) => {
  const messages = capturedMessages().map(({ hex }) => fromHex(hex))
  const { status, objects, err } = await read(pcapOf(messages))
  t.strictSame([status, err], [0, ''])
  t.equal(objects.length, messages.length)
  const types = capturedMessages().map(({ type }) => type)
  t.strictSame(
    objects.map(({ message }) => message.type),
    types,
  )
  t.match(objects[0], {
    from: '[2001:db8:ffff::1]:49152',
    to: '[2001:db8:ffff::2]:179',
    packet: 1,
    type: 'message',
  })
})

t.test('link layers, octet orders, pcap and pcapng', async (t) => {
  const messages = [KEEPALIVE, update('10.1.0.0/16'), update('10.2.0.0/16')]
  const expected = ['KEEPALIVE', '10.1.0.0/16', '10.2.0.0/16']
  const v6 = { from: '2001:db8::1', to: '2001:db8::2' }
  for (const [name, { type: linkType, frame }] of Object.entries(LINKS)) {
    for (const ends of [{}, v6]) {
      const packets = conversation(messages, { size: 30, ...ends }).map((p) => frame(ipPacket(p)))
      for (const littleEndian of [false, true]) {
        const options = { linkType, littleEndian }
        t.strictSame(await seen(pcap(packets, options)), expected, `${name}, pcap`)
        t.strictSame(await seen(pcapng(packets, options)), expected, `${name}, pcapng`)
      }
    }
  }
})

t.test('times are those of the packets, in microseconds', async (t) => {
  const packets = frames(conversation([KEEPALIVE]))
  for (const file of [
    pcap(packets),
    pcap(packets, { nanoseconds: true }),
    pcapng(packets),
    pcapng(packets, { littleEndian: false }),
  ]) {
    const { objects } = await read(file)
    t.equal(objects[0].time, '2026-01-02T03:04:06.000005Z')
    t.equal(objects[0].packet, 2)
  }
})

t.test('offsets lead to the packet in the file', async (t) => {
  const packets = frames(conversation([KEEPALIVE]))
  for (const file of [pcap(packets), pcapng(packets)]) {
    const { objects } = await read(file)
    const { offset } = objects[0]
    t.strictSame(file.slice(offset, offset + packets[1]!.length), packets[1])
  }
})

t.test('tunnels and extension headers before TCP', async (t) => {
  const [, data] = conversation([KEEPALIVE]) as [Packet, Packet]
  const inner = ipPacket(data)
  const outer = (next: number, body: Uint8Array) => ipv6(next, 'fcbb::1', 'fcbb::2', body)
  const srh = concat(b.u8(4, 2, 4, 0, 0, 0, 0, 0), b.address('fcbb::9'))
  const forms = { 'IPv4 in IPv6': outer(4, inner), SRv6: outer(43, concat(srh, inner)) }
  for (const [name, packet] of Object.entries(forms)) {
    const { objects } = await read(pcap([ETHERNET.frame(packet)]))
    t.strictSame(
      objects.map(({ from, message }) => [from, message.type]),
      [['192.0.2.1:50000', 'KEEPALIVE']],
      name,
    )
  }
})

t.test('segments out of order, sent again, overlapping', async (t) => {
  const messages = [1, 2, 3, 4, 5, 6].map((k) => update(`10.${k}.0.0/16`))
  const expected = messages.map((_, k) => `10.${k + 1}.0.0/16`)
  const [syn, ...rest] = conversation(messages, { size: 37 })
  const fin = rest.pop()!
  const orders: Record<string, Packet[]> = {
    backwards: [...rest].reverse(),
    'twice each': rest.flatMap((packet) => [packet, packet]),
    'pairs swapped': rest.flatMap((_, k) => (k % 2 === 0 ? rest.slice(k, k + 2).reverse() : [])),
    overlapping: rest.flatMap((packet, k) => {
      const before = rest[k - 1]
      if (!before) return [packet]
      const payload = concat(before.payload!.slice(-10), packet.payload!)
      return [{ ...packet, seq: packet.seq - 10, payload }]
    }),
  }
  for (const [name, order] of Object.entries(orders)) {
    t.strictSame(await seen(pcap(frames([syn!, ...order, fin]))), expected, name)
  }
})

t.test('a capture that begins in the middle starts with the next whole message', async (t) => {
  const messages = [1, 2, 3].map((k) => update(`10.${k}.0.0/16`))
  const packets = conversation(messages, { size: 37 }).slice(2)
  t.strictSame(await seen(pcap(frames(packets))), ['10.2.0.0/16', '10.3.0.0/16'])
})

t.test('a missing segment is told, and the messages behind it are read', async (t) => {
  const messages = [1, 2, 3, 4].map((k) => update(`10.${k}.0.0/16`))
  const { length } = messages[0]!
  const packets = conversation(messages, { size: length })
  packets.splice(2, 1)
  const told = `problem: 192.0.2.1:50000 -> 192.0.2.2:179: ${length} octets are not in the capture`
  t.strictSame(await seen(pcap(frames(packets))), [
    '10.1.0.0/16',
    told,
    '10.3.0.0/16',
    '10.4.0.0/16',
  ])
  const { status } = await read(pcap(frames(packets)))
  t.equal(status, 1)
})

t.test('a stream that ends within a message', async (t) => {
  const [syn, data] = conversation([update('10.1.0.0/16')], { size: 40 }) as [Packet, Packet]
  const told = 'problem: 192.0.2.1:50000 -> 192.0.2.2:179: ends after 40 octets of a message'
  for (const flags of [0, FIN, RST]) {
    const last = { ...data, seq: data.seq + 40, payload: new Uint8Array(0), flags }
    t.strictSame(await seen(pcap(frames([syn, data, last]))), [told])
  }
})

t.test('a new connection between the same ports begins anew', async (t) => {
  const first = conversation([update('10.1.0.0/16')]).slice(0, 2)
  const again = conversation([update('10.2.0.0/16')]).map((p) => ({ ...p, seq: p.seq + 77 }))
  t.strictSame(await seen(pcap(frames([...first, ...again]))), ['10.1.0.0/16', '10.2.0.0/16'])
})

t.test('octets that are no message: told, and read on from the next one', async (t) => {
  const broken = Uint8Array.from(update('10.1.0.0/16'))
  broken[18] = 9
  const [syn, bad] = conversation([broken]) as [Packet, Packet]
  const good = { ...bad, seq: bad.seq + broken.length, payload: update('10.2.0.0/16') }
  const [problem, prefix] = await seen(pcap(frames([syn, bad, good])))
  t.match(problem, /message type 9, expected 1 to 5/)
  t.equal(prefix, '10.2.0.0/16')
})

t.test('other ports count when the payload is BGP, other traffic does not', async (t) => {
  const bgp = conversation([KEEPALIVE], { fromPort: 40000, toPort: 1790 })
  const http = conversation([new TextEncoder().encode('GET / HTTP/1.1\r\n')], { toPort: 80 })
  t.strictSame(await seen(pcap(frames([...http, ...bgp]))), ['KEEPALIVE'])
})

const asn4 = () => b.capability(65, b.u32be(65001))
const addPath = (mode: number) => b.capability(69, b.u16be(1), b.u8(1, mode))

/** Both sides' OPENs, then what the first one sends. */
function session(mine: Uint8Array[], theirs: Uint8Array[], sent: Uint8Array[]): Uint8Array {
  const open = (capabilities: Uint8Array[]) => b.open({ as: 65001, capabilities })
  const back = { from: '192.0.2.2', to: '192.0.2.1', fromPort: 179, toPort: 50000 }
  const answer = conversation([open(theirs)], back).slice(0, 2)
  const [syn, first, ...rest] = conversation([open(mine), ...sent], { size: open(mine).length })
  return pcap(frames([syn!, first!, ...answer, ...rest]))
}

t.test('RFC 6793, RFC 7911: UPDATEs are read as the OPENs of both sides agreed', async (t) => {
  const path = async (file: Uint8Array) => {
    const { message } = (await read(file)).objects.at(-1)
    return [message.outcome, message.asPath, message.nlri[0]]
  }
  const narrow = session([asn4()], [], [update('10.1.0.0/16', 2)])
  t.match(await path(narrow), ['ok', '65001 65002', { prefix: '10.1.0.0/16' }])
  const withIds = update('10.1.0.0/16', 4, 7)
  const both = session([asn4(), addPath(2)], [asn4(), addPath(1)], [withIds])
  t.match(await path(both), ['ok', '65001 65002', { prefix: '10.1.0.0/16', pathId: 7 }])
  const oneWay = session([asn4(), addPath(1)], [asn4(), addPath(2)], [update('10.1.0.0/16')])
  t.match(await path(oneWay), ['ok', '65001 65002', { prefix: '10.1.0.0/16' }])
})

t.test('without OPENs the reading that makes sense is taken', async (t) => {
  for (const [asn, pathId] of [
    [4, undefined],
    [2, undefined],
    [4, 7],
  ] as const) {
    const [syn, data] = conversation([update('10.1.0.0/16', asn, pathId)]) as [Packet, Packet]
    const { objects } = await read(pcap(frames([{ ...syn, flags: SYN }, data])))
    const { message } = objects[0]
    t.match(message, { outcome: 'ok', asPath: '65001 65002', nlri: [{ prefix: '10.1.0.0/16' }] })
    t.equal(message.nlri[0].pathId, pathId)
  }
})

t.test('a capture cut at every length: what is whole, then where it ends', async (t) => {
  const packets = frames(conversation([KEEPALIVE, update('10.1.0.0/16')], { size: 40 }))
  for (const file of [pcap(packets), pcapng(packets)]) {
    for (let length = 4; length < file.length; length++) {
      const { status, objects, err } = await read(file.slice(0, length), 100)
      if (status === 0) continue
      const { offset, problem } = objects.find((each) => each.type === 'problem')
      const told = typeof problem === 'string' && offset <= length
      const ok = told && (err === '' || /^srv6d-cli: standard input: offset \d+: /.test(err))
      if (!ok) t.fail(`${length} octets: ${JSON.stringify(objects)} ${err}`)
    }
    const whole = await read(file)
    t.equal(whole.status, 0)
  }
})

t.test('a link layer that is not read is told once', async (t) => {
  const packets = frames(conversation([KEEPALIVE]))
  t.strictSame(await seen(pcap(packets, { linkType: 105 })), [
    'problem: packets of link type 105 are not read',
  ])
})

t.test('octets changed at random: never a throw, never a loop', async (t) => {
  const packets = frames(conversation([KEEPALIVE, update('10.1.0.0/16')], { size: 40 }))
  let state = 99
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  let problems = 0
  for (const file of [pcap(packets), pcapng(packets)]) {
    for (let round = 0; round < 300; round++) {
      const bent = Uint8Array.from(file)
      for (let k = 0; k < 4; k++) bent[4 + random(bent.length - 4)] = random(256)
      const { status } = await read(bent)
      if (status !== 0) problems++
    }
  }
  t.ok(problems > 100)
})
