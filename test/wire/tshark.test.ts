/**
 * What srv6d sends, read by tshark: no malformed packet, no expert warning, and the values that
 * went in. Needs tshark; without it the test skips, and fails where CI is set.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AttrWriter } from '../../src/wire/attr-writer.ts'
import { encodeCapabilities } from '../../src/wire/capability.ts'
import {
  encodeNotification,
  hardResetData,
  KEEPALIVE,
  shutdownData,
} from '../../src/wire/notification.ts'
import { encodeOpen } from '../../src/wire/open.ts'
import { labelOf } from '../../src/wire/prefix-sid.ts'
import { Behavior, FAMILIES, Family, familySpec } from '../../src/wire/registry.ts'
import { encodeRouteRefresh, RefreshSubtype } from '../../src/wire/route-refresh.ts'
import { UpdatePacker } from '../../src/wire/update-packer.ts'
import { address, asPathValue, rd, routeTarget, vpnPrefix } from '../support/builder.ts'
import { concat, toHex } from '../support/hex.ts'
import { pcapOf } from '../support/pcap.ts'
import { COMPLAINTS, dissect, type Field, isMissing, tshark } from '../support/tshark.ts'

/** One message, and for fields of tshark's the values they must have, in order. */
interface Sent {
  name: string
  bytes: Uint8Array
  fields: Record<string, string[]>
  /** NLRI octets: tshark 4.0 prints VPNv6 NLRI as a format string, but covers their octets. */
  vpn6?: string[]
}

const PREFIX_SID = 'bgp.prefix_sid.srv6_l3vpn'
const MP_REACH = 'bgp.update.path_attribute.mp_reach_nlri'
const MP_UNREACH = 'bgp.update.path_attribute.mp_unreach_nlri'
const HOP = '2001:db8:ffff::1'

// ── What is sent ──────────────────────────────────────────────────────────────────────────────

function sessionMessages(): Sent[] {
  const families = FAMILIES.map((f) => f.id)
  const capabilities = encodeCapabilities({
    families,
    extendedNextHop: [Family.IPV4_UNICAST, Family.VPNV4].map((family) => ({
      family,
      nextHopAfi: 2,
    })),
    routeRefresh: true,
    enhancedRouteRefresh: true,
    as4: 4200000000,
    extendedMessage: true,
    addPath: families.map((family) => ({ family, send: true, receive: true })),
    gracefulRestart: {
      restarting: true,
      notification: true,
      restartTime: 120,
      families: families.map((family) => ({ family, forwarding: true })),
    },
    fqdn: 'pe1.example',
  })
  const open = { version: 4, as: 4200000000, holdTime: 90, routerId: 0xc0000201 }
  const list: Sent[] = [
    {
      name: 'OPEN with all capabilities',
      bytes: encodeOpen({ ...open, capabilities }),
      fields: {
        'bgp.type': ['1'],
        'bgp.open.version': ['4'],
        'bgp.open.myas': ['23456'],
        'bgp.open.holdtime': ['90'],
        'bgp.open.identifier': ['192.0.2.1'],
        'bgp.cap.type': capabilities.map((c) => String(c.code)),
        'bgp.cap.mp.afi': FAMILIES.map(({ afi }) => String(afi)),
        'bgp.cap.mp.safi': FAMILIES.map(({ safi }) => String(safi)),
        'bgp.cap.enh.safi': ['1', '128'],
        'bgp.cap.enh.nhafi': ['2', '2'],
        'bgp.cap.4as': ['4200000000'],
        'bgp.cap.gr.timers.restart_time': ['120'],
        'bgp.cap.orf.fqdn.hostname': ['pe1'],
        'bgp.cap.orf.fqdn.domain_name': ['example'],
        'bgp.cap.ap.sendreceive': FAMILIES.map(() => '3'),
      },
    },
    { name: 'KEEPALIVE', bytes: KEEPALIVE, fields: { 'bgp.type': ['4'] } },
  ]
  for (const { id, afi, safi } of FAMILIES) {
    for (const subtype of Object.values(RefreshSubtype)) {
      list.push({
        name: `ROUTE-REFRESH ${afi}/${safi} subtype ${subtype}`,
        bytes: encodeRouteRefresh(id, subtype),
        fields: {
          'bgp.route_refresh.afi': [String(afi)],
          'bgp.route_refresh.safi': [String(safi)],
          'bgp.route_refresh.subtype': [String(subtype)],
        },
      })
    }
  }
  return list
}

