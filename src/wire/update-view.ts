/**
 * HOT: where each part of one UPDATE lies. One view a session, filled by parseUpdate, read by
 * whoever applies the message before the next one comes; everything is an offset into `buf`.
 */
import { type Family, Outcome } from './registry.ts'

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
}

/** Attribute types are one octet and duplicates are not listed, so no message has more. */
const MAX_ATTRS = 256

/**
 * One UPDATE (RFC 4271 §4.3), as offsets:
 *
 *     at        withdrawnAt   withdrawnEnd   attrsAt     attrsEnd = nlriAt   nlriEnd = end
 *     | length(2) | withdrawn … | length(2) | attributes … | NLRI …            |
 */
export class UpdateView {
  buf: Uint8Array = new Uint8Array(0)
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

  /** MP_REACH_NLRI (RFC 4760 §3); afi 0: absent; family 0: not one we know or negotiated. */
  reachFamily: Family | 0 = 0
  reachAfi = 0
  reachSafi = 0
  nextHopAt = 0
  nextHopLen = 0
  reachAt = 0
  reachEnd = 0

  /** MP_UNREACH_NLRI (RFC 4760 §4); afi 0: absent; family 0: not one we know or negotiated. */
  unreachFamily: Family | 0 = 0
  unreachAfi = 0
  unreachSafi = 0
  unreachAt = 0
  unreachEnd = 0

  /** Path attributes in order of arrival; of duplicates only the first (RFC 7606 §3 g). */
  attrCount = 0
  readonly attrType = new Uint8Array(MAX_ATTRS)
  readonly attrFlags = new Uint8Array(MAX_ATTRS)
  /** Position of the flags, of the value, and behind the value. */
  readonly attrAt = new Int32Array(MAX_ATTRS)
  readonly attrValueAt = new Int32Array(MAX_ATTRS)
  readonly attrEnd = new Int32Array(MAX_ATTRS)
  /** 1: to be dropped before the attributes are used (attribute discard, RFC 7606 §2). */
  readonly attrDiscard = new Uint8Array(MAX_ATTRS)
  /** Occurrences left out of the columns because the type had been seen (RFC 7606 §3 g). */
  duplicates = 0

  asn4 = true
  addPath = 0

  /** The worst verdict, and what it was about; `reason` has a text: reasonText. */
  outcome: Outcome = Outcome.OK
  errorSubcode = 0
  errorAttr = 0
  errorAt = 0
  errorEnd = 0
  reason = 0

  /**
   * Some error asked for treat-as-withdraw: true beside the stronger AFI_SAFI_DISABLE too, when it
   * counts for the routes of the other families.
   */
  treatAsWithdraw = false

  /** The family whose End-of-RIB the message is (RFC 4724 §2), else 0. */
  endOfRib: Family | 0 = 0

  /** By type: row + 1 in the columns, 0 for a type the message does not have; see indexOf. */
  readonly rowByType = new Uint16Array(256)

  /** Makes the view one of `buf` from `at` to `end` with nothing found yet. */
  reset(buf: Uint8Array, at: number, end: number): void {
    this.buf = buf
    this.at = at
    this.end = end
    this.withdrawnAt = this.withdrawnEnd = at
    this.attrsAt = this.attrsEnd = at
    this.nlriAt = this.nlriEnd = end
    this.classicIgnored = false
    this.reachFamily = 0
    this.reachAfi = this.reachSafi = 0
    this.nextHopAt = this.nextHopLen = this.reachAt = this.reachEnd = 0
    this.unreachFamily = 0
    this.unreachAfi = this.unreachSafi = 0
    this.unreachAt = this.unreachEnd = 0
    for (let row = 0; row < this.attrCount; row++) this.rowByType[this.attrType[row]!] = 0
    this.attrCount = 0
    this.duplicates = 0
    this.outcome = Outcome.OK
    this.errorSubcode = this.errorAttr = this.errorAt = this.errorEnd = this.reason = 0
    this.treatAsWithdraw = false
    this.endOfRib = 0
  }

  /** Row of the attribute of a type in the columns, -1 when the message has none. */
  indexOf(type: number): number {
    return this.rowByType[type]! - 1
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
    if (outcome === Outcome.TREAT_AS_WITHDRAW) this.treatAsWithdraw = true
    if (outcome <= this.outcome) return
    this.outcome = outcome
    this.reason = reason
    this.errorSubcode = subcode
    this.errorAttr = attr
    this.errorAt = at
    this.errorEnd = end
  }
}
