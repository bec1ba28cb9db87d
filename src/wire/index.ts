/** The public face of `srv6d/update`: from the octets of a session to prefixes, attributes and SIDs. */
export * from './address.ts'
export * from './as-path.ts'
export {
  type DecodedAggregator,
  type DecodedAigp,
  type DecodedAttribute,
  type DecodedEvpn,
  type DecodedNlri,
  type DecodedPmsi,
  type DecodedReach,
  type DecodedTlv,
  type DecodedTunnel,
  type DecodedTunnelSubTlv,
  type DecodedUnreach,
  type DecodedUpdate,
  type DecodedValue,
  type DecodedVerdict,
  decodeUpdate,
} from './decode.ts'
export { BgpError } from './error.ts'
export { EvpnRoute, EvpnType, evpnTypeName } from './evpn.ts'
export * from './ext-community.ts'
export { Framer, type FrameSink } from './framer.ts'
export { Ipv4Prefixes } from './ipv4-prefixes.ts'
export { MrtPeerTable } from './mrt-peers.ts'
export { MrtError, MrtReader, type MrtSink } from './mrt-reader.ts'
export { MrtRecord, parseMrtRecord } from './mrt-record.ts'
export { RibEntryCursor } from './mrt-rib.ts'
export {
  isMrtType,
  MrtKind,
  MrtProblem,
  MrtType,
  mrtProblemText,
  mrtStateName,
  mrtTypeName,
} from './mrt-type.ts'
export { checkNlri } from './nlri-check.ts'
export { NlriCursor } from './nlri-cursor.ts'
export {
  readServiceSid,
  rebuildSid,
  ServiceSid,
  SidProblem,
  type SidStructure,
  sidProblemText,
} from './prefix-sid.ts'
export { checkPrefixSid, prefixSidErrorText } from './prefix-sid-check.ts'
export * from './registry.ts'
export { errorOf } from './update-error.ts'
export { parseUpdate } from './update-parser.ts'
export { reasonText, UpdateReason } from './update-reason.ts'
export { type UpdateSession, UpdateView } from './update-view.ts'
export { VpnPrefixes } from './vpn-prefixes.ts'
