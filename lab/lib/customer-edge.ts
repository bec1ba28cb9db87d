/** The customer edge, running: two PEs, clusters with Cilium's speaker, the customers' routers. */
import { CiliumSpeaker } from './cilium-speaker.ts'
import {
  buildCustomerNetwork,
  CLUSTER_AS,
  customerFrrPe,
  customerRouter,
  customerSrv6d,
  POD_CIDRS,
  SECOND,
  SECOND_CIDRS,
} from './customer-network.ts'
import { FrrPe, prepareFrr } from './frr.ts'
import { type Side, site } from './network.ts'
import type { Pe } from './pe.ts'
import { Srv6dPe } from './srv6d.ts'
import { serve } from './tcp.ts'
import { waitUntil } from './wait-until.ts'

export interface CustomerEdgeOptions {
  /** Holds gobgpd, and FRR. */
  root: string
  dataplane: 'auto' | 'vrf' | 'table'
  far: 'srv6d' | 'frr'
  /** Namespaces of customers' routers that FRR runs in. */
  routers: readonly ('ce3' | 'ce4')[]
}

const { SRV6D_LAB_LOG } = process.env
const log = SRV6D_LAB_LOG ?? 'info'
const base = { as: 65000, peerAs: 65000, usid: false } as const

/** Cilium on a node of a cluster; the session is over IPv6 and has both families, or one a family. */
function speaker(root: string, namespace: string, side: Side, family?: 4 | 6): CiliumSpeaker {
  return new CiliumSpeaker({
    root,
    namespace,
    as: CLUSTER_AS,
    routerId: site(side, 4).ce,
    peerAs: 65000,
    peer: site(side, family ?? 6).pe,
    port: 179,
    gracefulRestart: true,
    ...(family ? { families: [`ipv${family}-unicast`], apiPort: 50050 + family } : {}),
    tags: [...POD_CIDRS, ...SECOND_CIDRS].map((within) => ({ within })),
  })
}

export class CustomerEdge {
  readonly pe1: Srv6dPe
  /** blue's first cluster. */
  readonly blue: CiliumSpeaker
  readonly #red: Record<4 | 6, CiliumSpeaker>
  readonly #second: CiliumSpeaker
  readonly #options: CustomerEdgeOptions
  #pe2: Pe | null = null
  #routers: FrrPe[] = []

  constructor(o: CustomerEdgeOptions) {
    this.#options = o
    const config = customerSrv6d(1, o.dataplane, log)
    this.pe1 = new Srv6dPe({ ...base, side: 1, sid: 'per-vrf', config })
    this.blue = speaker(o.root, 'ce2', 1)
    this.#red = { 4: speaker(o.root, 'ce1', 1, 4), 6: speaker(o.root, 'ce1', 1, 6) }
    this.#second = speaker(o.root, SECOND, 3)
  }

  async build(): Promise<void> {
    await buildCustomerNetwork(this.#options.far === 'frr', this.#options.routers)
    await Promise.all(['red1', 'blue1', 'blue2', 'ce3', 'ce4'].map(serve))
  }

  async start(): Promise<void> {
    const { root, far, routers } = this.#options
    const version = far === 'frr' || routers.length > 0 ? await prepareFrr(root) : ''
    this.#pe2 = this.#makePe2(version)
    this.#routers = routers.map((namespace) => {
      const config = customerRouter(namespace)
      return new FrrPe({ ...base, side: 2, sid: 'per-vrf', root, namespace, config }, version)
    })
    await Promise.all([this.pe1.start(), this.#pe2.start()])
    await Promise.all(this.#routers.map((r) => r.start()))
    await Promise.all([this.blue, this.#red[4], this.#red[6], this.#second].map((s) => s.start()))
  }

  #makePe2(version: string): Pe {
    const { root, far, dataplane, routers } = this.#options
    if (far === 'frr') {
      const o = { ...base, root, side: 2, sid: 'per-vrf' } as const
      return new FrrPe({ ...o, config: customerFrrPe(o, version) }, version)
    }
    const config = customerSrv6d(2, dataplane, log, routers)
    return new Srv6dPe({ ...base, side: 2, sid: 'per-family', config })
  }

  /** Every cluster announces the pod CIDR of its node. */
  async announce(): Promise<void> {
    await this.blue.announce(...POD_CIDRS)
    await this.#red[4].announce(POD_CIDRS[0])
    await this.#red[6].announce(POD_CIDRS[1])
    await this.#second.announce(...SECOND_CIDRS)
  }

  /** Waits until each session of pe1 is up. */
  async settled(seconds: number): Promise<void> {
    await waitUntil('the sessions of pe1', seconds, async () => {
      const down = (await this.pe1.neighbors()).filter((n) => n.state !== 'Established')
      return down.length === 0
        ? undefined
        : down.map((n) => `${n.vrf ?? ''} ${n.address} is ${n.state}, ${n.lastError}`).join('; ')
    })
  }

  logs(): Map<string, string> {
    const all = [this.pe1, this.#pe2, ...this.#routers].flatMap((pe) => [...(pe?.logs() ?? [])])
    return new Map([...all, ['blue gobgpd', this.blue.output().slice(-2000)]])
  }
}
