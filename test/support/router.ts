/**
 * A whole Speaker over the kernel in memory, a clock turned by hand and connections without TCP:
 * the neighbours are played by the test, message by message.
 */
import { ManualClock } from '../../src/base/clock.ts'
import { type Logger, silentLogger } from '../../src/base/logger.ts'
import { parseConfig } from '../../src/daemon/config-load.ts'
import { Show } from '../../src/daemon/show.ts'
import { Speaker } from '../../src/daemon/speaker.ts'
import type { KernelRoute } from '../../src/fib/kernel.ts'
import { formatAddress } from '../../src/wire/address.ts'
import { address, capability, u8, u16be, u32be, update } from './builder.ts'
import { FakeKernel } from './fake-kernel.ts'
import { FakeTransport } from './fake-socket.ts'
import { ToldNeighbor } from './rib.ts'
import { goodOpen, keepalive } from './scripted-peer.ts'

/** AFI and SAFI of the families. */
export const AFI: Record<string, [number, number]> = {
  ipv4: [1, 1],
  ipv6: [2, 1],
  vpnv4: [1, 128],
  vpnv6: [2, 128],
}

/** A kernel with a core interface, and `red`, `blue` towards customers; remote SIDs by `core`. */
export function peKernel(): FakeKernel {
  const kernel = new FakeKernel()
  kernel.addLink('core')
  const red = kernel.addLink('red')
  const blue = kernel.addLink('blue')
  for (const [ifindex, text, bits] of [
    [red.ifindex, '172.16.1.1', 24],
    [red.ifindex, '2001:db8:1::1', 64],
    [red.ifindex, 'fe80::1', 64],
    [blue.ifindex, '172.16.2.1', 24],
  ] as const) {
    kernel.addressList.push({ ifindex, address: address(text), bits, scope: 0, flags: 0x80 })
  }
  return kernel
}

/** Lets turns of the event loop pass, as many as everything that is under way may need. */
export async function calm(turns = 40): Promise<void> {
  for (let k = 0; k < turns; k++) await new Promise((resolve) => setImmediate(resolve))
}

export class Router {
  readonly speaker: Speaker
  readonly kernel: FakeKernel
  readonly clock = new ManualClock()
  readonly show: Show
  readonly transports = new Map<string, FakeTransport[]>()
  /** Each dial: '172.16.1.2 dev red'. */
  readonly dials: string[] = []

  private constructor(yaml: string, kernel: FakeKernel, log: Logger) {
    this.kernel = kernel
    const config = parseConfig(yaml, 'test.yaml')
    this.speaker = new Speaker(config, kernel, log, this.clock, (target) => {
      this.dials.push(`${target.address} dev ${target.bindDevice ?? '-'}`)
      const transport = new FakeTransport()
      transport.remoteAddress = target.address
      const v4 = !target.address.includes(':')
      transport.localAddress = target.localAddress ?? (v4 ? '172.16.1.1' : '2001:db8:1::1')
      const all = this.transports.get(target.address) ?? []
      this.transports.set(target.address, [...all, transport])
      return transport
    })
    this.show = new Show(this.speaker, '0.0.0')
  }

  static async start(yaml: string, kernel = peKernel(), log = silentLogger): Promise<Router> {
    const router = new Router(yaml, kernel, log)
    await router.speaker.start()
    await calm()
    return router
  }

  /**
   * Routes of a kernel table: '10.1.0.0/24 seg6 fcbb:bb00:2:e000::', '… via 172.16.1.2', '… throw',
   * '… seg6 fcbb:bb00:2:: *2 + seg6 fcbb:bb00:3:: *1' by a group of several.
   */
  fib(table: number): string[] {
    const routes = [...this.kernel.routes.values()].filter((route) => route.table === table)
    return routes.map((route) => `${prefixText(route)} ${this.#wayOf(route)}`).sort()
  }

  #wayOf(route: KernelRoute): string {
    const names: Record<number, string> = { 6: 'blackhole', 7: 'unreachable', 9: 'throw' }
    const group = this.kernel.groups.get(route.nexthop) ?? []
    if (group.length > 1) {
      return group
        .map(({ id, weight }) => `${this.#leafText(id, '')} *${weight}`)
        .sort()
        .join(' + ')
    }
    const id = group[0]?.id ?? route.nexthop
    return this.#leafText(id, names[route.kind] ?? 'unicast by nothing')
  }

  #leafText(id: number, otherwise: string): string {
    const nexthop = this.kernel.nexthops.get(id)
    if (nexthop === undefined) return otherwise
    const { segments, gateway } = nexthop
    if (segments) return `seg6 ${formatAddress(segments[0]!, 0, 16)}`
    const device = this.kernel.linkList.find((link) => link.ifindex === nexthop.ifindex)?.name
    if (!gateway) return `dev ${device}`
    return `via ${formatAddress(gateway, 0, gateway.length as 4 | 16)} dev ${device}`
  }

  /** Time passes in steps of a second, each with the turns that it causes. */
  async pass(seconds: number): Promise<void> {
    for (let k = 0; k < seconds; k++) {
      this.clock.advance(1000)
      await calm(4)
    }
    await calm()
  }

  /** Kernel notifications are followed after a pause. */
  async kernelChanged(what: 'link' | 'address' | 'route' | 'rule' | 'overflow'): Promise<void> {
    this.kernel.tell(what)
    this.clock.advance(250)
    await calm()
  }
}