const notifications = (): Sent[] => [
  {
    name: 'NOTIFICATION 6/2 with a communication',
    bytes: encodeNotification(6, 2, shutdownData('going down')),
    fields: {
      'bgp.notify.major_error': ['6'],
      'bgp.notify.minor_error_cease': ['2'],
      'bgp.notify.communication': ['going down'],
    },
  },
  {
    name: 'NOTIFICATION 6/9, a hard reset',
    bytes: encodeNotification(6, 9, hardResetData(6, 4, new Uint8Array(0))),
    fields: { 'bgp.notify.minor_error_cease': ['9'] },
  },
  {
    name: 'NOTIFICATION 3/5 with data',
    bytes: encodeNotification(3, 5, Uint8Array.of(0xc0, 40, 1, 0)),
    fields: { 'bgp.notify.minor_error_update': ['5'], 'bgp.notify.minor_data': ['c0:28:01:00'] },
  },
]

interface Route {
  rd: string
  prefix: string
}

const VPN4: Route[] = [
  { rd: '65000:110', prefix: '10.1.0.0/24' },
  { rd: '192.0.2.1:7', prefix: '10.2.3.4/32' },
  { rd: '4200000000:9', prefix: '0.0.0.0/0' },
]
const VPN6: Route[] = [
  { rd: '65000:110', prefix: '2001:db8:1::/48' },
  { rd: '192.0.2.1:7', prefix: '2001:db8:2::1/128' },
  { rd: '4200000000:9', prefix: '::/0' },
]
/** A default route beside others makes tshark 4.0 guess ADD-PATH: it has messages of its own. */
const DEFAULT_V4: Route[] = [{ rd: '', prefix: '0.0.0.0/0' }]
const DEFAULT_V6: Route[] = [{ rd: '', prefix: '::/0' }]
const V4: Route[] = VPN4.slice(0, 2).map(({ prefix }) => ({ rd: '', prefix }))
const V6: Route[] = VPN6.slice(0, 2).map(({ prefix }) => ({ rd: '', prefix }))

function pack(drive: (packer: UpdatePacker) => void): Uint8Array {
  const messages: Uint8Array[] = []
  const packer = new UpdatePacker((buf, at, end) => messages.push(buf.slice(at, end)))
  packer.configure({ maxLength: 4096, asn4: true, addPath: 0 })
  drive(packer)
  packer.flush()
  if (messages.length !== 1) throw new Error(`${messages.length} messages, expected one`)
  return messages[0]!
}

function add(packer: UpdatePacker, route: Route, label: number): void {
  const [net, bits] = route.prefix.split('/') as [string, string]
  const octets = concat(route.rd === '' ? new Uint8Array(0) : rd(route.rd), address(net))
  const view = new DataView(octets.buffer)
  const key = Int32Array.from({ length: octets.length / 4 }, (_, k) => view.getInt32(4 * k))
  packer.add(key, 0, Number(bits), label, 0)
}

const STRUCTURES = {
  '32/16/16/0': { blockBits: 32, nodeBits: 16, functionBits: 16, argumentBits: 0 },
  '40/24/16/0': { blockBits: 40, nodeBits: 24, functionBits: 16, argumentBits: 0 },
  '32/16/20/0': { blockBits: 32, nodeBits: 16, functionBits: 20, argumentBits: 0 },
}
const SIDS = {
  '32/16/16/0': ['fcbb:bb00:1:e002::', 'fcbb:bb00:1::'],
  '40/24/16/0': ['fcbb:bb00:1:1:e002::', 'fcbb:bb00:1:1::'],
  '32/16/20/0': ['fcbb:bb00:1:1234:5000::', 'fcbb:bb00:1::'],
} as const

