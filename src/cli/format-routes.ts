/** `show routes`: a line a path, as a BGP operator is used to, or every path in full. */
import type { Route, RoutePath } from '../daemon/api-schema.ts'
import {
  type Column,
  count,
  formatAge,
  paint,
  renderFields,
  renderTable,
  type Style,
} from './table.ts'

const LEGEND = '* valid, > best, = multipath, b backup, s stale (restarting), S long-lived stale'

/** What was asked for, for the words of an empty answer. */
export interface RouteScope {
  vrf?: string | undefined
  table?: 'vpn' | 'node' | undefined
  prefix?: string | undefined
  family?: string | undefined
}

/** A line a path. `truncated`: the daemon has more than it sent. */
export function formatRouteTable(
  routes: readonly Route[],
  scope: RouteScope,
  truncated: boolean,
  style: Style,
): string[] {
  if (routes.length === 0) return [describeEmpty(scope)]
  const lines = routes.flatMap((route) => route.paths.map((path) => ({ route, path })))
  const columns: Column[] = [
    { title: `    ${scope.table === 'vpn' ? 'RD' : 'VRF'}` },
    { title: 'Prefix' },
    { title: 'Next hop / SID', shrinkTo: 14, shrinkLast: true },
    { title: 'From', shrinkTo: 9 },
    { title: 'AS path', shrinkTo: 7 },
    { title: 'State', shrinkTo: 14 },
  ]
  const rows = lines.map(({ route, path }) => [
    `${marks(path).padEnd(3)} ${(scope.table === 'vpn' ? route.rd : route.vrf) ?? '-'}`,
    route.prefix,
    via(route, path),
    from(path),
    path.asPath || '-',
    state(route, path),
  ])
  const table = renderTable(columns, rows, style, (row) =>
    tone(lines[row]!.route, lines[row]!.path),
  )
  const sum = `${count(routes.length, 'prefix').replace(/xs$/, 'xes')}, ${count(rows.length, 'path')}`
  const cut = truncated ? ['There are more: ask for a prefix or a VRF, or raise --limit.'] : []
  return [paint(style, 'faint', LEGEND), '', ...table, '', sum, ...cut]
}

/** A connected network leads to its interface: the kernel's word for it. */
function via(route: Route, path: RoutePath): string {
  const device = path.source === 'connected' ? route.fibDetail : null
  return path.sid ?? path.nextHop ?? device ?? '-'
}

/** Each route with all of its paths, all that is known of them and why they were not chosen. */
export function formatRouteDetail(
  routes: readonly Route[],
  scope: RouteScope,
  style: Style,
): string[] {
  if (routes.length === 0) return [describeEmpty(scope)]
  return routes.flatMap((route, at) => [...(at > 0 ? [''] : []), ...formatOneRoute(route, style)])
}

function formatOneRoute(route: Route, style: Style): string[] {
  const where = placeOf(route)
  const lines = [paint(style, 'head', `${route.prefix}  (${where}, ${route.family})`)]
  if (route.table === 'vrf') lines.push(`Kernel: ${describeKernel(route)}`)
  if (route.table === 'node') lines.push(`Network: ${route.fibDetail ?? '-'}`)
  if (route.notAnnounced !== null) {
    lines.push(paint(style, 'bad', `VPN: ${route.notAnnounced}`))
  }
  for (const [at, path] of route.paths.entries()) {
    const title = `Path ${at + 1} of ${route.paths.length}: ${verdict(path)}`
    lines.push('', paint(style, path.best ? 'good' : path.valid ? 'head' : 'bad', title))
    lines.push(...renderFields(pathFields(path), '  '))
  }
  return lines
}

function placeOf({ table, vrf, rd }: Route): string {
  if (table === 'vpn') return `VPN table, RD ${rd ?? '-'}`
  return table === 'node' ? 'of this node' : `VRF ${vrf}`
}

function pathFields(path: RoutePath): [string, string | null][] {
  const list = (values: string[]) => (values.length === 0 ? null : values.join(' '))
  const behavior = path.behavior === null ? '' : ` (${path.behavior})`
  return [
    ['From', `${describeSource(path)}, ${formatAge(path.ageSeconds)} ago`],
    ['Next hop', path.nextHop],
    ['SID', path.sid && `${path.sid}${behavior}`],
    ['RD', path.rd],
    ['Label', path.label === null ? null : String(path.label)],
    ['AS path', path.asPath || '(empty)'],
    ['Origin', path.origin],
    ['Local preference', path.localPref === null ? null : String(path.localPref)],
    ['MED', path.med === null ? null : String(path.med)],
    ['Communities', list(path.communities)],
    ['Large communities', list(path.largeCommunities)],
    ['Ext. communities', list(path.extCommunities)],
  ]
}

function marks(path: RoutePath): string {
  const stale = path.longLivedStale ? 'S' : path.stale ? 's' : ''
  const use = path.best ? '>' : path.active ? '=' : path.backup ? 'b' : ' '
  return `${path.valid ? '*' : ' '}${use}${stale}`
}

function from(path: RoutePath): string {
  return path.neighbor ?? (path.source === 'vpn' ? 'vpn' : path.source)
}

function describeSource(path: RoutePath): string {
  if (path.neighbor === null) return path.source
  return path.source === 'vpn' ? `${path.neighbor} through the VPN` : path.neighbor
}

/** The best path has the kernel's answer; the others, why they are not it. */
function state(route: Route, path: RoutePath): string {
  if (!path.best) {
    if (path.active) return path.weight === null ? route.installed : `weight ${path.weight}`
    return path.why ?? (path.valid ? 'not best' : 'not valid')
  }
  if (route.installed === 'failed') return `failed ${route.fibDetail?.split(':')[0] ?? ''}`.trim()
  const told = route.notAnnounced === null ? '' : ', not announced'
  if (route.installed === 'none') return `${route.fibDetail ?? '-'}${told}`
  return `${route.installed}${told}`
}

function tone(route: Route, path: RoutePath) {
  const isWrong = route.installed === 'failed' || route.installed === 'drifted'
  if (path.best && (isWrong || route.notAnnounced !== null)) return 'bad'
  if (!path.valid) return 'bad'
  return path.best || path.active ? null : 'faint'
}

function verdict(path: RoutePath): string {
  const stale = path.longLivedStale ? ', long-lived stale' : path.stale ? ', stale' : ''
  const why = path.why === null ? '' : `: ${path.why}`
  if (path.best) return `best${path.weight === null ? '' : `, weight ${path.weight}`}${stale}${why}`
  if (path.active || path.backup) return `${use(path)}${stale}${why}`
  return `${path.valid ? 'not best' : 'not valid'}${stale}${why}`
}

/** What a path does that is not the best. */
function use({ active, weight }: RoutePath): string {
  if (!active) return 'backup'
  return weight === null ? 'multipath' : `multipath, weight ${weight}`
}

function describeKernel({ installed, fibDetail }: Route): string {
  const detail = fibDetail === null ? '' : `, ${fibDetail}`
  return `${installed === 'none' ? 'not installed' : installed}${detail}`
}

const TABLES = { vpn: 'the VPN table', node: 'what speakers of this node announce' } as const

function describeEmpty({ vrf, table, prefix, family }: RouteScope): string {
  const where = table ? TABLES[table] : vrf === undefined ? 'any VRF' : `VRF ${vrf}`
  const kind = family === undefined ? '' : `${family} `
  if (prefix === undefined) return `There is no ${kind}route in ${where}.`
  return `There is no ${kind}route for ${prefix} in ${where}.`
}
