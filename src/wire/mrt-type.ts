/**
 * MRT record types as data (RFC 6396 §4, RFC 8050 §4, RFC 6397): a row a subtype that is read, and
 * names for the rest. mrt-record.ts looks rows up by number, once a record.
 */

/** Record types (RFC 6396 §4); the others are told apart by number only. */
export const MrtType = {
  TABLE_DUMP: 12,
  TABLE_DUMP_V2: 13,
  BGP4MP: 16,
  BGP4MP_ET: 17,
} as const

/** What a record is, whatever its type and subtype are called. */
export const MrtKind = {
  /** Of a type or subtype that is not read, or malformed: see MrtRecord.problem. */
  OTHER: 0,
  PEER_INDEX_TABLE: 1,
  /** One prefix of a table with the paths to it: RIB_* (RFC 6396 §4.3.2, §4.3.3, RFC 8050 §4). */
  RIB: 2,
  /** One BGP message (RFC 6396 §4.4.2, §4.4.3, RFC 8050 §3). */
  MESSAGE: 3,
  /** RFC 6396 §4.4.1, §4.4.4. */
  STATE_CHANGE: 4,
} as const
export type MrtKind = (typeof MrtKind)[keyof typeof MrtKind]

/** One subtype: how its body is laid out. */
export interface MrtSubtypeSpec {
  name: string
  kind: MrtKind
  /** BGP4MP: AS numbers have four octets, in the header and in the message. */
  asn4: boolean
  /** BGP4MP: the message was sent by the collector, not received. */
  local: boolean
  /** NLRI, or RIB entries, have path identifiers (RFC 8050). */
  addPath: boolean
  /** RIB_*: the family the subtype stands for; 0: in the record (RIB_GENERIC). */
  afi: number
  safi: number
  rfc: string
}

const row = (name: string, kind: MrtKind, rfc: string, more: Partial<MrtSubtypeSpec> = {}) => ({
  ...{ name, kind, asn4: false, local: false, addPath: false, afi: 0, safi: 0, rfc },
  ...more,
})

const { PEER_INDEX_TABLE, RIB, MESSAGE, STATE_CHANGE } = MrtKind
const [asn4, local, addPath] = [true, true, true]

// biome-ignore format: one row a subtype
const TABLE_DUMP_V2_ROWS: Record<number, MrtSubtypeSpec> = {
  1: row('PEER_INDEX_TABLE', PEER_INDEX_TABLE, 'RFC 6396 §4.3.1'),
  2: row('RIB_IPV4_UNICAST', RIB, 'RFC 6396 §4.3.2', { afi: 1, safi: 1 }),
  3: row('RIB_IPV4_MULTICAST', RIB, 'RFC 6396 §4.3.2', { afi: 1, safi: 2 }),
  4: row('RIB_IPV6_UNICAST', RIB, 'RFC 6396 §4.3.2', { afi: 2, safi: 1 }),
  5: row('RIB_IPV6_MULTICAST', RIB, 'RFC 6396 §4.3.2', { afi: 2, safi: 2 }),
  6: row('RIB_GENERIC', RIB, 'RFC 6396 §4.3.3'),
  8: row('RIB_IPV4_UNICAST_ADDPATH', RIB, 'RFC 8050 §4.1', { addPath, afi: 1, safi: 1 }),
  9: row('RIB_IPV4_MULTICAST_ADDPATH', RIB, 'RFC 8050 §4.1', { addPath, afi: 1, safi: 2 }),
  10: row('RIB_IPV6_UNICAST_ADDPATH', RIB, 'RFC 8050 §4.1', { addPath, afi: 2, safi: 1 }),
  11: row('RIB_IPV6_MULTICAST_ADDPATH', RIB, 'RFC 8050 §4.1', { addPath, afi: 2, safi: 2 }),
  12: row('RIB_GENERIC_ADDPATH', RIB, 'RFC 8050 §4.2', { addPath }),
}

// biome-ignore format: one row a subtype
const BGP4MP_ROWS: Record<number, MrtSubtypeSpec> = {
  0: row('STATE_CHANGE', STATE_CHANGE, 'RFC 6396 §4.4.1'),
  1: row('MESSAGE', MESSAGE, 'RFC 6396 §4.4.2'),
  4: row('MESSAGE_AS4', MESSAGE, 'RFC 6396 §4.4.3', { asn4 }),
  5: row('STATE_CHANGE_AS4', STATE_CHANGE, 'RFC 6396 §4.4.4', { asn4 }),
  6: row('MESSAGE_LOCAL', MESSAGE, 'RFC 6396 §4.4.5', { local }),
  7: row('MESSAGE_AS4_LOCAL', MESSAGE, 'RFC 6396 §4.4.6', { asn4, local }),
  8: row('MESSAGE_ADDPATH', MESSAGE, 'RFC 8050 §3', { addPath }),
  9: row('MESSAGE_AS4_ADDPATH', MESSAGE, 'RFC 8050 §3', { asn4, addPath }),
  10: row('MESSAGE_LOCAL_ADDPATH', MESSAGE, 'RFC 8050 §3', { local, addPath }),
  11: row('MESSAGE_AS4_LOCAL_ADDPATH', MESSAGE, 'RFC 8050 §3', { asn4, local, addPath }),
}

