import { prepareNamespace, prepareVrfDevice } from '../fib/preflight.ts'
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
export async function adoptKernel(speaker: Speaker): Promise<boolean> {
  const dump = await speaker.kernel.dump()
  speaker.nexthops.adopt(dump.nexthops)
  speaker.fib.adopt(dump.routes)
  for (const { sid, table, behavior } of dump.localSids) {
    speaker.sids.recover({ sid, table, plainBehavior: behavior })
  }
  const { routes, nexthops, localSids } = dump
  const count = routes.length + nexthops.length + localSids.length
  if (count === 0) return false
  speaker.log.info(
    { routes: routes.length, nexthops: nexthops.length, sids: localSids.length },
    'found routes of a former run in the kernel',
  )
  return true
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
  await speaker.look()
  for (const vrf of vrfs) vrf.allocateSids(speaker.sids, locatorOf(vrf.config.locator))
  await dropForeignSids(speaker)
  for (const vrf of vrfs) await vrf.installSids(kernel)
  for (const { ifindex, config } of vrfs)
    if (ifindex !== 0) speaker.fib.wantUnreachableDefaults(config.table)
}

/** `on-stop: remove`: everything that carries our protocol number, and VRF devices that we made. */
export async function removeFromKernel(speaker: Speaker): Promise<void> {
  const { kernel, vrfs, log } = speaker
  speaker.fib.unwantAll()
  speaker.nexthops.sweep()
  await speaker.fib.flush()
  for (const vrf of vrfs) {
    for (const { kernel: sid } of vrf.sids) await kernel.deleteLocalSid(sid)
  }
  for (const vrf of vrfs) {
    if (!vrf.created) continue
    try {
      await kernel.removeLink(vrf.config.device)
    } catch (error) {
      log.error({ err: error, device: vrf.config.device }, 'vrf device not removed')
    }
  }
}

/** SIDs of a former run that no VRF of this configuration has. */
async function dropForeignSids(speaker: Speaker): Promise<void> {
  const { kernel, vrfs, log } = speaker
  const wanted = new Set(vrfs.flatMap((vrf) => vrf.sids.map(({ row }) => row.sid.join('.'))))
  for (const sid of (await kernel.dump()).localSids) {
    if (wanted.has(sid.sid.join('.'))) continue
    log.info({ table: sid.table }, 'removing a SID of a former configuration')
    await kernel.deleteLocalSid(sid)
  }
}
