import { putU32 } from '../base/bytes.ts'
import { NONE } from '../base/id.ts'
import type { FibRow } from '../fib/fib-table.ts'
import { Why, whyText } from '../rib/decision.ts'
import type { LocRib } from '../rib/loc-rib.ts'
import { NextHopKind } from '../rib/next-hop.ts'
import { AttrsFlag, type AttrsId } from '../rib/path-attrs.ts'
import { PathFlag, type PathId, PathKind } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { type AddressFamily, vpnFamilyOf } from '../vpn/vrf.ts'
import {
  formatAddress,
  formatCommunity,
  formatExtCommunity,
  formatKey,
  formatLargeCommunity,
  formatRd,
  type Prefix,
  parsePrefix,
} from '../wire/address.ts'
import { formatAsPath } from '../wire/as-path.ts'
import { behaviorName } from '../wire/endpoint-behavior.ts'
import { readServiceSid, rebuildSid, ServiceSid } from '../wire/prefix-sid.ts'
import { Attr, Family, familySpec } from '../wire/registry.ts'
import {
  type FamilyName,
  type Route,
  type RoutePath,
  type RouteQuery,
  ShowError,
} from './api-schema.ts'
import { addressText, fibRowOf, kernelView, shareOf } from './show-forwarding.ts'
import type { Speaker } from './speaker.ts'
import type { VrfInstance } from './vrf-instance.ts'

const ORIGINS = ['igp', 'egp', 'incomplete'] as const
const RD_WORDS = 2

interface Table {
  readonly rib: LocRib
  readonly name: Route['table']
  /** Null but for a table of a VRF. */
  readonly vrf: VrfInstance | null
}

/**
 * The routes that a query asks for, table by table, in the order of their prefixes. What has gone
 * before it was its turn is left out.
 */
export function* findRoutes(speaker: Speaker, query: RouteQuery): IterableIterator<Route> {
  const wanted = query.prefix === undefined ? null : readPrefix(query.prefix)
  const exact = query.prefix?.includes('/') ?? true
  for (const table of tablesOf(speaker, query)) {
    const found = wanted === null ? allOf(table.rib) : matching(table.rib, wanted, exact)
    for (const row of Int32Array.from(found)) {
      const prefix = row as PrefixId
      if (hasRoute(table.rib, prefix)) yield routeOf(speaker, table, prefix)
    }
  }
}

function hasRoute(rib: LocRib, prefix: PrefixId): boolean {
  return rib.prefixes.isUsed(prefix) && rib.firstOf(prefix) !== NONE
}

function readPrefix(text: string): Prefix {
  try {
    return parsePrefix(text)
  } catch (error) {
    throw new ShowError((error as Error).message)
  }
}

function tablesOf(speaker: Speaker, query: RouteQuery): Table[] {
  const { table: name } = query
  if (name !== undefined) {
    const ribs = name === 'vpn' ? speaker.vpnRibs : speaker.node.ribs
    return [...ribs.values()]
      .filter((rib) => !query.family || familySpec(rib.family).name === query.family)
      .map((rib) => ({ rib, name, vrf: null }))
  }
  const vrfs = speaker.vrfs.filter((v) => query.vrf === undefined || v.config.name === query.vrf)
  if (query.vrf !== undefined && vrfs.length === 0) {
    const names = speaker.vrfs.map((v) => v.config.name).join(', ') || 'none'
    throw new ShowError(`no vrf ${query.vrf}: there is ${names}`, 404)
  }
  return vrfs.flatMap((vrf) =>
    ([Family.IPV4_UNICAST, Family.IPV6_UNICAST] as const)
      .map((family) => ({ rib: vrf.vrf.rib(family), name: 'vrf' as const, vrf }))
      .filter(({ rib }) => !query.family || familySpec(rib.family).name === query.family),
  )
}

/** Rows with a path, those that `holds` alone, sorted by address and length. */
function allOf(rib: LocRib, holds: (prefix: PrefixId) => boolean = () => true): PrefixId[] {
  const { prefixes } = rib
  const rows: PrefixId[] = []
  for (let row = 1; row < prefixes.top; row++) {
    const prefix = row as PrefixId
    if (hasRoute(rib, prefix) && holds(prefix)) rows.push(prefix)
  }
  const skip = familySpec(rib.family).hasRd ? RD_WORDS : 0
  return rows.sort((a, b) => compareKeys(rib, a, b, skip))
}

