/**
 * From octets to prefixes: the framer, the parser with all checks of RFC 7606, the cursor; beside
 * them a loop that only adds up the octets, which says what the machine can do at this minute, and
 * with --peers the parsers of others over the same octets.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Corpus, standardCorpora } from './corpus.ts'
import { median } from './cpu-time.ts'
import { SUBJECTS } from './parse-child.ts'
import { ParseProcess } from './parse-process.ts'
import { findPeers } from './peers/find-peers.ts'
import { cacheFolder, type Peer, type PeerRun } from './peers/peer.ts'
import type { BenchOptions, Measurement } from './report.ts'

const [LOOP, SRV6D] = SUBJECTS

/** What one subject needed an octet in each round, in CPU microseconds; what it allocated. */
interface Rounds {
  name: string
  cpu: number[]
  /** In the same round: the byte loop, and srv6d. */
  loop: number[]
  srv6d: number[]
  allocated?: number | undefined
}

/** All rounds over one corpus: srv6d and the byte loop in turns, then each peer. */
async function measure(
  corpus: Corpus,
  child: ParseProcess,
  peers: Peer[],
  { quick, note }: BenchOptions,
): Promise<Rounds[]> {
  const file = fileOf(corpus)
  const allocated = await child.ask({ ask: 'allocated', file })
  const row = (name: string): Rounds => ({ name, cpu: [], loop: [], srv6d: [] })
  const own = SUBJECTS.map((name, k) => ({ ...row(name), allocated: allocated[k] }))
  const running = peers
    .filter((peer) => peer.skips(corpus) === undefined)
    .map((peer) => ({ peer, row: row(peer.name), once: peer.prepare(corpus, file) }))
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    const times = await child.ask({ ask: 'cpu', file, ...(quick ? QUICK : TURNS) })
    const add = (to: Rounds, cpu: number) => {
      to.cpu.push(cpu)
      to.loop.push(times[0]!)
      to.srv6d.push(times[1]!)
    }
    for (const [k, cpu] of times.entries()) add(own[k]!, cpu)
    for (const { peer, row, once } of running) {
      if (round >= peer.rounds) continue
      const run = once(quick ? 20 : 250)
      if (round === 0) compareCounts(peer, corpus, run, note)
      add(row, run.cpu / run.octets)
      if (run.allocated !== undefined) row.allocated = run.allocated / run.messages
    }
  }
  return [...own, ...running.map(({ row }) => row)]
}

const TURNS = { cycles: 8, ms: 10 }
const QUICK = { cycles: 1, ms: 1 }

function fileOf({ name }: Corpus): string {
  return join(cacheFolder(), `${name}.bgp`)
}

/** What a peer does not read: one line a reason. */
function noteSkipped(peer: Peer, corpora: Corpus[], note: (text: string) => void): void {
  for (const reason of new Set(corpora.map((corpus) => peer.skips(corpus)))) {
    if (reason === undefined) continue
    const names = corpora.filter((corpus) => peer.skips(corpus) === reason).map(({ name }) => name)
    note(`${peer.name} not run on ${names.join(', ')}: ${reason}`)
  }
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
  const isOwn = SUBJECTS.some((name) => name === row.name)
  const values: [metric: string, value: number | undefined, unit: string][] = [
    ['throughput', 1 / cpu, 'MB/s'],
    ['messages', corpus.messages / octets / cpu, 'M/s'],
    ['prefixes', row.name === LOOP ? undefined : corpus.prefixes / octets / cpu, 'M/s'],
    ['allocated', row.allocated, 'B/message'],
    ['ratio', over(row.loop), `x ${LOOP}`],
    [`${SRV6D} is`, isOwn ? undefined : 1 / over(row.srv6d), 'x as fast'],
  ]
  return values.flatMap(([metric, value, unit]) =>
    value === undefined
      ? []
      : [{ bench: 'parse', corpus: corpus.name, subject: row.name, metric, value, unit }],
  )
}

/** Measures all subjects on all corpora. */
export async function run(options: BenchOptions): Promise<Measurement[]> {
  const peers: Peer[] = []
  for (const found of options.peers ? findPeers() : []) {
    if ('reason' in found) options.note(`${found.name} not run: ${found.reason}`)
    else peers.push(found)
  }
  const corpora = standardCorpora(options.quick ? 2000 : 20_000)
  for (const peer of peers) noteSkipped(peer, corpora, options.note)
  const child = new ParseProcess()
  try {
    for (const corpus of corpora) writeFileSync(fileOf(corpus), corpus.octets)
    await child.ask({ ask: 'warm', files: corpora.map(fileOf) })
    const out: Measurement[] = []
    for (const corpus of corpora) {
      for (const row of await measure(corpus, child, peers, options)) {
        out.push(...measurements(corpus, row))
      }
    }
    return out
  } finally {
    child.close()
  }
}
