/** The provider edge, running: the node with srv6d and Cilium's speaker, and the far PE. */
import { CiliumSpeaker, type Tag } from './cilium-speaker.ts'
import { FrrPe, prepareFrr } from './frr.ts'
import { CUSTOMERS } from './network.ts'
import type { Pe } from './pe.ts'
import {
  ALLOCATED,
  buildProviderNetwork,
  CLUSTER_AS,
  farConfig,
  LARGE,
  LOOSE,
  NODE,
  NODE_ADDRESS,
  nodeConfig,
  PROVIDER_SERVERS,
  STANDARD,
} from './provider-network.ts'
import { Srv6dPe } from './srv6d.ts'
import { serve } from './tcp.ts'
import { waitUntil } from './wait-until.ts'

export interface ProviderEdgeOptions {
  /** Holds gobgpd, and FRR if it is the far PE. */
  root: string
  dataplane: 'auto' | 'vrf' | 'table'
  far: 'srv6d' | 'frr'
}

const { SRV6D_LAB_LOG } = process.env
const TAGS: Tag[] = [
  ...CUSTOMERS.flatMap((c) => ALLOCATED[c].map((within) => ({ within, large: [LARGE[c]] }))),
  { within: LOOSE, communities: [STANDARD.blue] },
  // never announced: the policy wants a prefix
  { within: '10.244.17.0/27', communities: [STANDARD.red] },
]
/** The numbers of the tags of what is in nobody's pools. */
export const LOOSE_TAG = { blue: TAGS.length - 2, red: TAGS.length - 1 } as const

export class ProviderEdge {
  readonly node: Srv6dPe
  readonly cilium: CiliumSpeaker
  readonly #options: ProviderEdgeOptions
  #far: Pe | null = null

  constructor(o: ProviderEdgeOptions) {
    this.#options = o
    const config = nodeConfig({ dataplane: o.dataplane, log: SRV6D_LAB_LOG ?? 'info' })
    const base = { as: 65000, peerAs: 65000, usid: false, sid: 'per-vrf' } as const
    this.node = new Srv6dPe({ ...base, side: 1, namespace: NODE, config })
    this.cilium = new CiliumSpeaker({
      root: o.root,
      namespace: NODE,
      as: CLUSTER_AS,
      routerId: NODE_ADDRESS[4],
      peerAs: 65000,
      peer: '127.0.0.1',
      port: 1790,
      gracefulRestart: true,
      tags: TAGS,
    })
  }

  async build(): Promise<void> {
    await buildProviderNetwork(this.#options.far === 'frr', false)
    await Promise.all(PROVIDER_SERVERS.map(serve))
  }

  async start(): Promise<void> {
    const { far, root, dataplane } = this.#options
    const base = { as: 65000, peerAs: 65000, usid: false, sid: 'per-vrf', side: 2 } as const
    if (far === 'frr') this.#far = new FrrPe({ ...base, root }, await prepareFrr(root))
    else {
      const config = farConfig({ dataplane, log: SRV6D_LAB_LOG ?? 'info' })
      this.#far = new Srv6dPe({ ...base, config })
    }
    await Promise.all([this.node.start(), this.#far.start(), this.cilium.start()])
  }

  /** The pools of both networks. */
  announce(): Promise<void> {
    return this.cilium.announce(...ALLOCATED.blue, ...ALLOCATED.red)
  }

  /** Waits for both sessions of the node. */
  async settled(seconds: number): Promise<void> {
    await waitUntil('the session with the far PE', seconds, () => this.node.session())
    await waitUntil("the session with Cilium's speaker", seconds, () => this.speakerSession())
  }

  async speakerSession(): Promise<string | undefined> {
    const n = (await this.node.neighbors()).find((x) => x.address === '127.0.0.1')
    return n?.state === 'Established' ? undefined : `it is ${n?.state}, ${n?.lastError}`
  }

  logs(): Map<string, string> {
    const all = new Map([...this.node.logs(), ...(this.#far?.logs() ?? [])])
    return all.set('gobgpd', this.cilium.output().slice(-3000))
  }
}
