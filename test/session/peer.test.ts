import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { PeerConfig } from '../../src/session/negotiate.ts'
import { Peer } from '../../src/session/peer.ts'
import { Family } from '../../src/wire/registry.ts'
import {
  asPath,
  attr,
  capability,
  localPref,
  message,
  mpReach,
  nextHop,
  origin,
  prefix,
  u8,
  u16be,
  update,
} from '../support/builder.ts'
import { FakeTransport, fakeConnect } from '../support/fake-socket.ts'
import { goodOpen, keepalive, peerConfig, RecordingHandler } from '../support/scripted-peer.ts'

const announce = update({
  attrs: [origin(0), asPath([]), nextHop('192.0.2.2'), localPref(100)],
  nlri: [prefix('10.1.0.0/24')],
})
const notification = (...body: number[]) => message(3, u8(...body))
const restartCapability = (flags: number) => capability(64, u8(flags, 120), u16be(1), u8(1, 0x80))
const gracefulRestart = {
  restartTime: 120,
  forwardingFamilies: () => [Family.IPV4_UNICAST],
  restarting: () => false,
  longLivedTime: 0,
}

/** A peer over fake transports with a clock turned by hand; jitter is always the longest. */
function setUp(fields: Partial<PeerConfig> = {}) {
  const clock = new ManualClock()
  const handler = new RecordingHandler()
  const { connect, made, targets } = fakeConnect()
  const config = peerConfig(fields)
  const peer = new Peer(config, { clock, handler, connect, log: silentLogger, random: () => 1 })
  const last = () => made.at(-1)!
  const establish = (open = goodOpen()) => {
    peer.start()
    last().connected()
    last().receive(open, keepalive)
    return last()
  }
  const accept = () => {
    const transport = new FakeTransport()
    peer.accept(transport)
    return transport
  }
  return { clock, handler, made, targets, peer, last, establish, accept }
}

t.test('Idle: nothing before start, nothing after stop, nothing while shut down', async (t) => {
  const { peer, made, accept } = setUp()
  t.equal(peer.state, 'Idle')
  t.same(accept().notification, [6, 5], 'a connection is refused')
  peer.start()
  t.equal(peer.state, 'Connect')
  peer.stop(6, 2)
  t.equal(peer.state, 'Idle')
  t.ok(made[0]!.closed)
  const down = setUp({ shutdown: true })
  down.peer.start()
  t.equal(down.peer.state, 'Idle')
  t.equal(down.made.length, 0)
})

t.test('Connect: what the socket is asked for; retried when the timer runs out', async (t) => {
  const { peer, clock, made, targets } = setUp({
    address: 'fe80::2%eth0',
    localAddress: '2001:db8::1',
    bindDevice: 'vrf-red',
    ttl: 1,
    password: 'secret',
  })
  peer.start()
  t.match(targets[0], {
    address: 'fe80::2%eth0',
    port: 179,
    localAddress: '2001:db8::1',
    bindDevice: 'vrf-red',
    ttl: 1,
    password: 'secret',
  })
  clock.advance(5000)
  t.equal(made.length, 2, 'dialled again')
  t.ok(made[0]!.closed, 'the first attempt was given up')
  t.equal(peer.state, 'Connect')
})

t.test('Active: a refused connection is tried again, with jitter, not before', async (t) => {
  const { peer, clock, made, last } = setUp()
  peer.start()
  last().lost(new Error('connect ECONNREFUSED'))
  t.equal(peer.state, 'Active')
  t.match(peer.counters.lastDown, { text: 'connect ECONNREFUSED', direction: 'tcp' })
  clock.advance(4999)
  t.equal(made.length, 1)
  clock.advance(1)
  t.equal(made.length, 2)
  t.equal(peer.state, 'Connect')
})

t.test('Active: a passive peer never dials and takes what comes', async (t) => {
  const { peer, clock, made, handler, accept } = setUp({ passive: true })
  peer.start()
  clock.advance(3_600_000)
  t.equal(made.length, 0)
  t.equal(peer.state, 'Active')
  const transport = accept()
  t.equal(peer.state, 'OpenSent')
  transport.receive(goodOpen(), keepalive)
  t.equal(peer.state, 'Established')
  t.equal(handler.ups.length, 1)
})

