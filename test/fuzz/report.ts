/** What a run reached, as text. */
import { UpdateReason } from '../../src/wire/update-reason.ts'
import type { Checker } from './checker.ts'
import type { Coverage } from './coverage.ts'
import type { Finding } from './fuzzer.ts'
import { SESSIONS } from './input.ts'

export function report(run: {
  checker: Checker
  coverage: Coverage
  findings: Finding[]
  lines: boolean
}): string {
  const { checker, coverage, findings, lines } = run
  const { executions, outcomes, repacked, unpackable } = checker
  const out = [
    '',
    `executions          ${executions}`,
    `accepted            ${outcomes[0]}, of which packed and read back ${repacked} (no form in the packer: ${unpackable})`,
    `attribute discard   ${outcomes[1]}`,
    `treat as withdraw   ${outcomes[2]}`,
    `AFI/SAFI disable    ${outcomes[3]}`,
    `session reset       ${outcomes[4]}`,
    `reasons not met     ${unmetReasons(checker).join(', ') || 'none'}`,
    '',
    'blocks of src/wire that ran',
  ]
  for (const { file, blocks, covered, missing } of coverage.report()) {
    if (covered === 0) continue
    const at = lines && missing.length > 0 ? `  not: ${missing.join(' ')}` : ''
    const share = `${Math.round((100 * covered) / blocks)} %`.padStart(6)
    out.push(`  ${file.padEnd(36)} ${`${covered}/${blocks}`.padStart(9)} ${share}${at}`)
  }
  out.push('', findings.length === 0 ? 'every invariant held' : `${findings.length} findings:`)
  for (const { input, error } of findings) {
    const { asn4, ebgp, addPath, families } = SESSIONS[input.session]!
    out.push(
      '',
      error.message,
      `  session ${input.session}: asn4 ${asn4}, ebgp ${ebgp}, addPath ${addPath}, families ${families}`,
      `  body ${Buffer.from(input.body).toString('hex')}`,
    )
  }
  return out.join('\n')
}

/** The names of the reasons that no input had. */
export function unmetReasons(checker: Checker): string[] {
  return Object.entries(UpdateReason)
    .filter(([, reason]) => reason !== UpdateReason.PREFIX_SID && !checker.reasons.has(reason))
    .map(([name]) => name)
}
