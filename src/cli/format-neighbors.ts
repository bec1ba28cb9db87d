/** `show neighbors`: a line each, or one in full. */
import type { Neighbor } from '../daemon/api-schema.ts'
import {
  type Column,
  count,
  formatAge,
  paint,
  renderFields,
  renderTable,
  type Style,
} from './table.ts'

const COLUMNS: Column[] = [
  { title: 'Neighbor', shrinkTo: 15 },
  { title: 'VRF', shrinkTo: 6 },
  { title: 'AS', align: 'right' },
  { title: 'State' },
  { title: 'Up', align: 'right' },
  { title: 'Received/accepted/advertised', shrinkTo: 20 },
]

/** A line a neighbour; under one that is down, why. */
export function formatNeighborTable(neighbors: readonly Neighbor[], style: Style): string[] {
  if (neighbors.length === 0) return ['No neighbor is configured.']
  const rows = neighbors.map((each) => [
    each.address,
    each.vrf ?? '-',
    String(each.remoteAs),
    each.state,
    each.uptimeSeconds === null ? '-' : formatAge(each.uptimeSeconds),
    each.families.map((f) => `${f.family} ${f.received}/${f.accepted}/${f.advertised}`).join('  '),
  ])
  const tone = (row: number) => (isUp(neighbors[row]!) ? null : 'bad')
  const [titles, ...lines] = renderTable(COLUMNS, rows, style, tone)
  const up = neighbors.filter(isUp).length
  return [
    titles!,
    ...lines.flatMap((line, at) => [line, ...lastError(neighbors[at]!, style)]),
    '',
    `${count(neighbors.length, 'neighbor')}, ${up} established`,
  ]
}

/** Everything about each of a few neighbours. */
export function formatNeighborDetail(neighbors: readonly Neighbor[], style: Style): string[] {
  return neighbors.flatMap((each, at) => [
    ...(at > 0 ? [''] : []),
    paint(style, 'head', `${each.address}${each.vrf === null ? '' : `  (VRF ${each.vrf})`}`),
    ...renderFields(neighborFields(each), '  '),
    ...familyLines(each, style),
  ])
}

function neighborFields(each: Neighbor): [string, string | null][] {
  const up = each.uptimeSeconds === null ? '' : ` for ${formatAge(each.uptimeSeconds)}`
  const kind = each.remoteAs === each.localAs ? 'internal' : 'external'
  return [
    ['Description', each.description],
    ['State', `${each.state}${up}`],
    ['AS', `${each.remoteAs} (${kind}, ours is ${each.localAs})`],
    ['Router id', each.routerId],
    ['Hold time', `${each.holdTime}s`],
    ['Graceful restart', each.gracefulRestart],
    ['Stale routes', each.staleRoutes],
    ['Capabilities', each.capabilities.length === 0 ? null : each.capabilities.join(', ')],
    ['Messages', `${each.messagesIn} in, ${each.messagesOut} out`],
    ['Updates', `${each.updatesIn} in, ${each.updatesOut} out`],
    ['Established', count(each.established, 'time')],
    ['Treated as withdraw', each.treatAsWithdraw === 0 ? null : String(each.treatAsWithdraw)],
    ['Attributes discarded', each.attributeDiscard === 0 ? null : String(each.attributeDiscard)],
    ['Last error', each.lastError],
  ]
}

function familyLines({ families }: Neighbor, style: Style): string[] {
  if (families.length === 0) return []
  const columns: Column[] = [
    { title: '  Family' },
    ...['Received', 'Accepted', 'Rejected', 'Advertised'].map(
      (title): Column => ({ title, align: 'right' }),
    ),
    { title: 'End-of-RIB' },
  ]
  const rows = families.map((f) => [
    `  ${f.family}`,
    ...[f.received, f.accepted, f.rejected, f.advertised].map(String),
    f.endOfRib ? 'received' : 'awaited',
  ])
  return ['', ...renderTable(columns, rows, style)]
}

function isUp(neighbor: Neighbor): boolean {
  return neighbor.state === 'Established'
}

function lastError(neighbor: Neighbor, style: Style): string[] {
  if (isUp(neighbor) || neighbor.lastError === null) return []
  const [line] = renderFields([['  last error:', neighbor.lastError]])
  return [paint(style, 'bad', line!)]
}