t.test(
  'a connection that cannot be made at all (no such device) is a failed attempt',
  async (t) => {
    const clock = new ManualClock()
    let attempts = 0
    const connect = () => {
      attempts++
      throw new Error('setsockopt SO_BINDTODEVICE vrf-red: ENODEV')
    }
    const handler = new RecordingHandler()
    const peer = new Peer(peerConfig(), { clock, handler, connect, log: silentLogger })
    peer.start()
    t.equal(peer.state, 'Active')
    t.match(peer.counters.lastDown?.text, /ENODEV/)
    clock.advance(5000)
    t.equal(attempts, 2)
  },
)

t.test('OpenSent: no OPEN within the large hold time is 4/0', async (t) => {
  const { peer, clock, last } = setUp()
  peer.start()
  last().connected()
  t.same(last().types, [1])
  clock.advance(240_000)
  t.same(last().notification, [4, 0])
  t.ok(last().closed)
  t.equal(peer.state, 'Idle')
})

t.test('OpenConfirm and Established: keepalives go out, silence is 4/0', async (t) => {
  const { peer, clock, last, handler } = setUp({ holdTime: 9 })
  peer.start()
  last().connected()
  last().receive(goodOpen())
  t.equal(peer.state, 'OpenConfirm')
  t.same(last().types, [1, 4])
  clock.advance(3000)
  t.same(last().types, [1, 4, 4], 'while the KEEPALIVE is awaited')
  last().receive(keepalive)
  t.equal(peer.state, 'Established')
  clock.advance(8999)
  t.equal(peer.state, 'Established')
  clock.advance(1)
  t.same(last().notification, [4, 0])
  t.match(handler.downs, [{ direction: 'sent', code: 4, subcode: 0, helper: false }])
})

t.test('Established: any UPDATE, KEEPALIVE or ROUTE-REFRESH feeds the hold timer', async (t) => {
  const { peer, clock, establish, handler } = setUp({ holdTime: 9 })
  const transport = establish()
  const refresh = message(5, u16be(1), u8(0, 1))
  for (const one of [announce, keepalive, refresh, announce]) {
    clock.advance(8000)
    transport.receive(one)
  }
  t.equal(peer.state, 'Established')
  t.equal(handler.updates, 2)
  t.same(handler.refreshes, [Family.IPV4_UNICAST])
  t.equal(peer.counters.messagesIn[2], 2)
  t.equal(peer.counters.messagesIn[0], 6, 'one OPEN, two UPDATEs, two KEEPALIVEs, one refresh')
})

t.test('hold time 0: neither keepalives nor a hold timer', async (t) => {
  const { peer, clock, establish } = setUp()
  const transport = establish(goodOpen({ holdTime: 0 }))
  clock.advance(3_600_000)
  t.equal(peer.state, 'Established')
  t.same(transport.types, [1, 4])
})

t.test('RFC 9687: a neighbour that reads nothing loses its session', async (t) => {
  const { peer, clock, establish } = setUp({ holdTime: 9 })
  const transport = establish()
  clock.advance(5000)
  transport.stalled = true
  for (let second = 0; second < 30 && peer.state === 'Established'; second++) {
    peer.write(announce, 0, announce.length)
    transport.receive(keepalive)
    clock.advance(1000)
  }
  t.not(peer.state, 'Established')
  t.same(transport.notification, [8, 0])
})

t.test('RFC 9687: a neighbour with nothing to read keeps its session', async (t) => {
  const { peer, clock, establish } = setUp({ holdTime: 9 })
  const transport = establish()
  for (let second = 0; second < 100; second++) {
    transport.receive(keepalive)
    clock.advance(1000)
  }
  t.equal(peer.state, 'Established')
})