function compareKeys(rib: LocRib, a: PrefixId, b: PrefixId, skip: number): number {
  const { words, keyWords } = rib.prefixes
  const atA = rib.prefixes.wordsAt(a)
  const atB = rib.prefixes.wordsAt(b)
  for (let k = skip; k < keyWords; k++) {
    const d = (words[atA + k]! >>> 0) - (words[atB + k]! >>> 0)
    if (d !== 0) return d
  }
  return rib.prefixes.bitsOf(a) - rib.prefixes.bitsOf(b) || a - b
}

/** The prefix itself, or for an address the longest one that holds it (of each RD). */
function matching(rib: LocRib, wanted: Prefix, exact: boolean): PrefixId[] {
  const spec = familySpec(rib.family)
  if (spec.addressBytes !== wanted.words.length * 4) return []
  const skip = spec.hasRd ? RD_WORDS : 0
  const holders = allOf(rib, (prefix) => {
    const bits = rib.prefixes.bitsOf(prefix)
    if (exact ? bits !== wanted.bits : bits > wanted.bits) return false
    return sharesBits(rib.prefixes.words, rib.prefixes.wordsAt(prefix) + skip, wanted.words, bits)
  })
  if (exact) return holders
  const longest = holders.reduce((most, prefix) => Math.max(most, rib.prefixes.bitsOf(prefix)), 0)
  return holders.filter((prefix) => rib.prefixes.bitsOf(prefix) === longest)
}

function sharesBits(a: Int32Array, at: number, b: Int32Array, bits: number): boolean {
  for (let k = 0; k * 32 < bits; k++) {
    const mask = bits - k * 32 >= 32 ? -1 : ~(0xffffffff >>> (bits - k * 32))
    if (((a[at + k]! ^ b[k]!) & mask) !== 0) return false
  }
  return true
}

function routeOf(speaker: Speaker, table: Table, prefix: PrefixId): Route {
  const { rib, vrf } = table
  const { prefixes, paths } = rib
  const key = formatKey(
    rib.family,
    prefixes.words,
    prefixes.wordsAt(prefix),
    prefixes.bitsOf(prefix),
  )
  const best = rib.bestOf(prefix)
  const fibRow = vrf === null ? 0 : fibRowOf(speaker, rib, vrf.config.table, prefix)
  const rows: RoutePath[] = []
  for (let path = rib.firstOf(prefix); path !== NONE; path = paths.nextOf(path)) {
    rows.push(pathOf(speaker, table, path, path === best, fibRow))
  }
  rows.sort((a, b) => rankOf(b) - rankOf(a))
  return {
    table: table.name,
    vrf: vrf?.config.name ?? null,
    family: familySpec(rib.family).name as FamilyName,
    rd: key.rd ?? null,
    prefix: key.prefix,
    ...kernelView(speaker, rib, vrf === null ? NONE : best, fibRow),
    ...(table.name === 'node' ? membership(speaker, rib, prefix) : {}),
    notAnnounced: vrf === null ? null : whyNotAnnounced(speaker, vrf, rib, prefix),
    paths: rows,
  }
}

/** The network that a prefix of this node is in, or why it is in none. */
function membership(
  { node }: Speaker,
  rib: LocRib,
  prefix: PrefixId,
): Pick<Route, 'vrf' | 'fibDetail'> {
  const networks = node.imports.get(rib.family as AddressFamily)
  const vrf = networks?.vrfOf(prefix) ?? null
  if (vrf === null) return { vrf, fibDetail: networks?.whyOf(prefix) ?? null }
  const { name } = vrf.spec
  const why = node.whyUnbound(rib, prefix, vrf)
  const but = why === null ? '' : `, but what comes from it is refused: ${why}`
  return { vrf: name, fibDetail: `in VRF ${name}${but}` }
}

