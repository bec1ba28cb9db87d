/** tshark over a pcap of a corpus: messages of a TCP stream, as many in a segment as fit. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pcapOf } from '../../test/support/pcap.ts'
import type { Corpus } from '../corpus.ts'
import { messagesOf } from '../messages.ts'
import {
  cacheFolder,
  missing,
  type PeerOrReason,
  type PeerRun,
  packageVersion,
  userTime,
} from './peer.ts'

/** About 0.3 s of work beside as much for its start-up. */
const OCTETS = 2e6
const SEGMENT = 1400

/** One field of each packet, no names looked up: the least it can be asked to do with UPDATEs. */
const ARGS = ['-n', '-T', 'fields', '-e', 'bgp.type', '-r']

/** tshark as it is installed. */
export function tshark(): PeerOrReason {
  const version = packageVersion('tshark')
  if (version === undefined) return { name: 'tshark', reason: missing('tshark') }
  return { name: `tshark ${version}`, rounds: 3, skips: () => undefined, prepare }
}

function prepare(corpus: Corpus): () => PeerRun {
  const once = messagesOf(corpus.octets)
  const times = Math.ceil(OCTETS / corpus.octets.length)
  const messages = Array.from({ length: times }, () => once).flat()
  const file = join(cacheFolder(), `${corpus.name}.pcap`)
  const empty = join(cacheFolder(), 'empty.pcap')
  writeFileSync(file, pcapOf(segments(messages)))
  writeFileSync(empty, pcapOf([]))
  return () => ({
    cpu: userTime('tshark', [...ARGS, file]) - userTime('tshark', [...ARGS, empty]),
    octets: corpus.octets.length * times,
    messages: corpus.messages * times,
    prefixes: corpus.prefixes * times,
  })
}

/** Whole messages together up to a segment's size. */
function segments(messages: Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = []
  let open: Uint8Array[] = []
  let size = 0
  for (const message of messages) {
    if (size + message.length > SEGMENT && open.length > 0) {
      out.push(Buffer.concat(open))
      open = []
      size = 0
    }
    open.push(message)
    size += message.length
  }
  if (open.length > 0) out.push(Buffer.concat(open))
  return out
}
