import t from 'tap'
import type { NextHopId } from '../../src/rib/next-hop.ts'
import { OutPolicy, type OutRules } from '../../src/rib/out-policy.ts'
import type { AttrsId } from '../../src/rib/path-attrs.ts'
import { PathKind } from '../../src/rib/path-table.ts'
import { formatAsPath } from '../../src/wire/as-path.ts'
import { Attr, Family } from '../../src/wire/registry.ts'
import {
  address,
  asPath,
  attr,
  clusterList,
  communities,
  extCommunities,
  l3Service,
  largeCommunities,
  localPref,
  med,
  OPTIONAL,
  origin,
  originatorId,
  prefixSid,
  routeTarget,
  sidInformation,
  sidStructure,
  TRANSITIVE,
  u8,
} from '../support/builder.ts'
import { concat, toHex } from '../support/hex.ts'
import { outRules, World } from '../support/rib.ts'

const { IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } = Family
const HOP = address('2001:db8::2')
const OURS = address('172.16.1.1')
const SITE = u8(0, 3, 0xfd, 0xe8, 0, 0, 0, 7)
const WITHIN_AS = u8(0x40, 4, 0, 0, 0, 0, 0, 9)
const aigp = attr(OPTIONAL, 26, u8(1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 5))
const ipv6Target = attr(OPTIONAL | TRANSITIVE, 25, u8(0, 2), address('2001:db8::1'), u8(0, 7))

function setUp(family: Family, rules: Partial<OutRules>) {
  const world = new World()
  const policy = new OutPolicy(outRules(family, rules), world.attrs)
  const intern = (...attrs: Uint8Array[]) => {
    const all = concat(...attrs)
    return world.attrs.fromBytes(HOP, 0, HOP.length, all, 0, all.length)
  }
  const octets = (id: AttrsId) =>
    toHex(world.attrs.bytes.subarray(world.attrs.attrsAt(id), world.attrs.attrsEnd(id)))
  const hop = (id: AttrsId) =>
    toHex(world.attrs.bytes.subarray(world.attrs.nextHopAt(id), world.attrs.attrsAt(id)))
  return { world, policy, intern, octets, hop }
}

/** End.DT46 fcbb:bb00:1:e000::, block 32, node 16, function 16. */
function sid(whole: boolean) {
  const text = whole ? 'fcbb:bb00:1:e000::' : 'fcbb:bb00:1::'
  const structure = whole ? sidStructure(32, 16, 16, 0, 0, 0) : sidStructure(32, 16, 16, 0, 16, 48)
  return prefixSid(l3Service(sidInformation(text, 20, structure)))
}

t.test('a CE sees neither the VPN nor the inside of our AS', async (t) => {
  const { policy, intern, octets, hop } = setUp(IPV4_UNICAST, { nextHop: OURS })
  const id = intern(
    origin(0),
    asPath([65101]),
    med(5),
    localPref(200),
    communities('65000:1'),
    originatorId('192.0.2.9'),
    clusterList('192.0.2.8'),
    extCommunities(routeTarget('65000:10'), SITE, WITHIN_AS, routeTarget('192.0.2.1:9')),
    ipv6Target,
    aigp,
    largeCommunities('65000:1:2'),
    sid(true),
  )
  const told = policy.apply(id, false)
  const kept = [origin(0), asPath([65000, 65101]), communities('65000:1')]
  const rest = [extCommunities(SITE), largeCommunities('65000:1:2')]
  t.equal(octets(told), toHex(concat(...kept, ...rest)))
  t.equal(hop(told), toHex(OURS))
  t.equal(policy.label, 0)
})

t.test('route targets alone: the CE gets no EXTENDED_COMMUNITIES at all', async (t) => {
  const { policy, intern, octets } = setUp(IPV6_UNICAST, { nextHop: HOP })
  const id = intern(origin(0), asPath([65101]), extCommunities(routeTarget('4200000000:10')))
  t.equal(octets(policy.apply(id, false)), toHex(concat(origin(0), asPath([65000, 65101]))))
})

t.test('a CE in our own AS: LOCAL_PREF and MED stay, the AS_PATH as it is', async (t) => {
  const { policy, intern, octets } = setUp(IPV4_UNICAST, { ebgp: false, nextHop: OURS })
  const id = intern(
    origin(0),
    asPath([65101]),
    med(5),
    extCommunities(routeTarget('65000:1')),
    sid(true),
  )
  const expected = [origin(0), asPath([65101]), med(5), localPref(100)]
  t.equal(octets(policy.apply(id, false)), toHex(concat(...expected)))
})

