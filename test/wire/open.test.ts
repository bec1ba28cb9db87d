/** OPEN and its capabilities: open.ts, capability.ts. */
import fc from 'fast-check'
import t from 'tap'
import {
  type Capabilities,
  decodeCapabilities,
  describeCapabilities,
  encodeCapabilities,
  noCapabilities,
} from '../../src/wire/capability.ts'
import { BgpError } from '../../src/wire/error.ts'
import { decodeOpen, encodeOpen, type Open } from '../../src/wire/open.ts'
import { FAMILIES, Family } from '../../src/wire/registry.ts'
import { capability, message, open as openMessage, u8, u16be } from '../support/builder.ts'
import { concat, hex, toHex } from '../support/hex.ts'
import { EXABGP_OPENS } from '../vectors/open-exabgp.ts'
import { FRR_OPENS } from '../vectors/open-frr.ts'
import { GOBGP_OPENS } from '../vectors/open-gobgp.ts'

const VECTORS = [...FRR_OPENS, ...GOBGP_OPENS, ...EXABGP_OPENS]
const HEADER = 19

const decode = (bytes: Uint8Array) => decodeOpen(bytes, HEADER, bytes.length)

/** The code/subcode and data a body is refused with; undefined if it is not. */
function refusal(run: () => unknown): { error: string; data: string } | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (!(error instanceof BgpError)) throw error
    return { error: `${error.code}/${error.subcode}`, data: toHex(error.data) }
  }
}

t.test('captured OPENs of FRR, GoBGP and ExaBGP decode to what they say', async (t) => {
  for (const { name, bytes, open, codes, capabilities } of VECTORS) {
    const { capabilities: list, ...fields } = decode(bytes)
    t.same(fields, open, name)
    t.same(
      list.map((c) => c.code),
      codes,
      `${name}: capability codes`,
    )
    t.same(decodeCapabilities(list), capabilities, `${name}: capabilities`)
  }
})

t.test('every truncation of every OPEN is a BgpError and nothing else', async (t) => {
  for (const { name, bytes } of VECTORS) {
    for (let end = HEADER; end < bytes.length; end++) {
      const cut = refusal(() => decodeOpen(bytes, HEADER, end))
      // Ten octets of fixed part, then optional parameters against their own length octet.
      const expected = end < HEADER + 10 ? '1/2' : '2/0'
      if (cut?.error !== expected) t.fail(`${name} cut at ${end}: ${cut?.error}, not ${expected}`)
    }
    t.pass(name)
  }
})

t.test('every truncation with the length octet mended: an OPEN or a BgpError 2/0', async (t) => {
  for (const { name, bytes } of VECTORS) {
    let refused = 0
    for (let end = HEADER + 10; end < bytes.length; end++) {
      const mended = bytes.slice(0, end)
      mended[HEADER + 9] = end - HEADER - 10
      const cut = refusal(() => decodeCapabilities(decode(mended).capabilities))
      if (cut !== undefined && cut.error !== '2/0') t.fail(`${name} cut at ${end}: ${cut.error}`)
      if (cut !== undefined) refused++
    }
    t.ok(refused > 0, name)
  }
})

t.test('any octets behind any offset: an OPEN or a BgpError', async (t) => {
  const bodies = fc.tuple(
    fc.uint8Array({ maxLength: 64 }),
    fc.constantFrom(...VECTORS.map((v) => v.bytes.subarray(HEADER))),
    fc.nat(140),
    fc.nat(255),
  )
  const decoded = () =>
    fc.assert(
      fc.property(bodies, ([noise, body, at, octet]) => {
        const changed = body.slice()
        changed[at % changed.length] = octet
        for (const bytes of [noise, changed, concat(changed, noise)]) {
          const padded = concat(u8(255, 2), bytes, u8(2, 9))
          refusal(() => decodeCapabilities(decodeOpen(padded, 2, 2 + bytes.length).capabilities))
        }
      }),
      { seed: 4271, numRuns: 2000 },
    )
  t.doesNotThrow(decoded)
})

