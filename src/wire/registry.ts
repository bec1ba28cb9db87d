/**
 * Code points once, as data (IANA BGP parameters, SRv6 endpoint behaviours): a row each, lookup
 * arrays computed at load. Nothing else in the program writes these numbers.
 */

// ── Families ──────────────────────────────────────────────────────────────────────────────────

export {
  ALL_FAMILIES,
  FAMILIES,
  Family,
  type FamilySpec,
  familyName,
  familyOf,
  familySpec,
  isNextHopLength,
  type NlriKind,
} from './family.ts'

// ── Messages ──────────────────────────────────────────────────────────────────────────────────

/** RFC 4271 §4.1, RFC 2918 §3. */
export const MessageType = {
  OPEN: 1,
  UPDATE: 2,
  NOTIFICATION: 3,
  KEEPALIVE: 4,
  ROUTE_REFRESH: 5,
} as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

/** Octets of marker, length and type (RFC 4271 §4.1). */
export const HEADER_LENGTH = 19
/** RFC 4271 §4. */
export const MAX_MESSAGE = 4096
/** RFC 8654 §3. */
export const MAX_EXTENDED_MESSAGE = 65535

/** Shortest and longest length a message type may have, by type; 0: not a type we know. */
export const MIN_LENGTH = new Uint16Array(256)
export const MAX_LENGTH = new Uint16Array(256)
for (const [type, min, max] of [
  [MessageType.OPEN, 29, MAX_MESSAGE], // RFC 8654 §4: OPEN and KEEPALIVE never are extended
  [MessageType.UPDATE, 23, MAX_EXTENDED_MESSAGE],
  [MessageType.NOTIFICATION, 21, MAX_EXTENDED_MESSAGE],
  [MessageType.KEEPALIVE, 19, 19],
  [MessageType.ROUTE_REFRESH, 23, MAX_EXTENDED_MESSAGE],
] as const) {
  MIN_LENGTH[type] = min
  MAX_LENGTH[type] = max
}

// ── Errors ────────────────────────────────────────────────────────────────────────────────────

/** NOTIFICATION error codes, RFC 4271 §4.5, RFC 7313 §5. */
export const ErrorCode = {
  MESSAGE_HEADER: 1,
  OPEN_MESSAGE: 2,
  UPDATE_MESSAGE: 3,
  HOLD_TIMER_EXPIRED: 4,
  FINITE_STATE_MACHINE: 5,
  CEASE: 6,
  ROUTE_REFRESH_MESSAGE: 7,
  SEND_HOLD_TIMER_EXPIRED: 8,
} as const

/** RFC 4271 §6.1. */
export const HeaderError = {
  CONNECTION_NOT_SYNCHRONIZED: 1,
  BAD_MESSAGE_LENGTH: 2,
  BAD_MESSAGE_TYPE: 3,
} as const

/** RFC 4271 §6.2, RFC 5492 §5, RFC 9234 §4.2. */
export const OpenError = {
  UNSUPPORTED_VERSION_NUMBER: 1,
  BAD_PEER_AS: 2,
  BAD_BGP_IDENTIFIER: 3,
  UNSUPPORTED_OPTIONAL_PARAMETER: 4,
  UNACCEPTABLE_HOLD_TIME: 6,
  UNSUPPORTED_CAPABILITY: 7,
  ROLE_MISMATCH: 11,
} as const

/** RFC 4271 §6.3. */
export const UpdateError = {
  MALFORMED_ATTRIBUTE_LIST: 1,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE: 2,
  MISSING_WELL_KNOWN_ATTRIBUTE: 3,
  ATTRIBUTE_FLAGS_ERROR: 4,
  ATTRIBUTE_LENGTH_ERROR: 5,
  INVALID_ORIGIN_ATTRIBUTE: 6,
  INVALID_NEXT_HOP_ATTRIBUTE: 8,
  OPTIONAL_ATTRIBUTE_ERROR: 9,
  INVALID_NETWORK_FIELD: 10,
  MALFORMED_AS_PATH: 11,
} as const

