/** What NexthopTable knows of one object of the kernel: a leaf (one way out) or a group of leaves. */
import { createHash } from 'node:crypto'
import type { Id } from '../base/id.ts'
import { kernelHeadroom } from './encap-overhead.ts'
import type { NexthopContent, NexthopGroup, NexthopMember } from './kernel.ts'
import { NEXTHOP_GROUP_ID_BASE, NEXTHOP_GROUP_ID_COUNT } from './rtnetlink-constants.ts'

export type NexthopRow = Id<'nexthop'>
export type NexthopState = 'pending' | 'installed' | 'failed'

export interface NexthopEntry {
  readonly row: NexthopRow
  /** Absent for a second object of the same content, found at the start: nobody new gets it. */
  readonly key: string | undefined
  /** Of a leaf. */
  readonly content: NexthopContent
  refs: number
  state: NexthopState
  /** Kernel id, 0 until there is one. */
  id: number
  /** Why it is not in the kernel, or not as it should be. */
  errno: number
  /** The errno last logged: the same again is no news. */
  refusal: number
  /** Of a leaf: the largest packet that goes into it whole, 0: as its device says. */
  mtu: number
  /** Of a leaf: false from when its next hop is lost until it is found again. */
  reachable: boolean
  /** The groups that a leaf is in, as active or backup. */
  readonly groups: Set<NexthopEntry>
  group: Group | null
}

export interface WeightedLeaf {
  readonly leaf: NexthopEntry
  readonly weight: number
}

export interface Group {
  /** Number of its choice, 0: found at the start and not asked for yet. */
  choice: number
  active: readonly WeightedLeaf[]
  /** Takes over when no active leaf can be used. */
  backup: NexthopEntry | null
  /** What the kernel has. */
  written: readonly NexthopMember[]
  /** A replacement is under way. */
  writing: boolean
}

export const NO_CONTENT: NexthopContent = { ifindex: 0 }

export function keyOf(content: NexthopContent): string {
  const segments = content.segments ?? []
  const mode = segments.length > 0 ? (content.mode ?? 'encap.red') : ''
  const gateway = content.gateway ? Buffer.from(content.gateway).toString('hex') : ''
  const sids = segments.map((segment) => Buffer.from(segment).toString('hex')).join(',')
  return `${content.ifindex} ${gateway} ${content.onlink ? 'onlink' : ''} ${mode} ${sids}`
}

export function leavesOf({ active, backup }: Group): NexthopEntry[] {
  const leaves = active.map(({ leaf }) => leaf)
  return backup === null ? leaves : [...leaves, backup]
}

/**
 * The leaves that carry the traffic now: the active ones that can be used, else the backup. Null
 * when none can: who is lost altogether stays as it was until the tables decide.
 */
export function membersNow({ active, backup }: Group): NexthopMember[] | null {
  const usable = ({ leaf }: WeightedLeaf) => leaf.reachable && leaf.state === 'installed'
  const members = active.filter(usable).map(({ leaf, weight }) => ({ id: leaf.id, weight }))
  if (members.length > 0) return members
  if (backup === null || !usable({ leaf: backup, weight: 1 })) return null
  return [{ id: backup.id, weight: 1 }]
}

export function sameMembers(a: readonly NexthopMember[], b: readonly NexthopMember[]): boolean {
  if (a.length !== b.length) return false
  return a.every(({ id, weight }) => b.some((other) => other.id === id && other.weight === weight))
}

/**
 * Where in the range of group ids this choice is looked for first: a restart finds the group of the
 * same leaves and backup again, though the kernel keeps no note of the backup.
 */
export function groupIdSeed({ active, backup }: Group): number {
  const leaves = active.map(({ leaf, weight }) => `${keyOf(leaf.content)} *${weight}`).sort()
  const text = [...leaves, backup === null ? '' : keyOf(backup.content)].join('|')
  return createHash('sha256').update(text).digest().readUInt32BE(0) % NEXTHOP_GROUP_ID_COUNT
}

export function groupId(seed: number, probe: number): number {
  return NEXTHOP_GROUP_ID_BASE + ((seed + probe) % NEXTHOP_GROUP_ID_COUNT)
}

/** HOT: RTAX_MTU of routes through it: the kernel takes the encapsulation off again (0: none). */
export function routeMtu(entry: NexthopEntry): number {
  if (entry.group === null) {
    return entry.mtu === 0 ? 0 : entry.mtu + kernelHeadroom(entry.content.segments?.length ?? 0)
  }
  const { active, backup } = entry.group
  let mtu = backup === null ? 0 : routeMtu(backup)
  for (let k = 0; k < active.length; k++) mtu = smaller(mtu, routeMtu(active[k]!.leaf))
  return mtu
}

/** HOT: the largest packet that goes in whole, whichever leaf it takes; 0: as the devices say. */
export function wholeMtu(entry: NexthopEntry): number {
  if (entry.group === null) return entry.mtu
  const { active, backup } = entry.group
  let mtu = backup === null ? 0 : backup.mtu
  for (let k = 0; k < active.length; k++) mtu = smaller(mtu, active[k]!.leaf.mtu)
  return mtu
}

/** 0 is no limit. */
function smaller(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b)
}

export function isGroup(nexthop: object): nexthop is NexthopGroup {
  return 'members' in nexthop
}
