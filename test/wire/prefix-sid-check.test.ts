import t from 'tap'
import {
  checkPrefixSid,
  isServiceFault,
  PrefixSidError,
  prefixSidErrorText,
  prefixSidFault,
} from '../../src/wire/prefix-sid-check.ts'
import { l2Service, l3Service, sidStructure, tlv, u8 } from '../support/builder.ts'
import { concat, hex } from '../support/hex.ts'

const OK = 0
const {
  EMPTY,
  TLV_HEADER,
  TLV_LENGTH,
  SERVICE_LENGTH,
  SUB_TLV_HEADER,
  SUB_TLV_LENGTH,
  SID_INFORMATION_LENGTH,
  SUB_SUB_TLV_HEADER,
  SUB_SUB_TLV_LENGTH,
  SID_STRUCTURE_LENGTH,
  LABEL_INDEX_LENGTH,
  ORIGINATOR_SRGB_LENGTH,
} = PrefixSidError

/** SID Information up to its sub-sub-TLVs: 21 octets of value. */
const SID = hex`00 fcbb bb00 0009 0001 0000 0000 0000 0000 00 0014 00`
const info = (...data: Uint8Array[]) => tlv(1, SID, ...data)
const structure = sidStructure(32, 16, 16, 0, 16, 48)
const whole = l3Service(info(structure))
const labelIndex = tlv(1, hex`00 0000 00000007`)
const srgb = tlv(3, hex`0000 003e80 001f40`)

/** A value, what is wrong with it, and at which of its octets the TLV begins that is wrong. */
type Row = [rule: string, value: Uint8Array, error: number, at?: number]

