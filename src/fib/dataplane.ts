/**
 * What an L3VPN needs of the kernel, a port: what a VRF is there, which interfaces are its, what its
 * SIDs do, where a CE's session leaves. Behind it one file a way: dataplane-vrf.ts (VRF devices),
 * dataplane-table.ts (ip rules), dataplane-cilium.ts (Cilium's eBPF maps). Routes and nexthop objects
 * are the same for the first two.
 */
import type { Logger } from '../base/logger.ts'
import type { Interfaces } from './interfaces.ts'
import type { InterfaceAddress, LocalSid, RulePrefix } from './kernel.ts'

/** A VRF as it is asked for. */
export interface VrfRequest {
  readonly name: string
  /** Kernel routing table. */
  readonly table: number
  /** Name of the VRF device, where there is one. */
  readonly device: string
  /** Attachment circuits (RFC 4364 §1.2). */
  readonly interfaces: readonly string[]
  /** It has SIDs that lead straight to a gateway. */
  readonly straight: boolean
  readonly log: Logger
}

/** An interface towards a customer. */
export interface Circuit {
  readonly name: string
  /** What comes in there is the VRF's. */
  readonly attached: boolean
  /** Why it is not. */
  readonly why: string | null
}

/** One VRF in the kernel. */
export interface VrfPlane {
  readonly circuits: readonly Circuit[]
  /** For the operator: what could not be done. */
  readonly problems: readonly string[]
  /** The device that its SIDs go by, and its interface index; 0: there is none. */
  readonly device: string
  readonly ifindex: number
  /** Nothing of the VRF may be put into the kernel before it is. */
  readonly isOpen: boolean
  /** Makes what the VRF consists of, or adopts it as it is. */
  open(): Promise<void>
  /** Settings that what `open` made needs. */
  prepare(): Promise<void>
  /**
   * Makes again what others took away and takes in the circuits that are there and not in, with the
   * addresses that the kernel `dropped` when they were taken out; true when the kernel has to be
   * read again. Another `ifindex` afterwards is another device.
   */
  attach(known: Interfaces, dropped: readonly InterfaceAddress[]): Promise<boolean>
  /** Whether the interface is the VRF's: its networks are the VRF's networks. */
  holds(ifindex: number): boolean
  /** A SID of this VRF as the kernel is given it; `nextHop`: what End.DX4 or End.DX6 leads to. */
  localSid(sid: Uint8Array, behavior: number, nextHop?: Uint8Array): LocalSid
  /** Why `localSid` leads nowhere, null when it does. */
  readonly whyNoSid: string | null
  /** What tells the VRF's sessions from those of others with the same addresses. */
  readonly sessionDomain: string
  /** Devices to listen on for the VRF's neighbours. */
  readonly listenDevices: readonly string[]
  /** Device that a session with a neighbour is bound to; throws in plain words when there is none. */
  deviceTowards(address: Uint8Array): string
  /** The same for what leaves by an interface of the VRF; undefined: it is none of its. */
  deviceBy(ifindex: number): string | undefined
  /** Device by which the VRF reaches prefixes of this node; 0: its table says `throw`. */
  readonly homeIfindex: number
  /** Makes what comes from a prefix the VRF's, wherever it comes in; throws where it is another's. */
  bindSource(prefix: RulePrefix): void
  /** `closed`: nothing may come from the prefix until it is bound or unbound again. */
  unbindSource(prefix: RulePrefix, closed: boolean): void
  /** Why what comes from a bound prefix is not the VRF's, or not all of it; null when it is. */
  whyUnbound(prefix: RulePrefix): string | null
  /** Takes what `open` made out of the kernel again; true: nothing looks into its table then. */
  remove(): Promise<boolean>
}

/** A SID that a former run left: whose it was, and what it was announced as. */
export interface RecoveredSid {
  readonly sid: Uint8Array
  readonly table: number
  readonly behavior: number
}

export interface Dataplane {
  readonly mode: 'vrf' | 'table' | 'cilium'
  /** In words: why it is this one. */
  readonly why: string
  /** One SID for both families (End.DT46). */
  readonly hasDt46: boolean
  /** The VRF's connected networks are put into its table by us, not by the kernel. */
  readonly installsConnected: boolean
  /** The kernel does not keep apart by itself sockets of VRFs that listen on the same port. */
  readonly sharesPorts: boolean
  readonly problems: readonly string[]
  /** Once for each VRF, before anything else. */
  addVrf(request: VrfRequest): VrfPlane
  recover(sids: readonly LocalSid[]): Promise<RecoveredSid[]>
  /** Settings of the whole network namespace, once the VRFs are open; a sentence for each that failed. */
  prepare(): Promise<string[]>
  /** Brings the kernel to what the VRFs want since they were attached and sources bound. */
  settle(known: Interfaces): Promise<void>
  /** Brings the kernel to what sources were bound and unbound since, and no more. */
  settleSources(): Promise<void>
  /** Every source is bound that will be: bindings of a former run go. */
  sweep(): Promise<void>
  /**
   * Removes what a former run made of VRFs that are no more, once their SIDs are gone; true: nothing
   * looks into their tables then.
   */
  removeFormer(): Promise<boolean>
  /** Asks for nothing again by itself from here on. */
  stop(): void
  /** Takes out what is no VRF's own. */
  remove(): Promise<void>
}