/** The best path first, then what else carries traffic, what stands by, what could be used. */
function rankOf({ best, active, backup, valid }: RoutePath): number {
  return Number(best) * 8 + Number(active) * 4 + Number(backup) * 2 + Number(valid)
}

/** Why the path that the VRF exports is not told to the VPN, null when it is, or exports none. */
function whyNotAnnounced(
  speaker: Speaker,
  { vrf, sids }: VrfInstance,
  rib: LocRib,
  prefix: PrefixId,
): string | null {
  const vpn = speaker.vpnRibs.get(vpnFamilyOf(rib.family as AddressFamily))!
  const { words, keyWords } = rib.prefixes
  const at = rib.prefixes.wordsAt(prefix)
  const key = Int32Array.of(...vrf.rdWords, ...words.subarray(at, at + keyWords))
  const there = vpn.prefixes.find(key, 0, rib.prefixes.bitsOf(prefix))
  if (there === NONE) return null
  const local = speaker.context.peers.local.id
  const path = vpn.findPath(there, local, PathKind.EXPORTED, vrf.spec.number)
  if (path === NONE || vpn.paths.problemOf(path) === 0) return null
  const text = whyText(vpn.paths.problemOf(path))
  const row = sids.refusedFor(rib, prefix)
  const more = row ? speaker.installer.whyOf(row) : sids.problem
  return more === null ? text : `${text}: ${more}`
}

function pathOf(
  speaker: Speaker,
  { rib }: Table,
  path: PathId,
  best: boolean,
  fibRow: FibRow | 0,
): RoutePath {
  const { attrs, peers, seconds } = speaker.context
  const { paths } = rib
  const set = paths.attrsOf(path)
  const kind = paths.kindOf(path)
  const flags = attrs.flagsOf(set)
  const peer = peers.get(paths.peerOf(path))
  const why = paths.whyOf(path)
  return {
    best,
    ...shareOf(speaker, rib, path, fibRow),
    valid: best || why === Why.BEST || why >= Why.DECISION,
    why: best ? null : whyText(why),
    source: SOURCES[kind],
    neighbor: peer === peers.local ? null : peer.name,
    rd: kind === PathKind.IMPORTED ? sourceRd(speaker, rib, path) : null,
    nextHop: nextHopText(speaker, rib, path),
    ...serviceOf(speaker, rib, path),
    asPath: attrs.find(set, Attr.AS_PATH)
      ? formatAsPath(attrs.bytes, attrs.valueAt, attrs.valueEnd)
      : '',
    origin: ORIGINS[attrs.originOf(set)] ?? 'incomplete',
    localPref: flags & AttrsFlag.LOCAL_PREF ? attrs.localPrefOf(set) : null,
    med: flags & AttrsFlag.MED ? attrs.medOf(set) : null,
    communities: listOf(speaker, set, Attr.COMMUNITIES, 4, formatCommunity),
    extCommunities: listOf(speaker, set, Attr.EXTENDED_COMMUNITIES, 8, formatExtCommunity),
    largeCommunities: listOf(speaker, set, Attr.LARGE_COMMUNITY, 12, formatLargeCommunity),
    ageSeconds: Math.max(0, seconds() - paths.sinceOf(path)),
    ...staleness(speaker, rib, path),
  }
}

/** Kept while its neighbour is away; an imported path shares the lot of the one it comes from. */
function staleness(
  speaker: Speaker,
  rib: LocRib,
  path: PathId,
): Pick<RoutePath, 'stale' | 'longLivedStale'> {
  const { attrs } = speaker.context
  const longLivedStale = (attrs.flagsOf(rib.paths.attrsOf(path)) & AttrsFlag.LLGR_STALE) !== 0
  let flags = rib.paths.flagsOf(path)
  if (rib.paths.kindOf(path) === PathKind.IMPORTED) {
    const vpn = speaker.vpnRibs.get(vpnFamilyOf(rib.family as AddressFamily))!
    const prefix = rib.paths.keyOf(path) as PrefixId
    const source = vpn.findPath(prefix, rib.paths.peerOf(path), PathKind.RECEIVED, 0)
    if (source !== NONE) flags = vpn.paths.flagsOf(source)
  }
  const ofNode = nodePathOf(speaker, rib, path)
  if (ofNode !== null) flags = ofNode
  return { stale: (flags & PathFlag.STALE) !== 0, longLivedStale }
}

