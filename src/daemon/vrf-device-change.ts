import { CeaseError } from '../wire/registry.ts'
import type { Speaker } from './speaker.ts'
import type { VrfInstance } from './vrf-instance.ts'

/**
 * A VRF has another device than before, or none any more: its SIDs go by the new one, and sockets
 * that were bound to the old one are dead.
 */
export async function changeDevice(speaker: Speaker, vrf: VrfInstance): Promise<void> {
  const { installer, fib, listening, neighbors } = speaker
  installer.renew(vrf.sids.rows())
  speaker.node.retell(vrf.vrf)
  if (vrf.plane.isOpen) fib.wantUnreachableDefaults(vrf.config.table)
  // Where sessions go by the circuits they are none the worse for it.
  if (!vrf.plane.listenDevices.includes(vrf.plane.device)) return
  await listening.sync()
  for (const { config, peer } of neighbors) {
    if (config.vrf !== vrf.config.name) continue
    peer.reset(CeaseError.OTHER_CONFIGURATION_CHANGE, 'the VRF has another device')
  }
}