t.test('RFC 9252 §4: our SID transposed into the label for a VPN neighbour', async (t) => {
  for (const family of [VPNV4, VPNV6]) {
    const { policy, intern, octets, hop } = setUp(family, { ebgp: false })
    const targets = extCommunities(routeTarget('65000:10'), SITE, WITHIN_AS)
    const id = intern(origin(0), asPath([65101]), med(5), targets, sid(true))
    const told = policy.apply(id, true)
    const expected = [origin(0), asPath([65101]), med(5), localPref(100), targets, sid(false)]
    t.equal(octets(told), toHex(concat(...expected)))
    t.equal(policy.label, 0xe00001)
    t.equal(hop(told), toHex(HOP), 'the next hop of the path')
  }
})

t.test('sid-transposition full: the whole SID, Implicit NULL in the label', async (t) => {
  const { policy, intern, octets } = setUp(VPNV4, { ebgp: false, transpose: false })
  const id = intern(origin(0), asPath([65101]), sid(true))
  const told = policy.apply(id, true)
  t.equal(octets(told), toHex(concat(origin(0), asPath([65101]), localPref(100), sid(true))))
  t.equal(policy.label, 0x000031)
})

t.test("another PE's Prefix-SID goes on to the bit, with its label", async (t) => {
  const { policy, intern, octets } = setUp(VPNV4, {})
  const odd = prefixSid(l3Service(sidInformation('fcbb:bb00:2:e000::', 0xffff), u8(9, 0, 1, 5)))
  const told = policy.apply(intern(origin(0), asPath([65101]), odd), false)
  t.equal(octets(told), toHex(concat(origin(0), asPath([65000, 65101]), odd)))
  t.equal(policy.label, -1)
})

t.test('RFC 4271 §5: unknown attributes go on if transitive, marked partial', async (t) => {
  const { policy, intern, octets } = setUp(IPV4_UNICAST, { nextHop: OURS })
  const id = intern(
    origin(0),
    asPath([65101]),
    attr(OPTIONAL | TRANSITIVE, 99, u8(1, 2)),
    attr(OPTIONAL, 100, u8(3)),
  )
  const partial = attr(OPTIONAL | TRANSITIVE | 0x20, 99, u8(1, 2))
  t.equal(
    octets(policy.apply(id, false)),
    toHex(concat(origin(0), asPath([65000, 65101]), partial)),
  )
})

t.test("as-override: the CE's own AS becomes ours, others stay", async (t) => {
  const { policy, intern, world } = setUp(IPV4_UNICAST, { asOverride: true, nextHop: OURS })
  const id = intern(
    origin(0),
    asPath([
      [2, 65102, 65103, 65102],
      [1, 65102, 7],
    ]),
  )
  const told = policy.apply(id, false)
  world.attrs.find(told, Attr.AS_PATH)
  const { bytes, valueAt, valueEnd } = world.attrs
  t.equal(formatAsPath(bytes, valueAt, valueEnd), '65000 65000 65103 65000 {65000,7}')
})

t.test('as-override of the longest AS_PATH that a message can hold', async (t) => {
  const { policy, intern, world } = setUp(IPV4_UNICAST, { asOverride: true, nextHop: OURS })
  const segment = [2, ...Array.from({ length: 255 }, (_, k) => (k % 2 ? 65102 : 70000 + k))]
  const id = intern(origin(0), asPath(Array.from({ length: 63 }, () => segment)))
  const told = policy.apply(id, false)
  t.equal(world.attrs.asPathLenOf(told), 63 * 255 + 1)
  world.attrs.find(told, Attr.AS_PATH)
  const { bytes, valueAt, valueEnd } = world.attrs
  const names = formatAsPath(bytes, valueAt, valueEnd).split(' ')
  const expected = segment.slice(1).map((as) => (as === 65102 ? 65000 : as))
  t.same(names.map(Number), [65000, ...Array.from({ length: 63 }, () => expected).flat()])
})

t.test('a set is derived once, and anew when what was derived is gone', async (t) => {
  const { policy, intern, world } = setUp(VPNV4, { ebgp: false })
  const id = intern(origin(0), asPath([65101]), sid(true))
  const first = policy.apply(id, true)
  t.equal(policy.apply(id, true), first)
  t.equal(policy.label, 0xe00001)
  t.equal(world.attrs.count, 2)
  world.attrs.release(first)
  world.attrs.release(first)
  t.equal(world.attrs.count, 1)
  const again = policy.apply(id, true)
  t.equal(policy.label, 0xe00001)
  world.attrs.release(again)
  world.attrs.release(id)
  t.equal(world.attrs.count, 0)
})

