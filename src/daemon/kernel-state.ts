import type { Dataplane } from '../fib/dataplane.ts'
import { chooseDataplane } from '../fib/dataplane-choice.ts'
import { adoptKernel, clearKernel, sweepKernel } from '../fib/reconcile.ts'
import type { ClusterAddresses } from '../fib/table-rules.ts'
import type { Config, IpPrefix } from './config-schema.ts'
import { ForwardingState } from './forwarding-state.ts'
import type { Speaker } from './speaker.ts'

/** The data plane that the configuration asks for, or that this kernel has. */
export async function dataplaneOf(speaker: Speaker): Promise<Dataplane> {
  const { kernel, nexthops, fib, config, clock, log } = speaker
  const source = config.router.source.bytes
  const dataplane = await chooseDataplane(config.dataplane.mode, {
    ...{ kernel, nexthops, fib, clock, source, cluster: clusterOf(config) },
    log: log.child({ in: 'fib' }),
  })
  log.info({ mode: dataplane.mode, why: dataplane.why }, 'data plane')
  return dataplane
}

function clusterOf({ clusterPrefixes, vrfs }: Config): ClusterAddresses {
  const ruleOf = ({ bytes, bits }: IpPrefix) => ({ address: bytes, bits })
  return {
    prefixes: clusterPrefixes.map(ruleOf),
    pools: new Map(
      vrfs.map(({ table, networks }) => [
        table,
        networks.flatMap(({ pools }) => pools ?? []).map(ruleOf),
      ]),
    ),
  }
}

/** Takes over what a former run left in the kernel. */
export async function takeOver(speaker: Speaker): Promise<ForwardingState> {
  const dump = await adoptKernel(speaker.kernelTables)
  speaker.installer.adopt(dump, await speaker.dataplane.recover(dump.localSids))
  const state = new ForwardingState(dump)
  // Nexthop objects alone forward nothing: nobody is waited for.
  if (!state.found) speaker.nexthops.sweep()
  return state
}

/** VRFs, settings, interfaces, SIDs: what has to be there before the first route. */
export async function prepareKernel(speaker: Speaker): Promise<void> {
  const {
    kernel,
    dataplane,
    vrfs,
    config: { router },
  } = speaker
  for (const { plane } of vrfs) await plane.open()
  speaker.problems.push(...(await dataplane.prepare()))
  for (const { plane } of vrfs) await plane.prepare()
  try {
    await kernel.setTunnelSource(router.source.bytes)
  } catch (error) {
    speaker.problems.push(`source address of SRv6 packets: ${(error as Error).message}`)
  }
  for (const problem of speaker.problems) speaker.log.error({}, problem)
  await speaker.follower.look()
  for (const { plane, config, sids } of vrfs) {
    sids.open()
    if (sids.problem !== null) speaker.log.error({ vrf: config.name }, sids.problem)
    if (plane.isOpen) speaker.fib.wantUnreachableDefaults(config.table)
  }
  await speaker.installer.write()
}

/** What a former run left and nobody asked for again goes. */
export async function sweep({ kernelTables, dataplane }: Speaker): Promise<void> {
  await sweepKernel(kernelTables)
  await dataplane.sweep()
}

/** VRFs of a former run that are no more: their SIDs and routes are gone, now the rest goes. */
export async function removeFormer({ dataplane, fib }: Speaker): Promise<void> {
  if (!(await dataplane.removeFormer())) return
  fib.sweepLastResorts()
  await fib.flush()
}

/**
 * `on-stop: remove`: everything that carries our protocol number, and what we made of VRFs. What
 * keeps a VRF's packets out of the main table goes last, and only where nothing leads to the VRF's
 * table any more: an interface in a VRF device of others stays shut in.
 */
export async function removeFromKernel(speaker: Speaker): Promise<void> {
  const { kernelTables, vrfs, dataplane, fib } = speaker
  await clearKernel(kernelTables)
  const freed: number[] = []
  for (const { plane, config } of vrfs) if (await plane.remove()) freed.push(config.table)
  await dataplane.remove()
  for (const table of freed) fib.unwantTable(table)
  await removeFormer(speaker)
  await fib.flush()
}
