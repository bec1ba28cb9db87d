/** The demo of the provider edge, inside its sandbox: a cluster's node is the PE. */
import { bold, conclude, type Outcome, out, showCli, showIp, step } from './lib/demo-output.ts'
import { keepUp } from './lib/keep-up.ts'
import { site } from './lib/network.ts'
import { tail } from './lib/pe.ts'
import { ProviderEdge } from './lib/provider-edge.ts'
import { ALLOCATED, NODE, PODS } from './lib/provider-network.ts'
import { providerRows } from './lib/provider-rows.ts'
import { outcomeOf, tryAll } from './lib/reach.ts'
import { inSandbox, wasInterrupted } from './lib/sandbox.ts'
import { waitUntil } from './lib/wait-until.ts'

const DRAWING = `
   a node of a Kubernetes cluster                       provider's core            customers' sites
  ┌───────────────────────────────────────────────┐
  │ blue1  10.244.8.11  ─┐   Cilium ── BGP ──┐    │                                 ┌─ ce4 blue
  │ red1   10.244.12.12 ─┼─ lxc*          srv6d   ├────── p ────── pe2 ─────────────┤  10.2.0.0/24
  │ plain1 10.244.0.21  ─┘   main table, VRFs     │      IPv6 only  srv6d           └─ ce3 red
  └────────┬──────────────────────────┬───────────┘                                   10.2.0.0/24
           │                          │                 both sites: the same prefixes, and a
      the internet             another node, pods       default route. No pod knows of any of it
`
const FAMILIES = [4, 6] as const
const NAMESPACES = [NODE, 'blue1', 'red1', 'plain1', 'peer', 'inet', 'p', 'pe2', 'ce3', 'ce4']
const TRIES = [
  'node srv6d-cli show routes node',
  'blue1 ping -c 3 10.2.0.1',
  'node ip rule',
  'node ip route show table 20',
]

/** Before any tag: the pod is the cluster's and the internet's, the site is not there for it. */
async function untagged(edge: ProviderEdge): Promise<Outcome[]> {
  const { blue } = PODS
  const rows = FAMILIES.map((family) => ({
    ...{ from: blue.name, to: site(2, family).ce, what: "blue's site, before its pool is tagged" },
    answers: null,
  }))
  await edge.settled(60)
  return (await tryAll(rows)).map(outcomeOf)
}

await inSandbox(async () => {
  const keep = process.argv.includes('--keep')
  out(bold("\nThe provider edge: a pod in a customer's VPN, by the name of its network"))
  out(DRAWING)
  const edge = new ProviderEdge({ root: '/', dataplane: 'auto', far: 'srv6d' })
  try {
    await step('ten namespaces: a node with pods as Cilium lays them out, core, sites', () =>
      edge.build(),
    )
    await step("srv6d on the node and on pe2; gobgpd in the place of Cilium's agent", () =>
      edge.start(),
    )
    const rows = await step('sessions are up; nothing is tagged yet', () => untagged(edge))
    await step('Cilium announces the pools of blue and red, with their communities', async () => {
      await edge.announce()
      await waitUntil('the pools are in their networks', 30, async () => {
        const { stdout } = await edge.node.cli('show', 'routes', 'node')
        return ALLOCATED.red.every((p) => stdout.includes(p)) ? undefined : stdout
      })
    })
    const wanted = providerRows()
    const tried = await step(`ping and a TCP transfer: ${wanted.length} pairs`, () =>
      tryAll(wanted, 15),
    )
    await showCli(edge.node, NODE, 'show', 'routes', 'node')
    await showCli(edge.node, NODE, 'show', 'routes', 'vrf', 'blue')
    await showIp(NODE, 'rule')
    const status = conclude([...rows, ...tried.map(outcomeOf)], 'pairs')
    if (keep) await keepUp(NAMESPACES, TRIES)
    return status
  } catch (e) {
    if (wasInterrupted()) return 130
    out(`\nThe demo failed: ${(e as Error).message}`)
    for (const [log, text] of edge.logs()) out(`\n--- ${log}\n${tail(text, 25)}`)
    return 1
  }
})
