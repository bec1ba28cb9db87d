/**
 * NLRI and next hops of every family from a grammar, for fast-check. Numbers are those of the RFCs,
 * written out: nothing here asks the code under test what is right.
 */
import fc from 'fast-check'
import * as b from './builder.ts'
import { concat } from './hex.ts'

/** A family and the form of its NLRI. */
export interface GrammarFamily {
  name: string
  afi: number
  safi: number
  /** Octets of an address; 0 where NLRI are not prefixes. */
  address: number
  form: 'prefix' | 'labeled' | 'vpn' | 'rtc' | 'evpn' | 'opaque'
  /** Octets a next hop may have. */
  hops: number[]
}

// biome-ignore format: one row a family
export const GRAMMAR_FAMILIES: readonly GrammarFamily[] = [
  { name: 'ipv4-unicast',   afi: 1,     safi: 1,   address: 4,  form: 'prefix',  hops: [4, 16, 32] },
  { name: 'ipv6-unicast',   afi: 2,     safi: 1,   address: 16, form: 'prefix',  hops: [16, 32] },
  { name: 'ipv4-multicast', afi: 1,     safi: 2,   address: 4,  form: 'prefix',  hops: [4] },
  { name: 'ipv6-multicast', afi: 2,     safi: 2,   address: 16, form: 'prefix',  hops: [16, 32] },
  { name: 'ipv4-labeled',   afi: 1,     safi: 4,   address: 4,  form: 'labeled', hops: [4, 16, 32] },
  { name: 'ipv6-labeled',   afi: 2,     safi: 4,   address: 16, form: 'labeled', hops: [16, 32] },
  { name: 'vpnv4',          afi: 1,     safi: 128, address: 4,  form: 'vpn',     hops: [12, 24, 48] },
  { name: 'vpnv6',          afi: 2,     safi: 128, address: 16, form: 'vpn',     hops: [24, 48] },
  { name: 'rt-constrain',   afi: 1,     safi: 132, address: 0,  form: 'rtc',     hops: [4, 16] },
  { name: 'evpn',           afi: 25,    safi: 70,  address: 0,  form: 'evpn',    hops: [4, 16] },
  { name: 'unknown',        afi: 16388, safi: 71,  address: 0,  form: 'opaque',  hops: [4, 16] },
]

const { oneof, constantFrom, integer, array, constant, tuple } = fc

/** Any octets, `min` to `max` of them. */
export const octets = (min: number, max = min): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: min, maxLength: max })

/** One after the other. */
export const all = (...parts: fc.Arbitrary<Uint8Array>[]): fc.Arbitrary<Uint8Array> =>
  tuple(...parts).map((list) => concat(...list))

/** Bits and octets of a prefix of an address of `address` octets. */
const prefixOf = (address: number) =>
  oneof(constantFrom(0, 8, 16, 24, 32, address * 8), integer({ min: 0, max: address * 8 }))
    .map((bits) => Math.min(bits, address * 8))
    .chain((bits) => octets((bits + 7) >>> 3).map((net) => ({ bits, net })))

/** What the form of an NLRI depends on beside its family. */
export interface NlriSession {
  /** RFC 7911. */
  addPath: boolean
  /** RFC 8277 §2.1: stacks of labels. */
  multipleLabels: boolean
}

/** RFC 8277 §2.2: one label; §2.3: as many as fit before `rest` bits, the last with the bottom bit. */
const labels = (multiple: boolean, rest: number) =>
  array(integer({ min: 16, max: 0xfffff }), {
    minLength: 1,
    maxLength: multiple ? Math.min(3, Math.floor((255 - rest) / 24)) : 1,
  }).map((list) =>
    concat(...list.map((label, k) => b.u24be((label << 4) | (k + 1 === list.length ? 1 : 0)))),
  )

/** RFC 8277 §2.4: three octets that mean nothing. */
const noLabel = oneof(constantFrom(0x800000, 0).map(b.u24be), octets(3))

