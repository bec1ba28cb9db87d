/**
 * From octets to prefixes: the framer, the parser with all checks of RFC 7606, the cursor; beside
 * them a loop that only adds up the octets, which says what the machine can do at this minute.
 */
import { Bench } from 'tinybench'
import { Framer, type FrameSink } from '../src/wire/framer.ts'
import { NlriCursor } from '../src/wire/nlri-cursor.ts'
import { Family, Outcome } from '../src/wire/registry.ts'
import { parseUpdate } from '../src/wire/update-parser.ts'
import { reasonText } from '../src/wire/update-reason.ts'
import { type UpdateSession, UpdateView } from '../src/wire/update-view.ts'
import { type Corpus, standardCorpora } from './corpus.ts'
import type { Measurement } from './report.ts'

/** The subject the others are compared with. */
const OCTETS = 'octets added up'

/** tinybench itself costs about 50 ns a call: so many messages in one. */
const BATCH = 1000

const session: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: 0b11110,
}

/** Frames and parses; `walks` says whether the NLRI are read too. Nothing is kept of them. */
class Reader implements FrameSink {
  sum = 0
  readonly #walks: boolean
  readonly #view = new UpdateView()
  readonly #cursor = new NlriCursor()

  constructor(walks: boolean) {
    this.#walks = walks
  }

  onMessage(_type: number, buf: Uint8Array, at: number, end: number): void {
    const view = this.#view
    if (parseUpdate(view, buf, at, end, session) !== Outcome.OK) {
      throw new Error(`corpus: ${reasonText(view.reason)}`)
    }
    if (!this.#walks) return
    this.#walk(view, view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST)
    const { reachFamily } = view
    if (reachFamily !== 0) this.#walk(view, view.reachAt, view.reachEnd, reachFamily)
  }

  #walk(view: UpdateView, at: number, end: number, family: Family): void {
    const cursor = this.#cursor
    cursor.start(view.buf, at, end, family, false, false)
    while (cursor.next()) this.sum = (this.sum + cursor.key[cursor.keyWords - 1]!) | 0
  }
}

/** The corpus in chunks of whole messages, BATCH each. */
function batches({ octets }: Corpus): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let from = 0
  let count = 0
  for (let at = 0; at < octets.length; ) {
    at += (octets[at + 16]! << 8) | octets[at + 17]!
    if (++count < BATCH) continue
    chunks.push(octets.subarray(from, at))
    from = at
    count = 0
  }
  return chunks
}

interface Subject {
  name: string
  work: (chunk: Uint8Array) => void
}

/** Where sums go, so that the loop that makes them is not left out. */
const kept = { sum: 0 }

function subjects(): Subject[] {
  const parser = new Framer(new Reader(false))
  const walker = new Framer(new Reader(true))
  const addUp = (chunk: Uint8Array) => {
    let sum = 0
    for (let k = 0; k < chunk.length; k++) sum = (sum + chunk[k]!) | 0
    kept.sum ^= sum
  }
  return [
    { name: OCTETS, work: addUp },
    { name: 'parse', work: (chunk) => parser.push(chunk) },
    { name: 'parse and walk', work: (chunk) => walker.push(chunk) },
  ]
}

/** Octets of heap a message costs: the least of some rounds, as the compiler allocates too. */
function allocated({ work }: Subject, chunks: Uint8Array[]): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const before = process.memoryUsage().heapUsed
    for (let k = 0; k < 50; k++) for (const chunk of chunks) work(chunk)
    const grown = process.memoryUsage().heapUsed - before
    if (grown >= 0) least = Math.min(least, grown)
  }
  const perMessage = least / (50 * chunks.length * BATCH)
  return perMessage < 0.01 ? 0 : perMessage
}

/** Measures all subjects on the standard corpora of about 20,000 routes. */
export async function run(): Promise<Measurement[]> {
  const out: Measurement[] = []
  for (const corpus of standardCorpora(20_000)) {
    const chunks = batches(corpus)
    const octets = chunks.reduce((sum, chunk) => sum + chunk.length, 0) / chunks.length
    const prefixes = (corpus.prefixes * BATCH) / corpus.messages
    let loop = 0
    for (const subject of subjects()) {
      const { min, p50, p99 } = await timeOf(subject, chunks)
      if (loop === 0) loop = min
      const add = (metric: string, value: number, unit: string) =>
        out.push({
          bench: 'parse',
          corpus: corpus.name,
          subject: subject.name,
          metric,
          value,
          unit,
        })
      const isLoop = subject.name === OCTETS
      add('throughput', octets / min / 1e-3, 'MB/s')
      add('messages', (BATCH / min) * 1e3, 'M/s')
      add('prefixes', isLoop ? 0 : (prefixes / min) * 1e3, 'M/s')
      add('ratio', loop / min, 'x octets')
      add('per message', min / BATCH, 'ns')
      add('p50', p50 / BATCH, 'ns')
      add('p99', p99 / BATCH, 'ns')
      add('allocated', allocated(subject, chunks), 'B/message')
    }
  }
  return out
}

/**
 * Times of one batch in ns. Throughput is that of the fastest batch: on a machine that others use
 * too, the median says more about them.
 */
async function timeOf(
  { name, work }: Subject,
  chunks: Uint8Array[],
): Promise<{ min: number; p50: number; p99: number }> {
  const bench = new Bench({ time: 400, warmupTime: 200 })
  let next = 0
  bench.add(name, () => {
    work(chunks[next]!)
    next = (next + 1) % chunks.length
  })
  const [task] = await bench.run()
  const result = task?.result
  if (result === undefined || !('latency' in result)) throw new Error(`${name} did not run`)
  const { min, p50, p99 } = result.latency
  return { min: min * 1e6, p50: p50 * 1e6, p99: p99 * 1e6 }
}
