/** Routes of every family as test/vectors/families.ts has them: announced, withdrawn, with ADD-PATH. */
import t, { type Test } from 'tap'
import {
  type DecodedNlri,
  type DecodedReach,
  type DecodedUnreach,
  decodeUpdate,
} from '../../src/wire/decode.ts'
import { ALL_FAMILIES, FAMILIES, familyOf } from '../../src/wire/registry.ts'
import type { UpdateSession } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import {
  FAMILY_VECTORS,
  type FamilyVector,
  type RouteVector,
  STACKED_VECTORS,
} from '../vectors/families.ts'

const base: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: ALL_FAMILIES,
}
const MANDATORY = [b.origin(0), b.asPath([65001])]

function decode(session: UpdateSession, parts: b.UpdateParts) {
  const octets = b.update(parts)
  return decodeUpdate(octets, 19, octets.length, session)
}

function announced(
  session: UpdateSession,
  afi: number,
  safi: number,
  hop: Uint8Array,
  nlri: Uint8Array[],
) {
  const found = decode(session, { attrs: [b.mpReach(afi, safi, hop, ...nlri), ...MANDATORY] })
  return { found, value: found.attributes[0]!.value as DecodedReach }
}

function withdrawn(session: UpdateSession, afi: number, safi: number, nlri: Uint8Array[]) {
  const found = decode(session, { attrs: [b.mpUnreach(afi, safi, ...nlri)] })
  return { found, value: found.attributes[0]!.value as DecodedUnreach }
}

/** The route as it is to be read; labels of a withdrawn one are three octets that mean nothing. */
function sameRoute(
  t: Test,
  got: DecodedNlri | undefined,
  want: RouteVector,
  pathId?: number,
): void {
  const { rd, prefix, label, labels, evpn } = got ?? {}
  t.same([rd, prefix, got?.pathId], [want.rd, want.prefix, pathId], want.prefix)
  t.equal(label, want.labels?.[0], `${want.prefix}: label`)
  t.same(labels, want.labels !== undefined && want.labels.length > 1 ? want.labels : undefined)
  t.same(evpn, want.evpn)
}

/** The routes one by one and all together, with or without path identifiers. */
function checkFamily(t: Test, vector: FamilyVector, addPath: boolean): void {
  const { afi, safi, hops, routes } = vector
  const session = { ...base, addPath: addPath ? ALL_FAMILIES : 0 }
  const pathId = (k: number) => (addPath ? 0xfffffff0 + k : undefined)
  const nlri = routes.map(({ octets }, k) =>
    addPath ? concat(b.u32be(pathId(k)!), octets) : octets,
  )
  for (const [hop, ...addresses] of hops) {
    const { found, value } = announced(session, afi, safi, hop, nlri)
    t.equal(found.outcome, 'ok', `${found.reason}`)
    t.same([value.family, value.nextHops], [vector.name, addresses])
    t.equal(value.nlri.length, routes.length)
    routes.forEach((route, k) => {
      sameRoute(t, value.nlri[k], route, pathId(k))
    })
    t.same(
      value.nlri.map(({ at, end }) => end - at),
      nlri.map((octets) => octets.length),
    )
  }
  const { found, value } = withdrawn(session, afi, safi, nlri)
  t.equal(found.outcome, 'ok', `${found.reason}`)
  routes.forEach((route, k) => {
    sameRoute(t, value.withdrawn[k], route, pathId(k))
  })
}

t.test('there is a vector of every family', async (t) => {
  t.same(FAMILY_VECTORS.map(({ name }) => name).sort(), FAMILIES.map(({ name }) => name).sort())
  const evpn = FAMILY_VECTORS.find(({ name }) => name === 'evpn')!
  t.same(new Set(evpn.routes.map(({ octets }) => octets[0])), new Set([1, 2, 3, 4, 5, 9]))
})

