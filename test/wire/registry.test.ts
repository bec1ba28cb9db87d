import t from 'tap'
import { BgpError } from '../../src/wire/error.ts'
import * as registry from '../../src/wire/registry.ts'
import { reasonText, UpdateReason } from '../../src/wire/update-reason.ts'

t.test('families: the rows lie where their ids say, and AFI/SAFI leads back to them', async (t) => {
  for (const spec of registry.FAMILIES) {
    t.equal(registry.familySpec(spec.id), spec)
    t.equal(registry.familyOf(spec.afi, spec.safi), spec.id)
    t.equal(registry.familyName(spec.afi, spec.safi), spec.name)
    t.equal(registry.ALL_FAMILIES & (1 << spec.id), 1 << spec.id)
    if (spec.kind === 'evpn') continue
    t.equal(spec.keyWords, (spec.hasRd ? 2 : 0) + spec.prefixBits / 32)
    if (spec.kind === 'prefix') t.equal(spec.prefixBits, spec.addressBytes * 8)
  }
  const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = registry.Family
  t.same([IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6], [1, 2, 3, 4], 'the daemon has tables by these')
  t.equal(registry.familyOf(25, 70), registry.Family.EVPN)
  for (const [afi, safi] of [
    [0, 0],
    [3, 1],
    [1, 3],
    [2, 132],
    [16388, 71],
    [0xffff, 1],
  ] as const) {
    t.equal(registry.familyOf(afi, safi), 0)
    t.equal(registry.familyName(afi, safi), `${afi}/${safi}`)
  }
})

t.test('error names as RFC 4271, RFC 4486 and later ones spell them', async (t) => {
  const rows: [code: number, subcode: number, name: string][] = [
    [1, 1, 'Message Header Error/Connection Not Synchronized'],
    [2, 3, 'OPEN Message Error/Bad BGP Identifier'],
    [2, 11, 'OPEN Message Error/Role Mismatch'],
    [3, 2, 'UPDATE Message Error/Unrecognized Well-known Attribute'],
    [3, 4, 'UPDATE Message Error/Attribute Flags Error'],
    [3, 8, 'UPDATE Message Error/Invalid NEXT_HOP Attribute'],
    [3, 11, 'UPDATE Message Error/Malformed AS_PATH'],
    [4, 0, 'Hold Timer Expired'],
    [6, 1, 'Cease/Maximum Number of Prefixes Reached'],
    [6, 2, 'Cease/Administrative Shutdown'],
    [6, 9, 'Cease/Hard Reset'],
    [6, 10, 'Cease/BFD Down'],
    [6, 99, 'Cease/99'],
    [7, 1, 'ROUTE-REFRESH Message Error/Invalid Message Length'],
    [9, 9, 'error 9/9'],
  ]
  for (const [code, subcode, name] of rows) t.equal(registry.errorName(code, subcode), name)
  const error = new BgpError(6, 4, 'asked for')
  t.equal(error.describe(), 'Cease/Administrative Reset: asked for (6/4)')
  t.equal(error.data.length, 0)
})

t.test('endpoint behaviours: names, families and flavours at their IANA code points', async (t) => {
  // biome-ignore format: one row a behaviour
  const rows: [code: number, name: string, v4: boolean, v6: boolean, nextCsid: boolean][] = [
    [1, 'End', false, false, false],
    [4, 'End with PSP, USP', false, false, false],
    [5, 'End.X', false, false, false],
    [16, 'End.DX6', false, true, false],
    [17, 'End.DX4', true, false, false],
    [18, 'End.DT6', false, true, false],
    [19, 'End.DT4', true, false, false],
    [20, 'End.DT46', true, true, false],
    [28, 'End with USD', false, false, false],
    [31, 'End with PSP, USP, USD', false, false, false],
    [43, 'uN', false, false, true],
    [50, 'uN with PSP, USP, USD', false, false, true],
    [52, 'uA', false, false, true],
    [60, 'uDX6', false, true, true],
    [61, 'uDX4', true, false, true],
    [62, 'uDT6', false, true, true],
    [63, 'uDT4', true, false, true],
    [64, 'uDT46', true, true, true],
    [65, 'uDX2', false, false, true],
    [0xffff, 'opaque', true, true, false],
  ]
  for (const [code, name, v4, v6, nextCsid] of rows) {
    t.same(registry.behaviorSpec(code), { code, name, v4, v6, nextCsid })
    t.equal(registry.behaviorName(code), name)
  }
  t.equal(registry.behaviorSpec(0x1234), undefined)
  t.equal(registry.behaviorName(0x1234), '0x1234')
})

t.test('attributes and capabilities have names and RFCs', async (t) => {
  for (const [name, type] of Object.entries(registry.Attr)) {
    t.equal(registry.attrName(type), name)
    t.match(registry.ATTRS[name as keyof typeof registry.Attr].rfc, /^RFC \d+/)
  }
  t.equal(registry.attrName(33), 'BGPSEC_PATH')
  t.equal(registry.attrName(250), 'attribute 250')
  for (const code of Object.values(registry.Capability)) t.ok(registry.capabilitySpec(code)?.rfc)
  t.equal(registry.capabilityName(64), 'graceful-restart')
  t.equal(registry.capabilityName(250), 'capability 250')
})

t.test('every reason of the parser has a text', async (t) => {
  for (const [name, reason] of Object.entries(UpdateReason)) {
    if (name === 'NONE' || name === 'PREFIX_SID') continue
    t.match(reasonText(reason), /^[A-Za-z]{2,}.* /, name)
  }
  t.match(reasonText(UpdateReason.PREFIX_SID + 1), 'Prefix-SID')
  t.equal(reasonText(60), 'reason 60')
})