t.test('RFC 4271 §6.2: what is refused, with code, subcode and data', async (t) => {
  const body = (...rest: Uint8Array[]) => concat(u8(4), u16be(65000, 90), u8(192, 0, 2, 1), ...rest)
  const of = (octets: Uint8Array) => refusal(() => decodeOpen(octets, 0, octets.length))
  t.same(of(u8()), { error: '1/2', data: '0013' }, 'an empty body')
  t.same(of(body()), { error: '1/2', data: '001c' }, 'one octet too few')
  for (const version of [0, 3, 5, 255]) {
    const octets = body(u8(0))
    octets[0] = version
    t.same(of(octets), { error: '2/1', data: '0004' }, `version ${version}`)
  }
  t.same(of(body(u8(2, 1, 0))), { error: '2/4', data: '' }, 'optional parameter 1')
  t.same(of(body(u8(4, 2, 0, 77, 0))), { error: '2/4', data: '' }, 'one behind capabilities')
  t.same(of(body(u8(1, 2))), { error: '2/0', data: '' }, 'a parameter without a length')
  t.same(of(body(u8(2, 2, 1))), { error: '2/0', data: '' }, 'a parameter past the end')
  t.same(of(body(u8(3, 2, 1, 65))), { error: '2/0', data: '' }, 'a capability without a length')
  t.same(
    of(body(u8(4, 2, 2, 65, 4))),
    { error: '2/0', data: '' },
    'a capability past its parameter',
  )
  t.same(of(body(u8(0, 0))), { error: '2/0', data: '' }, 'octets behind the parameters')
  t.equal(of(body(u8(0))), undefined, 'no parameters at all')
})

t.test('RFC 5492 §4: capabilities in one parameter or in many are the same list', async (t) => {
  const two = [capability(65, u8(0, 0, 0xfd, 0xe8)), capability(2)]
  const many = openMessage({ as: 65000, capabilities: two })
  const parameter = concat(...two)
  const one = message(
    1,
    many.subarray(HEADER, HEADER + 9),
    u8(parameter.length + 2, 2, parameter.length),
    parameter,
  )
  t.same(decode(one), decode(many))
  t.same(decode(openMessage({ as: 65000, capabilities: [u8()] })).capabilities, [], 'an empty one')
})

t.test('RFC 9072: extended optional parameters', async (t) => {
  const fixed = hex`04 fde8 005a c0000201`
  const parameters = hex`
    02 0006 41 04 0000fde8   // FOUR_OCTET_AS
    02 0002 02 00            // ROUTE_REFRESH`
  const of = (...head: number[]) => message(1, fixed, u8(...head), parameters)
  const expected = ['65:0000fde8', '2:']
  const codesOf = (bytes: Uint8Array) =>
    decode(bytes).capabilities.map((c) => `${c.code}:${toHex(c.value)}`)
  t.same(codesOf(of(255, 255, 0, parameters.length)), expected)
  t.same(codesOf(of(7, 255, 0, parameters.length)), expected, 'the short length does not count')
  t.equal(refusal(() => decode(of(255, 255, 0, 99)))?.error, '2/0', 'a length past the end')
  t.equal(refusal(() => decode(of(255, 255, 0, 1)))?.error, '2/0', 'a length before the end')
  const cut = message(1, fixed, u8(255, 255, 0))
  t.equal(refusal(() => decode(cut))?.error, '2/0', 'no length')
  const whole = of(255, 255, 0, parameters.length)
  for (let end = HEADER + 10; end < whole.length; end++) {
    t.equal(refusal(() => decodeOpen(whole, HEADER, end))?.error, '2/0', `cut at ${end}`)
  }
})

t.test('decoded capability values outlive the buffer they came in', async (t) => {
  const bytes = FRR_OPENS[0]!.bytes.slice()
  const { capabilities } = decode(bytes)
  const before = capabilities.map((c) => toHex(c.value))
  bytes.fill(0)
  t.same(
    capabilities.map((c) => toHex(c.value)),
    before,
  )
})

