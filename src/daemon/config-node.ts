/**
 * The part of srv6d.yaml for a node of a cluster: the BGP speakers that run beside srv6d, and which
 * of their prefixes are in which VRF. Shapes, and what config-build.ts makes of them.
 */
import * as z from 'zod'
import { putU16, putU32 } from '../base/bytes.ts'
import { parseAddress } from '../wire/address.ts'
import { Family } from '../wire/registry.ts'
import type { IpAddress, IpPrefix, NeighborConfig, Tag } from './config-schema.ts'
import {
  asNumber,
  boolean,
  choice,
  entryName,
  familyName,
  holdTime,
  neighborAddress,
  password,
  prefix,
  stringLeaf,
  wholeNumber,
} from './config-values.ts'

/** Where Cilium's agent is told to dial: 179 may be another daemon's. */
export const SPEAKER_PORT = 1790
const LOOPBACKS = ['127.0.0.1', '::1']

/** RFC 1997 as AS:number, RFC 8092 as AS:number:number. */
export const community = stringLeaf(
  'a community such as 65000:100 or 65000:1:100',
  (found): Tag | undefined => {
    const parts = found.split(':')
    const limit = parts.length === 2 ? 0xffff : 0xffffffff
    const numbers = parts.map((part) => (/^\d{1,10}$/.test(part) ? Number(part) : Number.NaN))
    if (parts.length < 2 || parts.length > 3) return undefined
    if (!numbers.every((number) => number <= limit)) return undefined
    const bytes = new Uint8Array(parts.length === 2 ? 4 : 12)
    for (const [k, number] of numbers.entries()) {
      if (parts.length === 2) putU16(bytes, k * 2, number)
      else putU32(bytes, k * 4, number)
    }
    return { text: found, bytes }
  },
)

export const Speaker = z.strictObject({
  as: asNumber,
  addresses: z.array(neighborAddress).min(1, { error: 'expected at least one address' }).optional(),
  port: wholeNumber(1, 65535).default(SPEAKER_PORT),
  families: z
    .array(familyName('ipv4-unicast', 'ipv6-unicast'))
    .default([Family.IPV4_UNICAST, Family.IPV6_UNICAST]),
  'hold-time': holdTime.default(90),
  password: password.optional(),
  'max-prefix': wholeNumber(1, 4294967295).default(100_000),
  announce: boolean.default(false),
  shutdown: boolean.default(false),
})

/** `any`: whatever is in no pool of another VRF. */
const Pools = z.union(
  [choice('any'), z.array(prefix).min(1, { error: 'expected at least one prefix, or any' })],
  { error: 'expected a list of prefixes, or any' },
)

export const Network = z.strictObject({
  from: entryName,
  community,
  pools: Pools,
})

/** One BGP speaker on this node, a neighbour at each of its addresses. */
export interface SpeakerConfig {
  name: string
  neighbors: NeighborConfig[]
  /** Port that we listen on. */
  port: number
  /** It is told what the other speakers of this node announce. */
  announce: boolean
}

export interface NetworkConfig {
  /** Name of a speaker. */
  from: string
  community: Tag
  /** Null: any. */
  pools: IpPrefix[] | null
}

export function buildSpeaker(name: string, entry: z.output<typeof Speaker>): SpeakerConfig {
  const addresses = entry.addresses ?? LOOPBACKS.map(addressOf)
  return {
    name,
    port: entry.port,
    announce: entry.announce,
    neighbors: addresses.map((address) => ({
      vrf: null,
      speaker: name,
      address,
      as: entry.as,
      families: entry.families,
      updateSource: null,
      port: entry.port,
      passive: true,
      holdTime: entry['hold-time'],
      connectRetry: 5,
      ebgpMultihop: null,
      password: entry.password ?? null,
      description: `speaker ${name}`,
      shutdown: entry.shutdown,
      allowasIn: 0,
      asOverride: false,
      maxPrefix: entry['max-prefix'],
      longLivedStale: 'withhold' as const,
      sidTransposition: 'transposed' as const,
    })),
  }
}

export function buildNetwork({ from, community, pools }: z.output<typeof Network>): NetworkConfig {
  return { from, community, pools: pools === 'any' ? null : pools }
}

function addressOf(text: string): IpAddress {
  const bytes = parseAddress(text)
  return { text, family: bytes.length === 4 ? 4 : 6, bytes }
}