// biome-ignore format: one row a case
const TREE: Row[] = [
  // the attribute: RFC 8669 §3, §6
  ['no TLV',                                          u8(), EMPTY, 0],
  ['TLV header of one octet',                         u8(5), TLV_HEADER, 0],
  ['TLV header of two octets',                        u8(5, 0), TLV_HEADER, 0],
  ['TLV header cut behind a whole TLV',               concat(whole, u8(5, 0)), TLV_HEADER, 37],
  ['unknown TLV, header cut',                         u8(200), TLV_HEADER, 0],
  ['L3 service one octet over',                       hex`05 0002 00`, TLV_LENGTH, 0],
  ['L2 service one octet over',                       hex`06 0002 00`, TLV_LENGTH, 0],
  ['L3 service of 65535',                             hex`05 ffff 00`, TLV_LENGTH, 0],
  ['second L3 service over',                          concat(whole, hex`05 0002 00`), TLV_LENGTH, 37],
  ['unknown TLV over',                                hex`63 ffff 00`, TLV_LENGTH, 0],
  ['unknown TLV of length 0',                         hex`63 0000`, OK],
  ['unknown TLV in front and behind',                 concat(tlv(200, u8(1, 2, 3)), whole, tlv(255)), OK],
  ['TLV 4 of an old draft',                           tlv(4, u8(1)), OK],
  ['L3 and L2 service',                               concat(whole, l2Service(info(structure))), OK],
  ['L2 and L3 service',                               concat(l2Service(info(structure)), whole), OK],
  ['two L3 services',                                 concat(whole, whole), OK],
  ['two L2 services',                                 concat(l2Service(info()), l2Service(info())), OK],
  // SRv6 L3 and L2 Service TLV: RFC 9252 §2, §7
  ['L3 service of length 0: no reserved octet',       hex`05 0000`, SERVICE_LENGTH, 0],
  ['L2 service of length 0: no reserved octet',       hex`06 0000`, SERVICE_LENGTH, 0],
  ['second L3 service of length 0',                   concat(whole, hex`05 0000`), SERVICE_LENGTH, 37],
  ['L3 service of its reserved octet alone',          hex`05 0001 00`, OK],
  ['reserved octet set',                              hex`05 0001 ff`, OK],
  ['service one octet under: its sub-TLV is cut',     hex`05 0003 00 02 00 00`, SUB_TLV_HEADER, 4],
  ['sub-TLV header of one octet',                     hex`05 0002 00 01`, SUB_TLV_HEADER, 4],
  ['sub-TLV header of two octets',                    hex`05 0003 00 01 00`, SUB_TLV_HEADER, 4],
  ['L2: sub-TLV header of two octets',                hex`06 0003 00 01 00`, SUB_TLV_HEADER, 4],
  ['octets behind the last sub-TLV',                  tlv(5, u8(0), info(), u8(7)), SUB_TLV_HEADER, 28],
  ['sub-TLV over its service, not the attribute',     concat(hex`05 0004 00 09 0001`, tlv(99, u8(0))), SUB_TLV_LENGTH, 4],
  ['sub-TLV of 65535',                                hex`05 0005 00 02 ffff 00`, SUB_TLV_LENGTH, 4],
  ['SID Information over its service',                tlv(5, u8(0), hex`01 0016`, SID), SUB_TLV_LENGTH, 4],
  ['L2: SID Information over its service',            tlv(6, u8(0), hex`01 0016`, SID), SUB_TLV_LENGTH, 4],
  ['in the second L3 service',                        concat(whole, hex`05 0004 00 01 0005`), SUB_TLV_LENGTH, 41],
  ['unknown sub-TLV of length 0',                     l3Service(tlv(2)), OK],
  ['unknown sub-TLVs around the SID',                 l3Service(tlv(2, u8(9, 9)), info(), tlv(255)), OK],
  ['two SID Informations',                            l3Service(info(), info(structure)), OK],
  // SRv6 SID Information Sub-TLV: RFC 9252 §3.1, §7
  ['SID Information of 0 octets',                     l3Service(tlv(1)), SID_INFORMATION_LENGTH, 4],
  ['SID Information of 20 octets',                    l3Service(tlv(1, SID.subarray(1))), SID_INFORMATION_LENGTH, 4],
  ['L2: SID Information of 20 octets',                l2Service(tlv(1, SID.subarray(1))), SID_INFORMATION_LENGTH, 4],
  ['second SID Information of 20 octets',             l3Service(info(), tlv(1, SID.subarray(1))), SID_INFORMATION_LENGTH, 28],
  ['SID Information of 21 octets',                    l3Service(info()), OK],
  ['its reserved octets and flags set',               l3Service(tlv(1, u8(0xff), SID.subarray(1, 17), u8(0xff, 0, 20, 0xff))), OK],
  ['SID Information one under: a structure is cut',   l3Service(tlv(1, SID, structure.subarray(0, 8))), SUB_SUB_TLV_LENGTH, 28],
  ['sub-sub-TLV header of one octet',                 l3Service(info(u8(1))), SUB_SUB_TLV_HEADER, 28],
  ['sub-sub-TLV header of two octets',                l3Service(info(u8(1, 0))), SUB_SUB_TLV_HEADER, 28],
  ['octets behind the last sub-sub-TLV',              l3Service(info(structure, u8(1))), SUB_SUB_TLV_HEADER, 37],
  ['sub-sub-TLV over its parent, not the service',    l3Service(info(hex`01 0006 20 10 10 00 10`), tlv(2, u8(0))), SUB_SUB_TLV_LENGTH, 28],
  ['unknown sub-sub-TLV over',                        l3Service(info(hex`4d 0001`)), SUB_SUB_TLV_LENGTH, 28],
  ['sub-sub-TLV of 65535',                            l3Service(info(hex`4d ffff`)), SUB_SUB_TLV_LENGTH, 28],
  ['unknown sub-sub-TLVs around the structure',       l3Service(info(tlv(2, u8(1)), structure, tlv(9))), OK],
  // SRv6 SID Structure Sub-Sub-TLV: RFC 9252 §3.2.1, §7
  ['structure of 0 octets',                           l3Service(info(tlv(1))), SID_STRUCTURE_LENGTH, 28],
  ['structure of 5 octets',                           l3Service(info(sidStructure(32, 16, 16, 0, 16))), SID_STRUCTURE_LENGTH, 28],
  ['structure of 7 octets',                           l3Service(info(sidStructure(32, 16, 16, 0, 16, 48, 0))), SID_STRUCTURE_LENGTH, 28],
  ['L2: structure of 5 octets',                       l2Service(info(sidStructure(32, 16, 16, 0, 16))), SID_STRUCTURE_LENGTH, 28],
  ['second structure of 5 octets',                    l3Service(info(structure, sidStructure(32, 16, 16, 0, 16))), SID_STRUCTURE_LENGTH, 37],
  ['two structures',                                  l3Service(info(structure, structure)), OK],
  // bit counts make a SID invalid, not the attribute malformed: prefix-sid.test.ts
  ['structure of bits that cannot be',                l3Service(info(sidStructure(255, 255, 255, 255, 255, 255))), OK],
  // of SR-MPLS, where the routes are not of labeled unicast: RFC 8669 §3.1
  ['Label-Index of 0 octets',                         tlv(1), OK],
  ['Originator SRGB of 3 octets',                     tlv(3, u8(0, 0, 0)), OK],
]

