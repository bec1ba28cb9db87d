import type { StalePhase } from '../rib/stale-routes.ts'
import { dotted, type Negotiated } from '../session/negotiate.ts'
import { ADDRESS_FAMILIES } from '../vpn/vrf.ts'
import { formatRd, formatRouteTarget } from '../wire/address.ts'
import { describeCapabilities } from '../wire/capability.ts'
import { familySpec, MessageType } from '../wire/registry.ts'
import type {
  FamilyName,
  Finding,
  Locator,
  NeighborFamily,
  Neighbor as NeighborRow,
  Route,
  RouteQuery,
  ShowSource,
  Sid,
  Status,
  Vrf,
} from './api-schema.ts'
import { runDoctor } from './doctor.ts'
import type { Neighbor } from './neighbor.ts'
import { findRoutes } from './show-routes.ts'
import { listLocators, listSids, sidCounts, vrfSids } from './show-sids.ts'
import type { Speaker } from './speaker.ts'
import type { VrfInstance } from './vrf-instance.ts'

/** The speaker's tables as the plain objects of the API. Built when asked, never kept. */
export class Show implements ShowSource {
  readonly #speaker: Speaker
  readonly #version: string
  readonly #startedAt: number

  constructor(speaker: Speaker, version: string) {
    this.#speaker = speaker
    this.#version = version
    this.#startedAt = speaker.clock.now()
  }

