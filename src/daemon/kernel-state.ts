import { prepareNamespace, prepareVrfDevice } from '../fib/preflight.ts'
import { adoptKernel, clearKernel } from '../fib/reconcile.ts'
import type { Locator } from '../vpn/sid-manager.ts'
import type { LocatorConfig } from './config-schema.ts'
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

/** Takes over what a former run left in the kernel; true when there was something. */
export async function takeOver(speaker: Speaker): Promise<boolean> {
  const { routes, localSids } = await adoptKernel(speaker.kernelTables)
  for (const { sid, target, behavior } of localSids) {
    if (target.kind === 'next-hop') continue
    speaker.sids.recover({ sid, table: target.table, plainBehavior: behavior })
  }
  if (routes.length + localSids.length > 0) return true
  // Nexthop objects alone forward nothing: nobody is waited for.
  speaker.nexthops.sweep()
  return false
}

/** VRF devices, settings, interfaces, SIDs: what has to be there before the first route. */
export async function prepareKernel(speaker: Speaker): Promise<void> {
  const {
    kernel,
    vrfs,
    config: { router },
  } = speaker
  for (const vrf of vrfs) await vrf.ensureDevice(kernel)
  speaker.problems.push(...(await prepareNamespace(kernel)))
  for (const vrf of vrfs) {
    if (vrf.ifindex !== 0) vrf.problems.push(...(await prepareVrfDevice(kernel, vrf.config.device)))
  }
  try {
    await kernel.setTunnelSource(router.source.bytes)
  } catch (error) {
    speaker.problems.push(`source address of SRv6 packets: ${(error as Error).message}`)
  }
  for (const problem of speaker.problems) speaker.log.error({}, problem)
  await speaker.follower.look()
  for (const vrf of vrfs) vrf.allocateSids(speaker.sids, locatorOf(vrf.config.locator))
  for (const { ifindex, config, sids } of vrfs) {
    if (ifindex === 0) continue
    for (const sid of sids) speaker.localSids.want(sid.kernel)
    speaker.fib.wantUnreachableDefaults(config.table)
  }
  await speaker.localSids.flush()
}

/** `on-stop: remove`: everything that carries our protocol number, and VRF devices that we made. */
export async function removeFromKernel(speaker: Speaker): Promise<void> {
  const { kernel, vrfs, log } = speaker
  await clearKernel(speaker.kernelTables)
  for (const vrf of vrfs) {
    if (!vrf.created) continue
    try {
      await kernel.removeLink(vrf.config.device)
    } catch (error) {
      log.error({ err: error, device: vrf.config.device }, 'vrf device not removed')
    }
  }
}
