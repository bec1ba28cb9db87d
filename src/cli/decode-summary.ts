/** `decode --summary`: counts of everything a file holds, without a text for any of it. */
import { MrtPeerTable } from '../wire/mrt-peers.ts'
import type { MrtRecord } from '../wire/mrt-record.ts'
import { RibEntryCursor } from '../wire/mrt-rib.ts'
import { MrtKind, MrtProblem, mrtProblemText, mrtTypeName } from '../wire/mrt-type.ts'
import { NlriCursor } from '../wire/nlri-cursor.ts'
import { Family, familyName, MessageType, Outcome } from '../wire/registry.ts'
import { parseUpdate } from '../wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../wire/update-view.ts'
import { messageTypeName, type Place, timeText } from './decode-objects.ts'
import type { DecodeSink } from './decode-printer.ts'

/** Counts by name. */
type Counts = Record<string, number>

export interface SummaryObject {
  from: string | null
  to: string | null
  /** MRT records by type. */
  records: Counts
  messages: Counts
  /** Prefixes of UPDATEs by family; a prefix that comes twice counts twice. */
  announced: Counts
  withdrawn: Counts
  /** Prefixes of a table by family, and the paths to all of them. */
  ribPrefixes: Counts
  ribPaths: Counts
  peers: number
  /** What RFC 7606 says of the UPDATEs and RIB entries. */
  outcomes: Counts
  problems: number
  /** The first problems, with their place. */
  firstProblems: { offset: number; problem: string }[]
}

const OUTCOMES = [
  ...['ok', 'attribute-discard', 'treat-as-withdraw', 'afi-safi-disable', 'session-reset'],
]
const SHOWN_PROBLEMS = 10

/** Counts by a small number, named at the end: no text a record. */
class Tally {
  readonly #counts = new Map<number, number>()

  add(key: number, count: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
  }

