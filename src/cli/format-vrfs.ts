/** `show vrfs`: a line each with its problems below, or one in full. */
import type { Vrf, VrfInterface, VrfSid } from '../daemon/api-schema.ts'
import { type Column, paint, renderFields, renderTable, type Style } from './table.ts'

const COLUMNS: Column[] = [
  { title: 'VRF' },
  { title: 'Table', align: 'right' },
  { title: 'Device', shrinkTo: 8 },
  { title: 'RD' },
  { title: 'IPv4', align: 'right' },
  { title: 'IPv6', align: 'right' },
  { title: 'Neighbors', align: 'right' },
  { title: 'SIDs', shrinkTo: 12 },
]

/** A line a VRF. */
export function formatVrfTable(vrfs: readonly Vrf[], style: Style): string[] {
  if (vrfs.length === 0) return ['No VRF is configured.']
  const rows = vrfs.map((vrf) => [
    vrf.name,
    String(vrf.table),
    vrf.device,
    vrf.rd,
    String(vrf.routes.ipv4),
    String(vrf.routes.ipv6),
    String(vrf.neighbors),
    vrf.sids.map((sid) => sid.sid).join(' ') || '-',
  ])
  const tone = (row: number) => (troubles(vrfs[row]!).length > 0 ? 'bad' : null)
  const [titles, ...lines] = renderTable(COLUMNS, rows, style, tone)
  return [titles!, ...lines.flatMap((line, at) => [line, ...problemLines(vrfs[at]!, style)])]
}

/** Everything about one VRF. */
export function formatVrfDetail(vrf: Vrf, style: Style): string[] {
  return [
    paint(style, 'head', `VRF ${vrf.name}`),
    ...renderFields(
      [
        ['Table', String(vrf.table)],
        ['Device', `${vrf.device} (ifindex ${vrf.ifindex})`],
        ['RD', vrf.rd],
        ['Import targets', vrf.importTargets.join(' ') || '-'],
        ['Export targets', vrf.exportTargets.join(' ') || '-'],
        ...vrf.sids.map((sid): [string, string] => [sid.behavior, describeSid(sid)]),
        ...vrf.interfaces.map((each): [string, string] => ['Interface', describeInterface(each)]),
        ...vrf.networks.map((each): [string, string] => ['Network', describeNetwork(each)]),
        ['Routes', `${vrf.routes.ipv4} IPv4, ${vrf.routes.ipv6} IPv6`],
        ['Neighbors', String(vrf.neighbors)],
        ...vrf.problems.map((problem): [string, string] => ['Problem', problem]),
      ],
      '  ',
    ),
  ]
}

function describeSid({ sid, state, why }: VrfSid): string {
  return `${sid} ${state}${why === null ? '' : `: ${why}`}`
}

function describeInterface({ name, up, attached, why }: VrfInterface): string {
  if (why !== null) return `${name}: ${why}`
  return `${name}: ${up ? 'up' : 'down'}, ${attached ? 'in the VRF' : 'not in the VRF'}`
}

function describeNetwork({ from, community, pools }: Vrf['networks'][number]): string {
  return `${community} from ${from}, pools ${pools.join(' ')}`
}

/** What an operator has to act on, in the order of what depends on what. */
function troubles(vrf: Vrf): string[] {
  return [
    ...vrf.problems,
    ...vrf.interfaces
      .filter((each) => !each.up || !each.attached)
      .map((each) => `interface ${describeInterface(each)}`),
    ...vrf.sids
      .filter((sid) => sid.state === 'failed')
      .map((sid) => `${sid.behavior} ${describeSid(sid)}`),
  ]
}

function problemLines(vrf: Vrf, style: Style): string[] {
  return troubles(vrf).flatMap((text) =>
    renderFields([['  problem:', text]]).map((line) => paint(style, 'bad', line)),
  )
}
