import t from 'tap'
import { type Clock, ManualClock, type Timer } from '../../src/base/clock.ts'
import { jitter, RestartableTimer } from '../../src/session/timers.ts'

t.test('RFC 4271 §10: jitter is a factor of 0.75 to 1', async (t) => {
  t.equal(
    jitter(1000, () => 0),
    750,
  )
  t.equal(
    jitter(1000, () => 1),
    1000,
  )
})

t.test('a touched timer fires its time after the last touch, once', async (t) => {
  const clock = new ManualClock()
  let fired = 0
  const timer = new RestartableTimer(clock, () => fired++)
  timer.touch()
  clock.advance(10_000)
  t.equal(fired, 0, 'a touch does not start it')
  timer.start(1000)
  for (let k = 0; k < 5; k++) {
    clock.advance(900)
    timer.touch()
  }
  clock.advance(999)
  t.equal(fired, 0)
  clock.advance(1)
  t.equal(fired, 1)
  t.notOk(timer.running)
  clock.advance(10_000)
  t.equal(fired, 1)
  timer.start(1000)
  timer.stop()
  clock.advance(10_000)
  t.equal(fired, 1)
})

/** A clock whose event loop can be blocked: time goes on, timers fire late. */
class BlockedClock implements Clock {
  time = 0
  timers: { at: number; fire: () => void }[] = []

  now(): number {
    return this.time
  }

  after(ms: number, fire: () => void): Timer {
    this.timers.push({ at: this.time + ms, fire })
    return { cancel: () => {} }
  }

  run(): void {
    const due = this.timers.filter(({ at }) => at <= this.time)
    this.timers = this.timers.filter(({ at }) => at > this.time)
    for (const { fire } of due) fire()
  }
}

t.test('after a blocked event loop the hold timer first lets the socket be read', async (t) => {
  const clock = new BlockedClock()
  const fired: string[] = []
  const hold = new RestartableTimer(clock, () => fired.push('hold'), true)
  const keepalive = new RestartableTimer(clock, () => fired.push('keepalive'))
  hold.start(9000)
  keepalive.start(3000)
  clock.time = 30_000
  clock.run()
  t.same(fired, ['keepalive'], 'a keepalive is late enough')
  hold.touch() // what had arrived meanwhile is read
  clock.time = 31_000
  clock.run()
  t.same(fired, ['keepalive'])
  clock.time = 39_000
  clock.run()
  t.same(fired, ['keepalive', 'hold'])
})