t.test('NOTIFICATION codes are exact in every state', async (t) => {
  const wrongMarker = keepalive.slice()
  wrongMarker[3] = 0
  const tooLong = keepalive.slice()
  tooLong[17] = 20
  const unknownType = keepalive.slice()
  unknownType[18] = 9
  const noNextHop = update({ attrs: [origin(0), attr(0x80, 14, u8(0))] })
  const as = (n: number) => goodOpen({ as: n })
  // biome-ignore format: one row a mistake
  const rows: [string, 'OpenSent' | 'OpenConfirm' | 'Established', Uint8Array, number[]][] = [
    ['marker', 'OpenSent', wrongMarker, [1, 1]],
    ['length', 'OpenSent', concat(tooLong, [0]), [1, 2, 0, 20]],
    ['type', 'OpenSent', unknownType, [1, 3, 9]],
    ['version 3', 'OpenSent', goodOpen({ version: 3 }), [2, 1, 0, 4]],
    ['AS', 'OpenSent', as(65001), [2, 2]],
    ['identifier', 'OpenSent', goodOpen({ routerId: '0.0.0.0' }), [2, 3]],
    ['our identifier', 'OpenSent', goodOpen({ routerId: '192.0.2.1' }), [2, 3]],
    ['hold time 1', 'OpenSent', goodOpen({ holdTime: 1 }), [2, 6]],
    ['hold time 2', 'OpenSent', goodOpen({ holdTime: 2 }), [2, 6]],
    ['no family', 'OpenSent', goodOpen({}, [[25, 70]]), [6, 5]],
    ['KEEPALIVE too early', 'OpenSent', keepalive, [5, 1]],
    ['UPDATE too early', 'OpenSent', announce, [5, 1]],
    ['UPDATE before KEEPALIVE', 'OpenConfirm', announce, [5, 2]],
    ['second OPEN', 'OpenConfirm', goodOpen(), [5, 2]],
    ['marker', 'OpenConfirm', wrongMarker, [1, 1]],
    ['OPEN', 'Established', goodOpen(), [5, 3]],
    ['type', 'Established', unknownType, [1, 3, 9]],
    ['UPDATE whose lengths do not add up', 'Established', message(2, u16be(9, 0)), [3, 1]],
    ['MP_REACH_NLRI of one octet', 'Established', noNextHop, [3]],
  ]
  for (const [what, state, bytes, expected] of rows) {
    const { peer, last, handler } = setUp()
    peer.start()
    last().connected()
    if (state !== 'OpenSent') last().receive(goodOpen())
    if (state === 'Established') last().receive(keepalive)
    t.equal(peer.state, state)
    last().receive(bytes)
    const said = last().notification?.slice(0, expected.length)
    t.same(said, expected, `${what} in ${state}`)
    t.ok(last().closed)
    t.equal(peer.state, 'Idle')
    t.equal(handler.downs.length, state === 'Established' ? 1 : 0)
    t.match(peer.counters.lastDown, { direction: 'sent', code: expected[0] })
  }
})

function concat(bytes: Uint8Array, more: number[]): Uint8Array {
  return Uint8Array.of(...bytes, ...more)
}

t.test('RFC 4271 §6.4: a NOTIFICATION is never answered with one', async (t) => {
  for (const steps of [0, 1, 2]) {
    const { peer, last } = setUp()
    peer.start()
    last().connected()
    last().receive(...[goodOpen(), keepalive].slice(0, steps), notification(6, 2, 2, 0x68, 0x69))
    t.equal(last().notification, null)
    t.ok(last().closed)
    t.match(peer.counters.lastDown, {
      direction: 'received',
      text: 'Cease/Administrative Shutdown: hi',
    })
  }
})

t.test(
  'idle hold: the wait doubles with every fall and is forgotten after a stable while',
  async (t) => {
    const { peer, clock, last, made } = setUp()
    peer.start()
    const fall = () => {
      last().connected()
      last().receive(notification(2, 7))
    }
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000]) {
      fall()
      t.equal(peer.state, 'Idle')
      const before = made.length
      clock.advance(wait - 1)
      t.equal(made.length, before, `not before ${wait} ms`)
      clock.advance(1)
      t.equal(made.length, before + 1)
    }
    last().connected()
    last().receive(goodOpen({ holdTime: 0 }), keepalive)
    clock.advance(60_000)
    last().lost()
    clock.advance(1000)
    t.equal(peer.state, 'Connect')
  },
)

