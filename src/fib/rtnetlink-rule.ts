/** ip rules as bytes, and back. */
import { formatAddress } from '../wire/address.ts'
import type { KernelRule, RulePrefix } from './kernel.ts'
import type { NetlinkWriter } from './netlink-writer.ts'
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  FIB_RULE_INVERT,
  FrAct,
  Fra,
  Nlm,
  Rtm,
} from './rtnetlink-constants.ts'
import type { Span } from './rtnetlink-decode.ts'

/** fib_rule_hdr: family dst_len src_len tos table res1 res2 action flags(4). */
const HEADER_BYTES = 12
/** Without these a rule is all said by KernelRule. The kernel writes SUPPRESS_PREFIXLEN as -1 always. */
const KNOWN: ReadonlySet<number> = new Set(Object.values(Fra))

export function encodeNewRule(w: NetlinkWriter, rule: KernelRule, seq: number): void {
  w.begin(Rtm.NEWRULE, Nlm.REQUEST | Nlm.ACK | Nlm.CREATE | Nlm.EXCL, seq)
  body(w, rule)
}

export function encodeDelRule(w: NetlinkWriter, rule: KernelRule, seq: number): void {
  w.begin(Rtm.DELRULE, Nlm.REQUEST | Nlm.ACK, seq)
  body(w, rule)
}

function body(w: NetlinkWriter, rule: KernelRule): void {
  w.u8(rule.family === 4 ? AF_INET : AF_INET6)
  w.u8(rule.to?.bits ?? 0)
  w.u8(rule.from?.bits ?? 0)
  w.zeros(4)
  w.u8(rule.table === 0 ? FrAct.UNREACHABLE : FrAct.TO_TBL)
  w.u32(0)
  if (rule.to) w.attrBytes(Fra.DST, rule.to.address)
  if (rule.from) w.attrBytes(Fra.SRC, rule.from.address)
  if (rule.iif !== '') w.attrText(Fra.IIFNAME, rule.iif)
  if (rule.oif !== '') w.attrText(Fra.OIFNAME, rule.oif)
  w.attrU32(Fra.PRIORITY, rule.priority)
  if (rule.table !== 0) w.attrU32(Fra.TABLE, rule.table)
  w.attrBytes(Fra.PROTOCOL, Uint8Array.of(rule.protocol))
  w.finish()
}

export function encodeDumpRules(w: NetlinkWriter, seq: number): void {
  w.begin(Rtm.GETRULE, Nlm.REQUEST | Nlm.DUMP, seq)
  w.u8(AF_UNSPEC)
  w.zeros(HEADER_BYTES - 1)
  w.finish()
}

/** Undefined for a rule with a selector or an action that KernelRule has not. */
export function decodeRule(message: Span): KernelRule | undefined {
  const attributes = message.attributes(HEADER_BYTES)
  const family = message.u8()
  // A dump of all families has those of multicast routing too.
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const action = message.u8(7)
  if (action !== FrAct.TO_TBL && action !== FrAct.UNREACHABLE) return undefined
  if (message.u8(3) !== 0 || (message.u32(8) & FIB_RULE_INVERT) !== 0) return undefined
  for (const type of attributes.keys()) if (!KNOWN.has(type)) return undefined
  const suppressed = attributes.get(Fra.SUPPRESS_PREFIXLEN)
  if (suppressed && suppressed.u32() !== 0xffffffff) return undefined
  const prefix = (type: number, bits: number): RulePrefix | null => {
    const address = attributes.get(type)
    return address ? { address: address.copy(), bits } : null
  }
  return {
    family: family === AF_INET6 ? 6 : 4,
    priority: attributes.get(Fra.PRIORITY)?.u32() ?? 0,
    iif: attributes.get(Fra.IIFNAME)?.text() ?? '',
    oif: attributes.get(Fra.OIFNAME)?.text() ?? '',
    from: prefix(Fra.SRC, message.u8(2)),
    to: prefix(Fra.DST, message.u8(1)),
    table: action === FrAct.TO_TBL ? (attributes.get(Fra.TABLE)?.u32() ?? message.u8(4)) : 0,
    protocol: attributes.get(Fra.PROTOCOL)?.u8() ?? 0,
  }
}

/** As `ip rule` has it: `2: from all iif red lookup 10`; the same text is the same rule. */
export function ruleText(rule: KernelRule): string {
  const { family, priority, iif, oif, from, to, table } = rule
  const words = [`IPv${family} ${priority}:`, `from ${from ? prefixText(from) : 'all'}`]
  if (to) words.push(`to ${prefixText(to)}`)
  if (iif !== '') words.push(`iif ${iif}`)
  if (oif !== '') words.push(`oif ${oif}`)
  words.push(table === 0 ? 'unreachable' : `lookup ${table}`)
  return words.join(' ')
}

function prefixText({ address, bits }: RulePrefix): string {
  return `${formatAddress(address, 0, address.length === 4 ? 4 : 16)}/${bits}`
}
