/**
 * What an L3VPN needs of the kernel, a port: what a VRF is there, which interfaces are its, what its
 * SIDs do, where a CE's session leaves. Behind it one file a way: dataplane-vrf.ts (VRF devices).
 * Routes and nexthop objects are the same for all ways and no concern of it.
 */
import type { Logger } from '../base/logger.ts'
import type { Interfaces } from './interfaces.ts'
import type { InterfaceAddress, LocalSid } from './kernel.ts'

/** A VRF as it is asked for. */
export interface VrfRequest {
  readonly name: string
  /** Kernel routing table. */
  readonly table: number
  /** Name of the VRF device, where there is one. */
  readonly device: string
  /** Attachment circuits (RFC 4364 §1.2). */
  readonly interfaces: readonly string[]
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
  /** Interface index of the VRF's device; 0: it has none. */
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
  /** Devices to listen on for the VRF's neighbours. */
  readonly listenDevices: readonly string[]
  /** Device that a session with a neighbour is bound to. */
  deviceTowards(address: Uint8Array): string | undefined
  /** Takes what `open` made out of the kernel again. */
  remove(): Promise<void>
}

export interface Dataplane {
  readonly mode: 'vrf'
  /** Once for each VRF, before anything else. */
  addVrf(request: VrfRequest): VrfPlane
  /** Settings of the whole network namespace, once the VRFs are open; a sentence for each that failed. */
  prepare(): Promise<string[]>
}
