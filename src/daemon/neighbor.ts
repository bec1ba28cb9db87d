import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { AdjRibIn } from '../rib/adj-rib-in.ts'
import { AdjRibOut } from '../rib/adj-rib-out.ts'
import type { LocRib, RibContext } from '../rib/loc-rib.ts'
import { LongLivedStale } from '../rib/long-lived.ts'
import { OutPolicy, type OutRules } from '../rib/out-policy.ts'
import type { PathKind } from '../rib/path-table.ts'
import type { RibPeer } from '../rib/rib-peer.ts'
import { StaleRoutes, type StaleState } from '../rib/stale-routes.ts'
import type { Negotiated } from '../session/negotiate.ts'
import type { DownReason, Peer } from '../session/peer.ts'
import { KEEPALIVE } from '../wire/message.ts'
import { CeaseError, ErrorCode, type Family, familySpec } from '../wire/registry.ts'
import type { Retention } from '../wire/restart-capability.ts'
import { UpdatePacker } from '../wire/update-packer.ts'
import type { UpdateView } from '../wire/update-view.ts'
import type { NeighborConfig } from './config-schema.ts'

/** A neighbour that announced no End-of-RIB is taken to be done this long after it came up. */
const QUIET_MS = 3000
/** FRR 10.7 leaves the tail of a large burst unread until another octet comes. */
const NUDGES_MS = [0, 100, 1000]

const STOPPING = 'srv6d stops'

/** What a neighbour needs of the speaker. */
export interface NeighborPorts {
  readonly context: RibContext
  readonly clock: Clock
  readonly log: Logger
  readonly localAs: number
  /** Of VPN routes that we announce. */
  readonly ownNextHop: Uint8Array
  /** Is a next hop this node? Asked for speakers of this node. */
  readonly isHere: (buf: Uint8Array, at: number, len: number) => boolean
  /** Why nothing is announced to it though there may be routes; null: it is told what there is. */
  readonly whyMute: string | null
  /** Kinds of path that the neighbour's VRF does not redistribute. */
  readonly hidden: readonly PathKind[]
  /** We offer graceful restart, so the neighbour answers with End-of-RIB. */
  readonly gracefulRestart: boolean
  /** Seconds that stale routes are kept once the neighbour is back. */
  readonly staleTime: number
  /** The next hop that a family's routes carry to this neighbour; null: it cannot be told them. */
  readonly nextHopFor: (n: Negotiated, family: Family) => Uint8Array | null
  /** RFC 4724 §4.1: the neighbour restarts as well, and waits for what we have. */
  readonly onRestarting: (neighbor: Neighbor) => void
  /** The neighbour has sent all that it has to send after a restart of ours. */
  readonly onComplete: (neighbor: Neighbor) => void
  /** RFC 4724 §4.1: nothing is told yet. */
  readonly isDeferred: () => boolean
}

export interface OutFamily {
  readonly family: Family
  readonly out: AdjRibOut | null
  /** Why nothing is told. */
  readonly why: string | null
}

/** One configured neighbour: its session, what it sent (Adj-RIB-In), what it was told (Adj-RIB-Out). */
export class Neighbor {
  readonly config: NeighborConfig
  readonly ribPeer: RibPeer
  readonly adjRibIn: AdjRibIn
  readonly #ribs: (LocRib | undefined)[]
  readonly #ports: NeighborPorts
  readonly #stale: StaleRoutes
  readonly #packer: UpdatePacker
  #peer!: Peer
  #out: OutFamily[] = []
  #endOfRibOwed = new Set<Family>()
  #endOfRibSeen = new Set<Family>()
  #timers: Timer[] = []
  #hasRoom = true
  /** What is kept of it when the session is lost. */
  #retention: readonly Retention[] = []
  /** Families whose End-of-RIB is to come. */
  #expected: readonly Family[] = []

