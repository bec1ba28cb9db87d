/**
 * The provider edge, end to end (lib/provider-network.ts): a cluster's node is the PE.
 *
 *   provider-edge.mjs ROOT table|vrf [CHURN-SECONDS]    (ROOT: made by lab/root, with gobgpd)
 *
 * With `vrf` the far PE is FRR, of the same root.
 */
import { Checks, emit } from './lib/checks.ts'
import { churn } from './lib/churn.ts'
import { kernelState, routesOf } from './lib/kernel-view.ts'
import { Monitor } from './lib/monitor.ts'
import { mustTell } from './lib/mtu-check.ts'
import { checkNetfilter, kubeProxy, masquerade, srv6Packets } from './lib/netfilter.ts'
import { loopback, site, TABLE } from './lib/network.ts'
import { ContinuousPing } from './lib/ping.ts'
import { LOOSE_TAG, ProviderEdge } from './lib/provider-edge.ts'
import { ALLOCATED, LARGE, LOOSE, NODE, PODS } from './lib/provider-network.ts'
import { providerRows } from './lib/provider-rows.ts'
import { tryAll } from './lib/reach.ts'
import { mountRoot } from './lib/roots.ts'
import { must } from './lib/run.ts'
import { inSandbox } from './lib/sandbox.ts'
import { inNamespace } from './lib/topology.ts'
import { sleep, waitUntil } from './lib/wait-until.ts'

const [root = '/', plane = 'table', churnSeconds = '5'] = process.argv.slice(2)
const dataplane = plane === 'vrf' ? 'vrf' : 'table'
const checks = new Checks()
const edge = new ProviderEdge({ root, dataplane, far: dataplane === 'vrf' ? 'frr' : 'srv6d' })
const { node, cilium } = edge

/** What the node's kernel has of a prefix: rules from it, routes to it in the VRFs' tables. */
async function tracesOf(prefix: string): Promise<string[]> {
  const family = prefix.includes(':') ? '-6' : '-4'
  const asked = [
    `${family} rule`,
    ...Object.values(TABLE).map((t) => `${family} route show table ${t}`),
  ]
  const texts = await Promise.all(
    asked.map((q) => must(inNamespace(NODE, ['ip', ...q.split(' ')]))),
  )
  return texts.flatMap((text) => text.split('\n').filter((line) => line.includes(prefix)))
}

async function farHas(prefix: string, table: number): Promise<boolean> {
  const routes = await routesOf('pe2', table, prefix.includes(':') ? 6 : 4)
  return routes.some((r) => r.dst === prefix)
}

/** Which tables of the far PE and of the node have had the prefix at the same time. */
function overlapsOf(events: { deleted: boolean; text: string }[], prefix: string): string[] {
  const now = new Set<string>()
  const found: string[] = []
  for (const { deleted, text } of events) {
    if (!text.includes(prefix)) continue
    const table = /(?:table|lookup) (10|20|red|blue)\b/.exec(text)?.[1]
    if (table === undefined) continue
    if (deleted) now.delete(table)
    else now.add(table)
    if (now.size > 1) found.push(text)
  }
  return found
}

/** A prefix of nobody's pool goes over from blue to red, watched in both kernels. */
async function checkRetag(): Promise<void> {
  await checks.check('a new tag moves a prefix, and it is at no moment in both', async () => {
    await cilium.announce(LOOSE)
    await waitUntil('it is in blue', checks.patience, async () =>
      (await farHas(LOOSE, TABLE.blue)) ? undefined : 'not there',
    )
    const monitors = await Promise.all([
      Monitor.start('pe2', 'route'),
      Monitor.start(NODE, 'route'),
      Monitor.start(NODE, 'rule'),
    ])
    await cilium.retag(LOOSE, LOOSE_TAG.blue, LOOSE_TAG.red)
    await waitUntil('it is in red', checks.patience, async () => {
      const [red, blue] = [await farHas(LOOSE, TABLE.red), await farHas(LOOSE, TABLE.blue)]
      return red && !blue ? undefined : `red ${red}, blue ${blue}`
    })
    const told = () => monitors[2]!.events().filter(({ text }) => text.startsWith('2000:'))
    await waitUntil('a rule is seen to change', checks.patience, async () =>
      told().length > 0 ? undefined : 'none',
    )
    await sleep(0.5)
    for (const m of monitors) await m.stop()
    const [far, routes, rules] = monitors.map((m) => m.events())
    const sources = told()
    const before = (list: typeof sources) => [
      { deleted: false, text: `${LOOSE} table 20` },
      ...list,
    ]
    const both = [
      ...overlapsOf(before(far!), LOOSE),
      ...overlapsOf(before(routes!), LOOSE),
      ...overlapsOf(before(sources), LOOSE),
    ]
    if (both.length > 0) throw new Error(`in both: ${both.join('; ')}`)
    const traces = await tracesOf(LOOSE)
    if (traces.some((line) => line.includes('lookup 20'))) throw new Error(traces.join('; '))
    return `${far!.length + routes!.length + rules!.length} changes seen`
  })
  await checks.check('a withdrawn prefix leaves nothing behind', async () => {
    await cilium.withdraw(LOOSE)
    await waitUntil(`${LOOSE} is gone`, checks.patience, async () => {
      const traces = await tracesOf(LOOSE)
      if (await farHas(LOOSE, TABLE.red)) traces.push('the far PE has it')
      return traces.length === 0 ? undefined : traces.join('; ')
    })
  })
}

