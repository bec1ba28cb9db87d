import t from 'tap'
import { isThisNode } from '../../src/daemon/node-address.ts'
import { Interfaces, networkWords } from '../../src/fib/interfaces.ts'
import { whyText } from '../../src/rib/decision.ts'
import { NextHopKind } from '../../src/rib/next-hop.ts'
import { NetworkImport, type NetworkListener } from '../../src/vpn/network-import.ts'
import { type Network, Networks, type Pool } from '../../src/vpn/networks.ts'
import { Vrf } from '../../src/vpn/vrf.ts'
import { Family } from '../../src/wire/registry.ts'
import {
  address,
  asPath,
  communities,
  largeCommunities,
  nextHop,
  origin,
  prefix,
  rd,
  u32be,
  update,
} from '../support/builder.ts'
import { adjRibIn, bests, pathsOf, prefixText, viewOf, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST } = Family
/** GoBGP's and Cilium's AS in the tests of interop. */
const CILIUM = 64512

/** `65000:100` or `65000:1:100` as in a community attribute. */
function tag(text: string): Uint8Array {
  const [a, b, c] = text.split(':').map(Number) as [number, number, number?]
  return c === undefined ? u32be(a * 65536 + b) : u32be(a, b, c)
}

function pool(text: string): Pool {
  const [host, length] = text.split('/') as [string, string]
  const bytes = address(host)
  const family = bytes.length === 4 ? IPV4_UNICAST : IPV6_UNICAST
  return { family, words: networkWords(bytes, Number(length)), bits: Number(length), text }
}

/** Two VRFs of one cluster: red by 65000:1:100, blue by 65000:200 or 65000:1:200. */
function setUp(pools: { red: string[] | null; blue: string[] | null }) {
  const world = new World()
  const peer = world.peer('127.0.0.1', { vrf: 0 })
  const node = world.rib(IPV4_UNICAST, 'node')
  const vrfs = ['red', 'blue'].map((name, k) => {
    const vrf = new Vrf(
      {
        number: k + 1,
        name,
        table: 10 * (k + 1),
        rd: rd(`65000:${k + 1}`),
        importTargets: [],
        exportTargets: [],
        exportConnected: true,
        exportStatic: true,
      },
      world,
    )
    world.ribs.push(vrf.rib(IPV4_UNICAST), vrf.rib(IPV6_UNICAST))
    return vrf
  })
  const [red, blue] = vrfs as [Vrf, Vrf]
  const network = (vrf: Vrf, community: string, from: string[] | null): Network => ({
    vrf,
    peers: [peer.id],
    community: tag(community),
    pools: from?.map(pool) ?? null,
  })
  const list = [
    network(red, '65000:1:100', pools.red),
    network(blue, '65000:200', pools.blue),
    network(blue, '65000:1:200', pools.blue),
  ]
  const events: string[] = []
  const networks = new Networks(list, world.attrs)
  const note = (what: string, vrf: Vrf, words: Int32Array, bits: number) =>
    void events.push(`${what} ${vrf.spec.name} ${(words[0]! >>> 0).toString(16)}/${bits}`)
  const held: (() => void)[] = []
  const listener: NetworkListener = {
    onJoin: (vrf, _, words, bits) => note('join', vrf, words, bits),
    onLeave: (vrf, _, words, bits, goOn) => {
      note(goOn ? 'move from' : 'leave', vrf, words, bits)
      if (goOn) held.push(goOn)
    },
  }
  /** The kernel has let go of what moves. */
  const goOn = () => {
    for (const each of held.splice(0)) each()
    world.settle()
  }
  const imports = new NetworkImport(node, networks, vrfs, world, listener)
  const inbound = adjRibIn(world, peer, [node], {
    remoteAs: CILIUM,
    isHere: (buf, at, len) => isThisNode(new Interfaces(), buf, at, len),
  })
  const announce = (text: string, tags: string[], hop = '127.0.0.1') => {
    const plain = tags.filter((each) => each.split(':').length === 2)
    const large = tags.filter((each) => each.split(':').length === 3)
    const attrs = [
      origin(0),
      asPath([CILIUM]),
      nextHop(hop),
      ...(plain.length > 0 ? [communities(...plain)] : []),
      ...(large.length > 0 ? [largeCommunities(...large)] : []),
    ]
    inbound.apply(viewOf(update({ attrs, nlri: [prefix(text)] })))
    world.settle()
  }
  const withdraw = (text: string) => {
    inbound.apply(viewOf(update({ withdrawn: [prefix(text)] })))
    world.settle()
  }
  const of = (vrf: Vrf) => [...bests(vrf.rib(IPV4_UNICAST)).keys()]
  const where = () => ({ red: of(red), blue: of(blue) })
  const why = (text: string) => {
    for (let row = 1; row < node.prefixes.top; row++) {
      const id = row as never
      if (node.prefixes.isUsed(id) && prefixText(node, id) === text) return imports.whyOf(id)
    }
    return 'not there'
  }
  const verdicts = () => {
    const rows = imports.verdicts().filter(({ count }) => count > 0)
    return rows.map(({ verdict, vrf, count }) => `${count} ${verdict} ${vrf}`.trim())
  }
  const told = { events, where, why, verdicts }
  return { world, node, red, blue, peer, inbound, announce, withdraw, goOn, ...told }
}

