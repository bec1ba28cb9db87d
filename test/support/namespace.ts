/** Runs a test file once more inside a network namespace of its own, where it may do as it likes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TAP } from 'tap'

const { SRV6D_REQUIRE = '', SRV6D_TEST_NETNS } = process.env

const TIMEOUT_S = 300

/** `ip`, in the namespace of this process. */
export const ip = (line: string): string =>
  execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Many `ip` commands at once. */
export const ipBatch = (lines: string[]): string =>
  execFileSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, encoding: 'utf8' })

/**
 * `url` is the test file's own `import.meta.url`, `more` are flags of unshare; without nexthop
 * objects it says so and skips.
 */
export async function inOwnNamespace(
  t: TAP,
  url: string,
  body: () => Promise<void>,
  more: string[] = [],
) {
  if (SRV6D_TEST_NETNS) return body()
  const unshare = ['unshare', process.getuid?.() === 0 ? '-n' : '-rn', ...more]
  const why = whyNot(unshare)
  if (why !== '' && SRV6D_REQUIRE.includes('system')) t.fail(why)
  else if (why !== '') t.plan(0, why)
  else {
    const node = [process.execPath, '--import=tsx', fileURLToPath(url)]
    // A busy machine is slow, not wrong.
    t.setTimeout(TIMEOUT_S * 1000)
    const env = { ...process.env, SRV6D_TEST_NETNS: '1', TAP_TIMEOUT: String(TIMEOUT_S) }
    const options = { env, timeout: TIMEOUT_S * 1000 }
    await t.spawn(unshare[0]!, [...unshare.slice(1), ...node], options, 'in a network namespace')
  }
}

function whyNot(unshare: string[]): string {
  const tried = spawnSync(unshare[0]!, [...unshare.slice(1), 'ip', 'nexthop'], { encoding: 'utf8' })
  if (tried.status === 0) return ''
  return `no network namespace with nexthop objects: ${tried.error?.message ?? tried.stderr.trim()}`
}
