/**
 * Prints the tables of docs/rfc-notes.md from the rows of the registry, between their markers:
 * `node --import tsx scripts/rfc-notes.ts` writes the file; test/docs/rfc-notes.test.ts compares.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SidProblem, sidProblemText } from '../src/wire/prefix-sid.ts'
import { PrefixSidError, prefixSidErrorText } from '../src/wire/prefix-sid-check.ts'
import {
  ATTRS,
  Attr,
  AttrFlag,
  type AttrSpec,
  behaviorSpec,
  Capability,
  CeaseError,
  capabilitySpec,
  ErrorCode,
  errorName,
  FAMILIES,
  FsmError,
  HeaderError,
  OpenError,
  Outcome,
  RouteRefreshError,
  UpdateError,
} from '../src/wire/registry.ts'

/** The file the tables stand in. */
export const RFC_NOTES = fileURLToPath(new URL('../docs/rfc-notes.md', import.meta.url))

type Row = (string | number)[]

function table(head: string[], rows: Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

const outcomeName = (outcome: Outcome) =>
  Object.entries(Outcome)
    .find(([, value]) => value === outcome)![0]
    .toLowerCase()
    .replaceAll('_', ' ')

function kindOf(flags: number): string {
  if ((flags & AttrFlag.OPTIONAL) === 0) return 'well-known'
  return (flags & AttrFlag.TRANSITIVE) === 0 ? 'optional' : 'optional transitive'
}

function families(): string {
  const rows = FAMILIES.map((f) => [f.name, f.afi, f.safi, f.rfc])
  return table(['family', 'AFI', 'SAFI', 'from'], rows)
}

function attributes(): string {
  const rows = Object.entries(Attr).map(([name, type]) => {
    const spec: AttrSpec = ATTRS[name as keyof typeof Attr]
    const malformed = outcomeName(spec.malformed)
    return [type, name, kindOf(spec.flags), outcomeName(spec.badFlags), malformed, spec.rfc]
  })
  return table(['type', 'attribute', 'flags', 'wrong flags', 'malformed', 'from'], rows)
}

function capabilities(): string {
  const rows = Object.values(Capability).map((code) => {
    const { name, rfc } = capabilitySpec(code)!
    return [code, name, rfc]
  })
  return table(['code', 'capability', 'from'], rows)
}

function behaviors(): string {
  const rows: Row[] = []
  for (let code = 0; code <= 0xffff; code++) {
    const spec = behaviorSpec(code)
    if (spec === undefined || !(spec.v4 || spec.v6)) continue
    const packets = spec.v4 ? (spec.v6 ? 'IPv4, IPv6' : 'IPv4') : 'IPv6'
    rows.push([code, spec.name, packets, spec.nextCsid ? 'yes' : ''])
  }
  return table(['code', 'behavior', 'takes', 'NEXT-CSID'], rows)
}

const SUBCODES: [code: number, subcodes: Record<string, number>][] = [
  [ErrorCode.MESSAGE_HEADER, HeaderError],
  [ErrorCode.OPEN_MESSAGE, OpenError],
  [ErrorCode.UPDATE_MESSAGE, UpdateError],
  [ErrorCode.HOLD_TIMER_EXPIRED, { UNSPECIFIC: 0 }],
  [ErrorCode.FINITE_STATE_MACHINE, FsmError],
  [ErrorCode.CEASE, CeaseError],
  [ErrorCode.ROUTE_REFRESH_MESSAGE, RouteRefreshError],
]

function errors(): string {
  const rows = SUBCODES.flatMap(([code, subcodes]) =>
    Object.values(subcodes).map((subcode) => [`${code}/${subcode}`, errorName(code, subcode)]),
  )
  return table(['code', 'NOTIFICATION'], rows)
}

function prefixSidReasons(): string {
  const withdrawn = Object.values(PrefixSidError).map((code) => [
    'treat as withdraw',
    prefixSidErrorText(code),
  ])
  const invalid = Object.values(SidProblem)
    .filter((code) => code !== SidProblem.NONE)
    .map((code) => ['path without a SID', sidProblemText(code)])
  return table(['outcome', 'reason'], [...withdrawn, ...invalid])
}

const TABLES: Record<string, () => string> = {
  families,
  attributes,
  capabilities,
  behaviors,
  errors,
  'prefix-sid-reasons': prefixSidReasons,
}

/** The text with every table between `<!-- name -->` and `<!-- /name -->` printed anew. */
export function withTables(text: string): string {
  let out = text
  for (const [name, print] of Object.entries(TABLES)) {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
    const [at, end] = [out.indexOf(open), out.indexOf(close)]
    if (at < 0 || end < at) throw new Error(`no table ${name} in the text`)
    out = `${out.slice(0, at + open.length)}\n\n${print()}\n\n${out.slice(end)}`
  }
  return out
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(RFC_NOTES, withTables(readFileSync(RFC_NOTES, 'utf8')))
}
