/**
 * Run by update-parser.test.ts in a process of its own: frames, parses and walks the messages of
 * test/fuzz/seeds.ts over and over, sound and malformed, of every family and kind of session, and
 * prints how often the garbage collector ran and how much the heap grew.
 */
import { PerformanceObserver, performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { asPathLength, asPathOrigin, writeExpandedAsPath } from '../../src/wire/as-path.ts'
import { countRouteTargets } from '../../src/wire/ext-community.ts'
import { Framer } from '../../src/wire/framer.ts'
import { Ipv4Prefixes } from '../../src/wire/ipv4-prefixes.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { readServiceSid, rebuildSid, ServiceSid } from '../../src/wire/prefix-sid.ts'
import { Attr, Family, MAX_EXTENDED_MESSAGE, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import { VpnPrefixes } from '../../src/wire/vpn-prefixes.ts'
import { type FuzzInput, SESSIONS } from '../fuzz/input.ts'
import { capturedInputs, grammarInputs, longInputs, malformedInputs } from '../fuzz/seeds.ts'
import * as b from './builder.ts'
import { concat } from './hex.ts'

const SEED = 20260101
const MESSAGES = 2_000_000

const view = new UpdateView()
const cursor = new NlriCursor()
const columns = new Ipv4Prefixes()
const vpnReach = new VpnPrefixes()
const vpnUnreach = new VpnPrefixes()
const sid = new ServiceSid()
const room = new Uint8Array(2 * MAX_EXTENDED_MESSAGE)

/** What was met, so that a mix that has lost something is seen. */
const met = {
  messages: 0,
  octets: 0,
  prefixes: 0,
  sids: 0,
  hops: 0,
  longest: 0,
  outcomes: new Array<number>(5).fill(0),
  reasons: new Array<number>(256).fill(0),
  /** By family: announced, withdrawn, the same with path identifiers. */
  reach: new Array<number>(16).fill(0),
  unreach: new Array<number>(16).fill(0),
  reachAddPath: new Array<number>(16).fill(0),
  unreachAddPath: new Array<number>(16).fill(0),
}

function walk(at: number, end: number, family: Family, withdraw: boolean): void {
  const bit = 1 << family
  cursor.start(
    view.buf,
    at,
    end,
    family,
    (view.addPath & bit) !== 0,
    withdraw,
    (view.multipleLabels & bit) !== 0,
  )
  while (cursor.next()) met.prefixes++
}

function walkAll(): void {
  walk(view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST, true)
  walk(view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, false)
  const { reachFamily, unreachFamily } = view
  if (reachFamily !== 0) {
    walk(view.reachAt, view.reachEnd, reachFamily, false)
    const to = (view.addPath & (1 << reachFamily)) !== 0 ? met.reachAddPath : met.reach
    to[reachFamily]!++
  }
  if (unreachFamily !== 0) {
    walk(view.unreachAt, view.unreachEnd, unreachFamily, true)
    const to = (view.addPath & (1 << unreachFamily)) !== 0 ? met.unreachAddPath : met.unreach
    to[unreachFamily]!++
  }
}

/** Reads what a daemon reads of the attributes. */
function readAttributes(): void {
  const path = view.indexOf(Attr.AS_PATH)
  if (path >= 0 && view.attrOutcome[path] === Outcome.OK) {
    const end = writeExpandedAsPath(view, room, 0)
    met.hops += asPathLength(room, 0, end)
    asPathOrigin(room, 0, end)
  }
  const targets = view.indexOf(Attr.EXTENDED_COMMUNITIES)
  if (targets >= 0 && view.attrOutcome[targets] === Outcome.OK) {
    countRouteTargets(view.buf, view.attrValueAt(targets), view.attrEnd(targets))
  }
  const row = view.indexOf(Attr.PREFIX_SID)
  if (row < 0 || view.attrOutcome[row] !== Outcome.OK) return
  const [at, end] = [view.attrValueAt(row), view.attrEnd(row)]
  if (!readServiceSid(view.buf, at, end, sid, true, false)) return
  rebuildSid(sid, view.buf, cursor.label, room, 0)
  met.sids++
}

class Stream {
  readonly messages: number
  readonly #framer: Framer
  readonly #chunks: Uint8Array[]

  /** The inputs of one session as a TCP stream, in chunks that split messages. */
  constructor(session: UpdateSession, inputs: FuzzInput[]) {
    const octets = Buffer.from(concat(...inputs.map(({ body }) => b.message(2, body))))
    const size = Math.max(4099, Math.ceil(octets.length / 7))
    this.#chunks = []
    for (let at = 0; at < octets.length; at += size) {
      this.#chunks.push(octets.subarray(at, at + size))
    }
    this.messages = inputs.length
    this.#framer = new Framer({
      onMessage(_type, buf, at, end) {
        met.messages++
        met.octets += end - at + 19
        met.longest = Math.max(met.longest, end - at + 19)
        const outcome = parseUpdate(view, buf, at, end, session)
        met.outcomes[outcome]!++
        met.reasons[view.reason]!++
        if (outcome === Outcome.SESSION_RESET) return
        walkAll()
        readAttributes()
      },
    })
    this.#framer.maxLength = MAX_EXTENDED_MESSAGE
  }

  run(): void {
    for (let k = 0; k < this.#chunks.length; k++) this.#framer.push(this.#chunks[k]!)
  }
}

/** Long enough for its two length fields: the framer refuses others. */
const inputs = [
  ...capturedInputs(),
  ...malformedInputs(SEED, 4),
  ...grammarInputs(SEED, 4000),
].filter(({ body }) => body.length >= 4)
const streams = SESSIONS.map(
  (session, k) =>
    new Stream(
      session,
      inputs.filter((input) => input.session === k),
    ),
)
const long = new Stream(SESSIONS[0]!, longInputs())

/** With the columns of a view and without in turns, and with them at the end. */
function run(times: number): void {
  for (let k = 0; k < times; k++) {
    const without = k % 2 === 0 && times > 1
    view.ipv4 = without ? null : columns
    view.vpnReach = without ? null : vpnReach
    view.vpnUnreach = without ? null : vpnUnreach
    for (let row = 0; row < streams.length; row++) streams[row]!.run()
  }
}

/** When the garbage collector ran. */
const times: number[] = []
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) times.push(entry.startTime)
})