t.test('who may hear of what', async (t) => {
  const world = new World()
  const rib = world.rib(IPV4_UNICAST)
  const ce = world.peer('172.16.1.2')
  const otherCe = world.peer('172.16.1.3')
  const internal = world.peer('10.0.0.2', { ebgp: false })
  const otherInternal = world.peer('10.0.0.3', { ebgp: false })
  const noExport = '65535:65281'
  const noAdvertise = '65535:65282'
  let next = 0
  const verdict = (
    from: typeof ce,
    kind: PathKind,
    to: typeof ce,
    community = '65000:1',
    hidden: PathKind[] = [],
  ) => {
    const policy = new OutPolicy(outRules(IPV4_UNICAST, { ebgp: to.ebgp, hidden }), world.attrs)
    const all = concat(origin(0), asPath([65101]), communities(community))
    const set = world.attrs.fromBytes(HOP, 0, 16, all, 0, all.length)
    const prefix = rib.prefixes.intern(Int32Array.of(next++), 0, 32)
    const path = rib.put(prefix, from.id, kind, 0, set, 0, 0 as NextHopId, 0)
    return policy.notTold(path, rib.paths, to, world.peers)
  }
  const { RECEIVED, IMPORTED, EXPORTED, CONNECTED, STATIC } = PathKind
  t.equal(verdict(ce, RECEIVED, otherCe), null)
  t.equal(verdict(ce, RECEIVED, internal), null)
  t.equal(verdict(ce, RECEIVED, ce), 'it came from this neighbour')
  t.equal(verdict(internal, RECEIVED, otherInternal), 'iBGP-learned', 'RFC 4271 §9.2')
  t.equal(verdict(internal, RECEIVED, ce), null)
  t.equal(verdict(internal, IMPORTED, otherInternal), null, 'from another table')
  t.equal(verdict(world.peers.local, EXPORTED, internal), null)
  t.equal(verdict(ce, RECEIVED, otherCe, noExport), 'NO_EXPORT')
  t.equal(verdict(ce, RECEIVED, internal, noExport), null)
  t.equal(verdict(ce, RECEIVED, internal, noAdvertise), 'NO_ADVERTISE')
  t.equal(verdict(world.peers.local, CONNECTED, ce), null)
  t.equal(verdict(world.peers.local, CONNECTED, ce, '1:1', [CONNECTED]), 'not redistributed')
  t.equal(verdict(world.peers.local, STATIC, ce, '1:1', [CONNECTED]), null)
})

t.test('RFC 9494 §4.3: LLGR_STALE goes to who speaks it, with the community', async (t) => {
  for (const [longLivedStale, reason] of [
    ['told', null],
    ['withheld', 'LLGR_STALE'],
    ['restricted', null],
  ] as const) {
    const { world, policy, intern, octets } = setUp(VPNV4, { ebgp: false, longLivedStale })
    const rib = world.rib(VPNV4)
    const marked = intern(origin(0), asPath([65101]), communities('65535:6'))
    const plain = intern(origin(0), asPath([65101]), communities('65000:1'))
    const from = world.peer('172.16.1.2')
    const to = world.peer('2001:db8:ffff::2', { ebgp: false, vrf: 0 })
    const put = (net: number, set: AttrsId) => {
      const prefix = rib.prefixes.intern(Int32Array.of(0, 0, net << 24), 0, 8)
      const none = 0 as NextHopId
      world.attrs.retain(set)
      return rib.put(prefix, from.id, PathKind.EXPORTED, 1, set, 0, none, 0)
    }
    const stale = put(10, marked)
    const fresh = put(11, plain)
    t.equal(policy.notTold(stale, rib.paths, to, world.peers), reason, longLivedStale)
    t.equal(policy.notTold(fresh, rib.paths, to, world.peers), null, 'others are told as ever')
    const others = [origin(0), asPath([65101]), localPref(100), communities('65000:1')]
    t.equal(octets(policy.apply(plain, false)), toHex(concat(...others)))
    if (reason !== null) continue
    const restricted = longLivedStale === 'restricted'
    const expected = restricted
      ? [localPref(0), communities('65535:6', '65535:65281')]
      : [localPref(100), communities('65535:6')]
    const all = toHex(concat(origin(0), asPath([65101]), ...expected))
    t.equal(octets(policy.apply(marked, false)), all, `${longLivedStale}, §4.6 where restricted`)
  }
})

t.test('RFC 9494 §4.7.1: a CE is told restricted: NO_EXPORT, and no LOCAL_PREF', async (t) => {
  const { policy, intern, octets } = setUp(IPV4_UNICAST, {
    nextHop: OURS,
    longLivedStale: 'restricted',
  })
  const marked = intern(origin(0), asPath([65101]), localPref(200), communities('65535:6'))
  const expected = [origin(0), asPath([65000, 65101]), communities('65535:6', '65535:65281')]
  t.equal(octets(policy.apply(marked, false)), toHex(concat(...expected)))
})
