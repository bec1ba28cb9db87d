import type { Logger } from '../base/logger.ts'
import type { Interfaces } from '../fib/interfaces.ts'
import type { ChangedSetting, Kernel } from '../fib/kernel.ts'

/** The index of `all` interfaces in notifications; that of `default` is -2. */
export const ALL = -1
const GROUPS = new Map([
  [ALL, 'all'],
  [-2, 'default'],
])

interface KeeperPorts {
  kernel: Kernel
  interfaces: Interfaces
  log: Logger
}

/**
 * Keeps the host's settings as srv6d has made them: udev, at a new device, and whoever reloads
 * sysctl.d put their own in their place (systemd: rp_filter 2).
 */
export class SettingsKeeper {
  readonly #ports: KeeperPorts
  /** Index of the interfaces of which something may have changed. */
  readonly #noticed = new Set<number>()

  constructor(ports: KeeperPorts) {
    this.#ports = ports
  }

  notice(ifindex: number): void {
    this.#noticed.add(ifindex)
  }

  /** Of what was noticed; or of everything, for changes that nobody heard of. */
  async keep(everything: boolean): Promise<void> {
    const { kernel, interfaces } = this.#ports
    const noticed = [...this.#noticed]
    this.#noticed.clear()
    if (everything) return this.#tell(await kernel.keepSettings())
    for (const ifindex of noticed) {
      const device = GROUPS.get(ifindex) ?? interfaces.byIndex(ifindex)?.name
      if (device !== undefined) this.#tell(await kernel.keepSettings(device))
    }
  }

  #tell(changes: readonly ChangedSetting[]): void {
    const { log } = this.#ports
    for (const { path, value, was, why } of changes) {
      if (why === null) log.warn({ setting: path, was, value }, 'setting was changed: set back')
      else log.error({ setting: path, is: was, expected: value }, `setting left as it is: ${why}`)
    }
  }
}
