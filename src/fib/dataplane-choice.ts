import { CiliumKernel } from './cilium-kernel.ts'
import type { Dataplane } from './dataplane.ts'
import { CiliumDataplane } from './dataplane-cilium.ts'
import { TableDataplane } from './dataplane-table.ts'
import type { TablePorts } from './dataplane-table-vrf.ts'
import { VrfDataplane } from './dataplane-vrf.ts'
import { RuleTable } from './rule-table.ts'
import { RulePriority } from './table-rules.ts'

const { HOME, THROWN, SID, SAME_NETWORK, OTHER_NETWORK, CLUSTER, SOURCE, SOURCE_CLOSED } =
  RulePriority
const SOURCE_PRIORITIES = [
  HOME,
  THROWN,
  SID,
  SAME_NETWORK,
  OTHER_NETWORK,
  CLUSTER,
  SOURCE,
  SOURCE_CLOSED,
]

export type DataplaneMode = 'auto' | 'vrf' | 'table' | 'cilium'

/** The data plane as configured, or by `auto` that which this kernel has. */
export async function chooseDataplane(
  mode: DataplaneMode,
  given: Omit<TablePorts, 'rules'>,
): Promise<Dataplane> {
  if (given.kernel instanceof CiliumKernel) return new CiliumDataplane(given.kernel)
  const rules = new RuleTable(given.kernel, given.log, SOURCE_PRIORITIES, given.clock)
  const ports = { ...given, rules }
  if (mode === 'vrf') return new VrfDataplane(ports, 'as configured')
  if (mode === 'table') return new TableDataplane(ports, 'as configured')
  if (await given.kernel.hasVrfDevices())
    return new VrfDataplane(ports, 'the kernel has VRF devices')
  return new TableDataplane(ports, 'the kernel has no VRF devices')
}
