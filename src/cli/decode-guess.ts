/**
 * How the UPDATEs of a stream are to be read: by the OPENs where both were seen, else by trying
 * which reading makes sense. The octets of an UPDATE do not say whether AS numbers have two octets
 * or four (RFC 6793), nor whether NLRI have path identifiers (RFC 7911).
 */
import { type Capabilities, decodeCapabilities } from '../wire/capability.ts'
import { BgpError } from '../wire/error.ts'
import { decodeOpen } from '../wire/open.ts'
import { ALL_FAMILIES, MessageType } from '../wire/registry.ts'
import { parseUpdate } from '../wire/update-parser.ts'
import { type UpdateSession, UpdateView } from '../wire/update-view.ts'

const READINGS = [
  { asn4: true, addPath: 0 },
  { asn4: false, addPath: 0 },
  { asn4: true, addPath: ALL_FAMILIES },
  { asn4: false, addPath: ALL_FAMILIES },
]

/** What is known of one connection. Directions are 0 and 1; a file of messages has only 0. */
export class GuessedSession {
  readonly #opens: (Capabilities | null)[] = [null, null]
  readonly #addPath: boolean
  readonly #view = new UpdateView()
  readonly #session: UpdateSession = {
    asn4: true,
    ebgp: false,
    localAs: 0,
    addPath: 0,
    families: ALL_FAMILIES,
  }

  /** `addPath`: what the command line says of path identifiers, when it does. */
  constructor(addPath: boolean) {
    this.#addPath = addPath
  }

  /** How to read a message; takes note of an OPEN. Valid until the next call. */
  of(type: number, buf: Uint8Array, at: number, end: number, direction: 0 | 1): UpdateSession {
    if (type === MessageType.OPEN) this.#takeOpen(buf, at, end, direction)
    if (type !== MessageType.UPDATE) return this.#session
    const [sender, receiver] = [this.#opens[direction], this.#opens[1 - direction]]
    if (sender && receiver) this.#negotiate(sender, receiver)
    else this.#guess(buf, at, end)
    if (this.#addPath) this.#session.addPath = ALL_FAMILIES
    return this.#session
  }

  #takeOpen(buf: Uint8Array, at: number, end: number, direction: 0 | 1): void {
    try {
      this.#opens[direction] = decodeCapabilities(decodeOpen(buf, at, end).capabilities)
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      this.#opens[direction] = null
    }
  }

  #negotiate(sender: Capabilities, receiver: Capabilities): void {
    this.#session.asn4 = sender.as4 !== undefined && receiver.as4 !== undefined
    this.#session.addPath = 0
    for (const { family, send } of sender.addPath) {
      const wanted = receiver.addPath.some((each) => each.family === family && each.receive)
      if (send && wanted) this.#session.addPath |= 1 << family
    }
  }

  /** The first reading of which the parser complains least. */
  #guess(buf: Uint8Array, at: number, end: number): void {
    let best = READINGS[0]!
    let least = Number.POSITIVE_INFINITY
    for (const reading of READINGS) {
      const outcome = parseUpdate(this.#view, buf, at, end, { ...this.#session, ...reading })
      if (outcome < least) {
        least = outcome
        best = reading
      }
      if (least === 0) break
    }
    this.#session.asn4 = best.asn4
    this.#session.addPath = best.addPath
  }
}