/** RFC 6608 §3. */
export const FsmError = {
  UNSPECIFIED: 0,
  UNEXPECTED_MESSAGE_IN_OPEN_SENT: 1,
  UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM: 2,
  UNEXPECTED_MESSAGE_IN_ESTABLISHED: 3,
} as const

/** RFC 4486 §3, RFC 8538 §3 (hard reset), RFC 9384 (BFD down). */
export const CeaseError = {
  MAXIMUM_NUMBER_OF_PREFIXES_REACHED: 1,
  ADMINISTRATIVE_SHUTDOWN: 2,
  PEER_DE_CONFIGURED: 3,
  ADMINISTRATIVE_RESET: 4,
  CONNECTION_REJECTED: 5,
  OTHER_CONFIGURATION_CHANGE: 6,
  CONNECTION_COLLISION_RESOLUTION: 7,
  OUT_OF_RESOURCES: 8,
  HARD_RESET: 9,
  BFD_DOWN: 10,
} as const

/** RFC 7313 §5. */
export const RouteRefreshError = { INVALID_MESSAGE_LENGTH: 1 } as const

const CODE_NAMES: Record<number, [name: string, subcodes: Record<string, number>]> = {
  [ErrorCode.MESSAGE_HEADER]: ['Message Header Error', HeaderError],
  [ErrorCode.OPEN_MESSAGE]: ['OPEN Message Error', OpenError],
  [ErrorCode.UPDATE_MESSAGE]: ['UPDATE Message Error', UpdateError],
  [ErrorCode.HOLD_TIMER_EXPIRED]: ['Hold Timer Expired', {}],
  [ErrorCode.FINITE_STATE_MACHINE]: ['Finite State Machine Error', FsmError],
  [ErrorCode.CEASE]: ['Cease', CeaseError],
  [ErrorCode.ROUTE_REFRESH_MESSAGE]: ['ROUTE-REFRESH Message Error', RouteRefreshError],
  // RFC 9687 §5
  [ErrorCode.SEND_HOLD_TIMER_EXPIRED]: ['Send Hold Timer Expired', {}],
}

/** 'UPDATE Message Error/Attribute Flags Error'; numbers where IANA has no name. */
export function errorName(code: number, subcode: number): string {
  const row = CODE_NAMES[code]
  if (row === undefined) return `error ${code}/${subcode}`
  for (const [key, value] of Object.entries(row[1])) {
    if (value === subcode) return `${row[0]}/${titleOf(key)}`
  }
  return subcode === 0 ? row[0] : `${row[0]}/${subcode}`
}

const SPELLED = new Map([
  ['AS', 'AS'],
  ['BGP', 'BGP'],
  ['BFD', 'BFD'],
  ['ORIGIN', 'ORIGIN'],
  ['IN', 'in'],
  ['OF', 'of'],
])

function titleOf(key: string): string {
  return key
    .replace('WELL_KNOWN', 'WELL-KNOWN')
    .replace('DE_CONFIGURED', 'DE-CONFIGURED')
    .replace(/NEXT_HOP|AS_PATH/, (term) => term.replace('_', '\0'))
    .split('_')
    .map((word) =>
      word.includes('\0')
        ? word.replace('\0', '_')
        : (SPELLED.get(word) ?? word.charAt(0) + word.slice(1).toLowerCase()),
    )
    .join(' ')
}

// ── Capabilities ──────────────────────────────────────────────────────────────────────────────