/** How often the garbage collector ran during `work`, and how many octets of heap it took. */
async function costOf(work: () => void): Promise<{ collections: number; heap: number }> {
  globalThis.gc!()
  const before = process.memoryUsage().heapUsed
  const begin = performance.now()
  work()
  const end = performance.now()
  const heap = process.memoryUsage().heapUsed - before
  // they are told of late
  await setTimeout(50)
  const collections = times.filter((time) => time >= begin && time <= end).length
  times.length = 0
  return { collections, heap }
}

run(60)
long.run()
// what loading the program left behind is not to be collected during the measurement
globalThis.gc!()
globalThis.gc!()
observer.observe({ entryTypes: ['gc'] })
await costOf(() => run(1))
const measure = () => {
  for (const counts of Object.values(met)) if (Array.isArray(counts)) counts.fill(0)
  met.messages = met.octets = met.prefixes = met.sids = met.hops = met.longest = 0
  return costOf(() => {
    while (met.messages < MESSAGES) run(10)
    for (let k = 0; k < 10; k++) long.run()
  })
}
/** On a busy machine code is compiled late, which takes up to four megabytes: once. */
const ATTEMPTS = 5
let found = await measure()
for (let k = 1; k < ATTEMPTS && (found.collections > 0 || found.heap > 1e6); k++) {
  found = await measure()
}
const kept: Uint8Array[] = []
const control = await costOf(() => {
  for (let k = 0; k < MESSAGES; k++) kept[k & 7] = room.subarray(k & 1023)
})
process.stdout.write(`${JSON.stringify({ ...met, found, control })}\n`)
