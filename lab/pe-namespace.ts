/**
 * The provider edge with the PE in a network namespace of its own (lib/pe-namespace.ts): the layout
 * that eBPF host routing takes too. Who reaches whom is the same as with srv6d on the node itself.
 *
 *   pe-namespace.mjs ROOT       (a root made by lab/root, with gobgpd)
 */
import { Checks, emit } from './lib/checks.ts'
import { checkNetfilter, kubeProxy, masquerade } from './lib/netfilter.ts'
import { CUSTOMERS } from './lib/network.ts'
import { apartConfig, apartSpeakers, makePeNamespace, PE } from './lib/pe-namespace.ts'
import {
  ALLOCATED,
  buildProviderNetwork,
  farConfig,
  NODE,
  PROVIDER_SERVERS,
} from './lib/provider-network.ts'
import { providerRows } from './lib/provider-rows.ts'
import { tryAll } from './lib/reach.ts'
import { mountRoot } from './lib/roots.ts'
import { must } from './lib/run.ts'
import { inSandbox } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { serve } from './lib/tcp.ts'
import { waitUntil } from './lib/wait-until.ts'

const { SRV6D_LAB_LOG = 'info' } = process.env
const [root = '/'] = process.argv.slice(2)
const checks = new Checks()
const mode = { dataplane: 'auto', log: SRV6D_LAB_LOG } as const
const base = { as: 65000, peerAs: 65000, usid: false, sid: 'per-vrf' } as const
const pe = new Srv6dPe({ ...base, side: 1, namespace: PE, config: apartConfig(mode) })
const far = new Srv6dPe({ ...base, side: 2, config: farConfig(mode) })
const speakers = apartSpeakers(root)

const rulesOfNode = async () =>
  (await must(['ip', '-n', NODE, 'rule'])) + (await must(['ip', '-n', NODE, '-6', 'rule']))

await inSandbox(async () => {
  await mountRoot(root)
  await buildProviderNetwork(false, true)
  const before = await rulesOfNode()
  await checks.check('pe-namespace makes the namespace, its links and the rules', async () => {
    await makePeNamespace()
    await Promise.all(PROVIDER_SERVERS.map(serve))
  })
  await checks.check('srv6d in the namespace, a session of Cilium a VRF', async () => {
    await Promise.all([pe.start(), far.start(), ...CUSTOMERS.map((c) => speakers[c].start())])
    for (const c of CUSTOMERS) await speakers[c].announce(...ALLOCATED[c])
    await waitUntil('all sessions are up', checks.patience, async () => {
      const down = (await pe.neighbors()).filter((n) => n.state !== 'Established')
      return down.length === 0 ? undefined : down.map((n) => `${n.address} ${n.state}`).join('; ')
    })
  })
  for (const row of await tryAll(providerRows(), checks.failed ? 3 : checks.patience)) {
    await checks.check(`${row.from} -> ${row.to}, ${row.what}`, async () => {
      if (!row.ok) throw new Error(row.result)
      return row.result
    })
  }
  const others = 'iptables masquerades by eth0: the internet sees the node, the VPN its pods'
  await checkNetfilter(checks, others, masquerade('eth+'), 'its node')
  const dropped = 'kube-proxy drops what is INVALID: nothing of the VPN is'
  await checkNetfilter(checks, dropped, kubeProxy(), 'itself')
  await checks.check('the end of the namespace leaves the node as it was', async () => {
    await pe.stop()
    await makePeNamespace('down')
    const after = await rulesOfNode()
    if (after !== before) throw new Error(after)
  })
  if (checks.failed > 0)
    for (const [log, tail] of [...pe.logs(), ...far.logs()]) emit({ log, tail })
  return checks.finish()
})
