/**
 * The data plane that is Cilium's: its agent's eBPF programs encapsulate and decapsulate, srv6d
 * fills the maps they look into. A VRF is an id, the number of its routing table; it has no circuits.
 */
import type { CiliumKernel } from './cilium-kernel.ts'
import { type CiliumEntry, sourceEntry } from './cilium-maps.ts'
import type { Dataplane, RecoveredSid, VrfPlane, VrfRequest } from './dataplane.ts'
import type { LocalSid, RulePrefix } from './kernel.ts'

const LOOPBACK = 1

export class CiliumDataplane implements Dataplane {
  readonly mode = 'cilium'
  readonly why = 'as configured; experimental'
  readonly hasDt46 = true
  readonly installsConnected = false
  readonly sharesPorts = false
  readonly #kernel: CiliumKernel

  constructor(kernel: CiliumKernel) {
    this.#kernel = kernel
  }

  get problems(): string[] {
    return this.#kernel.maps.problems
  }

  addVrf(request: VrfRequest): VrfPlane {
    return new CiliumVrf(this.#kernel, request)
  }

  async recover(sids: readonly LocalSid[]): Promise<RecoveredSid[]> {
    return sids.flatMap(({ sid, behavior, target }) =>
      target.kind === 'table' ? [{ sid, behavior, table: target.table }] : [],
    )
  }

  /** Forwarding is the agent's: nothing of the host is ours to set. */
  async prepare(): Promise<string[]> {
    return []
  }

  settle(): Promise<void> {
    return this.#kernel.maps.flush()
  }

  settleSources(): Promise<void> {
    return this.#kernel.maps.flush()
  }

  sweep(): Promise<void> {
    this.#kernel.maps.sweep()
    return this.#kernel.maps.flush()
  }

  async removeFormer(): Promise<boolean> {
    return true
  }

  stop(): void {}

  async remove(): Promise<void> {
    this.#kernel.maps.clear()
    await this.#kernel.maps.flush()
  }
}

class CiliumVrf implements VrfPlane {
  readonly circuits = []
  readonly problems: readonly string[] = []
  readonly device = ''
  readonly ifindex = LOOPBACK
  readonly isOpen = true
  readonly whyNoSid = null
  readonly listenDevices = []
  readonly homeIfindex = 0
  readonly #kernel: CiliumKernel
  readonly #request: VrfRequest
  readonly #bound = new Map<string, CiliumEntry>()

  constructor(kernel: CiliumKernel, request: VrfRequest) {
    this.#kernel = kernel
    this.#request = request
  }

  get sessionDomain(): string {
    return this.#request.name
  }

  async open(): Promise<void> {}

  async prepare(): Promise<void> {}

  async attach(): Promise<boolean> {
    return false
  }

  holds(): boolean {
    return false
  }

  localSid(sid: Uint8Array, behavior: number): LocalSid {
    const target = { kind: 'table', table: this.#request.table } as const
    return { sid, prefixBits: 128, behavior, target, ifindex: LOOPBACK }
  }

  deviceTowards(): string {
    throw new Error(`VRF ${this.#request.name} has no interfaces: its data plane is Cilium's`)
  }

  deviceBy(): undefined {
    return undefined
  }

  bindSource({ address, bits }: RulePrefix): void {
    const entry = sourceEntry(address, bits, this.#request.table)
    this.#bound.set(entry.key, entry)
    this.#kernel.maps.set(entry)
  }

  unbindSource({ address, bits }: RulePrefix): void {
    const entry = sourceEntry(address, bits, this.#request.table)
    if (this.#bound.delete(entry.key)) this.#kernel.maps.delete(entry)
  }

  whyUnbound(): string | null {
    return null
  }

  async remove(): Promise<boolean> {
    return true
  }
}