  routes(query: RouteQuery): IterableIterator<Route> {
    return findRoutes(this.#speaker, query)
  }

  neighbors(): NeighborRow[] {
    return this.#speaker.neighbors.map((neighbor) => this.#neighbor(neighbor))
  }

  vrfs(): Vrf[] {
    return this.#speaker.vrfs.map((instance) => this.#vrf(instance))
  }

  sids(): Sid[] {
    return listSids(this.#speaker)
  }

  locators(): Locator[] {
    return listLocators(this.#speaker)
  }

  doctor(): Promise<Finding[]> {
    const { config, kernel } = this.#speaker
    const sids = this.sids().map(({ sid, state, why }) => {
      return { sid, why: state === 'failed' ? (why ?? 'refused by the kernel') : null }
    })
    return runDoctor(config, kernel, sids)
  }

  status(): Status {
    const { config, clock, restarting, problems, vrfs, fib, deferral } = this.#speaker
    const { dataplane, listening } = this.#speaker
    const { failed } = fib.counts
    const all = [
      ...problems,
      ...(dataplane?.problems ?? []),
      ...listening.problems,
      ...vrfs.flatMap((vrf) =>
        [...vrf.problems, ...vrf.missing].map((text) => `vrf ${vrf.config.name}: ${text}`),
      ),
    ]
    if (failed > 0) all.push(`${failed} routes refused by the kernel: see show routes`)
    const refused = sidCounts(this.#speaker).failed
    if (refused > 0) all.push(`SIDs refused by the kernel: ${refused}, see show sids`)
    const waiting = deferral?.waiting ?? []
    if (waiting.length > 0) all.push(`waiting for ${waiting.join(', ')} after the restart`)
    return {
      version: this.#version,
      pid: process.pid,
      uptimeSeconds: Math.floor((clock.now() - this.#startedAt) / 1000),
      routerId: config.router.routerIdText,
      as: config.router.as,
      dataplane: dataplane ? `${dataplane.mode}: ${dataplane.why}` : 'starting',
      restarting,
      problems: all,
    }
  }

  #vrf(instance: VrfInstance): Vrf {
    const { config, plane, problems, vrf } = instance
    const known = this.#speaker.interfaces
    return {
      name: config.name,
      table: config.table,
      device: plane.device,
      ifindex: plane.ifindex,
      rd: formatRd(config.rd.bytes),
      importTargets: config.importTargets.map((target) => formatRouteTarget(target.bytes)),
      exportTargets: config.exportTargets.map((target) => formatRouteTarget(target.bytes)),
      sids: vrfSids(this.#speaker, instance),
      interfaces: plane.circuits.map(({ name, attached, why }) => ({
        name,
        up: known.link(name)?.up ?? false,
        attached,
        why,
      })),
      networks: config.networks.map(({ from, community, pools }) => ({
        from,
        community: community.text,
        pools: pools?.map((pool) => pool.text) ?? ['any'],
      })),
      routes: {
        ipv4: vrf.rib(ADDRESS_FAMILIES[0]).bestCount,
        ipv6: vrf.rib(ADDRESS_FAMILIES[1]).bestCount,
      },
      neighbors: config.neighbors.length,
      problems,
    }
  }

  #neighbor(neighbor: Neighbor): NeighborRow {
    const { config, peer } = neighbor
    const { negotiated, counters, state } = peer
    const up = state === 'Established'
    const seconds = Math.floor((this.#speaker.clock.now() - counters.since) / 1000)
    return {
      address: config.address.text,
      vrf: config.vrf,
      remoteAs: config.as,
      localAs: this.#speaker.config.router.as,
      state,
      description: config.description,
      uptimeSeconds: up ? seconds : null,
      routerId: negotiated ? dotted(negotiated.remoteRouterId) : null,
      families: config.families.map((family) => this.#family(neighbor, family)),
      messagesIn: counters.messagesIn[0]!,
      messagesOut: counters.messagesOut[0]!,
      updatesIn: counters.messagesIn[MessageType.UPDATE]!,
      updatesOut: counters.messagesOut[MessageType.UPDATE]!,
      established: counters.established,
      lastError: lastErrorOf(neighbor),
      capabilities: negotiated ? describeCapabilities(negotiated.capabilities) : [],
      holdTime: negotiated?.holdTime ?? config.holdTime,
      gracefulRestart: negotiated ? restartText(negotiated) : null,
      staleRoutes: staleText(neighbor),
      treatAsWithdraw: counters.treatAsWithdraw,
      attributeDiscard: counters.attributeDiscard,
    }
  }

  #family(neighbor: Neighbor, family: NeighborFamilyId): NeighborFamily {
    const received = neighbor.adjRibIn.receivedOf(family)
    const accepted = neighbor.adjRibIn.acceptedOf(family)
    const out = neighbor.out.find((row) => row.family === family)
    return {
      family: familySpec(family).name as FamilyName,
      received,
      accepted,
      rejected: received - accepted,
      advertised: out?.out?.toldCount ?? 0,
      endOfRib: neighbor.hasEndOfRib(family),
    }
  }
}

/** 'vpnv4, vpnv6: 120 s, then 3600 s long-lived': what is kept of it when the session is lost. */
function restartText({ gracefulRestart, retention }: Negotiated): string | null {
  if (gracefulRestart === null) return null
  const byTimes = new Map<string, string[]>()
  for (const { family, restartTime, longLivedTime } of retention) {
    const longLived = longLivedTime > 0 ? `, then ${longLivedTime} s long-lived` : ''
    const times = `${restartTime} s${longLived}`
    byTimes.set(times, [...(byTimes.get(times) ?? []), familySpec(family).name])
  }
  const texts = [...byTimes].map(([times, names]) => `${names.join(', ')}: ${times}`)
  return texts.join('; ') || 'helper only'
}

const PHASES: Record<StalePhase, string> = {
  restart: 'until it is back',
  'long-lived': 'as long-lived stale until it is back',
  resync: 'until its End-of-RIB',
}

/** 'vpnv4: until it is back, at most 97 s'. */
function staleText({ stale }: Neighbor): string | null {
  const texts = stale.map(({ family, phase, secondsLeft }) => {
    return `${familySpec(family).name}: ${PHASES[phase]}, at most ${secondsLeft} s`
  })
  return texts.join('; ') || null
}

type NeighborFamilyId = Neighbor['config']['families'][number]

/** Why it is not up, or what is not announced though it is. */
function lastErrorOf({ config, peer, out }: Neighbor): string | null {
  if (config.shutdown) return 'shut down by configuration'
  const mute = config.speaker === null ? out.find((row) => row.why !== null) : undefined
  if (mute) return `${familySpec(mute.family).name}: nothing is announced: ${mute.why}`
  return peer.state === 'Established' ? null : (peer.counters.lastDown?.text ?? null)
}
