/** What must hold for any octets at all; docs/fuzzing.md says why and how each is checked. */
import type { parseUpdate } from '../../src/wire/update-parser.ts'

export const INVARIANTS = [
  'never throws',
  'reads only the message',
  'writes nothing',
  'never loops',
  'keeps to its ranges',
  'same verdict twice',
  'same verdict in any chunks',
  'columns hold what cursors read',
  'parse of pack is identity',
  'verdict has its reason',
] as const
export type Invariant = (typeof INVARIANTS)[number]

export class InvariantError extends Error {
  readonly invariant: Invariant

  constructor(invariant: Invariant, text: string, cause?: unknown) {
    super(`${invariant}: ${text}`, { cause })
    this.invariant = invariant
  }
}

/** The parser under test, so that a test of the fuzzer can put a broken one in its place. */
export type Parse = typeof parseUpdate
