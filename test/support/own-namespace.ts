import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const INSIDE = 'SRV6D_TEST_IN_NAMESPACE'

/** Starts the test file at `url` again in network and mount namespaces of its own, and runs `body` there. */
export async function withOwnNamespace(url: string, body: () => Promise<void>): Promise<void> {
  if (process.env[INSIDE]) return await body()
  const { SRV6D_REQUIRE = '' } = process.env
  const unshare = process.getuid?.() === 0 ? ['unshare', '-nm'] : ['unshare', '-rnm']
  const tried = spawnSync(unshare[0]!, [...unshare.slice(1), 'ip', 'nexthop'], { encoding: 'utf8' })
  const why = `no network namespace with nexthop objects: ${tried.stderr}`
  if (tried.status !== 0 && SRV6D_REQUIRE.includes('system')) t.fail(why)
  else if (tried.status !== 0) t.plan(0, why)
  else {
    const node = [process.execPath, '--import=tsx', fileURLToPath(url)]
    const options = { env: { ...process.env, [INSIDE]: '1' } }
    await t.spawn(unshare[0]!, [...unshare.slice(1), ...node], options, 'in a network namespace')
  }
}
