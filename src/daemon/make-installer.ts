import { GatewayAliases } from '../fib/gateway-aliases.ts'
import { removeFormer } from './kernel-state.ts'
import { SidInstaller } from './sid-installer.ts'
import type { Speaker } from './speaker.ts'

/** What keeps the SIDs of all VRFs in the kernel; `wake`: there is something to do in a turn. */
export function makeInstaller(speaker: Speaker, wake: () => void): SidInstaller {
  const { fib, nexthops, sids, localSids, clock, log, config, vrfs } = speaker
  return new SidInstaller({
    ...{ manager: sids, localSids, fib, clock, wake },
    aliases: new GatewayAliases(fib, nexthops),
    log: log.child({ in: 'fib' }),
    drainMs: config.dataplane.sidDrainTime * 1000,
    planeOf: (name) => vrfs.find((vrf) => vrf.config.name === name)!.plane,
    onStaleGone: () => removeFormer(speaker),
  })
}