/** Flags of the path of this node that a path of a VRF stands for; null: it is of its own. */
function nodePathOf(speaker: Speaker, rib: LocRib, path: PathId): number | null {
  const { node, context } = speaker
  const table = node.ribs.get(rib.family as AddressFamily)
  const nextHop = rib.paths.nextHopOf(path)
  if (table === undefined || table === rib || nextHop === NONE) return null
  if (context.nextHops.kindOf(nextHop) !== NextHopKind.NODE) return null
  const { prefixes } = rib
  const prefix = rib.paths.prefixOf(path)
  const [at, bits] = [prefixes.wordsAt(prefix), prefixes.bitsOf(prefix)]
  const there = table.prefixes.find(prefixes.words, at, bits)
  if (there === NONE) return null
  const source = table.findPath(there, rib.paths.peerOf(path), PathKind.RECEIVED, 0)
  return source === NONE ? null : table.paths.flagsOf(source)
}

const SOURCES: Record<PathKind, RoutePath['source']> = {
  [PathKind.CONNECTED]: 'connected',
  [PathKind.STATIC]: 'static',
  [PathKind.EXPORTED]: 'local',
  [PathKind.RECEIVED]: 'bgp',
  [PathKind.IMPORTED]: 'vpn',
}

/** As announced; for a static route its gateway. */
function nextHopText(speaker: Speaker, rib: LocRib, path: PathId): string | null {
  const { attrs, nextHops } = speaker.context
  const set = rib.paths.attrsOf(path)
  const len = attrs.nextHopLen(set)
  if (len > 0) return formatAddress(attrs.bytes, attrs.nextHopAt(set), len === 4 ? 4 : 16)
  const id = rib.paths.nextHopOf(path)
  const isGateway = id !== NONE && nextHops.kindOf(id) === NextHopKind.GATEWAY
  return isGateway ? addressText(nextHops.addressOf(id)) : null
}

/** The RD that an imported path had in the VPN table. */
function sourceRd(speaker: Speaker, rib: LocRib, path: PathId): string | null {
  const family = rib.family === Family.IPV4_UNICAST ? Family.VPNV4 : Family.VPNV6
  const vpn = speaker.vpnRibs.get(family)!.prefixes
  const at = vpn.wordsAt(rib.paths.keyOf(path) as PrefixId)
  const rd = new Uint8Array(8)
  putU32(rd, 0, vpn.words[at]!)
  putU32(rd, 4, vpn.words[at + 1]!)
  return formatRd(rd)
}

/** SID, behaviour and label of a path that carries a Prefix-SID. */
function serviceOf(
  speaker: Speaker,
  rib: LocRib,
  path: PathId,
): Pick<RoutePath, 'sid' | 'behavior' | 'label'> {
  const { attrs } = speaker.context
  const field = rib.paths.labelOf(path)
  const label = field === 0 ? null : field >>> 4
  const set = rib.paths.attrsOf(path)
  if (!attrs.find(set, Attr.PREFIX_SID)) return { sid: null, behavior: null, label }
  const isV4 = familySpec(rib.family).addressBytes === 4
  const sid = new ServiceSid()
  readServiceSid(attrs.bytes, attrs.valueAt, attrs.valueEnd, sid, isV4, !isV4)
  if (sid.family === 0 || sid.sidAt === 0) return { sid: null, behavior: null, label }
  const whole = new Uint8Array(16)
  rebuildSid(sid, attrs.bytes, field, whole, 0)
  return { sid: formatAddress(whole, 0, 16), behavior: behaviorName(sid.behavior), label }
}

function listOf(
  speaker: Speaker,
  set: AttrsId,
  type: number,
  size: number,
  format: (buf: Uint8Array, at: number) => string,
): string[] {
  const { attrs } = speaker.context
  const texts: string[] = []
  if (!attrs.find(set, type)) return texts
  for (let at = attrs.valueAt; at < attrs.valueEnd; at += size) texts.push(format(attrs.bytes, at))
  return texts
}
