import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Interfaces } from '../fib/interfaces.ts'
import type { Kernel, KernelChange } from '../fib/kernel.ts'
import { type KernelTables, resyncKernel } from '../fib/reconcile.ts'
import type { VrfInstance } from './vrf-instance.ts'

/** Notifications come in swarms: look once they pause. */
const LOOK_AFTER_MS = 20
/** With these the kernel may have dropped routes, SIDs or nexthop objects without a word. */
const MAY_HAVE_LOST: ReadonlySet<KernelChange> = new Set(['link', 'nexthop', 'overflow'])

/** Keeps what srv6d knows of interfaces and addresses, and what it has installed, true to the kernel. */
export class KernelFollower {
  readonly #kernel: Kernel
  readonly #clock: Clock
  readonly #log: Logger
  readonly #interfaces: Interfaces
  readonly #vrfs: readonly VrfInstance[]
  readonly #tables: () => KernelTables
  readonly #onLooked: () => void
  readonly #changes = new Set<KernelChange>()
  #looking = false
  #stopped = false
  #unwatch = () => {}

  constructor(ports: {
    kernel: Kernel
    clock: Clock
    log: Logger
    interfaces: Interfaces
    vrfs: readonly VrfInstance[]
    tables: () => KernelTables
    onLooked: () => void
  }) {
    this.#kernel = ports.kernel
    this.#clock = ports.clock
    this.#log = ports.log
    this.#interfaces = ports.interfaces
    this.#vrfs = ports.vrfs
    this.#tables = ports.tables
    this.#onLooked = ports.onLooked
  }

  start(): void {
    this.#unwatch = this.#kernel.watch((what) => {
      this.#changes.add(what)
      this.#lookSoon()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#unwatch()
  }

  /** Reads links and addresses, and puts interfaces that have come into their VRF. */
  async look(): Promise<void> {
    await this.#read()
    let moved = false
    for (const { plane } of this.#vrfs) if (await plane.attach(this.#interfaces)) moved = true
    if (moved) await this.#read()
  }

  async #read(): Promise<void> {
    this.#interfaces.update(await this.#kernel.links(), await this.#kernel.addresses())
  }

  #lookSoon(): void {
    if (this.#looking) return
    this.#looking = true
    this.#clock.after(LOOK_AFTER_MS, () => {
      this.#follow()
        .catch((error) => this.#log.error({ err: error }, 'reading the kernel failed'))
        .finally(() => {
          this.#looking = false
          if (this.#changes.size > 0 && !this.#stopped) this.#lookSoon()
        })
    })
  }

  async #follow(): Promise<void> {
    if (this.#stopped) return
    const changes = [...this.#changes]
    this.#changes.clear()
    this.#log.debug({ changes }, 'kernel changed')
    await this.look()
    if (this.#stopped) return
    if (changes.some((what) => MAY_HAVE_LOST.has(what))) await resyncKernel(this.#tables())
    if (!this.#stopped) this.#onLooked()
  }
}
