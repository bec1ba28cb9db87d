/** What `decode` writes: each thing as lines or as one JSON object, or counts of all at the end. */
import { MrtPeerTable } from '../wire/mrt-peers.ts'
import type { MrtRecord } from '../wire/mrt-record.ts'
import { RibEntryCursor } from '../wire/mrt-rib.ts'
import { MrtKind, MrtProblem, mrtProblemText } from '../wire/mrt-type.ts'
import { familyName, MessageType } from '../wire/registry.ts'
import { parseUpdate } from '../wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../wire/update-view.ts'
import {
  type Decoded,
  describeBgp4mp,
  describeMessage,
  describePeers,
  describeRecord,
  describeRib,
  type Place,
} from './decode-objects.ts'
import { formatDecoded } from './decode-text.ts'
import type { Style } from './table.ts'

/** Who gets what a file holds. */
export interface DecodeSink {
  /** One MRT record, valid during the call. */
  record(record: MrtRecord): void
  /** One BGP message without a record around it: its body, as in Framer. */
  message(
    place: Place,
    type: number,
    buf: Uint8Array,
    bodyAt: number,
    end: number,
    session: UpdateSession,
  ): void
  /** Something that cannot be read, at `offset` of the file. */
  problem(place: Place, text: string): void
}

export interface PrinterOptions {
  json: boolean
  /** Only what has routes of this family; undefined: everything. */
  family: string | undefined
  style: Style
}

/** Prints everything as it comes; the text gathers until `take`. */
export class Printer implements DecodeSink {
  /** How many things could not be read, and the first of them. */
  problems = 0

  readonly #options: PrinterOptions
  readonly #peers = new MrtPeerTable()
  readonly #entries = new RibEntryCursor()
  readonly #view = new UpdateView()
  #text: string[] = []

  constructor(options: PrinterOptions) {
    this.#options = options
  }

  /** What was printed since the last call. */
  take(): string {
    const text = this.#text.join('')
    this.#text = []
    return text
  }

  record(record: MrtRecord): void {
    const problem = record.problem
    // The index is read whatever is shown: the records behind it refer to it.
    const lost = record.kind === MrtKind.PEER_INDEX_TABLE ? this.#peers.load(record) : problem
    if (lost !== 0) this.#count(lost)
    if (!this.#isWanted(record)) return
    const out = describeRecord(record)
    if (record.kind === MrtKind.PEER_INDEX_TABLE) describePeers(this.#peers, out)
    else if (record.kind === MrtKind.RIB) describeRib(record, this.#entries, this.#peers, out)
    else if (record.kind !== MrtKind.OTHER) describeBgp4mp(record, out)
    const broken = record.kind === MrtKind.RIB ? this.#entries.problem : lost
    if (broken !== 0) out.problem = this.#problemText(record, broken)
    if (record.kind === MrtKind.RIB && broken !== 0) this.#count(broken)
    for (const { problem } of out.entries ?? []) if (problem !== undefined) this.problems++
    this.#print(out)
  }

  /** A type that is not read is no fault of the file. */
  #count(problem: number): void {
    if (problem !== MrtProblem.UNKNOWN_TYPE) this.problems++
  }

  #problemText(record: MrtRecord, problem: number): string {
    const at = record.kind === MrtKind.RIB ? this.#entries.problemAt : record.problemAt
    const inRecord = Math.max(at - record.at, 0)
    return `${mrtProblemText(problem)} (offset ${record.offset + inRecord})`
  }

  message(
    place: Place,
    type: number,
    buf: Uint8Array,
    bodyAt: number,
    end: number,
    session: UpdateSession,
  ): void {
    if (!this.#isWantedMessage(type, buf, bodyAt, end, session)) return
    const message = describeMessage(type, buf, bodyAt, end, session)
    this.#print({ ...place, type: 'message', message })
  }

  problem(place: Place, text: string): void {
    this.problems++
    this.#print({ ...place, type: 'problem', problem: text })
  }

  #print(decoded: Decoded): void {
    const { json, style } = this.#options
    if (json) this.#text.push(`${JSON.stringify(decoded)}\n`)
    else this.#text.push(`${formatDecoded(decoded, style).join('\n')}\n`)
  }

  #isWanted(record: MrtRecord): boolean {
    const { family } = this.#options
    if (family === undefined) return true
    if (record.kind === MrtKind.RIB) return familyName(record.afi, record.safi) === family
    if (record.kind !== MrtKind.MESSAGE) return false
    const { messageType, buf, messageBodyAt, messageEnd, session } = record
    return this.#isWantedMessage(messageType, buf, messageBodyAt, messageEnd, session)
  }

  #isWantedMessage(
    type: number,
    buf: Uint8Array,
    bodyAt: number,
    end: number,
    session: UpdateSession,
  ): boolean {
    const { family } = this.#options
    if (family === undefined) return true
    if (type !== MessageType.UPDATE) return false
    const view = this.#view
    parseUpdate(view, buf, bodyAt, end, session)
    if (view.reachAfi !== 0 && familyName(view.reachAfi, view.reachSafi) === family) return true
    if (view.unreachAfi !== 0 && familyName(view.unreachAfi, view.unreachSafi) === family) {
      return true
    }
    if (family !== 'ipv4-unicast') return false
    const isEndOfRib = view.attrCount === 0
    return isEndOfRib || view.withdrawnEnd > view.withdrawnAt || view.nlriEnd > view.nlriAt
  }
}
