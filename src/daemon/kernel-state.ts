import { adoptKernel, clearKernel } from '../fib/reconcile.ts'
import { ForwardingState } from './forwarding-state.ts'
import type { Speaker } from './speaker.ts'

/** Takes over what a former run left in the kernel. */
export async function takeOver(speaker: Speaker): Promise<ForwardingState> {
  const dump = await adoptKernel(speaker.kernelTables)
  speaker.installer.adopt(dump)
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

/** `on-stop: remove`: everything that carries our protocol number, and what we made of VRFs. */
export async function removeFromKernel(speaker: Speaker): Promise<void> {
  await clearKernel(speaker.kernelTables)
  for (const { plane } of speaker.vrfs) await plane.remove()
}
