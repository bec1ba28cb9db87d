/**
 * HOT: where each part of one UPDATE lies. One view a session, filled by parseUpdate, read by
 * whoever applies the message before the next one comes; everything is an offset into `buf`.
 */
import { u16, wordsOf } from '../base/bytes.ts'
import { ATTR_BIT } from './attribute.ts'
import type { Ipv4Prefixes } from './ipv4-prefixes.ts'
import { AttrFlag, ErrorCode, type Family, Outcome } from './registry.ts'
import type { VpnPrefixes } from './vpn-prefixes.ts'

/** What was negotiated with the neighbour, as far as the meaning of an UPDATE depends on it. */
export interface UpdateSession {
  /** AS numbers have four octets (RFC 6793). */
  asn4: boolean
  ebgp: boolean
  localAs: number
  /** Bit (1 << family): the neighbour sends path identifiers (RFC 7911). */
  addPath: number
  /** Bit (1 << family): negotiated. */
  families: number
  /** Bit (1 << family): NLRI carry label stacks, not one label (RFC 8277 §2.1); none when left out. */
  multipleLabels?: number
}

/** Attribute types are one octet and duplicates are not listed, so no message has more. */
const MAX_ATTRS = 256
const { EXTENDED_LENGTH } = AttrFlag

const NOTHING = new Uint8Array(0)

/**
 * One UPDATE (RFC 4271 §4.3), as offsets:
 *
 *     at        withdrawnAt   withdrawnEnd   attrsAt     attrsEnd = nlriAt   nlriEnd = end
 *     | length(2) | withdrawn … | length(2) | attributes … | NLRI …            |
 */
export class UpdateView {
  buf: Uint8Array = NOTHING
  /** The octets of `buf`, for reading words. */
  words: DataView = wordsOf(NOTHING)
  at = 0
  end = 0

  withdrawnAt = 0
  withdrawnEnd = 0
  attrsAt = 0
  attrsEnd = 0
  nlriAt = 0
  nlriEnd = 0
  /** The classic fields hold prefixes, but IPv4 unicast was not negotiated: both are left empty. */
  classicIgnored = false

  /** Where parseUpdate leaves the prefixes of these fields too, if that is wanted. */
  ipv4: Ipv4Prefixes | null = null

  /**
   * MP_REACH_NLRI (RFC 4760 §3); reachEnd 0: absent; family 0: not one we know or negotiated, and
   * then reachAt … reachEnd are octets that nobody has looked at.
   */
  reachFamily: Family | 0 = 0
  reachAfi = 0
  reachSafi = 0
  nextHopAt = 0
  nextHopLen = 0
  reachAt = 0
  reachEnd = 0
  /** Where parseUpdate leaves VPN routes of this field too, if that is wanted. */
  vpnReach: VpnPrefixes | null = null

  /** MP_UNREACH_NLRI (RFC 4760 §4); unreachEnd 0: absent; family 0: as for MP_REACH_NLRI. */
  unreachFamily: Family | 0 = 0
  unreachAfi = 0
  unreachSafi = 0
  unreachAt = 0
  unreachEnd = 0
  vpnUnreach: VpnPrefixes | null = null

  /**
   * Path attributes in order of arrival; of duplicates only the first (RFC 7606 §3 g). Of each its
   * position is kept, that of the flags; the rest is read from its header: attrType and so on.
   */
  attrCount = 0
  readonly attrAt: Int32Array = new Int32Array(MAX_ATTRS)
  /** The types there are, as a set of ATTR_BIT. */
  attrBits = 0
  /** 1: to be dropped before the attributes are used (attribute discard, RFC 7606 §2). */
  readonly attrDiscard = new Uint8Array(MAX_ATTRS)
  /** The verdict on each attribute: Outcome, UpdateReason, subcode of code 3; 0: accepted. */
  readonly attrOutcome = new Uint8Array(MAX_ATTRS)
  readonly attrReason = new Uint8Array(MAX_ATTRS)
  readonly attrSubcode = new Uint8Array(MAX_ATTRS)
  /** The octets the verdict is about, within the attribute. */
  readonly attrFaultAt = new Int32Array(MAX_ATTRS)
  readonly attrFaultEnd = new Int32Array(MAX_ATTRS)
  /** How many attributes have a verdict other than OK. */
  faults = 0
  /** Occurrences left out of the columns because the type had been seen (RFC 7606 §3 g). */
  duplicates = 0

  /** For parseUpdate: there is an attribute that is judged when all fields are known. */
  hasOpenAttr = false
  /** For parseUpdate: more than positions has been found, and `reset` has to clear it. */
  isTouched = false

  asn4 = true
  addPath = 0
  multipleLabels = 0

