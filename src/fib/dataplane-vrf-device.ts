import type { Logger } from '../base/logger.ts'
import type { VrfPlane, VrfRequest } from './dataplane.ts'
import type { Interfaces } from './interfaces.ts'
import type { InterfaceAddress, Kernel, Link, LocalSid, RulePrefix, SidTarget } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import { prepareVrfDevice } from './preflight.ts'
import type { SourceBindings } from './source-bindings.ts'

/** Its interfaces come out first: only then may what keeps them out of the main table go. */
export async function removeDevice(kernel: Kernel, device: string, log: Logger): Promise<boolean> {
  try {
    await kernel.removeLink(device)
    return true
  } catch (error) {
    log.error({ err: error, device }, 'vrf device not removed')
    return false
  }
}

/** A circuit that is taken out of its VRF more often than this a minute is left where it is. */
const TAKE_BACKS = 3
const MINUTE_MS = 60_000

interface DeviceCircuit {
  name: string
  attached: boolean
  why: string | null
  /** Interface index with which it was in the VRF, 0 if it was not. */
  inAs: number
  /** When it was taken back, the last few times. */
  takenBack: number[]
}

/** A VRF that is a VRF device with the circuits enslaved to it. */
export class DeviceVrf implements VrfPlane {
  readonly circuits: DeviceCircuit[]
  /** Settings that could not be made. */
  #unset: string[] = []
  /** Why there is no device, or not the one that was asked for. */
  #flaw: string | null = null
  readonly #kernel: Kernel
  readonly #sources: SourceBindings
  readonly #request: VrfRequest
  #known: Interfaces | null = null
  #ifindex = 0
  /** The device is our making: `remove` removes it. */
  #created = false

  constructor(kernel: Kernel, sources: SourceBindings, request: VrfRequest) {
    this.#kernel = kernel
    this.#sources = sources
    this.#request = request
    this.circuits = request.interfaces.map((name) => {
      return { name, attached: false, why: null, inAs: 0, takenBack: [] }
    })
  }

  get ifindex(): number {
    return this.#ifindex
  }

  /** As it is called now: somebody may have renamed it. */
  get device(): string {
    return this.#known?.byIndex(this.#ifindex)?.name ?? this.#request.device
  }

  get isOpen(): boolean {
    return this.#ifindex !== 0
  }

  get problems(): string[] {
    return this.#flaw === null ? this.#unset : [this.#flaw, ...this.#unset]
  }

  async open(): Promise<void> {
    const { device, table, log } = this.#request
    try {
      const { ifindex, created } = await this.#kernel.ensureVrf(device, table)
      this.#ifindex = ifindex
      this.#created = created
      this.#flaw = null
      log.info({ device, table }, created ? 'vrf device made' : 'vrf device adopted')
    } catch (error) {
      this.#setFlaw(`device ${device}: ${(error as Error).message}`)
    }
  }

  /** Said once, however often it is found. */
  #setFlaw(text: string): void {
    if (this.#flaw !== text) this.#request.log.error({}, text)
    this.#flaw = text
  }

  async prepare(): Promise<void> {
    if (this.isOpen) this.#unset = await prepareVrfDevice(this.#kernel, this.#request.device)
  }