/** Subtypes by number, of the types that are read. */
const SUBTYPES = new Map<number, readonly (MrtSubtypeSpec | undefined)[]>(
  [
    [MrtType.TABLE_DUMP_V2, TABLE_DUMP_V2_ROWS] as const,
    [MrtType.BGP4MP, BGP4MP_ROWS] as const,
    [MrtType.BGP4MP_ET, BGP4MP_ROWS] as const,
  ].map(([type, rows]) => [type, Array.from({ length: 16 }, (_, subtype) => rows[subtype])]),
)

/** The row of a subtype; undefined for one that is not read. */
export function mrtSubtype(type: number, subtype: number): MrtSubtypeSpec | undefined {
  return SUBTYPES.get(type)?.[subtype]
}

/** RFC 6396 §4 and the IANA registry. */
const TYPE_NAMES: Record<number, string> = {
  11: 'OSPFv2',
  12: 'TABLE_DUMP',
  13: 'TABLE_DUMP_V2',
  16: 'BGP4MP',
  17: 'BGP4MP_ET',
  32: 'ISIS',
  33: 'ISIS_ET',
  48: 'OSPFv3',
  49: 'OSPFv3_ET',
}

/** Is it a record type that IANA lists: what a file is recognised by? */
export function isMrtType(type: number): boolean {
  return TYPE_NAMES[type] !== undefined
}

/** 'TABLE_DUMP_V2/RIB_IPV4_UNICAST'; numbers where there is no name. */
export function mrtTypeName(type: number, subtype: number): string {
  const name = TYPE_NAMES[type] ?? `type ${type}`
  return `${name}/${mrtSubtype(type, subtype)?.name ?? subtype}`
}

/** FSM states of a STATE_CHANGE (RFC 6396 §4.4.1); 7 and 8 are Quagga's and FRR's. */
const STATES = [
  ...['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
  ...['Clearing', 'Deleted'],
]

/** 'Established'; 'state 9' for one without a name. */
export function mrtStateName(state: number): string {
  return STATES[state - 1] ?? `state ${state}`
}

/** Why a record, or an entry of one, could not be read; each has a text: mrtProblemText. */
export const MrtProblem = {
  NONE: 0,
  UNKNOWN_TYPE: 1,
  TOO_SHORT: 2,
  ADDRESS_FAMILY: 3,
  MESSAGE_LENGTH: 4,
  MARKER: 5,
  PREFIX_LENGTH: 6,
  PREFIX: 7,
  ENTRY: 8,
  ENTRY_ATTRIBUTES: 9,
  TRAILING: 10,
  ABBREVIATED_REACH: 11,
  ENTRY_TOO_LONG: 12,
  PEER: 13,
} as const

const PROBLEM_TEXTS: Record<number, string> = {
  [MrtProblem.NONE]: 'no problem',
  [MrtProblem.UNKNOWN_TYPE]: 'a type or subtype that is not read',
  [MrtProblem.TOO_SHORT]: 'the record ends before its fixed fields do',
  [MrtProblem.ADDRESS_FAMILY]: 'the address family is neither IPv4 (1) nor IPv6 (2)',
  [MrtProblem.MESSAGE_LENGTH]:
    'the length of the BGP message is not that of the rest of the record',
  [MrtProblem.MARKER]: 'the BGP message does not begin with sixteen octets 0xff',
  [MrtProblem.PREFIX_LENGTH]: 'the prefix is longer than an address of its family',
  [MrtProblem.PREFIX]: 'the record ends within its prefix',
  [MrtProblem.ENTRY]: 'the record ends within the head of a RIB entry',
  [MrtProblem.ENTRY_ATTRIBUTES]: 'the attributes of a RIB entry are longer than the record',
  [MrtProblem.TRAILING]: 'octets behind the last part of the record',
  [MrtProblem.ABBREVIATED_REACH]: 'the next hop length of MP_REACH_NLRI is not that of its value',
  [MrtProblem.ENTRY_TOO_LONG]: 'the attributes and the prefix are longer than an UPDATE can be',
  [MrtProblem.PEER]: 'the record ends within a peer of the index',
}

/** The sentence of an MrtProblem. */
export function mrtProblemText(problem: number): string {
  return PROBLEM_TEXTS[problem] ?? `problem ${problem}`
}
