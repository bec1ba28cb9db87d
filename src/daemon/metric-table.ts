/** Every metric of srv6d: its name, what it means, and the counter that it reads. */
import { ADDRESS_FAMILIES } from '../vpn/vrf.ts'
import { type Family, familySpec, MessageType } from '../wire/registry.ts'
import type { ShowSource, SidState } from './api-schema.ts'
import type { Neighbor } from './neighbor.ts'
import { sidCounts } from './show-sids.ts'
import type { Speaker } from './speaker.ts'

export interface MetricSource {
  readonly speaker: Speaker
  readonly show: Pick<ShowSource, 'status'>
  /** What became of the ICMP errors about packets too big for the core. */
  readonly relay: { readonly relayed: number; readonly dropped: number }
}

type Labels = Record<string, string>
type Put = (value: number, labels: Labels) => void

export interface MetricSpec {
  readonly type: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  /** Puts a value for each series there is now. */
  readonly read: (source: MetricSource, put: Put) => void
}

const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']
const SID_STATES: SidState[] = ['installed', 'pending', 'failed', 'draining']
/** `vrf` is empty for a neighbour of the core and for a speaker of this node. */
const NEIGHBOR = ['neighbor', 'vrf', 'as']

export const METRICS: readonly MetricSpec[] = [
  {
    type: 'gauge',
    name: 'srv6d_build_info',
    help: 'Always 1.',
    labels: ['version', 'node'],
    read: ({ show }, put) =>
      put(1, { version: show.status().version, node: process.versions.node }),
  },
  {
    type: 'gauge',
    name: 'srv6d_restarting',
    help: '1 from a start with old routes in the kernel until the neighbors have sent theirs.',
    labels: [],
    read: ({ speaker }, put) => put(Number(speaker.restarting), {}),
  },
  {
    type: 'gauge',
    name: 'srv6d_problems',
    help: 'Problems that `srv6d-cli show status` lists.',
    labels: [],
    read: ({ show }, put) => put(show.status().problems.length, {}),
  },
  {
    type: 'gauge',
    name: 'srv6d_neighbor_up',
    help: '1 while the session is Established.',
    labels: NEIGHBOR,
    read: eachNeighbor(({ peer }, put) => put(Number(peer.state === 'Established'), {})),
  },
  {
    type: 'gauge',
    name: 'srv6d_neighbor_state',
    help: '1 for the state that the session is in, 0 for the others.',
    labels: [...NEIGHBOR, 'state'],
    read: eachNeighbor(({ peer }, put) => {
      for (const state of STATES) put(Number(peer.state === state), { state })
    }),
  },
  {
    type: 'counter',
    name: 'srv6d_neighbor_established_total',
    help: 'How often the session came up.',
    labels: NEIGHBOR,
    read: eachNeighbor(({ peer }, put) => put(peer.counters.established, {})),
  },
  {
    type: 'counter',
    name: 'srv6d_neighbor_messages_total',
    help: 'BGP messages.',
    labels: [...NEIGHBOR, 'direction', 'type'],
    read: eachNeighbor(({ peer: { counters } }, put) => {
      for (const [name, type] of Object.entries(MessageType)) {
        const text = name.toLowerCase().replace('_', '-')
        put(counters.messagesIn[type]!, { direction: 'received', type: text })
        put(counters.messagesOut[type]!, { direction: 'sent', type: text })
      }
    }),
  },
  {
    type: 'counter',
    name: 'srv6d_neighbor_malformed_updates_total',
    help: 'UPDATEs with a mistake that did not cost the session (RFC 7606).',
    labels: [...NEIGHBOR, 'action'],
    read: eachNeighbor(({ peer: { counters } }, put) => {
      put(counters.treatAsWithdraw, { action: 'treat-as-withdraw' })
      put(counters.attributeDiscard, { action: 'attribute-discard' })
    }),
  },
  {
    type: 'gauge',
    name: 'srv6d_neighbor_received_prefixes',
    help: 'Paths that the neighbor has sent, stale ones included.',
    labels: [...NEIGHBOR, 'family'],
    read: eachFamily(({ adjRibIn }, family) => adjRibIn.receivedOf(family)),
  },
  {
    type: 'gauge',
    name: 'srv6d_neighbor_accepted_prefixes',
    help: 'Of those, the ones that can be used.',
    labels: [...NEIGHBOR, 'family'],
    read: eachFamily(({ adjRibIn }, family) => adjRibIn.acceptedOf(family)),
  },
  {
    type: 'gauge',
    name: 'srv6d_neighbor_advertised_prefixes',
    help: 'Prefixes that the neighbor was told.',
    labels: [...NEIGHBOR, 'family'],
    read: eachFamily(({ out }, family) => {
      return out.find((row) => row.family === family)?.out?.toldCount ?? 0
    }),
  },
  {
    type: 'gauge',
    name: 'srv6d_vrf_routes',
    help: 'Prefixes of a VRF with a usable path.',
    labels: ['vrf', 'family'],
    read: ({ speaker }, put) => {
      for (const { vrf } of speaker.vrfs) {
        for (const family of ADDRESS_FAMILIES) {
          put(vrf.rib(family).bestCount, { vrf: vrf.spec.name, family: familySpec(family).name })
        }
      }
    },
  },
  {
    type: 'gauge',
    name: 'srv6d_fib_routes',
    help: 'Routes of the kernel: wanted by srv6d, installed, failed (refused), stale (of a former run).',
    labels: ['state'],
    read: ({ speaker }, put) => {
      for (const [state, count] of Object.entries(speaker.fib.counts)) put(count, { state })
    },
  },
  {
    type: 'gauge',
    name: 'srv6d_sids',
    help: 'SIDs of this router by their state in the kernel.',
    labels: ['state'],
    read: ({ speaker }, put) => {
      const counts = sidCounts(speaker)
      for (const state of SID_STATES) put(counts[state], { state })
    },
  },
  {
    type: 'gauge',
    name: 'srv6d_locator_sids',
    help: 'SIDs that a locator has: used and free.',
    labels: ['locator', 'state'],
    read: ({ speaker }, put) => {
      for (const { locator, used, free } of speaker.sids.locators()) {
        put(used, { locator: locator.name, state: 'used' })
        put(free, { locator: locator.name, state: 'free' })
      }
    },
  },
  {
    type: 'gauge',
    name: 'srv6d_node_prefixes',
    help: 'Prefixes that speakers of this node announce, by what became of them: in a VRF, untagged, outside-pools or ambiguous.',
    labels: ['family', 'verdict', 'vrf'],
    read: ({ speaker }, put) => {
      for (const [family, networks] of speaker.node.imports) {
        const name = familySpec(family).name
        for (const { verdict, vrf, count } of networks.verdicts()) {
          put(count, { family: name, verdict, vrf })
        }
      }
    },
  },
  {
    type: 'counter',
    name: 'srv6d_icmp_errors_total',
    help: 'ICMP errors about packets too big for the core: passed on to the sender, or dropped.',
    labels: ['outcome'],
    read: ({ relay }, put) => {
      put(relay.relayed, { outcome: 'relayed' })
      put(relay.dropped, { outcome: 'dropped' })
    },
  },
]

/** The labels of the neighbour go before those that `read` puts. */
function eachNeighbor(read: (neighbor: Neighbor, put: Put) => void): MetricSpec['read'] {
  return ({ speaker }, put) => {
    for (const neighbor of speaker.neighbors) {
      const { address, vrf, as } = neighbor.config
      const own = { neighbor: address.text, vrf: vrf ?? '', as: `${as}` }
      read(neighbor, (value, labels) => put(value, { ...own, ...labels }))
    }
  }
}

function eachFamily(count: (neighbor: Neighbor, family: Family) => number): MetricSpec['read'] {
  return eachNeighbor((neighbor, put) => {
    for (const family of neighbor.config.families) {
      put(count(neighbor, family), { family: familySpec(family).name })
    }
  })
}