function vpnUpdate(
  family: Family,
  structure: keyof typeof STRUCTURES,
  behavior: number,
  transpose: boolean,
): Sent {
  const s = STRUCTURES[structure]
  const [whole, block] = SIDS[structure]
  const sid = address(whole)
  const w = new AttrWriter()
  w.origin(0)
  w.asPath(asPathValue([65000, 4200000000]))
  w.med(50)
  w.localPref(100)
  w.extCommunities(concat(routeTarget('65000:10'), routeTarget('192.0.2.1:20')))
  w.prefixSid(sid, behavior, s, transpose)
  const label = labelOf(sid, s, transpose)
  const routes = family === Family.VPNV4 ? VPN4 : VPN6
  const hop = address(HOP)
  const bytes = pack((packer) => {
    packer.reach(family, hop, 0, 16, w.buf, 0, w.end)
    for (const route of routes) add(packer, route, label)
  })
  const { afi, safi, name } = familySpec(family)
  const fields: Sent['fields'] = {
    'bgp.type': ['2'],
    [`${MP_REACH}.afi`]: [String(afi)],
    [`${MP_REACH}.safi`]: [String(safi)],
    [`${MP_REACH}.next_hop.rd`]: ['0:0'],
    [`${MP_REACH}.next_hop.ipv6`]: [HOP],
    'bgp.update.path_attribute.as_path_segment.as4': ['65000', '4200000000'],
    'bgp.update.path_attribute.local_pref': ['100'],
    [`${PREFIX_SID}.sid_value`]: [transpose ? block : whole],
    [`${PREFIX_SID}.srv6_endpoint_behavior`]: [`0x${behavior.toString(16).padStart(4, '0')}`],
    [`${PREFIX_SID}.sid.locator_block_len`]: [String(s.blockBits)],
    [`${PREFIX_SID}.sid.locator_node_len`]: [String(s.nodeBits)],
    [`${PREFIX_SID}.sid.func_len`]: [String(s.functionBits)],
    [`${PREFIX_SID}.sid.arg_len`]: [String(s.argumentBits)],
    [`${PREFIX_SID}.sid.trans_len`]: [String(transpose ? s.functionBits : 0)],
    [`${PREFIX_SID}.sid.trans_offset`]: [String(transpose ? s.blockBits + s.nodeBits : 0)],
  }
  const title = `${name} ${structure} behavior ${behavior} ${transpose ? 'transposed' : 'whole'}`
  const octets = routes.map((route) => toHex(vpnPrefix({ ...route, label })))
  if (family === Family.VPNV6) return { name: title, bytes, fields, vpn6: octets }
  fields['bgp.label_stack'] = routes.map(() => `${label >>> 4} (bottom)`)
  fields['bgp.rd'] = routes.map((route) => route.rd)
  fields['bgp.prefix_length'] = routes.map((r) => String(Number(r.prefix.split('/')[1]) + 88))
  fields['bgp.mp_reach_nlri_ipv4_prefix'] = routes.map((r) => r.prefix.split('/')[0]!)
  return { name: title, bytes, fields }
}

function unicastUpdate(family: Family, hops: string[], field: string, routes: Route[]): Sent {
  const w = new AttrWriter()
  w.origin(2)
  w.asPath(asPathValue([65101]))
  w.communities(Uint8Array.of(0xfd, 0xe8, 0, 1))
  w.largeCommunities(concat(address('0.0.0.1'), address('0.0.0.2'), address('0.0.0.3')))
  const octets = concat(...hops.map(address))
  const bytes = pack((packer) => {
    packer.reach(family, octets, 0, octets.length, w.buf, 0, w.end)
    for (const route of routes) add(packer, route, 0)
  })
  const classic = octets.length === 4
  const hopField = classic ? 'bgp.update.path_attribute.next_hop' : `${MP_REACH}.next_hop.ipv6`
  return {
    name: `${familySpec(family).name} via ${hops.join('+')}, ${routes.length} routes`,
    bytes,
    fields: {
      [hopField]: [hops[0]!],
      ...(hops[1] ? { [`${MP_REACH}.next_hop.ipv6.link_local`]: [hops[1]] } : {}),
      [field]: routes.map((r) => r.prefix.split('/')[0]!),
      'bgp.prefix_length': routes.map((r) => r.prefix.split('/')[1]!),
      'bgp.large_communities.ga': ['1'],
      'bgp.large_communities.ldp1': ['2'],
      'bgp.large_communities.ldp2': ['3'],
      'bgp.update.path_attribute.community_as': ['65000'],
    },
  }
}

