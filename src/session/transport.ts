/**
 * The edge to TCP: one connection, read into a shared buffer, written in coalesced chunks.
 * Session owns a Transport from connect or accept to close; tests put a fake in its place.
 */
import { connect as netConnect, Socket } from 'node:net'
import {
  bindSocket,
  bindToDevice,
  closeSocket,
  familyOfAddress,
  openSocket,
  setControlPrecedence,
  setMd5Key,
  setMinTtl,
  setTtl,
} from './sockopt.ts'

/** Where a connection goes and what its socket must carry before the first SYN. */
export interface ConnectTarget {
  address: string
  port: number
  localAddress?: string
  /** VRF device: SO_BINDTODEVICE. */
  bindDevice?: string
  ttl?: number
  /** GTSM (RFC 5082): the least TTL accepted. */
  minTtl?: number
  /** TCP MD5 key (RFC 2385). */
  password?: string
}

/** What a connection tells its session. Nothing is called after close() or destroy(). */
export interface TransportHandler {
  onConnect(): void
  /** The octets are valid during the call only. */
  onData(chunk: Uint8Array): void
  /** The kernel took a chunk. */
  onFlushed(): void
  /** What is unsent fell under the low-water mark after a write() that said false. */
  onWritable(): void
  /** Once: the peer closed (null) or the connection failed. */
  onClose(error: Error | null): void
}

export interface Transport {
  readonly localAddress: string
  readonly remoteAddress: string
  /** Octets written and not yet taken by the kernel. */
  readonly unsent: number
  /** Starts reading; before that nothing is called. */
  open(handler: TransportHandler): void
  /** Copies; false above the high-water mark, then onWritable comes. */
  write(buf: Uint8Array, at: number, end: number): boolean
  /** Flushes what was written, closes, and gives up after a while if the peer does not read. */
  close(): void
  /** Closes at once. */
  destroy(): void
  /** Runs `done` when the connection is gone. */
  whenGone(done: () => void): void
}

/** Starts a connection; throws if the socket cannot be made as asked (device, address, key). */
export type Connect = (target: ConnectTarget) => Transport

/** Above this write() says false. */
export const HIGH_WATER = 256 * 1024
/** At this onWritable is called. */
export const LOW_WATER = 64 * 1024
const CHUNK = 64 * 1024
/** How long a closing connection may take to flush and to hear the peer's FIN. */
const LINGER_MS = 2000

/**
 * One read buffer for all connections: a read and its callback are one synchronous stretch, and
 * the framer copies what it must keep.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

const freeChunks: Buffer[] = []
const FREE_CHUNKS_KEPT = 32

function takeChunk(): Buffer {
  return freeChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK)
}

function giveChunk(chunk: Buffer): void {
  if (freeChunks.length < FREE_CHUNKS_KEPT) freeChunks.push(chunk)
}

/** `onread` is an option of Node's Socket constructor that its type declarations leave out. */
interface OnreadOptions {
  onread: { buffer: Uint8Array; callback: (count: number) => boolean }
}

/** A Transport over a Node socket. */
export class SocketTransport implements Transport {
  readonly #socket: Socket
  #handler: TransportHandler | null = null
  #closing = false
  #gone = false
  #whenGone: (() => void)[] = []
  /** Chunks in order; the last is being filled, the first may be in the kernel's hands. */
  #chunks: Buffer[] = []
  #lens: number[] = []
  #writing = false
  #flushScheduled = false
  #overHighWater = false
  unsent = 0

