/** The data plane over VRF devices: End.DT46, End.DT4 and End.DT6 by `vrftable`. */
import type { Logger } from '../base/logger.ts'
import type { Dataplane, RecoveredSid, VrfPlane, VrfRequest } from './dataplane.ts'
import { ALIASES } from './gateway-aliases.ts'
import type { Interfaces } from './interfaces.ts'
import type { InterfaceAddress, Kernel, Link, LocalSid, RulePrefix, SidTarget } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import { coreLinks, OpenIngress, sidIngress } from './open-ingress.ts'
import { prepareNamespace, prepareVrfDevice } from './preflight.ts'
import type { RuleTable } from './rule-table.ts'
import { SourceBindings } from './source-bindings.ts'
import { type ClusterAddresses, sidRules } from './table-rules.ts'

export class VrfDataplane implements Dataplane {
  readonly mode = 'vrf'
  readonly why: string
  readonly hasDt46 = true
  readonly installsConnected = false
  readonly sharesPorts = false
  readonly #kernel: Kernel
  readonly #rules: RuleTable
  readonly #sources: SourceBindings
  readonly #ingress: OpenIngress
  /** SIDs of some VRF lead straight to gateways: packets of theirs never see the VRF's device. */
  #hasStraight = false

  constructor(
    ports: { kernel: Kernel; rules: RuleTable; cluster: ClusterAddresses; log: Logger },
    why: string,
  ) {
    this.why = why
    this.#kernel = ports.kernel
    this.#rules = ports.rules
    this.#ingress = new OpenIngress(ports)
    this.#sources = new SourceBindings(ports.rules, ports.cluster)
  }

  get problems(): string[] {
    return [...this.#ingress.problems, ...this.#rules.problems]
  }

  addVrf(request: VrfRequest): VrfPlane {
    this.#hasStraight ||= request.straight
    return new DeviceVrf(this.#kernel, this.#sources, request)
  }

  async recover(sids: readonly LocalSid[]): Promise<RecoveredSid[]> {
    return sids.flatMap(({ sid, behavior, target }) =>
      target.kind === 'vrftable' ? [{ sid, behavior, table: target.table }] : [],
    )
  }

  prepare(): Promise<string[]> {
    return prepareNamespace(this.#kernel)
  }

  async settle(known: Interfaces): Promise<void> {
    if (this.#hasStraight) {
      await this.#ingress.open(coreLinks(known))
      this.#sources.setSidRules(sidRules(sidIngress(known), ALIASES))
    }
    await this.#rules.flush()
  }

  settleSources(): Promise<void> {
    return this.#rules.flushChanges()
  }

  sweep(): Promise<void> {
    this.#rules.sweep()
    return this.#rules.flush()
  }

  stop(): void {
    this.#rules.stop()
  }

  async remove(): Promise<void> {
    this.#rules.clear()
    await this.#rules.flush()
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
class DeviceVrf implements VrfPlane {
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

  get device(): string {
    return this.#request.device
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
    return this.isOpen ? [this.#request.device] : []
  }

  deviceTowards(): string {
    return this.#request.device
  }

  /** The rule of VRF devices goes on to the main table where theirs says `throw`. */
  readonly homeIfindex = 0

  deviceBy(ifindex: number): string | undefined {
    return this.holds(ifindex) ? this.#request.device : undefined
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
