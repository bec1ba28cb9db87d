import type { Capabilities } from '../../src/wire/capability.ts'

/** A captured OPEN and what it says. */
export interface OpenVector {
  name: string
  bytes: Uint8Array
  open: { version: number; as: number; holdTime: number; routerId: number }
  /** Capability codes in the order they stand. */
  codes: number[]
  capabilities: Capabilities
}
