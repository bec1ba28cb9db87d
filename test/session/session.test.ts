/**
 * Sessions over TCP on the loopback:
 *
 *     Peer (code under test) ── 127.0.0.1 or ::1, a free port ── ScriptedPeer (octets by hand)
 */
import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { SystemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { ListenSet } from '../../src/session/listener.ts'
import type { PeerConfig } from '../../src/session/negotiate.ts'
import { Peer } from '../../src/session/peer.ts'
import { closeSocket, openSocket, setMd5Key } from '../../src/session/sockopt.ts'
import { connectTcp } from '../../src/session/transport.ts'
import { Family } from '../../src/wire/registry.ts'
import {
  asPath,
  attr,
  localPref,
  message,
  nextHop,
  origin,
  prefix,
  u8,
  update,
} from '../support/builder.ts'
import {
  goodOpen,
  keepalive,
  peerConfig,
  RecordingHandler,
  ScriptedListener,
  ScriptedPeer,
} from '../support/scripted-peer.ts'

const announce = update({
  attrs: [origin(0), asPath([]), nextHop('192.0.2.2'), localPref(100)],
  nlri: [prefix('10.1.0.0/24')],
})
const endOfRib = update()
const hasIpv6 = existsSync('/proc/net/if_inet6')

type Teardown = { teardown(fn: () => unknown): unknown }

/** Our side: one Peer, stopped when the test ends. */
function makePeer(t: Teardown, fields: Partial<PeerConfig>) {
  const handler = new RecordingHandler()
  const config = peerConfig({ connectRetryTime: 0.6, ...fields })
  const deps = { clock: new SystemClock(), handler, connect: connectTcp, log: silentLogger }
  const peer = new Peer(config, deps)
  t.teardown(async () => {
    peer.stop(6, 2)
    await peer.whenClosed()
  })
  return { peer, handler }
}

/** The scripted side listens, ours dials. */
async function dialled(t: Teardown, fields: Partial<PeerConfig> = {}) {
  const listener = await ScriptedListener.open(fields.address)
  t.teardown(() => listener.close())
  const { peer, handler } = makePeer(t, { port: listener.port, ...fields })
  peer.start()
  return { peer, handler, listener, remote: await listener.accept() }
}

/** Ours listens, the scripted side dials. */
async function listening(t: Teardown, fields: Partial<PeerConfig> = {}, host = '127.0.0.1') {
  const listeners = new ListenSet(silentLogger)
  const { peer, handler } = makePeer(t, { address: host, passive: true, ...fields })
  listeners.addPeer(peer)
  const { port } = await listeners.listen({
    address: host,
    port: 0,
    ...(fields.bindDevice === undefined ? {} : { bindDevice: fields.bindDevice }),
  })
  t.teardown(() => listeners.close())
  peer.start()
  return { peer, handler, listeners, port }
}

t.test(
  'dialling: OPEN, KEEPALIVE, Established, UPDATE, End-of-RIB, TCP lost, back again',
  async (t) => {
    const { peer, handler, listener, remote } = await dialled(t)
    await remote.establish()
    await handler.until(() => handler.ups.length === 1)
    t.match(handler.ups[0], {
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      families: [Family.IPV4_UNICAST],
    })
    remote.send(announce, endOfRib)
    await handler.until(() => handler.endOfRibs.length === 1)
    t.equal(handler.updates, 1)
    t.same(handler.bodies[0], announce.slice(19))
    t.equal(peer.write(announce, 0, announce.length), true)
    t.same(await remote.expect(2), announce.slice(19))
    remote.reset()
    await handler.until(() => handler.downs.length === 1)
    t.match(handler.downs[0], { direction: 'tcp', code: 0 })
    const again = await listener.accept()
    await again.establish()
    await handler.until(() => handler.ups.length === 2)
    t.equal(peer.state, 'Established')
  },
)

t.test('dialling: nobody listens yet, then somebody does', async (t) => {
  const probe = await ScriptedListener.open()
  const { port } = probe
  probe.close()
  const { peer, handler } = makePeer(t, { port })
  peer.start()
  while (peer.counters.lastDown === null) await new Promise((next) => setTimeout(next, 5))
  t.match(peer.counters.lastDown.text, /ECONNREFUSED/)
  const listener = await ScriptedListener.open('127.0.0.1', port)
  t.teardown(() => listener.close())
  await (await listener.accept()).establish()
  await handler.until(() => handler.ups.length === 1)
})

t.test(
  'dialling over IPv6 with TTL and local address',
  { skip: !hasIpv6 && 'no IPv6' },
  async (t) => {
    const { handler, remote } = await dialled(t, { address: '::1', localAddress: '::1', ttl: 1 })
    await remote.establish()
    await handler.until(() => handler.ups.length === 1)
    t.match(handler.ups[0], { localAddress: '::1', remoteAddress: '::1' })
  },
)

t.test('dialling from a chosen address, with and without socket options', async (t) => {
  for (const options of [{}, { ttl: 255, minTtl: 1 }]) {
    const { handler, remote } = await dialled(t, { localAddress: '127.0.0.7', ...options })
    t.equal(remote.socket.remoteAddress, '127.0.0.7')
    await remote.establish()
    await handler.until(() => handler.ups.length === 1)
  }
})

t.test('listening, IPv4 and IPv6: the neighbour dials', async (t) => {
  for (const host of hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
    const { peer, handler, port } = await listening(t, {}, host)
    const remote = await ScriptedPeer.dial(port, host)
    await remote.establish()
    await handler.until(() => handler.ups.length === 1)
    t.match(handler.ups[0], { localAddress: host, remoteAddress: host })
    remote.send(announce)
    await handler.until(() => handler.updates === 1)
    peer.stop(6, 2, 'bye')
    t.same(await remote.notification(), [6, 2, 3, 0x62, 0x79, 0x65])
  }
})

t.test('listening: who is not configured is refused with 6/5 and costs nothing', async (t) => {
  const { peer, listeners, port } = await listening(t)
  const stranger = await ScriptedPeer.dial(port, '127.0.0.1', '127.0.0.9')
  t.same(await stranger.notification(), [6, 5])
  t.equal(listeners.refused, 1)
  t.equal(peer.state, 'Active')
  listeners.removePeer(peer)
  const former = await ScriptedPeer.dial(port)
  t.same(await former.notification(), [6, 5])
})

t.test('listening: a port in use is told with its errno', async (t) => {
  const { listeners, port } = await listening(t)
  await t.rejects(listeners.listen({ address: '127.0.0.1', port }), { code: 'EADDRINUSE' })
  await t.rejects(listeners.listen({ address: '192.0.2.77', port: 0 }), {
    message: 'bind 192.0.2.77 port 0: EADDRNOTAVAIL',
  })
})

const notRoot = process.getuid?.() !== 0 && 'needs root'

t.test('sockets tied to a device (SO_BINDTODEVICE)', { skip: notRoot }, async (t) => {
  const { handler, port } = await listening(t, { bindDevice: 'lo' })
  const ours = makePeer(t, { port, bindDevice: 'lo', routerId: 0xc0000202, families: [1] })
  ours.peer.start()
  await handler.until(() => handler.ups.length === 1)
  const missing = makePeer(t, { port, bindDevice: 'vrf-none' })
  missing.peer.start()
  t.equal(missing.peer.counters.lastDown?.text, 'setsockopt SO_BINDTODEVICE vrf-none: ENODEV')
  t.equal(missing.peer.state, 'Active')
})

t.test('link-local neighbours are told apart by their zone', async (t) => {
  const linkLocal = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ address }) => address.startsWith('fe80:'))
      .map(({ address }) => `${address}%${name}`),
  )[0]
  if (linkLocal === undefined) {
    t.comment('no interface with a link-local address here')
    return
  }
  const { handler, port } = await listening(t, { ttl: 255 }, linkLocal)
  for (const options of [{}, { ttl: 1, localAddress: linkLocal }]) {
    const fields = { address: linkLocal, port, routerId: 0xc0000202, ...options }
    const { peer, handler: theirs } = makePeer(t, fields)
    peer.start()
    await theirs.until(() => theirs.ups.length === 1)
    t.equal(theirs.ups[0]!.remoteAddress, linkLocal)
    await handler.until(() => handler.ups.length > handler.downs.length)
    peer.stop(6, 2)
    await handler.until(() => handler.downs.length === handler.ups.length)
  }
})

