import { NONE } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import { NextHopKind, type NextHopTable, Reach } from './next-hop.ts'
import { AttrsFlag, type AttrsTable } from './path-attrs.ts'
import { PathFlag, type PathId, PathKind, type PathTable } from './path-table.ts'
import type { PrefixId, PrefixTable } from './prefix-table.ts'
import type { RibPeers } from './rib-peer.ts'

/** Why a path is not used. Below 20: it cannot be; from 20: the decision step that it lost. */
export const Why = {
  BEST: 0,
  NEXT_HOP_PENDING: 1,
  NEXT_HOP_UNREACHABLE: 2,
  AS_LOOP: 3,
  ORIGINATOR_LOOP: 4,
  CLUSTER_LOOP: 5,
  NO_SERVICE_SID: 6,
  SID_UNUSABLE: 7,
  FIRST_AS: 8,
  OWN_NEXT_HOP: 9,
  NEXT_HOP_NOT_CONNECTED: 10,
  MARTIAN: 11,
  NOT_THIS_NODE: 16,
  SID_EXHAUSTED: 12,
  SID_PENDING: 13,
  SID_REFUSED: 14,
  SID_NONE: 15,
  DECISION: 20,
} as const

const PROBLEM_TEXT: Record<number, string> = {
  [Why.NEXT_HOP_PENDING]: 'next hop is being resolved',
  [Why.NEXT_HOP_UNREACHABLE]: 'no route to the SID',
  [Why.AS_LOOP]: 'own AS in AS_PATH',
  [Why.ORIGINATOR_LOOP]: 'ORIGINATOR_ID is this router',
  [Why.CLUSTER_LOOP]: 'own cluster in CLUSTER_LIST',
  [Why.NO_SERVICE_SID]: 'no SRv6 L3 Service TLV (an MPLS path)',
  [Why.SID_UNUSABLE]: 'no usable SID for this family in the SRv6 L3 Service TLV',
  [Why.FIRST_AS]: 'first AS in AS_PATH is not the neighbour',
  [Why.OWN_NEXT_HOP]: 'next hop is an address of this router',
  [Why.MARTIAN]: 'no router forwards this prefix: loopback, link-local or multicast',
  [Why.SID_EXHAUSTED]: 'not announced: the locator of the VRF has no free SID',
  [Why.SID_PENDING]: 'not announced yet: its SID is on its way to the kernel',
  [Why.SID_REFUSED]: 'not announced: the kernel refused its SID',
  [Why.SID_NONE]: 'not announced: the data plane has no SID for this family',
  [Why.NOT_THIS_NODE]: 'next hop is not this node, though the neighbor is',
  [Why.NEXT_HOP_NOT_CONNECTED]: 'next hop is on no connected network of the VRF',
}

/** One step of the decision: the path with the lowest value stays. */
interface Step {
  readonly step: number
  /** What the loser has: the reason that `show` gives. */
  readonly name: string
  readonly rfc: string
  readonly value: ((d: Decision, path: PathId) => number) | null
}

