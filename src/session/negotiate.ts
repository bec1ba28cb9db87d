/**
 * The OPEN we send, and what a received OPEN makes of a session: refused with the NOTIFICATION of
 * RFC 4271 §6.2, or the values both sides agreed on. Pure; session.ts calls it once a session.
 */
import { type Capabilities, decodeCapabilities, encodeCapabilities } from '../wire/capability.ts'
import { BgpError } from '../wire/error.ts'
import { BGP_VERSION, type Open } from '../wire/open.ts'
import {
  CeaseError,
  ErrorCode,
  Family,
  familySpec,
  MAX_EXTENDED_MESSAGE,
  MAX_MESSAGE,
  OpenError,
} from '../wire/registry.ts'
import { type Retention, retentionOf } from '../wire/restart-capability.ts'
import type { UpdateSession } from '../wire/update-view.ts'

/** One configured neighbour, as the session layer needs it. */
export interface PeerConfig {
  /** For logs: '2001:db8::2' or 'red 172.16.1.2'. */
  name: string
  address: string
  /** Where we dial to, usually 179. */
  port: number
  localAs: number
  remoteAs: number
  /** BGP Identifier, unsigned. */
  routerId: number
  families: Family[]
  /** Seconds: 0 (no keepalives) or at least 3. */
  holdTime: number
  /** Seconds. */
  connectRetryTime: number
  /** Never dial. */
  passive: boolean
  localAddress?: string
  /** Device that the socket is tied to: SO_BINDTODEVICE. */
  bindDevice?: string
  /** Tells apart neighbours of the same address; by default the device. */
  domain?: string
  /** TTL or hop limit of what we send. */
  ttl?: number
  /** GTSM (RFC 5082): the least TTL or hop limit accepted. */
  minTtl?: number
  /** TCP MD5 key (RFC 2385). */
  password?: string
  gracefulRestart: {
    /** Seconds. */
    restartTime: number
    /** Families whose forwarding state survived (the F bit). */
    forwardingFamilies: () => Family[]
    /** The R bit: we are just back. */
    restarting: () => boolean
    /** Seconds, of what neighbours keep for us and at most we for them (RFC 9494); 0: off. */
    longLivedTime: number
  } | null
  extendedMessage: boolean
  shutdown: boolean
  /**
   * Seconds a neighbour may leave unread what we write (RFC 9687); by default twice the
   * negotiated hold time, or 480 where that is 0.
   */
  sendHoldTime?: number
}

/** What both sides agreed on. */
export interface Negotiated {
  families: Family[]
  asn4: boolean
  extendedMessage: boolean
  routeRefresh: boolean
  enhancedRouteRefresh: boolean
  /** Families whose IPv4 NLRI may have an IPv6 next hop (RFC 8950), by both sides. */
  extendedNextHop: Family[]
  /** Seconds; 0: no hold timer and no keepalives. */
  holdTime: number
  keepaliveTime: number
  remoteRouterId: number
  remoteAs: number
  ebgp: boolean
  /** Longest message we may send. */
  maxLength: number
  localAddress: string
  remoteAddress: string
  /** What the peer advertised, null if nothing. */
  gracefulRestart: NonNullable<Capabilities['gracefulRestart']> | null
  /** What we keep of the neighbour's routes when the session is lost. */
  retention: Retention[]
  /** The neighbour knows what LLGR_STALE means (RFC 9494 §4.3). */
  longLived: boolean
  /** RFC 8538 §2: NOTIFICATIONs follow the graceful restart rules, by both sides. */
  notificationRestart: boolean
  update: UpdateSession
  capabilities: Capabilities
}

const AFI_IPV6 = 2
/** Families we advertise capability 5 for where they are configured (RFC 8950 §4). */
const EXTENDED_NEXT_HOP: readonly Family[] = [Family.IPV4_UNICAST, Family.VPNV4]

/** The OPEN of a neighbour's configuration (RFC 4271 §4.2). */
export function openOf(config: PeerConfig): Open {
  const capabilities: Partial<Capabilities> = {
    families: config.families,
    as4: config.localAs,
    routeRefresh: true,
    extendedMessage: config.extendedMessage,
    extendedNextHop: config.families
      .filter((family) => EXTENDED_NEXT_HOP.includes(family))
      .map((family) => ({ family, nextHopAfi: AFI_IPV6 })),
  }
  const restart = config.gracefulRestart
  if (restart !== null) {
    const forwarding = restart.forwardingFamilies()
    capabilities.gracefulRestart = {
      restarting: restart.restarting(),
      notification: true,
      restartTime: restart.restartTime,
      families: config.families.map((family) => ({
        family,
        forwarding: forwarding.includes(family),
      })),
    }
    const staleTime = restart.longLivedTime
    if (staleTime > 0) {
      capabilities.longLived = config.families.map((family) => ({
        family,
        forwarding: forwarding.includes(family),
        staleTime,
      }))
    }
  }
  return {
    version: BGP_VERSION,
    as: config.localAs, // encodeOpen writes AS_TRANS where it does not fit
    holdTime: config.holdTime,
    routerId: config.routerId,
    capabilities: encodeCapabilities(capabilities),
  }
}

