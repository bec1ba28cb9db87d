/** What the fuzzer runs: the body of an UPDATE and the session it comes in on, and as a file. */
import type { UpdateSession } from '../../src/wire/update-view.ts'

export interface FuzzInput {
  /** Row of SESSIONS. */
  session: number
  body: Uint8Array
}

/** Longest body: RFC 8654 §3 less the header. */
export const MAX_BODY = 65535 - 19

/** Every bit of a family set. */
const ALL = 0x7fffffff
const base: UpdateSession = { asn4: true, ebgp: true, localAs: 65000, addPath: 0, families: ALL }

/** The kinds of session that change what an UPDATE means. */
export const SESSIONS: readonly UpdateSession[] = [
  base,
  { ...base, ebgp: false },
  { ...base, asn4: false },
  { ...base, asn4: false, ebgp: false },
  { ...base, addPath: ALL },
  { ...base, ebgp: false, addPath: ALL },
  { ...base, multipleLabels: ALL },
  { ...base, ebgp: false, addPath: ALL, multipleLabels: ALL },
  { ...base, ebgp: false, families: 0 },
  { ...base, families: 1 << 2, addPath: 1 << 3 },
]

/** The input as octets: the session's row, then the body. */
export function toOctets({ session, body }: FuzzInput): Uint8Array {
  const out = new Uint8Array(1 + body.length)
  out[0] = session
  out.set(body, 1)
  return out
}

/** The inverse of toOctets, of any octets. */
export function fromOctets(octets: Uint8Array): FuzzInput {
  return { session: (octets[0] ?? 0) % SESSIONS.length, body: octets.slice(1, 1 + MAX_BODY) }
}
