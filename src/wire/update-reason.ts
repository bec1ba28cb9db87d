/** What parseUpdate found wrong, as a number in the view and as a text for logs. */
import { prefixSidErrorText } from './prefix-sid-check.ts'

export const UpdateReason = {
  NONE: 0,
  TOO_SHORT: 1,
  WITHDRAWN_LENGTH: 2,
  ATTRIBUTES_LENGTH: 3,
  ATTRIBUTE_HEADER: 4,
  ATTRIBUTE_LENGTH: 5,
  DUPLICATE: 6,
  UNRECOGNIZED_WELL_KNOWN: 7,
  FLAGS: 8,
  LENGTH: 9,
  ORIGIN_VALUE: 10,
  AS_PATH_SEGMENT_HEADER: 11,
  AS_PATH_SEGMENT_TYPE: 12,
  AS_PATH_SEGMENT_EMPTY: 13,
  AS_PATH_SEGMENT_LENGTH: 14,
  AS_PATH_CONFEDERATION: 15,
  AS_ZERO: 16,
  NOT_FROM_EBGP: 17,
  AS4_FROM_NEW: 18,
  AIGP_TLV: 19,
  NEXT_HOP_LENGTH: 20,
  NLRI: 21,
  MISSING: 22,
  NO_NLRI: 23,
  PMSI_TUNNEL: 24,
  TUNNEL_TLV: 25,
  TUNNEL_ENDPOINT: 26,
  NEXT_HOP_ADDRESS: 27,
  /** This and above: PREFIX_SID + the reason of checkPrefixSid. */
  PREFIX_SID: 64,
} as const

const TEXTS = [
  '',
  'message shorter than its two length fields',
  'withdrawn routes length past the end of the message',
  'total path attribute length past the end of the message',
  'less than a whole attribute at the end of the path attributes',
  'attribute length past the end of the path attributes',
  'attribute twice in one message',
  'well-known attribute that is not known',
  'optional and transitive flags not as specified',
  'attribute length not as specified',
  'ORIGIN of neither 0, 1 nor 2',
  'one octet behind the last segment of the path',
  'path segment of an unknown type',
  'path segment without any AS',
  'path segment past the end of the attribute',
  'confederation segment from outside the confederation',
  'AS number 0',
  'attribute that does not come from an external neighbour',
  'four-octet helper attribute from a four-octet speaker',
  'AIGP TLV of a wrong length',
  'next hop length that the family does not have',
  'NLRI length that the family does not have, or past the end',
  'mandatory attribute missing',
  'attribute error in a message without reachable NLRI',
  'PMSI tunnel of an undefined type, or an identifier that is none of its type',
  'tunnel TLV or sub-TLV that does not end where it should',
  'no tunnel with exactly one egress endpoint',
  'next hop that is no address of a host',
] as const

/** The text of UpdateView.reason. */
export function reasonText(reason: number): string {
  if (reason > UpdateReason.PREFIX_SID) return prefixSidErrorText(reason - UpdateReason.PREFIX_SID)
  return TEXTS[reason] ?? `reason ${reason}`
}