// biome-ignore format: one row a case
const LABELED: Row[] = [
  ['Label-Index',                                     labelIndex, OK],
  ['Label-Index of 6 octets',                         tlv(1, new Uint8Array(6)), LABEL_INDEX_LENGTH, 0],
  ['Label-Index of 8 octets',                         tlv(1, new Uint8Array(8)), LABEL_INDEX_LENGTH, 0],
  ['Label-Index of 0 octets, behind another TLV',     concat(tlv(9), tlv(1)), LABEL_INDEX_LENGTH, 3],
  ['Label-Index and Originator SRGB',                 concat(labelIndex, srgb), OK],
  ['Originator SRGB of two ranges',                   tlv(3, hex`0000 003e80 001f40 0061a8 000064`), OK],
  ['Originator SRGB of flags alone',                  tlv(3, u8(0, 0)), ORIGINATOR_SRGB_LENGTH, 0],
  ['Originator SRGB of 7 octets',                     concat(labelIndex, tlv(3, new Uint8Array(7))), ORIGINATOR_SRGB_LENGTH, 10],
  ['Originator SRGB of no octet',                     tlv(3), ORIGINATOR_SRGB_LENGTH, 0],
  ['of two the first',                                concat(tlv(3), tlv(1)), ORIGINATOR_SRGB_LENGTH, 0],
  ['a service that is wrong is worse',                concat(tlv(1), hex`05 0000`), SERVICE_LENGTH, 3],
]

for (const [title, rows, labeled] of [
  ['RFC 8669 §6, RFC 9252 §7: the tree of TLVs', TREE, false],
  ['RFC 8669 §3.1, §3.2: lengths that count for labeled unicast', LABELED, true],
] as const) {
  t.test(title, async (t) => {
    for (const [rule, value, error, at = 0] of rows) {
      // at an odd place, with more octets behind it that would make it whole
      const buf = concat(u8(5, 0xff, 0xff), value, new Uint8Array(64))
      const fault = prefixSidFault(buf, 3, 3 + value.length, labeled)
      t.equal(prefixSidErrorText(fault & 0xff), prefixSidErrorText(error), rule)
      t.equal(fault >>> 8, at, `${rule}: where`)
      t.equal(checkPrefixSid(buf, 3, 3 + value.length, labeled), error)
    }
  })
}

t.test('RFC 8669 §6, RFC 9252 §7: whether it is a service that is wrong', async (t) => {
  const isService = (value: Uint8Array) =>
    isServiceFault(value, 0, prefixSidFault(value, 0, value.length, true))
  const services = [hex`05`, hex`06 00`, hex`05 0001`, hex`06 0000`, hex`05 0002 00 01`]
  services.push(l3Service(tlv(1)), l3Service(info(u8(1))), l2Service(info(tlv(1))))
  for (const value of services) t.ok(isService(value))
  const others = [u8(), hex`01 00`, hex`63 0001`, tlv(1), tlv(3), concat(whole, u8(1))]
  for (const value of others) t.notOk(isService(value))
})

t.test('each reason has its own text', async (t) => {
  const texts = Object.values(PrefixSidError).map(prefixSidErrorText)
  t.equal(new Set(texts).size, texts.length)
  t.equal(prefixSidErrorText(99), 'prefix-sid error 99')
})
