/**
 * A BGP speaker of a node whose pods come and go: so many a second, each for eight. It prints a
 * line of JSON for each UPDATE, with the time it was sent.
 *
 *   churn-speaker.mjs ADDRESS PORT AS RATE SECONDS BLUE RED      (BLUE, RED: large communities)
 */
import { connect } from 'node:net'
import { LARGE_POOLS, podAt } from './lib/churn-pods.ts'

const [address, port, as, rate, seconds, ...communities] = process.argv.slice(2)
const [AS, RATE, SECONDS] = [Number(as), Number(rate), Number(seconds)]
/** Seconds that a pod lives: on a busy machine one that comes and goes at once is never written. */
const LIFE = 8
const MARKER = Buffer.alloc(16, 0xff)
const u16 = (n: number) => Buffer.from([n >> 8, n & 255])
const u32 = (n: number) => Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])
const bytes = (...parts: (Buffer | number)[]) =>
  Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.from([p]) : p)))
const message = (type: number, body: Buffer) => bytes(MARKER, u16(19 + body.length), type, body)

function open(): Buffer {
  const capabilities = bytes(
    ...[1, 4, u16(1), 0, 1], // IPv4 unicast
    ...[1, 4, u16(2), 0, 1], // IPv6 unicast
    ...[65, 4, u32(AS)], // four-octet AS numbers
  )
  const parameters = bytes(2, capabilities.length, capabilities)
  return message(1, bytes(4, u16(AS), u16(90), u32(0x7f000002), parameters.length, parameters))
}

const attribute = (flags: number, type: number, value: Buffer) =>
  bytes(flags, type, value.length, value)

function attributes(large: Buffer): Buffer {
  return bytes(
    attribute(0x40, 1, bytes(0)), // ORIGIN IGP
    attribute(0x40, 2, bytes(2, 1, u32(AS))), // AS_PATH
    attribute(0xc0, 32, large),
  )
}

const update = (withdrawn: Buffer, attrs: Buffer, nlri: Buffer) =>
  message(2, bytes(u16(withdrawn.length), withdrawn, u16(attrs.length), attrs, nlri))
const NONE = Buffer.alloc(0)
const NEXT_HOP = Buffer.from([127, 0, 0, 2])
const MAPPED = Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), NEXT_HOP])

function come(octets: Buffer, large: Buffer): Buffer {
  const nlri = bytes(octets.length * 8, octets)
  if (octets.length === 4) {
    return update(NONE, bytes(attributes(large), attribute(0x40, 3, NEXT_HOP)), nlri)
  }
  const reach = bytes(u16(2), 1, 16, MAPPED, 0, nlri)
  return update(NONE, bytes(attribute(0x80, 14, reach), attributes(large)), NONE)
}

function go(octets: Buffer): Buffer {
  const nlri = bytes(octets.length * 8, octets)
  if (octets.length === 4) return update(nlri, NONE, NONE)
  return update(NONE, attribute(0x80, 15, bytes(u16(2), 1, nlri)), NONE)
}

const larges = communities.map((text) => Buffer.concat(text.split(':').map((n) => u32(Number(n)))))
const socket = connect({ host: address!, port: Number(port), localAddress: address! })
socket.setNoDelay(true)
socket.on('error', (e) => {
  process.stderr.write(`${e.message}\n`)
  process.exit(1)
})
socket.on('close', () => process.exit(0))
socket.write(open())
let started = false
socket.on('data', (chunk) => {
  // the first message is an OPEN; its KEEPALIVE may be in the same chunk
  if (started) return
  started = true
  socket.write(message(4, NONE))
  setTimeout(churn, 500)
  setInterval(() => socket.write(message(4, NONE)), 20_000).unref()
  if (chunk[18] !== 1) process.stderr.write(`message type ${chunk[18]}\n`)
})

/** The time is that before the write: what follows may be there before we go on. */
function tell(action: 'come' | 'go', n: number, message: Buffer): void {
  const at = Date.now()
  socket.write(message)
  const { prefix, network } = podAt(n)
  process.stdout.write(`${JSON.stringify({ at, action, prefix, network })}\n`)
}

/** Catches up with the clock at every tick, so that the rate holds on a busy machine. */
function churn(): void {
  const from = performance.now()
  const total = RATE * SECONDS
  let came = 0
  let gone = 0
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - from) / 1000) * RATE)
    for (; came < Math.min(due, total); came++) {
      const { octets, network } = podAt(came)
      tell('come', came, come(octets, larges[LARGE_POOLS.indexOf(network)]!))
    }
    for (; gone < Math.min(due - LIFE * RATE, total); gone++) {
      tell('go', gone, go(podAt(gone).octets))
    }
    if (gone < total) return
    clearInterval(timer)
    // the session stays: what is left must have gone by the withdrawals
    setTimeout(() => socket.end(), 5000)
  }, 10)
}
