/**
 * The other end of a BGP session, by hand: a TCP connection (dialled or accepted) on which a test
 * sends octets and awaits messages one by one. Nothing of the code under test frames them.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { PeerConfig } from '../../src/session/negotiate.ts'
import type { DownReason, Negotiated, Peer, PeerHandler } from '../../src/session/peer.ts'
import { Family } from '../../src/wire/registry.ts'
import { capability, message, open, u8, u16be, u32be } from './builder.ts'

export interface Message {
  type: number
  body: Uint8Array
}

export const keepalive = message(4)

/** A good OPEN of the scripted side; `families` as AFI and SAFI. */
export function goodOpen(
  fields: Partial<Parameters<typeof open>[0]> = {},
  families: [number, number][] = [[1, 1]],
): Uint8Array {
  const as = fields.as ?? 65000
  const capabilities = [
    ...families.map(([afi, safi]) => capability(1, u16be(afi), u8(0, safi))),
    capability(2),
    capability(65, u32be(as)),
    ...(fields.capabilities ?? []),
  ]
  return open({ routerId: '192.0.2.2', holdTime: 90, ...fields, as, capabilities })
}

/** A configuration that suits goodOpen(). */
export function peerConfig(fields: Partial<PeerConfig> = {}): PeerConfig {
  return {
    name: 'test',
    address: '127.0.0.1',
    port: 179,
    localAs: 65000,
    remoteAs: 65000,
    routerId: 0xc0000201,
    families: [Family.IPV4_UNICAST],
    holdTime: 90,
    connectRetryTime: 5,
    passive: false,
    gracefulRestart: null,
    extendedMessage: true,
    shutdown: false,
    ...fields,
  }
}

/** One connection of the scripted side. */
export class ScriptedPeer {
  readonly socket: Socket
  #bytes = Buffer.alloc(0)
  #ended = false
  #wake: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#notify()
    })
    socket.on('error', () => this.#end())
    socket.on('close', () => this.#end())
    socket.on('end', () => this.#end())
  }

  static dial(port: number, host = '127.0.0.1', localAddress?: string): Promise<ScriptedPeer> {
    return new Promise((resolve, reject) => {
      const options = localAddress === undefined ? {} : { localAddress }
      const socket = connect({ port, host, ...options }, () => {
        socket.off('error', reject)
        resolve(peer)
      })
      socket.once('error', reject)
      const peer = new ScriptedPeer(socket)
    })
  }

  send(...messages: Uint8Array[]): void {
    for (const bytes of messages) this.socket.write(bytes)
  }

  /** The next message; null when the connection ended before one was whole. */
  async next(): Promise<Message | null> {
    for (;;) {
      const length = this.#bytes.length >= 19 ? this.#bytes.readUInt16BE(16) : Infinity
      if (this.#bytes.length >= length) {
        const whole = this.#bytes.subarray(0, length)
        this.#bytes = this.#bytes.subarray(length)
        return { type: whole[18]!, body: new Uint8Array(whole.subarray(19)) }
      }
      if (this.#ended) return null
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** Skips to the next message of a type; throws if the connection ends first. */
  async expect(type: number): Promise<Uint8Array> {
    for (;;) {
      const got = await this.next()
      if (got === null) throw new Error(`connection closed, expected a message of type ${type}`)
      if (got.type === type) return got.body
    }
  }

  /** [code, subcode, ...data] of a NOTIFICATION followed by the end of the connection. */
  async notification(): Promise<number[]> {
    const body = await this.expect(3)
    const after = await this.next()
    if (after !== null) throw new Error(`message of type ${after.type} after a NOTIFICATION`)
    return [...body]
  }

  /** Until the connection is closed by the other side. */
  async closed(): Promise<void> {
    while ((await this.next()) !== null);
  }

  /** OPEN and KEEPALIVE both ways. */
  async establish(openMessage: Uint8Array = goodOpen()): Promise<void> {
    this.send(openMessage)
    await this.expect(1)
    await this.expect(4)
    this.send(keepalive)
  }

  end(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  #end(): void {
    this.#ended = true
    this.#notify()
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** Accepts connections on a free port of the loopback. */
export class ScriptedListener {
  readonly server: Server
  #accepted: ScriptedPeer[] = []
  #wake: (() => void)[] = []

  constructor(server: Server) {
    this.server = server
    server.on('connection', (socket) => {
      this.#accepted.push(new ScriptedPeer(socket))
      for (const wake of this.#wake.splice(0)) wake()
    })
  }

  static async open(host = '127.0.0.1', port = 0): Promise<ScriptedListener> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
    return new ScriptedListener(server)
  }

  get port(): number {
    return (this.server.address() as { port: number }).port
  }

  async accept(): Promise<ScriptedPeer> {
    for (;;) {
      const peer = this.#accepted.shift()
      if (peer !== undefined) return peer
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  close(): void {
    this.server.close()
  }
}

/** A PeerHandler that keeps what it hears; `until` waits for it. */
export class RecordingHandler implements PeerHandler {
  readonly ups: Negotiated[] = []
  readonly downs: DownReason[] = []
  readonly endOfRibs: Family[] = []
  readonly refreshes: Family[] = []
  updates = 0
  /** The octets of each UPDATE's body, copied. */
  readonly bodies: Uint8Array[] = []
  writable = 0
  #wake: (() => void)[] = []

  onEstablished(_peer: Peer, negotiated: Negotiated): void {
    this.ups.push(negotiated)
    this.#notify()
  }

  onUpdate(_peer: Peer, view: { buf: Uint8Array; at: number; end: number }): void {
    this.updates++
    this.bodies.push(view.buf.slice(view.at, view.end))
    this.#notify()
  }

  onEndOfRib(_peer: Peer, family: Family): void {
    this.endOfRibs.push(family)
    this.#notify()
  }

  onRouteRefresh(_peer: Peer, family: Family): void {
    this.refreshes.push(family)
    this.#notify()
  }

  onDown(_peer: Peer, reason: DownReason): void {
    this.downs.push(reason)
    this.#notify()
  }

  onWritable(): void {
    this.writable++
    this.#notify()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