const POOLS = { red: ['10.244.8.0/22'], blue: ['10.244.16.0/22'] }

t.test(
  'a tagged prefix inside the pools joins the network, by either kind of community',
  async (t) => {
    const { announce, where, events } = setUp(POOLS)
    announce('10.244.8.0/26', ['65000:1:100'])
    announce('10.244.16.64/26', ['65000:200'])
    announce('10.244.16.128/26', ['65000:1:200', '65001:7'])
    t.same(where(), { red: ['10.244.8.0/26'], blue: ['10.244.16.64/26', '10.244.16.128/26'] })
    t.same(events, ['join red af40800/26', 'join blue af41040/26', 'join blue af41080/26'])
  },
)

t.test('its path there leads to this node', async (t) => {
  const { world, announce, red } = setUp(POOLS)
  announce('10.244.8.0/26', ['65000:1:100'])
  const rib = red.rib(IPV4_UNICAST)
  const [best] = bests(rib).values()
  t.equal(world.nextHops.kindOf(rib.paths.nextHopOf(best!)), NextHopKind.NODE)
})

t.test('verdicts are counted as prefixes come, change their network and go', async (t) => {
  const { announce, withdraw, verdicts } = setUp(POOLS)
  announce('10.244.8.0/26', ['65000:1:100'])
  announce('10.244.8.64/26', ['65000:1:100'])
  announce('10.244.16.0/26', ['65000:200'])
  announce('10.1.0.0/24', ['65000:1:100'])
  announce('10.2.0.0/24', [])
  t.same(verdicts(), ['2 in red', '1 in blue', '1 untagged', '1 outside-pools'])
  announce('10.244.8.64/26', ['65000:200'])
  t.same(verdicts(), ['1 in red', '1 in blue', '1 untagged', '2 outside-pools'])
  for (const text of ['10.244.8.0/26', '10.244.16.0/26', '10.1.0.0/24', '10.2.0.0/24']) {
    withdraw(text)
  }
  t.same(verdicts(), ['1 outside-pools'])
  const open = setUp({ red: null, blue: null })
  open.announce('10.3.0.0/24', ['65000:1:100', '65000:200'])
  t.same(open.verdicts(), ['1 ambiguous'])
})

t.test('outside the pools it is refused, and says which', async (t) => {
  const { announce, where, why, events } = setUp(POOLS)
  announce('10.244.16.0/26', ['65000:1:100'])
  announce('10.244.0.0/16', ['65000:1:100'])
  t.same(where(), { red: [], blue: [] })
  t.equal(why('10.244.16.0/26'), 'not in the pools of VRF red')
  t.equal(why('10.244.0.0/16'), 'not in the pools of VRF red', 'wider than the pool')
  t.same(events, [])
})

t.test('without a community of a network it is in none', async (t) => {
  const { announce, where, why } = setUp(POOLS)
  announce('10.244.8.0/26', [])
  announce('10.244.8.64/26', ['65000:101', '65001:1:100'])
  t.same(where(), { red: [], blue: [] })
  t.equal(why('10.244.8.0/26'), 'no community of a network')
  t.equal(why('10.244.8.64/26'), 'no community of a network')
})

