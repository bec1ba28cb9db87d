/** iproute2: `ip -batch` of a file with a line a route. */
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROUTE_METRIC } from '../../src/fib/rtnetlink-constants.ts'
import { formatAddress } from '../../src/wire/address.ts'
import { BITS, type FibCorpus, MTU, nexthop, prefixes, TABLE } from './corpus.ts'
import type { Figures, SubjectFigures } from './figures.ts'

export function prefixTexts(corpus: FibCorpus): string[] {
  const octets = Buffer.alloc(16)
  const words = prefixes(corpus)
  return Array.from({ length: corpus.routes }, (_, k) => {
    for (let word = 0; word < 4; word++) octets.writeInt32BE(words[k * 4 + word]!, word * 4)
    return `${formatAddress(octets, 0, corpus.family === 4 ? 4 : 16)}/${BITS[corpus.family]}`
  })
}

/** Runs a batch file and takes its time by the clock and of the CPU. */
function batch(lines: string[], family: number): Figures {
  const file = join(tmpdir(), `srv6d-bench-${process.pid}.batch`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const command = `TIMEFORMAT='%3R %3U %3S'; time ip -${family} -batch ${file}`
  const { stderr, status } = spawnSync('bash', ['-c', command], { encoding: 'utf8' })
  rmSync(file)
  if (status !== 0) throw new Error(`ip -batch: ${stderr}`)
  const [seconds, user, system] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number)
  return { seconds: seconds!, cpu: user! + system! }
}

export async function measureIpBatch(corpus: FibCorpus): Promise<SubjectFigures> {
  const texts = prefixTexts(corpus)
  const id = (set: number, k: number) => set * 0x10000 + k
  const sids = Array.from({ length: corpus.sids }, (_, k) => k)
  const make = (set: number) =>
    sids.map((k) => {
      const sid = formatAddress(nexthop(0, set, k).segments![0]!, 0, 16)
      return `nexthop add id ${id(set, k)} encap seg6 mode encap.red segs ${sid} dev core`
    })
  const drop = (set: number) => sids.map((k) => `nexthop del id ${id(set, k)}`)
  const put = (verb: string, set: number) =>
    texts.map((prefix, k) => {
      const way = `nhid ${id(set, k % corpus.sids)} mtu ${MTU} advmss ${MTU - 60}`
      return `route ${verb} ${prefix} table ${TABLE} metric ${ROUTE_METRIC} ${way}`
    })
  const gone = texts.map((prefix) => `route del ${prefix} table ${TABLE} metric ${ROUTE_METRIC}`)
  return {
    add: batch([...make(1), ...put('add', 1)], corpus.family),
    replace: batch([...make(2), ...put('replace', 2), ...drop(1)], corpus.family),
    delete: batch([...gone, ...drop(2)], corpus.family),
  }
}
