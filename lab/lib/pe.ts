/** What the scenarios ask of a PE, whichever program plays it. */
import type { Side } from './network.ts'

export type SidMode = 'per-vrf' | 'per-family' | 'per-ce' | 'per-prefix'

export interface PeOptions {
  side: Side
  as: number
  peerAs: number
  sid: SidMode
  usid: boolean
}

export interface VpnPrefix {
  rd: string
  prefix: string
}

export interface Pe {
  readonly side: Side
  /** 'srv6d', 'FRR 10.7.1'. */
  readonly program: string
  /** The protocol name or number `ip route` shows for its routes. */
  readonly protocol: string
  start(): Promise<void>
  /** An orderly end. */
  stop(): Promise<void>
  /** SIGKILL to what holds the BGP session. */
  kill(): Promise<void>
  /** Undefined once the session to the other PE is up; else what it is. */
  session(): Promise<string | undefined>
  /** Undefined if each of these VPN routes has a path that is valid and best; else what is there. */
  vpnRoutes(family: 4 | 6, wanted: VpnPrefix[]): Promise<string | undefined>
  /** Ends of its logs, for a failure. */
  logs(): Map<string, string>
}

export const rdOf = (side: Side, table: number): string => `65000:${side}${table}`

export function tail(text: string, lines = 40): string {
  const last = text.trimEnd().split('\n').slice(-lines)
  return last.map((l) => (l.length > 600 ? `${l.slice(0, 600)}…` : l)).join('\n')
}
