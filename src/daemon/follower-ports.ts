import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Interfaces } from '../fib/interfaces.ts'
import type { Kernel } from '../fib/kernel.ts'
import type { KernelTables } from '../fib/reconcile.ts'
import type { VrfInstance } from './vrf-instance.ts'

/** What KernelFollower watches, keeps true and tells. */
export interface FollowerPorts {
  kernel: Kernel
  clock: Clock
  log: Logger
  interfaces: Interfaces
  vrfs: readonly VrfInstance[]
  /** Brings the rest of the data plane (rules) to what the VRFs are now. */
  settle: () => Promise<void>
  tables: () => KernelTables
  /** An IPv6 route of others came or went: told at once. */
  onRoute: (prefix: Int32Array, bits: number) => void
  /** Interfaces, addresses or routes of others changed; `links`: not routes alone. */
  onLooked: (links: boolean) => void
  /** A VRF has another device than before, or none. */
  onDeviceChanged: (vrf: VrfInstance) => Promise<void>
}
