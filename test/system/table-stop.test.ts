/**
 * What becomes of VRFs without VRF devices when srv6d goes, and when one of them leaves the
 * configuration: in this machine's kernel, in a network namespace. The order in which the kernel
 * was changed is its own word, `ip monitor`.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { waitUntil } from '../../lab/lib/wait-until.ts'
import { SystemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { parseConfig } from '../../src/daemon/config-load.ts'
import { Speaker } from '../../src/daemon/speaker.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { inOwnNamespace, ip } from '../support/namespace.ts'

const vrf = (name: string, table: number) => `
  ${name}:
    table: ${table}
    rd: "65000:${table}"
    route-targets: { both: ["65000:${table}"] }
    interfaces: [${name}]`

const config = (vrfs: string[], onStop: string) => `
router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }
listen: []
dataplane: { mode: table, on-stop: ${onStop}, sid-drain-time: 0 }
locators: { main: { prefix: "fcbb:bb00:1::/48" } }
vrfs: ${vrfs.join('')}
`

async function start(vrfs: string[], onStop: string) {
  const kernel = new LinuxKernel(silentLogger)
  const yaml = config(vrfs, onStop)
  const speaker = new Speaker(
    parseConfig(yaml, 'test.yaml'),
    kernel,
    silentLogger,
    new SystemClock(),
  )
  await speaker.start()
  await waitUntil('all routes', 60, async () => {
    const { wanted, installed } = speaker.fib.counts
    const done = speaker.fib.pending === 0 && wanted === installed && installed > 0
    return done ? undefined : `${installed} of ${wanted}`
  })
  return {
    speaker,
    stop: async () => {
      await speaker.stop()
      await kernel.close()
    },
  }
}

/** The kernel's changes from here on, in order; the returned function ends it. */
async function monitor(): Promise<() => Promise<string[]>> {
  const file = join(mkdtempSync(join(tmpdir(), 'srv6d-')), 'monitor')
  const out = openSync(file, 'w')
  const child = spawn('ip', ['monitor', 'route', 'rule', 'link'], { stdio: ['ignore', out, out] })
  const mark = async (table: number) => {
    const line = `throw 192.0.2.77 table ${table}`
    await waitUntil('ip monitor', 60, async () => {
      ip(`route replace ${line}`)
      ip(`route del ${line}`)
      return readFileSync(file, 'utf8').includes(`table ${table}`) ? undefined : 'nothing'
    })
  }
  await mark(4001)
  return async () => {
    await mark(4002)
    child.kill()
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('Deleted'))
  }
}

/** Places of the lines that match, first and last. */
function span(lines: string[], pattern: RegExp): [number, number] {
  const matches = (line: string) => pattern.test(line)
  return [lines.findIndex(matches), lines.findLastIndex(matches)]
}

async function inNamespace(): Promise<void> {
  ip('link set lo up')
  for (const name of ['red', 'blue']) {
    ip(`link add ${name} type veth peer name ce-${name}`)
    ip(`link set ${name} up`)
    ip(`link set ce-${name} up`)
    ip(`addr add 10.1.0.254/24 dev ${name}`)
  }
  const both = [vrf('red', 10), vrf('blue', 20)]
  const before = ip('rule') + ip('-6 rule')

  await t.test('a VRF leaves the configuration: shut in until its SIDs are gone', async (t) => {
    await (await start(both, 'keep')).stop()
    t.match(ip('-6 route show proto 152'), /End.DT6 table 10 dev sr10/)
    const ended = await monitor()
    const { stop } = await start([vrf('blue', 20)], 'keep')
    await waitUntil('the end of the restart', 90, async () => {
      const seen = `${ip('-br link')}${ip('route show table all')}`
      return /^sr10|table 10 /m.test(seen) ? seen : undefined
    })
    const lines = await ended()
    const defaults = span(lines, /unreachable default table 10 /)
    t.ok(defaults[0] >= 0)
    for (const gone of [/seg6local .*dev sr10/, /iif sr10in /, /: sr10in@/]) {
      const [first, last] = span(lines, gone)
      t.ok(first >= 0 && last < defaults[0], `${gone} before the last resort`)
    }
    const sids = span(lines, /seg6local .*dev sr10/)
    const rules = span(lines, /iif sr10in /)
    t.ok(sids[1] < rules[0], 'what comes out of its SIDs is kept to its table to the end')
    t.match(ip('route show table 20'), /unreachable default/)
    await stop()
  })

  await t.test(
    'on-stop: remove: last of all what keeps packets out of the main table',
    async (t) => {
      const { stop } = await start(both, 'remove')
      const ended = await monitor()
      await stop()
      const lines = await ended()
      for (const table of [10, 20]) {
        const [first] = span(lines, new RegExp(`unreachable default table ${table} `))
        t.ok(first >= 0)
        for (const gone of [/seg6local/, /iif (red|blue) /, / lookup (10|20) /, /: sr[12]0@/]) {
          const place = span(lines, gone)
          t.ok(place[0] >= 0 && place[1] < first, `${gone} before the last resort of ${table}`)
        }
      }
      const [sids, routes] = [span(lines, /seg6local/), span(lines, /^Deleted 240\./)]
      t.ok(sids[1] < routes[0], 'a SID before the route to its next hop')
      t.equal(ip('rule') + ip('-6 rule'), before)
      t.equal(ip('route show table all proto 152') + ip('-6 route show table all proto 152'), '')
    },
  )
}

await inOwnNamespace(t, import.meta.url, inNamespace)
