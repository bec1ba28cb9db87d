import { adoptKernel, clearKernel } from '../fib/reconcile.ts'
import type { Locator } from '../vpn/sid-manager.ts'
import type { LocatorConfig } from './config-schema.ts'
import { ForwardingState } from './forwarding-state.ts'
import type { Speaker } from './speaker.ts'

export function locatorOf(config: LocatorConfig): Locator {
  return {
    name: config.name,
    prefix: config.prefix.bytes,
    structure: {
      blockBits: config.blockLength,
      nodeBits: config.nodeLength,
      functionBits: config.functionLength,
      argumentBits: 0,
    },
    nextCsid: config.behavior === 'usid',
  }
}

/** Takes over what a former run left in the kernel. */
export async function takeOver(speaker: Speaker): Promise<ForwardingState> {
  const dump = await adoptKernel(speaker.kernelTables)
  for (const { sid, target, behavior } of dump.localSids) {
    if (target.kind === 'next-hop') continue
    speaker.sids.recover({ sid, table: target.table, plainBehavior: behavior })
  }
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
  for (const vrf of vrfs) vrf.allocateSids(speaker.sids, locatorOf(vrf.config.locator))
  for (const { plane, config, sids } of vrfs) {
    if (!plane.isOpen) continue
    for (const sid of sids) speaker.localSids.want(sid.kernel)
    speaker.fib.wantUnreachableDefaults(config.table)
  }
  await speaker.localSids.flush()
}

/** `on-stop: remove`: everything that carries our protocol number, and what we made of VRFs. */
export async function removeFromKernel(speaker: Speaker): Promise<void> {
  await clearKernel(speaker.kernelTables)
  for (const { plane } of speaker.vrfs) await plane.remove()
}
