/**
 * Connection collision (RFC 4271 §6.8, RFC 6286 §2.3): which of two connections with the same
 * neighbour is closed when an OPEN arrives on one of them. Pure; peer.ts acts on the answer.
 */
import type { FsmState } from './fsm.ts'

/** One of the two connections. */
export interface Contender {
  state: FsmState
  /** We dialled; otherwise the neighbour did. */
  dialled: boolean
}

export interface Speakers {
  localRouterId: number
  localAs: number
  remoteRouterId: number
  remoteAs: number
}

/** 'neither': the other one has not seen its OPEN yet; the question comes again when it does. */
export type Verdict = 'close arriving' | 'close other' | 'neither'

/**
 * `arriving` just received a good OPEN. Established stays; of two in OpenConfirm the one stays that
 * was dialled by the speaker with the higher identifier (the higher AS, where those are equal).
 * Of two dialled by the same side the newer stays: nobody dials twice who believes in the first.
 */
export function resolveCollision(
  arriving: Contender,
  other: Contender,
  speakers: Speakers,
): Verdict {
  if (other.state === 'Established') return 'close arriving'
  if (other.state !== 'OpenConfirm') return 'neither'
  if (arriving.dialled === other.dialled) return 'close other'
  return arriving.dialled === weAreHigher(speakers) ? 'close other' : 'close arriving'
}

function weAreHigher(s: Speakers): boolean {
  if (s.localRouterId !== s.remoteRouterId) return s.localRouterId > s.remoteRouterId
  return s.localAs > s.remoteAs
}
