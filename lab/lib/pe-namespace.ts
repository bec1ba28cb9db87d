/**
 * The node's PE in a network namespace of its own, by systemd/pe-namespace: a veth pair a VRF, over
 * which Cilium's speaker is a CE of each VRF, and rules of the node that send pods into it.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CiliumSpeaker } from './cilium-speaker.ts'
import { CUSTOMERS, type Customer, coreGateway, loopback, TABLE } from './network.ts'
import {
  ALLOCATED,
  CLUSTER_AS,
  CLUSTER_PREFIXES,
  head,
  NODE,
  NODE_ADDRESS,
  POOLS,
  type ProviderOptions,
  vrfHead,
} from './provider-network.ts'
import { must } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'

export const PE = 'pe'
/** The node's end of a VRF's link, and the PE's. */
const link = (customer: Customer, end: 1 | 2) => `fd00:0:${TABLE[customer]}::${end}`

/** /etc/srv6d/pe.netns */
const NETNS_CONF = `loopback ${loopback(1)}
core core 2001:db8:f1::1/64 ${coreGateway(1)}
cluster ${CLUSTER_PREFIXES.join(' ')}
# name, table on the node, the link's prefixes, pools
${CUSTOMERS.map(
  (c) =>
    `vrf ${c} 1${TABLE[c]} 169.254.${TABLE[c]}.0/24 fd00:0:${TABLE[c]}::/64 ${POOLS[c].join(' ')}`,
).join('\n')}
`

export async function makePeNamespace(action: 'up' | 'down' = 'up'): Promise<void> {
  // seen from dist/lab
  const script = fileURLToPath(new URL('../../systemd/pe-namespace', import.meta.url))
  writeFileSync(`${LOGS}/${PE}.netns`, NETNS_CONF)
  await must(inNamespace(NODE, ['env', `SRV6D_NETNS_CONF=${LOGS}`, script, action, PE]))
}

/** srv6d.yaml of the PE. */
export function apartConfig(o: ProviderOptions): string {
  const vrf = (c: Customer) => `${vrfHead(1, c)}    interfaces: [${c}]
    redistribute: [static]
    neighbors:
      - address: "${link(c, 1)}"
        as: ${CLUSTER_AS}
        families: [ipv4-unicast, ipv6-unicast]
        passive: true
        hold-time: 9
`
  return `${head(1, PE, o)}vrfs:
${CUSTOMERS.map(vrf).join('')}`
}

/** Cilium's peer in each VRF, told what is tagged for it: an instance each. */
export function apartSpeakers(root: string): Record<Customer, CiliumSpeaker> {
  const speaker = (c: Customer) =>
    new CiliumSpeaker({
      root,
      namespace: NODE,
      as: CLUSTER_AS,
      routerId: NODE_ADDRESS[4],
      peerAs: 65000,
      peer: link(c, 2),
      port: 179,
      gracefulRestart: true,
      apiPort: 50051 + TABLE[c],
      tags: ALLOCATED[c].map((within) => ({ within })),
    })
  return { red: speaker('red'), blue: speaker('blue') }
}
