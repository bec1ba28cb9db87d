/** `show sids` and `show status`. */
import type { Sid, Status } from '../daemon/api-schema.ts'
import { type Column, formatAge, paint, renderFields, renderTable, type Style } from './table.ts'

const COLUMNS: Column[] = [
  { title: 'SID' },
  { title: 'Behavior' },
  { title: 'VRF', shrinkTo: 6 },
  { title: 'Table', align: 'right' },
  { title: 'Device', shrinkTo: 8 },
  { title: 'Locator', shrinkTo: 7 },
  { title: 'Structure' },
  { title: 'State' },
]

/** A line a local SID; under one the kernel refused, why. */
export function formatSidTable(sids: readonly Sid[], style: Style): string[] {
  if (sids.length === 0) return ['No SID is allocated.']
  const rows = sids.map((each) => [
    each.sid,
    each.behavior,
    each.vrf ?? '-',
    each.table === null ? '-' : String(each.table),
    each.device ?? '-',
    each.locator,
    each.structure,
    each.state,
  ])
  const tone = (row: number) => (sids[row]!.state === 'failed' ? 'bad' : null)
  const [titles, ...lines] = renderTable(COLUMNS, rows, style, tone)
  return [titles!, ...lines.flatMap((line, at) => [line, ...whyLines(sids[at]!, style)])]
}

/** The daemon itself. */
export function formatStatus(status: Status, style: Style): string[] {
  const { problems } = status
  return [
    ...renderFields([
      ['srv6d', `${status.version}, pid ${status.pid}, up ${formatAge(status.uptimeSeconds)}`],
      ['Router id', status.routerId],
      ['AS', String(status.as)],
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
