/**
 * The BGP finite state machine as a table: (state, event) -> next state and actions (RFC 4271 §8).
 * Pure data and one lookup; session.ts runs the actions, peer.ts decides about start and restart.
 * Optional attributes taken: passive start, automatic start and stop, collision detection.
 * Not taken: DelayOpen; damping (peer.ts keeps the idle hold time and sends AUTOMATIC_START).
 */

/** RFC 4271 §8.2.2. */
export type FsmState = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established'

export const FSM_STATES: readonly FsmState[] = [
  'Idle',
  'Connect',
  'Active',
  'OpenSent',
  'OpenConfirm',
  'Established',
]

/** Events with their numbers of RFC 4271 §8.1; from 29 on those of later RFCs, numbered here. */
export const FsmEvent = {
  MANUAL_START: 1,
  MANUAL_STOP: 2,
  AUTOMATIC_START: 3,
  MANUAL_START_PASSIVE: 4,
  AUTOMATIC_START_PASSIVE: 5,
  AUTOMATIC_STOP: 8,
  CONNECT_RETRY_TIMER_EXPIRES: 9,
  HOLD_TIMER_EXPIRES: 10,
  KEEPALIVE_TIMER_EXPIRES: 11,
  TCP_CR_ACKED: 16,
  TCP_CONNECTION_CONFIRMED: 17,
  TCP_CONNECTION_FAILS: 18,
  BGP_OPEN: 19,
  BGP_HEADER_ERR: 21,
  BGP_OPEN_MSG_ERR: 22,
  OPEN_COLLISION_DUMP: 23,
  NOTIF_MSG_VER_ERR: 24,
  NOTIF_MSG: 25,
  KEEPALIVE_MSG: 26,
  UPDATE_MSG: 27,
  UPDATE_MSG_ERR: 28,
  /** RFC 9687. */
  SEND_HOLD_TIMER_EXPIRES: 29,
  /** RFC 2918. */
  ROUTE_REFRESH_MSG: 30,
  /** RFC 7313 §5. */
  ROUTE_REFRESH_MSG_ERR: 31,
} as const
export type FsmEvent = (typeof FsmEvent)[keyof typeof FsmEvent]

const EVENT_NAMES: string[] = []
for (const [name, event] of Object.entries(FsmEvent)) EVENT_NAMES[event] = name

/** For logs: 'HOLD_TIMER_EXPIRES'. */
export function eventName(event: FsmEvent): string {
  return EVENT_NAMES[event]!
}

/** What a session must do in a step, in this order; each is a method of session.ts. */
export type Action =
  | 'startConnectRetryTimer'
  | 'stopConnectRetryTimer'
  | 'connect' // initiate a TCP connection
  | 'dropConnection' // what is written is flushed; hold and keepalive timers stop
  | 'sendOpen'
  | 'startOpenHoldTimer' // the "large value" while the OPEN is awaited
  | 'startSessionTimers' // hold, keepalive and send hold timers with the negotiated values
  | 'restartHoldTimer'
  | 'sendKeepalive' // and restart the keepalive timer
  | 'notifyError' // the NOTIFICATION that belongs to the event's error
  | 'notifyHoldTimerExpired' // 4/0
  | 'notifySendHoldTimerExpired' // 8/0, RFC 9687
  | 'notifyFsmError' // 5/x by state, RFC 6608
  | 'notifyCease' // 6/x as the stop said
  | 'notifyCollision' // 6/7, RFC 4486
  | 'up' // entered Established; always the last action of a step
  | 'down' // left Established; always the last action of a step

/** One entry of the table. */
export interface Step {
  readonly next: FsmState
  readonly actions: readonly Action[]
}

const E = FsmEvent

function to(next: FsmState, ...actions: Action[]): Step {
  return { next, actions }
}

/** `otherwise` is RFC 4271's "any other event" of the state. */
function row(entries: [FsmEvent[], Step][], otherwise: Step): readonly Step[] {
  const steps = new Array<Step>(Math.max(...Object.values(FsmEvent)) + 1).fill(otherwise)
  for (const [events, step] of entries) for (const event of events) steps[event] = step
  return steps
}

const START: FsmEvent[] = [E.MANUAL_START, E.AUTOMATIC_START]
const START_PASSIVE: FsmEvent[] = [E.MANUAL_START_PASSIVE, E.AUTOMATIC_START_PASSIVE]
const STARTS: FsmEvent[] = [...START, ...START_PASSIVE]
const STOPS: FsmEvent[] = [E.MANUAL_STOP, E.AUTOMATIC_STOP]
/** Our SYN was answered, or a SYN of the peer's was: the connection stands. */
const CONNECTED: FsmEvent[] = [E.TCP_CR_ACKED, E.TCP_CONNECTION_CONFIRMED]
const NOTIFIED: FsmEvent[] = [E.NOTIF_MSG, E.NOTIF_MSG_VER_ERR]
const REFUSED: FsmEvent[] = [
  E.BGP_HEADER_ERR,
  E.BGP_OPEN_MSG_ERR,
  E.UPDATE_MSG_ERR,
  E.ROUTE_REFRESH_MSG_ERR,
]

/*
 * Deviations, each because every deployed speaker does so:
 * - Connect, TCP failure: RFC 4271 goes to Idle (without DelayOpen); here to Active, where a
 *   connection of the peer's is taken while the ConnectRetryTimer runs.
 * - OpenSent, NOTIFICATION other than "version": RFC 4271 answers with an FSM error NOTIFICATION;
 *   here a NOTIFICATION is never answered with one.
 */
