import type { VrfPlane } from '../fib/dataplane.ts'
import type { PeerConfig } from '../session/negotiate.ts'
import type { ConnectTarget } from '../session/transport.ts'
import { parseAddress } from '../wire/address.ts'
import type { Family } from '../wire/registry.ts'
import type { Config, NeighborConfig } from './config-schema.ts'

/** What a neighbour is to know of our last restart. */
export interface RestartFacts {
  readonly restarting: boolean
  /** Families that the kernel forwarded without a break since the last session (F bits). */
  readonly preserved: readonly Family[]
}

/** Outgoing hop limit of eBGP without ebgp-multihop: the neighbour is on the link (RFC 4271 §5.1.3). */
const EBGP_TTL = 1

/** The session layer's configuration of a neighbour. */
export function peerConfigOf(
  config: Config,
  neighbor: NeighborConfig,
  domain: string | null,
  facts: () => RestartFacts,
): PeerConfig {
  const { router, gracefulRestart } = config
  const ebgp = neighbor.as !== router.as
  const ttl = neighbor.ebgpMultihop ?? (ebgp ? EBGP_TTL : null)
  return {
    name:
      neighbor.vrf === null ? neighbor.address.text : `${neighbor.vrf} ${neighbor.address.text}`,
    address: neighbor.address.text,
    port: neighbor.port,
    localAs: router.as,
    remoteAs: neighbor.as,
    routerId: router.routerId,
    families: neighbor.families,
    holdTime: neighbor.holdTime,
    connectRetryTime: neighbor.connectRetry,
    passive: neighbor.passive,
    ...(neighbor.updateSource ? { localAddress: neighbor.updateSource.text } : {}),
    ...(domain !== null ? { domain } : {}),
    ...(ttl !== null ? { ttl } : {}),
    ...(neighbor.password !== null ? { password: neighbor.password } : {}),
    gracefulRestart: gracefulRestart.enabled
      ? {
          restartTime: gracefulRestart.restartTime,
          forwardingFamilies: () => [...facts().preserved],
          restarting: () => facts().restarting,
          longLivedTime: gracefulRestart.longLivedTime,
        }
      : null,
    extendedMessage: true,
    shutdown: neighbor.shutdown,
  }
}

/** The target of a connection inside a VRF; throws in plain words where no device leads to it. */
export function boundTo(plane: VrfPlane, target: ConnectTarget): ConnectTarget {
  return { ...target, bindDevice: plane.deviceTowards(parseAddress(target.address)) }
}
