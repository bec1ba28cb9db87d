/**
 * Decapsulated IPv4 that End.DX4 sends on counts as come in by the core's interface, whichever that
 * is: its reverse path filter knows nothing of customers and drops it. Off, once an interface.
 */
import type { Logger } from '../base/logger.ts'
import { type Interfaces, isLinkLocal } from './interfaces.ts'
import type { Kernel, Link } from './kernel.ts'
import { prepareIngress } from './preflight.ts'

const LOOPBACK = 'lo'

/** The interfaces that packets of the core may come in by: those of pods and of VRFs are none. */
export function coreLinks(known: Interfaces): Link[] {
  const numbered = new Set<number>()
  for (const { ifindex, address } of known.addresses) {
    if (!isLinkLocal(address)) numbered.add(ifindex)
  }
  return [...known.links].filter(
    ({ ifindex, name, kind, master }) =>
      name !== LOOPBACK &&
      master === 0 &&
      kind !== 'vrf' &&
      (kind !== 'veth' || numbered.has(ifindex)),
  )
}

/** Names of those that SIDs are sent to by: a pod's veth has the address of a host at most. */
export function sidIngress(known: Interfaces): string[] {
  const onNetwork = new Set<number>()
  for (const { ifindex, address, bits } of known.addresses) {
    if (!isLinkLocal(address) && bits < address.length * 8) onNetwork.add(ifindex)
  }
  const links = coreLinks(known).filter(
    ({ ifindex, kind }) => kind !== 'veth' || onNetwork.has(ifindex),
  )
  return links.map(({ name }) => name)
}

export class OpenIngress {
  readonly #kernel: Kernel
  readonly #log: Logger
  readonly #open = new Set<number>()
  readonly #problems = new Set<string>()

  constructor({ kernel, log }: { kernel: Kernel; log: Logger }) {
    this.#kernel = kernel
    this.#log = log
  }

  get problems(): string[] {
    return [...this.#problems]
  }

  async open(links: Iterable<Link>): Promise<void> {
    for (const { ifindex, name } of links) {
      if (this.#open.has(ifindex)) continue
      this.#open.add(ifindex)
      for (const problem of await prepareIngress(this.#kernel, name)) {
        this.#problems.add(problem)
        this.#log.error({}, problem)
      }
    }
  }
}
