/**
 * Path MTU discovery across the VPN (RFC 2473 §7.2): Linux encapsulates before it looks at sizes,
 * so a customer's packet that is too big for the core makes an ICMPv6 error about the *outer* packet,
 * sent to us, and the customer waits for nothing. This tells the customer: in its VRF, about its packet.
 */

import { equalBytes } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { sendIcmp, watchPacketTooBig } from './icmp-socket.ts'
import { readTooBig, type TooBig, writeTooBig } from './packet-too-big.ts'

/** RFC 4443 §2.4 f wants a limit; a sender needs one message to learn. */
const PER_SECOND = 100

/** Where the sender of a packet is to be told: `device` binds the message to its VRF. */
export interface ErrorRoute {
  device: string | undefined
}

export interface IcmpPorts {
  clock: Clock
  log: Logger
  /** Source of our encapsulated packets, 16 octets: errors about packets of others are not ours. */
  source: Uint8Array
  /** The VRF that the packet came from; null when it is not one of ours, or not clear which. */
  route: (error: TooBig) => ErrorRoute | null
  /** For tests. */
  watch?: typeof watchPacketTooBig
  send?: typeof sendIcmp
}

export class IcmpRelay {
  readonly #ports: IcmpPorts
  #end = () => {}
  #second = 0
  #inSecond = 0
  #saidWhy = ''
  relayed = 0
  /** About packets of nobody here, over the limit, or not sendable. */
  dropped = 0

  constructor(ports: IcmpPorts) {
    this.#ports = ports
  }

  /** A sentence when it cannot be done: senders then learn nothing and large packets are lost. */
  start(): string | null {
    try {
      const { watch = watchPacketTooBig, source } = this.#ports
      this.#end = watch(source, (message) => this.#onMessage(message))
      return null
    } catch (error) {
      return `senders are not told of packets too big for the core (${(error as Error).message}): give srv6d CAP_NET_RAW, or the core an MTU with room for the encapsulation`
    }
  }

  stop(): void {
    this.#end()
  }

  #onMessage(message: Uint8Array): void {
    const error = readTooBig(message)
    if (error === null) return
    const { source, route } = this.#ports
    const isOurs = equalBytes(error.outerSource, 0, source, 0, 16)
    const to = isOurs && this.#mayTell() ? route(error) : null
    if (to === null) {
      this.dropped++
      return
    }
    const why = (this.#ports.send ?? sendIcmp)(writeTooBig(error), error.source, to.device)
    if (why === null) this.relayed++
    else this.#complain(why)
  }

  #mayTell(): boolean {
    const second = Math.floor(this.#ports.clock.now() / 1000)
    if (second !== this.#second) this.#inSecond = 0
    this.#second = second
    return this.#inSecond++ < PER_SECOND
  }

  #complain(why: string): void {
    this.dropped++
    if (why === this.#saidWhy) return
    this.#saidWhy = why
    this.#ports.log.warn({ why }, 'a sender could not be told that its packets are too big')
  }
}
