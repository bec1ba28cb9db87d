import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { Bpftool } from '../fib/bpftool.ts'
import { CiliumKernel } from '../fib/cilium-kernel.ts'
import type { Kernel } from '../fib/kernel.ts'
import { LinuxKernel } from '../fib/linux-kernel.ts'
import type { Config } from './config-schema.ts'

/** The kernel of this machine, with Cilium's data path in the place of its own where configured. */
export function kernelFor(
  { dataplane, vrfs, clusterPrefixes }: Config,
  clock: Clock,
  log: Logger,
): Kernel {
  const kernel = new LinuxKernel(log.child({ in: 'kernel' }))
  if (dataplane.mode !== 'cilium') return kernel
  return new CiliumKernel({
    kernel,
    store: new Bpftool(dataplane.ciliumMaps),
    vrfIds: vrfs.map(({ table }) => table),
    cluster: clusterPrefixes.map(({ bytes, bits }) => ({ address: bytes, bits })),
    clock,
    log: log.child({ in: 'cilium' }),
  })
}
