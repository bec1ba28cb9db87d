/**
 * Path attributes written by hand from the RFCs, a line a field, and what they say as
 * decodeUpdate prints it; fields of tshark 4 where it knows them.
 */
import { hex } from '../support/hex.ts'

export interface AttributeVector {
  rfc: string
  octets: Uint8Array
  value: unknown
  tshark?: Record<string, string[]>
  /** Of a session with AS numbers of two octets. */
  asn2?: true
  /** Only from a neighbour in the same AS. */
  ibgp?: true
  /** tshark 4.0 calls it malformed, which it is not. */
  misread?: true
}

const PATH = 'bgp.update.path_attribute'
const SID = hex`fcbbbb00 00090001 00000000 00000000`

// biome-ignore format: a block an attribute
export const ATTRIBUTE_VECTORS: AttributeVector[] = [
  { rfc: 'RFC 4271 §5.1.1', octets: hex`40 01 01 02`, value: 'incomplete', tshark: { [`${PATH}.origin`]: ['2'] } },
  {
    rfc: 'RFC 4271 §5.1.2',
    octets: hex`40 02 14
      02 02 0000fde9 fa56ea00       // AS_SEQUENCE 65001 4200000000
      01 02 00000001 00000002       // AS_SET {1,2}`,
    value: '65001 4200000000 {1,2}',
    tshark: { [`${PATH}.as_path_segment.as4`]: ['65001', '4200000000', '1', '2'] },
  },
  { rfc: 'RFC 4271 §5.1.2', octets: hex`40 02 06 02 02 fde9 fdea`, value: '65001 65002', asn2: true },
  {
    rfc: 'RFC 5065 §3',
    octets: hex`40 02 0c
      03 01 0000fde9                // AS_CONFED_SEQUENCE
      02 01 00000064`,
    value: '(65001) 100',
    ibgp: true,
  },
  { rfc: 'RFC 4271 §5.1.3', octets: hex`40 03 04 c0000201`, value: '192.0.2.1', tshark: { [`${PATH}.next_hop`]: ['192.0.2.1'] } },
  { rfc: 'RFC 4271 §5.1.4', octets: hex`80 04 04 0000000a`, value: 10, tshark: { [`${PATH}.multi_exit_disc`]: ['10'] } },
  { rfc: 'RFC 4271 §5.1.5', octets: hex`40 05 04 00000096`, value: 150, ibgp: true, tshark: { [`${PATH}.local_pref`]: ['150'] } },
  { rfc: 'RFC 4271 §5.1.6', octets: hex`40 06 00`, value: null },
  {
    rfc: 'RFC 4271 §5.1.7',
    octets: hex`c0 07 08 fa56ea00 c0000207`,
    value: { as: 4200000000, address: '192.0.2.7' },
    tshark: { [`${PATH}.aggregator_as`]: ['4200000000'], [`${PATH}.aggregator_origin`]: ['192.0.2.7'] },
  },
  { rfc: 'RFC 4271 §5.1.7', octets: hex`c0 07 06 5ba0 c0000207`, value: { as: 23456, address: '192.0.2.7' }, asn2: true },
  {
    rfc: 'RFC 1997',
    octets: hex`c0 08 08 fde80064 ffffff01 // 65000:100, NO_EXPORT`,
    value: ['65000:100', 'no-export'],
    tshark: { [`${PATH}.community_as`]: ['65000'], [`${PATH}.community_value`]: ['100'] },
  },
  { rfc: 'RFC 4456 §8', octets: hex`80 09 04 c0000209`, value: '192.0.2.9', ibgp: true, tshark: { [`${PATH}.originator_id`]: ['192.0.2.9'] } },
  {
    rfc: 'RFC 4456 §8',
    octets: hex`80 0a 08 c000020a c000020b`,
    value: ['192.0.2.10', '192.0.2.11'],
    ibgp: true,
    tshark: { 'bgp.path_attribute.cluster_id': ['192.0.2.10', '192.0.2.11'] },
  },
  {
    rfc: 'RFC 4360 §3, RFC 5668, RFC 9012 §4.3',
    octets: hex`c0 10 20
      0002 fde8 0000000a            // route target 65000:10
      0102 c0000201 0014            // route target 192.0.2.1:20
      0202 fa56ea00 001e            // route target 4200000000:30
      030b 0000 00000064            // Color 100`,
    value: ['rt:65000:10', 'rt:192.0.2.1:20', 'rt:4200000000:30', 'color:100'],
    tshark: {
      'bgp.ext_com.value_as2': ['65000'],
      'bgp.ext_com.value_IP4': ['192.0.2.1'],
      'bgp.ext_com.value_as4': ['4200000000'],
      'bgp.ext_com.stype_tr_opaque': ['0x0b'],
    },
  },
  { rfc: 'RFC 6793 §3', octets: hex`c0 11 0a 02 02 00030d40 0000fde9`, value: '200000 65001', asn2: true },
  { rfc: 'RFC 6793 §3', octets: hex`c0 12 08 00030d40 c0000207`, value: { as: 200000, address: '192.0.2.7' }, asn2: true },
  {
    rfc: 'RFC 6514 §5',
    octets: hex`c0 16 09
      00 06                         // flags, ingress replication
      000640                        // label 100
      c0000201`,
    value: { flags: 0, tunnelType: 6, name: 'ingress-replication', label: 0x000640, identifier: '192.0.2.1' },
    tshark: { [`${PATH}.pmsi.tunnel.type`]: ['6'], [`${PATH}.mpls_label_value_20bits`]: ['100'], [`${PATH}.pmsi.ingress_rep_ip`]: ['192.0.2.1'] },
  },
  {
    rfc: 'RFC 6514 §5',
    octets: hex`c0 16 11
      01 01 000000                  // leaf information wanted, RSVP-TE P2MP LSP
      c0000207 0000 0005 c0000208`,
    value: { flags: 1, tunnelType: 1, name: 'rsvp-te-p2mp', label: 0, identifier: '0xc000020700000005c0000208' },
    tshark: { [`${PATH}.pmsi.rsvp.id`]: ['192.0.2.7'], [`${PATH}.pmsi.rsvp.tunnel_id`]: ['5'] },
  },
  {
    rfc: 'RFC 9012 §2, §3.1, §3.4.2',
    octets: hex`c0 17 1a
      0008 0016                     // VXLAN
      06 0a 00000000 0001 c0000201  // egress endpoint 192.0.2.1
      04 08 030b 0000 00000064      // Color 100`,
    value: [
      {
        at: 0,
        end: 26,
        type: 8,
        name: 'vxlan',
        subTlvs: [
          { at: 4, end: 16, type: 6, name: 'tunnel-egress-endpoint', value: '192.0.2.1', hex: '000000000001c0000201' },
          { at: 16, end: 26, type: 4, name: 'color', value: 100, hex: '030b000000000064' },
        ],
      },
    ],
    // tshark 4.0 takes Color for four octets and loses its way behind it
    tshark: { 'bgp.update.encaps_tunnel_tlv_type': ['8'] },
    misread: true,
  },
  {
    rfc: 'RFC 5701 §2',
    octets: hex`c0 19 14
      00 02                         // route target of an IPv6 address
      20010db8 00000000 00000000 00000001
      000a`,
    value: ['rt:2001:db8::1:10'],
  },
  {
    rfc: 'RFC 7311 §3',
    octets: hex`80 1a 0b 01 000b 0000000000000064`,
    value: [{ type: 1, value: '100' }],
    ibgp: true,
    tshark: { 'bgp.update.attribute.aigp.accu_igp_metric': ['100'] },
  },
  {
    rfc: 'RFC 8092 §3',
    octets: hex`c0 20 0c 0000fde8 00000001 00000064`,
    value: ['65000:1:100'],
    tshark: { 'bgp.large_communities.ga': ['65000'], 'bgp.large_communities.ldp1': ['1'], 'bgp.large_communities.ldp2': ['100'] },
  },
  { rfc: 'RFC 9234 §5', octets: hex`c0 23 04 0000fde9`, value: 65001 },
  {
    rfc: 'RFC 9252 §2, §3',
    octets: hex`c0 28 5c
      05 0022 00                    // SRv6 L3 Service
      01 001e 00 ${SID} 00 0014 00  // SID Information, End.DT46
      01 0006 20 10 10 00 10 30     // SID Structure 32/16/16/0, 16 bits at 48
      06 001e a5                    // SRv6 L2 Service, its reserved octet set
      02 0002 beef                  // a sub-TLV that is not known
      01 0015 5a ${SID} 81 0018 c3  // SID Information, End.DT2M, reserved octets and flags set
      63 0002 cafe                  // a TLV that is not known
      05 0004 00 09 0000            // a second L3 Service, with an unknown sub-TLV
      01 0007 00 0000 00000007      // Label-Index`,
    value: [
      {
        at: 0, end: 37, type: 5, name: 'SRv6 L3 Service', reserved: 0,
        subTlvs: [
          {
            at: 4, end: 37, type: 1, name: 'SRv6 SID Information', sid: 'fcbb:bb00:9:1::', flags: 0,
            behavior: 20, behaviorName: 'End.DT46', reserved: [0, 0],
            subSubTlvs: [
              { at: 28, end: 37, type: 1, name: 'SRv6 SID Structure', structure: '32/16/16/0', transpositionBits: 16, transpositionOffset: 48 },
            ],
          },
        ],
      },
      {
        at: 37, end: 70, type: 6, name: 'SRv6 L2 Service', reserved: 0xa5,
        subTlvs: [
          { at: 41, end: 46, type: 2, name: 'sub-TLV 2', hex: 'beef' },
          {
            at: 46, end: 70, type: 1, name: 'SRv6 SID Information', sid: 'fcbb:bb00:9:1::', flags: 0x81,
            behavior: 24, behaviorName: 'End.DT2M', reserved: [0x5a, 0xc3], subSubTlvs: [],
          },
        ],
      },
      { at: 70, end: 75, type: 99, name: 'TLV 99', hex: 'cafe' },
      { at: 75, end: 82, type: 5, name: 'SRv6 L3 Service', reserved: 0, subTlvs: [{ at: 79, end: 82, type: 9, name: 'sub-TLV 9', hex: '' }] },
      { at: 82, end: 92, type: 1, name: 'Label-Index', hex: '00000000000007' },
    ],
  },
  { rfc: 'RFC 4271 §5', octets: hex`e0 c8 03 010203`, value: '0x010203' },
  { rfc: 'RFC 4271 §5', octets: hex`80 c9 00`, value: null },
]
