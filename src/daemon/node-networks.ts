import { putU32 } from '../base/bytes.ts'
import type { Logger } from '../base/logger.ts'
import { networkWords } from '../fib/interfaces.ts'
import type { RulePrefix } from '../fib/kernel.ts'
import { LocRib, type RibContext } from '../rib/loc-rib.ts'
import type { PeerId } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { NetworkImport } from '../vpn/network-import.ts'
import { type Network, Networks } from '../vpn/networks.ts'
import { ADDRESS_FAMILIES, type AddressFamily, type Vrf } from '../vpn/vrf.ts'
import { formatAddress } from '../wire/address.ts'
import { Family } from '../wire/registry.ts'
import type { IpPrefix } from './config-schema.ts'
import type { VrfInstance } from './vrf-instance.ts'

/** What speakers of this node announce: their tables, and the way into the VRFs. */
export class NodeNetworks {
  readonly ribs: ReadonlyMap<AddressFamily, LocRib>
  readonly imports = new Map<AddressFamily, NetworkImport>()
  readonly #context: RibContext
  readonly #log: Logger
  readonly #settle: () => Promise<unknown>
  #vrfs: readonly VrfInstance[] = []
  #settling = false
  /** What may go on once the kernel has let go of it. */
  #waiting: (() => void)[] = []

  /** `settle` brings bindings and routes to the kernel. */
  constructor(context: RibContext, log: Logger, settle: () => Promise<unknown>) {
    this.#context = context
    this.#log = log
    this.#settle = settle
    this.ribs = new Map(
      ADDRESS_FAMILIES.map((family) => [family, new LocRib('node', family, context)]),
    )
  }

  /** Once the speakers have their peer numbers, and before they are heard. */
  connect(vrfs: readonly VrfInstance[], peersOf: (speaker: string) => readonly PeerId[]): void {
    this.#vrfs = vrfs
    const networks = new Networks(
      vrfs.flatMap(({ vrf, config }) =>
        config.networks.map((each) => networkOf(vrf, each, peersOf)),
      ),
      this.#context.attrs,
    )
    const targets = vrfs.map(({ vrf }) => vrf)
    for (const [family, rib] of this.ribs) {
      const listener = {
        onJoin: (vrf: Vrf, _: AddressFamily, words: Int32Array, bits: number) =>
          this.#bind(vrf, rulePrefix(family, words, bits)),
        onLeave: (vrf: Vrf, _: AddressFamily, words: Int32Array, bits: number, goOn: GoOn) =>
          this.#unbind(vrf, rulePrefix(family, words, bits), goOn),
      }
      const made = new NetworkImport(rib, networks, targets, this.#context, listener)
      this.imports.set(family, made)
    }
  }

  get dirtyCount(): number {
    let count = 0
    for (const rib of this.ribs.values()) count += rib.dirtyCount
    return count
  }

  settle(budget: number): void {
    for (const rib of this.ribs.values()) rib.settle(budget)
  }

  /** For `show`: why what comes from a prefix is not its VRF's, null when it is. */
  whyUnbound(rib: LocRib, prefix: PrefixId, vrf: Vrf): string | null {
    const { words, keyWords } = rib.prefixes
    const at = rib.prefixes.wordsAt(prefix)
    const family = rib.family as AddressFamily
    const key = rulePrefix(family, words.subarray(at, at + keyWords), rib.prefixes.bitsOf(prefix))
    return this.#instance(vrf).plane.whyUnbound(key)
  }

  /** The VRF has another device: what leads to this node's prefixes goes by it. */
  retell(vrf: Vrf): void {
    for (const each of this.imports.values()) each.retell(vrf)
  }

  #bind(vrf: Vrf, prefix: RulePrefix): void {
    const fields = { vrf: vrf.spec.name, prefix: textOf(prefix) }
    this.#settleSoon()
    try {
      this.#instance(vrf).plane.bindSource(prefix)
      this.#log.info(fields, 'prefix of this node is in the network')
    } catch (error) {
      this.#log.error({ ...fields, err: error }, 'what comes from the prefix is not in the network')
    }
  }

  #unbind(vrf: Vrf, prefix: RulePrefix, goOn: GoOn): void {
    this.#instance(vrf).plane.unbindSource(prefix, goOn !== null)
    if (goOn) this.#waiting.push(goOn)
    this.#settleSoon()
    const fields = { vrf: vrf.spec.name, prefix: textOf(prefix) }
    this.#log.info(fields, 'prefix of this node left the network')
  }

  /** Once for all that joins and leaves in a turn. */
  #settleSoon(): void {
    if (this.#settling) return
    this.#settling = true
    queueMicrotask(() => {
      this.#settling = false
      const waiting = this.#waiting
      this.#waiting = []
      this.#settle()
        .catch((error) => this.#log.error({ err: error }, 'ip rules not written'))
        .finally(() => {
          for (const goOn of waiting) goOn()
        })
    })
  }

  #instance(vrf: Vrf): VrfInstance {
    return this.#vrfs.find((each) => each.vrf === vrf)!
  }
}

type GoOn = (() => void) | null

function networkOf(
  vrf: Vrf,
  { from, community, pools }: VrfInstance['config']['networks'][number],
  peersOf: (speaker: string) => readonly PeerId[],
): Network {
  return {
    vrf,
    peers: peersOf(from),
    community: community.bytes,
    pools: pools?.map(poolOf) ?? null,
  }
}

function poolOf({ family, bytes, bits, text }: IpPrefix) {
  return {
    family: family === 4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST,
    words: networkWords(bytes, bits),
    bits,
    text,
  }
}

function rulePrefix(family: AddressFamily, words: Int32Array, bits: number): RulePrefix {
  const address = new Uint8Array(family === Family.IPV4_UNICAST ? 4 : 16)
  for (let k = 0; k * 4 < address.length; k++) putU32(address, k * 4, words[k]!)
  return { address, bits }
}

function textOf({ address, bits }: RulePrefix): string {
  return `${formatAddress(address, 0, address.length === 4 ? 4 : 16)}/${bits}`
}