  /** `makeSocket` gets the read options and returns a socket that is not reading yet. */
  constructor(makeSocket: (options: OnreadOptions) => Socket) {
    const onread = { buffer: readBuffer, callback: (count: number) => this.#onRead(count) }
    this.#socket = makeSocket({ onread })
    this.#socket.on('connect', () => {
      this.#socket.setNoDelay(true)
      this.#handler?.onConnect()
    })
    this.#socket.on('end', () => this.#fail(null))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => {
      this.#gone = true
      this.#fail(null)
      for (const done of this.#whenGone) done()
      this.#whenGone = []
    })
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? ''
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }

  open(handler: TransportHandler): void {
    this.#handler = handler
    if (!this.#socket.connecting) {
      this.#socket.setNoDelay(true)
      this.#socket.resume()
    }
  }

  write(buf: Uint8Array, at: number, end: number): boolean {
    if (this.#closing || this.#gone) return false
    for (let from = at; from < end; ) {
      const last = this.#chunks.length - 1
      // The first chunk is not filled further while the kernel has it.
      if (last < 0 || this.#lens[last] === CHUNK || (last === 0 && this.#writing)) {
        this.#chunks.push(takeChunk())
        this.#lens.push(0)
        continue
      }
      const len = this.#lens[last]!
      const count = Math.min(end - from, CHUNK - len)
      this.#chunks[last]!.set(buf.subarray(from, from + count), len)
      this.#lens[last] = len + count
      from += count
    }
    this.unsent += end - at
    this.#scheduleFlush()
    if (this.unsent > HIGH_WATER) this.#overHighWater = true
    return !this.#overHighWater
  }

  close(): void {
    if (this.#closing || this.#gone) return
    this.#closing = true
    this.#handler = null
    if (this.#socket.connecting) {
      this.#socket.destroy()
      return
    }
    this.#flush()
    // Reading goes on into the void: octets left unread would turn the FIN into an RST, and the
    // NOTIFICATION before it could be lost.
    this.#socket.resume()
    this.#linger()
  }

  destroy(): void {
    this.#closing = true
    this.#handler = null
    this.#socket.destroy()
  }

  whenGone(done: () => void): void {
    if (this.#gone) done()
    else this.#whenGone.push(done)
  }

  #onRead(count: number): boolean {
    this.#handler?.onData(count === readBuffer.length ? readBuffer : readBuffer.subarray(0, count))
    return true
  }

  #fail(error: Error | null): void {
    const handler = this.#handler
    this.#handler = null
    this.#closing = true
    handler?.onClose(error)
    if (error !== null || this.#gone) return
    this.#socket.end()
    this.#linger()
  }

  #linger(): void {
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS)
    this.whenGone(() => clearTimeout(timer))
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#writing) return
    this.#flushScheduled = true
    process.nextTick(() => {
      this.#flushScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#writing || this.#gone || this.#socket.destroyed) return
    if (this.#chunks.length === 0) {
      if (this.#closing) this.#socket.end()
      return
    }
    this.#writing = true
    const len = this.#lens[0]!
    this.#socket.write(this.#chunks[0]!.subarray(0, len), (error) => this.#onWritten(len, error))
  }

  #onWritten(len: number, error: Error | null | undefined): void {
    this.#writing = false
    giveChunk(this.#chunks.shift()!)
    this.#lens.shift()
    this.unsent -= len
    if (error) return // 'error' or 'close' follows
    this.#handler?.onFlushed()
    this.#flush()
    if (this.#overHighWater && this.unsent <= LOW_WATER) {
      this.#overHighWater = false
      this.#handler?.onWritable()
    }
  }
}

/** The Connect of the daemon: TCP from Node's event loop. */
export function connectTcp(target: ConnectTarget): Transport {
  return new SocketTransport((options) => {
    if (!needsOptions(target)) {
      return netConnect({
        ...options,
        host: target.address,
        port: target.port,
        ...(target.localAddress === undefined ? {} : { localAddress: target.localAddress }),
      })
    }
    const fd = prepareSocket(target)
    return new Socket({ ...options, fd }).connect({ host: target.address, port: target.port })
  })
}

function needsOptions(target: ConnectTarget): boolean {
  const { bindDevice, ttl, minTtl, password } = target
  return [bindDevice, ttl, minTtl, password].some((option) => option !== undefined)
}

function prepareSocket(target: ConnectTarget): number {
  const family = familyOfAddress(target.address)
  const fd = openSocket(family)
  try {
    setControlPrecedence(fd, family)
    if (target.bindDevice !== undefined) bindToDevice(fd, target.bindDevice)
    if (target.ttl !== undefined) setTtl(fd, family, target.ttl)
    if (target.minTtl !== undefined) setMinTtl(fd, family, target.minTtl)
    if (target.password !== undefined) setMd5Key(fd, target.address, target.password)
    if (target.localAddress !== undefined) bindSocket(fd, target.localAddress, 0)
  } catch (error) {
    closeSocket(fd)
    throw error
  }
  return fd
}

/** Node's private handle of a socket: the only way to its descriptor and to a reused buffer. */
interface WithHandle {
  _handle: { fd: number } | null
}

/**
 * A Transport over an accepted socket that the server paused. Its handle moves into a new Socket
 * with our read buffer; the original, left empty, only keeps the server's count right.
 */
export function acceptedTransport(accepted: Socket): Transport {
  return new SocketTransport((options) => {
    const shell = accepted as unknown as WithHandle
    const handle = shell._handle
    const moved = new Socket({ ...options, handle, pauseOnCreate: true } as object)
    shell._handle = null
    accepted.destroy()
    return moved
  })
}

/** The descriptor of a socket Node owns, for options only; -1 if there is none. */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as WithHandle)._handle?.fd ?? -1
}
