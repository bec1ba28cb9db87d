/**
 * One input against all invariants of invariant.ts. Checker.run throws the InvariantError of the
 * one that does not hold.
 */
import { decodeUpdate } from '../../src/wire/decode.ts'
import { Ipv4Prefixes } from '../../src/wire/ipv4-prefixes.ts'
import { Outcome } from '../../src/wire/registry.ts'
import { errorOf } from '../../src/wire/update-error.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { reasonText } from '../../src/wire/update-reason.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import { VpnPrefixes } from '../../src/wire/vpn-prefixes.ts'
import { ChunkCheck } from './chunks.ts'
import { columnsDifference } from './columns.ts'
import { digestOf, nlriOf, sidsOf } from './digest.ts'
import { type FuzzInput, MAX_BODY, SESSIONS } from './input.ts'
import { type Invariant, InvariantError, type Parse } from './invariant.ts'
import { repackDifference } from './repack.ts'

const HEADER = 19
const ROOM = 64

/** Runs inputs; one view is used for all of them, as a session does. */
export class Checker {
  executions = 0
  /** Messages that went through the packer and back, and accepted ones that it has no means for. */
  repacked = 0
  unpackable = 0
  /** Messages by Outcome. */
  readonly outcomes = [0, 0, 0, 0, 0]
  /** Executions by reason, Outcome OK as 0. */
  readonly reasons = new Map<number, number>()
  /** What is run: kept for the one that does not come back. */
  current: FuzzInput | null = null

  readonly #parse: Parse
  readonly #reused = new UpdateView()
  readonly #chunks: ChunkCheck
  /** Message memories with something else around the message each time. */
  readonly #zeros = new Uint8Array(ROOM + MAX_BODY + ROOM)
  readonly #ones = new Uint8Array(ROOM + MAX_BODY + ROOM).fill(0xff)
  readonly #exact = new Uint8Array(HEADER + MAX_BODY)

  constructor(parse: Parse = parseUpdate) {
    this.#reused.ipv4 = new Ipv4Prefixes()
    this.#reused.vpnReach = new VpnPrefixes()
    this.#reused.vpnUnreach = new VpnPrefixes()
    this.#parse = parse
    this.#chunks = new ChunkCheck(parse)
  }

  /**
   * Checks all invariants on one input. The result tells inputs apart by what the parser said
   * about them; `thorough` also decodes to objects.
   */
  run(input: FuzzInput, thorough: boolean): number {
    this.current = input
    this.executions++
    const first = this.#guard(() => this.#runExact(input))
    this.#guard(() => this.#runElsewhere(input, first))
    this.#guard(() => this.#chunks.run(input, first.digest))
    if (thorough) this.#guard(() => this.#decode(input, first.view))
    return this.#count(first.view)
  }

  /** At the very end of a buffer; a view that has seen all inputs before, then a new one without columns. */
  #runExact({ session, body }: FuzzInput) {
    const buf = this.#exact.subarray(0, HEADER + body.length)
    buf.set(body, HEADER)
    const view = this.#reused
    this.#parse(view, buf, HEADER, buf.length, SESSIONS[session]!)
    checkVerdict(view)
    checkRanges(view)
    const digest = digestOf(view)
    const nlri = nlriIn(view)
    checkColumns(view)
    const fresh = new UpdateView()
    this.#parse(fresh, buf, HEADER, buf.length, SESSIONS[session]!)
    same('same verdict twice', digest, digestOf(fresh), view)
    this.#repack(fresh, session)
    return { view, digest, nlri }
  }

  /** The same octets at other offsets, among other octets: nothing may change, there or here. */
  #runElsewhere({ session, body }: FuzzInput, first: { digest: number[]; nlri: number[] }): void {
    const places: [buf: Uint8Array, at: number, around: number][] = [
      [this.#zeros, 1 + (body.length % 8), 0],
      [this.#ones, ROOM - 1, 0xff],
    ]
    const view = new UpdateView()
    for (const [buf, at, around] of places) {
      const end = at + body.length
      buf.set(body, at)
      this.#parse(view, buf, at, end, SESSIONS[session]!)
      same('reads only the message', first.digest, digestOf(view), view)
      if (`${first.nlri}` !== `${nlriIn(view)}`) {
        throw new InvariantError('reads only the message', 'NLRI differ with what is around them')
      }
      for (let k = 0; k < body.length; k++) {
        if (buf[at + k] !== body[k]) throw new InvariantError('writes nothing', `octet ${k}`)
      }
      buf.fill(around, at, end)
      const dirty =
        firstOther(buf, around, 0, at + ROOM) ?? firstOther(buf, around, end, end + ROOM)
      if (dirty !== null) throw new InvariantError('writes nothing', `octet ${dirty - at} outside`)
    }
  }

  #repack(view: UpdateView, session: number): void {
    if (view.outcome !== Outcome.OK) return
    const difference = repackDifference(view, SESSIONS[session]!)
    if (difference === undefined) this.unpackable++
    else this.repacked++
    if (!difference) return
    const { sent, got } = difference
    throw new InvariantError('parse of pack is identity', `packed\n${sent}\ncame back as\n${got}`)
  }

  #decode({ session, body }: FuzzInput, view: UpdateView): void {
    const decoded = decodeUpdate(body, 0, body.length, SESSIONS[session]!)
    JSON.stringify(decoded)
    if ((decoded.outcome === 'ok') !== (view.outcome === Outcome.OK)) {
      throw new InvariantError('same verdict twice', `decodeUpdate says ${decoded.outcome}`)
    }
    if (view.outcome !== Outcome.OK) errorOf(view)
  }

  #count(view: UpdateView): number {
    this.outcomes[view.outcome]!++
    this.reasons.set(view.reason, (this.reasons.get(view.reason) ?? 0) + 1)
    const families = (view.reachFamily << 4) | view.unreachFamily
    return (
      view.outcome +
      8 * (view.reason + 128 * (view.errorAttr + 256 * (families + 256 * view.endOfRib)))
    )
  }

  #guard<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      if (error instanceof InvariantError) throw error
      const text = error instanceof Error ? `${error.message}\n${error.stack}` : `${error}`
      throw new InvariantError('never throws', text, error)
    }
  }
}

