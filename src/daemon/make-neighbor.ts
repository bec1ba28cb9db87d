import type { InScope } from '../fib/interfaces.ts'
import type { LocRib } from '../rib/loc-rib.ts'
import { Peer } from '../session/peer.ts'
import type { Connect } from '../session/transport.ts'
import { ADDRESS_FAMILIES } from '../vpn/vrf.ts'
import type { NeighborConfig } from './config-schema.ts'
import type { ForwardingState } from './forwarding-state.ts'
import { Neighbor } from './neighbor.ts'
import { nextHopFor } from './next-hop-self.ts'
import { isThisNode } from './node-address.ts'
import type { PeerCalls } from './peer-calls.ts'
import { boundTo, peerConfigOf } from './peer-config.ts'
import type { Speaker } from './speaker.ts'
import type { VrfInstance } from './vrf-instance.ts'

const NOT_TOLD = 'a speaker of this node is told nothing, unless announce says so'

/** What the speaker has for its neighbours. */
export interface NeighborHome {
  readonly calls: PeerCalls
  readonly connect: Connect
  /** What the kernel had of a former run. */
  readonly found: ForwardingState
  /** The interfaces of the VRF, or of none. */
  readonly within: InScope
}

/** A neighbour as configured with its session, ready to start; `vrf` null: of the main table. */
export function makeNeighbor(
  speaker: Speaker,
  config: NeighborConfig,
  vrf: VrfInstance | null,
  { calls, connect, found, within }: NeighborHome,
): Neighbor {
  const { context, clock, interfaces } = speaker
  const { router, gracefulRestart } = speaker.config
  const { address } = config
  const number = vrf?.vrf.spec.number ?? 0
  const ribPeer = context.peers.add(address.text, address.bytes, config.as !== router.as, number)
  const log = speaker.log.child({
    neighbor: address.text,
    ...(vrf ? { vrf: vrf.config.name } : {}),
  })
  const isLocal = config.speaker !== null
  const neighbor = new Neighbor(config, ribPeer, tablesOf(speaker, config, vrf), {
    context,
    clock,
    log,
    localAs: router.as,
    ownNextHop: router.source.bytes,
    isHere: (buf, at, len) => isThisNode(interfaces, buf, at, len),
    whyMute: isMute(speaker, config) ? NOT_TOLD : null,
    hidden: vrf?.hidden ?? [],
    gracefulRestart: gracefulRestart.enabled,
    staleTime: gracefulRestart.staleTime,
    nextHopFor: (n, family) => nextHopFor(n, family, interfaces, within),
    onRestarting: ({ name }) => speaker.deferral?.restarts(name),
    onComplete: ({ name }) => speaker.deferral?.ready(name),
    // A speaker of this node waits for our End-of-RIB before it says a word.
    isDeferred: () => !isLocal && gracefulRestart.enabled && !!speaker.deferral?.isSelecting,
  })
  const domain = vrf?.plane.sessionDomain ?? null
  const peerConfig = peerConfigOf(speaker.config, config, domain, () => ({
    restarting: speaker.restarting,
    // While we ran, the kernel went on.
    preserved: peer.counters.established > 0 ? config.families : found.preserved(vrf, speaker.vrfs),
  }))
  const peer: Peer = new Peer(peerConfig, {
    clock,
    log,
    handler: calls,
    connect: vrf ? (target) => connect(boundTo(vrf.plane, target)) : connect,
  })
  neighbor.bind(peer)
  calls.add(peer, neighbor)
  speaker.listeners.addPeer(peer)
  return neighbor
}

function isMute({ config }: Speaker, { speaker }: NeighborConfig): boolean {
  return speaker !== null && !config.speakers.find(({ name }) => name === speaker)?.announce
}

/** The table of each family, by family number. */
function tablesOf(
  { vpnRibs, node }: Speaker,
  config: NeighborConfig,
  vrf: VrfInstance | null,
): (LocRib | undefined)[] {
  const ribs: (LocRib | undefined)[] = []
  if (vrf) for (const family of ADDRESS_FAMILIES) ribs[family] = vrf.vrf.rib(family)
  else for (const [family, rib] of config.speaker === null ? vpnRibs : node.ribs) ribs[family] = rib
  return ribs
}