async function checkPodsAreTold(): Promise<void> {
  for (const family of [4, 6] as const) {
    const name = `IPv${family}: a pod is told which of its packets are too big for the core`
    await checks.check(name, () => mustTell(1460, PODS.blue.name, site(2, family).ce, family))
  }
}

/** Cilium's agent is killed and comes back: nothing is lost meanwhile. */
async function checkAgentKilled(): Promise<void> {
  await checks.check('an agent that is killed and comes back costs no packet', async () => {
    const pings = [
      new ContinuousPing(PODS.blue.name, site(2, 4).ce, PODS.blue[4]),
      new ContinuousPing('ce3', PODS.red[6], site(2, 6).ce),
    ]
    for (const each of pings) await each.answered(5, checks.patience)
    await cilium.kill()
    await waitUntil('the session is down', checks.patience, async () =>
      (await edge.speakerSession()) === undefined ? 'it is up' : undefined,
    )
    await sleep(3)
    const traces = await tracesOf(ALLOCATED.blue[0])
    if (traces.length === 0) throw new Error('rules and routes went with the session')
    await cilium.start(...ALLOCATED.blue, ...ALLOCATED.red)
    await waitUntil('the session is back', checks.patience, () => edge.speakerSession())
    for (const each of pings) await each.answered(each.received + 10, checks.patience)
    const results = await Promise.all(pings.map((p) => p.stop()))
    const lost = results.flatMap((r) => r.lost)
    if (lost.length > 0) throw new Error(`lost: ${JSON.stringify(results)}`)
    return `${results.map((r) => r.received).join(' and ')} answers`
  })
}

async function checkChurn(): Promise<void> {
  // a virtual machine does a tenth of the work
  const rate = dataplane === 'vrf' ? 10 : 100
  const what = `${rate} pods a second come and as many go: the far PE follows all of them`
  await checks.check(what, async () => {
    const before = await kernelState(NODE)
    const busy = node.cpuSeconds()
    const seen = await churn({
      ...{ node: NODE, address: '127.0.0.2', port: 1790, as: 64513 },
      ...{ rate, seconds: Number(churnSeconds), far: 'pe2', tables: TABLE },
      communities: [LARGE.blue, LARGE.red],
    })
    await waitUntil('the kernel is as before', checks.patience, async () => {
      const after = await kernelState(NODE)
      const had = new Set(before.split('\n'))
      const more = after.split('\n').filter((line) => !had.has(line))
      return more.length === 0 ? undefined : more.slice(0, 5).join('; ')
    })
    return `${seen}; srv6d used ${(node.cpuSeconds() - busy).toFixed(1)} s of the processor`
  })
}

async function checkNetfilters(): Promise<void> {
  const ways = [
    ['by eth0', 'eth+'],
    ['by eth0 and by the core', '+'],
    ["by all but the pods' devices", null],
  ] as const
  for (const [where, egress] of ways) {
    const name = `iptables masquerades ${where}: the internet sees the node, the VPN its pods`
    await checkNetfilter(checks, name, masquerade(egress), 'its node')
  }
  const ours = srv6Packets(loopback(1), ['sr+'])
  const name = 'kube-proxy drops what is INVALID: the VPN goes on, its packets are accepted before'
  await checkNetfilter(checks, name, kubeProxy(ours), 'itself')
}

await inSandbox(async () => {
  await mountRoot(root)
  await edge.build()
  await checks.check('the node, its speaker and the far PE start', async () => {
    await edge.start()
    await edge.announce()
    await edge.settled(checks.patience)
  })
  for (const row of await tryAll(providerRows(), checks.failed ? 3 : checks.patience)) {
    await checks.check(`${row.from} -> ${row.to}, ${row.what}`, async () => {
      if (!row.ok) throw new Error(row.result)
      return row.result
    })
  }
  if (checks.failed > 0) {
    for (const n of [NODE, 'pe2']) emit({ log: `kernel of ${n}`, tail: await kernelState(n) })
  }
  if (dataplane === 'table') {
    await checkPodsAreTold()
    // the virtual machine's kernel comes without netfilter
    await checkNetfilters()
  }
  await checkRetag()
  await checkChurn()
  await checkAgentKilled()
  await checks.check('what the speaker no longer announces is in no network', async () => {
    await cilium.withdraw(...ALLOCATED.blue)
    await waitUntil('blue is gone', checks.patience, async () => {
      const traces = await Promise.all(ALLOCATED.blue.map(tracesOf))
      return traces.flat().length === 0 ? undefined : traces.flat().join('; ')
    })
    const red = await tracesOf(ALLOCATED.red[0])
    if (red.length === 0) throw new Error('red went with it')
  })
  if (checks.failed > 0) for (const [log, tail] of edge.logs()) emit({ log, tail })
  await node.stop()
  return checks.finish()
})