t.test('idle hold: a neighbour that dials meanwhile is let in', async (t) => {
  const { peer, handler, establish, accept } = setUp()
  establish().lost()
  t.equal(peer.state, 'Idle')
  accept().receive(goodOpen(), keepalive)
  t.equal(peer.state, 'Established')
  t.equal(handler.ups.length, 2)
  t.equal(handler.downs.length, 1)
})

t.test('stop and reset say Cease; stop ends it, reset comes back', async (t) => {
  const { peer, clock, establish, handler, made } = setUp()
  const first = establish()
  peer.reset()
  t.same(first.notification, [6, 4])
  clock.advance(1000)
  t.equal(made.length, 2)
  made[1]!.connected()
  made[1]!.receive(goodOpen(), keepalive)
  peer.stop(6, 2, 'bye')
  t.same(made[1]!.notification, [6, 2, 3, 0x62, 0x79, 0x65])
  clock.advance(3_600_000)
  t.equal(made.length, 2)
  t.match(handler.downs, [
    { code: 6, subcode: 4 },
    { code: 6, subcode: 2 },
  ])
  await peer.whenClosed()
  peer.start()
  made[2]!.connected()
  made[2]!.receive(goodOpen(), keepalive)
  peer.stop(0, 0)
  t.equal(made[2]!.notification, null, 'code 0: the neighbour sees TCP close')
  t.match(handler.downs[2], { direction: 'local', code: 0 })
})

t.test('RFC 4724 §4.2, RFC 8538: when routes may be kept as stale', async (t) => {
  const lose = (transport: FakeTransport) => transport.lost()
  const cease = (transport: FakeTransport) => transport.receive(notification(6, 4))
  const hard = (transport: FakeTransport) => transport.receive(notification(6, 9, 6, 2))
  const collided = (transport: FakeTransport) => transport.receive(notification(6, 7))
  const bad = (transport: FakeTransport) => transport.receive(goodOpen())
  const R = gracefulRestart
  const families = restartCapability(0)
  const notifies = restartCapability(0x40)
  const helperOnly = capability(64, u8(0x40, 120))
  // biome-ignore format: one row a case
  const rows: [string, typeof R | null, Uint8Array[], (t: FakeTransport) => void, boolean][] = [
    ['TCP lost', R, [families], lose, true],
    ['TCP lost, peer without the capability', R, [], lose, false],
    ['TCP lost, peer without families in it', R, [helperOnly], lose, false],
    ['TCP lost, not configured here', null, [families], lose, false],
    ['NOTIFICATION without the N bit', R, [families], cease, false],
    ['NOTIFICATION with the N bit', R, [notifies], cease, true],
    ['collision, seen too late', R, [families], collided, true],
    ['the same without the capability', R, [], collided, false],
    ['hard reset', R, [notifies], hard, false],
    ['our own NOTIFICATION with the N bit', R, [notifies], bad, true],
    ['our own NOTIFICATION without', R, [families], bad, false],
  ]
  for (const [what, config, capabilities, end, helper] of rows) {
    const { establish, handler } = setUp({ gracefulRestart: config })
    end(establish(goodOpen({ capabilities })))
    t.equal(handler.downs[0]?.helper, helper, what)
  }
  const { establish, handler, clock } = setUp({ gracefulRestart, holdTime: 9 })
  establish(goodOpen({ capabilities: [notifies] }))
  clock.advance(9000)
  t.match(handler.downs, [{ code: 4, helper: true }], 'hold timer with the N bit')
  const stop = setUp({ gracefulRestart })
  const transport = stop.establish(goodOpen({ capabilities: [notifies] }))
  stop.peer.stop(6, 2, 'bye', true)
  t.same(transport.notification, [6, 9, 6, 2, 3, 0x62, 0x79, 0x65])
  t.match(stop.handler.downs, [{ helper: false }])
})

