import { hexOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { Behavior } from '../wire/endpoint-behavior.ts'
import type { VrfPlane, VrfRequest } from './dataplane.ts'
import type { FibTable } from './fib-table.ts'
import { type Interfaces, isLinkLocal, networkWords } from './interfaces.ts'
import {
  type InterfaceAddress,
  type Kernel,
  type Link,
  type LocalSid,
  RouteKind,
  type RulePrefix,
} from './kernel.ts'
import type { NexthopTable } from './nexthop-table.ts'
import { prepareSidDevice } from './preflight.ts'
import { RT_TABLE_MAIN } from './rtnetlink-constants.ts'
import type { RuleTable, WantedRule } from './rule-table.ts'
import { keyOf, type SourceBindings } from './source-bindings.ts'
import { type ClusterAddresses, circuitRules, homeRules, innerRules } from './table-rules.ts'

/** 240.0.0.0/4: no host has such an address, and the kernel routes to it all the same. */
const CLASS_E = 0xf0000000
/** The next hops of all IPv4 SIDs by a table. */
export const TABLE_NEXT_HOPS: RulePrefix = { address: Uint8Array.of(240, 0, 0, 0), bits: 4 }
const LOOPBACK = 1
const NEAR_END = /^sr(\d+)$/

/** The device by which the SIDs of the VRF with the table go. */
export const nearEnd = (table: number): string => `sr${table}`

/** The table of the VRF whose SIDs go by the device. */
export function nearEndTable(device: string): number | undefined {
  const table = NEAR_END.exec(device)?.[1]
  return table === undefined ? undefined : Number(table)
}

export async function removePair(kernel: Kernel, device: string, log: Logger): Promise<boolean> {
  try {
    await kernel.removeLink(device)
    return true
  } catch (error) {
    log.error({ err: error, device }, 'veth pair not removed')
    return false
  }
}

/** The end that packets of its SIDs come out of. */
export const farEnd = (device: string): string => `${device}in`

/** What the VRFs of the table data plane share. */
export interface TablePorts {
  readonly kernel: Kernel
  readonly fib: FibTable
  readonly nexthops: NexthopTable
  readonly rules: RuleTable
  readonly cluster: ClusterAddresses
  readonly clock: Clock
  /** 16 octets: where this router's SRv6 packets come from. */
  readonly source: Uint8Array
  readonly log: Logger
}

/** A VRF that is a routing table, with rules for its circuits and a veth pair for its IPv4 SID. */
export class TableVrf implements VrfPlane {
  readonly circuits: { name: string; attached: boolean; why: string | null }[]
  readonly problems: string[] = []
  readonly device: string
  readonly #far: string
  readonly #ports: TablePorts
  readonly #sources: SourceBindings
  readonly #request: VrfRequest
  #known: Interfaces | null = null
  #ifindex = 0
  #circuitIndexes = new Set<number>()
  /** Own addresses in the table, by their octets in hex. */
  #local = new Map<string, Int32Array>()
  /** The route to the next hop of the IPv4 SID. */
  #entry: Int32Array | null = null

  constructor(ports: TablePorts, sources: SourceBindings, request: VrfRequest) {
    this.#ports = ports
    this.#sources = sources
    this.#request = request
    this.device = nearEnd(request.table)
    this.#far = farEnd(this.device)
    this.circuits = request.interfaces.map((name) => ({ name, attached: false, why: null }))
    this.#setRules()
  }

  /** By name and at once: a circuit that comes later finds its way closed to all other tables. */
  #setRules(): void {
    const { rules, source } = this.#ports
    const { name, table, interfaces } = this.#request
    rules.set(`vrf ${name}`, [
      ...interfaces.flatMap((each) => circuitRules(each, table, source)),
      ...innerRules(this.#far, table),
    ])
  }

  get table(): number {
    return this.#request.table
  }

  get ifindex(): number {
    return this.#ifindex
  }

  get isOpen(): boolean {
    return this.#ifindex !== 0
  }

  get sessionDomain(): string {
    return this.#request.name
  }

  async open(): Promise<void> {
    const { log, table } = this.#request
    try {
      const { ifindex, created } = await this.#ports.kernel.ensurePair(this.device, this.#far)
      this.#ifindex = ifindex
      const device = this.device
      log.info({ device, table }, created ? 'veth pair of the vrf created' : 'veth pair adopted')
      this.problems.length = 0
    } catch (error) {
      this.#ifindex = 0
      const text = `device ${this.device}: ${(error as Error).message}`
      if (this.problems.includes(text)) return
      this.problems.push(text)
      log.error({}, text)
    }
  }

  async prepare(): Promise<void> {
    if (!this.isOpen) return
    this.problems.push(...(await prepareSidDevice(this.#ports.kernel, this.device)))
    this.#enter()
  }

  /** The next hop of the IPv4 SID: an address of this pair alone, as its number is in it. */
  get #entryWord(): number {
    return (CLASS_E + this.#ifindex) | 0
  }

  #enter(): void {
    const { fib, nexthops } = this.#ports
    if (this.#entry !== null) fib.unwant(RT_TABLE_MAIN, 4, this.#entry, 0, 32)
    this.#entry = Int32Array.of(this.#entryWord)
    const row = nexthops.acquire({ ifindex: this.#ifindex })
    fib.want(RT_TABLE_MAIN, 4, this.#entry, 0, 32, RouteKind.UNICAST, row)
    nexthops.release(row)
  }

  async attach(known: Interfaces): Promise<boolean> {
    this.#known = known
    this.#circuitIndexes = new Set()
    for (const row of this.circuits) {
      const link = known.link(row.name)
      const master = link?.master ? (known.byIndex(link.master)?.name ?? `${link.master}`) : ''
      row.attached = link !== undefined && master === ''
      if (row.attached) this.#circuitIndexes.add(link!.ifindex)
      const why = link === undefined ? 'no such interface' : `it belongs to ${master} already`
      row.why = row.attached ? null : why
    }
    this.#syncLocal(known.addresses)
    if (known.link(this.device)?.ifindex === this.#ifindex && known.link(this.#far)) return false
    await this.open()
    await this.prepare()
    return this.isOpen
  }

  /** Whether packets of the VRF come in by the link: a circuit, or the pair's far end. */
  enters({ ifindex, name }: Link): boolean {
    return this.holds(ifindex) || name === this.#far
  }

  holds(ifindex: number): boolean {
    return this.#circuitIndexes.has(ifindex)
  }

  /** The router's own addresses on the circuits, in the VRF's table: packets for them end here. */
  #syncLocal(addresses: readonly InterfaceAddress[]): void {
    const { fib, nexthops } = this.#ports
    const before = this.#local
    this.#local = new Map()
    // An object of their own: the kernel takes for local all that goes by one with local routes.
    const row = nexthops.acquire({ ifindex: LOOPBACK })
    for (const { ifindex, address } of addresses) {
      if (!this.holds(ifindex) || isLinkLocal(address)) continue
      const words = networkWords(address, address.length * 8)
      this.#local.set(hexOf(address), words)
      fib.want(this.table, familyOf(words), words, 0, words.length * 32, RouteKind.LOCAL, row)
    }
    nexthops.release(row)
    for (const [key, words] of before) {
      if (!this.#local.has(key))
        fib.unwant(this.table, familyOf(words), words, 0, words.length * 32)
    }
  }

  localSid(sid: Uint8Array, behavior: number, nextHop?: Uint8Array): LocalSid {
    const base = { sid, prefixBits: 128, ifindex: this.#ifindex }
    if (nextHop) return { ...base, behavior, target: { kind: 'next-hop', address: nextHop } }
    const isIpv4 = behavior === Behavior.END_DT4 || behavior === Behavior.END_DT4_NEXT_CSID
    if (!isIpv4) return { ...base, behavior, target: { kind: 'table', table: this.table } }
    const address = new Uint8Array(4)
    new DataView(address.buffer).setInt32(0, this.#entryWord)
    return { ...base, behavior: Behavior.END_DX4, target: { kind: 'next-hop', address } }
  }

  get whyNoSid(): string | null {
    return this.isOpen ? null : `there is no device ${this.device}`
  }

  get listenDevices(): string[] {
    return this.circuits.filter((row) => row.attached).map((row) => row.name)
  }

  deviceTowards(address: Uint8Array): string {
    const { name } = this.#request
    const ifindex = this.#known?.towards(address, (index) => this.holds(index)) ?? 0
    const towards = this.#known?.byIndex(ifindex)?.name
    const devices = this.listenDevices
    if (towards !== undefined) return towards
    if (devices.length === 1) return devices[0]!
    throw new Error(
      devices.length === 0
        ? `no interface of VRF ${name} is there`
        : `on none of the networks of VRF ${name}`,
    )
  }

  deviceBy(ifindex: number): string | undefined {
    return this.holds(ifindex) ? this.#known?.byIndex(ifindex)?.name : undefined
  }

  /** Whatever enters the pair comes out at the other end, where the rules are. */
  get homeIfindex(): number {
    return this.#ifindex
  }

  bindSource(prefix: RulePrefix): void {
    this.#sources.bind(prefix, this.table)
    this.#setHome(prefix, homeRules(this.#far, prefix))
  }

  unbindSource(prefix: RulePrefix, closed: boolean): void {
    this.#sources.unbind(prefix, this.table, closed)
    this.#setHome(prefix, [])
  }

  whyUnbound(prefix: RulePrefix): string | null {
    return this.#sources.whyNot(prefix) ?? this.#ports.rules.whyNot(this.#homeOwner(prefix))
  }

  #setHome(prefix: RulePrefix, rules: readonly WantedRule[]): void {
    this.#ports.rules.set(this.#homeOwner(prefix), rules)
  }

  #homeOwner(prefix: RulePrefix): string {
    return `home ${keyOf(prefix)} of ${this.#request.name}`
  }

  /** What leads to the table are rules, and those are the data plane's to remove. */
  async remove(): Promise<boolean> {
    await removePair(this.#ports.kernel, this.device, this.#request.log)
    return true
  }
}

function familyOf(words: Int32Array): 4 | 6 {
  return words.length === 1 ? 4 : 6
}
