/**
 * From octets to prefixes: the framer, the parser with all checks of RFC 7606, the cursor; beside
 * them a loop that only adds up the octets, which says what the machine can do at this minute, and
 * with --peers the parsers of others over the same octets.
 */
import { type Corpus, messagesOf, standardCorpora } from './corpus.ts'
import { cpuPerOctet, median } from './cpu-time.ts'
import { findPeers } from './peers/find-peers.ts'
import type { Peer, PeerRun } from './peers/peer.ts'
import type { BenchOptions, Measurement } from './report.ts'
import { type WireLibrary, wireLibrary } from './wire-library.ts'

const LOOP = 'byte loop'
const SRV6D = 'srv6d'
const PARSE_ONLY = 'srv6d, NLRI checked but not read'

/** Messages in a chunk: enough for the clock not to count. */
const BATCH = 1000

interface Subject {
  name: string
  work: (chunk: Uint8Array) => void
}

/** Where sums go, so that the loop that makes them is not left out. */
const kept = { sum: 0 }

/** Frames and parses; `reads` says whether the NLRI are read too. Nothing is kept of them. */
function reader(wire: WireLibrary, reads: boolean): (chunk: Uint8Array) => void {
  const { Family, FAMILIES, Framer, NlriCursor, Outcome, parseUpdate, reasonText } = wire
  const families = FAMILIES.reduce((bits, { id }) => bits | (1 << id), 0)
  const session = { asn4: true, ebgp: false, localAs: 65000, addPath: 0, families }
  const view = new wire.UpdateView()
  const cursor = new NlriCursor()
  type Known = (typeof Family)[keyof typeof Family]
  const read = (at: number, end: number, family: Known, withdraw: boolean) => {
    cursor.start(view.buf, at, end, family, false, withdraw)
    while (cursor.next()) kept.sum = (kept.sum + cursor.key[cursor.keyWords - 1]!) | 0
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
  return (chunk) => framer.push(chunk)
}

function subjects(wire: WireLibrary): Subject[] {
  const addUp = (chunk: Uint8Array) => {
    let sum = 0
    for (let k = 0; k < chunk.length; k++) sum = (sum + chunk[k]!) | 0
    kept.sum ^= sum
  }
  return [
    { name: LOOP, work: addUp },
    { name: SRV6D, work: reader(wire, true) },
    { name: PARSE_ONLY, work: reader(wire, false) },
  ]
}

/** The corpus in chunks of whole messages, about BATCH each. */
function batches({ octets }: Corpus): Uint8Array[] {
  const messages = messagesOf(octets)
  const chunks: Uint8Array[] = []
  for (let k = 0; k < messages.length; k += BATCH) {
    chunks.push(Buffer.concat(messages.slice(k, k + BATCH)))
  }
  return chunks
}

/** Octets of heap a message costs: the least of some rounds, as the compiler allocates too. */
function allocated({ work }: Subject, chunks: Uint8Array[], messages: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const before = process.memoryUsage().heapUsed
    for (let k = 0; k < 20; k++) for (const chunk of chunks) work(chunk)
    const grown = process.memoryUsage().heapUsed - before
    if (grown >= 0) least = Math.min(least, grown)
  }
  const perMessage = least / (20 * messages)
  return perMessage < 0.01 ? 0 : perMessage
}

