import t from 'tap'
import { type DecodedNlri, type DecodedUpdate, decodeUpdate } from '../../src/wire/decode.ts'
import type { DecodedSubTlv, DecodedTlv } from '../../src/wire/decode-prefix-sid.ts'
import type { UpdateSession } from '../../src/wire/update-view.ts'
import * as build from '../support/builder.ts'
import { concat, fromHex, toHex } from '../support/hex.ts'
import { type CapturedMessage, capturedMessages } from '../support/vectors.ts'

const updates = capturedMessages().filter(({ type }) => type === 'UPDATE')

/** CE sessions are eBGP, PE sessions iBGP; all with four-octet AS numbers and all four families. */
function sessionOf({ file }: CapturedMessage): UpdateSession {
  return { asn4: true, ebgp: file.endsWith('-ce'), localAs: 65000, addPath: 0, families: 0b11110 }
}

function decode(vector: CapturedMessage): DecodedUpdate {
  const octets = fromHex(vector.hex)
  return decodeUpdate(octets, 19, octets.length, sessionOf(vector))
}

/** What a third-party PE sent on purpose to see what FRR does with it. */
const ODD: [summary: RegExp, reason: string][] = [
  [/rd 65000:937\] 10\.9\.27\.0\/24/, 'optional and transitive flags not as specified'],
]

t.test(
  'captured UPDATEs of FRR, GoBGP and ExaBGP parse, the deliberately odd ones apart',
  async (t) => {
    const speakers = new Set(updates.map(({ from }) => from))
    for (const speaker of [
      'FRR 8.4.4',
      'FRR 10.3',
      'FRR 10.7.1',
      'GoBGP 3.10.0',
      'GoBGP 3.36.0',
      'GoBGP 4.8.0',
      'ExaBGP 5.0.15',
    ]) {
      t.ok(speakers.has(speaker), speaker)
    }
    const odd = new Set<string>()
    for (const vector of updates) {
      const { outcome, reason, reasonAttribute } = decode(vector)
      const row = ODD.find(([summary]) => summary.test(vector.summary))
      const want = row ? ['treat-as-withdraw', row[1], 'PREFIX_SID'] : ['ok', null, null]
      if (row) odd.add(row[1])
      const got = [outcome, reason, reasonAttribute]
      if (`${got}` !== `${want}`) t.same(got, want, vector.summary)
    }
    t.equal(odd.size, ODD.length)
  },
)

