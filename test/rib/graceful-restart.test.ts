import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { RestartDeferral } from '../../src/rib/graceful-restart.ts'

t.test('RFC 4724 §4.1: a restart is over with the last neighbour', async (t) => {
  const clock = new ManualClock()
  const ends: (readonly string[])[] = []
  const deferral = new RestartDeferral(['a', 'b'], 120, clock, {
    onSelected: () => {},
    onDone: (late) => ends.push(late),
  })
  deferral.ready('b')
  deferral.ready('b')
  deferral.ready('nobody')
  t.ok(deferral.active)
  t.same(deferral.waiting, ['a'])
  deferral.ready('a')
  t.notOk(deferral.active)
  t.same(ends, [[]])
  clock.advance(1_000_000)
  t.equal(ends.length, 1)
})

t.test('RFC 4724 §4.1: or when the time is up, and says who is late', async (t) => {
  const clock = new ManualClock()
  const ends: (readonly string[])[] = []
  const deferral = new RestartDeferral(['a', 'b'], 120, clock, {
    onSelected: () => {},
    onDone: (late) => ends.push(late),
  })
  deferral.ready('a')
  clock.advance(119_999)
  t.ok(deferral.active)
  clock.advance(1)
  t.same(ends, [['b']])
  deferral.ready('b')
  t.equal(ends.length, 1)
})

t.test(
  'RFC 4724 §4.1: who restarts as well is told at once, and still waited for by the kernel',
  async (t) => {
    const clock = new ManualClock()
    const events: string[] = []
    const deferral = new RestartDeferral(['a', 'b'], 120, clock, {
      onSelected: () => events.push('selected'),
      onDone: (late) => events.push(`done without ${late.join() || 'none'}`),
    })
    deferral.restarts('a')
    t.ok(deferral.isSelecting, 'b has not sent all yet')
    deferral.ready('b')
    t.notOk(deferral.isSelecting)
    t.ok(deferral.active)
    t.same(deferral.waiting, ['a'])
    t.same(events, ['selected'])
    clock.advance(119_999)
    t.ok(deferral.active)
    deferral.ready('a')
    t.same(events, ['selected', 'done without none'])

    const alone = new RestartDeferral(['a'], 120, clock, {
      onSelected: () => events.push('selected'),
      onDone: (late) => events.push(`done without ${late.join() || 'none'}`),
    })
    alone.restarts('a')
    clock.advance(120_000)
    t.same(events.slice(2), ['selected', 'done without a'])
    t.notOk(alone.active)
  },
)

t.test('a restart without neighbours waits for nobody', async (t) => {
  const clock = new ManualClock()
  let ended = 0
  const deferral = new RestartDeferral([], 120, clock, {
    onSelected: () => {},
    onDone: () => ended++,
  })
  t.equal(ended, 0, 'not before the caller holds it in its hand')
  clock.advance(0)
  t.equal(ended, 1)
  t.notOk(deferral.active)
})

t.test('a daemon that stops waits no longer', async (t) => {
  const clock = new ManualClock()
  const deferral = new RestartDeferral(['a'], 120, clock, {
    onSelected: () => t.fail('selected'),
    onDone: () => t.fail('done'),
  })
  deferral.cancel()
  clock.advance(1_000_000)
  t.notOk(deferral.active)
})