/** Works its way round the chunks, one a turn. */
function turning({ work }: Subject, chunks: Uint8Array[]): { turn: () => number } {
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

/** What one subject needed an octet in each round, in CPU microseconds; what it allocated. */
interface Rounds {
  name: string
  cpu: number[]
  /** In the same round: the byte loop, and srv6d. */
  loop: number[]
  srv6d: number[]
  allocated?: number | undefined
}

/** All rounds over one corpus. */
function measure(
  corpus: Corpus,
  own: Subject[],
  peers: Peer[],
  { quick, note }: BenchOptions,
): Rounds[] {
  const chunks = batches(corpus)
  const works = own.map((subject) => turning(subject, chunks))
  const [rounds, cycles, ms] = quick ? [1, 2, 2] : [5, 8, 10]
  const list: Rounds[] = own.map((subject) => {
    const bytes = allocated(subject, chunks, corpus.messages)
    return { name: subject.name, cpu: [], loop: [], srv6d: [], allocated: bytes }
  })
  const running = peers
    .filter((peer) => {
      const reason = peer.skips(corpus)
      if (reason !== undefined) note(`${peer.name} on ${corpus.name} not run: ${reason}`)
      return reason === undefined
    })
    .map((peer) => {
      const row: Rounds = { name: peer.name, cpu: [], loop: [], srv6d: [] }
      list.push(row)
      return { peer, row, once: peer.prepare(corpus) }
    })
  for (let round = 0; round < rounds; round++) {
    const times = cpuPerOctet(works, cycles, ms)
    const add = (row: Rounds, cpu: number) => {
      row.cpu.push(cpu)
      row.loop.push(times[0]!)
      row.srv6d.push(times[1]!)
    }
    for (const [k, cpu] of times.entries()) add(list[k]!, cpu)
    for (const { peer, row, once } of running) {
      if (round >= peer.rounds) continue
      const run = once(quick ? 20 : 250)
      if (round === 0) compareCounts(peer, corpus, run, note)
      add(row, run.cpu / run.octets)
      if (run.allocated !== undefined) row.allocated = run.allocated / run.messages
    }
  }
  return list
}

/** A peer that reads less than there is must not look fast by it. */
function compareCounts(
  { name }: Peer,
  corpus: Corpus,
  { refused, counted = corpus.prefixes }: PeerRun,
  note: (text: string) => void,
): void {
  if (refused !== undefined) note(`${name} on ${corpus.name}: ${refused} of ${corpus.messages}`)
  if (counted !== corpus.prefixes) {
    note(`${name} on ${corpus.name}: finds ${counted} prefixes of ${corpus.prefixes}`)
  }
}

function measurements(corpus: Corpus, row: Rounds): Measurement[] {
  const octets = corpus.octets.length
  const cpu = median(row.cpu)
  const over = (list: number[]) => median(list.map((value, k) => value / row.cpu[k]!))
  const isOwn = row.name === SRV6D || row.name === PARSE_ONLY
  const values: [metric: string, value: number | undefined, unit: string][] = [
    ['throughput', 1 / cpu, 'MB/s'],
    ['messages', corpus.messages / octets / cpu, 'M/s'],
    ['prefixes', row.name === LOOP ? undefined : corpus.prefixes / octets / cpu, 'M/s'],
    ['allocated', row.allocated, 'B/message'],
    ['ratio', over(row.loop), 'x byte loop'],
    ['srv6d is', row.name === LOOP || isOwn ? undefined : 1 / over(row.srv6d), 'x as fast'],
  ]
  return values.flatMap(([metric, value, unit]) =>
    value === undefined
      ? []
      : [{ bench: 'parse', corpus: corpus.name, subject: row.name, metric, value, unit }],
  )
}

/** Measures all subjects on all corpora. */
export async function run(options: BenchOptions): Promise<Measurement[]> {
  const own = subjects(await wireLibrary())
  const peers: Peer[] = []
  for (const found of options.peers ? findPeers() : []) {
    if ('reason' in found) options.note(`${found.name} not run: ${found.reason}`)
    else peers.push(found)
  }
  const corpora = standardCorpora(options.quick ? 2000 : 20_000)
  // What the compiler makes of the parser must suit all corpora, as in a daemon.
  for (const corpus of corpora) {
    for (const subject of own) {
      const chunks = batches(corpus)
      for (let k = 0; k < 20; k++) for (const chunk of chunks) subject.work(chunk)
    }
  }
  const out: Measurement[] = []
  for (const corpus of corpora) {
    for (const row of measure(corpus, own, peers, options)) out.push(...measurements(corpus, row))
  }
  return out
}