  constructor(
    config: NeighborConfig,
    ribPeer: RibPeer,
    ribs: (LocRib | undefined)[],
    ports: NeighborPorts,
  ) {
    this.config = config
    this.ribPeer = ribPeer
    this.#ribs = ribs
    this.#ports = ports
    const policy = {
      localAs: ports.localAs,
      remoteAs: config.as,
      allowAsIn: config.allowasIn,
      viaGateway: config.vrf !== null,
      maxPrefix: config.maxPrefix,
      ownNextHop: config.vrf === null && config.speaker === null ? ports.ownNextHop : null,
      isHere: config.speaker === null ? null : ports.isHere,
    }
    this.adjRibIn = new AdjRibIn(ribPeer, ribs, policy, ports.context)
    this.#stale = new StaleRoutes(this.adjRibIn, new LongLivedStale(ports.context), ports.clock)
    this.#packer = new UpdatePacker((buf, at, end) => {
      if (!this.#peer.write(buf, at, end)) this.#hasRoom = false
    })
  }

  /** The session, made after the neighbour because its handler calls back here. */
  bind(peer: Peer): void {
    this.#peer = peer
  }

  /**
   * 'red 172.16.1.2': what it is called where all of them are. A speaker of this node has one name
   * for all its sessions: whichever it uses, it says the same.
   */
  get name(): string {
    const { vrf, address, speaker } = this.config
    if (speaker !== null) return speaker
    return vrf === null ? address.text : `${vrf} ${address.text}`
  }

  get peer(): Peer {
    return this.#peer
  }

  get out(): readonly OutFamily[] {
    return this.#out
  }

  /** For `show`: what is kept of it, and for how long. */
  get stale(): readonly StaleState[] {
    return this.#stale.states
  }

  hasEndOfRib(family: Family): boolean {
    return this.#endOfRibSeen.has(family)
  }

  onEstablished(n: Negotiated): void {
    this.ribPeer.bgpIdentifier = n.remoteRouterId
    this.#hasRoom = true
    this.#endOfRibSeen.clear()
    this.#retention = n.retention
    this.#stale.sessionUp(n.retention, this.#ports.staleTime)
    this.#packer.configure({ maxLength: n.maxLength, asn4: n.asn4, addPath: 0 })
    this.#out = n.families.map((family) => this.#openFamily(n, family))
    this.#endOfRibOwed = new Set(n.families)
    this.#expectEndOfRib(n)
    this.#ports.context.wake()
  }

  onUpdate(view: UpdateView): void {
    this.adjRibIn.apply(view)
    const over = this.adjRibIn.overLimit
    if (over === 0) return
    const { name } = familySpec(over)
    const what = this.adjRibIn.overOctets ? 'longer attributes' : 'more prefixes'
    this.#ports.log.error(
      { family: name, limit: this.config.maxPrefix },
      `${what} than max-prefix allows`,
    )
    const { MAXIMUM_NUMBER_OF_PREFIXES_REACHED, OUT_OF_RESOURCES } = CeaseError
    this.#close(
      this.adjRibIn.overOctets ? OUT_OF_RESOURCES : MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
      `max-prefix of ${name}`,
    )
  }

  /** All neighbours together have sent more attributes than there is room for, this one most. */
  outOfRoom(): void {
    this.#ports.log.error({ octets: this.adjRibIn.octets }, 'no room for more attributes')
    this.#close(CeaseError.OUT_OF_RESOURCES, 'attributes take too much memory')
  }

  /** It stays down until somebody looks after it. */
  #close(subcode: number, text: string): void {
    this.#peer.stop(ErrorCode.CEASE, subcode, text, true)
    this.#ports.onComplete(this)
  }

  onEndOfRib(family: Family): void {
    this.#endOfRibSeen.add(family)
    this.#stale.sweep(family)
    if (this.#expected.every((f) => this.#endOfRibSeen.has(f))) this.#ports.onComplete(this)
  }

  /** RFC 7606 §2: its routes go and no more come, so there is nothing to wait for either. */
  onFamilyDisabled(family: Family): void {
    this.adjRibIn.clear([family])
    this.#retention = this.#retention.filter((kept) => kept.family !== family)
    this.onEndOfRib(family)
  }

  onRouteRefresh(family: Family): void {
    for (const row of this.#out) if (row.family === family) row.out?.refresh()
  }

  onDown(reason: DownReason): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
    for (const row of this.#out) row.out?.close()
    this.#out = []
    this.#endOfRibOwed.clear()
    const keep = reason.helper ? this.#retention : []
    const isKept = (family: Family) => keep.some((kept) => kept.family === family)
    this.adjRibIn.clear(this.config.families.filter((family) => !isKept(family)))
    this.#stale.keep(keep, reason.collision)
  }

  onWritable(): void {
    this.#hasRoom = true
    this.#ports.context.wake()
  }

  /** What it is to be told is written; true also while it is down: then it knows nothing of ours. */
  get toldAll(): boolean {
    if (this.#ports.isDeferred()) return false
    return this.#out.every(({ out }) => out === null || out.pendingCount === 0)
  }

  /** Something is to be told and there is room for it. */
  get hasMore(): boolean {
    if (!this.#hasRoom || this.#ports.isDeferred()) return false
    return this.#out.some(({ out }) => out !== null && out.pendingCount > 0)
  }

  /** Writes what is to be told, as far as the socket takes it. `settled`: that is all there is. */
  flush(settled: boolean): void {
    if (this.#ports.isDeferred()) return
    for (const { out } of this.#out) {
      while (this.#hasRoom && out !== null && out.pendingCount > 0) out.flush(this.#packer)
    }
    if (this.#hasRoom && settled) this.#sendEndOfRibs()
  }

  /**
   * The daemon stops. `final`: the kernel loses our routes too, so a neighbour that would keep
   * them over a Cease is told not to (hard reset, RFC 8538 §3).
   */
  stopSession(final: boolean): void {
    const n = this.#peer.negotiated
    const keeps = !final && n !== null && n.retention.length > 0
    if (keeps && !n.notificationRestart) {
      // RFC 4724 §4: only TCP's end leaves the routes at a neighbour that knows no RFC 8538.
      this.#peer.stop(0, 0, STOPPING)
      return
    }
    this.#peer.stop(ErrorCode.CEASE, CeaseError.ADMINISTRATIVE_SHUTDOWN, STOPPING, final)
  }

  /** After a restart of ours the kernel's stale routes wait for what the neighbour has to send. */
  #expectEndOfRib(n: Negotiated): void {
    const says = n.gracefulRestart
    const both = n.families.filter((f) => says?.families.some(({ family }) => family === f))
    this.#expected = both.length > 0 ? both : n.families
    if (!says || !this.#ports.gracefulRestart) {
      this.#later(QUIET_MS, () => this.#ports.onComplete(this))
    } else if (says.restarting) this.#ports.onRestarting(this)
  }

  #sendEndOfRibs(): void {
    if (this.#endOfRibOwed.size === 0) return
    for (const family of this.#endOfRibOwed) this.#packer.endOfRib(family)
    this.#endOfRibOwed.clear()
    for (const ms of NUDGES_MS) {
      this.#later(ms, () => void this.#peer.write(KEEPALIVE, 0, KEEPALIVE.length))
    }
  }

  #openFamily(n: Negotiated, family: Family): OutFamily {
    const { whyMute } = this.#ports
    if (whyMute !== null) return { family, out: null, why: whyMute }
    const rib = this.#ribs[family]
    const isVpn = familySpec(family).hasRd
    const nextHop = isVpn ? null : this.#ports.nextHopFor(n, family)
    if (rib === undefined || (nextHop === null && !isVpn)) {
      const why = 'no address of this family on the session’s interface to use as next hop'
      this.#ports.log.warn({ family: familySpec(family).name }, `nothing is announced: ${why}`)
      return { family, out: null, why }
    }
    const rules: OutRules = {
      family,
      localAs: this.#ports.localAs,
      remoteAs: n.remoteAs,
      ebgp: n.ebgp,
      asOverride: this.config.asOverride,
      transpose: this.config.sidTransposition === 'transposed',
      nextHop,
      hidden: this.#ports.hidden,
      longLivedStale: this.#longLivedStale(n),
    }
    const policy = new OutPolicy(rules, this.#ports.context.attrs)
    const out = new AdjRibOut(rib, this.ribPeer, policy, this.#ports.context)
    out.open()
    return { family, out, why: null }
  }

  #longLivedStale(n: Negotiated): OutRules['longLivedStale'] {
    if (n.longLived) return 'told'
    return this.config.longLivedStale === 'tell' ? 'restricted' : 'withheld'
  }

  #later(ms: number, fire: () => void): void {
    this.#timers.push(this.#ports.clock.after(ms, fire))
  }
}
