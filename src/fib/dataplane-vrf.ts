/** The data plane over VRF devices: End.DT46, End.DT4 and End.DT6 by `vrftable`. */
import type { Logger } from '../base/logger.ts'
import type { Dataplane, RecoveredSid, VrfPlane, VrfRequest } from './dataplane.ts'
import { DeviceVrf, removeDevice } from './dataplane-vrf-device.ts'
import { ALIASES } from './gateway-aliases.ts'
import type { Interfaces } from './interfaces.ts'
import { type Kernel, LINK_ALIAS, type LocalSid } from './kernel.ts'
import { coreLinks, OpenIngress, sidIngress } from './open-ingress.ts'
import { prepareNamespace } from './preflight.ts'
import type { RuleTable } from './rule-table.ts'
import { SourceBindings } from './source-bindings.ts'
import { type ClusterAddresses, sidRules, thrownRules } from './table-rules.ts'

const FORMER_REMOVED = 'vrf device of a vrf that is no more removed'

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
  readonly #vrfs: DeviceVrf[] = []
  readonly #log: Logger
  /** SIDs of some VRF lead straight to gateways: packets of theirs never see the VRF's device. */
  #hasStraight = false

  constructor(
    ports: { kernel: Kernel; rules: RuleTable; cluster: ClusterAddresses; log: Logger },
    why: string,
  ) {
    this.why = why
    this.#kernel = ports.kernel
    this.#log = ports.log
    this.#rules = ports.rules
    this.#ingress = new OpenIngress(ports)
    this.#sources = new SourceBindings(ports.rules, ports.cluster)
  }

  get problems(): string[] {
    return [...this.#ingress.problems, ...this.#rules.problems]
  }

  addVrf(request: VrfRequest): VrfPlane {
    this.#hasStraight ||= request.straight
    const vrf = new DeviceVrf(this.#kernel, this.#sources, request)
    this.#vrfs.push(vrf)
    return vrf
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
    }
    const thrown = this.#vrfs.flatMap((vrf) => {
      const inside = vrf.circuits.filter(({ attached }) => attached).map(({ name }) => name)
      return thrownRules([vrf.device, ...inside])
    })
    const straight = this.#hasStraight ? sidRules(sidIngress(known), ALIASES) : []
    this.#sources.setFirst([...thrown, ...straight])
    await this.#rules.flush()
  }

  settleSources(): Promise<void> {
    return this.#rules.flushChanges()
  }

  sweep(): Promise<void> {
    this.#rules.sweep()
    return this.#rules.flush()
  }

  async removeFormer(): Promise<boolean> {
    const log = this.#log
    const former = (await this.#kernel.links()).filter(
      ({ kind, alias, ifindex, name }) =>
        kind === 'vrf' &&
        alias === LINK_ALIAS &&
        !this.#vrfs.some((vrf) => vrf.ifindex === ifindex || vrf.device === name),
    )
    let all = true
    for (const { name } of former) {
      if (await removeDevice(this.#kernel, name, log)) log.info({ device: name }, FORMER_REMOVED)
      else all = false
    }
    return all
  }

  stop(): void {
    this.#rules.stop()
  }

  async remove(): Promise<void> {
    this.#rules.clear()
    await this.#rules.flush()
  }
}
