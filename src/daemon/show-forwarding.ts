import { NONE } from '../base/id.ts'
import type { FibRow } from '../fib/fib-table.ts'
import { errnoName } from '../fib/kernel-error.ts'
import type { LocRib } from '../rib/loc-rib.ts'
import { NextHopKind } from '../rib/next-hop.ts'
import { PathFlag, type PathId, PathKind } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { formatAddress } from '../wire/address.ts'
import { Family } from '../wire/registry.ts'
import type { Route, RoutePath } from './api-schema.ts'
import type { Speaker } from './speaker.ts'

const DRIFTED = 'a route of another protocol took its place: same prefix, table and metric'

/** The row of a VRF's prefix in the FIB, 0 for none. */
export function fibRowOf(
  speaker: Speaker,
  rib: LocRib,
  table: number,
  prefix: PrefixId,
): FibRow | 0 {
  const { prefixes } = rib
  const family = rib.family === Family.IPV4_UNICAST ? 4 : 6
  const at = prefixes.wordsAt(prefix)
  return speaker.fib.find(table, family, prefixes.words, at, prefixes.bitsOf(prefix))
}

/** What the kernel has of a route, by its best path and its row in the FIB. */
export function kernelView(
  speaker: Speaker,
  rib: LocRib,
  best: PathId,
  row: FibRow | 0,
): Pick<Route, 'installed' | 'fibDetail'> {
  if (best === NONE) return { installed: 'none', fibDetail: null }
  if (rib.paths.kindOf(best) === PathKind.CONNECTED) {
    return { installed: 'installed', fibDetail: describe(speaker, rib, best) }
  }
  if (row === 0) return { installed: 'pending', fibDetail: null }
  const { fib, nexthops } = speaker
  const installed = fib.stateOf(row)
  if (installed === 'drifted') return { installed, fibDetail: DRIFTED }
  const nexthop = fib.nexthopOf(row)
  // A group that the kernel did not change leads where it should not.
  const errno = fib.errnoOf(row) || (nexthop === 0 ? 0 : nexthops.errnoOf(nexthop))
  if (errno !== 0) return { installed: 'failed', fibDetail: errnoName(errno) }
  return { installed, fibDetail: describeAll(speaker, rib, best, row) }
}

/** The best path's way, those that share its traffic, and the one that stands by. */
function describeAll(speaker: Speaker, rib: LocRib, best: PathId, row: FibRow): string {
  const { paths } = rib
  const shares: string[] = []
  let backup = ''
  for (let path = rib.firstOf(paths.prefixOf(best)); path !== NONE; path = paths.nextOf(path)) {
    const share = shareOf(speaker, rib, path, row)
    if (share.backup) backup = `; backup ${describe(speaker, rib, path)}`
    if (!share.active) continue
    const weight = share.weight === null ? '' : ` weight ${share.weight}`
    const text = `${describe(speaker, rib, path)}${weight}`
    if (path === best) shares.unshift(text)
    else shares.push(text)
  }
  return `${shares.join(', ') || describe(speaker, rib, best)}${backup}`
}

/** Whether a path carries traffic, with what share if it is not alone, or stands by. */
export function shareOf(
  speaker: Speaker,
  rib: LocRib,
  path: PathId,
  row: FibRow | 0,
): Pick<RoutePath, 'active' | 'backup' | 'weight'> {
  const { paths } = rib
  const flags = paths.flagsOf(path)
  const active = (flags & PathFlag.ACTIVE) !== 0
  const nexthop = row === 0 ? 0 : speaker.fib.nexthopOf(row)
  const group = active && nexthop !== 0 ? speaker.nexthops.groupOf(nexthop) : null
  const leaf = speaker.resolver.rowOf(paths.nextHopOf(path))
  const isShared = group !== null && group.active.length > 1
  const member = isShared ? group.active.find((each) => each.row === leaf) : undefined
  return { active, backup: (flags & PathFlag.BACKUP) !== 0, weight: member?.weight ?? null }
}

/** `via 172.16.1.2 dev red`, `seg6 encap.red fcbb:bb00:2:1:: dev core`, `blackhole`. */
function describe(speaker: Speaker, rib: LocRib, path: PathId): string {
  const { nextHops } = speaker.context
  const id = rib.paths.nextHopOf(path)
  if (id === NONE) return 'blackhole'
  const kind = nextHops.kindOf(id)
  const device = speaker.interfaces.byIndex(nextHops.ifindexOf(id))?.name ?? '?'
  if (kind === NextHopKind.NODE) return 'throw, to the routes of this node'
  if (kind === NextHopKind.DEVICE) return `dev ${device}`
  const address = addressText(nextHops.addressOf(id))
  if (kind === NextHopKind.GATEWAY) return `via ${address} dev ${device}`
  return `seg6 ${speaker.config.dataplane.encapsulation} ${address} dev ${device}`
}

export function addressText(address: Uint8Array): string {
  return formatAddress(address, 0, address.length === 4 ? 4 : 16)
}