t.test('RFC 4271 §6.8: two connections, the higher identifier decides', async (t) => {
  for (const [routerId, ours] of [
    ['192.0.2.2', false],
    ['192.0.2.0', true],
  ] as const) {
    for (const first of ['dialled', 'accepted'] as const) {
      const { peer, last, accept, handler } = setUp()
      peer.start()
      const incoming = accept()
      const dialled = last()
      dialled.connected()
      const order = first === 'dialled' ? [dialled, incoming] : [incoming, dialled]
      for (const transport of order) transport.receive(goodOpen({ routerId }))
      const [winner, loser] = ours ? [dialled, incoming] : [incoming, dialled]
      t.same(loser.notification, [6, 7], `${routerId}, OPEN first on the ${first}`)
      t.ok(loser.closed)
      t.notOk(winner.closed)
      winner.receive(keepalive)
      t.equal(peer.state, 'Established')
      t.equal(handler.ups.length, 1)
      t.ok(peer.write(keepalive, 0, keepalive.length))
      t.equal(winner.types.at(-1), 4)
    }
  }
})

t.test('RFC 4271 §6.8: an Established session is kept, the newcomer closed', async (t) => {
  const { peer, establish, accept, handler } = setUp()
  const session = establish()
  const newcomer = accept()
  t.same(newcomer.notification, [6, 7])
  t.ok(newcomer.closed)
  t.notOk(session.closed)
  t.equal(peer.state, 'Established')
  t.equal(handler.downs.length, 0)
})

t.test('RFC 4271 §6.8: the session that gets up first ends the attempt beside it', async (t) => {
  const { peer, last, accept, clock, made } = setUp()
  peer.start()
  const incoming = accept()
  incoming.receive(goodOpen({ holdTime: 0 }), keepalive)
  t.equal(peer.state, 'Established')
  t.ok(last().closed, 'our SYN is taken back')
  clock.advance(3_600_000)
  t.equal(made.length, 1, 'and not sent again')
})

t.test('a lost attempt beside a living one leaves the living one', async (t) => {
  const { peer, last, accept, clock, made } = setUp()
  peer.start()
  const incoming = accept()
  last().lost(new Error('connect ECONNREFUSED'))
  t.equal(peer.state, 'OpenSent')
  clock.advance(60_000)
  t.equal(made.length, 1)
  incoming.lost()
  t.equal(peer.state, 'Active')
  clock.advance(5000)
  t.equal(made.length, 2, 'then we dial again')
})

t.test('a neighbour that dials twice is believed the second time', async (t) => {
  const { peer, accept } = setUp()
  peer.start()
  const stale = accept()
  const fresh = accept()
  t.same(stale.notification, [6, 7])
  fresh.receive(goodOpen(), keepalive)
  t.equal(peer.state, 'Established')
})

t.test(
  'RFC 4724 §4.2: with graceful restart the OPEN of a new connection ends the old',
  async (t) => {
    const { peer, establish, accept, handler, clock } = setUp({ gracefulRestart })
    const open = goodOpen({ capabilities: [restartCapability(0x80)] })
    const old = establish(open)
    const fresh = accept()
    t.equal(handler.downs.length, 0, 'a SYN alone changes nothing')
    fresh.receive(open)
    t.match(handler.downs, [{ direction: 'tcp', helper: true, collision: true }], 'dialled beside')
    t.equal(old.notification, null)
    fresh.receive(keepalive)
    t.equal(peer.state, 'Established')
    t.equal(handler.ups.length, 2)
    clock.advance(5000)
    accept().receive(open)
    t.match(handler.downs[1], { helper: true, collision: false }, 'it may have restarted')
  },
)

t.test('a handler that stops its peer in the middle of a burst hears nothing after', async (t) => {
  const clock = new ManualClock()
  const { connect, made } = fakeConnect()
  const handler = new RecordingHandler()
  const peer = new Peer(peerConfig(), { clock, connect, handler, log: silentLogger })
  handler.onUpdate = () => {
    handler.updates++
    peer.stop(6, 1)
  }
  peer.start()
  made[0]!.connected()
  made[0]!.receive(goodOpen(), keepalive)
  made[0]!.receive(concat(announce, [...announce, ...announce]))
  t.equal(handler.updates, 1)
  t.equal(handler.downs.length, 1)
  t.same(made[0]!.notification, [6, 1])
})

