import { readdirSync, readFileSync } from 'node:fs'

/**
 * A message captured between real speakers. `summary`, `attributes`, `routes`, `withdrawn` and
 * `sids` were derived from the same octets by other programs (a script of its own and a protocol
 * analyser), not by the code under test.
 */
export interface CapturedMessage {
  file: string
  from: string
  type: 'OPEN' | 'UPDATE' | 'NOTIFICATION' | 'KEEPALIVE' | 'ROUTE-REFRESH'
  hex: string
  summary: string
  attributes?: number[]
  routes?: string[]
  withdrawn?: string[]
  sids?: string[]
}

const folder = new URL('../vectors/', import.meta.url)

/** All captured messages of test/vectors/captured-*.json. */
export function capturedMessages(): CapturedMessage[] {
  const out: CapturedMessage[] = []
  for (const name of readdirSync(folder).sort()) {
    if (!/^captured-.*\.json$/.test(name)) continue
    const file = name.slice('captured-'.length, -'.json'.length)
    const messages: Omit<CapturedMessage, 'file'>[] = JSON.parse(
      readFileSync(new URL(name, folder), 'utf8'),
    )
    for (const message of messages) out.push({ file, ...message })
  }
  return out
}

/** Octets of hexadecimal text; blanks are skipped. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ''), 'hex'))
}