t.test('OpenSent over TCP: the NOTIFICATION arrives before the connection ends', async (t) => {
  // biome-ignore format: one row a mistake
  const rows: [string, Uint8Array, number[]][] = [
    ['version', goodOpen({ version: 5 }), [2, 1, 0, 4]],
    ['AS', goodOpen({ as: 65009 }), [2, 2]],
    ['identifier', goodOpen({ routerId: '0.0.0.0' }), [2, 3]],
    ['hold time 1', goodOpen({ holdTime: 1 }), [2, 6]],
    ['hold time 2', goodOpen({ holdTime: 2 }), [2, 6]],
    ['wrong message', announce, [5, 1]],
    ['garbage', u8(...new Array(40).fill(7)), [1, 1]],
  ]
  for (const [what, bytes, expected] of rows) {
    const { remote } = await dialled(t)
    // Octets that our side will never read must not cost the NOTIFICATION (an RST would).
    remote.send(bytes, new Uint8Array(100_000).fill(0xff))
    await remote.expect(1)
    t.same(await remote.notification(), expected, what)
  }
})

t.test('OpenConfirm over TCP: an UPDATE instead of the KEEPALIVE is 5/2', async (t) => {
  const { peer, remote } = await dialled(t)
  remote.send(goodOpen())
  await remote.expect(4)
  t.equal(peer.state, 'OpenConfirm')
  remote.send(announce)
  t.same(await remote.notification(), [5, 2])
})