t.test('RFC 7606 §2: a family lost alone, where the handler can', async (t) => {
  const bad = update({ attrs: [origin(0), mpReach(2, 1, u8(1, 2, 3))] })
  const families = [Family.IPV4_UNICAST, Family.IPV6_UNICAST]
  const open = goodOpen({}, [
    [1, 1],
    [2, 1],
  ])
  const plain = setUp({ families })
  plain.establish(open).receive(bad)
  t.equal(plain.peer.state, 'Idle', 'without onFamilyDisabled the session is reset')
  t.equal(plain.last().notification?.[0], 3)

  const able = setUp({ families })
  const disabled: Family[] = []
  Object.assign(able.handler, {
    onFamilyDisabled: (_peer: Peer, family: Family) => disabled.push(family),
  })
  const transport = able.establish(open)
  transport.receive(bad, announce)
  t.same(disabled, [Family.IPV6_UNICAST])
  t.equal(able.peer.state, 'Established')
  t.equal(able.handler.updates, 1, 'the other family goes on')
  t.same(able.peer.negotiated?.families, [Family.IPV4_UNICAST])
  transport.receive(update({ attrs: [origin(0), mpReach(1, 1, u8(1, 2, 3))] }))
  t.equal(able.peer.state, 'Idle', 'the last family takes the session with it')
})

t.test('an exception in the handler costs the session, not the program', async (t) => {
  const { peer, establish, handler } = setUp()
  handler.onUpdate = () => {
    throw new TypeError('a bug of ours')
  }
  const transport = establish()
  transport.receive(announce)
  t.same(transport.notification, [6, 8])
  t.equal(peer.state, 'Idle')
})

t.test('hostile octets: a NOTIFICATION or nothing, never an exception', async () => {
  const whole = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 80 }))
  const framed = whole.map(([type, body]) => message(type, body))
  const mutated = fc
    .tuple(fc.constantFrom(announce, goodOpen(), keepalive), fc.nat(90), fc.nat(255))
    .map(([bytes, at, value]) => {
      const copy = bytes.slice()
      copy[at % copy.length] = value
      return copy
    })
  const chunk = fc.oneof(
    { weight: 3, arbitrary: framed },
    { weight: 3, arbitrary: mutated },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    { weight: 2, arbitrary: fc.constantFrom(goodOpen(), keepalive, announce) },
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 }),
      fc.array(chunk, { maxLength: 12 }),
      (steps, list) => {
        const { peer, last, handler, clock } = setUp()
        peer.start()
        last().connected()
        last().receive(...[goodOpen(), keepalive].slice(0, steps), ...list)
        clock.advance(300_000)
        if (last().closed && last().notification === null) {
          // Only the neighbour's own NOTIFICATION ends a session without one of ours.
          if (peer.counters.lastDown?.direction !== 'received') return false
        }
        const balance = handler.ups.length - handler.downs.length
        return balance === (peer.state === 'Established' ? 1 : 0)
      },
    ),
    { seed: 6606, numRuns: 1500 },
  )
})

t.test('a neighbour that dials again and again has so many connections and no more', async (t) => {
  const { peer, establish } = setUp()
  establish()
  /** Closed by us, but not read to its end by the neighbour. */
  const held: FakeTransport[] = []
  const dial = () => {
    const transport = new FakeTransport()
    transport.close = () => void held.push(transport)
    peer.accept(transport)
    return transport
  }
  let answered = 0
  let dropped = 0
  for (let k = 0; k < 100; k++) {
    const transport = dial()
    if (transport.notification !== null) answered++
    if (transport.destroyed) dropped++
  }
  t.ok(answered > 0)
  t.ok(answered < 20, `${answered}`)
  t.equal(answered + dropped, 100)
  t.equal(peer.state, 'Established')
})
