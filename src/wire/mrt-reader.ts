/**
 * HOT: an MRT file (RFC 6396 §2) as a stream of records. A record that lies whole in a chunk is a
 * span of it; only one that is split over chunks is copied, into the one buffer of the reader.
 */
import { u32 } from '../base/bytes.ts'
import { MRT_HEADER_LENGTH, MrtRecord, parseMrtRecord } from './mrt-record.ts'

/** Who gets the records. */
export interface MrtSink {
  /** The record is the reader's own, overwritten by the next one once this call returns. */
  onRecord(record: MrtRecord): void
}

/** What cannot be read on: `offset` is the place in the file, in octets. */
export class MrtError extends Error {
  override readonly name = 'MrtError'
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** Longer records than this are taken for garbage: the largest of real tables have some 100 KB. */
const MAX_RECORD = 1 << 24

/** Cuts the chunks of one file into records. */
export class MrtReader {
  /** Octets of the file that lie before the record that comes next. */
  offset = 0

  readonly #sink: MrtSink
  readonly #record = new MrtRecord()
  /** A record split over chunks: its octets so far, how many, how many it needs next. */
  #split: Uint8Array = new Uint8Array(1 << 16)
  #have = 0
  #want = 0

  constructor(sink: MrtSink) {
    this.#sink = sink
  }

  /** Takes the next chunk of the file; throws the MrtError of a length that no record has. */
  push(chunk: Uint8Array): void {
    let at = this.#have > 0 ? this.#complete(chunk) : 0
    while (at < chunk.length) {
      const left = chunk.length - at
      const length = left < MRT_HEADER_LENGTH ? MRT_HEADER_LENGTH : this.#lengthAt(chunk, at)
      if (left < length) {
        this.#want = length
        this.#fill(chunk, at)
        return
      }
      this.#deliver(chunk, at, at + length)
      at += length
    }
  }

  /** To be called when the file has ended; throws the MrtError of a record that breaks off. */
  end(): void {
    if (this.#have === 0) return
    const of = this.#want > MRT_HEADER_LENGTH ? `record of ${this.#want}` : 'record header of 12'
    throw new MrtError(this.offset, `the file ends after ${this.#have} octets of a ${of}`)
  }

  /** Goes on with the split record; returns where the chunk goes on behind it. */
  #complete(chunk: Uint8Array): number {
    let at = this.#fill(chunk, 0)
    if (this.#have < this.#want) return at
    if (this.#want === MRT_HEADER_LENGTH) {
      this.#want = this.#lengthAt(this.#split, 0)
      at = this.#fill(chunk, at)
      if (this.#have < this.#want) return at
    }
    const end = this.#want
    this.#have = 0
    this.#want = 0
    this.#deliver(this.#split, 0, end)
    return at
  }

  /** Takes from the chunk what the split record still wants; returns where the chunk goes on. */
  #fill(chunk: Uint8Array, at: number): number {
    const end = Math.min(at + this.#want - this.#have, chunk.length)
    if (this.#want > this.#split.length) this.#grow()
    this.#split.set(chunk.subarray(at, end), this.#have)
    this.#have += end - at
    return end
  }

  #grow(): void {
    let size = this.#split.length
    while (size < this.#want) size *= 2
    const larger = new Uint8Array(size)
    larger.set(this.#split.subarray(0, this.#have))
    this.#split = larger
  }

  #lengthAt(buf: Uint8Array, at: number): number {
    const length = MRT_HEADER_LENGTH + u32(buf, at + 8)
    if (length <= MAX_RECORD) return length
    const expected = `expected at most ${MAX_RECORD}`
    throw new MrtError(this.offset, `a record of ${length} octets, ${expected}`)
  }

  #deliver(buf: Uint8Array, at: number, end: number): void {
    const record = this.#record
    parseMrtRecord(record, buf, at, end, this.offset)
    this.offset += end - at
    this.#sink.onRecord(record)
  }
}
