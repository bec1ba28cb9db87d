/**
 * A node whose PE is in a network namespace of its own, made by systemd/pe-namespace: pods get there
 * by a plain next hop, and everybody reaches what he reaches with srv6d on the node itself.
 */
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { runScenario } from '../support/scenario.ts'

t.setTimeout(1_000_000)

t.test('a PE in a namespace of its own', (t) =>
  runScenario(t, { program: 'pe-namespace', suite: 'bookworm', seconds: 900 }),
)

t.test('the script of the namespace says what it wants', async (t) => {
  const script = new URL('../../systemd/pe-namespace', import.meta.url).pathname
  const run = (...args: string[]) => {
    try {
      execFileSync(script, args, { stdio: 'pipe', env: { SRV6D_NETNS_CONF: t.testdir() } })
      return 'it ran'
    } catch (error) {
      return `${(error as { stderr: Buffer }).stderr}`.trim()
    }
  }
  t.match(run(), /^usage: pe-namespace up\|down NAME$/)
  t.match(run('up', 'pe'), /^pe-namespace: cannot read .*\/pe\.netns$/)
})