t.test('Established over TCP: silence for the hold time is 4/0', async (t) => {
  const { handler, remote } = await dialled(t, { holdTime: 3 })
  await remote.establish()
  await handler.until(() => handler.ups.length === 1)
  t.same(await remote.notification(), [4, 0])
  t.match(handler.downs, [{ direction: 'sent', code: 4, subcode: 0 }])
})

t.test('messages cut anywhere by TCP arrive whole', async (t) => {
  const { handler, remote } = await dialled(t)
  await remote.establish()
  remote.socket.setNoDelay(true)
  for (let cut = 1; cut < announce.length; cut += 7) {
    remote.send(announce.subarray(0, cut))
    await new Promise((next) => setTimeout(next, 2))
    remote.send(announce.subarray(cut))
  }
  const count = Math.ceil((announce.length - 1) / 7)
  await handler.until(() => handler.updates === count)
  t.ok(handler.bodies.every((body) => Buffer.compare(body, announce.subarray(19)) === 0))
})

t.test('RFC 8654: a message of 65535 octets both ways once both sides offered it', async (t) => {
  const { peer, handler, remote } = await dialled(t)
  await remote.establish(goodOpen({ capabilities: [u8(6, 0)] }))
  await handler.until(() => handler.ups.length === 1)
  const path = [origin(0), asPath([]), nextHop('192.0.2.2'), localPref(100)]
  const head = update({ attrs: path }).length
  const filler = attr(0xc0, 200, new Uint8Array(65535 - head - 4 - 4))
  const long = update({ attrs: [...path, filler], nlri: [prefix('10.1.0.0/24')] })
  t.equal(long.length, 65535)
  remote.send(long)
  await handler.until(() => handler.updates === 1)
  t.same(handler.bodies[0]!.length, 65535 - 19)
  peer.write(long, 0, long.length)
  t.equal((await remote.expect(2)).length, 65535 - 19)
})

