/**
 * Run by update-parser.test.ts in a process of its own: parses sound and malformed UPDATEs of all
 * families on sessions of all kinds, walks their NLRI, and prints how often the garbage collector
 * ran and how far the heap grew.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { Framer } from '../../src/wire/framer.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { Family, MAX_EXTENDED_MESSAGE, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import { SESSIONS } from '../fuzz/input.ts'
import { capturedInputs, grammarInputs, malformedInputs } from '../fuzz/seeds.ts'
import * as b from './builder.ts'
import { concat } from './hex.ts'

const MESSAGES = 3_000_000
const SEED = 20261126

let messages = 0
let prefixes = 0
const outcomes = new Float64Array(5)
const reasons = new Uint8Array(256)
/** By family: announced, withdrawn. */
const reached = new Uint8Array(16)
const withdrawn = new Uint8Array(16)

/** One connection: a stream of messages that begins again when it is over. */
class Neighbor {
  readonly #session: UpdateSession
  readonly #view = new UpdateView()
  readonly #cursor = new NlriCursor()
  readonly #framer = new Framer(this)
  /** In two chunks, so that a message is split. */
  readonly #first: Uint8Array
  readonly #second: Uint8Array

  constructor(session: UpdateSession, bodies: Uint8Array[]) {
    this.#session = session
    const stream = Buffer.from(concat(...bodies.map((body) => b.message(2, body))))
    this.#first = stream.subarray(0, stream.length >>> 1)
    this.#second = stream.subarray(stream.length >>> 1)
    this.#framer.maxLength = MAX_EXTENDED_MESSAGE
  }

  run(): void {
    this.#framer.push(this.#first)
    this.#framer.push(this.#second)
  }

  onMessage(_type: number, buf: Uint8Array, at: number, end: number): void {
    const view = this.#view
    const outcome = parseUpdate(view, buf, at, end, this.#session)
    messages++
    outcomes[outcome]!++
    reasons[view.reason] = 1
    if (outcome === Outcome.SESSION_RESET) return
    this.#walk(view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST, true)
    this.#walk(view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, false)
    const { reachFamily, unreachFamily } = view
    if (reachFamily !== 0) this.#walk(view.reachAt, view.reachEnd, reachFamily, false)
    if (unreachFamily !== 0) this.#walk(view.unreachAt, view.unreachEnd, unreachFamily, true)
  }

  #walk(at: number, end: number, family: Family, withdraw: boolean): void {
    const cursor = this.#cursor
    const { buf, addPath, multipleLabels } = this.#view
    const bit = 1 << family
    cursor.start(
      buf,
      at,
      end,
      family,
      (addPath & bit) !== 0,
      withdraw,
      (multipleLabels & bit) !== 0,
    )
    while (cursor.next()) {
      prefixes++
      if (withdraw) withdrawn[family] = 1
      else reached[family] = 1
    }
  }
}

const inputs = [...capturedInputs(), ...malformedInputs(SEED, 2), ...grammarInputs(SEED, 2000)]
const neighbors = SESSIONS.map((kind, row) => {
  const bodies = inputs
    .filter(({ session, body }) => session === row && body.length >= 4)
    .map(({ body }) => body)
  return new Neighbor(kind, bodies)
})

/** All streams, `times` times over. */
function run(times: number): void {
  for (let k = 0; k < times; k++) for (const neighbor of neighbors) neighbor.run()
}

let collections = 0
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length
})

/** How often the garbage collector ran during `work`, and by how many octets the heap grew. */
async function costOf(work: () => void): Promise<{ collections: number; grown: number }> {
  await setImmediate()
  collections = 0
  const before = process.memoryUsage().heapUsed
  work()
  const grown = process.memoryUsage().heapUsed - before
  await setImmediate()
  await setImmediate()
  return { collections, grown }
}

run(200)
// What loading the program left behind is not to be collected during the measurement.
globalThis.gc!()
globalThis.gc!()
observer.observe({ entryTypes: ['gc'] })
await costOf(() => run(10))
messages = prefixes = 0
outcomes.fill(0)
const found = await costOf(() => {
  while (messages < MESSAGES) run(10)
})
const kept: Uint8Array[] = []
const control = await costOf(() => {
  for (let k = 0; k < 500_000; k++) kept[k & 7] = inputs[k & 1023]!.body.subarray(1)
})
const report = {
  ...found,
  control: control.collections,
  messages,
  prefixes,
  outcomes: [...outcomes],
  reasons: reasons.reduce((sum, seen) => sum + seen),
  reached: reached.reduce((sum, seen) => sum + seen),
  withdrawn: withdrawn.reduce((sum, seen) => sum + seen),
}
process.stdout.write(`${JSON.stringify(report)}\n`)
