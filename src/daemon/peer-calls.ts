import type { Clock } from '../base/clock.ts'
import type { AttrsTable } from '../rib/path-attrs.ts'
import type { DownReason, Negotiated, Peer, PeerHandler } from '../session/peer.ts'
import type { Family } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'
import type { Neighbor } from './neighbor.ts'

/** After one neighbour was closed for want of room: until what it sent is out of all tables. */
const RELIEF_MS = 10_000

/** What the session layer tells of a peer, told to its neighbour. */
export class PeerCalls implements PeerHandler {
  readonly #byPeer = new Map<Peer, Neighbor>()
  readonly #attrs: Pick<AttrsTable, 'isFull'>
  readonly #clock: Clock
  #stopped = false
  /** No other neighbour is closed for want of room until then. */
  #relievedUntil = 0

  constructor(attrs: Pick<AttrsTable, 'isFull'>, clock: Clock) {
    this.#attrs = attrs
    this.#clock = clock
  }

  add(peer: Peer, neighbor: Neighbor): void {
    this.#byPeer.set(peer, neighbor)
  }

  /** From here on what neighbours sent stays where it is: the kernel's part is decided by on-stop. */
  stop(): void {
    this.#stopped = true
  }

  onEstablished(peer: Peer, n: Negotiated): void {
    this.#byPeer.get(peer)!.onEstablished(n)
  }

  onUpdate(peer: Peer, view: UpdateView): void {
    this.#byPeer.get(peer)!.onUpdate(view)
    if (this.#attrs.isFull) this.#relieve()
  }

  /** Rather than for all, it ends for the neighbour whose attributes take most. */
  #relieve(): void {
    const now = this.#clock.now()
    if (now < this.#relievedUntil) return
    this.#relievedUntil = now + RELIEF_MS
    const all = [...this.#byPeer.values()]
    all.reduce((a, b) => (b.adjRibIn.octets > a.adjRibIn.octets ? b : a)).outOfRoom()
  }

  onEndOfRib(peer: Peer, family: Family): void {
    this.#byPeer.get(peer)!.onEndOfRib(family)
  }

  onRouteRefresh(peer: Peer, family: Family): void {
    this.#byPeer.get(peer)!.onRouteRefresh(family)
  }

  onDown(peer: Peer, reason: DownReason): void {
    if (!this.#stopped) this.#byPeer.get(peer)!.onDown(reason)
  }

  onWritable(peer: Peer): void {
    this.#byPeer.get(peer)!.onWritable()
  }

  onFamilyDisabled(peer: Peer, family: Family): void {
    this.#byPeer.get(peer)!.onFamilyDisabled(family)
  }
}
