/**
 * HOT: a TCP stream cut into BGP messages (RFC 4271 §4.1, §6.1). A message that lies whole in a
 * chunk is given as a span of it; only one that is split over chunks is copied, into the one
 * buffer of the framer. transport.ts pushes, session.ts is the sink.
 */
import { copyBytes, i32, u16, wordsOf } from '../base/bytes.ts'
import { BgpError } from './error.ts'
import {
  ErrorCode,
  HEADER_LENGTH,
  HeaderError,
  MAX_EXTENDED_MESSAGE,
  MAX_LENGTH,
  MAX_MESSAGE,
  MIN_LENGTH,
} from './registry.ts'

/** Who gets the messages. */
export interface FrameSink {
  /**
   * One message: its body is `buf` from `at` to `end`, valid until this call returns. May call
   * Framer.reset, which ends the delivery of the chunk.
   */
  onMessage(type: number, buf: Uint8Array, at: number, end: number): void
}

const MARKER_LENGTH = 16

// Tables in constants of this file: the compiler must fetch those of other files each time.
const HEADER = HEADER_LENGTH
const SHORTEST = MIN_LENGTH
/** 0 for what is no type. */
const LONGEST = MAX_LENGTH

/** Cuts the chunks of one connection into messages. */
export class Framer {
  /** 4096, or 65535 once extended messages were negotiated (RFC 8654 §4). */
  maxLength = MAX_MESSAGE

  readonly #sink: FrameSink
  /** The octets so far of a message split over chunks; how many; how many it will have. */
  readonly #split: Uint8Array = Buffer.allocUnsafeSlow(MAX_EXTENDED_MESSAGE)
  #have = 0
  #want = 0
  /** Counts resets: a push that sees it change stops. */
  #resets = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Octets of a message that is not complete yet. */
  get pending(): number {
    return this.#have
  }

  /** Forgets a message that is not complete, and what is left of a chunk that is being pushed. */
  reset(): void {
    this.#have = 0
    this.#want = 0
    this.maxLength = MAX_MESSAGE
    this.#resets++
  }

  /** Takes the next chunk of the stream; throws the BgpError of a header that is not one. */
  push(chunk: Uint8Array): void {
    const sink = this.#sink
    const resets = this.#resets
    const words = wordsOf(chunk)
    const chunkEnd = chunk.length
    let at = this.#have > 0 ? this.#complete(chunk) : 0
    while (at < chunkEnd && this.#resets === resets) {
      const bodyAt = at + HEADER
      if (bodyAt > chunkEnd) {
        this.#keep(chunk, at, HEADER)
        return
      }
      const length = words.getUint16(at + MARKER_LENGTH)
      const type = words.getUint8(bodyAt - 1)
      const marker =
        words.getInt32(at) &
        words.getInt32(at + 4) &
        words.getInt32(at + 8) &
        words.getInt32(at + 12)
      if (
        marker !== -1 ||
        length > this.maxLength ||
        length < SHORTEST[type]! ||
        length > LONGEST[type]!
      ) {
        throw headerError(chunk, at, this.maxLength)
      }
      if (length > chunkEnd - at) {
        this.#keep(chunk, at, length)
        return
      }
      at += length
      sink.onMessage(type, chunk, bodyAt, at)
    }
  }

  /** Keeps the end of a chunk, the beginning of a message of which `want` octets are needed next. */
  #keep(chunk: Uint8Array, at: number, want: number): void {
    copyBytes(chunk, at, this.#split, 0, chunk.length - at)
    this.#have = chunk.length - at
    this.#want = want
  }

  /** Goes on with the split message; returns where the chunk goes on behind it. */
  #complete(chunk: Uint8Array): number {
    let at = this.#fill(chunk, 0)
    if (this.#have < this.#want) return at
    if (this.#want === HEADER_LENGTH) {
      const error = headerError(this.#split, 0, this.maxLength)
      if (error !== null) throw error
      this.#want = u16(this.#split, MARKER_LENGTH)
      at = this.#fill(chunk, at)
      if (this.#have < this.#want) return at
    }
    const end = this.#want
    this.#have = 0
    this.#want = 0
    this.#sink.onMessage(this.#split[MARKER_LENGTH + 2]!, this.#split, HEADER_LENGTH, end)
    return at
  }

  /** Takes from the chunk what the split message still wants; returns where the chunk goes on. */
  #fill(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#want - this.#have, chunk.length - at)
    copyBytes(chunk, at, this.#split, this.#have, count)
    this.#have += count
    return at + count
  }
}

/** RFC 4271 §6.1: what is wrong with the 19 header octets at `at`, null when nothing is. */
function headerError(buf: Uint8Array, at: number, maxLength: number): BgpError | null {
  if ((i32(buf, at) & i32(buf, at + 4) & i32(buf, at + 8) & i32(buf, at + 12)) !== -1) {
    return notSynchronized(buf, at)
  }
  const length = u16(buf, at + MARKER_LENGTH)
  if (length < HEADER_LENGTH || length > maxLength) {
    return badLength(length, `${HEADER_LENGTH} to ${maxLength}`)
  }
  const type = buf[at + MARKER_LENGTH + 2]!
  if (MIN_LENGTH[type] === 0) return badType(type)
  if (length >= MIN_LENGTH[type]! && length <= MAX_LENGTH[type]!) return null
  return badLength(length, `${MIN_LENGTH[type]} to ${MAX_LENGTH[type]} for type ${type}`)
}

function notSynchronized(buf: Uint8Array, at: number): BgpError {
  let octet = 0
  while (buf[at + octet] === 0xff) octet++
  const value = buf[at + octet]!
  return new BgpError(
    ErrorCode.MESSAGE_HEADER,
    HeaderError.CONNECTION_NOT_SYNCHRONIZED,
    `marker octet ${octet} is 0x${value.toString(16).padStart(2, '0')}, expected 0xff`,
  )
}

/** The data is the length field (RFC 4271 §6.1). */
function badLength(length: number, expected: string): BgpError {
  return new BgpError(
    ErrorCode.MESSAGE_HEADER,
    HeaderError.BAD_MESSAGE_LENGTH,
    `message length ${length}, expected ${expected}`,
    Uint8Array.of(length >>> 8, length & 0xff),
  )
}

/** The data is the type field (RFC 4271 §6.1). */
function badType(type: number): BgpError {
  return new BgpError(
    ErrorCode.MESSAGE_HEADER,
    HeaderError.BAD_MESSAGE_TYPE,
    `message type ${type}, expected 1 to 5`,
    Uint8Array.of(type),
  )
}
