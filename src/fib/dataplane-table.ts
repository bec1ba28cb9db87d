/**
 * The data plane without VRF devices: a routing table a VRF, and ip rules that keep circuits to it
 * (table-rules.ts). IPv6 of a SID is looked up in the table by the kernel (End.DT6 `table`). For
 * IPv4 it has End.DX4 only: its next hop leads into a pair of veth devices, and what comes out at
 * the other end is looked up in the VRF's table like any circuit's. To others this is End.DT4.
 */
import { Behavior } from '../wire/endpoint-behavior.ts'
import type { Dataplane, RecoveredSid, VrfPlane, VrfRequest } from './dataplane.ts'
import {
  farEnd,
  nearEndTable,
  removePair,
  TABLE_NEXT_HOPS,
  type TablePorts,
  TableVrf,
} from './dataplane-table-vrf.ts'
import { ALIASES } from './gateway-aliases.ts'
import type { Interfaces } from './interfaces.ts'
import type { Link, LocalSid } from './kernel.ts'
import { coreLinks, OpenIngress, sidIngress } from './open-ingress.ts'
import { prepareNamespace } from './preflight.ts'
import { SourceBindings } from './source-bindings.ts'
import { innerRules, localRules, ownRules, sidRules } from './table-rules.ts'

export class TableDataplane implements Dataplane {
  readonly mode = 'table'
  readonly why: string
  readonly hasDt46 = false
  readonly installsConnected = true
  readonly sharesPorts = true
  readonly #ports: TablePorts
  readonly #sources: SourceBindings
  readonly #vrfs: TableVrf[] = []
  readonly #ingress: OpenIngress
  /** Tables of a former run's SIDs. */
  #recovered: ReadonlySet<number> = new Set()
  /** Some SIDs lead straight to gateways. */
  #hasStraight = false

  constructor(ports: TablePorts, why: string) {
    this.why = why
    this.#ports = ports
    this.#ingress = new OpenIngress(ports)
    this.#sources = new SourceBindings(ports.rules, ports.cluster)
  }

  get problems(): string[] {
    return [...this.#ingress.problems, ...this.#ports.rules.problems]
  }

  addVrf(request: VrfRequest): VrfPlane {
    this.#hasStraight ||= request.straight
    const vrf = new TableVrf(this.#ports, this.#sources, request)
    this.#vrfs.push(vrf)
    return vrf
  }

  async recover(sids: readonly LocalSid[]): Promise<RecoveredSid[]> {
    const tables = new Map<number, number>()
    for (const { ifindex, name } of await this.#ports.kernel.links()) {
      const table = nearEndTable(name)
      if (table !== undefined) tables.set(ifindex, table)
    }
    const recovered = sids.flatMap(({ sid, behavior, target, ifindex }) => {
      if (target.kind === 'table') return [{ sid, table: target.table, behavior }]
      const table = target.kind === 'next-hop' ? tables.get(ifindex) : undefined
      return table === undefined ? [] : [{ sid, table, behavior: Behavior.END_DT4 }]
    })
    this.#recovered = new Set(recovered.map(({ table }) => table))
    return recovered
  }

  prepare(): Promise<string[]> {
    return prepareNamespace(this.#ports.kernel, false)
  }

  async settle(known: Interfaces): Promise<void> {
    const { rules } = this.#ports
    const own = [...known.links].filter((link) => this.#vrfs.some((vrf) => vrf.enters(link)))
    await this.#ingress.open([...own, ...coreLinks(known)])
    const circuits = own.map(({ name }) => name)
    const ingress = sidIngress(known).filter((name) => !circuits.includes(name))
    const aliases = this.#hasStraight ? ALIASES : []
    this.#sources.setFirst(sidRules(ingress, [TABLE_NEXT_HOPS, ...aliases]))
    rules.set('local', this.#vrfs.length > 0 ? localRules() : [])
    const tableOf = (ifindex: number) => this.#vrfs.find((vrf) => vrf.holds(ifindex))?.table ?? 0
    const former = this.#formerPairs(known.links)
    // Their SIDs work until they have drained: what these let in is to go nowhere else.
    rules.set(
      'former',
      former.flatMap(({ name, table }) => innerRules(farEnd(name), table)),
    )
    rules.set('own', ownRules(known.addresses, tableOf))
    await rules.flush()
  }

  settleSources(): Promise<void> {
    return this.#ports.rules.flushChanges()
  }

  sweep(): Promise<void> {
    this.#ports.rules.sweep()
    return this.#ports.rules.flush()
  }

  async removeFormer(): Promise<boolean> {
    const { kernel, rules, log } = this.#ports
    let all = true
    for (const { name } of this.#formerPairs(await kernel.links())) {
      if (await removePair(kernel, name, log)) {
        log.info({ device: name }, 'veth pair of a vrf that is no more removed')
      } else all = false
    }
    if (!all) return false
    this.#recovered = new Set()
    rules.set('former', [])
    await rules.flushChanges()
    return true
  }

  /** Near ends of pairs that a former run made for VRFs that are no more. */
  #formerPairs(links: Iterable<Link>): { name: string; table: number }[] {
    return [...links].flatMap(({ name, kind }) => {
      const table = kind === 'veth' ? nearEndTable(name) : undefined
      if (table === undefined || !this.#recovered.has(table)) return []
      return this.#vrfs.some((vrf) => vrf.table === table) ? [] : [{ name, table }]
    })
  }

  stop(): void {
    this.#ports.rules.stop()
  }

  async remove(): Promise<void> {
    this.#ports.rules.clear()
    await this.#ports.rules.flush()
  }
}
