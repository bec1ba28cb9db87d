/**
 * What the parse bench measures, in a process without a loader: compiled as `npm run build` does,
 * run by parse-process.ts. With tsx in the process even the byte loop took twice as long.
 */
import { readFileSync } from 'node:fs'
import {
  ALL_FAMILIES,
  type Family,
  Framer,
  type FrameSink,
  Ipv4Prefixes,
  NlriCursor,
  Outcome,
  parseUpdate,
  reasonText,
  type UpdateSession,
  UpdateView,
  VpnPrefixes,
} from '../src/wire/index.ts'
import { cpuPerOctet } from './cpu-time.ts'
import { messagesOf } from './messages.ts'

/** What is asked: octets allocated a message, CPU time an octet; or to warm up with all corpora. */
export type Question =
  | { ask: 'warm'; files: string[] }
  | { ask: 'allocated'; file: string }
  | { ask: 'cpu'; file: string; cycles: number; ms: number }

/** Microseconds an octet or octets a message, in the order of SUBJECTS. */
export type Answer = number[] | { error: string }

/** What is measured: the loop all are compared with, all of the parser, the parser alone. */
export const SUBJECTS = ['byte loop', 'srv6d', 'srv6d, NLRI checked but not read'] as const

type Work = (chunk: Uint8Array) => void

/** Messages in a chunk: enough for the clock not to count. */
const BATCH = 1000

/** Where sums go, so that the loop that makes them is not left out. */
const kept = { sum: 0 }

function addUp(chunk: Uint8Array): void {
  let sum = 0
  for (let k = 0; k < chunk.length; k++) sum = (sum + chunk[k]!) | 0
  kept.sum ^= sum
}

/** Frames and parses; `reads` says whether the NLRI are decoded too, into columns where there are such. */
class Reader implements FrameSink {
  readonly #session: UpdateSession = {
    asn4: true,
    ebgp: false,
    localAs: 65000,
    addPath: 0,
    families: ALL_FAMILIES,
  }
  readonly #view = new UpdateView()
  readonly #prefixes = new Ipv4Prefixes()
  readonly #reach = new VpnPrefixes()
  readonly #unreach = new VpnPrefixes()
  readonly #cursor = new NlriCursor()
  readonly #framer = new Framer(this)
  readonly #reads: boolean

  constructor(reads: boolean) {
    this.#reads = reads
    if (!reads) return
    this.#view.ipv4 = this.#prefixes
    this.#view.vpnReach = this.#reach
    this.#view.vpnUnreach = this.#unreach
  }

  push(chunk: Uint8Array): void {
    this.#framer.push(chunk)
  }

  onMessage(_type: number, buf: Uint8Array, at: number, end: number): void {
    const view = this.#view
    // the deliberately odd ones of the captured messages are to be treated as withdraw
    if (parseUpdate(view, buf, at, end, this.#session) > TREAT_AS_WITHDRAW) {
      refuse(view)
    }
    if (!this.#reads) return
    const { reachFamily, unreachFamily } = view
    kept.sum ^= this.#prefixes.count
    if (this.#reach.family !== 0) kept.sum ^= this.#reach.count
    else if (reachFamily !== 0) this.#read(view.reachAt, view.reachEnd, reachFamily, false)
    if (this.#unreach.family !== 0) kept.sum ^= this.#unreach.count
    else if (unreachFamily !== 0) this.#read(view.unreachAt, view.unreachEnd, unreachFamily, true)
  }

  /** Reads all NLRI of a field. */
  #read(at: number, end: number, family: Family, withdraw: boolean): void {
    const cursor = this.#cursor
    let sum = 0
    cursor.start(this.#view.buf, at, end, family, false, withdraw)
    const { key } = cursor
    const last = cursor.keyWords - 1
    while (cursor.next()) sum ^= key[last]! ^ cursor.prefixBits
    kept.sum ^= sum
  }
}

function refuse({ reason }: UpdateView): never {
  throw new Error(`corpus: ${reasonText(reason)}`)
}

const { TREAT_AS_WITHDRAW } = Outcome

function reader(reads: boolean): Work {
  const one = new Reader(reads)
  return (chunk) => one.push(chunk)
}

const works: Work[] = [addUp, reader(true), reader(false)]
interface Loaded {
  chunks: Uint8Array[]
  messages: number
}

/** A corpus in chunks of whole messages, about BATCH each. */
function load(file: string): Loaded {
  const messages = messagesOf(readFileSync(file))
  const chunks: Uint8Array[] = []
  for (let k = 0; k < messages.length; k += BATCH) {
    chunks.push(Buffer.concat(messages.slice(k, k + BATCH)))
  }
  return { chunks, messages: messages.length }
}

let corpora = new Map<string, Loaded>()

/** Again and again a chunk of each corpus: what the compiler makes of it must suit all, as in a daemon. */
function warm(files: string[]): void {
  corpora = new Map(files.map((file) => [file, load(file)]))
  for (let k = 0; k < 400; k++) {
    for (const { chunks } of corpora.values()) {
      for (const work of works) work(chunks[k % chunks.length]!)
    }
  }
}

/** Octets of heap a message costs: the least of some rounds, as the compiler allocates too. */
function allocated(work: Work, chunks: Uint8Array[], messages: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const before = process.memoryUsage().heapUsed
    for (let k = 0; k < 20; k++) for (const chunk of chunks) work(chunk)
    const grown = process.memoryUsage().heapUsed - before
    if (grown >= 0) least = Math.min(least, grown)
  }
  const perMessage = least / (20 * messages)
  // asking for the heap's size costs some hundred octets
  return perMessage < 0.1 ? 0 : perMessage
}

/** Works its way round the chunks, one a turn. */
function turning(work: Work, chunks: Uint8Array[]): { turn: () => number } {
  let next = 0
  return {
    turn: () => {
      const chunk = chunks[next]!
      work(chunk)
      next = (next + 1) % chunks.length
      return chunk.length
    },
  }
}

function answer(question: Question): number[] {
  if (question.ask === 'warm') {
    warm(question.files)
    return []
  }
  const { chunks, messages } = corpora.get(question.file)!
  if (question.ask === 'allocated') return works.map((work) => allocated(work, chunks, messages))
  return cpuPerOctet(
    works.map((work) => turning(work, chunks)),
    question.cycles,
    question.ms,
  )
}

process.on('message', (question: Question) => {
  let reply: Answer
  try {
    reply = answer(question)
  } catch (error) {
    reply = { error: String(error) }
  }
  process.send!(reply)
})
