/**
 * Routes of every family, written by hand from the RFCs, a line a field; what they say stands
 * beside them as another decoder reads it (test/wire/tshark.test.ts asks one).
 */
import { hex } from '../support/hex.ts'

/** One route: its octets and what they mean. */
export interface RouteVector {
  octets: Uint8Array
  prefix: string
  rd?: string
  /** The label fields, 24 bits each. */
  labels?: number[]
  evpn?: Record<string, string | number>
  /** Fields of tshark 4 and what it shows; families that it only shows as octets have none. */
  tshark?: Record<string, string>
  /** tshark 4.0 does not know it and says so. */
  unknown?: true
}

export interface FamilyVector {
  name: string
  rfc: string
  afi: number
  safi: number
  /** Next hop fields, each with the addresses in it. */
  hops: [octets: Uint8Array, ...addresses: string[]][]
  routes: RouteVector[]
}

const V4 = hex`c0000201`
const V6 = hex`20010db8 00000000 00000000 00000001`
const LINK_LOCAL = hex`fe800000 00000000 00000000 00000001`
const NO_RD = hex`00000000 00000000`
const HOPS4: FamilyVector['hops'] = [
  [V4, '192.0.2.1'],
  [V6, '2001:db8::1'], // RFC 8950 §3
  [hex`${V6} ${LINK_LOCAL}`, '2001:db8::1', 'fe80::1'],
]
const HOPS6: FamilyVector['hops'] = [
  [V6, '2001:db8::1'],
  [hex`${V6} ${LINK_LOCAL}`, '2001:db8::1', 'fe80::1'], // RFC 2545 §3
]
const VPN_HOPS: FamilyVector['hops'] = [
  [hex`${NO_RD} ${V6}`, '2001:db8::1'],
  [hex`${NO_RD} ${V6} ${NO_RD} ${LINK_LOCAL}`, '2001:db8::1', 'fe80::1'], // RFC 4659 §3.2.1.1
]

const RD0 = hex`0000 fde8 00000001 // type 0, 65000:1`
const RD1 = hex`0001 c0000201 0007 // type 1, 192.0.2.1:7`
const RD2 = hex`0002 fa56ea00 0009 // type 2, 4200000000:9`
const ESI = hex`00 112233445566778899`

const prefixes = (mp: string): RouteVector[] => [
  { octets: hex`18 cb0071`, prefix: '203.0.113.0/24', tshark: { [mp]: '203.0.113.0' } },
  { octets: hex`20 cb007105`, prefix: '203.0.113.5/32', tshark: { [mp]: '203.0.113.5' } },
  { octets: hex`0c ac10`, prefix: '172.16.0.0/12', tshark: { [mp]: '172.16.0.0' } },
]
const prefixes6 = (mp: string): RouteVector[] => [
  { octets: hex`20 20010db8`, prefix: '2001:db8::/32', tshark: { [mp]: '2001:db8::' } },
  { octets: hex`21 20010db880`, prefix: '2001:db8:8000::/33', tshark: { [mp]: '2001:db8:8000::' } },
  {
    octets: hex`80 20010db8 00000000 00000000 00000005`,
    prefix: '2001:db8::5/128',
    tshark: { [mp]: '2001:db8::5' },
  },
]
const MP4 = 'bgp.mp_reach_nlri_ipv4_prefix'
const MP6 = 'bgp.mp_reach_nlri_ipv6_prefix'

