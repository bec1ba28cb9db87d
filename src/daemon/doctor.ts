import { equalBytes } from '../base/bytes.ts'
import { Bpftool } from '../fib/bpftool.ts'
import { CILIUM_MAPS } from '../fib/cilium-maps.ts'
import { examine, type Finding, mayHaveVrf, type SidFacts, type Subject } from '../fib/doctor.ts'
import { linuxHost } from '../fib/host.ts'
import type { Kernel } from '../fib/kernel.ts'
import { parseAddress } from '../wire/address.ts'
import type { Config, VrfConfig } from './config-schema.ts'
import { sidPlanOf } from './sid-plans.ts'

const FIRST_UNPRIVILEGED_PORT = 1024
const LOOPBACK = 1

/** Examines this host for a configuration; `sids`: what a running daemon says of its own. */
export async function runDoctor(
  config: Config,
  kernel: Kernel,
  sids: Pick<SidFacts, 'sid' | 'why'>[] | null = null,
): Promise<Finding[]> {
  const links = await kernel.links()
  const addresses = await kernel.addresses()
  const source = config.router.source
  const { mode } = config.dataplane
  const vrfDevices = mode === 'vrf' || (mode === 'auto' && mayHaveVrf(linuxHost))
  return examine(linuxHost, {
    vrfDevices,
    encapsulation: config.dataplane.encapsulation,
    behaviors: config.vrfs.flatMap((vrf) => behaviorsOf(vrf, vrfDevices)),
    vrfs: config.vrfs,
    links,
    coreIfindexes: await towards(config, kernel),
    source: {
      text: source.text,
      isOurs: addresses.some(
        ({ address }) => address.length === 16 && equalBytes(address, 0, source.bytes, 0, 16),
      ),
    },
    lowPort: config.listen.some(({ port }) => port < FIRST_UNPRIVILEGED_PORT),
    sids: await Promise.all((sids ?? []).map((each) => sidFacts(each, kernel))),
    cilium: mode === 'cilium' ? await ciliumFacts(config.dataplane.ciliumMaps) : null,
    running: sids !== null,
    changed: kernel.changedSysctls,
  })
}

async function sidFacts(
  { sid, why }: Pick<SidFacts, 'sid' | 'why'>,
  kernel: Kernel,
): Promise<SidFacts> {
  const way = await kernel.routeTo(parseAddress(sid))
  return { sid, why, byLoopback: !('errno' in way) && way.ifindex === LOOPBACK }
}

async function ciliumFacts(folder: string): Promise<NonNullable<Subject['cilium']>> {
  const store = new Bpftool(folder)
  try {
    const ids = await Promise.all(CILIUM_MAPS.map((map) => store.idOf(map)))
    return { missing: CILIUM_MAPS.filter((_, k) => ids[k] === undefined), why: null }
  } catch (error) {
    return { missing: [], why: (error as Error).message }
  }
}

function behaviorsOf(vrf: VrfConfig, vrfDevices: boolean): number[] {
  const { byTable, byGateway } = sidPlanOf(vrf, vrfDevices)
  return [...byTable.values(), ...byGateway.values()].map(({ classic }) => classic)
}

/** The interfaces by which the neighbours of the core are reached. */
async function towards({ neighbors }: Config, kernel: Kernel): Promise<number[]> {
  const found = new Set<number>()
  for (const { address } of neighbors) {
    const way = await kernel.routeTo(address.bytes)
    if (!('errno' in way)) found.add(way.ifindex)
  }
  return [...found]
}
