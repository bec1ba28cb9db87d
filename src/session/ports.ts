/** What a session is given and whom it tells: types only, so that tests can stand on either side. */
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Family } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'
import type { Negotiated } from './negotiate.ts'
import type { Session } from './session.ts'
import type { Connect } from './transport.ts'

/** Why a session ended or a connection failed. */
export interface DownReason {
  text: string
  /** Who said so: our NOTIFICATION, the neighbour's, the operator without one, or TCP. */
  direction: 'sent' | 'received' | 'local' | 'tcp'
  /** Of the NOTIFICATION, 0 without one. */
  code: number
  subcode: number
  /** RFC 4724 §4.2, RFC 8538 §4: routes of graceful restart families may be kept as stale. */
  helper: boolean
  /** Lost to another connection with the same neighbour, which has not restarted in between. */
  collision: boolean
}

/** Counted a neighbour, over all its sessions. Message counts by type, the total at index 0. */
export interface PeerCounters {
  messagesIn: Float64Array
  messagesOut: Float64Array
  treatAsWithdraw: number
  attributeDiscard: number
  /** How often Established was reached. */
  established: number
  /** How the last session or attempt ended. */
  lastDown: DownReason | null
  /** Clock.now() when the neighbour last came up or went down. */
  since: number
}

/** What a session asks and tells its Peer. */
export interface SessionOwner {
  /** A good OPEN came; false: the session was closed in favour of another one. */
  onOpen(session: Session, negotiated: Negotiated): boolean
  onUp(session: Session, negotiated: Negotiated): void
  onDown(session: Session, reason: DownReason): void
  /** The connection or the attempt is over: the state is Idle or Active now. */
  onFell(session: Session, reason: DownReason): void
  onUpdate(session: Session, view: UpdateView): void
  onEndOfRib(session: Session, family: Family): void
  /** RFC 7606 §2 "AFI/SAFI disable"; false: nobody can do that, reset the session. */
  onFamilyDisabled(session: Session, family: Family): boolean
  onRouteRefresh(session: Session, family: Family, subtype: number): void
  onWritable(session: Session): void
}

export interface SessionDeps {
  clock: Clock
  log: Logger
  connect: Connect
  random: () => number
  counters: PeerCounters
}