export const FAMILY_VECTORS: FamilyVector[] = [
  { name: 'ipv4-unicast', rfc: 'RFC 4760 §5', afi: 1, safi: 1, hops: HOPS4, routes: prefixes(MP4) },
  { name: 'ipv6-unicast', rfc: 'RFC 2545', afi: 2, safi: 1, hops: HOPS6, routes: prefixes6(MP6) },
  {
    name: 'ipv4-multicast',
    rfc: 'RFC 4760 §6',
    afi: 1,
    safi: 2,
    hops: HOPS4,
    routes: prefixes(MP4),
  },
  {
    name: 'ipv6-multicast',
    rfc: 'RFC 4760 §6',
    afi: 2,
    safi: 2,
    hops: HOPS6,
    routes: prefixes6(MP6),
  },
  {
    name: 'ipv4-labeled-unicast',
    rfc: 'RFC 8277 §2.2',
    afi: 1,
    safi: 4,
    hops: HOPS4,
    routes: [
      {
        octets: hex`30            // 48 bits: label and 24 of prefix
                    000641        // label 100, bottom of stack
                    cb0071`,
        prefix: '203.0.113.0/24',
        labels: [0x000641],
        tshark: { 'bgp.label_stack': '100 (bottom)', [MP4]: '203.0.113.0' },
      },
      {
        octets: hex`38 ffffff cb007105`,
        prefix: '203.0.113.5/32',
        labels: [0xffffff],
        tshark: { 'bgp.label_stack': '1048575 (bottom)', [MP4]: '203.0.113.5' },
      },
    ],
  },
  {
    name: 'ipv6-labeled-unicast',
    rfc: 'RFC 8277 §2.2',
    afi: 2,
    safi: 4,
    hops: HOPS6,
    routes: [
      {
        octets: hex`38 000641 20010db8`,
        prefix: '2001:db8::/32',
        labels: [0x000641],
        tshark: { 'bgp.label_stack': '100 (bottom)', [MP6]: '2001:db8::' },
      },
    ],
  },
  {
    name: 'vpnv4',
    rfc: 'RFC 4364 §4.3.4',
    afi: 1,
    safi: 128,
    hops: [[hex`${NO_RD} ${V4}`, '192.0.2.1'], ...VPN_HOPS],
    routes: [
      {
        octets: hex`70            // 112 bits: label, RD and 24 of prefix
                    e00021        // label 917506, bottom of stack
                    ${RD0} cb0071`,
        prefix: '203.0.113.0/24',
        rd: '65000:1',
        labels: [0xe00021],
        tshark: { 'bgp.label_stack': '917506 (bottom)', 'bgp.rd': '65000:1', [MP4]: '203.0.113.0' },
      },
      {
        octets: hex`78 000311 ${RD1} cb007105`,
        prefix: '203.0.113.5/32',
        rd: '192.0.2.1:7',
        labels: [0x000311],
        tshark: { 'bgp.rd': '192.0.2.1:7' },
      },
    ],
  },
  {
    name: 'vpnv6',
    rfc: 'RFC 4659 §2',
    afi: 2,
    safi: 128,
    hops: VPN_HOPS,
    routes: [
      {
        octets: hex`78 000311 ${RD2} 20010db8`,
        prefix: '2001:db8::/32',
        rd: '4200000000:9',
        labels: [0x000311],
      },
    ],
  },
  {
    name: 'route-target',
    rfc: 'RFC 4684 §4',
    afi: 1,
    safi: 132,
    hops: HOPS4,
    routes: [
      {
        octets: hex`60            // 96 bits
                    0000fde8      // origin AS 65000
                    0002 fde8 0000000a`,
        prefix: '65000:rt:65000:10/96',
        tshark: { 'bgp.community_prefix': '65000:10' },
      },
      {
        octets: hex`00 // the default: every route target`,
        prefix: 'default',
        tshark: { 'bgp.wildcard_route_target': 'MP Reach NLRI' },
      },
    ],
  },
  {
    name: 'evpn',
    rfc: 'RFC 7432 §7, RFC 9136 §3',
    afi: 25,
    safi: 70,
    hops: HOPS4.slice(0, 2),
    routes: [
      {
        octets: hex`01 19         // Ethernet A-D, 25 octets
                    ${RD0} ${ESI} 00000064 000641`,
        prefix: '[1]:[100]:[00:11:22:33:44:55:66:77:88:99]',
        rd: '65000:1',
        labels: [0x000641],
        evpn: {
          type: 1,
          name: 'ethernet-auto-discovery',
          esi: '00:11:22:33:44:55:66:77:88:99',
          ethernetTag: 100,
        },
        tshark: {
          'bgp.evpn.nlri.rt': '1',
          'bgp.evpn.nlri.etag': '100',
          'bgp.evpn.nlri.esi': '00:11:22:33:44:55:66:77:88:99',
          'bgp.evpn.nlri.mpls_ls1': '100',
        },
      },
      {
        octets: hex`02 21         // MAC/IP without IP, one label
                    ${RD0} ${ESI} 00000000
                    30 020000000001 00 000641`,
        prefix: '[2]:[0]:[48]:[02:00:00:00:00:01]',
        rd: '65000:1',
        labels: [0x000641],
        evpn: {
          type: 2,
          name: 'mac-ip-advertisement',
          esi: '00:11:22:33:44:55:66:77:88:99',
          ethernetTag: 0,
          mac: '02:00:00:00:00:01',
        },
        tshark: { 'bgp.evpn.nlri.rt': '2', 'bgp.evpn.nlri.mac_addr': '02:00:00:00:00:01' },
      },
      {
        octets: hex`02 28         // MAC/IP with IPv4, two labels
                    ${RD1} ${ESI} 00000000
                    30 020000000001 20 cb007105 000641 000651`,
        prefix: '[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[203.0.113.5]',
        rd: '192.0.2.1:7',
        labels: [0x000641, 0x000651],
        evpn: {
          type: 2,
          name: 'mac-ip-advertisement',
          esi: '00:11:22:33:44:55:66:77:88:99',
          ethernetTag: 0,
          mac: '02:00:00:00:00:01',
          ip: '203.0.113.5',
        },
        tshark: {
          'bgp.evpn.nlri.rt': '2',
          'bgp.evpn.nlri.ip.addr': '203.0.113.5',
          'bgp.evpn.nlri.mac_addr': '02:00:00:00:00:01',
          'bgp.evpn.nlri.mpls_ls1': '100',
          'bgp.evpn.nlri.mpls_ls2': '101',
        },
      },
      {
        octets: hex`03 11         // inclusive multicast, IPv4
                    ${RD0} 00000064 20 c0000201`,
        prefix: '[3]:[100]:[32]:[192.0.2.1]',
        rd: '65000:1',
        evpn: {
          type: 3,
          name: 'inclusive-multicast-ethernet-tag',
          ethernetTag: 100,
          ip: '192.0.2.1',
        },
        tshark: { 'bgp.evpn.nlri.rt': '3', 'bgp.evpn.nlri.ip.addr': '192.0.2.1' },
      },
      {
        octets: hex`04 23         // Ethernet segment, IPv6
                    ${RD1} ${ESI} 80 ${V6}`,
        prefix: '[4]:[00:11:22:33:44:55:66:77:88:99]:[128]:[2001:db8::1]',
        rd: '192.0.2.1:7',
        evpn: {
          type: 4,
          name: 'ethernet-segment',
          esi: '00:11:22:33:44:55:66:77:88:99',
          ip: '2001:db8::1',
        },
        tshark: { 'bgp.evpn.nlri.rt': '4', 'bgp.evpn.nlri.ipv6.addr': '2001:db8::1' },
      },
      {
        octets: hex`05 22         // IP prefix, IPv4
                    ${RD0} 00000000000000000000 00000000
                    18 cb007100 c0000202 000641`,
        prefix: '[5]:[0]:[24]:[203.0.113.0]',
        rd: '65000:1',
        labels: [0x000641],
        evpn: {
          type: 5,
          name: 'ip-prefix',
          esi: '00:00:00:00:00:00:00:00:00:00',
          ethernetTag: 0,
          ip: '203.0.113.0/24',
          gateway: '192.0.2.2',
        },
        tshark: {
          'bgp.evpn.nlri.rt': '5',
          'bgp.evpn.nlri.ip.addr': '203.0.113.0',
          'bgp.evpn.nlri.prefix_len': '24',
          'bgp.evpn.nlri.ipv4.gtw_addr': '192.0.2.2',
        },
      },
      {
        octets: hex`05 3a         // IP prefix, IPv6
                    ${RD0} 00000000000000000000 00000000
                    20 20010db8 00000000 00000000 00000000 ${V6} 000641`,
        prefix: '[5]:[0]:[32]:[2001:db8::]',
        rd: '65000:1',
        labels: [0x000641],
        evpn: {
          type: 5,
          name: 'ip-prefix',
          esi: '00:00:00:00:00:00:00:00:00:00',
          ethernetTag: 0,
          ip: '2001:db8::/32',
          gateway: '2001:db8::1',
        },
        tshark: {
          'bgp.evpn.nlri.rt': '5',
          'bgp.evpn.nlri.ipv6.addr': '2001:db8::',
          'bgp.evpn.nlri.prefix_len': '32',
          'bgp.evpn.nlri.ipv6.gtw_addr': '2001:db8::1',
        },
      },
      {
        octets: hex`09 03 010203 // a type that is not read (RFC 7606 §5.4)`,
        prefix: '[9]:[0x010203]',
        evpn: { type: 9, name: 'type 9', hex: '010203' },
        tshark: { 'bgp.evpn.nlri.rt': '9' },
        unknown: true,
      },
    ],
  },
]

