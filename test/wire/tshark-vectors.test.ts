/** The vectors written by hand, read by tshark: what stands beside them is not srv6d's word alone. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import * as b from '../support/builder.ts'
import { pcapOf } from '../support/pcap.ts'
import { COMPLAINTS, dissect, isMissing, tshark } from '../support/tshark.ts'
import { ATTRIBUTE_VECTORS } from '../vectors/attributes.ts'
import { FAMILY_VECTORS } from '../vectors/families.ts'

const { CI } = process.env
if (isMissing && CI) t.fail('tshark is not installed, and CI is set')
const skip = isMissing && 'tshark is not installed'

interface Message {
  name: string
  octets: Uint8Array
  fields: Record<string, string[]>
  complains: boolean
}

function compare(t: Test, messages: Message[]): void {
  const file = join(t.testdir(), 'vectors.pcap')
  writeFileSync(file, pcapOf(messages.map(({ octets }) => octets)))
  const complaints = tshark(['-r', file, '-Y', COMPLAINTS]).split('\n').filter(Boolean)
  const wanted = messages.flatMap(({ complains }, k) => (complains ? [k + 1] : []))
  t.same(
    complaints.map((line) => Number(line.trim().split(/\s/)[0])),
    wanted,
    'nothing malformed but what tshark does not know',
  )
  const seen = dissect(file)
  t.equal(seen.length, messages.length)
  messages.forEach(({ name, fields }, k) => {
    for (const [field, values] of Object.entries(fields)) {
      const shown = seen[k]!.filter((one) => one.name === field).map(({ show }) => show)
      t.same(shown, values, `${name}: ${field}`)
    }
  })
}

t.test('tshark reads the routes of test/vectors/families.ts', { skip }, async (t) => {
  const rest = [b.origin(0), b.asPath([65001])]
  const messages = FAMILY_VECTORS.flatMap(({ name, afi, safi, hops, routes }) =>
    routes.map(({ octets, prefix, tshark = {}, unknown }) => ({
      name: `${name} ${prefix}`,
      octets: b.update({ attrs: [b.mpReach(afi, safi, hops[0]![0], octets), ...rest] }),
      fields: Object.fromEntries(Object.entries(tshark).map(([field, value]) => [field, [value]])),
      complains: unknown === true,
    })),
  )
  t.ok(messages.filter(({ fields }) => Object.keys(fields).length > 0).length > 20)
  compare(t, messages)
})

t.test('tshark reads the attributes of test/vectors/attributes.ts', { skip }, async (t) => {
  const messages = ATTRIBUTE_VECTORS.map(({ rfc, octets, asn2, tshark = {}, misread }) => {
    const own = octets[1]
    const rest = [b.origin(0), b.asPath([65001], asn2 ? 2 : 4), b.nextHop('192.0.2.1')]
    const attrs = [...rest.filter((attr) => attr[1] !== own), octets]
    const message = b.update({ attrs, nlri: [b.prefix('10.1.0.0/16')] })
    return { name: `${rfc} ${own}`, octets: message, fields: tshark, complains: misread === true }
  })
  compare(t, messages)
})
