/**
 * Path attributes, a row each: the flags and lengths an attribute must have, and what happens when
 * it has others (RFC 7606). update-parser.ts reads the lookup arrays, once an attribute.
 */

/** RFC 4271 §4.3. */
export const AttrFlag = {
  OPTIONAL: 0x80,
  TRANSITIVE: 0x40,
  PARTIAL: 0x20,
  EXTENDED_LENGTH: 0x10,
} as const

/** What RFC 7606 §2 does about an error, from weakest to strongest. */
export const Outcome = {
  OK: 0,
  ATTRIBUTE_DISCARD: 1,
  TREAT_AS_WITHDRAW: 2,
  AFI_SAFI_DISABLE: 3,
  SESSION_RESET: 4,
} as const
export type Outcome = (typeof Outcome)[keyof typeof Outcome]

/** The path attributes whose form is checked; any other optional one is carried as it stands. */
export const Attr = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MULTI_EXIT_DISC: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH_NLRI: 14,
  MP_UNREACH_NLRI: 15,
  EXTENDED_COMMUNITIES: 16,
  AS4_PATH: 17,
  AS4_AGGREGATOR: 18,
  PMSI_TUNNEL: 22,
  TUNNEL_ENCAPSULATION: 23,
  IPV6_EXTENDED_COMMUNITIES: 25,
  AIGP: 26,
  LARGE_COMMUNITY: 32,
  ONLY_TO_CUSTOMER: 35,
  PREFIX_SID: 40,
} as const
export type Attr = (typeof Attr)[keyof typeof Attr]

export interface AttrSpec {
  /** Optional and Transitive bits the attribute must carry. */
  flags: number
  /** What happens when those bits differ (RFC 7606 §3 c unless the attribute's RFC says more). */
  badFlags: Outcome
  /** What happens when length or value are malformed. */
  malformed: Outcome
  /** Shortest and longest value; a longer one than the shortest has whole items of `item` octets. */
  length: readonly [min: number, max: number]
  item: number
  rfc: string
}

const ANY = 0xffff
const WELL_KNOWN = AttrFlag.TRANSITIVE
const OPTIONAL = AttrFlag.OPTIONAL
const OPTIONAL_TRANSITIVE = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE
const { ATTRIBUTE_DISCARD, TREAT_AS_WITHDRAW, AFI_SAFI_DISABLE, SESSION_RESET } = Outcome