  named(nameOf: (key: number) => string): Counts {
    return Object.fromEntries([...this.#counts].map(([key, count]) => [nameOf(key), count]))
  }
}

export class Summary implements DecodeSink {
  problems = 0

  readonly #family: string | undefined
  readonly #records = new Tally()
  readonly #messages = new Tally()
  readonly #announced = new Tally()
  readonly #withdrawn = new Tally()
  readonly #ribPrefixes = new Tally()
  readonly #ribPaths = new Tally()
  readonly #outcomes = new Tally()
  readonly #firstProblems: { offset: number; problem: string }[] = []
  readonly #peers = new MrtPeerTable()
  readonly #entries = new RibEntryCursor()
  readonly #view = new UpdateView()
  readonly #cursor = new NlriCursor()
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  #firstText: string | null = null
  #lastText: string | null = null

  constructor(family?: string) {
    this.#family = family
  }

  /** Nothing is printed before the end. */
  take(): string {
    return ''
  }

  record(record: MrtRecord): void {
    this.#records.add(record.type * 65536 + record.subtype, 1)
    this.#first = Math.min(this.#first, record.timestamp)
    this.#last = Math.max(this.#last, record.timestamp)
    const lost =
      record.kind === MrtKind.PEER_INDEX_TABLE ? this.#peers.load(record) : record.problem
    if (lost !== 0) this.#lose(record, lost, record.problemAt)
    if (record.kind === MrtKind.RIB) this.#countRib(record)
    if (record.kind === MrtKind.MESSAGE) {
      const { messageType, buf, messageBodyAt, messageEnd, session } = record
      this.#countMessage(messageType, buf, messageBodyAt, messageEnd, session)
    }
  }

  message(
    place: Place,
    type: number,
    buf: Uint8Array,
    bodyAt: number,
    end: number,
    session: UpdateSession,
  ): void {
    if (place.time !== undefined) {
      this.#firstText ??= place.time
      this.#lastText = place.time
    }
    this.#countMessage(type, buf, bodyAt, end, session)
  }

  problem({ offset }: Place, problem: string): void {
    this.problems++
    if (this.#firstProblems.length < SHOWN_PROBLEMS) this.#firstProblems.push({ offset, problem })
  }

  #lose(record: MrtRecord, problem: number, at: number): void {
    if (problem === MrtProblem.UNKNOWN_TYPE) return
    const offset = record.offset + Math.max(at - record.at, 0)
    this.problem({ offset }, mrtProblemText(problem))
  }

  #countRib(record: MrtRecord): void {
    const key = record.afi * 256 + record.safi
    const entries = this.#entries
    let paths = 0
    entries.start(record)
    while (entries.next()) {
      paths++
      if (entries.problem !== 0) this.#lose(record, entries.problem, entries.problemAt)
      const { buf, at, end, session } = entries
      this.#outcomes.add(parseUpdate(this.#view, buf, at, end, session), 1)
    }
    if (entries.problem !== 0) this.#lose(record, entries.problem, entries.problemAt)
    if (this.#family !== undefined && familyName(record.afi, record.safi) !== this.#family) return
    this.#ribPrefixes.add(key, 1)
    this.#ribPaths.add(key, paths)
  }

  #countMessage(
    type: number,
    buf: Uint8Array,
    at: number,
    end: number,
    session: UpdateSession,
  ): void {
    this.#messages.add(type, 1)
    if (type !== MessageType.UPDATE) return
    const view = this.#view
    const outcome = parseUpdate(view, buf, at, end, session)
    this.#outcomes.add(outcome, 1)
    if (outcome === Outcome.SESSION_RESET) return
    const v4 = Family.IPV4_UNICAST
    this.#countNlri(this.#withdrawn, view.withdrawnAt, view.withdrawnEnd, v4, 1, 1)
    this.#countNlri(this.#announced, view.nlriAt, view.nlriEnd, v4, 1, 1)
    const { reachFamily, reachAfi, reachSafi, unreachFamily, unreachAfi, unreachSafi } = view
    if (reachFamily !== 0) {
      this.#countNlri(
        this.#announced,
        view.reachAt,
        view.reachEnd,
        reachFamily,
        reachAfi,
        reachSafi,
      )
    }
    if (unreachFamily !== 0) {
      const { unreachAt, unreachEnd } = view
      this.#countNlri(
        this.#withdrawn,
        unreachAt,
        unreachEnd,
        unreachFamily,
        unreachAfi,
        unreachSafi,
      )
    }
  }

  #countNlri(
    tally: Tally,
    at: number,
    end: number,
    family: Family,
    afi: number,
    safi: number,
  ): void {
    if (at === end) return
    if (this.#family !== undefined && familyName(afi, safi) !== this.#family) return
    const { buf, addPath } = this.#view
    const cursor = this.#cursor
    cursor.start(buf, at, end, family, (addPath & (1 << family)) !== 0, false)
    let count = 0
    while (cursor.next()) count++
    tally.add(afi * 256 + safi, count)
  }

  /** All counts; times are those of the MRT records, or of the packets. */
  object(): SummaryObject {
    const family = (key: number) => familyName(key >>> 8, key & 255)
    const time = (seconds: number) => (Number.isFinite(seconds) ? timeText(seconds, 0) : null)
    return {
      from: this.#firstText ?? time(this.#first),
      to: this.#lastText ?? time(this.#last),
      records: this.#records.named((key) => mrtTypeName(Math.floor(key / 65536), key % 65536)),
      messages: this.#messages.named(messageTypeName),
      announced: this.#announced.named(family),
      withdrawn: this.#withdrawn.named(family),
      ribPrefixes: this.#ribPrefixes.named(family),
      ribPaths: this.#ribPaths.named(family),
      peers: this.#peers.count,
      outcomes: this.#outcomes.named((outcome) => OUTCOMES[outcome]!),
      problems: this.problems,
      firstProblems: this.#firstProblems,
    }
  }
}

const TITLES: [keyof SummaryObject, string][] = [
  ['records', 'MRT records'],
  ['messages', 'BGP messages'],
  ['announced', 'Prefixes announced'],
  ['withdrawn', 'Prefixes withdrawn'],
  ['ribPrefixes', 'Prefixes in tables'],
  ['ribPaths', 'Paths in tables'],
  ['outcomes', 'Verdicts (RFC 7606)'],
]

/** The counts as a table for people. */
export function formatSummary(summary: SummaryObject): string[] {
  const lines: string[] = []
  if (summary.from !== null) lines.push(`From ${summary.from} to ${summary.to}`)
  if (summary.peers > 0) lines.push(`Peers: ${summary.peers}`)
  for (const [key, title] of TITLES) {
    const counts = Object.entries(summary[key] as Counts).toSorted((a, b) => b[1] - a[1])
    if (counts.length === 0) continue
    lines.push(`${title}:`)
    const width = Math.max(...counts.map(([name]) => name.length))
    const digits = String(counts[0]![1]).length
    for (const [name, count] of counts) {
      lines.push(`  ${name.padEnd(width)}  ${String(count).padStart(digits)}`)
    }
  }
  lines.push(`Problems: ${summary.problems}`)
  for (const { offset, problem } of summary.firstProblems) {
    lines.push(`  offset ${offset}: ${problem}`)
  }
  return lines
}
