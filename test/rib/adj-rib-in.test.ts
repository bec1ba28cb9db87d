import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Why } from '../../src/rib/decision.ts'
import { PathFlag } from '../../src/rib/path-table.ts'
import { Family } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import {
  address,
  asPath,
  attr,
  clusterList,
  communities,
  localPref,
  mpReach,
  mpUnreach,
  nextHop,
  origin,
  originatorId,
  prefix,
  routeTargets,
  TRANSITIVE,
  u8,
  update,
  vpnNextHop,
  vpnPrefix,
} from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import { adjRibIn, bests, nextHopText, pathsOf, sessionOf, viewOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const FAMILIES = [IPV4_UNICAST, IPV6_UNICAST]

function ce(policy = {}) {
  const world = new World()
  const v4 = world.rib(IPV4_UNICAST)
  const v6 = world.rib(IPV6_UNICAST)
  const peer = world.peer('172.16.1.2')
  return { world, v4, v6, peer, adj: adjRibIn(world, peer, [v4, v6], policy) }
}

function core(policy = {}) {
  const world = new World()
  const vpn4 = world.rib(VPNV4)
  const vpn6 = world.rib(VPNV6)
  const peer = world.peer('2001:db8::2', { ebgp: false, vrf: 0 })
  return { world, vpn4, vpn6, peer, adj: adjRibIn(world, peer, [vpn4, vpn6], policy) }
}

const base = [origin(0), asPath([65101]), nextHop('172.16.1.2')]
const reach = (...list: string[]) => update({ attrs: base, nlri: list.map((p) => prefix(p)) })
const withdraw = (...list: string[]) => update({ withdrawn: list.map((p) => prefix(p)) })

t.test('IPv4 in the classic fields: announced, replaced, withdrawn', async (t) => {
  const { world, v4, peer, adj } = ce()
  adj.apply(viewOf(reach('10.1.0.0/24', '10.2.3.0/24', '0.0.0.0/0')))
  world.settle()
  t.same([...bests(v4).keys()].sort(), ['0.0.0.0/0', '10.1.0.0/24', '10.2.3.0/24'])
  t.equal(adj.receivedOf(IPV4_UNICAST), 3)
  const [path] = pathsOf(v4, '10.1.0.0/24')
  t.equal(v4.paths.peerOf(path!), peer.id)
  t.equal(nextHopText(world, v4.paths.nextHopOf(path!)), '172.16.1.2')
  t.equal(world.attrs.count, 1, 'one set for all')
  adj.apply(
    viewOf(
      update({
        attrs: [...base.slice(0, 2), nextHop('172.16.1.3')],
        nlri: [prefix('10.1.0.0/24')],
      }),
    ),
  )
  t.equal(nextHopText(world, v4.paths.nextHopOf(path!)), '172.16.1.3')
  t.equal(adj.receivedOf(IPV4_UNICAST), 3)
  adj.apply(viewOf(withdraw('10.1.0.0/24', '10.2.3.0/24', '10.99.0.0/24', '0.0.0.0/0')))
  t.equal(adj.receivedOf(IPV4_UNICAST), 0)
  world.settle()
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('one UPDATE with both fields and both MP attributes', async (t) => {
  const { world, v4, v6, adj } = ce()
  adj.apply(viewOf(reach('10.1.0.0/24')))
  const v6Hop = concat(address('2001:db8:1::2'), address('fe80::2'))
  const first = mpReach(2, 1, v6Hop, prefix('2001:db8:a::/48'))
  adj.apply(viewOf(update({ attrs: [first, ...base.slice(0, 2)] })))
  const attrs = [
    ...base,
    mpReach(2, 1, v6Hop, prefix('2001:db8:b::/48')),
    mpUnreach(2, 1, prefix('2001:db8:a::/48')),
  ]
  adj.apply(
    viewOf(update({ withdrawn: [prefix('10.1.0.0/24')], attrs, nlri: [prefix('10.2.0.0/24')] })),
  )
  world.settle()
  t.same([...bests(v4).keys()], ['10.2.0.0/24'])
  t.same([...bests(v6).keys()], ['2001:db8:b::/48'])
  const [path] = pathsOf(v6, '2001:db8:b::/48')
  t.equal(nextHopText(world, v6.paths.nextHopOf(path!)), '2001:db8:1:0:0:0:0:2', 'the global one')
})

t.test('RFC 4271 §3.1: a prefix in both fields of a message is announced', async (t) => {
  const { world, v4, adj } = ce()
  adj.apply(
    viewOf(
      update({ withdrawn: [prefix('10.1.0.0/24')], attrs: base, nlri: [prefix('10.1.0.0/24')] }),
    ),
  )
  world.settle()
  t.equal(bests(v4).size, 1)
})

t.test('VPN: RD, label and next hop behind its RD', async (t) => {
  const { world, vpn4, vpn6, adj } = core()
  const attrs = [origin(0), asPath([]), localPref(100), routeTargets('65000:10')]
  const v4 = { rd: '65000:110', label: 0x0e0001, prefix: '10.1.0.0/24' }
  const v6 = { rd: '192.0.2.2:7', label: 0x000031, prefix: '2001:db8:1::/64' }
  adj.apply(
    viewOf(
      update({ attrs: [mpReach(1, 128, vpnNextHop('2001:db8::2'), vpnPrefix(v4)), ...attrs] }),
      { ebgp: false },
    ),
  )
  adj.apply(
    viewOf(
      update({ attrs: [mpReach(2, 128, vpnNextHop('2001:db8::2'), vpnPrefix(v6)), ...attrs] }),
      { ebgp: false },
    ),
  )
  world.settle()
  const [one] = pathsOf(vpn4, '65000:110 10.1.0.0/24')
  const [two] = pathsOf(vpn6, '192.0.2.2:7 2001:db8:1::/64')
  t.equal(vpn4.paths.labelOf(one!), 0x0e0001)
  t.equal(vpn6.paths.labelOf(two!), 0x000031)
  t.equal(vpn4.paths.nextHopOf(one!), 0, 'the SID is looked at by the import')
  const set = vpn4.paths.attrsOf(one!)
  t.same(
    world.attrs.bytes.slice(world.attrs.nextHopAt(set), world.attrs.attrsAt(set)),
    address('2001:db8::2'),
  )
  adj.apply(
    viewOf(update({ attrs: [mpUnreach(1, 128, vpnPrefix({ ...v4, label: 0x800000 }))] }), {
      ebgp: false,
    }),
  )
  adj.clear([VPNV4, VPNV6])
  world.settle()
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('RFC 7606 §2: treat-as-withdraw takes the routes away, all of the message', async (t) => {
  const { world, v4, v6, adj } = ce()
  adj.apply(viewOf(reach('10.1.0.0/24', '10.2.0.0/24')))
  const hop = address('2001:db8:1::2')
  adj.apply(
    viewOf(update({ attrs: [mpReach(2, 1, hop, prefix('2001:db8:a::/48')), ...base.slice(0, 2)] })),
  )
  const bad = [
    attr(TRANSITIVE, 1, u8(9)),
    ...base.slice(1),
    mpReach(2, 1, hop, prefix('2001:db8:a::/48')),
  ]
  adj.apply(viewOf(update({ attrs: bad, nlri: [prefix('10.1.0.0/24'), prefix('10.3.0.0/24')] })))
  world.settle()
  t.same([...bests(v4).keys()], ['10.2.0.0/24'])
  t.equal(bests(v6).size, 0)
  t.equal(adj.receivedOf(IPV4_UNICAST), 1)
})

t.test('paths that cannot be used stay visible with the reason', async (t) => {
  const why = (of: ReturnType<typeof ce>, ...attrs: Uint8Array[]) => {
    of.adj.apply(viewOf(update({ attrs, nlri: [prefix('10.1.0.0/24')] })))
    of.world.settle()
    const [path] = pathsOf(of.v4, '10.1.0.0/24')
    t.equal(bests(of.v4).size, of.v4.paths.problemOf(path!) === 0 ? 1 : 0)
    t.equal(of.adj.acceptedOf(IPV4_UNICAST), bests(of.v4).size)
    return of.v4.paths.problemOf(path!)
  }
  const [o, , h] = base as [Uint8Array, Uint8Array, Uint8Array]
  t.equal(why(ce(), o, asPath([65101]), h), 0)
  t.equal(why(ce(), o, asPath([65101, 65000]), h), Why.AS_LOOP, 'RFC 4271 §9.1.2')
  t.equal(why(ce({ allowAsIn: 1 }), o, asPath([65101, 65000]), h), 0)
  t.equal(why(ce({ allowAsIn: 1 }), o, asPath([65101, 65000, 65000]), h), Why.AS_LOOP)
  t.equal(
    why(
      ce(),
      o,
      asPath([
        [2, 65101],
        [1, 65000, 5],
      ]),
      h,
    ),
    Why.AS_LOOP,
    'in a set',
  )
  t.equal(why(ce(), o, asPath([65102]), h), Why.FIRST_AS)
  t.equal(why(ce(), o, asPath([]), h), Why.FIRST_AS)
})

t.test('RFC 4456 §8, RFC 4271 §5.1.3: VPN paths of our own that come back', async (t) => {
  const why = (policy: object, hop: string, ...more: Uint8Array[]) => {
    const { world, vpn4, adj } = core(policy)
    const nlri = vpnPrefix({ rd: '65000:1', label: 0x31, prefix: '10.1.0.0/24' })
    const attrs = [mpReach(1, 128, vpnNextHop(hop), nlri), origin(0), asPath([]), localPref(100)]
    adj.apply(viewOf(update({ attrs: [...attrs, ...more] }), { ebgp: false }))
    world.settle()
    t.equal(adj.receivedOf(VPNV4), 1)
    return vpn4.paths.problemOf(pathsOf(vpn4, '65000:1 10.1.0.0/24')[0]!)
  }
  const self = { ownNextHop: address('2001:db8::1') }
  t.equal(why(self, '2001:db8::2'), 0)
  t.equal(why(self, '2001:db8::2', originatorId('192.0.2.9'), clusterList('192.0.2.8')), 0)
  t.equal(why(self, '2001:db8::2', originatorId('192.0.2.1')), Why.ORIGINATOR_LOOP)
  const clusters = clusterList('192.0.2.8', '192.0.2.1')
  t.equal(why(self, '2001:db8::2', originatorId('192.0.2.9'), clusters), Why.CLUSTER_LOOP)
  t.equal(why(self, '2001:db8::1'), Why.OWN_NEXT_HOP)
  t.equal(why(self, '192.0.2.77'), 0, 'an IPv4 next hop')
})

t.test(
  'RFC 6890: loopback, multicast and link-local prefixes are not used, a default is',
  async (t) => {
    const { world, v4, v6, adj } = ce()
    const hop = address('2001:db8:1::2')
    const mp = (...list: string[]) => mpReach(2, 1, hop, ...list.map((text) => prefix(text)))
    // biome-ignore format: what is not used, what is
    const v4Bad = ['127.0.0.0/8', '127.1.2.3/32', '224.0.0.0/4', '239.1.0.0/16', '240.0.0.0/4', '255.255.255.255/32', '0.0.0.0/32', '224.0.0.0/3']
    const v4Good = [
      '0.0.0.0/0',
      '0.0.0.0/1',
      '126.0.0.0/7',
      '128.0.0.0/1',
      '192.0.0.0/2',
      '223.0.0.0/8',
    ]
    // biome-ignore format: what is not used, what is
    const v6Bad = ['ff00::/8', 'ff02::1/128', 'fe80::/10', 'fe80::/64', 'febf::1/128', '::1/128', '::/128']
    const v6Good = ['::/0', 'fe00::/7', 'fe80::/9', 'fec0::/10', '::/127', '::2/128', '2000::/3']
    adj.apply(
      viewOf(update({ attrs: base, nlri: [...v4Bad, ...v4Good].map((text) => prefix(text)) })),
    )
    adj.apply(viewOf(update({ attrs: [mp(...v6Bad, ...v6Good), ...base.slice(0, 2)] })))
    world.settle()
    t.same([...bests(v4).keys()].sort(), [...v4Good].sort())
    t.same([...bests(v6).keys()].sort(), [...v6Good].sort())
    t.equal(v4.paths.problemOf(pathsOf(v4, '127.0.0.0/8')[0]!), Why.MARTIAN)
    t.equal(adj.receivedOf(IPV4_UNICAST), v4Bad.length + v4Good.length)
    t.equal(adj.acceptedOf(IPV6_UNICAST), v6Good.length)
    const other = core()
    const nlri = vpnPrefix({ rd: '127.0.0.1:1', label: 0x31, prefix: '127.0.0.0/8' })
    const attrs = [mpReach(1, 128, vpnNextHop('2001:db8::2'), nlri), origin(0), asPath([])]
    other.adj.apply(viewOf(update({ attrs }), { ebgp: false }))
    t.equal(
      other.vpn4.paths.problemOf(pathsOf(other.vpn4, '127.0.0.1:1 127.0.0.0/8')[0]!),
      Why.MARTIAN,
    )
  },
)

t.test('more prefixes than max-prefix allows are told of, replacing is not counted', async (t) => {
  const { adj } = ce({ maxPrefix: 2 })
  adj.apply(viewOf(reach('10.1.0.0/24', '10.2.0.0/24')))
  t.equal(adj.overLimit, 0)
  adj.apply(viewOf(reach('10.2.0.0/24')))
  t.equal(adj.overLimit, 0)
  adj.apply(viewOf(reach('10.3.0.0/24')))
  t.equal(adj.overLimit, IPV4_UNICAST)
  adj.apply(viewOf(withdraw('10.3.0.0/24')))
  t.equal(adj.overLimit, 0)
})

t.test(
  'max-prefix bounds the attributes too: 512 octets a prefix, but 16 MiB in any case',
  async (t) => {
    const { v4, adj, peer } = ce({ maxPrefix: 50_000 })
    const nets = Array.from({ length: 6000 }, (_, k) => `10.${k >> 8}.${k & 255}.0/24`)
    const attrs = (count: number) => [...base, communities(...new Array<string>(count).fill('1:2'))]
    const tell = (count: number, from: number, to: number) => {
      for (let k = from; k < to; k += 100) {
        const nlri = nets.slice(k, Math.min(to, k + 100)).map((one) => prefix(one))
        adj.apply(viewOf(update({ attrs: attrs(count), nlri })))
      }
    }
    tell(800, 0, 5000)
    t.equal(adj.overLimit, 0, '16 MB of attributes, 24 are allowed')
    const octets = adj.octets
    t.ok(octets > 5000 * 3200)
    t.equal(v4.paths.octetsOf(peer.id), octets)
    tell(900, 0, 5000)
    t.equal(adj.octets, octets + 5000 * 400, 'a path that is replaced counts as it is now')
    tell(100, 0, 5000)
    t.equal(adj.overLimit, 0)
    for (let k = 0; k < 5000; k++) adj.apply(viewOf(withdraw(nets[k]!)))
    t.equal(adj.octets, 0)

    const other = ce({ maxPrefix: 5000 })
    const each = 900 * 4
    const enough = Math.floor((16 * 2 ** 20) / (each + 100))
    for (let k = 0; k < 5000; k += 100) {
      const nlri = nets.slice(k, k + 100).map((one) => prefix(one))
      other.adj.apply(viewOf(update({ attrs: attrs(900), nlri })))
      if (k + 100 < enough) t.equal(other.adj.overLimit, 0)
    }
    t.equal(other.adj.overLimit, IPV4_UNICAST)
    t.ok(other.adj.overOctets)
  },
)

t.test('RFC 4724 §4.2: stale routes are used until they are swept, fresh ones stay', async (t) => {
  const { world, v4, adj } = ce()
  adj.apply(viewOf(reach('10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24')))
  world.settle()
  adj.markStale(FAMILIES)
  world.settle()
  t.equal(bests(v4).size, 3)
  adj.apply(viewOf(reach('10.1.0.0/24')))
  const other = [origin(2), ...base.slice(1)]
  adj.apply(viewOf(update({ attrs: other, nlri: [prefix('10.2.0.0/24')] })))
  t.equal(adj.receivedOf(IPV4_UNICAST), 3)
  t.equal(adj.sweepStale(FAMILIES), 1)
  world.settle()
  t.same([...bests(v4).keys()].sort(), ['10.1.0.0/24', '10.2.0.0/24'])
  const [path] = pathsOf(v4, '10.1.0.0/24')
  t.equal(v4.paths.flagsOf(path!) & PathFlag.STALE, 0)
  t.equal(adj.receivedOf(IPV4_UNICAST), 2)
})

t.test("a neighbour's routes go with it, another's of the same prefix stay", async (t) => {
  const { world, v4, adj } = ce()
  const other = adjRibIn(world, world.peer('172.16.1.3'), [v4])
  adj.apply(viewOf(reach('10.1.0.0/24', '10.2.0.0/24')))
  other.apply(viewOf(reach('10.1.0.0/24')))
  t.equal(adj.clear([IPV4_UNICAST]), 2)
  world.settle()
  t.same([...bests(v4).keys()], ['10.1.0.0/24'])
  t.equal(adj.receivedOf(IPV4_UNICAST), 0)
  t.equal(other.receivedOf(IPV4_UNICAST), 1)
  other.clear([IPV4_UNICAST])
  world.settle()
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('a family without a table is passed over', async (t) => {
  const { world, v4, peer } = ce()
  const adj = adjRibIn(world, peer, [v4])
  adj.apply(
    viewOf(
      update({
        attrs: [
          mpReach(2, 1, address('2001:db8::2'), prefix('2001:db8:a::/48')),
          ...base.slice(0, 2),
        ],
      }),
    ),
  )
  adj.clear(FAMILIES)
  t.same(world.leftovers, [0, 0, 0, 0])
})

/** Octets of JavaScript objects that are still referred to; typed arrays' own memory not counted. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  return process.memoryUsage().heapUsed
}

t.test('100,000 UPDATEs leave no object a route behind', async (t) => {
  const { world, vpn4, adj } = core()
  const hop = vpnNextHop('2001:db8::2')
  const label = 0x0e0001
  const message = (k: number) => {
    const nlri = vpnPrefix({ rd: '65000:1', label, prefix: `10.${k >> 8}.${k & 255}.0/24` })
    const attrs = [
      mpReach(1, 128, hop, nlri),
      origin(0),
      asPath([65101 + (k % 50)]),
      localPref(100),
    ]
    return update({ attrs })
  }
  const session = sessionOf({ ebgp: false })
  const view = new UpdateView()
  // 20,000 routes, each told six times with another LOCAL_PREF, the last octet of the message.
  const messages = Array.from({ length: 20_000 }, (_, k) => message(k))
  const replay = (round: number) => {
    for (const one of messages) {
      one[one.length - 1] = 100 + round
      parseUpdate(view, one, 19, one.length, session)
      adj.apply(view)
    }
    world.settle()
  }
  replay(0)
  const before = heapUsed()
  for (let round = 1; round < 6; round++) replay(round)
  const grown = heapUsed() - before
  t.equal(vpn4.paths.count, 20_000)
  t.equal(adj.receivedOf(VPNV4), 20_000)
  t.equal(world.attrs.count, 50, 'the former sets are gone')
  // The smallest object takes 16 octets: one a message would be 1.6 MB, one a route 320 KB.
  t.ok(grown < 200_000, `${grown} octets of objects more after 100,000 UPDATEs`)
})

t.test('100,000 new routes are rows, not objects', async (t) => {
  const { world, v4, adj } = ce()
  const view = new UpdateView()
  const session = sessionOf()
  const one = reach('10.0.0.0/32')
  const at = one.length - 4
  const add = (k: number) => {
    one[at + 1] = k >>> 16
    one[at + 2] = k >>> 8
    one[at + 3] = k
    parseUpdate(view, one, 19, one.length, session)
    adj.apply(view)
  }
  for (let k = 0; k < 2000; k++) add(k)
  world.settle()
  const before = heapUsed()
  for (let k = 2000; k < 102_000; k++) add(k)
  world.settle()
  const grown = heapUsed() - before
  t.equal(v4.paths.count, 102_000)
  t.ok(grown < 400_000, `${grown} octets of objects more for 100,000 routes`)
})
