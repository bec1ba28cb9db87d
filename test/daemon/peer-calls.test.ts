import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import type { Neighbor } from '../../src/daemon/neighbor.ts'
import { PeerCalls } from '../../src/daemon/peer-calls.ts'
import type { Peer } from '../../src/session/peer.ts'
import type { UpdateView } from '../../src/wire/update-view.ts'

t.test('no room for attributes: who takes most of it is closed, one at a time', async (t) => {
  const clock = new ManualClock()
  // A table of 1 GiB would be too much for a test.
  const attrs = { isFull: false }
  const calls = new PeerCalls(attrs, clock)
  const closed: number[] = []
  const peers = [100, 300, 200].map((octets) => {
    const adjRibIn = { octets }
    const outOfRoom = () => {
      closed.push(octets)
      adjRibIn.octets = 0
    }
    const peer = {} as Peer
    calls.add(peer, { adjRibIn, outOfRoom, onUpdate() {} } as unknown as Neighbor)
    return peer
  })
  const hear = () => {
    for (const peer of peers) calls.onUpdate(peer, {} as UpdateView)
  }
  clock.advance(1000)
  hear()
  t.same(closed, [], 'there is room')
  attrs.isFull = true
  hear()
  hear()
  t.same(closed, [300], 'what it sent is on its way out of the tables')
  clock.advance(60_000)
  hear()
  t.same(closed, [300, 200])
  attrs.isFull = false
  clock.advance(60_000)
  hear()
  t.same(closed, [300, 200])
})
