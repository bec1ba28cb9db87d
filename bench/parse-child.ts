/**
 * What the parse bench measures, in a process without a loader: compiled as `npm run build` does,
 * run by parse-process.ts. With tsx in the process even the byte loop took twice as long.
 */
import { readFileSync } from 'node:fs'
import {
  FAMILIES,
  Family,
  Framer,
  NlriCursor,
  Outcome,
  parseUpdate,
  reasonText,
  UpdateView,
} from '../src/wire/index.ts'
import { cpuPerOctet } from './cpu-time.ts'
import { messagesOf } from './messages.ts'

/** What is asked: octets allocated a message, CPU time an octet; or to warm up. */
export type Question =
  | { ask: 'warm'; file: string }
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

/** Frames and parses; `reads` says whether the NLRI are read too. Nothing is kept of them. */
function reader(reads: boolean): Work {
  const families = FAMILIES.reduce((bits, { id }) => bits | (1 << id), 0)
  const session = { asn4: true, ebgp: false, localAs: 65000, addPath: 0, families }
  const view = new UpdateView()
  const cursor = new NlriCursor()
  let sum = 0
  const read = (at: number, end: number, family: Family, withdraw: boolean) => {
    cursor.start(view.buf, at, end, family, false, withdraw)
    while (cursor.next()) sum = (sum + cursor.key[cursor.keyWords - 1]!) | 0
  }
  const framer = new Framer({
    onMessage(_type, buf, at, end) {
      // the deliberately odd ones of the captured messages are to be treated as withdraw
      if (parseUpdate(view, buf, at, end, session) > Outcome.TREAT_AS_WITHDRAW) {
        throw new Error(`corpus: ${reasonText(view.reason)}`)
      }
      if (!reads) return
      read(view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST, true)
      read(view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, false)
      const { reachFamily, unreachFamily } = view
      if (reachFamily !== 0) read(view.reachAt, view.reachEnd, reachFamily, false)
      if (unreachFamily !== 0) read(view.unreachAt, view.unreachEnd, unreachFamily, true)
    },
  })
  return (chunk) => {
    framer.push(chunk)
    kept.sum ^= sum
  }
}

const works: Work[] = [addUp, reader(true), reader(false)]
let corpus: { file: string; chunks: Uint8Array[]; messages: number } | undefined

/** A corpus in chunks of whole messages, about BATCH each. */
function load(file: string) {
  if (corpus?.file === file) return corpus
  const messages = messagesOf(readFileSync(file))
  const chunks: Uint8Array[] = []
  for (let k = 0; k < messages.length; k += BATCH) {
    chunks.push(Buffer.concat(messages.slice(k, k + BATCH)))
  }
  corpus = { file, chunks, messages: messages.length }
  return corpus
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
  const { chunks, messages } = load(question.file)
  if (question.ask === 'allocated') return works.map((work) => allocated(work, chunks, messages))
  if (question.ask === 'warm') {
    for (const work of works) {
      for (let k = 0; k < 20; k++) for (const chunk of chunks) work(chunk)
    }
    return []
  }
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