t.test('communities of two networks: the pools decide, without them nobody gets it', async (t) => {
  const pooled = setUp(POOLS)
  pooled.announce('10.244.8.0/26', ['65000:1:100', '65000:1:200'])
  t.same(pooled.where(), { red: ['10.244.8.0/26'], blue: [] })
  const open = setUp({ red: null, blue: null })
  open.announce('10.244.8.0/26', ['65000:1:100', '65000:1:200'])
  t.same(open.where(), { red: [], blue: [] })
  t.equal(open.why('10.244.8.0/26'), 'communities of several networks: red, blue')
  const half = setUp({ red: null, blue: POOLS.blue })
  half.announce('10.244.16.0/26', ['65000:1:100', '65000:1:200'])
  t.same(half.where(), { red: [], blue: ['10.244.16.0/26'] }, 'the one whose pool it is in')
})

t.test('any pool is any but those of others: a wrong tag joins nobody', async (t) => {
  const { announce, where, why } = setUp({ red: null, blue: POOLS.blue })
  announce('10.244.16.0/26', ['65000:1:100'])
  announce('10.9.0.0/24', ['65000:1:100'])
  t.same(where(), { red: ['10.9.0.0/24'], blue: [] })
  t.equal(why('10.244.16.0/26'), 'not in the pools of VRF red')
})

t.test('any pool is none that holds a pool of others: not even around it', async (t) => {
  const { announce, where, why } = setUp({ red: null, blue: ['10.244.16.0/22'] })
  announce('10.244.0.0/16', ['65000:1:100'])
  t.equal(why('10.244.0.0/16'), 'not in the pools of VRF red')
  announce('10.244.20.0/22', ['65000:1:100'])
  t.same(where(), { red: ['10.244.20.0/22'], blue: [] }, 'beside it is fine')
})

t.test(
  'a default route is nobody’s, whatever the pools: all traffic would be the VRF’s',
  async (t) => {
    for (const red of [null, ['0.0.0.0/0']]) {
      const { announce, where, why } = setUp({ red, blue: [] })
      announce('0.0.0.0/0', ['65000:1:100'])
      t.same(where(), { red: [], blue: [] })
      t.equal(why('0.0.0.0/0'), 'a default route is no network of pods')
    }
  },
)