t.test('back-pressure: false above the mark, onWritable below, every octet in order', async (t) => {
  const { peer, handler, remote } = await dialled(t)
  await remote.establish()
  await handler.until(() => handler.ups.length === 1)
  remote.socket.pause()
  const numbered = (n: number) => {
    const body = new Uint8Array(3000)
    body.set([n >>> 8, n & 255])
    return message(2, body)
  }
  let written = 0
  while (written < 20_000) {
    const one = numbered(written++)
    if (!peer.write(one, 0, one.length)) {
      // What the kernel takes is taken after this turn.
      await new Promise((next) => setImmediate(next))
      await new Promise((next) => setImmediate(next))
      if (handler.writable === 0) break
      handler.writable = 0
    }
  }
  t.ok(written < 20_000, 'a neighbour that does not read stops us')
  t.equal(handler.writable, 0)
  remote.socket.resume()
  await handler.until(() => handler.writable === 1)
  peer.stop(6, 2)
  for (let n = 0; n < written; n++) {
    const body = await remote.expect(2)
    if ((body[0]! << 8) + body[1]! !== n) t.fail(`message ${n} out of order`)
  }
  t.same(await remote.notification(), [6, 2], 'and the NOTIFICATION after all of it')
})

t.test('collision of two real speakers: both dial, one session remains', async (t) => {
  const low = { listeners: new ListenSet(silentLogger), id: 0xc0000201, address: '127.0.0.21' }
  const high = { listeners: new ListenSet(silentLogger), id: 0xc0000202, address: '127.0.0.22' }
  const lowPort = (await low.listeners.listen({ address: low.address, port: 0 })).port
  const highPort = (await high.listeners.listen({ address: high.address, port: 0 })).port
  t.teardown(() => Promise.all([low.listeners.close(), high.listeners.close()]))
  const a = makePeer(t, {
    address: high.address,
    localAddress: low.address,
    port: highPort,
    routerId: low.id,
  })
  const b = makePeer(t, {
    address: low.address,
    localAddress: high.address,
    port: lowPort,
    routerId: high.id,
  })
  low.listeners.addPeer(a.peer)
  high.listeners.addPeer(b.peer)
  a.peer.start()
  b.peer.start()
  const settled = () =>
    a.peer.state === 'Established' &&
    b.peer.state === 'Established' &&
    a.handler.ups.length - a.handler.downs.length === 1
  while (!settled()) await new Promise((next) => setTimeout(next, 10))
  a.peer.write(announce, 0, announce.length)
  b.peer.write(announce, 0, announce.length)
  await a.handler.until(() => a.handler.updates === 1)
  await b.handler.until(() => b.handler.updates === 1)
  t.equal(a.peer.state, 'Established')
})

function md5Refusal(): string | false {
  const fd = openSocket(4)
  try {
    setMd5Key(fd, '127.0.0.1', 'probe')
    return false
  } catch (error) {
    return `the kernel refuses TCP_MD5SIG: ${error}`
  } finally {
    closeSocket(fd)
  }
}

t.test(
  'RFC 2385: with the same key a session, with another none',
  { skip: md5Refusal() },
  async (t) => {
    for (const host of hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
      const { peer, handler, port } = await listening(t, { password: 'of two' }, host)
      const other = { address: host, port, routerId: 0xc0000202 }
      const wrong = makePeer(t, { ...other, password: 'of one' })
      const none = makePeer(t, other)
      wrong.peer.start()
      none.peer.start()
      const right = makePeer(t, { ...other, password: 'of two' })
      right.peer.start()
      await handler.until(() => handler.ups.length === 1)
      await right.handler.until(() => right.handler.ups.length === 1)
      t.equal(right.peer.state, 'Established')
      t.equal(wrong.peer.state, 'Connect', 'its SYNs fall on deaf ears')
      t.equal(none.peer.state, 'Connect')
      t.equal(wrong.peer.counters.established + none.peer.counters.established, 0)
      right.peer.stop(6, 2)
      await handler.until(() => handler.downs.length === 1)
      t.match(handler.downs[0], { direction: 'received', code: 6, subcode: 2 })
      t.equal(peer.counters.messagesIn[3], 1)
    }
  },
)

t.test('keepalives of a stopped program do not keep it: nothing is left behind', async (t) => {
  const { peer, remote } = await dialled(t)
  remote.send(goodOpen(), keepalive)
  await remote.expect(4)
  peer.stop(6, 3)
  await peer.whenClosed()
  t.equal(peer.state, 'Idle')
})
