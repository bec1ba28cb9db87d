/** `show sids`, `show locators` and `show status`. */
import type { Locator, Sid, Status } from '../daemon/api-schema.ts'
import { type Column, formatAge, paint, renderFields, renderTable, type Style } from './table.ts'

interface SidColumn extends Column {
  text: (sid: Sid) => string | null
  /** Left out where no SID has it. */
  optional?: boolean
}

// biome-ignore format: one row a column
const COLUMNS: SidColumn[] = [
  { title: 'SID',      text: (s) => s.sid },
  { title: 'Behavior', text: (s) => s.behavior },
  { title: 'VRF',      text: (s) => s.vrf, shrinkTo: 6 },
  { title: 'Table',    text: (s) => (s.table === null ? null : String(s.table)), align: 'right' },
  { title: 'Next hop', text: (s) => s.nextHop, optional: true },
  { title: 'Prefix',   text: (s) => s.prefix, optional: true },
  { title: 'Device',   text: (s) => s.device, shrinkTo: 8 },
  { title: 'Locator',  text: (s) => s.locator, shrinkTo: 7 },
  { title: 'Structure', text: (s) => s.structure },
  { title: 'State',    text: (s) => s.state },
]

/** A line a local SID; under one that is not installed, why. */
export function formatSidTable(sids: readonly Sid[], style: Style): string[] {
  if (sids.length === 0) return ['No SID is allocated.']
  const columns = COLUMNS.filter(
    ({ text, optional }) => !optional || sids.some((each) => text(each) !== null),
  )
  const rows = sids.map((each) => columns.map(({ text }) => text(each) ?? '-'))
  const tone = (row: number) => (sids[row]!.state === 'failed' ? 'bad' : null)
  const [titles, ...lines] = renderTable(columns, rows, style, tone)
  return [titles!, ...lines.flatMap((line, at) => [line, ...whyLines(sids[at]!, style)])]
}

const LOCATOR_COLUMNS: Column[] = [
  { title: 'Locator' },
  { title: 'Prefix' },
  { title: 'Structure' },
  { title: 'Behavior' },
  { title: 'SIDs', align: 'right' },
  { title: 'Used', align: 'right' },
  { title: 'Free', align: 'right' },
  { title: 'VRFs', shrinkTo: 6 },
]

export function formatLocatorTable(locators: readonly Locator[], style: Style): string[] {
  if (locators.length === 0) return ['No locator is configured.']
  const rows = locators.map((each) => [
    each.name,
    each.prefix,
    each.structure,
    each.behavior,
    String(each.total),
    String(each.used),
    String(each.free),
    each.vrfs.join(' ') || '-',
  ])
  return renderTable(LOCATOR_COLUMNS, rows, style, (row) =>
    locators[row]!.free === 0 ? 'bad' : null,
  )
}

/** The daemon itself. */
export function formatStatus(status: Status, style: Style): string[] {
  const { problems } = status
  return [
    ...renderFields([
      ['srv6d', `${status.version}, pid ${status.pid}, up ${formatAge(status.uptimeSeconds)}`],
      ['Router id', status.routerId],
      ['AS', String(status.as)],
      ['Data plane', status.dataplane],
      ['Restarting', status.restarting ? 'yes, waiting for End-of-RIB' : null],
    ]),
    ...problems.flatMap((problem) =>
      renderFields([['problem:', problem]]).map((line) => paint(style, 'bad', line)),
    ),
  ]
}

function whyLines({ state, why }: Sid, style: Style): string[] {
  if (state === 'installed' || why === null) return []
  return renderFields([['  why:', why]]).map((line) => paint(style, 'bad', line))
}