function withdrawal(family: Family, field: string, routes: Route[]): Sent {
  const bytes = pack((packer) => {
    packer.withdraw(family)
    for (const route of routes) add(packer, route, 0x31)
  })
  const { name, afi, safi } = familySpec(family)
  const octets = routes.map((route) => toHex(vpnPrefix({ ...route, label: 0x800000 })))
  if (family === Family.VPNV6) {
    return {
      name: `withdraw ${name}`,
      bytes,
      fields: { [`${MP_UNREACH}.afi`]: ['2'] },
      vpn6: octets,
    }
  }
  const fields: Sent['fields'] = { [field]: routes.map((r) => r.prefix.split('/')[0]!) }
  if (family !== Family.IPV4_UNICAST) {
    fields[`${MP_UNREACH}.afi`] = [String(afi)]
    fields[`${MP_UNREACH}.safi`] = [String(safi)]
  }
  if (family === Family.VPNV4) {
    fields['bgp.label_stack'] = routes.map(() => '0 (withdrawn)')
    fields['bgp.rd'] = routes.map((route) => route.rd)
  }
  return { name: `withdraw ${name}`, bytes, fields }
}

function endOfRib(family: Family): Sent {
  const { afi, safi, name } = familySpec(family)
  const bytes = pack((packer) => packer.endOfRib(family))
  const isClassic = family === Family.IPV4_UNICAST
  return {
    name: `End-of-RIB ${name}`,
    bytes,
    fields: isClassic
      ? { 'bgp.length': ['23'] }
      : { [`${MP_UNREACH}.afi`]: [String(afi)], [`${MP_UNREACH}.safi`]: [String(safi)] },
  }
}

/** Nearly 4096 octets, with two length octets; more than that tshark 4.0 calls an error. */
function fullUpdate(): Sent {
  const w = new AttrWriter()
  w.origin(0)
  w.asPath(asPathValue([]))
  w.prefixSid(address('fcbb:bb00:1:e002::'), 20, STRUCTURES['32/16/16/0'], true)
  const count = 260
  const routes = Array.from({ length: count }, (_, k) => ({
    rd: '65000:1',
    prefix: `10.${k >>> 8}.${k & 255}.0/24`,
  }))
  const hop = address(HOP)
  const bytes = pack((packer) => {
    packer.reach(Family.VPNV4, hop, 0, 16, w.buf, 0, w.end)
    for (const route of routes) add(packer, route, 0xe00201)
  })
  const prefixes = routes.map((r) => r.prefix.split('/')[0]!)
  return {
    name: `UPDATE of ${bytes.length} octets`,
    bytes,
    fields: { 'bgp.mp_reach_nlri_ipv4_prefix': prefixes },
  }
}

