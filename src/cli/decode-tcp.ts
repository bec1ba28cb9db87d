/**
 * TCP streams put together from captured segments, as far as BGP needs it: segments out of order
 * and sent again, several connections, captures that begin in the middle or lack packets.
 */
import { formatAddress } from '../wire/address.ts'
import { BgpError } from '../wire/error.ts'
import { Framer } from '../wire/framer.ts'
import { MAX_EXTENDED_MESSAGE } from '../wire/registry.ts'
import { GuessedSession } from './decode-guess.ts'
import { type Place, timeText } from './decode-objects.ts'
import { type Segment, segmentOf } from './decode-packet.ts'
import type { Packet } from './decode-pcap.ts'
import type { DecodeSink } from './decode-printer.ts'

const BGP_PORT = 179
/** What one direction may hold back while it waits for a segment that is missing. */
const MAX_PENDING = 1 << 20
/** Connections remembered at a time; the one silent for longest makes room. */
const MAX_CONNECTIONS = 512
const MARKER = 16

/** Octets that came before those they follow. */
interface Pending {
  sequence: number
  octets: Uint8Array
}

/** One direction of a connection. */
interface Flow {
  from: string
  to: string
  framer: Framer
  /** Where the next octet belongs; of no meaning before `inSync`. */
  next: number
  /** The beginning of a message is known to be at `next`, or before it in the framer. */
  inSync: boolean
  /** SYN was seen: the stream is whole from its first octet. */
  fromStart: boolean
  pending: Pending[]
  pendingOctets: number
}

interface Connection {
  flows: [Flow, Flow]
  session: GuessedSession
}

export class TcpStreams {
  readonly #sink: DecodeSink
  readonly #addPath: boolean
  readonly #connections = new Map<string, Connection>()
  #place: Place = { offset: 0 }

  constructor(sink: DecodeSink, addPath: boolean) {
    this.#sink = sink
    this.#addPath = addPath
  }

  /** Takes the next packet of the capture. */
  push(packet: Packet): void {
    const segment = segmentOf(packet.linkType, packet.buf, packet.at, packet.end)
    if (segment === null) return
    const { buf, number, offset, seconds, microseconds } = packet
    const a = keyOf(buf, segment.sourceAt, segment.addressBytes, segment.sourcePort)
    const b = keyOf(buf, segment.targetAt, segment.addressBytes, segment.targetPort)
    const isForward = a < b
    const key = isForward ? a + b : b + a
    const connection = this.#connectionOf(key, isForward, segment, buf)
    if (connection === undefined) return
    const direction = isForward ? 0 : 1
    const flow = connection.flows[direction]
    const time = seconds === 0 ? undefined : timeText(seconds, microseconds)
    this.#place = { offset, packet: number, from: flow.from, to: flow.to }
    if (time !== undefined) this.#place.time = time
    this.#take(flow, segment, buf)
    if (segment.rst) {
      for (const each of connection.flows) this.#finish(each)
      this.#connections.delete(key)
    }
  }

  /** To be called behind the last packet. */
  end(): void {
    for (const { flows } of this.#connections.values()) for (const flow of flows) this.#finish(flow)
  }

  /** The connection of a segment: by port 179, or by a payload that begins as a BGP message does. */
  #connectionOf(
    key: string,
    isForward: boolean,
    segment: Segment,
    buf: Uint8Array,
  ): Connection | undefined {
    const known = this.#connections.get(key)
    const isBgp = segment.sourcePort === BGP_PORT || segment.targetPort === BGP_PORT
    if (known === undefined && !isBgp && !hasMarker(buf, segment.payloadAt, segment.payloadEnd)) {
      return undefined
    }
    const connection = known ?? this.#newConnection(segment, buf, isForward)
    // the last one used goes to the end: the first one is the one silent for longest
    this.#connections.delete(key)
    this.#connections.set(key, connection)
    if (this.#connections.size > MAX_CONNECTIONS) this.#evict()
    return connection
  }

  #evict(): void {
    const [key, { flows }] = this.#connections.entries().next().value!
    this.#connections.delete(key)
    for (const flow of flows) this.#finish(flow)
  }

  #newConnection(segment: Segment, buf: Uint8Array, isForward: boolean): Connection {
    const { addressBytes, sourceAt, sourcePort, targetAt, targetPort } = segment
    const source = endpoint(buf, sourceAt, addressBytes, sourcePort)
    const target = endpoint(buf, targetAt, addressBytes, targetPort)
    const [a, b] = isForward ? [source, target] : [target, source]
    const session = new GuessedSession(this.#addPath)
    return { session, flows: [this.#newFlow(a, b, 0, session), this.#newFlow(b, a, 1, session)] }
  }

  #newFlow(from: string, to: string, direction: 0 | 1, session: GuessedSession): Flow {
    const framer = new Framer({
      onMessage: (type, buf, at, end) => {
        const how = session.of(type, buf, at, end, direction)
        this.#sink.message(this.#place, type, buf, at, end, how)
      },
    })
    framer.maxLength = MAX_EXTENDED_MESSAGE
    const state = { next: 0, inSync: false, fromStart: false, pending: [], pendingOctets: 0 }
    return { from, to, framer, ...state }
  }

  #take(flow: Flow, segment: Segment, buf: Uint8Array): void {
    const { sequence, payloadAt, payloadEnd } = segment
    if (segment.syn) {
      this.#finish(flow)
      flow.next = (sequence + 1) >>> 0
      flow.fromStart = flow.inSync = true
      return
    }
    if (payloadEnd > payloadAt) {
      if (flow.inSync) this.#arrive(flow, sequence, buf, payloadAt, payloadEnd)
      else this.#findStart(flow, sequence, buf, payloadAt, payloadEnd)
    }
    const isLast = ((sequence + payloadEnd - payloadAt - flow.next) | 0) <= 0
    if (segment.fin && flow.inSync && isLast) this.#finish(flow)
  }