function prefixText(route: KernelRoute): string {
  const octets = u32be(...Array.from(route.words, (word) => word >>> 0))
  return `${formatAddress(octets, 0, route.family === 4 ? 4 : 16)}/${route.bits}`
}

export interface RestartCapability {
  families: string[]
  /** Forwarding state preserved. */
  preserved?: boolean
  restarting?: boolean
  /** Seconds. */
  time?: number
  /** RFC 8538. */
  notification?: boolean
  /** RFC 9494: seconds of each family; without it the capability is not sent. */
  longLived?: number
}

/** A neighbour, played by the test. */
export class Remote {
  readonly #router: Router
  readonly #address: string
  readonly #as: number
  readonly #families: string[]
  readonly #id: string
  transport!: FakeTransport
  picture!: ToldNeighbor
  #heard = 0

  constructor(router: Router, address: string, as: number, families: string[], id = '192.0.2.2') {
    this.#router = router
    this.#address = address
    this.#as = as
    this.#families = families
    this.#id = id
  }

  /** Takes the connection that the router dials, and opens the session. */
  async up(restart?: RestartCapability): Promise<this> {
    for (let k = 0; this.#dialled() === undefined; k++) {
      if (k > 100) throw new Error(`${this.#address} is not dialled`)
      await this.#router.pass(1)
    }
    this.transport = this.#dialled()!
    this.picture = new ToldNeighbor({ ebgp: this.#as !== 65000 })
    this.#heard = 0
    this.transport.connected()
    const capabilities = restart === undefined ? [] : restartCapabilities(restart)
    const families = this.#families.map((family) => AFI[family]!)
    const options = { as: this.#as, routerId: this.#id, capabilities }
    this.transport.receive(goodOpen(options, families), keepalive)
    await this.hear()
    return this
  }

  #dialled(): FakeTransport | undefined {
    const last = this.#router.transports.get(this.#address)?.at(-1)
    return last === this.transport || last?.closed ? undefined : last
  }

  async send(...messages: Uint8Array[]): Promise<void> {
    this.transport.receive(...messages)
    await this.hear()
  }

  async endOfRib(...families: string[]): Promise<void> {
    const marks = families.map((family) => endOfRib(family))
    await this.send(...marks)
  }

  /** The connection is gone without a word. */
  async lose(): Promise<void> {
    this.transport.lost(new Error('ECONNRESET'))
    await this.hear()
  }

  /** Reads what the router has sent meanwhile. */
  async hear(): Promise<this> {
    await calm()
    const { sent } = this.transport
    for (; this.#heard < sent.length; this.#heard++) {
      const { type, body } = sent[this.#heard]!
      if (type === 2) this.picture.hear(body)
    }
    return this
  }

  /** Routes as this neighbour has them now. */
  get routes(): string[] {
    return [...this.picture.routes.keys()].sort()
  }
}

export function endOfRib(family: string): Uint8Array {
  if (family === 'ipv4') return update()
  const [afi, safi] = AFI[family]!
  return update({ attrs: [Uint8Array.of(0x80, 15, 3, 0, afi, safi)] })
}

/** RFC 4724 §3, RFC 9494 §3.1. */
function restartCapabilities(of: RestartCapability): Uint8Array[] {
  const { families, preserved = true, restarting = false, time = 120, notification = false } = of
  const flags = (restarting ? 0x8000 : 0) | (notification ? 0x4000 : 0)
  const rows = families.map((family) => {
    const [afi, safi] = AFI[family]!
    return [u16be(afi), u8(safi, preserved ? 0x80 : 0)]
  })
  const restart = capability(64, u16be(flags | time), ...rows.flat())
  const { longLived } = of
  if (longLived === undefined) return [restart]
  const seconds = u8(longLived >>> 16, longLived >>> 8, longLived)
  return [restart, capability(71, ...rows.flatMap((row) => [...row, seconds]))]
}