t.test('RFC 5492: malformed capabilities', async (t) => {
  const of = (code: number, ...value: number[]) =>
    refusal(() => decodeCapabilities([{ code, value: u8(...value) }]))
  const bad: [code: number, value: number[], why: string][] = [
    [1, [0, 1, 0], 'MULTIPROTOCOL of 3 octets'],
    [1, [0, 1, 0, 1, 0], 'MULTIPROTOCOL of 5 octets'],
    [65, [0, 0, 1], 'FOUR_OCTET_AS of 3 octets'],
    [65, [], 'FOUR_OCTET_AS of 0 octets'],
  ]
  for (const [code, value, why] of bad) {
    t.same(of(code, ...value), { error: '2/0', data: toHex(u8(code, value.length, ...value)) }, why)
  }
  // biome-ignore format: one row a capability
  const ignored: [code: number, value: number[]][] = [
    [5, [0, 1, 0, 1, 0]], [64, [0]], [64, [0, 120, 0, 1, 1]], [69, [0, 1, 1]],
    [71, [0, 1, 128, 128, 0, 14]], [73, []], [73, [9, 65]], [75, []], [75, [2, 65]],
  ]
  for (const [code, value] of ignored) {
    const value8 = u8(...value)
    const seen = decodeCapabilities([{ code, value: value8 }])
    t.same(seen, { ...noCapabilities(), unknown: [code] }, `${code} ${toHex(value8)} is ignored`)
  }
})

t.test('the meaning of capabilities', async (t) => {
  const of = (...list: [code: number, value: Uint8Array][]) =>
    decodeCapabilities(list.map(([code, value]) => ({ code, value })))
  t.same(of([1, hex`0019 00 47`], [1, hex`0019 00 47`]).unknownFamilies, [{ afi: 25, safi: 71 }])
  t.same(of([1, hex`0001 ff 80`]).families, [Family.VPNV4], 'the reserved octet does not count')
  t.same(of([5, hex`0001 0080 0002 0019 0047 0002`]).extendedNextHop, [
    { family: Family.VPNV4, nextHopAfi: 2 },
  ])
  t.same(of([69, hex`000101 01 000201 02 000180 03 000280 00`]).addPath, [
    { family: Family.IPV4_UNICAST, send: false, receive: true },
    { family: Family.IPV6_UNICAST, send: true, receive: false },
    { family: Family.VPNV4, send: true, receive: true },
  ])
  t.same(of([69, hex`000101 01`], [69, hex`000101 03 000201 04`]).addPath, [
    { family: Family.IPV4_UNICAST, send: false, receive: true },
  ])
  t.same(
    of([64, hex`4001 000101 80`], [64, hex`8078 000280 80 001947 80`]).gracefulRestart,
    {
      restarting: true,
      notification: false,
      restartTime: 120,
      families: [{ family: Family.VPNV6, forwarding: true }],
    },
    'RFC 4724 §3: the last instance counts; a family that is not ours is passed by',
  )
  t.same(
    of([71, hex`000180 80 000e10 000280 7f ffffff 001947 80 000001`]).longLived,
    [
      { family: Family.VPNV4, forwarding: true, staleTime: 3600 },
      { family: Family.VPNV6, forwarding: false, staleTime: 16_777_215 },
    ],
    'RFC 9494 §3.1: AFI, SAFI, F bit (reserved bits do not count), 24 bits of seconds',
  )
  t.same(of([71, u8()]).longLived, [], 'RFC 9494 §3.1: no family at all is well formed')
  t.same(of([200, u8()], [200, u8(1)], [128, u8()]).unknown, [200, 128])
  t.equal(of([73, hex`02 7065 03 6c6162`]).fqdn, 'pe.lab')
  t.equal(of([75, hex`04 410a1b42`]).softwareVersion, 'A  B', 'no control characters for a log')
})

const families = fc.uniqueArray(fc.constantFrom(...FAMILIES.map((f) => f.id)))
const words = fc.stringMatching(/^[a-z0-9-]{1,20}$/)
const lists: fc.Arbitrary<Partial<Capabilities>> = fc.record(
  {
    families,
    as4: fc.nat(0xffffffff),
    routeRefresh: fc.boolean(),
    enhancedRouteRefresh: fc.boolean(),
    extendedMessage: fc.boolean(),
    extendedNextHop: families.map((all) => all.map((family) => ({ family, nextHopAfi: 2 }))),
    gracefulRestart: fc.record({
      restarting: fc.boolean(),
      notification: fc.boolean(),
      restartTime: fc.nat(4095),
      families: families.map((all) => all.map((family) => ({ family, forwarding: family > 2 }))),
    }),
    addPath: families.map((all) => all.map((family) => ({ family, send: true, receive: false }))),
    longLived: families.map((all) =>
      all.map((family) => ({ family, forwarding: family > 2, staleTime: family * 0x012345 })),
    ),
    fqdn: fc.tuple(words, words).map((parts) => parts.join('.')),
    softwareVersion: words,
  },
  { requiredKeys: [] },
)