  /** A stream that was not seen from its beginning is read from the first marker on. */
  #findStart(flow: Flow, sequence: number, buf: Uint8Array, at: number, end: number): void {
    for (let k = at; k + MARKER <= end; k++) {
      if (!hasMarker(buf, k, end)) continue
      flow.next = (sequence + k - at) >>> 0
      flow.inSync = true
      this.#arrive(flow, flow.next, buf, k, end)
      return
    }
  }

  /** Payload with its place in the stream: what is due is delivered, what is early kept. */
  #arrive(flow: Flow, sequence: number, buf: Uint8Array, at: number, end: number): void {
    const early = (sequence - flow.next) | 0
    if (early > 0) {
      flow.pending.push({ sequence, octets: buf.slice(at, end) })
      flow.pendingOctets += end - at
      if (flow.pendingOctets > MAX_PENDING) this.#skipGap(flow)
      return
    }
    this.#deliver(flow, buf, at - early, end)
    this.#drain(flow)
  }

  #deliver(flow: Flow, buf: Uint8Array, at: number, end: number): void {
    if (at >= end) return
    flow.next = (flow.next + end - at) >>> 0
    try {
      flow.framer.push(buf.subarray(at, end))
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      this.#sink.problem(this.#place, `${flow.from} -> ${flow.to}: ${error.describe()}`)
      this.#loseSync(flow)
    }
  }

  #loseSync(flow: Flow): void {
    flow.framer.reset()
    flow.framer.maxLength = MAX_EXTENDED_MESSAGE
    flow.inSync = false
  }

  /** Delivers what was early and is due now. */
  #drain(flow: Flow): void {
    while (flow.inSync && flow.pending.length > 0) {
      const due = flow.pending.findIndex(({ sequence }) => ((sequence - flow.next) | 0) <= 0)
      if (due < 0) return
      const [{ sequence, octets }] = flow.pending.splice(due, 1) as [Pending]
      flow.pendingOctets -= octets.length
      this.#deliver(flow, octets, (flow.next - sequence) | 0, octets.length)
    }
  }

  /** Gives up the octets that are missing, and goes on behind them with the next message. */
  #skipGap(flow: Flow): void {
    const pending = flow.pending.sort((a, b) => (a.sequence - b.sequence) | 0)
    flow.pending = []
    flow.pendingOctets = 0
    const missing = (pending[0]!.sequence - flow.next) | 0
    const text = `${flow.from} -> ${flow.to}: ${missing} octets are not in the capture`
    this.#sink.problem(this.#place, text)
    this.#loseSync(flow)
    for (const { sequence, octets } of pending) {
      if (flow.inSync) this.#arrive(flow, sequence, octets, 0, octets.length)
      else this.#findStart(flow, sequence, octets, 0, octets.length)
    }
  }

  /** The stream has ended: nothing that is missing will come. */
  #finish(flow: Flow): void {
    this.#place = { ...this.#place, from: flow.from, to: flow.to }
    while (flow.pending.length > 0) this.#skipGap(flow)
    if (flow.inSync && flow.framer.pending > 0) {
      const text = `${flow.from} -> ${flow.to}: ends after ${flow.framer.pending} octets of a message`
      this.#sink.problem(this.#place, text)
    }
    this.#loseSync(flow)
    flow.fromStart = false
  }
}

function hasMarker(buf: Uint8Array, at: number, end: number): boolean {
  if (end - at < MARKER) return false
  for (let k = at; k < at + MARKER; k++) if (buf[k] !== 0xff) return false
  return true
}

/** Address and port as they stand, for a map: text for people takes longer than the rest. */
function keyOf(buf: Uint8Array, at: number, addressBytes: 4 | 16, port: number): string {
  const address = Buffer.from(buf.buffer, buf.byteOffset + at, addressBytes).toString('latin1')
  return `${address}${String.fromCharCode(port)}`
}

/** `192.0.2.1:179`, `[2001:db8::1]:179` */
function endpoint(buf: Uint8Array, at: number, addressBytes: 4 | 16, port: number): string {
  const address = formatAddress(buf, at, addressBytes)
  return addressBytes === 4 ? `${address}:${port}` : `[${address}]:${port}`
}