const rds = oneof(
  constantFrom('65000:1', '192.0.2.1:7', '4200000000:9').map(b.rd),
  octets(6).map((rest) => concat(b.u16be(rest[0]! % 3), rest)),
)

/** RFC 7432 §7, RFC 9136 §3; a type nobody knows now and then. */
const evpn = oneof(
  tuple(constant(1), all(rds, octets(10), octets(4), octets(3))),
  constantFrom(0, 4, 16).chain((ip) =>
    tuple(
      constant(2),
      all(
        rds,
        octets(10),
        octets(4),
        constant(b.u8(48)),
        octets(6),
        constant(b.u8(ip * 8)),
        octets(ip),
        constantFrom(3, 6).chain((length) => octets(length)),
      ),
    ),
  ),
  constantFrom(4, 16).chain((ip) =>
    tuple(constant(3), all(rds, octets(4), constant(b.u8(ip * 8)), octets(ip))),
  ),
  constantFrom(4, 16).chain((ip) =>
    tuple(constant(4), all(rds, octets(10), constant(b.u8(ip * 8)), octets(ip))),
  ),
  constantFrom(4, 16).chain((ip) =>
    tuple(
      constant(5),
      all(
        rds,
        octets(10),
        octets(4),
        integer({ min: 0, max: ip * 8 }).map((bits) => b.u8(bits)),
        octets(ip),
        octets(ip),
        octets(3),
      ),
    ),
  ),
  tuple(integer({ min: 6, max: 255 }), octets(0, 40)),
).map(([type, value]) => concat(b.u8(type, value.length), value))

/** RFC 4684 §4: the default route, or origin AS and the first bits of a route target. */
const rtc = oneof(
  constant(b.u8(0)),
  integer({ min: 32, max: 96 }).chain((bits) =>
    octets((bits + 7) >>> 3).map((value) => concat(b.u8(bits), value)),
  ),
)

/** One NLRI of a family, without path identifier. */
function anyNlri(family: GrammarFamily, labelled: (rest: number) => fc.Arbitrary<Uint8Array>) {
  const { form, address } = family
  switch (form) {
    case 'prefix':
      return prefixOf(address).map(({ bits, net }) => concat(b.u8(bits), net))
    case 'labeled':
      return tuple(labelled(address * 8), prefixOf(address)).map(([label, { bits, net }]) =>
        concat(b.u8(bits + label.length * 8), label, net),
      )
    case 'vpn':
      return tuple(labelled(64 + address * 8), rds, prefixOf(address)).map(
        ([label, rd, { bits, net }]) => concat(b.u8(bits + 64 + label.length * 8), label, rd, net),
      )
    case 'rtc':
      return rtc
    case 'evpn':
      return evpn
    case 'opaque':
      return octets(0, 24)
  }
}

/** A field of `min` to five NLRI of the family. */
export function anyNlriField(
  family: GrammarFamily,
  { addPath, multipleLabels }: NlriSession,
  { withdraw, min }: { withdraw: boolean; min: number },
): fc.Arbitrary<Uint8Array> {
  const one = anyNlri(family, (rest) => (withdraw ? noLabel : labels(multipleLabels, rest)))
  const whole = addPath ? all(octets(4), one) : one
  return array(whole, { minLength: min, maxLength: 5 }).map((list) => concat(...list))
}

/** The next hop of MP_REACH_NLRI, route distinguishers of zeros with it. */
export function anyNextHop(family: GrammarFamily): fc.Arbitrary<Uint8Array> {
  return constantFrom(...family.hops).chain((length) => {
    if (family.form !== 'vpn') return octets(length)
    const step = length === 12 ? 4 : 16
    const zeros = new Uint8Array(8)
    return octets(step * (length === 48 ? 2 : 1)).map((hop) =>
      length === 48
        ? concat(zeros, hop.subarray(0, 16), zeros, hop.subarray(16))
        : concat(zeros, hop),
    )
  })
}
