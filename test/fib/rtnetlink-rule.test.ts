import t from 'tap'
import type { KernelRule } from '../../src/fib/kernel.ts'
import { NetlinkWriter } from '../../src/fib/netlink-writer.ts'
import { Span } from '../../src/fib/rtnetlink-decode.ts'
import { decodeRule, encodeDelRule, encodeNewRule, ruleText } from '../../src/fib/rtnetlink-rule.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { hex, toHex } from '../support/hex.ts'

const any = { iif: '', oif: '', from: null, to: null, protocol: 152 }

/** By hand, after linux/fib_rules.h: fib_rule_hdr, then attributes, all in host order (little endian). */
const RULES: [text: string, rule: KernelRule, octets: Uint8Array][] = [
  [
    'IPv4 2: from all iif red lookup 10',
    { ...any, family: 4, priority: 2, iif: 'red', table: 10 },
    hex`02 00 00 00 00 00 00 01 00000000   // AF_INET, no lengths, FR_ACT_TO_TBL, no flags
        0800 0300 72656400                 // FRA_IIFNAME red
        0800 0600 02000000                 // FRA_PRIORITY
        0800 0f00 0a000000                 // FRA_TABLE
        0500 1500 98000000                 // FRA_PROTOCOL 152, padded`,
  ],
  [
    'IPv6 2001: from 2001:db8:7::/48 to fe80::/10 oif blue0 unreachable',
    {
      ...any,
      family: 6,
      priority: 2001,
      oif: 'blue0',
      from: { address: parseAddress('2001:db8:7::'), bits: 48 },
      to: { address: parseAddress('fe80::'), bits: 10 },
      table: 0,
    },
    hex`0a 0a 30 00 00 00 00 07 00000000   // AF_INET6, dst_len 10, src_len 48, FR_ACT_UNREACHABLE
        1400 0100 fe800000000000000000000000000000
        1400 0200 20010db8000700000000000000000000
        0a00 1100 626c7565300000 00        // FRA_OIFNAME blue0, padded
        0800 0600 d1070000
        0500 1500 98000000`,
  ],
]

function written(put: (w: NetlinkWriter) => void): {
  type: number
  flags: number
  payload: string
} {
  const w = new NetlinkWriter(512)
  put(w)
  const message = new Span(w.buf, 0, w.end)
  return { type: message.u16(4), flags: message.u16(6), payload: toHex(w.buf.slice(16, w.end)) }
}

t.test('rules: the octets of a new one and of its deletion, and back', async (t) => {
  for (const [text, rule, octets] of RULES) {
    t.equal(ruleText(rule), text)
    const added = written((w) => encodeNewRule(w, rule, 1))
    t.same(
      added,
      { type: 32, flags: 0x605, payload: toHex(octets) },
      'RTM_NEWRULE, CREATE, EXCL, ACK',
    )
    const deleted = written((w) => encodeDelRule(w, rule, 1))
    t.same(deleted, { type: 33, flags: 0x5, payload: toHex(octets) }, 'RTM_DELRULE, ACK')
    t.same(decodeRule(new Span(octets)), rule)
  }
})

t.test(
  'rules with a selector, an action or a family that ours never have are passed over',
  async (t) => {
    const plain = RULES[0]![2]
    const changed = (at: number, value: number) => {
      const octets = plain.slice()
      octets[at] = value
      return new Span(octets)
    }
    t.equal(decodeRule(changed(0, 128)), undefined, 'RTNL_FAMILY_IPMR')
    t.equal(decodeRule(changed(3, 4)), undefined, 'a TOS')
    t.equal(decodeRule(changed(7, 2)), undefined, 'goto')
    t.equal(decodeRule(changed(8, 2)), undefined, 'not')
    const mark = hex`0800 0a00 01000000`
    t.equal(decodeRule(new Span(Uint8Array.of(...plain, ...mark))), undefined, 'FRA_FWMARK')
    const suppress = (value: Uint8Array) => new Span(Uint8Array.of(...plain, 8, 0, 14, 0, ...value))
    t.equal(decodeRule(suppress(hex`00000000`)), undefined, 'suppress_prefixlength 0')
    t.same(decodeRule(suppress(hex`ffffffff`)), RULES[0]![1], 'as the kernel says of every rule')
  },
)
