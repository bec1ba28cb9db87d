import fc from 'fast-check'
import t from 'tap'
import {
  type Action,
  eventName,
  FSM_STATES,
  FsmEvent,
  type FsmState,
  fsmErrorSubcode,
  step,
} from '../../src/session/fsm.ts'

const EVENTS = Object.values(FsmEvent)
const E = FsmEvent

t.test('every state has exactly one step for every event', async (t) => {
  for (const state of FSM_STATES) {
    for (const event of EVENTS) {
      const { next, actions } = step(state, event)
      t.ok(FSM_STATES.includes(next), `${state} ${eventName(event)} -> ${next}`)
      t.equal(new Set(actions).size, actions.length, 'no action twice')
      for (const last of ['up', 'down', 'connect'] as Action[]) {
        if (actions.includes(last)) t.equal(actions.at(-1), last, `${last} ends its step`)
      }
    }
  }
})

t.test('up is the way into Established and down the way out, and nothing else is', async (t) => {
  for (const state of FSM_STATES) {
    for (const event of EVENTS) {
      const { next, actions } = step(state, event)
      const enters = state !== 'Established' && next === 'Established'
      const leaves = state === 'Established' && next !== 'Established'
      t.equal(actions.includes('up'), enters, `${state} ${eventName(event)}`)
      t.equal(actions.includes('down'), leaves, `${state} ${eventName(event)}`)
    }
  }
})

t.test('any event list: up and down alternate, a connection is never left behind', async () => {
  const events = fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 })
  fc.assert(
    fc.property(events, (list) => {
      let state: FsmState = 'Idle'
      let up = false
      let sentOpen = false
      for (const event of list) {
        const { next, actions } = step(state, event)
        for (const action of actions) {
          if (action === 'up') {
            if (up || !sentOpen) return false
            up = true
          } else if (action === 'down') {
            if (!up) return false
            up = false
          } else if (action === 'sendOpen') {
            if (sentOpen) return false
            sentOpen = true
          } else if (action === 'dropConnection') {
            sentOpen = false
          } else if (action.startsWith('notify') && !sentOpen) {
            return false // RFC 4271 §4.2: the OPEN is the first message
          }
        }
        state = next
        const connected = ['OpenSent', 'OpenConfirm', 'Established'].includes(state)
        if (connected !== sentOpen || up !== (state === 'Established')) return false
      }
      return true
    }),
    { seed: 4271, numRuns: 2000 },
  )
})

t.test('RFC 4271 §8.2.2: the paths of the standard', async (t) => {
  // biome-ignore format: one row a path
  const paths: [FsmEvent[], FsmState][] = [
    [[E.MANUAL_START], 'Connect'],
    [[E.MANUAL_START_PASSIVE], 'Active'],
    [[E.MANUAL_START, E.TCP_CONNECTION_FAILS], 'Active'],
    [[E.MANUAL_START, E.TCP_CONNECTION_FAILS, E.CONNECT_RETRY_TIMER_EXPIRES], 'Connect'],
    [[E.MANUAL_START, E.TCP_CR_ACKED], 'OpenSent'],
    [[E.MANUAL_START_PASSIVE, E.TCP_CONNECTION_CONFIRMED], 'OpenSent'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.TCP_CONNECTION_FAILS], 'Active'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.HOLD_TIMER_EXPIRES], 'Idle'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.BGP_OPEN], 'OpenConfirm'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.BGP_OPEN, E.TCP_CONNECTION_FAILS], 'Idle'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.BGP_OPEN, E.KEEPALIVE_TIMER_EXPIRES], 'OpenConfirm'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.BGP_OPEN, E.KEEPALIVE_MSG], 'Established'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.BGP_OPEN, E.KEEPALIVE_MSG, E.UPDATE_MSG], 'Established'],
    [[E.MANUAL_START, E.TCP_CR_ACKED, E.BGP_OPEN, E.KEEPALIVE_MSG, E.BGP_OPEN], 'Idle'],
    [[E.MANUAL_START, E.MANUAL_STOP], 'Idle'],
  ]
  for (const [events, expected] of paths) {
    const state = events.reduce<FsmState>((from, event) => step(from, event).next, 'Idle')
    t.equal(state, expected, events.map(eventName).join(', '))
  }
})

t.test('RFC 6608 §3: the subcode tells the state of an unexpected message', async (t) => {
  t.same(FSM_STATES.map(fsmErrorSubcode), [0, 0, 0, 1, 2, 3])
  for (const state of ['OpenSent', 'OpenConfirm'] as const) {
    t.same(step(state, E.UPDATE_MSG).actions, ['notifyFsmError', 'dropConnection'])
  }
  t.same(step('OpenSent', E.KEEPALIVE_MSG).actions, ['notifyFsmError', 'dropConnection'])
})
