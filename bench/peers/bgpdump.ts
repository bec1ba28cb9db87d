/** bgpdump over an MRT file of a corpus. It has no mode without output: printing is counted too. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from '../corpus.ts'
import { messagesOf } from '../messages.ts'
import { mrtOf } from './mrt.ts'
import {
  cacheFolder,
  missing,
  type PeerOrReason,
  type PeerRun,
  packageVersion,
  userTime,
} from './peer.ts'

/** How much it is given at once, so that its start-up of a millisecond does not matter. */
const OCTETS = 4e6

/** One line a prefix, times as numbers: its fastest form. */
const ARGS = ['-q', '-m']

/** bgpdump as it is installed. */
export function bgpdump(): PeerOrReason {
  const version = packageVersion('bgpdump')
  if (version === undefined) return { name: 'bgpdump', reason: missing('bgpdump') }
  return {
    name: `bgpdump ${version}`,
    rounds: 3,
    skips: ({ name }) => (/^a(-w)?$/.test(name) ? undefined : 'does not decode VPN routes'),
    prepare,
  }
}

function prepare(corpus: Corpus): () => PeerRun {
  const once = mrtOf(messagesOf(corpus.octets))
  const times = Math.ceil(OCTETS / corpus.octets.length)
  const path = (suffix: string) => join(cacheFolder(), `${corpus.name}${suffix}.mrt`)
  const [file, single, empty] = [path(''), path('-once'), path('-empty')]
  writeFileSync(file, Buffer.concat(new Array<Uint8Array>(times).fill(once)))
  writeFileSync(single, once)
  writeFileSync(empty, '')
  const { stdout } = spawnSync('bgpdump', [...ARGS, single], { encoding: 'utf8', maxBuffer: 1e9 })
  const counted = stdout.split('\n').length - 1
  return () => ({
    cpu: userTime('bgpdump', [...ARGS, file]) - userTime('bgpdump', [...ARGS, empty]),
    octets: corpus.octets.length * times,
    messages: corpus.messages * times,
    prefixes: corpus.prefixes * times,
    counted,
  })
}