function refuse(subcode: number, message: string, data?: Uint8Array): BgpError {
  return new BgpError(ErrorCode.OPEN_MESSAGE, subcode, message, data)
}

/**
 * Checks a received OPEN against the configuration (RFC 4271 §6.2, RFC 6286 §2.2, RFC 7607) and
 * intersects the capabilities. Throws the BgpError whose NOTIFICATION ends the session.
 */
export function negotiate(
  config: PeerConfig,
  open: Open,
  local: string,
  remote: string,
): Negotiated {
  const capabilities = decodeCapabilities(open.capabilities)
  const remoteAs = capabilities.as4 ?? open.as
  checkOpen(config, open, remoteAs)
  const families = commonFamilies(config, capabilities)
  if (families.length === 0) throw noCommonFamily(config, capabilities)
  const ebgp = config.localAs !== remoteAs
  const holdTime = Math.min(config.holdTime, open.holdTime)
  const extendedMessage = config.extendedMessage && capabilities.extendedMessage
  const asn4 = capabilities.as4 !== undefined
  const gracefulRestart = capabilities.gracefulRestart ?? null
  return {
    families,
    asn4,
    extendedMessage,
    routeRefresh: capabilities.routeRefresh,
    enhancedRouteRefresh: false, // not offered by us
    extendedNextHop: EXTENDED_NEXT_HOP.filter(
      (family) => families.includes(family) && offersIpv6NextHop(capabilities, family),
    ),
    holdTime,
    keepaliveTime: holdTime / 3,
    remoteRouterId: open.routerId,
    remoteAs,
    ebgp,
    maxLength: extendedMessage ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE,
    localAddress: local,
    remoteAddress: remote,
    gracefulRestart,
    retention:
      config.gracefulRestart === null
        ? []
        : retentionOf(
            families,
            capabilities.gracefulRestart,
            capabilities.longLived,
            config.gracefulRestart.longLivedTime,
          ),
    longLived: gracefulRestart !== null && capabilities.longLived !== undefined,
    notificationRestart: config.gracefulRestart !== null && gracefulRestart?.notification === true,
    update: {
      asn4,
      ebgp,
      localAs: config.localAs,
      addPath: 0,
      families: families.reduce((bits, family) => bits | (1 << family), 0),
    },
    capabilities,
  }
}

function checkOpen(config: PeerConfig, open: Open, remoteAs: number): void {
  if (open.version !== BGP_VERSION) {
    throw refuse(
      OpenError.UNSUPPORTED_VERSION_NUMBER,
      `version ${open.version}, expected ${BGP_VERSION}`,
      Uint8Array.of(0, BGP_VERSION),
    )
  }
  if (remoteAs !== config.remoteAs || remoteAs === 0) {
    throw refuse(OpenError.BAD_PEER_AS, `AS ${remoteAs}, expected ${config.remoteAs}`)
  }
  const id = dotted(open.routerId)
  if (open.routerId === 0) throw refuse(OpenError.BAD_BGP_IDENTIFIER, `BGP identifier ${id}`)
  if (open.routerId === config.routerId && remoteAs === config.localAs) {
    throw refuse(
      OpenError.BAD_BGP_IDENTIFIER,
      `BGP identifier ${id} is our own: two routers of AS ${remoteAs} need different router ids`,
    )
  }
  if (open.holdTime === 1 || open.holdTime === 2) {
    throw refuse(
      OpenError.UNACCEPTABLE_HOLD_TIME,
      `hold time ${open.holdTime} s, expected 0 or at least 3`,
    )
  }
}

/** No multiprotocol capability at all means IPv4 unicast (RFC 4760 §8). */
function commonFamilies(config: PeerConfig, theirs: Capabilities): Family[] {
  const silent = theirs.families.length === 0 && theirs.unknownFamilies.length === 0
  const offered = silent ? [Family.IPV4_UNICAST] : theirs.families
  return config.families.filter((family) => offered.includes(family))
}

function noCommonFamily(config: PeerConfig, theirs: Capabilities): BgpError {
  const ours = config.families.map((family) => familySpec(family).name).join(', ')
  const offered = [
    ...theirs.families.map((family) => familySpec(family).name),
    ...theirs.unknownFamilies.map(({ afi, safi }) => `${afi}/${safi}`),
  ]
  return new BgpError(
    ErrorCode.CEASE,
    CeaseError.CONNECTION_REJECTED,
    `no address family in common: the neighbour offers ${offered.join(', ') || 'ipv4-unicast'}, configured are ${ours}`,
  )
}

function offersIpv6NextHop(theirs: Capabilities, family: Family): boolean {
  return theirs.extendedNextHop.some((t) => t.family === family && t.nextHopAfi === AFI_IPV6)
}

/** A BGP Identifier as routers print it. */
export function dotted(id: number): string {
  return [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255].join('.')
}
