import { equalBytes } from '../base/bytes.ts'
import { NONE } from '../base/id.ts'
import { type ErrorRoute, IcmpRelay } from '../fib/icmp-relay.ts'
import { networkWords } from '../fib/interfaces.ts'
import type { TooBig } from '../fib/packet-too-big.ts'
import { longestMatch } from '../rib/longest-match.ts'
import { NextHopKind } from '../rib/next-hop.ts'
import type { PathId } from '../rib/path-table.ts'
import { Family } from '../wire/registry.ts'
import type { Speaker } from './speaker.ts'
import type { VrfInstance } from './vrf-instance.ts'

/** Tells customers which of their packets are too big for the core. */
export function icmpRelayOf(speaker: Speaker): IcmpRelay {
  return new IcmpRelay({
    clock: speaker.clock,
    log: speaker.log.child({ in: 'icmp' }),
    source: speaker.config.router.source.bytes,
    route: (error) => routeBack(speaker, error),
  })
}

/**
 * The error names the SID, not the VRF the packet came from: it is the one that has the sender on
 * its own side and sends to that SID for the destination. Where two VRFs do, neither is told: the
 * error quotes the packet, which is none of the other customer's business.
 */
function routeBack(speaker: Speaker, error: TooBig): ErrorRoute | null {
  const found = speaker.vrfs.flatMap((vrf) => routeToSender(speaker, vrf, error) ?? [])
  return found.length === 1 ? found[0]! : null
}

/** How the sender is told, undefined when it did not send from this VRF. */
function routeToSender(
  speaker: Speaker,
  { vrf, plane }: VrfInstance,
  error: TooBig,
): ErrorRoute | undefined {
  const rib = vrf.rib(error.family === 4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST)
  const bits = error.source.length * 8
  const sender = longestMatch(rib, networkWords(error.source, bits))
  const target = longestMatch(rib, networkWords(error.destination, bits))
  if (sender === NONE || target === NONE) return undefined
  const { nextHops } = speaker.context
  const { paths } = rib
  const isRemote = (path: PathId) => {
    const id = paths.nextHopOf(path)
    return id !== NONE && nextHops.kindOf(id) === NextHopKind.SID
  }
  const best = rib.bestOf(sender)
  if (isRemote(best)) return undefined
  for (let path = rib.firstOf(target); path !== NONE; path = paths.nextOf(path)) {
    if (!isRemote(path)) continue
    if (equalBytes(nextHops.addressOf(paths.nextHopOf(path)), 0, error.sid, 0, 16)) {
      const towards = paths.nextHopOf(best)
      // This node's own prefixes are in the main table.
      const isHere = towards !== NONE && nextHops.kindOf(towards) === NextHopKind.NODE
      return { device: isHere ? undefined : plane.deviceBy(nextHops.ifindexOf(towards)) }
    }
  }
  return undefined
}