  /** The worst verdict, and what it was about; `reason` has a text: reasonText. */
  outcome: Outcome = Outcome.OK
  /** ErrorCode and subcode of the NOTIFICATION it would be; 0 while the outcome is OK. */
  errorCode = 0
  errorSubcode = 0
  errorAttr = 0
  /** The whole attribute or field, as a NOTIFICATION carries it (RFC 4271 §6.3). */
  errorAt = 0
  errorEnd = 0
  /** The octets in it that are wrong. */
  faultAt = 0
  faultEnd = 0
  reason = 0

  /**
   * Some error asked for treat-as-withdraw: true beside the stronger AFI_SAFI_DISABLE too, when it
   * counts for the routes of the other families.
   */
  treatAsWithdraw = false

  /** The family whose End-of-RIB the message is (RFC 4724 §2), else 0. */
  endOfRib: Family | 0 = 0

  /** Makes the view one of `buf` from `at` to `end` with nothing found yet. */
  reset(buf: Uint8Array, at: number, end: number): void {
    if (buf !== this.buf) {
      this.buf = buf
      this.words = wordsOf(buf)
    }
    this.at = at
    this.end = end
    this.nlriEnd = end
    if (this.ipv4 !== null) this.ipv4.clear()
    if (this.isTouched === true) this.#clear()
    this.attrCount = 0
    this.attrBits = 0
  }

  #clear(): void {
    this.isTouched = false
    this.hasOpenAttr = false
    this.classicIgnored = false
    this.endOfRib = 0
    if (this.reachEnd !== 0) this.#clearReach()
    if (this.unreachEnd !== 0) this.#clearUnreach()
    if (this.reason !== 0) this.#clearVerdict()
    if (this.faults !== 0) this.#clearFaults()
  }

  #clearReach(): void {
    if (this.vpnReach !== null) this.vpnReach.clear()
    this.reachFamily = 0
    this.reachAfi = this.reachSafi = 0
    this.nextHopAt = this.nextHopLen = this.reachAt = this.reachEnd = 0
  }

  #clearUnreach(): void {
    if (this.vpnUnreach !== null) this.vpnUnreach.clear()
    this.unreachFamily = 0
    this.unreachAfi = this.unreachSafi = 0
    this.unreachAt = this.unreachEnd = 0
  }

  #clearVerdict(): void {
    this.outcome = Outcome.OK
    this.errorCode = this.errorSubcode = this.errorAttr = this.errorAt = this.errorEnd = 0
    this.faultAt = this.faultEnd = this.reason = this.duplicates = 0
    this.treatAsWithdraw = false
  }

  #clearFaults(): void {
    for (let row = 0; row < this.attrCount; row++) {
      this.attrDiscard[row] = this.attrOutcome[row] = this.attrReason[row] = 0
      this.attrSubcode[row] = this.attrFaultAt[row] = this.attrFaultEnd[row] = 0
    }
    this.faults = 0
  }

  /** Type of the attribute in a row. */
  attrType(row: number): number {
    return this.buf[this.attrAt[row]! + 1]!
  }

  /** Its flags. */
  attrFlags(row: number): number {
    return this.buf[this.attrAt[row]!]!
  }

  /** Position of its value. */
  attrValueAt(row: number): number {
    const at = this.attrAt[row]!
    return (this.buf[at]! & EXTENDED_LENGTH) === 0 ? at + 3 : at + 4
  }

  /** Position behind its value. */
  attrEnd(row: number): number {
    const at = this.attrAt[row]!
    const { buf } = this
    return (buf[at]! & EXTENDED_LENGTH) === 0 ? at + 3 + buf[at + 2]! : at + 4 + u16(buf, at + 2)
  }

  /** Row of the attribute of a type, -1 when the message has none. */
  indexOf(type: number): number {
    if ((this.attrBits & ATTR_BIT[type]!) === 0) return -1
    for (let row = 0; row < this.attrCount; row++) if (this.attrType(row) === type) return row
    return -1
  }

  /**
   * Records a verdict about `attr` at errorAt … errorEnd; the strongest is kept, and of equal ones
   * the first (RFC 7606 §3 h).
   */
  fail(
    outcome: Outcome,
    reason: number,
    subcode: number,
    attr: number,
    at: number,
    end: number,
  ): void {
    this.isTouched = true
    if (outcome === Outcome.TREAT_AS_WITHDRAW) this.treatAsWithdraw = true
    if (outcome <= this.outcome) return
    this.outcome = outcome
    this.reason = reason
    this.errorCode = ErrorCode.UPDATE_MESSAGE
    this.errorSubcode = subcode
    this.errorAttr = attr
    this.errorAt = at
    this.errorEnd = end
    this.faultAt = at
    this.faultEnd = end
  }
}