function checkVerdict(view: UpdateView): void {
  const { outcome, reason, errorAt, errorEnd, at, end } = view
  const problem = !(outcome >= Outcome.OK && outcome <= Outcome.SESSION_RESET)
    ? `outcome ${outcome}`
    : (outcome === Outcome.OK) !== (reason === 0)
      ? `outcome ${outcome} with reason ${reason}`
      : outcome === Outcome.OK
        ? null
        : errorAt < at || errorEnd > end || errorAt > errorEnd
          ? `error at ${errorAt}…${errorEnd}, message ${at}…${end}`
          : /^reason \d/.test(reasonText(reason))
            ? `reason ${reason} without a text`
            : null
  if (problem !== null) throw new InvariantError('verdict has its reason', problem)
}

/** Attributes and fields lie in the message, in order, and no attribute twice. */
function checkRanges(view: UpdateView): void {
  const fail = (text: string) => {
    throw new InvariantError('keeps to its ranges', text)
  }
  const room = view.attrsEnd - view.attrsAt
  if (view.attrsAt < view.at || view.attrsEnd > view.end || room < 0) fail('attributes outside')
  if ((view.attrCount + view.duplicates) * 3 > room) {
    throw new InvariantError('never loops', `${view.attrCount} attributes in ${room} octets`)
  }
  let last = view.attrsAt
  const seen = new Set<number>()
  for (let row = 0; row < view.attrCount; row++) {
    const [at, value, end] = [view.attrAt[row]!, view.attrValueAt(row), view.attrEnd(row)]
    if (at < last || value < at + 3 || end < value || end > view.attrsEnd) fail(`attribute ${row}`)
    const type = view.attrType(row)
    if (seen.has(type)) fail(`attribute type ${type} twice`)
    if (view.indexOf(type) !== row) fail(`indexOf(${type}) is not ${row}`)
    seen.add(type)
    last = end
  }
  for (let type = 0; type < 256; type++) {
    if (view.indexOf(type) >= 0 && !seen.has(type)) fail(`indexOf(${type}) of an absent type`)
  }
}

/** Of a message that ends the session nothing is promised about NLRI. */
function nlriIn(view: UpdateView): number[] {
  if (view.outcome === Outcome.SESSION_RESET) return []
  try {
    return [...nlriOf(view), ...sidsOf(view)]
  } catch (error) {
    throw new InvariantError('keeps to its ranges', (error as Error).message, error)
  }
}

function checkColumns(view: UpdateView): void {
  const difference = view.outcome === Outcome.SESSION_RESET ? null : columnsDifference(view)
  if (difference !== null) throw new InvariantError('columns hold what cursors read', difference)
}

function same(invariant: Invariant, a: number[], b: number[], view: UpdateView): void {
  const k = a.findIndex((value, k) => value !== b[k])
  if (k < 0 && a.length === b.length) return
  const names: string[] = []
  digestOf(view, names)
  throw new InvariantError(invariant, `${names[k] ?? 'length'}: ${a[k]} and ${b[k]}`)
}

function firstOther(buf: Uint8Array, octet: number, from: number, to: number): number | null {
  for (let k = from; k < Math.min(to, buf.length); k++) if (buf[k] !== octet) return k
  return null
}
