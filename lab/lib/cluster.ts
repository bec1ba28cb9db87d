/**
 * A node of a Kubernetes cluster as Cilium lays it out without eBPF host routing: pods behind
 * `lxc*` devices with a route each in the main table, the pod CIDRs on `cilium_host`. Pods are
 * namespaces. (What Cilium does in eBPF there, answering for its router address, is a static
 * neighbour here.)
 */
import type { Topology } from './topology.ts'

export interface PodNetwork {
  /** `cilium_host`, the router of all pods. */
  router: { 4: string; 6: string }
  /** Pod CIDRs of this node, default pool first. */
  podCidrs: readonly string[]
}

export interface Pod {
  name: string
  4: string
  6: string
}

export function addCiliumHost(t: Topology, node: string, network: PodNetwork): void {
  t.link(node, 'cilium_host', node, 'cilium_net')
  t.ip(node, `addr add ${network.router[4]}/32 dev cilium_host`)
  t.ip(node, `addr add ${network.router[6]}/128 dev cilium_host`)
  for (const cidr of network.podCidrs) {
    const ipv6 = cidr.includes(':')
    const source = network.router[ipv6 ? 6 : 4]
    // IPv6 takes no address of its own for a gateway
    const via = ipv6 ? '' : `via ${source}`
    t.ip(node, `route add ${cidr} ${via} dev cilium_host src ${source} proto kernel`)
  }
  // the eBPF program there drops what is for no pod
  t.sysctl(node, 'net.ipv4.conf.cilium_net.forwarding=0', 'net.ipv6.conf.cilium_net.forwarding=0')
}

export function addPod(t: Topology, node: string, network: PodNetwork, pod: Pod): void {
  const device = `lxc${pod.name}`
  const mac = `02:00:00:00:00:${pod[4].split('.').at(-1)!.padStart(2, '0').slice(-2)}`
  t.namespace(pod.name)
  t.link(pod.name, 'eth0', node, device)
  t.ip(node, `link set ${device} address ${mac}`)
  t.sysctl(node, `net.ipv4.conf.${device}.rp_filter=0`)
  for (const family of [4, 6] as const) {
    const bits = family === 4 ? 32 : 128
    const router = network.router[family]
    t.ip(pod.name, `addr add ${pod[family]}/${bits} dev eth0`)
    t.ip(pod.name, `neigh add ${router} lladdr ${mac} dev eth0 nud permanent`)
    t.ip(pod.name, `route add ${router} dev eth0`, `route add default via ${router} dev eth0`)
    t.ip(node, `route add ${pod[family]}/${bits} dev ${device} proto kernel`)
  }
}
