/** The SIDs of one VRF over a keeper in memory, which answers when the test says so. */
import { sidPlanOf } from '../../src/daemon/sid-plans.ts'
import type { Locator } from '../../src/vpn/locator.ts'
import {
  type ServiceSid,
  type ServiceSidState,
  ServiceSids,
  type SidKeeper,
  type SidPlan,
} from '../../src/vpn/service-sids.ts'
import { SidManager } from '../../src/vpn/sid-manager.ts'
import { address } from './builder.ts'
import type { World } from './rib.ts'

/** 32 bits of block, 16 of node. */
export function locator(
  prefix: string,
  of: Partial<Locator> & { functionBits?: number } = {},
): Locator {
  const { functionBits = 16, ...more } = of
  const structure = { blockBits: 32, nodeBits: 16, functionBits, argumentBits: 0 }
  return { name: 'main', prefix: address(prefix), structure, nextCsid: false, ...more }
}

export class FakeKeeper implements SidKeeper {
  readonly rows: ServiceSid[] = []
  readonly dropped = new Set<ServiceSid>()
  /** What the kernel says of a new SID; 'pending': nothing yet. */
  answer: (row: ServiceSid) => ServiceSidState = () => 'installed'

  install(row: ServiceSid): void {
    this.rows.push(row)
    row.state = this.answer(row)
  }

  drop(row: ServiceSid): void {
    this.dropped.add(row)
  }

  keep(row: ServiceSid): void {
    this.dropped.delete(row)
  }

  /** Time has passed: what was dropped is gone. */
  drain(): void {
    for (const row of this.dropped) row.owner.forget(row)
    this.dropped.clear()
  }
}

export function serviceSids(
  world: World,
  mode: Parameters<typeof sidPlanOf>[0]['sid'],
  of: { locator?: Locator; plan?: Partial<SidPlan> } = {},
): { sids: ServiceSids; keeper: FakeKeeper; manager: SidManager } {
  const here = of.locator ?? locator('fcbb:bb00:1::')
  const none = { dt46: null, dt4: null, dt6: null }
  const plan = { ...sidPlanOf({ sid: mode, sids: none } as never, true), ...of.plan }
  const manager = new SidManager([here], [...plan.explicit.values()])
  const keeper = new FakeKeeper()
  const vrf = { name: 'red', table: 10 }
  const { nextHops } = world
  const sids = new ServiceSids({ vrf, locator: here, plan, manager, nextHops, keeper })
  sids.open()
  return { sids, keeper, manager }
}
