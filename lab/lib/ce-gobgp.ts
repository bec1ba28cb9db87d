import { Gobgp } from './gobgp.ts'
import { type Customer, ceOf, site } from './network.ts'

export const CE_AS = 65101

/** GoBGP as a customer's router at site 1: a session a family with pe1. */
export class CeGobgp extends Gobgp {
  constructor(root: string, customer: Customer) {
    super({
      root,
      namespace: ceOf(customer, 1),
      as: CE_AS,
      routerId: '10.1.0.1',
      peerAs: 65000,
      neighbors: { [site(1, 4).pe]: ['ipv4-unicast'], [site(1, 6).pe]: ['ipv6-unicast'] },
      local: { [site(1, 6).pe]: site(1, 6).ce },
    })
  }
}
