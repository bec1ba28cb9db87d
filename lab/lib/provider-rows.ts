/** Who must reach whom at the provider edge, and who must not. */
import { CUSTOMERS, ceOf, site } from './network.ts'
import { INTERNET, NODE, NODE_ADDRESS, PEER_PODS, PODS } from './provider-network.ts'
import type { Wanted } from './reach.ts'

const FAMILIES = [4, 6] as const

export function providerRows(): Wanted[] {
  return FAMILIES.flatMap((family) => [
    ...vpnRows(family),
    ...clusterRows(family),
    ...apartRows(family),
  ])
}

/** Pods and sites of a network, and the customer's default route. */
function vpnRows(family: 4 | 6): Wanted[] {
  return CUSTOMERS.flatMap((customer) => {
    const [pod, ce] = [PODS[customer], ceOf(customer, 2)]
    const far = site(2, family)
    return [
      { from: pod.name, to: far.ce, what: `${customer}'s site`, answers: ce },
      { from: pod.name, to: far.behind, what: `behind ${customer}'s site`, answers: ce },
      { from: ce, to: pod[family], what: `${customer}'s pod`, answers: pod.name },
      { from: pod.name, to: INTERNET[family], what: `${customer}'s default route`, answers: ce },
    ]
  })
}

/** As it is without VPNs: pods, nodes and the internet, and what pods of a network reach of it. */
function clusterRows(family: 4 | 6): Wanted[] {
  const { plain, blue } = PODS
  return [
    { from: plain.name, to: INTERNET[family], what: 'the internet', answers: 'inet' },
    { from: 'inet', to: plain[family], what: 'an untagged pod', answers: plain.name },
    { from: plain.name, to: PEER_PODS.plain[family], what: 'a pod elsewhere', answers: 'peer' },
    { from: 'peer', to: plain[family], what: 'an untagged pod', answers: plain.name },
    { from: plain.name, to: NODE_ADDRESS[family], what: 'its node', answers: NODE },
    { from: NODE, to: plain[family], what: 'its untagged pod', answers: plain.name },
    { from: plain.name, to: blue[family], what: "blue's pod beside it", answers: blue.name },
    { from: blue.name, to: plain[family], what: 'untagged pod beside it', answers: plain.name },
    { from: blue.name, to: PEER_PODS.plain[family], what: 'a pod elsewhere', answers: 'peer' },
    { from: blue.name, to: PEER_PODS.blue[family], what: "blue's pod elsewhere", answers: 'peer' },
    { from: blue.name, to: NODE_ADDRESS[family], what: 'its node', answers: NODE },
    { from: NODE, to: blue[family], what: "its pod of blue's", answers: blue.name },
    { from: 'peer', to: blue[family], what: "blue's pod from elsewhere", answers: blue.name },
  ]
}

/** Networks stay apart, over the VPN and within the cluster. */
function apartRows(family: 4 | 6): Wanted[] {
  const { red, blue, plain } = PODS
  const never = (from: string, to: string, what: string, neverAt: string): Wanted => ({
    ...{ from, to, what, answers: null, neverAt },
  })
  return [
    never(blue.name, red[family], "red's pod beside it", red.name),
    never(red.name, blue[family], "blue's pod beside it", blue.name),
    never(blue.name, PEER_PODS.red[family], "red's pod elsewhere", 'peer'),
    never('ce4', red[family], "red's pod, from blue's site", red.name),
    never('ce3', blue[family], "blue's pod, from red's site", blue.name),
    never('ce4', plain[family], "an untagged pod, from blue's site", plain.name),
  ]
}
