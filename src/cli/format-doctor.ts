/** `doctor`: a line a finding, the command that mends it below. */
import type { Finding } from '../daemon/api-schema.ts'
import { count, paint, type Style } from './table.ts'

const TONES = { ok: null, mended: 'good', warning: 'head', failed: 'bad' } as const

export function formatFindings(findings: readonly Finding[], style: Style): string[] {
  const width = Math.max(0, ...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, state, says, mend }) => {
    const word = state === 'failed' ? 'FAILED' : state
    const line = `${word.padEnd(7)}  ${check.padEnd(width)}  ${says}`
    const tone = TONES[state]
    return [
      tone === null ? line : paint(style, tone, line),
      ...(mend === null ? [] : [`${' '.repeat(9)}${' '.repeat(width)}  mend it: ${mend}`]),
    ]
  })
  return [...lines, '', summary(findings)]
}

function summary(findings: readonly Finding[]): string {
  const of = (state: Finding['state']) => findings.filter((each) => each.state === state).length
  const bad = [`${of('failed')} failed`, count(of('warning'), 'warning')]
  return `${count(findings.length, 'check')}: ${bad.join(', ')}`
}