t.test('captured UPDATEs: prefixes, next hops, labels and SIDs are what others read', async (t) => {
  for (const vector of updates) {
    const found = decode(vector)
    const summary = summaryOf(found)
    if (!sameParts(summary, vector.summary)) t.equal(summary, vector.summary)
    const types = found.attributes.map(({ type }) => type)
    if (`${types}` !== `${vector.attributes}`) t.same(types, vector.attributes, vector.summary)
    // the analyser takes a label without bottom of stack for the first of several
    if (!/\[label \S+ = \d+ rd/.test(vector.summary)) {
      t.same(routesOf(found, 'reach'), vector.routes ?? [], vector.summary)
    }
    t.same(routesOf(found, 'unreach'), vector.withdrawn ?? [], vector.summary)
    if (found.outcome === 'ok') t.same(sidsOf(found), vector.sids ?? [], vector.summary)
  }
})

t.test('captured UPDATEs: each octet is accounted for', async (t) => {
  for (const vector of updates) {
    const octets = fromHex(vector.hex)
    const found = decode(vector)
    t.equal(found.rest, null)
    const attrsAt = found.attributes[0]?.at ?? octets.length
    let at = attrsAt
    for (const attribute of found.attributes) {
      if (attribute.at !== at) t.fail(`gap before ${attribute.name}: ${vector.summary}`)
      at = attribute.end
    }
    for (const nlri of found.nlri) {
      if (nlri.at !== at) t.fail(`gap before ${nlri.prefix}: ${vector.summary}`)
      at = nlri.end
    }
    if (found.attributes.length > 0) t.equal(at, octets.length, vector.summary)
    const again = toHex(rebuild(found))
    if (again !== vector.hex) t.equal(again, vector.hex, vector.summary)
  }
})

// ── The summary line that came with the capture, written from what was decoded ────────────────

function sameParts(a: string, b: string): boolean {
  const parts = (text: string) =>
    text
      .replace(/^UPDATE /, '')
      .split('; ')
      .sort()
      .join('; ')
  return parts(a) === parts(b)
}

function summaryOf(found: DecodedUpdate): string {
  if (found.endOfRib === 'ipv4-unicast') return 'End-of-RIB ipv4'
  const parts: string[] = []
  if (found.withdrawn.length > 0) parts.push(`withdraw ipv4 ${nlriText(found.withdrawn)}`)
  for (const { type, value, flags } of found.attributes) {
    if (type === 1) parts.push(`origin ${value}`)
    if (type === 2) parts.push(`as-path ${value ?? ''}`)
    if (type === 3) parts.push(`nh ${value}`)
    if (type === 4) parts.push(`med ${value}`)
    if (type === 5) parts.push(`lp ${value}`)
    if (type === 8) parts.push(`comm ${(value as string[]).join(' ')}`)
    if (type === 14) parts.push(reachText(value))
    if (type === 15) parts.push(unreachText(value))
    if (type === 16) parts.push(`ext ${(value as string[]).join(' ').replaceAll('0x', '')}`)
    if (type === 32) parts.push(`large ${(value as string[]).join(' ')}`)
    if (type === 40) parts.push(...sidTexts(value))
    if (![1, 2, 3, 4, 5, 8, 14, 15, 16, 32, 40].includes(type)) {
      const octets = String(value ?? '0x').slice(2)
      parts.push(`attr ${type} flags ${flags.toString(16).padStart(2, '0')} ${octets}`)
    }
  }
  if (found.nlri.length > 0) parts.push(`nlri ipv4 ${nlriText(found.nlri)}`)
  return `UPDATE ${parts.join('; ')}`
}

const shortFamily = (family: string) => family.replace('-unicast', '')

function reachText(value: unknown): string {
  const { family, nextHops, nlri } = value as {
    family: string
    nextHops: string[]
    nlri: DecodedNlri[]
  }
  const rd = family.startsWith('vpn') ? 8 : 0
  const octets = nextHops.reduce((sum, hop) => sum + rd + (hop.includes(':') ? 16 : 4), 0)
  const hops = nextHops.join('+')
  return `reach ${shortFamily(family)} nh ${hops} (${octets} octets): ${nlriText(nlri)}`
}

function unreachText(value: unknown): string {
  const { family, withdrawn } = value as { family: string; withdrawn: DecodedNlri[] }
  const name = shortFamily(family)
  return withdrawn.length === 0 ? `End-of-RIB ${name}` : `unreach ${name}: ${nlriText(withdrawn)}`
}

function nlriText(list: DecodedNlri[]): string {
  return list
    .map(({ rd, label, prefix }) => {
      if (label === undefined) return prefix
      const field = label.toString(16).padStart(6, '0')
      const none = label === 0x800000 || label === 0
      const number = none ? '' : ` = ${label >>> 4}${label & 1 ? '+S' : ''}`
      return `[label ${field}${number} rd ${rd}] ${prefix}`
    })
    .join(', ')
}

const BEHAVIORS: Record<string, string> = {
  18: 'End.DT6',
  19: 'End.DT4',
  20: 'End.DT46',
  62: 'uDT6',
  63: 'uDT4',
  64: 'uDT46',
}

function sidTexts(value: unknown): string[] {
  return (value as DecodedTlv[]).flatMap((tlv) => {
    if (tlv.type === 5) return (tlv.subTlvs ?? []).map(subTlvText)
    const inner = tlv.hex ?? toHex(concat(Uint8Array.of(tlv.reserved!), ...subTlvs(tlv.subTlvs!)))
    return [`prefix-sid tlv ${tlv.type} ${inner}`]
  })
}

function subTlvText(sub: DecodedSubTlv): string {
  if (sub.sid === undefined) return `srv6 l3 sub-tlv ${sub.type} ${sub.hex}`
  const structure = sub.subSubTlvs?.[0]
  const bits = structure
    ? ` structure ${structure.structure} transposition ${structure.transpositionBits}@${structure.transpositionOffset}`
    : ''
  return `srv6 l3 sid ${sub.sid} ${BEHAVIORS[sub.behavior!] ?? '?'}(${sub.behavior})${bits}`
}

// ── Routes and SIDs as the protocol analyser lists them ───────────────────────────────────────

function routesOf(found: DecodedUpdate, kind: 'reach' | 'unreach'): string[] {
  const list: DecodedNlri[] = []
  for (const { type, value } of found.attributes) {
    if (kind === 'reach' && type === 14) list.push(...(value as { nlri: DecodedNlri[] }).nlri)
    if (kind === 'unreach' && type === 15) {
      list.push(...(value as { withdrawn: DecodedNlri[] }).withdrawn)
    }
  }
  list.push(...(kind === 'reach' ? found.nlri : found.withdrawn))
  return list.map(({ rd, prefix }) => (rd === undefined ? prefix : `${rd} ${prefix}`))
}

function sidsOf(found: DecodedUpdate): string[] {
  const sids: string[] = []
  for (const { type, value } of found.attributes) {
    if (type !== 40) continue
    for (const tlv of value as DecodedTlv[]) {
      for (const sub of tlv.subTlvs ?? []) if (sub.sid) sids.push(sub.sid)
    }
  }
  return sids
}

// ── The message written again from what was decoded, by the independent builder ───────────────

function rebuild(found: DecodedUpdate): Uint8Array {
  return build.update({
    withdrawn: found.withdrawn.map(nlriOctets),
    attrs: found.attributes.map(({ flags, type, value }) =>
      build.attr(flags, type, valueOctets(type, value)),
    ),
    nlri: found.nlri.map(nlriOctets),
  })
}

function nlriOctets({ rd, label, prefix }: DecodedNlri): Uint8Array {
  return rd === undefined ? build.prefix(prefix) : build.vpnPrefix({ rd, label: label!, prefix })
}

const CODES: Record<string, [afi: number, safi: number]> = {
  'ipv4-unicast': [1, 1],
  'ipv6-unicast': [2, 1],
  vpnv4: [1, 128],
  vpnv6: [2, 128],
}

function valueOctets(type: number, value: unknown): Uint8Array {
  const bodyOf = (attr: Uint8Array) => attr.subarray(3)
  if (typeof value === 'string' && value.startsWith('0x')) return fromHex(value.slice(2))
  const text = value as string
  const list = value as string[]
  if (type === 1) return build.u8(['igp', 'egp', 'incomplete'].indexOf(text))
  if (type === 2) return build.asPathValue(value ? text.split(' ').map(Number) : [])
  if (type === 3) return build.address(text)
  if (type === 4 || type === 5) return build.u32be(value as number)
  if (type === 7) {
    const { as, address } = value as { as: number; address: string }
    return bodyOf(build.aggregator(as, address))
  }
  if (type === 8) return bodyOf(build.communities(...list))
  if (type === 16) {
    return concat(
      ...list.map((one) =>
        one.startsWith('rt:') ? build.routeTarget(one.slice(3)) : fromHex(one.slice(2)),
      ),
    )
  }
  if (type === 32) return bodyOf(build.largeCommunities(...list))
  if (type === 40) return concat(...(value as DecodedTlv[]).map(tlvOctets))
  if (type === 14) {
    const { family, nextHops, nextHopRds, reserved, nlri } = value as {
      family: string
      nextHops: string[]
      nextHopRds?: string[]
      reserved: number
      nlri: DecodedNlri[]
    }
    const [afi, safi] = CODES[family]!
    const hop = concat(
      ...nextHops.map((one, k) =>
        concat(nextHopRds ? build.rd(nextHopRds[k]!) : build.u8(), build.address(one)),
      ),
    )
    const head = concat(build.u16be(afi), build.u8(safi, hop.length), hop, build.u8(reserved))
    return concat(head, ...nlri.map(nlriOctets))
  }
  if (type === 15) {
    const { family, withdrawn } = value as { family: string; withdrawn: DecodedNlri[] }
    const [afi, safi] = CODES[family]!
    return concat(build.u16be(afi), build.u8(safi), ...withdrawn.map(nlriOctets))
  }
  return build.u8()
}

function tlvOctets(tlv: DecodedTlv): Uint8Array {
  if (tlv.hex !== undefined) return build.tlv(tlv.type, fromHex(tlv.hex))
  return build.tlv(tlv.type, build.u8(tlv.reserved!), ...subTlvs(tlv.subTlvs!))
}

function subTlvs(list: DecodedSubTlv[]): Uint8Array[] {
  return list.map((sub) => {
    if (sub.hex !== undefined) return build.tlv(sub.type, fromHex(sub.hex))
    const [before, behind] = sub.reserved!
    return build.tlv(
      sub.type,
      build.u8(before),
      build.address(sub.sid!),
      build.u8(sub.flags!),
      build.u16be(sub.behavior!),
      build.u8(behind),
      ...sub.subSubTlvs!.map((one) => {
        if (one.hex !== undefined) return build.tlv(one.type, fromHex(one.hex))
        const bits = one.structure!.split('/').map(Number)
        return build.tlv(
          one.type,
          build.u8(...bits, one.transpositionBits!, one.transpositionOffset!),
        )
      }),
    )
  })
}