// biome-ignore format: one row a step
export const DECISION_STEPS: readonly Step[] = [
  { step: 0,  name: 'long-lived stale, the other is not', rfc: 'RFC 9494 §4.4',    value: (d, p) => d.attrs.flagsOf(d.paths.attrsOf(p)) & AttrsFlag.LLGR_STALE },
  { step: 1,  name: 'connected or static is preferred', rfc: 'local: as the kernel',  value: (d, p) => Math.min(d.paths.kindOf(p), PathKind.EXPORTED) },
  { step: 2,  name: 'lower LOCAL_PREF',              rfc: 'RFC 4271 §9.1.1',       value: (d, p) => -d.attrs.localPrefOf(d.paths.attrsOf(p)) },
  { step: 3,  name: 'longer AS_PATH',                rfc: 'RFC 4271 §9.1.2.2 a',   value: (d, p) => d.attrs.asPathLenOf(d.paths.attrsOf(p)) },
  { step: 4,  name: 'worse ORIGIN',                  rfc: 'RFC 4271 §9.1.2.2 b',   value: (d, p) => d.attrs.originOf(d.paths.attrsOf(p)) },
  { step: 5,  name: 'higher MULTI_EXIT_DISC',        rfc: 'RFC 4271 §9.1.2.2 c',   value: null },
  { step: 6,  name: 'iBGP, the other is own or eBGP', rfc: 'RFC 4271 §9.1.2.2 d',   value: (d, p) => (d.isExternal(p) ? 0 : 1) },
  { step: 7,  name: 'higher metric to the next hop', rfc: 'RFC 4271 §9.1.2.2 e',   value: (d, p) => d.metricOf(p) },
  { step: 8,  name: 'stale, the other is fresh',     rfc: 'RFC 4724 §4.2',         value: (d, p) => d.paths.flagsOf(p) & PathFlag.STALE },
  { step: 9,  name: 'higher BGP Identifier',         rfc: 'RFC 4271 §9.1.2.2 f, RFC 4456 §9', value: (d, p) => d.identifierOf(p) },
  { step: 10, name: 'longer CLUSTER_LIST',           rfc: 'RFC 4456 §9',           value: (d, p) => d.attrs.clusterCountOf(d.paths.attrsOf(p)) },
  { step: 11, name: 'higher neighbour address',      rfc: 'RFC 4271 §9.1.2.2 g',   value: (d, p) => d.peers.get(d.paths.peerOf(p)).rank },
  { step: 12, name: 'higher route distinguisher',    rfc: 'local',                 value: (d, p) => d.rdWordOf(p, 0) },
  { step: 13, name: 'higher RD or path identifier',  rfc: 'local',                 value: (d, p) => d.rdWordOf(p, 1) },
]

const MED_STEP = 5
/** Of so many paths each can be compared with each. */
const FEW = 16
/** Paths that tie through this step go equally well (RFC 4271 §9.1.2.2: multipath is left to us). */
const METRIC_STEP = 7
/** Any `why` above is of a path that can be used. */
const LAST_PROBLEM = Why.DECISION - 1

/** The sentence for a `why` of a path. */
export function whyText(why: number): string | null {
  if (why === Why.BEST) return null
  if (why < Why.DECISION) return PROBLEM_TEXT[why] ?? `problem ${why}`
  const row = DECISION_STEPS.find(({ step }) => step === why - Why.DECISION)
  return row ? `${row.name} (step ${row.step})` : `why ${why}`
}

/**
 * The decision process (RFC 4271 §9.1) over the paths of one prefix: steps in turn, each keeps
 * the paths with the best value of those still there. So the choice depends on the set of paths
 * alone, never on the order in which they came (MED included: it is compared within the paths
 * of one neighbouring AS that are still there).
 */
export class Decision {
  readonly attrs: AttrsTable
  readonly paths: PathTable
  readonly peers: RibPeers
  /** Names the VPN prefixes that imported paths come from; null: there are none. */
  sources: PrefixTable | null = null
  readonly #nextHops: NextHopTable
  #left = new Int32Array(16)
  #values = new Float64Array(16)
  /** By neighbouring AS: the lowest MED, where there are many paths. */
  readonly #lowestMed = new Map<number, number>()
  /** How many paths the last choice looked at, each as often as it did. */
  seen = 0
  /** After `chooseSet`: the best path and those as good, `activeCount` of them. */
  active = new Int32Array(16)
  activeCount = 0
  /** After `chooseSet`: the best path with a next hop of its own beside them, NONE if there is none. */
  backup = NONE as PathId

  constructor(attrs: AttrsTable, paths: PathTable, peers: RibPeers, nextHops: NextHopTable) {
    this.attrs = attrs
    this.paths = paths
    this.peers = peers
    this.#nextHops = nextHops
  }

