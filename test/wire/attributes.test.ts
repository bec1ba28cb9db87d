/** Attributes as test/vectors/attributes.ts has them: what decodeUpdate says, and that no octet is lost. */
import t from 'tap'
import { decodeUpdate } from '../../src/wire/decode.ts'
import { ALL_FAMILIES, Attr, attrName } from '../../src/wire/registry.ts'
import type { UpdateSession } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { toHex } from '../support/hex.ts'
import { ATTRIBUTE_VECTORS, type AttributeVector } from '../vectors/attributes.ts'

const sessionOf = ({ asn2, ibgp }: AttributeVector): UpdateSession => ({
  asn4: asn2 === undefined,
  ebgp: ibgp === undefined,
  localAs: 65000,
  addPath: 0,
  families: ALL_FAMILIES,
})

/** `at` and `end` of a part count from where the message begins: here from the value. */
function relative(value: unknown, from: number): unknown {
  if (Array.isArray(value)) return value.map((one) => relative(one, from))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      key === 'at' || key === 'end' ? one - from : relative(one, from),
    ]),
  )
}

t.test(
  'there is a vector of every attribute; MP_REACH_NLRI and MP_UNREACH_NLRI are families',
  async (t) => {
    const types = new Set(ATTRIBUTE_VECTORS.map(({ octets }) => octets[1]))
    for (const [name, type] of Object.entries(Attr)) {
      if (type === Attr.MP_REACH_NLRI || type === Attr.MP_UNREACH_NLRI) continue
      t.ok(types.has(type), name)
    }
  },
)

for (const vector of ATTRIBUTE_VECTORS) {
  const { rfc, octets, value } = vector
  const type = octets[1]!
  t.test(`${rfc}: ${attrName(type)} ${toHex(octets).slice(0, 24)}`, async (t) => {
    const session = sessionOf(vector)
    const rest = [b.origin(0), b.asPath([65001], session.asn4 ? 4 : 2), b.nextHop('192.0.2.1')]
    const attrs = [octets, ...rest.filter((attr) => attr[1] !== type)]
    const message = b.update({ attrs, nlri: [b.prefix('10.1.0.0/16')] })
    const found = decodeUpdate(message, 19, message.length, session)
    t.equal(found.outcome, 'ok', `${found.reason}`)
    const [first] = found.attributes
    t.equal(toHex(message.slice(first!.at, first!.end)), toHex(octets))
    t.same([first!.flags, first!.type], [octets[0], type])
    t.same(relative(first!.value, first!.valueAt), value)
  })
}
