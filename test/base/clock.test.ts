import t from 'tap'
import { SystemClock } from '../../src/base/clock.ts'

t.test('SystemClock: more milliseconds than setTimeout takes are not none', async (t) => {
  const clock = new SystemClock()
  let fired = false
  const timer = clock.after(16_777_215_000, () => {
    fired = true
  })
  await new Promise<void>((resolve) => clock.after(30, resolve))
  t.notOk(fired)
  timer.cancel()
})
