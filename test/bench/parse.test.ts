/** The parse bench: its corpora are the same everywhere, and it prints what programs can read. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { makeCaptured, standardCorpora } from '../../bench/corpus.ts'
import { messagesOf } from '../../bench/messages.ts'
import { mrtOf } from '../../bench/peers/mrt.ts'
import { decodeUpdate } from '../../src/wire/decode.ts'
import { MrtReader } from '../../src/wire/mrt-reader.ts'
import { MrtKind } from '../../src/wire/mrt-type.ts'
import { ALL_FAMILIES } from '../../src/wire/registry.ts'

const root = join(import.meta.dirname, '../..')
const corpora = standardCorpora(500)

t.test('seeded corpora have the same octets on every machine', async (t) => {
  const seeded = corpora.filter(({ name }) => name !== 'captured')
  const hash = createHash('sha256')
  for (const { octets } of seeded) hash.update(octets)
  t.equal(hash.digest('hex').slice(0, 16), 'db8cbe6acb27ddfa')
})

t.test('corpora: sound UPDATEs with as many prefixes as they say', async (t) => {
  const session = { asn4: true, ebgp: false, localAs: 65000, addPath: 0, families: ALL_FAMILIES }
  for (const { name, octets, messages, prefixes } of [...corpora, makeCaptured(1)]) {
    const list = messagesOf(octets)
    const outcomes = new Set<string>()
    let found = 0
    for (const message of list) {
      const update = decodeUpdate(message, 19, message.length, session)
      outcomes.add(update.outcome)
      found += update.nlri.length + update.withdrawn.length
      for (const { value } of update.attributes) {
        if (value === null || typeof value !== 'object') continue
        if ('nlri' in value) found += value.nlri.length
        if ('withdrawn' in value) found += value.withdrawn.length
      }
    }
    t.strictSame({ messages: list.length, found }, { messages, found: prefixes }, name)
    const wanted = name === 'captured' ? ['ok', 'treat-as-withdraw'] : ['ok']
    t.strictSame([...outcomes].sort(), wanted, name)
  }
})

t.test('the MRT file for bgpdump has a record a message', async (t) => {
  const messages = messagesOf(corpora[0]!.octets)
  let found = 0
  const reader = new MrtReader({
    onRecord({ kind, buf, messageAt, messageEnd }) {
      t.equal(kind, MrtKind.MESSAGE)
      if (Buffer.compare(buf.subarray(messageAt, messageEnd), messages[found]!) === 0) found++
    },
  })
  reader.push(mrtOf(messages))
  reader.end()
  t.equal(found, messages.length)
})

t.test('npm run bench -- parse --json: one object a line', async (t) => {
  // The test runner loads itself into every Node it starts; this one is to run as a user's does.
  const node = ['-u', 'NODE_OPTIONS', process.execPath]
  const args = ['--import', 'tsx', join(root, 'bench/run.ts'), 'parse', '--quick', '--json']
  const { stdout, stderr, status } = spawnSync('env', [...node, ...args], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (const row of rows) {
    const { value, ...texts } = row
    t.equal(typeof value, 'number')
    t.strictSame(Object.keys(texts), ['bench', 'corpus', 'subject', 'metric', 'unit'])
  }
  for (const metric of ['throughput', 'messages', 'prefixes', 'allocated', 'ratio']) {
    const of = rows.filter((row) => row.subject === 'srv6d' && row.metric === metric)
    t.equal(of.length, corpora.length, metric)
  }
})
