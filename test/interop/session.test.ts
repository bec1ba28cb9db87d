/**
 * Sessions with real speakers, natively, no kernel routes:
 *
 *     Peer 127.0.0.1 ── high ports ── FRR bgpd 127.0.0.2 / ::1, or gobgpd with Cilium's settings
 */
import t from 'tap'
import { SystemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { ListenSet } from '../../src/session/listener.ts'
import type { PeerConfig } from '../../src/session/negotiate.ts'
import { Peer } from '../../src/session/peer.ts'
import { connectTcp } from '../../src/session/transport.ts'
import { Family } from '../../src/wire/registry.ts'
import { asPath, localPref, nextHop, origin, prefix, update } from '../support/builder.ts'
import { peerConfig, RecordingHandler } from '../support/scripted-peer.ts'
import { freePort, frrMissing, gobgpMissing, startBgpd, startGobgpd } from '../support/speakers.ts'

// GoBGP 3.10 dials every 5 to 10 seconds.
t.setTimeout(600_000)

/** A missing speaker is a skip on a user's machine and a failure under CI. */
function skip(why: string): string | false {
  // biome-ignore lint/complexity/useLiteralKeys: an index signature (noPropertyAccessFromIndexSignature)
  if (why !== '' && process.env['CI']) throw new Error(why)
  return why === '' ? false : why
}

const ALL = [Family.IPV4_UNICAST, Family.IPV6_UNICAST, Family.VPNV4, Family.VPNV6]
const gracefulRestart = {
  restartTime: 120,
  forwardingFamilies: () => [],
  restarting: () => false,
  longLivedTime: 0,
}

type Teardown = { teardown(fn: () => unknown): unknown }

function makePeer(t: Teardown, fields: Partial<PeerConfig>) {
  const handler = new RecordingHandler()
  const config = peerConfig({ connectRetryTime: 1, ...fields })
  const deps = { clock: new SystemClock(), handler, connect: connectTcp, log: silentLogger }
  const peer = new Peer(config, deps)
  t.teardown(async () => {
    peer.stop(6, 2)
    await peer.whenClosed()
  })
  return { peer, handler }
}

const has = (handler: RecordingHandler, net: Uint8Array) =>
  handler.bodies.some((body) => Buffer.from(body).includes(Buffer.from(net)))

function frrConfig(neighbor: string, options: string[] = []): string {
  const families = ['ipv4 unicast', 'ipv6 unicast', 'ipv4 vpn', 'ipv6 vpn']
  const networks: Record<string, string> = {
    'ipv4 unicast': '  network 10.2.0.0/24\n',
    'ipv6 unicast': '  network 2001:db8:2::/48\n',
  }
  return [
    'router bgp 65000',
    ' bgp router-id 192.0.2.2',
    ' no bgp default ipv4-unicast',
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ` neighbor ${neighbor} remote-as 65000`,
    ` neighbor ${neighbor} timers 3 9`,
    ` neighbor ${neighbor} timers connect 1`,
    ...options.map((option) => ` neighbor ${neighbor} ${option}`),
    ...families.map(
      (family) =>
        ` address-family ${family}\n${networks[family] ?? ''}` +
        `  neighbor ${neighbor} activate\n exit-address-family`,
    ),
    '',
  ].join('\n')
}

t.test(
  'FRR: we dial, four families, End-of-RIB of each, routes both ways',
  {
    skip: skip(frrMissing()),
  },
  async (t) => {
    const port = await freePort('127.0.0.2')
    const frr = await startBgpd({
      address: '127.0.0.2',
      port,
      config: frrConfig('127.0.0.1', ['passive']),
    })
    t.teardown(() => frr.kill())
    const { peer, handler } = makePeer(t, {
      address: '127.0.0.2',
      port,
      families: ALL,
      gracefulRestart,
    })
    peer.start()
    await handler.until(() => handler.endOfRibs.length === 4)
    t.same(handler.ups[0]!.families, ALL)
    t.match(handler.ups[0], { asn4: true, holdTime: 9, routeRefresh: true, ebgp: false })
    t.same([...handler.endOfRibs].sort(), ALL)
    t.ok(has(handler, prefix('10.2.0.0/24')))
    t.ok(has(handler, prefix('2001:db8:2::/48')))
    const attrs = [origin(0), asPath([]), nextHop('192.0.2.1'), localPref(100)]
    const ours = update({ attrs, nlri: [prefix('10.1.0.0/24')] })
    peer.write(ours, 0, ours.length)
    const known = () => frr.show('show bgp ipv4 unicast 10.1.0.0/24 json').includes('192.0.2.1')
    while (!known()) await new Promise((next) => setTimeout(next, 50))
    const before = handler.updates
    peer.sendRouteRefresh(Family.IPV4_UNICAST)
    await handler.until(() => handler.updates > before)
    peer.stop(6, 2, 'maintenance at noon')
    await peer.whenClosed()
    const neighbor = () => frr.show('show bgp neighbors 127.0.0.1 json')
    while (!neighbor().includes('maintenance at noon')) {
      await new Promise((next) => setTimeout(next, 50))
    }
    t.match(
      JSON.parse(neighbor())['127.0.0.1'].lastNotificationReason,
      'Cease/Administrative Shutdown',
    )
  },
)

t.test(
  'FRR: killed and started again, the session comes back',
  {
    skip: skip(frrMissing()),
  },
  async (t) => {
    const port = await freePort('127.0.0.2')
    const options = {
      address: '127.0.0.2',
      port,
      config: frrConfig('127.0.0.1', ['passive']),
    }
    const first = await startBgpd(options)
    const { peer, handler } = makePeer(t, {
      address: '127.0.0.2',
      port,
      families: ALL,
      gracefulRestart,
    })
    peer.start()
    await handler.until(() => handler.endOfRibs.length === 4)
    await first.kill()
    await handler.until(() => handler.downs.length === 1)
    t.match(handler.downs[0], { direction: 'tcp' })
    const second = await startBgpd(options)
    t.teardown(() => second.kill())
    await handler.until(() => handler.endOfRibs.length === 8)
    t.equal(peer.state, 'Established')
  },
)

t.test(
  'FRR over IPv6 with a password and GTSM, either side dials',
  {
    skip: skip(frrMissing()),
  },
  async (t) => {
    for (const passive of [true, false]) {
      const theirPort = await freePort('::1')
      const listeners = new ListenSet(silentLogger)
      t.teardown(() => listeners.close())
      const { peer, handler } = makePeer(t, {
        address: '::1',
        port: theirPort,
        passive,
        password: 'of-two',
        ttl: 255,
        minTtl: 255,
        families: ALL,
        gracefulRestart,
      })
      listeners.addPeer(peer)
      const { port } = await listeners.listen({ address: '::1', port: 0 })
      const dials = passive ? `port ${port}` : 'passive'
      const frr = await startBgpd({
        address: '::1',
        port: theirPort,
        config: frrConfig('::1', [dials, 'password of-two', 'ttl-security hops 1']),
      })
      t.teardown(() => frr.kill())
      peer.start()
      await handler.until(() => handler.endOfRibs.length === 4)
      t.equal(handler.ups[0]!.remoteAddress, '::1')
      t.ok(has(handler, prefix('2001:db8:2::/48')))
      await frr.kill()
    }
  },
)

/** gobgpd as Cilium's agent drives it: it dials, never listens, every capability in one parameter. */
function ciliumConfig(options: { port: number; as?: number; routerId?: string; address: string }) {
  const family = (name: string) => `
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${name}"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true`
  return `
[global.config]
  as = ${options.as ?? 64512}
  router-id = "${options.routerId ?? '192.0.2.11'}"
  port = -1
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${options.address}"
    peer-as = 65000
  [neighbors.timers.config]
    connect-retry = 5
    hold-time = 9
    keepalive-interval = 3
    idle-hold-time-after-reset = 5
  [neighbors.transport.config]
    remote-port = ${options.port}
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 1
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 120
    notification-enabled = true
${family('ipv4-unicast')}
${family('ipv6-unicast')}
`
}

t.test(
  'GoBGP with the settings of Cilium dials us over IPv4 and IPv6',
  {
    skip: skip(gobgpMissing()),
  },
  async (t) => {
    for (const address of ['127.0.0.1', '::1']) {
      const listeners = new ListenSet(silentLogger)
      t.teardown(() => listeners.close())
      const { peer, handler } = makePeer(t, {
        address,
        passive: true,
        remoteAs: 64512,
        families: [Family.IPV4_UNICAST, Family.IPV6_UNICAST],
        gracefulRestart,
      })
      listeners.addPeer(peer)
      const { port } = await listeners.listen({ address, port: 0 })
      peer.start()
      const gobgp = await startGobgpd({
        config: ciliumConfig({ port, address }),
      })
      t.teardown(() => gobgp.kill())
      await handler.until(() => handler.ups.length === 1)
      t.match(handler.ups[0], {
        families: [Family.IPV4_UNICAST, Family.IPV6_UNICAST],
        ebgp: true,
        holdTime: 9,
        notificationRestart: true,
        extendedNextHop: [Family.IPV4_UNICAST],
      })
      t.equal(handler.ups[0]!.gracefulRestart!.families.length, 2)
      gobgp.show('global', 'rib', 'add', '10.244.7.0/26', 'origin', 'igp')
      gobgp.show('global', 'rib', 'add', '-a', 'ipv6', 'fd00:244:1::/64', 'origin', 'igp')
      // GoBGP holds its routes back until our End-of-RIB of every family.
      const endOfRibs = [update(), update({ attrs: [new Uint8Array([0x80, 15, 3, 0, 2, 1])] })]
      for (const one of endOfRibs) peer.write(one, 0, one.length)
      const both = () =>
        has(handler, prefix('10.244.7.0/26')) && has(handler, prefix('fd00:244:1::/64'))
      await handler.until(both)
      await handler.until(() => handler.endOfRibs.length === 2)
      t.equal(peer.counters.treatAsWithdraw, 0)
      await gobgp.kill()
      await handler.until(() => handler.downs.length === 1)
      t.match(handler.downs[0], { direction: 'tcp', helper: true }, 'an agent that restarts')
    }
  },
)

t.test(
  'GoBGP with our router id in our AS: told plainly, no session',
  {
    skip: skip(gobgpMissing()),
  },
  async (t) => {
    const listeners = new ListenSet(silentLogger)
    t.teardown(() => listeners.close())
    const { peer, handler } = makePeer(t, { address: '127.0.0.1', passive: true })
    listeners.addPeer(peer)
    const { port } = await listeners.listen({ address: '127.0.0.1', port: 0 })
    peer.start()
    const config = ciliumConfig({
      port,
      address: '127.0.0.1',
      as: 65000,
      routerId: '192.0.2.1',
    })
    const gobgp = await startGobgpd({ config })
    t.teardown(() => gobgp.kill())
    while (peer.counters.lastDown === null) await new Promise((next) => setTimeout(next, 50))
    t.match(peer.counters.lastDown.text, /BGP identifier/i)
    t.equal(handler.ups.length, 0)
  },
)
