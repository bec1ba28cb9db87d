import t from 'tap'
import { createLogger } from '../../src/daemon/log.ts'

function collect(format: 'json' | 'text', level: 'info' | 'silent' = 'info') {
  const lines: string[] = []
  const log = createLogger({ level, format }, { write: (line) => lines.push(line) })
  return { log, lines }
}

t.test('json: one object a line, the level as a word, the time as ISO 8601', async (t) => {
  const { log, lines } = collect('json')
  log.child({ neighbor: '192.0.2.2' }).info({ from: 'Idle', to: 'Connect' }, 'state change')
  log.debug({}, 'not shown')
  t.equal(lines.length, 1)
  const { time, ...fields } = JSON.parse(lines[0]!)
  t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.same(fields, {
    level: 'info',
    neighbor: '192.0.2.2',
    from: 'Idle',
    to: 'Connect',
    msg: 'state change',
  })
})

t.test('text: time, level, message, fields', async (t) => {
  const { log, lines } = collect('text')
  log.child({ vrf: 'red' }).warn({ prefixes: 3, why: 'two words', list: [1] }, 'max-prefix near')
  t.match(
    lines[0],
    /^\S+Z WARN {2}max-prefix near vrf=red prefixes=3 why="two words" list=\[1\]\n$/,
  )
})

t.test('text: what a neighbour sent cannot start a line of its own', async (t) => {
  const { log, lines } = collect('text')
  log.info({ text: 'bye\n2026 ERROR forged' }, 'notification received')
  t.match(lines[0], /text="bye\\n2026 ERROR forged"\n$/)
})

t.test('text: an error with its stack, at level error only', async (t) => {
  const { log, lines } = collect('text')
  log.error({ err: new TypeError('no such row') }, 'bug')
  t.match(lines[0], /^\S+ ERROR bug err="no such row"\n {4}TypeError: no such row\n {8}at /)
  log.warn({ err: new Error('EPERM') }, 'refused')
  t.match(lines[1], /^\S+ WARN {2}refused err="EPERM"\n$/)
})

t.test('passwords do not get into the log', async (t) => {
  const { log, lines } = collect('json')
  log.info({ password: 'one', neighbor: { password: 'two', config: { password: 'three' } } }, 'x')
  t.notMatch(lines[0], /one|two|three/)
})

t.test('silent is silent', async (t) => {
  const { log, lines } = collect('json', 'silent')
  log.error({}, 'x')
  t.same(lines, [])
})
