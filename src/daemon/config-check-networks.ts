/** Checks of `speakers` and of the VRFs' `networks` against each other. */

import { type Draft, nameOf, overlap, type Report, Unique } from './config-draft.ts'
import type { ConfigPath } from './config-keys.ts'
import { Network, Speaker } from './config-node.ts'
import { CoreNeighbor, type IpPrefix } from './config-schema.ts'

/** A VRF's entry, as far as it can be read. */
interface Claim {
  vrf: string
  path: ConfigPath
  from: string
  community: string | undefined
  pools: { prefix: IpPrefix; path: ConfigPath }[]
}

export function checkNetworks(file: Draft, report: Report): void {
  checkSpeakers(file, report)
  const speakers = file.names('speakers')
  const claims = file.names('vrfs').flatMap((vrf) => claimsOf(file, vrf))
  for (const { from, path } of claims) {
    if (speakers.includes(from)) continue
    const known = speakers.length === 0 ? 'a name under speakers' : `one of ${speakers.join(', ')}`
    report([...path, 'from'], known)
  }
  checkPools(claims, report)
  if (file.at(['dataplane', 'mode']) === 'cilium') checkCilium(file, report)
  checkCommunities(claims, report)
}

/** Cilium's maps know VRFs by pools alone, and one SID that decapsulates for all of a VRF. */
function checkCilium(file: Draft, report: Report): void {
  for (const vrf of file.names('vrfs')) {
    for (const key of ['interfaces', 'static-routes', 'neighbors']) {
      const path = ['vrfs', vrf, key]
      if (file.items(path).length > 0)
        report(path, `no ${key}: with dataplane.mode cilium a VRF has none`)
    }
    const sid = file.at(['vrfs', vrf, 'sid'])
    if (sid !== undefined && sid !== 'per-vrf') {
      report(['vrfs', vrf, 'sid'], 'per-vrf, as dataplane.mode is cilium')
    }
  }
}

function checkSpeakers(file: Draft, report: Report): void {
  const seen = new Unique('an address of no other neighbor', report)
  for (const path of file.items(['neighbors'])) {
    seen.know(file.field(CoreNeighbor, path, 'address')?.text, nameOf(path))
  }
  for (const name of file.names('speakers')) {
    const path = ['speakers', name]
    const written = file.items([...path, 'addresses'])
    if (written.length === 0) {
      for (const address of ['127.0.0.1', '::1']) seen.add(address, path, `speakers.${name}`)
    }
    for (const [at, item] of written.entries()) {
      const address = file.field(Speaker, path, 'addresses')?.[at]
      seen.add(address?.text, item, `speakers.${name}`)
    }
  }
}

function claimsOf(file: Draft, vrf: string): Claim[] {
  return file.items(['vrfs', vrf, 'networks']).flatMap((path) => {
    const from = file.field(Network, path, 'from')
    if (from === undefined) return []
    const pools = file.items([...path, 'pools']).flatMap((item) => {
      const prefix = file.read(Network.shape.pools, [...path, 'pools'])
      const one = Array.isArray(prefix) ? prefix[item.at(-1) as number] : undefined
      return one ? [{ prefix: one, path: item }] : []
    })
    const community = file.field(Network, path, 'community')?.text
    return [{ vrf, path, from, community, pools }]
  })
}

/**
 * Addresses of one cluster belong to one customer, whichever of its speakers announces them: its
 * nodes route by address alone.
 */
function checkPools(claims: Claim[], report: Report): void {
  const before: { vrf: string; prefix: IpPrefix; path: ConfigPath }[] = []
  for (const { vrf, pools } of claims) {
    for (const pool of pools) {
      if (pool.prefix.bits === 0) report(pool.path, 'a prefix of pods: everything is no pool')
      const other = before.find((each) => each.vrf !== vrf && overlap(each.prefix, pool.prefix))
      if (other) {
        const theirs = `${other.prefix.text} of ${nameOf(other.path)}`
        report(
          pool.path,
          `a pool apart from ${theirs}: in one cluster an address is one pod's, of one customer`,
        )
      }
      before.push({ vrf, ...pool })
    }
  }
}

/** The same community for two VRFs is fine where pools tell them apart, and never where they do not. */
function checkCommunities(claims: Claim[], report: Report): void {
  for (const [at, { vrf, from, community, pools, path }] of claims.entries()) {
    if (community === undefined || pools.length > 0) continue
    const other = claims
      .slice(0, at)
      .find(
        (each) =>
          each.from === from &&
          each.vrf !== vrf &&
          each.community === community &&
          each.pools.length === 0,
      )
    if (other) report([...path, 'community'], `a community of its own (vrfs.${other.vrf} has it)`)
  }
}
