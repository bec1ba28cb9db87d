/**
 * UPDATEs captured between real routers, bent at random, through all tables: nothing throws,
 * whatever neighbours are told is sound, and everything that came can go.
 */
import fc from 'fast-check'
import t from 'tap'
import type { AdjRibIn } from '../../src/rib/adj-rib-in.ts'
import { AdjRibOut } from '../../src/rib/adj-rib-out.ts'
import { OutPolicy } from '../../src/rib/out-policy.ts'
import { VpnExport } from '../../src/vpn/export.ts'
import { VpnImport } from '../../src/vpn/import.ts'
import { RouteTargetIndex } from '../../src/vpn/route-target-index.ts'
import { Vrf, vpnFamilyOf } from '../../src/vpn/vrf.ts'
import { Family, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import { address, rd } from '../support/builder.ts'
import { adjRibIn, outRules, sessionOf, ToldNeighbor, World } from '../support/rib.ts'
import { serviceSids } from '../support/sids.ts'
import { bytes, capturedMessages } from '../support/vectors.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const INNER = [IPV4_UNICAST, IPV6_UNICAST] as const
const updates = capturedMessages()
  .filter(({ type }) => type === 'UPDATE')
  .map(({ hex }) => bytes(hex))
const targets = [...new Set(updates.flatMap(routeTargetsIn))].map((hex) => bytes(hex))

/** Every route target that stands in a message as it was captured. */
function routeTargetsIn(message: Uint8Array): string[] {
  const found: string[] = []
  const buf = Buffer.from(message)
  for (let at = buf.indexOf('c010', 'hex'); at >= 0; at = buf.indexOf('c010', at + 1, 'hex')) {
    for (let k = at + 3; k + 8 <= at + 3 + (buf[at + 2] ?? 0); k += 8) {
      if (buf[k] === 0 && buf[k + 1] === 2) found.push(buf.toString('hex', k, k + 8))
    }
  }
  return found
}

interface Side {
  adj: AdjRibIn
  ebgp: boolean
}

/** A PE with one VRF that imports all targets seen, a core neighbour and a CE, both ways. */
function router() {
  const world = new World()
  const vpn = [world.rib(VPNV4, 'vpn'), world.rib(VPNV6, 'vpn')]
  const spec = {
    number: 1,
    name: 'red',
    table: 10,
    rd: rd('65000:110'),
    importTargets: targets,
    exportTargets: [rdLike()],
    exportConnected: true,
    exportStatic: true,
  }
  const vrf = new Vrf(spec, world)
  const index = new RouteTargetIndex(world.attrs)
  index.add(vrf)
  const { sids } = serviceSids(world, 'per-vrf')
  const ce = world.peer('172.16.1.2')
  const core = world.peer('2001:db8::2', { ebgp: false, vrf: 0 })
  const told: [AdjRibOut, ToldNeighbor][] = []
  for (const family of INNER) {
    const inner = vrf.rib(family)
    world.ribs.push(inner)
    const outer = vpn.find((rib) => rib.family === vpnFamilyOf(family))!
    new VpnImport(outer, index, world)
    new VpnExport(vrf, family, outer, sids, world, address('2001:db8:ffff::1'))
    inner.importsFrom(outer.prefixes)
    const own = address(family === IPV4_UNICAST ? '172.16.1.1' : '2001:db8:1::1')
    const toCe = new OutPolicy(outRules(family, { nextHop: own, asOverride: true }), world.attrs)
    const toCore = new OutPolicy(outRules(outer.family, { ebgp: false }), world.attrs)
    told.push([new AdjRibOut(inner, world.peer('172.16.1.9'), toCe, world), new ToldNeighbor()])
    const other = world.peer('2001:db8::9', { ebgp: false, vrf: 0 })
    const narrow = new ToldNeighbor({ asn4: false, ebgp: false })
    told.push([new AdjRibOut(outer, other, toCore, world), narrow])
  }
  for (const [out] of told) out.open()
  const policy = { allowAsIn: 10 }
  const sides: Side[] = [
    { adj: adjRibIn(world, core, vpn, policy), ebgp: false },
    {
      adj: adjRibIn(
        world,
        ce,
        INNER.map((family) => vrf.rib(family)),
        policy,
      ),
      ebgp: true,
    },
  ]
  return { world, vrf, sides, told }
}

const rdLike = () => Uint8Array.of(0, 2, 0xfd, 0xe8, 0, 0, 0, 10)

t.test('captured UPDATEs as they are: VPN routes get into the VRF and to the CE', async (t) => {
  const { world, vrf, sides, told } = router()
  const view = new UpdateView()
  for (const message of updates) {
    for (const { adj, ebgp } of sides) {
      if (parseUpdate(view, message, 19, message.length, sessionOf({ ebgp })) < 3) adj.apply(view)
    }
  }
  world.settle()
  for (const [out, neighbor] of told) while (out.flush(neighbor.packer) > 0);
  t.ok(vrf.rib(IPV4_UNICAST).paths.count > 5)
  t.ok(vrf.rib(IPV6_UNICAST).paths.count > 5)
  t.ok(told[0]![1].routes.size > 3, 'IPv4 to the CE')
  t.ok(told[2]![1].routes.size > 3, 'IPv6 to the CE')
  for (const [, neighbor] of told) t.same(neighbor.complaints, [])
})

t.test('bent UPDATEs: no exception, sound messages out, no row left', async (t) => {
  const bend = fc.record({
    at: fc.nat({ max: 4095 }),
    value: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 16, 40, 64, 128, 255)),
  })
  const one = fc.record({
    message: fc.nat({ max: updates.length - 1 }),
    bends: fc.array(bend, { maxLength: 3 }),
    side: fc.constantFrom(0, 0, 1),
    asn4: fc.constantFrom(true, true, true, false),
  })
  const tally = { applied: 0, rows: 0 }
  fc.assert(
    fc.property(fc.array(one, { minLength: 5, maxLength: 25, size: 'max' }), (list) => {
      const { world, sides, told } = router()
      const view = new UpdateView()
      for (const { message, bends, side, asn4 } of list) {
        const octets = updates[message]!.slice()
        for (const { at, value } of bends) octets[19 + (at % (octets.length - 19))] = value
        const { adj, ebgp } = sides[side]!
        const outcome = parseUpdate(view, octets, 19, octets.length, sessionOf({ ebgp, asn4 }))
        if (outcome >= Outcome.AFI_SAFI_DISABLE) continue
        adj.apply(view)
        tally.applied++
        world.ribs[0]!.settle(3)
      }
      world.settle()
      tally.rows += world.leftovers[3]!
      for (const [out, neighbor] of told) {
        while (out.flush(neighbor.packer) > 0);
        if (neighbor.complaints.length > 0) throw new Error(neighbor.complaints.join('\n'))
        out.close()
      }
      sides[0]!.adj.clear([VPNV4, VPNV6])
      sides[1]!.adj.clear(INNER)
      world.settle()
      return world.leftovers.every((count) => count === 0)
    }),
    { seed: 43_001, numRuns: 400 },
  )
  t.ok(tally.applied > 3000 && tally.rows > 1500, 'most of it got as far as the tables')
})