  /** HOT: the best path of the chain that starts at `first`, NONE if none can be used; writes `why`. */
  choose(first: PathId): PathId {
    let count = 0
    this.seen = 0
    for (let path = first; path !== NONE; path = this.paths.nextOf(path)) {
      const problem = this.#problemOf(path)
      this.seen++
      this.paths.setWhy(path, problem)
      if (problem === 0) count = this.#push(count, path)
    }
    return this.#decide(count, true)
  }

  /**
   * HOT: `choose`, and what else forwards: up to `maximum` paths that tie through the metric, of
   * one kind, each with a next hop of its own; then the best of the rest as backup. Which of many
   * is settled by the same steps, so the set depends on the paths alone, not on their order.
   */
  chooseSet(first: PathId, maximum: number): PathId {
    const best = this.choose(first)
    this.active[0] = best
    this.activeCount = 1
    this.backup = NONE as PathId
    if (best === NONE || !this.#forwards(best)) return best
    if (best === first && this.paths.nextOf(best) === NONE) return best
    if (this.active.length < maximum) this.active = grown(this.active, maximum)
    while (this.activeCount < maximum) {
      const next = this.#another(first, true)
      if (next === NONE) break
      this.active[this.activeCount++] = next
    }
    this.backup = this.#another(first, false)
    return best
  }

  /** HOT: the best of `count` paths, all of which can be used. */
  chooseAmong(paths: Int32Array, count: number): PathId {
    for (let k = 0; k < count; k++) this.#push(k, paths[k] as PathId)
    return this.#decide(count, false)
  }

  /** The best path through a next hop that no active one has; `tied`: that is as good as they are. */
  #another(first: PathId, tied: boolean): PathId {
    const { paths } = this
    let count = 0
    for (let path = first; path !== NONE; path = paths.nextOf(path)) {
      const why = paths.whyOf(path)
      this.seen++
      if (why !== 0 && why <= (tied ? Why.DECISION + METRIC_STEP : LAST_PROBLEM)) continue
      if (tied && paths.kindOf(path) !== paths.kindOf(this.active[0] as PathId)) continue
      if (this.#forwards(path) && !this.#isTaken(path)) count = this.#push(count, path)
    }
    return this.#decide(count, false)
  }

  /** By an object of ours: the kernel has connected networks itself, a blackhole leads nowhere. */
  #forwards(path: PathId): boolean {
    return this.paths.nextHopOf(path) !== NONE && this.paths.kindOf(path) !== PathKind.CONNECTED
  }