t.test('an encoded OPEN decodes to what went in', async (t) => {
  const roundTrips = () =>
    fc.assert(
      fc.property(lists, fc.nat(0xffff), fc.nat(0xffffffff), (list, as, routerId) => {
        const open: Open = {
          version: 4,
          as,
          holdTime: 90,
          routerId,
          capabilities: encodeCapabilities(list),
        }
        const bytes = encodeOpen(open)
        const back = decode(bytes)
        const said = { ...noCapabilities(), ...list }
        return (
          fc.stringify(back) === fc.stringify(open) &&
          toHex(encodeOpen(back)) === toHex(bytes) &&
          sorted(decodeCapabilities(back.capabilities)) === sorted(said)
        )
      }),
      { seed: 5492, numRuns: 500 },
    )
  t.doesNotThrow(roundTrips)
})

/** Text of a value whose keys may stand in any order. */
const sorted = (value: object) =>
  JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))

t.test('encodeOpen: AS_TRANS, one parameter, and RFC 9072 over 255 octets', async (t) => {
  const open = (octets: number, as = 65000): Open => ({
    version: 4,
    as,
    holdTime: 9,
    routerId: 0xc0000201,
    capabilities: [{ code: 200, value: new Uint8Array(octets) }],
  })
  t.equal(decode(encodeOpen(open(0, 4200000000))).as, 23456)
  const short = encodeOpen(open(250))
  t.equal(toHex(short.subarray(HEADER + 9, HEADER + 14)), 'fe02fcc8fa')
  t.equal(short.length, 19 + 10 + 254)
  const extended = encodeOpen(open(251))
  t.equal(toHex(extended.subarray(HEADER + 9, HEADER + 18)), 'ffff01000200fdc8fb')
  t.same(decode(extended), open(251))
  const none = encodeOpen({ ...open(0), capabilities: [] })
  t.equal(toHex(none), 'ffffffffffffffffffffffffffffffff001d0104fde80009c000020100')
})

t.test('encodeCapabilities writes the octets of the RFCs', async (t) => {
  const list = encodeCapabilities({
    families: [Family.VPNV4, Family.IPV6_UNICAST],
    extendedNextHop: [{ family: Family.VPNV4, nextHopAfi: 2 }],
    as4: 4200000000,
    routeRefresh: true,
    enhancedRouteRefresh: true,
    extendedMessage: true,
    gracefulRestart: {
      restarting: true,
      notification: true,
      restartTime: 120,
      families: [{ family: Family.VPNV4, forwarding: true }],
    },
    longLived: [
      { family: Family.VPNV4, forwarding: true, staleTime: 86_400 },
      { family: Family.VPNV6, forwarding: false, staleTime: 1 },
    ],
    fqdn: 'pe1.lab',
  })
  t.same(
    list.map((c) => `${c.code}:${toHex(c.value)}`),
    [
      '1:00010080',
      '1:00020001',
      '5:000100800002',
      '2:',
      '70:',
      '65:fa56ea00',
      '6:',
      '64:c07800018080',
      '71:00018080015180' + '00028000000001',
      '73:03706531036c6162',
    ],
  )
  t.same(encodeCapabilities({}), [])
  t.same(describeCapabilities(decodeCapabilities([...list, { code: 76, value: u8() }])), [
    'multiprotocol ipv6-unicast',
    'multiprotocol vpnv4',
    'four-octet-as 4200000000',
    'route-refresh',
    'enhanced-route-refresh',
    'extended-message',
    'extended-next-hop vpnv4 afi 2',
    'graceful-restart 120 s',
    'long-lived-graceful-restart vpnv4 86400 s vpnv6 1 s',
    'fqdn pe1.lab',
    'paths-limit',
  ])
})
