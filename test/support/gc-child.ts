/**
 * Run by update-parser.test.ts in a process of its own: parses a mix of sound and malformed
 * UPDATEs of all families, walks their NLRI, and prints how often the garbage collector ran.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { Framer } from '../../src/wire/framer.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { Family, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import * as b from './builder.ts'
import { concat, fromHex } from './hex.ts'
import { capturedMessages } from './vectors.ts'

const session: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: 0b11110,
}

/** Every captured UPDATE, then each with one octet of its body changed: most of them malformed. */
function mixedMessages(): Uint8Array[] {
  const sound = capturedMessages()
    .filter(({ type }) => type === 'UPDATE')
    .map(({ hex }) => fromHex(hex))
  const bent = sound.map((message, k) => {
    const copy = Uint8Array.from(message)
    const at = 19 + ((k * 7) % Math.max(copy.length - 19, 1))
    copy[at] = copy[at]! ^ (1 << (k % 8))
    return copy
  })
  return [...sound, ...bent, ...discarding()]
}

/** Messages of which an attribute is dropped: malformed ATOMIC_AGGREGATE, MED given twice. */
function discarding(): Uint8Array[] {
  const attrs = [b.origin(0), b.asPath([65001]), b.nextHop('192.0.2.1')]
  const nlri = [b.prefix('10.1.0.0/16'), b.prefix('10.2.0.0/24')]
  return [
    b.update({ attrs: [...attrs, b.attr(b.TRANSITIVE, 6, b.u8(1))], nlri }),
    b.update({ attrs: [...attrs, b.med(1), b.med(2)], nlri }),
    b.update({ attrs: [...attrs, b.as4Path([65001])], nlri }),
  ]
}

const view = new UpdateView()
const cursor = new NlriCursor()
let messages = 0
let prefixes = 0
const outcomes = new Float64Array(5)

function walk(buf: Uint8Array, at: number, end: number, family: Family, withdraw: boolean): void {
  cursor.start(buf, at, end, family, false, withdraw)
  while (cursor.next()) prefixes++
}

const framer = new Framer({
  onMessage(_type, buf, at, end) {
    messages++
    const outcome = parseUpdate(view, buf, at, end, session)
    outcomes[outcome]!++
    if (outcome === Outcome.SESSION_RESET) return
    walk(buf, view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST, true)
    walk(buf, view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, false)
    const { reachFamily, unreachFamily } = view
    if (reachFamily !== 0) walk(buf, view.reachAt, view.reachEnd, reachFamily, false)
    if (unreachFamily !== 0) walk(buf, view.unreachAt, view.unreachEnd, unreachFamily, true)
  },
})

const stream = Buffer.from(concat(...mixedMessages()))
const half = stream.length >>> 1
const [first, second] = [stream.subarray(0, half), stream.subarray(half)]

/** The stream in two chunks, so that a message is split, `times` times over. */
function run(times: number): void {
  for (let k = 0; k < times; k++) {
    framer.push(first)
    framer.push(second)
  }
}

let collections = 0
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length
})

/** How often the garbage collector ran during `work`. */
async function collectionsOf(work: () => void): Promise<number> {
  await setImmediate()
  collections = 0
  work()
  await setImmediate()
  await setImmediate()
  return collections
}

run(1000)
// What loading the program left behind is not to be collected during the measurement.
globalThis.gc!()
globalThis.gc!()
observer.observe({ entryTypes: ['gc'] })
await collectionsOf(() => run(10))
messages = prefixes = 0
outcomes.fill(0)
const found = await collectionsOf(() => {
  while (messages < 500_000) run(10)
})
const kept: Uint8Array[] = []
const control = await collectionsOf(() => {
  for (let k = 0; k < 500_000; k++) kept[k & 7] = stream.subarray(k & 1023)
})
const report = { collections: found, control, messages, prefixes, outcomes: [...outcomes] }
process.stdout.write(`${JSON.stringify(report)}\n`)