const TABLE: Record<FsmState, readonly Step[]> = {
  Idle: row(
    [
      [START, to('Connect', 'startConnectRetryTimer', 'connect')],
      [START_PASSIVE, to('Active', 'startConnectRetryTimer')],
    ],
    to('Idle'),
  ),
  Connect: row(
    [
      [STARTS, to('Connect')],
      [
        [E.CONNECT_RETRY_TIMER_EXPIRES],
        to('Connect', 'dropConnection', 'startConnectRetryTimer', 'connect'),
      ],
      [CONNECTED, to('OpenSent', 'stopConnectRetryTimer', 'sendOpen', 'startOpenHoldTimer')],
      [[E.TCP_CONNECTION_FAILS], to('Active', 'dropConnection', 'startConnectRetryTimer')],
    ],
    to('Idle', 'stopConnectRetryTimer', 'dropConnection'),
  ),
  Active: row(
    [
      [STARTS, to('Active')],
      [[E.CONNECT_RETRY_TIMER_EXPIRES], to('Connect', 'startConnectRetryTimer', 'connect')],
      [CONNECTED, to('OpenSent', 'stopConnectRetryTimer', 'sendOpen', 'startOpenHoldTimer')],
    ],
    to('Idle', 'stopConnectRetryTimer', 'dropConnection'),
  ),
  OpenSent: row(
    [
      [STARTS, to('OpenSent')],
      [CONNECTED, to('OpenSent')],
      [STOPS, to('Idle', 'notifyCease', 'dropConnection')],
      [[E.HOLD_TIMER_EXPIRES], to('Idle', 'notifyHoldTimerExpired', 'dropConnection')],
      [[E.TCP_CONNECTION_FAILS], to('Active', 'dropConnection', 'startConnectRetryTimer')],
      [[E.BGP_OPEN], to('OpenConfirm', 'sendKeepalive', 'startSessionTimers')],
      [REFUSED, to('Idle', 'notifyError', 'dropConnection')],
      [[E.OPEN_COLLISION_DUMP], to('Idle', 'notifyCollision', 'dropConnection')],
      [NOTIFIED, to('Idle', 'dropConnection')],
    ],
    to('Idle', 'notifyFsmError', 'dropConnection'),
  ),
  OpenConfirm: row(
    [
      [STARTS, to('OpenConfirm')],
      [CONNECTED, to('OpenConfirm')],
      [STOPS, to('Idle', 'notifyCease', 'dropConnection')],
      [[E.HOLD_TIMER_EXPIRES], to('Idle', 'notifyHoldTimerExpired', 'dropConnection')],
      [[E.SEND_HOLD_TIMER_EXPIRES], to('Idle', 'notifySendHoldTimerExpired', 'dropConnection')],
      [[E.KEEPALIVE_TIMER_EXPIRES], to('OpenConfirm', 'sendKeepalive')],
      [[E.TCP_CONNECTION_FAILS], to('Idle', 'dropConnection')],
      [NOTIFIED, to('Idle', 'dropConnection')],
      [REFUSED, to('Idle', 'notifyError', 'dropConnection')],
      [[E.OPEN_COLLISION_DUMP], to('Idle', 'notifyCollision', 'dropConnection')],
      [[E.KEEPALIVE_MSG], to('Established', 'restartHoldTimer', 'up')],
    ],
    to('Idle', 'notifyFsmError', 'dropConnection'),
  ),
  Established: row(
    [
      [STARTS, to('Established')],
      [CONNECTED, to('Established')],
      [STOPS, to('Idle', 'notifyCease', 'dropConnection', 'down')],
      [[E.HOLD_TIMER_EXPIRES], to('Idle', 'notifyHoldTimerExpired', 'dropConnection', 'down')],
      [
        [E.SEND_HOLD_TIMER_EXPIRES],
        to('Idle', 'notifySendHoldTimerExpired', 'dropConnection', 'down'),
      ],
      [[E.KEEPALIVE_TIMER_EXPIRES], to('Established', 'sendKeepalive')],
      [[E.TCP_CONNECTION_FAILS], to('Idle', 'dropConnection', 'down')],
      [NOTIFIED, to('Idle', 'dropConnection', 'down')],
      [REFUSED, to('Idle', 'notifyError', 'dropConnection', 'down')],
      [[E.OPEN_COLLISION_DUMP], to('Idle', 'notifyCollision', 'dropConnection', 'down')],
      [[E.KEEPALIVE_MSG, E.UPDATE_MSG, E.ROUTE_REFRESH_MSG], to('Established', 'restartHoldTimer')],
    ],
    to('Idle', 'notifyFsmError', 'dropConnection', 'down'),
  ),
}

/** The one step that `event` makes in `state`; never undefined, allocates nothing. */
export function step(state: FsmState, event: FsmEvent): Step {
  return TABLE[state][event]!
}

/** RFC 6608 §3: the subcode of a Finite State Machine Error by the state it happened in. */
export function fsmErrorSubcode(state: FsmState): number {
  switch (state) {
    case 'OpenSent':
      return 1
    case 'OpenConfirm':
      return 2
    case 'Established':
      return 3
    case 'Idle':
    case 'Connect':
    case 'Active':
      return 0
  }
}
