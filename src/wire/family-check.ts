/**
 * HOT: attributes whose form or verdict depends on the routes they come with: Prefix-SID and Tunnel
 * Encapsulation. Called by update-parser.ts behind the walk, when all fields are known.
 */
import { faultOf } from './attr-check.ts'
import { isServiceFault, PrefixSidError, prefixSidFault } from './prefix-sid-check.ts'
import { Attr, Family, Outcome } from './registry.ts'
import { hasEndpoint, tunnelFault } from './tunnel.ts'
import { failValue } from './update-check.ts'
import { UpdateReason } from './update-reason.ts'
import type { UpdateView } from './update-view.ts'

/** As bits: labeled unicast (RFC 8669 §6), and what tunnels belong to (RFC 9012 §6). */
const LABELED_UNICAST = (1 << Family.IPV4_LABELED_UNICAST) | (1 << Family.IPV6_LABELED_UNICAST)
const TUNNELED =
  LABELED_UNICAST |
  (1 << Family.IPV4_UNICAST) |
  (1 << Family.IPV6_UNICAST) |
  (1 << Family.VPNV4) |
  (1 << Family.VPNV6) |
  (1 << Family.EVPN)

/** The attributes whose form or verdict depends on the family of the routes. */
export function checkFamilyAttrs(view: UpdateView, hasClassic: boolean): void {
  const classic = hasClassic ? 1 << Family.IPV4_UNICAST : 0
  const reach = view.reachFamily !== 0 ? 1 << view.reachFamily : 0
  const sidRow = view.indexOf(Attr.PREFIX_SID)
  if (sidRow >= 0 && view.attrOutcome[sidRow] === Outcome.OK) {
    checkPrefixSid(view, sidRow, classic === 0 && (reach & LABELED_UNICAST) !== 0)
  }
  const tunnelRow = view.indexOf(Attr.TUNNEL_ENCAPSULATION)
  if (tunnelRow >= 0 && view.attrOutcome[tunnelRow] === Outcome.OK) {
    checkTunnels(view, tunnelRow, ((classic | reach) & TUNNELED) !== 0)
  }
}

/** RFC 9252 §7; of labeled unicast, what is no service is dropped with the attribute: RFC 8669 §6. */
function checkPrefixSid(view: UpdateView, row: number, labeled: boolean): void {
  const at = view.attrValueAt(row)
  const fault = prefixSidFault(view.buf, at, view.attrEnd(row), labeled)
  if (fault === 0) return
  const isMild = labeled && !isServiceFault(view.buf, at, fault)
  const outcome = isMild ? Outcome.ATTRIBUTE_DISCARD : Outcome.TREAT_AS_WITHDRAW
  const isEmpty = fault === PrefixSidError.EMPTY
  failValue(view, row, isEmpty ? UpdateReason.LENGTH : fault + UpdateReason.PREFIX_SID, outcome)
}

/** RFC 9012 §13. */
function checkTunnels(view: UpdateView, row: number, needsEndpoint: boolean): void {
  const at = view.attrValueAt(row)
  const end = view.attrEnd(row)
  const offset = tunnelFault(view.buf, at, end)
  if (offset >= 0) failValue(view, row, faultOf(UpdateReason.TUNNEL_TLV, offset))
  else if (needsEndpoint && !hasEndpoint(view.buf, at, end)) {
    failValue(view, row, UpdateReason.TUNNEL_ENDPOINT)
  }
}
