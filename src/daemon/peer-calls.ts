import type { DownReason, Negotiated, Peer, PeerHandler } from '../session/peer.ts'
import type { Family } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'
import type { Neighbor } from './neighbor.ts'

/** What the session layer tells of a peer, told to its neighbour. */
export class PeerCalls implements PeerHandler {
  readonly #byPeer = new Map<Peer, Neighbor>()
  #stopped = false

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
