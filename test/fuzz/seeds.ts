/**
 * What the fuzzer begins with, and the garbage test runs over and over: the captured messages, and
 * UPDATEs from the grammar, sound and malformed.
 */
import fc from 'fast-check'
import * as b from '../support/builder.ts'
import { concat, fromHex } from '../support/hex.ts'
import { type GrammarSession, soundUpdate, writeUpdate } from '../support/update-grammar.ts'
import { isPossible, MALFORMATIONS, malformedUpdate } from '../support/update-malformations.ts'
import { capturedMessages } from '../support/vectors.ts'
import { type FuzzInput, MAX_BODY, SESSIONS } from './input.ts'

/** Every captured UPDATE once; to CEs a session is eBGP. */
export function capturedInputs(): FuzzInput[] {
  const seen = new Map<string, FuzzInput>()
  for (const { type, hex, file } of capturedMessages()) {
    if (type !== 'UPDATE') continue
    seen.set(hex, { session: file.endsWith('-ce') ? 0 : 1, body: fromHex(hex).slice(19) })
  }
  return [...seen.values()]
}

/** The session of a row as the grammar sees it. */
function grammarSession(row: number): GrammarSession {
  const { asn4, ebgp, addPath, multipleLabels = 0 } = SESSIONS[row]!
  return { asn4, ebgp, addPath: addPath !== 0, multipleLabels: multipleLabels !== 0 }
}

/** `count` inputs of the grammar, half of them with something wrong. */
export function grammarInputs(seed: number, count: number): FuzzInput[] {
  const any = fc.nat(SESSIONS.length - 1).chain((session) => {
    const of = grammarSession(session)
    const sound = soundUpdate(of).map(writeUpdate)
    const wrong = malformedUpdate(of).map(({ body }) => body)
    return fc.oneof(sound, wrong).map((body) => ({ session, body }))
  })
  return fc.sample(any, { seed, numRuns: count })
}

/** Every way to be wrong on every session it can be met on, `each` times. */
export function malformedInputs(seed: number, each: number): FuzzInput[] {
  return SESSIONS.flatMap((_, session) => {
    const of = grammarSession(session)
    return Object.keys(MALFORMATIONS)
      .filter((name) => isPossible(name, of))
      .flatMap((name, k) =>
        fc
          .sample(malformedUpdate(of, [name]), { seed: seed + k, numRuns: each })
          .map(({ body }) => ({ session, body })),
      )
  })
}

/** The longest there are (RFC 8654 §3): one of prefixes, one of communities, one cut off. */
export function longInputs(): FuzzInput[] {
  const attrs = [b.origin(0), b.asPath([65001]), b.nextHop('192.0.2.1')]
  const room = MAX_BODY - 4 - concat(...attrs).length
  const prefixes = Array.from({ length: Math.floor(room / 5) }, (_, k) =>
    concat(b.u8(32), b.u32be(k + 1)),
  )
  // default routes, an octet each, up to the last octet
  const rest = new Uint8Array(room % 5)
  const values = Math.floor((room - 9) / 4)
  const communities = b.attr(b.OPTIONAL | b.TRANSITIVE, 8, new Uint8Array(values * 4))
  const nlri = [b.prefix('10.0.0.0/8')]
  const bodies = [
    b.update({ attrs, nlri: [...prefixes, rest] }),
    b.update({ attrs: [...attrs, communities], nlri }),
    b.update({ attrs, nlri: [...prefixes.slice(1), b.u8(33, 0, 0, 0, 0)] }),
  ]
  return bodies.map((message) => ({ session: 0, body: message.slice(19) }))
}
