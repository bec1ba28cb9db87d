/** What the fuzzer begins with: the captured messages, and UPDATEs from the grammar. */
import fc from 'fast-check'
import { fromHex } from '../support/hex.ts'
import { soundUpdate, writeUpdate } from '../support/update-grammar.ts'
import { malformedUpdate } from '../support/update-malformations.ts'
import { capturedMessages } from '../support/vectors.ts'
import { type FuzzInput, SESSIONS } from './input.ts'

/** Every captured UPDATE once; to CEs a session is eBGP. */
export function capturedInputs(): FuzzInput[] {
  const seen = new Map<string, FuzzInput>()
  for (const { type, hex, file } of capturedMessages()) {
    if (type !== 'UPDATE') continue
    seen.set(hex, { session: file.endsWith('-ce') ? 0 : 1, body: fromHex(hex).slice(19) })
  }
  return [...seen.values()]
}

/** `count` inputs of the grammar, half of them with something wrong. */
export function grammarInputs(seed: number, count: number): FuzzInput[] {
  const any = fc.nat(SESSIONS.length - 1).chain((session) => {
    const { asn4, ebgp, addPath, multipleLabels = 0 } = SESSIONS[session]!
    const of = { asn4, ebgp, addPath: addPath !== 0, multipleLabels: multipleLabels !== 0 }
    return fc
      .oneof(
        soundUpdate(of).map(writeUpdate),
        malformedUpdate(of).map(({ body }) => body),
      )
      .map((body) => ({ session, body }))
  })
  return fc.sample(any, { seed, numRuns: count })
}
