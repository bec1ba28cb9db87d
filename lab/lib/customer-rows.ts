/** Who must reach whom at the customer edge, and who must not. */
import { PODS } from './customer-network.ts'
import { OWN_HOST, site } from './network.ts'
import type { Wanted } from './reach.ts'

const FAMILIES = [4, 6] as const

/** `red`: red has a router with BGP behind pe2. */
export function customerRows(red: boolean): Wanted[] {
  return FAMILIES.flatMap((family) => [
    ...siteRows('blue', 'ce4', family),
    ...(red ? siteRows('red', 'ce3', family) : []),
    ...clusterRows(family),
    ...apartRows(family),
  ])
}

function siteRows(customer: 'red' | 'blue', router: string, family: 4 | 6): Wanted[] {
  const [pod, far] = [PODS[customer], site(2, family)]
  return [
    { from: pod.name, to: far.ce, what: `${customer}'s router`, answers: router },
    { from: pod.name, to: far.behind, what: `behind ${customer}'s router`, answers: router },
    { from: router, to: pod[family], what: `${customer}'s pod`, answers: pod.name },
  ]
}

/** The two clusters of one customer, and its router with the second one on the same PE. */
function clusterRows(family: 4 | 6): Wanted[] {
  const { blue, second } = PODS
  return [
    { from: blue.name, to: second[family], what: 'a pod of the other cluster', answers: 'blue2' },
    { from: second.name, to: blue[family], what: 'a pod of the other cluster', answers: 'blue1' },
    { from: 'ce4', to: second[family], what: "a pod of blue's cluster here", answers: 'blue2' },
  ]
}

function apartRows(family: 4 | 6): Wanted[] {
  const { red, blue, second } = PODS
  const own = site(2, family).host(OWN_HOST.red)
  return [
    {
      ...{ from: red.name, to: second[family], what: "a pod of blue's second cluster" },
      ...{ answers: null, neverAt: second.name },
    },
    { from: blue.name, to: own, what: "red's own host", answers: null, neverAt: 'ce3' },
    {
      ...{ from: red.name, to: site(2, family).host(OWN_HOST.blue), what: "blue's own host" },
      ...{ answers: null, neverAt: 'ce4' },
    },
  ]
}
