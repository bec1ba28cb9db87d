import t from 'tap'
import { BgpError } from '../../src/wire/error.ts'
import { Framer, type FrameSink } from '../../src/wire/framer.ts'
import { message, update } from '../support/builder.ts'
import { concat, fromHex, toHex } from '../support/hex.ts'
import { capturedMessages } from '../support/vectors.ts'

/** A sink that keeps what it was given as text: the spans are only lent. */
class Collector implements FrameSink {
  readonly messages: string[] = []

  onMessage(type: number, buf: Uint8Array, at: number, end: number): void {
    this.messages.push(`${type} ${toHex(buf.subarray(at, end))}`)
  }
}

function framed(chunks: Uint8Array[], maxLength = 4096): string[] {
  const sink = new Collector()
  const framer = new Framer(sink)
  framer.maxLength = maxLength
  for (const chunk of chunks) framer.push(chunk)
  return sink.messages
}

function errorOf(...chunks: Uint8Array[]): BgpError {
  try {
    framed(chunks)
  } catch (error) {
    if (error instanceof BgpError) return error
    throw error
  }
  throw new Error('no error')
}

const expected = (octets: Uint8Array) => `${octets[18]} ${toHex(octets.subarray(19))}`
const KEEPALIVE = message(4)

t.test(
  'framer: every captured message cut in two at every offset, and octet by octet',
  async (t) => {
    const vectors = capturedMessages()
    t.ok(vectors.length > 480, `${vectors.length} captured messages`)
    let bad = 0
    const sink = new Collector()
    const framer = new Framer(sink)
    for (const { hex, type } of vectors) {
      const octets = fromHex(hex)
      const want = `${expected(octets)},${expected(KEEPALIVE)}`
      const stream = concat(octets, KEEPALIVE)
      const check = () => {
        if (sink.messages.join() !== want) bad++
        sink.messages.length = 0
      }
      for (let cut = 0; cut <= octets.length + 1; cut++) {
        framer.push(stream.subarray(0, cut))
        framer.push(stream.subarray(cut))
        check()
      }
      for (let k = 0; k < stream.length; k++) framer.push(stream.subarray(k, k + 1))
      check()
      if (bad > 0) t.fail(`${type} ${hex}`)
    }
    t.equal(bad, 0)
  },
)

t.test(
  'framer: a header split over three chunks, then two messages and a half in one',
  async (t) => {
    const one = update({ nlri: [Uint8Array.of(8, 10)] })
    const stream = concat(one, one, one)
    const cuts = [5, 12, one.length * 2 + 9]
    const chunks = [0, ...cuts].map((from, k) => stream.subarray(from, cuts[k] ?? stream.length))
    t.same(framed(chunks), [expected(one), expected(one), expected(one)])
  },
)

t.test('framer: a message that lies whole in a chunk is a span of that chunk', async (t) => {
  const chunk = concat(KEEPALIVE, update())
  const buffers: Uint8Array[] = []
  const framer = new Framer({ onMessage: (_type, buf) => buffers.push(buf) })
  framer.push(chunk)
  framer.push(chunk.subarray(0, 30))
  framer.push(chunk.subarray(30))
  t.equal(buffers[0], chunk)
  t.equal(buffers[1], chunk)
  t.not(buffers[3], chunk)
})

t.test(
  'RFC 4271 §6.1: a marker that is not all ones is a Connection Not Synchronized',
  async (t) => {
    for (let k = 0; k < 16; k++) {
      const bad = Uint8Array.from(KEEPALIVE)
      bad[k] = 0xfe
      const error = errorOf(bad)
      t.same([error.code, error.subcode, error.data.length], [1, 1, 0])
      t.equal(error.message, `marker octet ${k} is 0xfe, expected 0xff`)
    }
    const split = Uint8Array.from(KEEPALIVE)
    split[3] = 0
    t.equal(errorOf(split.subarray(0, 10), split.subarray(10)).subcode, 1)
  },
)

t.test('RFC 4271 §6.1: lengths out of range are Bad Message Lengths with the length', async (t) => {
  const withHeader = (length: number, type: number, size = 64) => {
    const out = new Uint8Array(size)
    out.fill(0xff, 0, 16)
    out.set([length >>> 8, length & 0xff, type], 16)
    return out
  }
  const bad: [length: number, type: number][] = [
    [0, 4],
    [18, 4],
    [20, 4], // KEEPALIVE is 19
    [28, 1], // OPEN at least 29
    [22, 2], // UPDATE at least 23
    [20, 3], // NOTIFICATION at least 21
    [22, 5], // ROUTE-REFRESH at least 23
    [4097, 2],
    [65535, 2],
  ]
  for (const [length, type] of bad) {
    const error = errorOf(withHeader(length, type))
    t.same([error.code, error.subcode], [1, 2], `length ${length} of type ${type}`)
    t.same([...error.data], [length >>> 8, length & 0xff])
    t.match(error.message, `message length ${length}, expected`)
  }
  t.throws(() => framed([withHeader(20, 4).subarray(0, 7), withHeader(20, 4).subarray(7)]), {
    code: 1,
    subcode: 2,
  })
})

t.test('RFC 8654 §4: long UPDATEs once negotiated, but neither OPEN nor KEEPALIVE', async (t) => {
  const long = message(2, new Uint8Array(65535 - 19))
  t.throws(() => framed([long]), { code: 1, subcode: 2 })
  t.same(framed([long], 65535), [expected(long)])
  const cut = 40000
  t.same(framed([long.subarray(0, cut), long.subarray(cut)], 65535), [expected(long)])
  const open = message(1, new Uint8Array(4097 - 19))
  t.throws(() => framed([open], 65535), { code: 1, subcode: 2 })
})

t.test('RFC 4271 §6.1: an unknown type is a Bad Message Type with the type', async (t) => {
  for (const type of [0, 6, 128, 255]) {
    const error = errorOf(message(type))
    t.same([error.code, error.subcode, ...error.data], [1, 3, type])
    t.equal(error.message, `message type ${type}, expected 1 to 5`)
  }
})

t.test('framer: the messages before a bad header are delivered', async (t) => {
  const sink = new Collector()
  const framer = new Framer(sink)
  t.throws(() => framer.push(concat(KEEPALIVE, message(9))), BgpError)
  t.same(sink.messages, [expected(KEEPALIVE)])
})

t.test('framer: a reset by the sink ends the delivery of the chunk', async (t) => {
  for (const cut of [0, 19, 30]) {
    let count = 0
    const framer: Framer = new Framer({
      onMessage: () => {
        count++
        framer.reset()
      },
    })
    const stream = concat(KEEPALIVE, KEEPALIVE, KEEPALIVE)
    framer.push(stream.subarray(0, cut))
    count = 0
    framer.reset()
    framer.push(stream)
    t.equal(count, 1, `after ${cut} octets of an earlier connection`)
    framer.push(KEEPALIVE)
    t.equal(count, 2)
  }
})

t.test('framer: a reset by the sink of a split message ends it too', async (t) => {
  let count = 0
  const framer: Framer = new Framer({
    onMessage: () => {
      count++
      framer.reset()
    },
  })
  const stream = concat(KEEPALIVE, KEEPALIVE)
  framer.push(stream.subarray(0, 10))
  framer.push(stream.subarray(10))
  t.equal(count, 1)
})
