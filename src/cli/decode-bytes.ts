/** A stream of chunks read by the number of octets wanted next, for the formats made of blocks. */
import type { Chunks } from './decode-source.ts'

/** `buf` from `at` to `end` is what is there; what is before `at` is forgotten. */
export class ByteStream {
  buf: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0

  readonly #chunks: AsyncIterator<Uint8Array>
  /** Octets of the stream before buf[0]. */
  #before = 0

  constructor(chunks: Chunks) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Where `at` is in the stream. */
  get offset(): number {
    return this.#before + this.at
  }

  /** Octets at hand. */
  get have(): number {
    return this.end - this.at
  }

  /** Fetches until `count` octets are at hand; false when the stream has fewer. */
  async fill(count: number): Promise<boolean> {
    while (this.have < count) {
      const { done, value } = await this.#chunks.next()
      if (done) return false
      this.#append(value)
    }
    return true
  }

  #append(chunk: Uint8Array): void {
    const kept = this.have
    this.#before += this.at
    if (kept === 0) {
      this.buf = chunk
    } else {
      const joined = new Uint8Array(kept + chunk.length)
      joined.set(this.buf.subarray(this.at, this.end))
      joined.set(chunk, kept)
      this.buf = joined
    }
    this.at = 0
    this.end = kept + chunk.length
  }
}