for (const vector of FAMILY_VECTORS) {
  t.test(`${vector.rfc}: ${vector.name}`, async (t) => checkFamily(t, vector, false))
  t.test(`${vector.rfc}, RFC 7911 §3: ${vector.name} with path identifiers`, async (t) =>
    checkFamily(t, vector, true),
  )
  t.test(`RFC 7606 §5.3: ${vector.name} cut at every octet`, async (t) => {
    const { afi, safi, hops, routes } = vector
    for (const { octets, prefix } of routes) {
      for (let length = 1; length < octets.length; length++) {
        const cut = octets.slice(0, length)
        const name = `${prefix} cut to ${length} octets`
        const reach = announced(base, afi, safi, hops[0]![0], [routes[0]!.octets, cut]).found
        t.equal(reach.outcome, 'afi-safi-disable', name)
        const unreach = withdrawn(base, afi, safi, [routes[0]!.octets, cut]).found
        t.equal(unreach.outcome, 'afi-safi-disable', name)
        // the octets that are wrong begin with the route that is
        const start =
          reach.attributes[0]!.valueAt + 5 + hops[0]![0].length + routes[0]!.octets.length
        t.equal(reach.verdict?.at, start, name)
      }
    }
  })
}

t.test('RFC 8277 §2.3: several labels, where they were negotiated', async (t) => {
  for (const addPath of [false, true]) {
    const session = { ...base, multipleLabels: ALL_FAMILIES, addPath: addPath ? ALL_FAMILIES : 0 }
    for (const { afi, safi, route } of STACKED_VECTORS) {
      const vector = FAMILY_VECTORS.find((one) => one.afi === afi && one.safi === safi)!
      const [hop] = vector.hops[0]!
      const own = addPath ? [b.u32be(7)] : []
      const single = vector.routes[0]!
      const nlri = [concat(...own, route.octets), concat(...own, single.octets)]
      const { found, value } = announced(session, afi, safi, hop, nlri)
      t.equal(found.outcome, 'ok', `${vector.name}: ${found.reason}`)
      sameRoute(t, value.nlri[0], route, addPath ? 7 : undefined)
      sameRoute(t, value.nlri[1], single, addPath ? 7 : undefined)
      // a stack without a bottom is no NLRI
      const endless = route.octets.map((octet, k) => (k === 0 ? octet : octet & 0xfe))
      const bad = announced(session, afi, safi, hop, [concat(...own, endless)]).found
      t.equal(bad.outcome, 'afi-safi-disable', `${vector.name} without a bottom of stack`)
    }
  }
})

t.test(
  'RFC 4760 §3: of a family that is not read next hop and routes are kept as they are',
  async (t) => {
    for (const [afi, safi] of [
      [16388, 71],
      [1, 73],
      [1, 133],
      [25, 65],
      [3, 1],
    ] as const) {
      t.equal(familyOf(afi, safi), 0)
      const { found, value } = announced(base, afi, safi, b.u8(1, 2, 3), [
        b.u8(0xde, 0xad, 0xbe, 0xef),
      ])
      t.equal(found.outcome, 'ok')
      t.same([value.family, value.nextHopHex, value.hex], [`${afi}/${safi}`, '010203', 'deadbeef'])
      const gone = withdrawn(base, afi, safi, [b.u8(0xca, 0xfe)])
      t.equal(gone.found.outcome, 'ok')
      t.same([gone.value.family, gone.value.hex], [`${afi}/${safi}`, 'cafe'])
    }
  },
)

t.test('a family that was not negotiated is kept as octets too', async (t) => {
  for (const { afi, safi, hops, routes } of FAMILY_VECTORS) {
    const families = ALL_FAMILIES & ~(1 << familyOf(afi, safi))
    const nlri = routes.map(({ octets }) => octets)
    const { found, value } = announced({ ...base, families }, afi, safi, hops[0]![0], nlri)
    t.equal(found.outcome, 'ok')
    t.same([value.nlri.length, value.hex], [0, Buffer.from(concat(...nlri)).toString('hex')])
  }
})
