/** Speakers of this node, message by message: what they may write, and what they are told. */
import t, { type Test } from 'tap'
import {
  address,
  asPath,
  capability,
  communities,
  mpReach,
  mpUnreach,
  nextHop,
  origin,
  prefix,
  u8,
  u16be,
  update,
} from '../support/builder.ts'
import { FakeTransport } from '../support/fake-socket.ts'
import { ToldNeighbor } from '../support/rib.ts'
import { AFI, calm, Router } from '../support/router.ts'
import { goodOpen, keepalive } from '../support/scripted-peer.ts'

const CONFIG = `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
speakers:
  cilium: { as: 64512, port: 21790 }
  lb: { as: 64513, port: 21790, addresses: [127.0.0.2], announce: true }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [red]
    networks:
      - { from: cilium, community: "65000:10", pools: any }
      - { from: lb, community: "65000:10", pools: any }
  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    networks:
      - { from: cilium, community: "65000:20", pools: any }
      - { from: lb, community: "65000:20", pools: any }
`

async function start(t: Test): Promise<Router> {
  const router = await Router.start(CONFIG)
  t.teardown(() => router.speaker.stop())
  return router
}

/** A speaker that has dialled and opened its session. */
class NodeSpeaker {
  readonly transport = new FakeTransport()
  readonly picture = new ToldNeighbor()
  #heard = 0

  constructor(remote: string, local: string) {
    this.transport.remoteAddress = remote
    this.transport.localAddress = local
  }

  async up(router: Router, as: number, ...capabilities: Uint8Array[]): Promise<this> {
    const { remoteAddress } = this.transport
    const found = router.speaker.neighbors.find(({ peer }) => peer.config.address === remoteAddress)
    found!.peer.accept(this.transport)
    const options = { as, routerId: `10.0.0.${as - 64511}`, capabilities }
    const { ipv4, ipv6 } = AFI as { ipv4: [number, number]; ipv6: [number, number] }
    await this.send(goodOpen(options, [ipv4, ipv6]), keepalive)
    return this
  }

  async send(...messages: Uint8Array[]): Promise<void> {
    this.transport.receive(...messages)
    await this.hear()
  }

  async hear(): Promise<void> {
    await calm()
    const { sent } = this.transport
    for (; this.#heard < sent.length; this.#heard++) {
      const { type, body } = sent[this.#heard]!
      if (type === 2) this.picture.hear(body)
    }
  }
}

const tagged = (as: number, community: string) => [origin(0), asPath([as]), communities(community)]

const inVrf = (router: Router, vrf: string) =>
  [...router.show.routes({ vrf })]
    .filter(({ paths }) => paths.some(({ source }) => source === 'bgp'))
    .map((route) => route.prefix)
    .sort()

t.test('IPv4 with an IPv6 next hop, from a speaker that did not offer RFC 8950', async (t) => {
  const router = await start(t)
  const cilium = await new NodeSpeaker('::1', '::1').up(router, 64512)
  const reach = mpReach(1, 1, address('::1'), prefix('10.244.8.0/26'), prefix('10.244.9.0/26'))
  await cilium.send(update({ attrs: [reach, ...tagged(64512, '65000:10')] }))
  t.same(inVrf(router, 'red'), ['10.244.8.0/26', '10.244.9.0/26'])
  await cilium.send(update({ withdrawn: [prefix('10.244.8.0/26')] }))
  t.same(inVrf(router, 'red'), ['10.244.9.0/26'], 'withdrawn as GoBGP does')
  await cilium.send(update({ attrs: [mpUnreach(1, 1, prefix('10.244.9.0/26'))] }))
  t.same(inVrf(router, 'red'), [], 'and as RFC 4760 has it')
  t.notOk(cilium.transport.closed)
})

t.test('IPv6 over IPv4: the next hop is IPv4-mapped', async (t) => {
  const router = await start(t)
  const cilium = await new NodeSpeaker('127.0.0.1', '127.0.0.1').up(router, 64512)
  const reach = mpReach(2, 1, address('::ffff:7f00:1'), prefix('fd00:244:8::/96'))
  await cilium.send(update({ attrs: [reach, ...tagged(64512, '65000:10')] }))
  t.same(inVrf(router, 'red'), ['fd00:244:8::/96'])
})

t.test('End-of-RIB at once for each family, though it has one to send first', async (t) => {
  const router = await start(t)
  const restart = capability(64, u16be(0xc078), u16be(1), u8(1, 0x80), u16be(2), u8(1, 0x80))
  const cilium = await new NodeSpeaker('127.0.0.1', '127.0.0.1').up(router, 64512, restart)
  t.same(cilium.picture.endOfRibs.toSorted(), ['ipv4-unicast', 'ipv6-unicast'])
  t.equal(cilium.picture.routes.size, 0)
})

t.test('announce: what other speakers of the node have, and nothing else', async (t) => {
  const router = await start(t)
  const cilium = await new NodeSpeaker('127.0.0.1', '127.0.0.1').up(router, 64512)
  const lb = await new NodeSpeaker('127.0.0.2', '127.0.0.2').up(router, 64513)
  const attrs = [nextHop('127.0.0.1'), ...tagged(64512, '65000:10')]
  await cilium.send(update({ attrs, nlri: [prefix('10.244.8.0/26')] }))
  const own = [nextHop('127.0.0.2'), ...tagged(64513, '65000:20')]
  await lb.send(update({ attrs: own, nlri: [prefix('10.96.0.7/32')] }))
  await cilium.hear()
  t.same([...lb.picture.routes.keys()], ['10.244.8.0/26'])
  t.same([...cilium.picture.routes.keys()], [])
  await cilium.send(update({ withdrawn: [prefix('10.244.8.0/26')] }))
  await lb.hear()
  t.equal(lb.picture.routes.size, 0)
  t.same(lb.picture.complaints, [])
})

t.test('one prefix of two speakers is in one network: that of the best path', async (t) => {
  const router = await start(t)
  const cilium = await new NodeSpeaker('127.0.0.1', '127.0.0.1').up(router, 64512)
  const lb = await new NodeSpeaker('127.0.0.2', '127.0.0.2').up(router, 64513)
  const nlri = [prefix('10.50.0.0/24')]
  await cilium.send(update({ attrs: [nextHop('127.0.0.1'), ...tagged(64512, '65000:10')], nlri }))
  await lb.send(update({ attrs: [nextHop('127.0.0.2'), ...tagged(64513, '65000:20')], nlri }))
  const where = () => [inVrf(router, 'red').length, inVrf(router, 'blue').length]
  t.same(where(), [1, 0])
  await cilium.send(update({ withdrawn: nlri }))
  t.same(where(), [0, 1], 'the other’s tag counts once its path is the best')
  await lb.send(update({ withdrawn: nlri }))
  t.same(where(), [0, 0])
})
