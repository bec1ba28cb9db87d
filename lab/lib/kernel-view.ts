/** What a namespace's kernel holds, asked with `ip -j`. */
import { must } from './run.ts'

export interface RouteView {
  dst: string
  type?: string
  dev?: string
  gateway?: string
  protocol?: string
  metric?: number
  nhid?: number
  encap?: string
  mode?: string
  segs?: string[]
  action?: string
}

interface NexthopView extends Omit<RouteView, 'dst'> {
  id: number
  group?: { id: number }[]
}

/** A table's routes ('all' too), with what their nexthop object says, or the first of its group. */
export async function routesOf(
  namespace: string,
  table: number | 'all' | 'main',
  family: 4 | 6,
): Promise<RouteView[]> {
  const argv = ['ip', '-j', `-${family}`, '-n', namespace, 'route', 'show', 'table', `${table}`]
  const routes = parse<RouteView>(await must(argv))
  if (!routes.some(({ nhid }) => nhid !== undefined)) return routes
  // What a route of a nexthop object does shows in line with nexthop_compat_mode alone.
  const nexthops = parse<NexthopView>(await must(['ip', '-j', '-n', namespace, 'nexthop']))
  const byId = new Map(nexthops.map((nexthop) => [nexthop.id, nexthop]))
  return routes.map((route) => {
    const first = byId.get(route.nhid ?? 0)
    const { id: _, group: __, ...way } = byId.get(first?.group?.[0]?.id ?? 0) ?? first ?? { id: 0 }
    return { ...way, ...route }
  })
}

function parse<View>(text: string): View[] {
  return text.trim() === '' ? [] : (JSON.parse(text) as View[])
}

/** What the kernel does by itself in between: link-local addresses come, lifetimes run. */
const BY_ITSELF = /fe80::|valid_lft/

/** Everything the kernel holds, as text, for a comparison of before and after. */
export async function kernelState(namespace: string): Promise<string> {
  const asked = ['-6 route show table all', '-4 route show table all', '-6 rule', '-4 rule']
  asked.push('-d link', 'addr', 'nexthop', 'sr tunsrc show')
  const texts = await Promise.all(
    asked.map((q) => must(['ip', '-n', namespace, ...q.split(' ')]).catch(() => '')),
  )
  const kept = texts.map((text) => text.split('\n').filter((line) => !BY_ITSELF.test(line)))
  return kept.map((lines, i) => `# ip ${asked[i]}\n${lines.join('\n')}`).join('\n')
}

/** One route in a few words, for messages. */
export function describeRoute(r: RouteView): string {
  const how = r.segs
    ? `${r.encap} ${r.mode ?? ''} ${r.segs.join(',')}`
    : (r.gateway ?? r.type ?? '')
  return `${r.dst} ${how} dev ${r.dev ?? '-'} proto ${r.protocol ?? '-'}`
}

/** The ip rules, but for the one that the kernel makes with the first VRF device and keeps. */
export async function rulesIn(namespace: string): Promise<string[]> {
  const ask = (f: 4 | 6) => must(['ip', `-${f}`, '-n', namespace, 'rule'])
  const texts = await Promise.all(([4, 6] as const).map(ask))
  return texts.flatMap((text) => text.trim().split('\n')).filter((r) => !r.includes('l3mdev'))
}

/** A namespace's own addresses: the user's, not srv6d's. */
export async function globalAddresses(namespace: string): Promise<string> {
  const text = await must(['ip', '-o', '-n', namespace, 'addr', 'show', 'scope', 'global'])
  return text
    .replaceAll(/^\d+: /gm, '')
    .replaceAll(/ +valid_lft.*/g, '')
    .split('\n')
    .sort()
    .join('\n')
}

/** Every route of a namespace, of all tables and both families. */
export async function allRoutes(namespace: string): Promise<RouteView[]> {
  const both = await Promise.all(
    ([4, 6] as const).map((family) => routesOf(namespace, 'all', family)),
  )
  return both.flat()
}