t.test('without pools, what another VRF has addresses of waits until it has none', async (t) => {
  const { announce, withdraw, where, why, events, goOn, verdicts, world } = setUp({
    red: null,
    blue: null,
  })
  announce('10.50.0.0/16', ['65000:1:100'])
  announce('10.50.1.0/24', ['65000:200'])
  announce('10.0.0.0/8', ['65000:200'])
  announce('10.50.2.0/24', ['65000:1:100'])
  announce('10.51.0.0/16', ['65000:200'])
  t.same(where(), { red: ['10.50.0.0/16', '10.50.2.0/24'], blue: ['10.51.0.0/16'] })
  t.equal(why('10.50.1.0/24'), 'VRF red has addresses of it', 'within')
  t.equal(why('10.0.0.0/8'), 'VRF red has addresses of it', 'around')
  t.same(verdicts(), ['2 in red', '1 in blue', '2 ambiguous'])
  withdraw('10.50.0.0/16')
  t.equal(events.at(-1), 'move from red a320000/16')
  t.same(where(), { red: ['10.50.2.0/24'], blue: ['10.51.0.0/16'] }, 'until the kernel is done')
  goOn()
  t.same(where(), { red: ['10.50.2.0/24'], blue: ['10.51.0.0/16', '10.50.1.0/24'] })
  t.equal(why('10.0.0.0/8'), 'VRF red has addresses of it', 'by the other one still')
  withdraw('10.50.2.0/24')
  goOn()
  t.same(where().blue.toSorted(), ['10.0.0.0/8', '10.50.1.0/24', '10.51.0.0/16'])
  for (const text of ['10.0.0.0/8', '10.50.1.0/24', '10.51.0.0/16']) withdraw(text)
  t.same(where(), { red: [], blue: [] })
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('another tag moves it: out of the one before it is in the other', async (t) => {
  const { announce, where, events, goOn } = setUp({ red: null, blue: null })
  announce('10.96.0.7/32', ['65000:1:100'])
  announce('10.96.0.7/32', ['65000:1:200'])
  t.same(where(), { red: [], blue: [] }, 'in neither until the kernel has let go of it')
  goOn()
  t.same(where(), { red: [], blue: ['10.96.0.7/32'] })
  t.same(events, ['join red a600007/32', 'move from red a600007/32', 'join blue a600007/32'])
  announce('10.96.0.7/32', [])
  t.same(where(), { red: [], blue: [] })
  t.equal(events.at(-1), 'leave blue a600007/32')
})

t.test('what changes again on its way ends where its last tag says', async (t) => {
  const back = setUp({ red: null, blue: null })
  back.announce('10.96.0.7/32', ['65000:1:100'])
  back.announce('10.96.0.7/32', ['65000:1:200'])
  back.announce('10.96.0.7/32', ['65000:1:100'])
  back.goOn()
  t.same(back.where(), { red: ['10.96.0.7/32'], blue: [] })

  const gone = setUp({ red: null, blue: null })
  gone.announce('10.96.0.7/32', ['65000:1:100'])
  gone.announce('10.96.0.7/32', ['65000:1:200'])
  gone.withdraw('10.96.0.7/32')
  gone.goOn()
  t.same(gone.where(), { red: [], blue: [] })
  t.equal(gone.events.at(-1), 'leave red a600007/32', 'what held it closed may open')
  t.same(gone.world.leftovers, [0, 0, 0, 0])
})

t.test('the same tag with other attributes changes the path and nothing else', async (t) => {
  const { announce, events, red } = setUp(POOLS)
  announce('10.244.8.0/26', ['65000:1:100'])
  announce('10.244.8.0/26', ['65000:1:100', '65001:7'])
  t.same(events, ['join red af40800/26'])
  const rib = red.rib(IPV4_UNICAST)
  t.equal(pathsOf(rib, '10.244.8.0/26').length, 1)
})

t.test('a withdraw takes everything out again', async (t) => {
  const { world, announce, withdraw, where, events, node } = setUp(POOLS)
  announce('10.244.8.0/26', ['65000:1:100'])
  announce('10.244.12.0/26', ['65000:1:100'])
  withdraw('10.244.8.0/26')
  withdraw('10.244.12.0/26')
  t.same(where(), { red: [], blue: [] })
  t.equal(events.at(-1), 'leave red af40800/26')
  t.equal(node.paths.count, 0)
  t.same(world.leftovers, [0, 0, 0, 0])
})

t.test('another speaker’s tag is not this one’s', async (t) => {
  const { world, node, where } = setUp(POOLS)
  const stranger = world.peer('127.0.0.2', { vrf: 0 })
  const inbound = adjRibIn(world, stranger, [node], { remoteAs: CILIUM, isHere: () => true })
  const attrs = [origin(0), asPath([CILIUM]), nextHop('127.0.0.2'), largeCommunities('65000:1:100')]
  inbound.apply(viewOf(update({ attrs, nlri: [prefix('10.244.8.0/26')] })))
  world.settle()
  t.same(where(), { red: [], blue: [] })
})

t.test('what this node is called as a next hop', async (t) => {
  const interfaces = new Interfaces()
  interfaces.update(
    [
      { ifindex: 2, name: 'eth0', up: true, master: 0, mtu: 1500 },
      { ifindex: 3, name: 'eth1', up: true, master: 9, mtu: 1500 },
      { ifindex: 9, name: 'vrf-red', up: true, master: 0, mtu: 1500 },
    ],
    [
      { ifindex: 2, address: address('192.0.2.11'), bits: 24, scope: 0, flags: 0 },
      { ifindex: 2, address: address('2001:db8::11'), bits: 64, scope: 0, flags: 0 },
      { ifindex: 3, address: address('198.51.100.1'), bits: 24, scope: 0, flags: 0 },
    ],
  )
  const here = (text: string) => {
    const bytes = address(text)
    return isThisNode(interfaces, bytes, 0, bytes.length)
  }
  for (const text of ['127.0.0.1', '127.8.0.1', '::1', '192.0.2.11', '2001:db8::11']) {
    t.ok(here(text), text)
  }
  t.ok(here('::ffff:7f00:1'), 'IPv4-mapped loopback: IPv6 routes of GoBGP over an IPv4 session')
  t.ok(here('::ffff:c000:20b'), 'our own address, IPv4-mapped')
  for (const text of ['192.0.2.12', '2001:db8::12', '::2', '::', '::ffff:c000:20c']) {
    t.notOk(here(text), text)
  }
  t.notOk(here('198.51.100.1'), 'an address in a customer’s VRF is not the node’s')
})

t.test('a next hop elsewhere: the path stays with its reason', async (t) => {
  const { announce, node, where } = setUp(POOLS)
  announce('10.244.8.0/26', ['65000:1:100'], '192.0.2.99')
  t.same(where(), { red: [], blue: [] })
  const [path] = pathsOf(node, '10.244.8.0/26')
  t.match(whyText(node.paths.whyOf(path!)), /not this node/)
})
