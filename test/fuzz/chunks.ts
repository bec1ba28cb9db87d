/** The verdict does not depend on how the octets came in: the framer, cut at seeded places. */
import { BgpError } from '../../src/wire/error.ts'
import { Framer } from '../../src/wire/framer.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import { digestOf } from './digest.ts'
import { type FuzzInput, SESSIONS } from './input.ts'
import { InvariantError, type Parse } from './invariant.ts'
import { Random } from './random.ts'

const HEADER = 19
const UPDATE = 2
const KEEPALIVE = Uint8Array.from([...new Array(16).fill(0xff), 0, 19, 4])
const MAX = 65535

/** What came out of a stream. */
interface Outcome {
  seen: Seen[]
  error: string | null
}

interface Seen {
  type: number
  octets: number
  hash: number
  digest: number[] | null
}

export class ChunkCheck {
  readonly #parse: Parse
  readonly #view = new UpdateView()
  /** One framer for all: what one stream leaves behind must not reach the next. */
  readonly #framer: Framer
  #session = 0
  #seen: Seen[] = []

  constructor(parse: Parse) {
    this.#parse = parse
    this.#framer = new Framer({
      onMessage: (type, buf, at, end) => {
        const isUpdate = type === UPDATE
        if (isUpdate) this.#parse(this.#view, buf, at, end, SESSIONS[this.#session]!)
        this.#seen.push({
          type,
          octets: end - at,
          hash: hashOf(buf, at, end),
          digest: isUpdate ? digestOf(this.#view) : null,
        })
      },
    })
  }

  /** KEEPALIVE, the message, KEEPALIVE, the message: whole, in chunks, and with a bent header. */
  run({ session, body }: FuzzInput, digest: number[]): void {
    this.#session = session
    const message = messageOf(body)
    const stream = new Uint8Array(Buffer.concat([KEEPALIVE, message, KEEPALIVE, message]))
    const random = new Random(hashOf(body, 0, body.length) + session)
    const whole = this.#push([stream])
    const isBad = body.length < 4
    for (const seen of whole.seen) {
      if (seen.digest !== null && `${seen.digest}` !== `${digest}`) fail('the framer gives another')
    }
    if (whole.seen.length !== (isBad ? 1 : 4)) fail(`${whole.seen.length} messages of 4`)
    this.#compare(stream, whole, random)
    if (random.oneIn(4)) {
      const at = KEEPALIVE.length + random.below(HEADER)
      stream[at] = random.below(256)
      this.#compare(stream, this.#push([stream]), random)
    }
  }

  #compare(stream: Uint8Array, whole: Outcome, random: Random): void {
    const cut = this.#push(chunksOf(stream, random))
    const [a, b] = [JSON.stringify(whole), JSON.stringify(cut)]
    if (a !== b) fail(`whole ${a}, in chunks ${b}`)
  }

  #push(chunks: Uint8Array[]): Outcome {
    this.#seen = []
    this.#framer.reset()
    this.#framer.maxLength = MAX
    let error: string | null = null
    try {
      for (const chunk of chunks) this.#framer.push(chunk)
    } catch (thrown) {
      if (!(thrown instanceof BgpError)) throw thrown
      error = `${thrown.code}/${thrown.subcode} ${thrown.message} ${thrown.data.join()}`
    }
    return { seen: this.#seen, error }
  }
}

function messageOf(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER + body.length).fill(0xff, 0, 16)
  out[16] = out.length >>> 8
  out[17] = out.length & 0xff
  out[18] = UPDATE
  out.set(body, HEADER)
  return out
}

/** One to seven cuts, sometimes single octets; each chunk in memory of its own. */
function chunksOf(stream: Uint8Array, random: Random): Uint8Array[] {
  const cuts = Array.from({ length: 1 + random.below(7) }, () => random.below(stream.length))
  if (random.oneIn(3)) for (let k = 1; k <= 24; k++) cuts.push(cuts[0]! + k)
  const places = [0, ...cuts.filter((at) => at < stream.length).sort((a, b) => a - b)]
  return places.map((from, k) => stream.slice(from, places[k + 1] ?? stream.length))
}

function hashOf(buf: Uint8Array, at: number, end: number): number {
  let hash = 0x811c9dc5
  for (let k = at; k < end; k++) hash = Math.imul(hash ^ buf[k]!, 0x01000193)
  return hash >>> 0
}

function fail(text: string): never {
  throw new InvariantError('same verdict in any chunks', text)
}