// biome-ignore format: one row an attribute
export const ATTRS = {
  ORIGIN:                    { flags: WELL_KNOWN,          badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [1, 1],    item: 1,  rfc: 'RFC 4271 §5.1.1, RFC 7606 §7.1' },
  AS_PATH:                   { flags: WELL_KNOWN,          badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [0, ANY],  item: 1,  rfc: 'RFC 4271 §5.1.2, RFC 7606 §7.2' },
  NEXT_HOP:                  { flags: WELL_KNOWN,          badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, 4],    item: 4,  rfc: 'RFC 4271 §5.1.3, RFC 7606 §7.3' },
  MULTI_EXIT_DISC:           { flags: OPTIONAL,            badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, 4],    item: 4,  rfc: 'RFC 4271 §5.1.4, RFC 7606 §7.4' },
  LOCAL_PREF:                { flags: WELL_KNOWN,          badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, 4],    item: 4,  rfc: 'RFC 4271 §5.1.5, RFC 7606 §7.5' },
  ATOMIC_AGGREGATE:          { flags: WELL_KNOWN,          badFlags: TREAT_AS_WITHDRAW, malformed: ATTRIBUTE_DISCARD, length: [0, 0],    item: 1,  rfc: 'RFC 4271 §5.1.6, RFC 7606 §7.6' },
  AGGREGATOR:                { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: ATTRIBUTE_DISCARD, length: [6, 8],    item: 2,  rfc: 'RFC 4271 §5.1.7, RFC 7606 §7.7, RFC 7607 §2' },
  COMMUNITIES:               { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, ANY],  item: 4,  rfc: 'RFC 1997, RFC 7606 §7.8' },
  ORIGINATOR_ID:             { flags: OPTIONAL,            badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, 4],    item: 4,  rfc: 'RFC 4456 §8, RFC 7606 §7.9' },
  CLUSTER_LIST:              { flags: OPTIONAL,            badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, ANY],  item: 4,  rfc: 'RFC 4456 §8, RFC 7606 §7.10' },
  MP_REACH_NLRI:             { flags: OPTIONAL,            badFlags: SESSION_RESET,     malformed: AFI_SAFI_DISABLE,  length: [5, ANY],  item: 1,  rfc: 'RFC 4760 §3, RFC 7606 §5.3, §7.11' },
  MP_UNREACH_NLRI:           { flags: OPTIONAL,            badFlags: SESSION_RESET,     malformed: AFI_SAFI_DISABLE,  length: [3, ANY],  item: 1,  rfc: 'RFC 4760 §4, RFC 7606 §5.3, §7.12' },
  EXTENDED_COMMUNITIES:      { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [8, ANY],  item: 8,  rfc: 'RFC 4360, RFC 7606 §7.14' },
  AS4_PATH:                  { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: ATTRIBUTE_DISCARD, length: [6, ANY],  item: 2,  rfc: 'RFC 6793 §6' },
  AS4_AGGREGATOR:            { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: ATTRIBUTE_DISCARD, length: [8, 8],    item: 8,  rfc: 'RFC 6793 §6' },
  PMSI_TUNNEL:               { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [5, ANY],  item: 1,  rfc: 'RFC 6514 §5' },
  TUNNEL_ENCAPSULATION:      { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, ANY],  item: 1,  rfc: 'RFC 9012 §13' },
  IPV6_EXTENDED_COMMUNITIES: { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [20, ANY], item: 20, rfc: 'RFC 5701, RFC 7606 §7.15' },
  AIGP:                      { flags: OPTIONAL,            badFlags: ATTRIBUTE_DISCARD, malformed: ATTRIBUTE_DISCARD, length: [3, ANY],  item: 1,  rfc: 'RFC 7311 §3.2' },
  LARGE_COMMUNITY:           { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [12, ANY], item: 12, rfc: 'RFC 8092 §6' },
  ONLY_TO_CUSTOMER:          { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [4, 4],    item: 4,  rfc: 'RFC 9234 §5' },
  PREFIX_SID:                { flags: OPTIONAL_TRANSITIVE, badFlags: TREAT_AS_WITHDRAW, malformed: TREAT_AS_WITHDRAW, length: [0, ANY],  item: 1,  rfc: 'RFC 8669 §3, RFC 9252 §7' },
} as const satisfies Record<keyof typeof Attr, AttrSpec>

/** By type: the Optional and Transitive bits expected; 0xff: not an attribute we check. */
export const EXPECTED_FLAGS = new Uint8Array(256).fill(0xff)
/** By type: the Outcome of wrong flags, and of a malformed length or value. */
export const BAD_FLAGS_OUTCOME = new Uint8Array(256)
export const MALFORMED_OUTCOME = new Uint8Array(256)
/** By type: shortest and longest value, and the size of the items it is made of. */
export const MIN_VALUE = new Uint16Array(256)
export const MAX_VALUE = new Uint16Array(256).fill(ANY)
export const ITEM_SIZE = new Uint8Array(256).fill(1)
/** By type: which bit of a set of attributes is its; all that have no row share one. */
export const OTHER_ATTR_BIT = 1 << 31
export const ATTR_BIT = new Int32Array(256).fill(OTHER_ATTR_BIT)
const ATTR_NAMES = new Map<number, string>([
  [20, 'CONNECTOR'],
  [21, 'AS_PATHLIMIT'],
  [24, 'TRAFFIC_ENGINEERING'],
  [27, 'PE_DISTINGUISHER_LABELS'],
  [29, 'BGP_LS'],
  [33, 'BGPSEC_PATH'],
  [36, 'DOMAIN_PATH'],
  [37, 'SFP'],
  [38, 'BFD_DISCRIMINATOR'],
  [39, 'BGP_ROUTER_CAPABILITIES'],
  [128, 'ATTR_SET'],
])
for (const [k, [name, type]] of Object.entries(Attr).entries()) {
  ATTR_BIT[type] = 1 << k
  const row: AttrSpec = ATTRS[name as keyof typeof Attr]
  EXPECTED_FLAGS[type] = row.flags
  BAD_FLAGS_OUTCOME[type] = row.badFlags
  MALFORMED_OUTCOME[type] = row.malformed
  MIN_VALUE[type] = row.length[0]
  MAX_VALUE[type] = row.length[1]
  ITEM_SIZE[type] = row.item
  ATTR_NAMES.set(type, name)
}

/** 'AS_PATH'; 'attribute 99' for one without a name here. */
export function attrName(type: number): string {
  return ATTR_NAMES.get(type) ?? `attribute ${type}`
}
