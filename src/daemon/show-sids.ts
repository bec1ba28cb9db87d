import { NONE } from '../base/id.ts'
import type { Locator } from '../vpn/locator.ts'
import type { ServiceSid } from '../vpn/service-sids.ts'
import { formatAddress, formatKey } from '../wire/address.ts'
import { behaviorName } from '../wire/endpoint-behavior.ts'
import type { Locator as LocatorRow, Sid, SidState, VrfSid } from './api-schema.ts'
import type { Speaker } from './speaker.ts'
import type { VrfInstance } from './vrf-instance.ts'

/** The SIDs of this router: those in use, those on their way out, those of a former run. */
export function listSids(speaker: Speaker): Sid[] {
  const own = speaker.vrfs.flatMap((vrf) =>
    [...vrf.sids.rows()].map((row) => sidRow(speaker, vrf, row)),
  )
  return [...own, ...formerSids(speaker)]
}

/** The SIDs by a VRF's routing table. */
export function vrfSids(speaker: Speaker, { sids }: VrfInstance): VrfSid[] {
  return [...sids.rows()]
    .filter((row) => row.nextHop === NONE && row.prefix === null)
    .map((row) => ({
      behavior: behaviorName(row.local.behavior),
      sid: formatAddress(row.local.sid, 0, 16),
      ...stateAndWhy(speaker, row),
    }))
}

/** How many SIDs there are of each state. */
export function sidCounts(speaker: Speaker): Record<SidState, number> {
  const counts = { installed: 0, pending: 0, failed: 0, draining: speaker.localSids.stale().length }
  for (const { sids } of speaker.vrfs) {
    for (const row of sids.rows()) counts[stateOf(speaker, row)]++
  }
  return counts
}

export function listLocators(speaker: Speaker): LocatorRow[] {
  return speaker.sids.locators().map(({ locator, total, used, free }) => ({
    name: locator.name,
    prefix: `${formatAddress(locator.prefix, 0, 16)}/${prefixBits(locator)}`,
    structure: structureText(locator),
    behavior: locator.nextCsid ? 'usid' : 'classic',
    vrfs: speaker.vrfs
      .filter(({ config }) => config.locator.name === locator.name)
      .map(({ config }) => config.name),
    total,
    used,
    free,
  }))
}

function sidRow(speaker: Speaker, vrf: VrfInstance, row: ServiceSid): Sid {
  const { local } = row
  return {
    sid: formatAddress(local.sid, 0, 16),
    locator: local.locator.name,
    behavior: behaviorName(local.behavior),
    vrf: local.vrf,
    table: row.nextHop === NONE ? vrf.config.table : null,
    nextHop: row.nextHop === NONE ? null : nextHopText(speaker, row),
    prefix: row.prefix === null ? null : prefixText(row),
    device: speaker.interfaces.byIndex(vrf.plane.ifindex)?.name ?? null,
    ...stateAndWhy(speaker, row),
    structure: structureText(local.locator),
  }
}

/** What a former run left and nobody has asked for: goes when the neighbours have been told. */
function formerSids(speaker: Speaker): Sid[] {
  return speaker.localSids.stale().map(({ sid, behavior, target, ifindex }) => {
    const locator = speaker.sids.locatorOf(sid)
    return {
      sid: formatAddress(sid, 0, 16),
      locator: locator?.name ?? null,
      behavior: behaviorName(behavior),
      vrf: null,
      table: target.kind === 'next-hop' ? null : target.table,
      nextHop: null,
      prefix: null,
      device: speaker.interfaces.byIndex(ifindex)?.name ?? null,
      state: 'draining',
      why: 'of a former run',
      structure: locator ? structureText(locator) : null,
    }
  })
}

function stateOf({ installer }: Speaker, row: ServiceSid): SidState {
  return installer.isDraining(row) ? 'draining' : row.state
}

function stateAndWhy(speaker: Speaker, row: ServiceSid): Pick<Sid, 'state' | 'why'> {
  const state = stateOf(speaker, row)
  if (state === 'draining') return { state, why: 'no route has it any more' }
  return { state, why: state === 'failed' ? speaker.installer.whyOf(row) : null }
}

/** `172.16.1.2 dev red`. */
function nextHopText(speaker: Speaker, { nextHop }: ServiceSid): string {
  const { nextHops } = speaker.context
  const address = nextHops.addressOf(nextHop)
  const device = speaker.interfaces.byIndex(nextHops.ifindexOf(nextHop))?.name
  const text = formatAddress(address, 0, address.length === 4 ? 4 : 16)
  return device === undefined ? text : `${text} dev ${device}`
}

function prefixText({ family, prefix }: ServiceSid): string {
  return formatKey(family, prefix!.words, 0, prefix!.bits).prefix
}

function prefixBits({ structure: s }: Locator): number {
  return s.blockBits + s.nodeBits
}

function structureText({ structure: s }: Locator): string {
  return `${s.blockBits}/${s.nodeBits}/${s.functionBits}/${s.argumentBits}`
}
