/**
 * The customer edge, end to end (lib/customer-network.ts): clusters are the customers' sites.
 *
 *   customer-edge.mjs ROOT table|vrf       (ROOT: made by lab/root, with gobgpd and FRR)
 *
 * With `vrf` the far PE is FRR, of the same root, and red has no router behind it.
 */
import { Checks, emit } from './lib/checks.ts'
import { CustomerEdge } from './lib/customer-edge.ts'
import { POD_CIDRS, PODS } from './lib/customer-network.ts'
import { customerRows } from './lib/customer-rows.ts'
import { routesOf } from './lib/kernel-view.ts'
import { site, TABLE } from './lib/network.ts'
import { ContinuousPing } from './lib/ping.ts'
import { tryAll } from './lib/reach.ts'
import { mountRoot } from './lib/roots.ts'
import { inSandbox } from './lib/sandbox.ts'
import { sleep, waitUntil } from './lib/wait-until.ts'

const [root = '/', plane = 'table'] = process.argv.slice(2)
const vrf = plane === 'vrf'
const checks = new Checks()
const edge = new CustomerEdge({
  root,
  dataplane: vrf ? 'vrf' : 'table',
  far: vrf ? 'frr' : 'srv6d',
  routers: vrf ? ['ce4'] : ['ce3', 'ce4'],
})

/** Whether the customer's router has the route from BGP. */
async function routerHas(router: string, prefix: string): Promise<boolean> {
  const routes = await routesOf(router, 'main', prefix.includes(':') ? 6 : 4)
  return routes.some((r) => r.dst === prefix && r.protocol === 'bgp')
}

async function checkAgentKilled(): Promise<void> {
  await checks.check('an agent that is killed and comes back costs no packet', async () => {
    const ping = new ContinuousPing('ce4', PODS.blue[4], site(2, 4).ce)
    await ping.answered(5, checks.patience)
    await edge.blue.kill()
    await sleep(3)
    await edge.blue.start(...POD_CIDRS)
    await edge.settled(checks.patience)
    await ping.answered(ping.received + 5, checks.patience)
    const result = await ping.stop()
    if (result.lost.length > 0) throw new Error(JSON.stringify(result))
    return `${result.received} answers`
  })
}

async function checkWithdraw(): Promise<void> {
  await checks.check('what a cluster withdraws is gone to the last router', async () => {
    await edge.blue.withdraw(...POD_CIDRS)
    for (const prefix of POD_CIDRS) {
      await waitUntil(`${prefix} is gone`, checks.patience, async () => {
        if (await routerHas('ce4', prefix)) return 'the router has it'
        const family = prefix.includes(':') ? 6 : 4
        const routes = await routesOf('pe2', TABLE.blue, family)
        return routes.some((r) => r.dst === prefix) ? 'pe2 has it' : undefined
      })
    }
    const red = await routesOf('pe2', TABLE.red, 4)
    if (!red.some((r) => r.dst === POD_CIDRS[0])) throw new Error("red's went with it")
  })
}

await inSandbox(async () => {
  await mountRoot(root)
  await edge.build()
  await checks.check('PEs, speakers of the clusters and routers start', async () => {
    await edge.start()
    await edge.announce()
    await edge.settled(checks.patience)
  })
  await checks.check("the customer's router has the pods' routes from BGP", async () => {
    for (const prefix of POD_CIDRS) {
      await waitUntil(prefix, checks.patience, async () =>
        (await routerHas('ce4', prefix)) ? undefined : 'not there',
      )
    }
  })
  for (const row of await tryAll(customerRows(!vrf), checks.failed ? 3 : checks.patience)) {
    await checks.check(`${row.from} -> ${row.to}, ${row.what}`, async () => {
      if (!row.ok) throw new Error(row.result)
      return row.result
    })
  }
  await checkAgentKilled()
  await checkWithdraw()
  if (checks.failed > 0) for (const [log, tail] of edge.logs()) emit({ log, tail })
  return checks.finish()
})
