/**
 * A Transport without TCP: what the session writes is kept as messages, the test plays the
 * neighbour. `fakeConnect` hands out one for each connect and keeps them in order.
 */
import type {
  Connect,
  ConnectTarget,
  Transport,
  TransportHandler,
} from '../../src/session/transport.ts'

export interface SentMessage {
  type: number
  body: Uint8Array
}

export class FakeTransport implements Transport {
  localAddress = '192.0.2.1'
  remoteAddress = '192.0.2.2'
  unsent = 0
  /** While true, what is written stays unsent: the neighbour does not read. */
  stalled = false
  closed = false
  destroyed = false
  readonly sent: SentMessage[] = []
  handler: TransportHandler | null = null
  #whenGone: (() => void)[] = []

  open(handler: TransportHandler): void {
    this.handler = handler
  }

  write(buf: Uint8Array, at: number, end: number): boolean {
    if (this.closed) return false
    this.sent.push({ type: buf[at + 18]!, body: buf.slice(at + 19, end) })
    if (this.stalled) this.unsent += end - at
    return this.unsent <= 256 * 1024
  }

  close(): void {
    this.closed = true
    this.handler = null
    for (const done of this.#whenGone.splice(0)) done()
  }

  destroy(): void {
    this.destroyed = true
    this.close()
  }

  whenGone(done: () => void): void {
    if (this.closed) done()
    else this.#whenGone.push(done)
  }

  // ── the neighbour ──

  connected(): void {
    this.handler?.onConnect()
  }

  receive(...messages: Uint8Array[]): void {
    for (const message of messages) this.handler?.onData(message)
  }

  lost(error: Error | null = null): void {
    const handler = this.handler
    this.handler = null
    this.closed = true
    handler?.onClose(error)
    for (const done of this.#whenGone.splice(0)) done()
  }

  /** [code, subcode, ...data] of the NOTIFICATION sent last, null if none was. */
  get notification(): number[] | null {
    const last = this.sent.filter(({ type }) => type === 3).at(-1)
    return last === undefined ? null : [...last.body]
  }

  get types(): number[] {
    return this.sent.map(({ type }) => type)
  }
}

export function fakeConnect(): {
  connect: Connect
  made: FakeTransport[]
  targets: ConnectTarget[]
} {
  const made: FakeTransport[] = []
  const targets: ConnectTarget[] = []
  const connect: Connect = (target) => {
    const transport = new FakeTransport()
    made.push(transport)
    targets.push(target)
    return transport
  }
  return { connect, made, targets }
}