  async attach(known: Interfaces, dropped: readonly InterfaceAddress[]): Promise<boolean> {
    this.#known = known
    let moved = await this.#keepDevice(known)
    for (const row of this.circuits) {
      const link = known.link(row.name)
      if (link === undefined) this.#isGone(row)
      else if (this.isOpen && link.master === this.#ifindex) this.#isIn(row, link)
      else {
        row.attached = false
        if (this.isOpen && (await this.#takeIn(row, link, dropped))) moved = true
      }
    }
    return moved
  }

  /** True when something was done about the device. */
  async #keepDevice(known: Interfaces): Promise<boolean> {
    const { device, log } = this.#request
    const link = known.byIndex(this.#ifindex)
    if (link === undefined) {
      if (this.isOpen) log.warn({ device }, 'vrf device was removed: making it again')
      const had = this.#ifindex
      this.#ifindex = 0
      await this.open()
      await this.prepare()
      return had !== 0 || this.isOpen
    }
    if (link.name !== device) this.#setFlaw(`device ${device} was renamed to ${link.name}`)
    else this.#flaw = null
    if (link.up) return false
    try {
      await this.#kernel.setUp(link.name)
    } catch (error) {
      // On its way out: it went down first.
      if (error instanceof KernelError && error.errno === Errno.ENODEV) return false
      throw error
    }
    log.warn({ device: link.name }, 'vrf device was set down: set up again')
    return true
  }

  #isGone(row: DeviceCircuit): void {
    if (row.inAs !== 0) this.#request.log.warn({ interface: row.name }, 'interface is gone')
    row.attached = false
    row.inAs = 0
    row.why = 'no such interface'
  }

  #isIn(row: DeviceCircuit, link: Link): void {
    row.attached = true
    row.inAs = link.ifindex
    row.why = null
  }

  /** One that was in comes back from wherever others put it; a new one only if it is free. */
  async #takeIn(
    row: DeviceCircuit,
    link: Link,
    dropped: readonly InterfaceAddress[],
  ): Promise<boolean> {
    const { log } = this.#request
    const back = row.inAs === link.ifindex
    if (back && !this.#mayTakeBack(row)) return false
    try {
      await this.#kernel.enslave(row.name, this.#ifindex, back)
      if (back) {
        const lost = dropped.filter(({ ifindex }) => ifindex === link.ifindex)
        for (const address of lost) await this.#kernel.addAddress(address)
        log.warn({ interface: row.name }, 'interface was taken out of the vrf: put back')
      } else log.info({ interface: row.name }, 'interface put into the vrf')
      this.#isIn(row, link)
      return true
    } catch (error) {
      // The device or the interface went meanwhile: a notification is on its way.
      if (error instanceof KernelError && error.errno === Errno.ENODEV) return false
      if (row.why !== (error as Error).message) {
        log.error({ interface: row.name, err: error }, 'interface not put into the vrf')
      }
      row.why = (error as Error).message
      return false
    }
  }

  #mayTakeBack(row: DeviceCircuit): boolean {
    const now = performance.now()
    row.takenBack = row.takenBack.filter((at) => now - at < MINUTE_MS)
    if (row.takenBack.length < TAKE_BACKS) {
      row.takenBack.push(now)
      return true
    }
    const why = 'it is taken out of the VRF again and again'
    if (row.why !== why) {
      this.#request.log.error({ interface: row.name }, `interface left where it is: ${why}`)
    }
    row.why = why
    return false
  }

  holds(ifindex: number): boolean {
    // Without its device a VRF has no networks; the main table's are not its.
    if (!this.isOpen) return false
    return ifindex === this.#ifindex || this.#known?.byIndex(ifindex)?.master === this.#ifindex
  }

  localSid(sid: Uint8Array, behavior: number, nextHop?: Uint8Array): LocalSid {
    const { table } = this.#request
    const target: SidTarget = nextHop
      ? { kind: 'next-hop', address: nextHop }
      : { kind: 'vrftable', table }
    return { sid, prefixBits: 128, behavior, target, ifindex: this.#ifindex }
  }

  get whyNoSid(): string | null {
    return this.isOpen ? null : 'there is no VRF device'
  }

  get sessionDomain(): string {
    return this.#request.device
  }

  get listenDevices(): string[] {
    return this.isOpen ? [this.device] : []
  }

  deviceTowards(): string {
    return this.device
  }

  /** The rule of VRF devices goes on to the main table where theirs says `throw`. */
  readonly homeIfindex = 0

  deviceBy(ifindex: number): string | undefined {
    return this.holds(ifindex) ? this.device : undefined
  }

  bindSource(prefix: RulePrefix): void {
    this.#sources.bind(prefix, this.#request.table)
  }

  unbindSource(prefix: RulePrefix, closed: boolean): void {
    this.#sources.unbind(prefix, this.#request.table, closed)
  }

  whyUnbound(prefix: RulePrefix): string | null {
    return this.#sources.whyNot(prefix)
  }

  /** A device that others made stays, with the interfaces in it. */
  async remove(): Promise<boolean> {
    if (!this.#created) return !this.isOpen
    return removeDevice(this.#kernel, this.device, this.#request.log)
  }
}