function updates(): Sent[] {
  const list: Sent[] = []
  for (const family of [Family.VPNV4, Family.VPNV6]) {
    const perFamily =
      family === Family.VPNV4
        ? [Behavior.END_DT4, Behavior.END_DT4_NEXT_CSID]
        : [Behavior.END_DT6, Behavior.END_DT6_NEXT_CSID]
    for (const transpose of [true, false]) {
      for (const behavior of [Behavior.END_DT46, Behavior.END_DT46_NEXT_CSID, ...perFamily]) {
        list.push(vpnUpdate(family, '32/16/16/0', behavior, transpose))
      }
      list.push(vpnUpdate(family, '40/24/16/0', Behavior.OPAQUE, transpose))
      list.push(vpnUpdate(family, '32/16/20/0', Behavior.END_DT46, transpose))
    }
  }
  const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
  const [mp4, mp6] = ['bgp.mp_reach_nlri_ipv4_prefix', 'bgp.mp_reach_nlri_ipv6_prefix']
  list.push(
    unicastUpdate(IPV4_UNICAST, ['192.0.2.1'], 'bgp.nlri_prefix', V4),
    unicastUpdate(IPV4_UNICAST, ['192.0.2.1'], 'bgp.nlri_prefix', DEFAULT_V4),
    unicastUpdate(IPV4_UNICAST, ['2001:db8::9'], mp4, V4),
    unicastUpdate(IPV6_UNICAST, ['2001:db8::9'], mp6, V6),
    unicastUpdate(IPV6_UNICAST, ['2001:db8::9', 'fe80::1'], mp6, DEFAULT_V6),
    withdrawal(IPV4_UNICAST, 'bgp.withdrawn_prefix', V4),
    withdrawal(IPV4_UNICAST, 'bgp.withdrawn_prefix', DEFAULT_V4),
    withdrawal(IPV6_UNICAST, 'bgp.mp_unreach_nlri_ipv6_prefix', V6),
    withdrawal(IPV6_UNICAST, 'bgp.mp_unreach_nlri_ipv6_prefix', DEFAULT_V6),
    withdrawal(VPNV4, 'bgp.mp_unreach_nlri_ipv4_prefix', VPN4),
    withdrawal(VPNV6, '', VPN6),
    ...FAMILIES.map((f) => endOfRib(f.id)),
    fullUpdate(),
  )
  return list
}

// ── What tshark says ──────────────────────────────────────────────────────────────────────────

function compare(t: Tap, sent: Sent, seen: Field[]): void {
  const shown = (name: string) => seen.filter((f) => f.name === name).map((f) => f.show)
  for (const [name, expected] of Object.entries(sent.fields)) {
    // Text against text: a thousand values would make a slow comparison and an endless report.
    t.equal(shown(name).join(' '), expected.join(' '), `${sent.name}: ${name}`)
  }
  if (sent.vpn6 === undefined) return
  const nlri = seen.filter((f) => f.name === 'bgp.label_stack')
  const structured = shown('bgp.rd')
  if (structured.length === 0) {
    t.same(
      nlri.map((f) => f.octets),
      sent.vpn6,
      `${sent.name}: the octets of each NLRI`,
    )
  } else {
    t.same(
      structured,
      VPN6.map((route) => route.rd),
      `${sent.name}: bgp.rd`,
    )
  }
}

type Tap = Pick<typeof t, 'equal' | 'same'>

const { CI } = process.env
if (isMissing && CI) t.fail('tshark is not installed, and CI is set')

t.test(
  'tshark reads what srv6d sends',
  { skip: isMissing && 'tshark is not installed' },
  async (t) => {
    const messages = [...sessionMessages(), ...updates(), ...notifications()]
    const file = join(t.testdir(), 'sent.pcap')
    writeFileSync(file, pcapOf(messages.map((m) => m.bytes)))
    t.equal(tshark(['-r', file, '-Y', COMPLAINTS]), '', 'nothing malformed, no warning, no error')
    const seen = dissect(file)
    t.equal(seen.length, messages.length, 'a packet with a message for each message sent')
    messages.forEach((message, k) => {
      compare(t, message, seen[k] ?? [])
    })
  },
)

t.test('tshark does complain of a bad message', { skip: isMissing && 'no tshark' }, async (t) => {
  const bad = pack((packer) => {
    packer.withdraw(Family.VPNV4)
    add(packer, VPN4[0]!, 0)
  })
  // The length of the NLRI, 112 bits, becomes one that no prefix has.
  bad[bad.indexOf(112)] = 250
  const file = join(t.testdir(), 'bad.pcap')
  writeFileSync(file, pcapOf([KEEPALIVE, bad]))
  t.not(tshark(['-r', file, '-Y', COMPLAINTS]), '')
})
