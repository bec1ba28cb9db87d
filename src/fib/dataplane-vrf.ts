/** The data plane over VRF devices: End.DT46, End.DT4 and End.DT6 by `vrftable`. */
import type { Dataplane, VrfPlane, VrfRequest } from './dataplane.ts'
import type { Interfaces } from './interfaces.ts'
import type { Kernel, LocalSid } from './kernel.ts'
import { prepareNamespace, prepareVrfDevice } from './preflight.ts'

export class VrfDataplane implements Dataplane {
  readonly mode = 'vrf'
  readonly #kernel: Kernel

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  addVrf(request: VrfRequest): VrfPlane {
    return new DeviceVrf(this.#kernel, request)
  }

  prepare(): Promise<string[]> {
    return prepareNamespace(this.#kernel)
  }
}

/** A VRF that is a VRF device with the circuits enslaved to it. */
class DeviceVrf implements VrfPlane {
  readonly circuits: { name: string; attached: boolean; why: string | null }[]
  readonly problems: string[] = []
  readonly #kernel: Kernel
  readonly #request: VrfRequest
  #known: Interfaces | null = null
  #ifindex = 0
  /** The device is our making: `remove` removes it. */
  #created = false

  constructor(kernel: Kernel, request: VrfRequest) {
    this.#kernel = kernel
    this.#request = request
    this.circuits = request.interfaces.map((name) => ({ name, attached: false, why: null }))
  }

  get ifindex(): number {
    return this.#ifindex
  }

  get isOpen(): boolean {
    return this.#ifindex !== 0
  }

  async open(): Promise<void> {
    const { device, table, log } = this.#request
    try {
      const { ifindex, created } = await this.#kernel.ensureVrf(device, table)
      this.#ifindex = ifindex
      this.#created = created
      log.info({ device, table }, created ? 'vrf device created' : 'vrf device adopted')
    } catch (error) {
      const text = `device ${device}: ${(error as Error).message}`
      this.problems.push(text)
      log.error({}, text)
    }
  }

  async prepare(): Promise<void> {
    if (this.isOpen)
      this.problems.push(...(await prepareVrfDevice(this.#kernel, this.#request.device)))
  }

  async attach(known: Interfaces): Promise<boolean> {
    this.#known = known
    let moved = false
    for (const row of this.circuits) {
      const link = known.link(row.name)
      row.attached = link !== undefined && this.isOpen && link.master === this.#ifindex
      if (link === undefined) row.why = 'no such interface'
      else if (row.attached) row.why = null
      if (link === undefined || row.attached || !this.isOpen) continue
      if (await this.#enslave(row)) moved = true
    }
    return moved
  }

  async #enslave(row: { name: string; attached: boolean; why: string | null }): Promise<boolean> {
    const { log } = this.#request
    try {
      await this.#kernel.enslave(row.name, this.#ifindex)
      row.attached = true
      row.why = null
      log.info({ interface: row.name }, 'interface put into the vrf')
    } catch (error) {
      if (row.why !== (error as Error).message) {
        log.error({ interface: row.name, err: error }, 'interface not put into the vrf')
      }
      row.why = (error as Error).message
    }
    return row.attached
  }

  holds(ifindex: number): boolean {
    // Without its device a VRF has no networks; the main table's are not its.
    if (!this.isOpen) return false
    return ifindex === this.#ifindex || this.#known?.byIndex(ifindex)?.master === this.#ifindex
  }

  localSid(sid: Uint8Array, behavior: number): LocalSid {
    const { table } = this.#request
    const target = { kind: 'vrftable', table } as const
    return { sid, prefixBits: 128, behavior, target, ifindex: this.#ifindex }
  }

  get whyNoSid(): string | null {
    return this.isOpen ? null : 'there is no VRF device'
  }

  get listenDevices(): string[] {
    return this.isOpen ? [this.#request.device] : []
  }

  deviceTowards(): string {
    return this.#request.device
  }

  async remove(): Promise<void> {
    const { device, log } = this.#request
    if (!this.#created) return
    try {
      await this.#kernel.removeLink(device)
    } catch (error) {
      log.error({ err: error, device }, 'vrf device not removed')
    }
  }
}