  #isTaken(path: PathId): boolean {
    const nextHop = this.paths.nextHopOf(path)
    for (let k = 0; k < this.activeCount; k++) {
      if (this.paths.nextHopOf(this.active[k] as PathId) === nextHop) return true
    }
    return false
  }

  #push(count: number, path: PathId): number {
    if (count === this.#left.length) {
      this.#left = grown(this.#left, count * 2)
      this.#values = new Float64Array(count * 2)
    }
    this.#left[count] = path
    return count + 1
  }

  /** The steps over the first `count` of `#left`; `note`: losers learn why. */
  #decide(count: number, note: boolean): PathId {
    if (count === 0) return NONE as PathId
    let left = count
    for (let k = 0; left > 1 && k < DECISION_STEPS.length; k++) {
      const row = DECISION_STEPS[k]!
      left =
        row.value === null ? this.#keepLowestMed(left, note) : this.#keepLowest(left, row, note)
    }
    return this.#left[0] as PathId
  }

  metricOf(path: PathId): number {
    const nextHop = this.paths.nextHopOf(path)
    return nextHop === NONE ? 0 : this.#nextHops.metricOf(nextHop)
  }

  /** From another AS, or from a VRF of this router: a path of ours has no detour through the core. */
  isExternal(path: PathId): boolean {
    if (this.paths.kindOf(path) === PathKind.EXPORTED) return true
    return this.peers.get(this.paths.peerOf(path)).ebgp
  }

  /** The first or second word of the RD that an imported path had; of others 0 and their key. */
  rdWordOf(path: PathId, word: 0 | 1): number {
    const key = this.paths.keyOf(path)
    if (this.sources === null || this.paths.kindOf(path) !== PathKind.IMPORTED) {
      return word === 0 ? 0 : key >>> 0
    }
    return this.sources.words[this.sources.wordsAt(key as PrefixId) + word]! >>> 0
  }

  identifierOf(path: PathId): number {
    const originator = this.attrs.originatorIdOf(this.paths.attrsOf(path))
    return originator !== 0 ? originator : this.peers.get(this.paths.peerOf(path)).bgpIdentifier
  }

  #problemOf(path: PathId): number {
    const problem = this.paths.problemOf(path)
    if (problem !== 0) return problem
    const nextHop = this.paths.nextHopOf(path)
    if (nextHop === NONE) return 0
    const reach = this.#nextHops.reachOf(nextHop)
    if (reach === Reach.REACHABLE) return 0
    if (reach === Reach.PENDING) return Why.NEXT_HOP_PENDING
    const isSid = this.#nextHops.kindOf(nextHop) === NextHopKind.SID
    return isSid ? Why.NEXT_HOP_UNREACHABLE : Why.NEXT_HOP_NOT_CONNECTED
  }

  #keepLowest(count: number, row: Step, note: boolean): number {
    let lowest = Number.POSITIVE_INFINITY
    for (let k = 0; k < count; k++) {
      const value = row.value!(this, this.#left[k] as PathId)
      this.#values[k] = value
      if (value < lowest) lowest = value
    }
    let kept = 0
    for (let k = 0; k < count; k++) {
      const path = this.#left[k] as PathId
      if (this.#values[k] === lowest) this.#left[kept++] = path
      else if (note) this.paths.setWhy(path, Why.DECISION + row.step)
    }
    return kept
  }

  /** A path loses to a lower MED of the same neighbouring AS; the lowest of each AS never goes. */
  #keepLowestMed(count: number, note: boolean): number {
    for (let k = 0; k < count; k++) {
      this.#values[k] = this.attrs.medOf(this.paths.attrsOf(this.#left[k] as PathId))
    }
    if (count > FEW) return this.#keepLowestOfMany(count, note)
    let kept = 0
    for (let k = 0; k < count; k++) {
      const path = this.#left[k] as PathId
      if (!this.#losesByMed(k, 0, kept) && !this.#losesByMed(k, k + 1, count)) {
        this.#values[kept] = this.#values[k]!
        this.#left[kept++] = path
      } else if (note) this.paths.setWhy(path, Why.DECISION + MED_STEP)
    }
    return kept
  }

  /** The same: what each pair costs grows with the square of their number. */
  #keepLowestOfMany(count: number, note: boolean): number {
    const lowest = this.#lowestMed
    lowest.clear()
    for (let k = 0; k < count; k++) {
      const as = this.#neighborAsOf(k)
      const med = lowest.get(as)
      if (med === undefined || this.#values[k]! < med) lowest.set(as, this.#values[k]!)
    }
    let kept = 0
    for (let k = 0; k < count; k++) {
      const path = this.#left[k] as PathId
      if (this.#values[k] === lowest.get(this.#neighborAsOf(k))) this.#left[kept++] = path
      else if (note) this.paths.setWhy(path, Why.DECISION + MED_STEP)
    }
    return kept
  }

  #neighborAsOf(index: number): number {
    return this.attrs.neighborAsOf(this.paths.attrsOf(this.#left[index] as PathId))
  }

  #losesByMed(index: number, from: number, to: number): boolean {
    const as = this.#neighborAsOf(index)
    for (let k = from; k < to; k++) {
      if (this.#values[k]! >= this.#values[index]!) continue
      if (this.#neighborAsOf(k) === as) return true
    }
    return false
  }
}