/** RFC 8277 §2.3: where several labels were negotiated, up to the bottom of the stack. */
export const STACKED_VECTORS: { afi: number; safi: number; route: RouteVector }[] = [
  {
    afi: 1,
    safi: 4,
    route: {
      octets: hex`60              // 96 bits: three labels and 24 of prefix
                  000640 000650 000661 cb0071`,
      prefix: '203.0.113.0/24',
      labels: [0x000640, 0x000650, 0x000661],
    },
  },
  {
    afi: 2,
    safi: 4,
    route: {
      octets: hex`50 000640 000651 20010db8`,
      prefix: '2001:db8::/32',
      labels: [0x000640, 0x000651],
    },
  },
  {
    afi: 1,
    safi: 128,
    route: {
      octets: hex`88              // 136 bits: two labels, RD and 24 of prefix
                  000640 000651 ${RD0} cb0071`,
      prefix: '203.0.113.0/24',
      rd: '65000:1',
      labels: [0x000640, 0x000651],
    },
  },
  {
    afi: 2,
    safi: 128,
    route: {
      octets: hex`90 000640 000651 ${RD1} 20010db8`,
      prefix: '2001:db8::/32',
      rd: '192.0.2.1:7',
      labels: [0x000640, 0x000651],
    },
  },
]