/** RFC 5492, IANA capability codes. */
export const Capability = {
  MULTIPROTOCOL: 1,
  ROUTE_REFRESH: 2,
  OUTBOUND_ROUTE_FILTERING: 3,
  EXTENDED_NEXT_HOP: 5,
  EXTENDED_MESSAGE: 6,
  BGPSEC: 7,
  MULTIPLE_LABELS: 8,
  ROLE: 9,
  GRACEFUL_RESTART: 64,
  FOUR_OCTET_AS: 65,
  DYNAMIC: 67,
  ADD_PATH: 69,
  ENHANCED_ROUTE_REFRESH: 70,
  LLGR: 71,
  FQDN: 73,
  SOFTWARE_VERSION: 75,
  PATHS_LIMIT: 76,
  ROUTE_REFRESH_CISCO: 128,
} as const
export type Capability = (typeof Capability)[keyof typeof Capability]

export interface CapabilitySpec {
  name: string
  rfc: string
}

// biome-ignore format: one row a capability
const CAPABILITIES: Record<Capability, CapabilitySpec> = {
  [Capability.MULTIPROTOCOL]:            { name: 'multiprotocol',            rfc: 'RFC 4760 §8' },
  [Capability.ROUTE_REFRESH]:            { name: 'route-refresh',            rfc: 'RFC 2918 §2' },
  [Capability.OUTBOUND_ROUTE_FILTERING]: { name: 'outbound-route-filtering', rfc: 'RFC 5291 §5' },
  [Capability.EXTENDED_NEXT_HOP]:        { name: 'extended-next-hop',        rfc: 'RFC 8950 §4' },
  [Capability.EXTENDED_MESSAGE]:         { name: 'extended-message',         rfc: 'RFC 8654 §3' },
  [Capability.BGPSEC]:                   { name: 'bgpsec',                   rfc: 'RFC 8205 §2' },
  [Capability.MULTIPLE_LABELS]:          { name: 'multiple-labels',          rfc: 'RFC 8277 §2.1' },
  [Capability.ROLE]:                     { name: 'role',                     rfc: 'RFC 9234 §4' },
  [Capability.GRACEFUL_RESTART]:         { name: 'graceful-restart',         rfc: 'RFC 4724 §3' },
  [Capability.FOUR_OCTET_AS]:            { name: 'four-octet-as',            rfc: 'RFC 6793 §3' },
  [Capability.DYNAMIC]:                  { name: 'dynamic',                  rfc: 'draft-ietf-idr-dynamic-cap' },
  [Capability.ADD_PATH]:                 { name: 'add-path',                 rfc: 'RFC 7911 §4' },
  [Capability.ENHANCED_ROUTE_REFRESH]:   { name: 'enhanced-route-refresh',   rfc: 'RFC 7313 §3' },
  [Capability.LLGR]:                     { name: 'long-lived-graceful-restart', rfc: 'RFC 9494 §3' },
  [Capability.FQDN]:                     { name: 'fqdn',                     rfc: 'draft-walton-bgp-hostname-capability' },
  [Capability.SOFTWARE_VERSION]:         { name: 'software-version',         rfc: 'draft-abraitis-bgp-version-capability' },
  [Capability.PATHS_LIMIT]:              { name: 'paths-limit',              rfc: 'draft-abraitis-idr-addpath-paths-limit' },
  [Capability.ROUTE_REFRESH_CISCO]:      { name: 'route-refresh-cisco',      rfc: 'pre-standard' },
}

/** The row of a capability code, undefined for one without a name here. */
export function capabilitySpec(code: number): CapabilitySpec | undefined {
  return CAPABILITIES[code as Capability]
}

/** 'graceful-restart'; 'capability 99' for one without a name here. */
export function capabilityName(code: number): string {
  return capabilitySpec(code)?.name ?? `capability ${code}`
}

// ── Endpoint behaviours ───────────────────────────────────────────────────────────────────────

export { Behavior, type BehaviorSpec, behaviorName, behaviorSpec } from './endpoint-behavior.ts'

// ── Path attributes ───────────────────────────────────────────────────────────────────────────

export {
  ATTRS,
  Attr,
  AttrFlag,
  type AttrSpec,
  attrName,
  BAD_FLAGS_OUTCOME,
  EXPECTED_FLAGS,
  MALFORMED_OUTCOME,
  Outcome,
} from './attribute.ts'
