/** What NexthopTable knows of one object of the kernel: a leaf (one way out) or a group of leaves. */
import { createHash } from 'node:crypto'
import type { Id } from '../base/id.ts'
import { kernelHeadroom } from './encap-overhead.ts'
import type { NexthopContent, NexthopGroup, NexthopMember } from './kernel.ts'
import type { NexthopColumns, NexthopState } from './nexthop-columns.ts'
import { NEXTHOP_GROUP_ID_BASE, NEXTHOP_GROUP_ID_COUNT } from './rtnetlink-constants.ts'

export type NexthopRow = Id<'nexthop'>

export class NexthopEntry {
  readonly #columns: NexthopColumns
  #state: NexthopState = 'pending'
  #id = 0
  /** Its row may be another's already: what was under way when it went must not write there. */
  #forgotten = false
  readonly row: NexthopRow
  /** Absent for a second object of the same content, found at the start: nobody new gets it. */
  readonly key: string | undefined
  /** Of a leaf. */
  readonly content: NexthopContent
  /** Why it is not in the kernel, or not as it should be. */
  errno = 0
  /** The errno last logged: the same again is no news. */
  refusal = 0
  /** Of a leaf: the largest packet that goes into it whole, 0: as its device says. */
  mtu = 0
  /** Of a leaf: false from when its next hop is lost until it is found again. */
  reachable = true
  /** The groups that a leaf is in, as active or backup. */
  readonly groups = new Set<NexthopEntry>()
  group: Group | null

  constructor(
    columns: NexthopColumns,
    key: string | undefined,
    content: NexthopContent,
    group: Group | null,
  ) {
    this.#columns = columns
    this.row = columns.take()
    this.key = key
    this.content = content
    this.group = group
  }

  get refs(): number {
    return this.#columns.refsOf(this.row)
  }

  get state(): NexthopState {
    return this.#state
  }

  set state(state: NexthopState) {
    this.#state = state
    if (!this.#forgotten) this.#columns.setState(this.row, state)
  }

  /** Kernel id, 0 until there is one. */
  get id(): number {
    return this.#id
  }

  set id(id: number) {
    this.#id = id
    if (!this.#forgotten) this.#columns.setId(this.row, id)
  }

  /** To be called when its MTU, one of its leaves or one of their MTUs is another. */
  remeasure(): void {
    this.#columns.setMtus(this.row, wholeMtu(this), routeMtu(this))
  }

  /** Gives its row back. */
  forget(): void {
    this.state = 'pending'
    this.#forgotten = true
    this.#columns.give(this.row)
  }
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

/** RTAX_MTU of routes through it: the kernel takes the encapsulation off again (0: none). */
function routeMtu({ group, mtu, content }: NexthopEntry): number {
  if (group !== null) return leavesOf(group).map(routeMtu).reduce(smaller, 0)
  return mtu === 0 ? 0 : mtu + kernelHeadroom(content.segments?.length ?? 0)
}

/** The largest packet that goes in whole, whichever leaf it takes; 0: as the devices say. */
function wholeMtu({ group, mtu }: NexthopEntry): number {
  return group === null ? mtu : leavesOf(group).map(wholeMtu).reduce(smaller, 0)
}

/** 0 is no limit. */
function smaller(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b)
}

export function isGroup(nexthop: object): nexthop is NexthopGroup {
  return 'members' in nexthop
}
