/** The demo of the customer edge, inside its sandbox: clusters are the customers' sites. */
import { CustomerEdge } from './lib/customer-edge.ts'
import { customerRows } from './lib/customer-rows.ts'
import { bold, conclude, out, showCli, step } from './lib/demo-output.ts'
import { keepUp } from './lib/keep-up.ts'
import { tail } from './lib/pe.ts'
import { outcomeOf, tryAll } from './lib/reach.ts'
import { inSandbox, wasInterrupted } from './lib/sandbox.ts'

const DRAWING = `
   customers' clusters                    provider                           customers' other sites
  ┌───────────────────────┐
  │ red   ce1: Cilium ─ BGP ──┐                                      ┌── ce3  red's router
  │       pod 10.244.1.11 │   │                                      │        10.2.0.0/24
  ├───────────────────────┤  pe1 srv6d ────── p ────── pe2 srv6d ────┼── ce4  blue's router
  │ blue  ce2: Cilium ─ BGP ──┘     IPv6 only                        │        10.2.0.0/24
  │       pod 10.244.1.11 │                                          └── cl2  blue's second cluster
  └───────────────────────┘                                                   pod 10.244.2.12
   both have the same pod CIDRs                 IPv4 and IPv6 everywhere
`
const NAMESPACES = ['pe1', 'ce1', 'red1', 'ce2', 'blue1', 'p', 'pe2', 'ce3', 'ce4', 'cl2', 'blue2']
const TRIES = [
  'pe1 srv6d-cli show routes vrf blue',
  'blue1 ping -c 3 10.244.2.12',
  'pe1 ip route show table 20',
]

await inSandbox(async () => {
  const keep = process.argv.includes('--keep')
  out(bold('\nThe customer edge: two customers with the same pod CIDRs, one SRv6 core'))
  out(DRAWING)
  const edge = new CustomerEdge({ root: '/', dataplane: 'auto', far: 'srv6d', routers: [] })
  try {
    await step('eleven namespaces: clusters with a pod each, PEs, core, sites', () => edge.build())
    await step("srv6d on both PEs; gobgpd in the place of Cilium's agents", () => edge.start())
    await step('Cilium has announced the pod CIDRs, all sessions are up', async () => {
      await edge.announce()
      await edge.settled(60)
    })
    const wanted = customerRows(true)
    const tried = await step(`ping and a TCP transfer: ${wanted.length} pairs`, () =>
      tryAll(wanted, 20),
    )
    await showCli(edge.pe1, 'pe1', 'show', 'neighbors')
    await showCli(edge.pe1, 'pe1', 'show', 'routes')
    const status = conclude(tried.map(outcomeOf), 'pairs')
    if (keep) await keepUp(NAMESPACES, TRIES)
    return status
  } catch (e) {
    if (wasInterrupted()) return 130
    out(`\nThe demo failed: ${(e as Error).message}`)
    for (const [log, text] of edge.logs()) out(`\n--- ${log}\n${tail(text, 25)}`)
    return 1
  }
})
