/**
 * A raw netlink socket by FFI: batches out, acks, errnos and dumps in, errno an ordinary number.
 * The kernel does the work of a request inside `send` and has queued every answer when it returns,
 * so a non-blocking receive loop right after it sees them all. Not safe to share between a dump
 * and requests: a dump has a socket of its own.
 */
import koffi from 'koffi'
import { Errno, KernelError } from './kernel-error.ts'
import { LITTLE_ENDIAN } from './netlink-writer.ts'
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NLMSGERR_ATTR_MSG,
  Nlm,
  Nlmsg,
  SO_ATTACH_FILTER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
} from './rtnetlink-constants.ts'
import { Span } from './rtnetlink-decode.ts'

const lib = koffi.load(null)
const libc = {
  socket: lib.func('int socket(int, int, int)'),
  setsockopt: lib.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  bind: lib.func('int bind(int, const void *, uint32_t)'),
  getsockname: lib.func('int getsockname(int, void *, void *)'),
  send: lib.func('intptr_t send(int, const void *, size_t, int)'),
  recv: lib.func('intptr_t recv(int, void *, size_t, int)'),
  close: lib.func('int close(int)'),
}

/** nlmsghdr: len(4) type(2) flags(2) seq(4) pid(4) */
const HEADER_BYTES = 16
const RECEIVE_BYTES = 256 * 1024
const RECEIVE_QUEUE_BYTES = 8 * 1024 * 1024

export interface NetlinkMessage {
  type: number
  flags: number
  seq: number
  payload: Span
}

export interface SocketOptions {
  /** For `fs.read`: receiving waits, at most this many milliseconds at a time. */
  blockingMs?: number
  /** Multicast groups to hear. */
  groups?: readonly number[]
  /** A socket that another thread made and closes. */
  fd?: number
  /** Of the receive queue. */
  queueBytes?: number
}

export class NetlinkSocket {
  readonly fd: number
  /** Our address: the kernel puts it into the notifications of what this socket changed. */
  readonly portId: number
  readonly #buf = new Uint8Array(RECEIVE_BYTES)
  #open = true

  constructor(protocol: number, options: SocketOptions = {}) {
    this.fd = options.fd ?? makeSocket(protocol, options.blockingMs !== undefined)
    // sockaddr_nl: family(2) pad(2) pid(4) groups(4); pid 0: the kernel chooses
    const address = new Uint8Array(12)
    if (options.fd === undefined) {
      this.#setUp(options)
      new DataView(address.buffer).setUint16(0, AF_NETLINK, LITTLE_ENDIAN)
      if (libc.bind(this.fd, address, 12) < 0) throw new KernelError('netlink bind', koffi.errno())
    }
    const length = new Uint8Array(Uint32Array.of(12).buffer)
    libc.getsockname(this.fd, address, length)
    this.portId = new Span(address).u32(4)
    for (const group of options.groups ?? []) {
      this.#option(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    }
  }

  #setUp({ blockingMs, queueBytes = RECEIVE_QUEUE_BYTES }: SocketOptions): void {
    // Each is a help, none a need: an older kernel that lacks one goes on without.
    this.#option(SOL_NETLINK, NETLINK_EXT_ACK, 1)
    this.#option(SOL_NETLINK, NETLINK_CAP_ACK, 1)
    this.#option(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    if (!this.#option(SOL_SOCKET, SO_RCVBUFFORCE, queueBytes)) {
      this.#option(SOL_SOCKET, SO_RCVBUF, queueBytes)
    }
    if (blockingMs === undefined) return
    const timeval = new BigInt64Array([
      BigInt(Math.trunc(blockingMs / 1000)),
      BigInt((blockingMs % 1000) * 1000),
    ])
    libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer), 16)
  }

  #option(level: number, name: number, value: number): boolean {
    return (
      libc.setsockopt(this.fd, level, name, new Uint8Array(Int32Array.of(value).buffer), 4) === 0
    )
  }

  /**
   * Leaves out, before they are queued, the notifications of changes that these sockets made: a
   * classic BPF program over nlmsg_pid.
   */
  ignoreChangesOf(portIds: readonly number[]): void {
    const program = new Uint8Array((portIds.length + 3) * 8)
    const view = new DataView(program.buffer)
    let at = 0
    // sock_filter: code(2) jt(1) jf(1) k(4)
    const instruction = (code: number, jt: number, k: number) => {
      view.setUint16(at, code, LITTLE_ENDIAN)
      view.setUint8(at + 2, jt)
      view.setUint32(at + 4, k, LITTLE_ENDIAN)
      at += 8
    }
    instruction(0x20, 0, 12) // ld [12]: nlmsg_pid, which BPF reads in network order
    for (const [k, portId] of portIds.entries()) {
      const inNetworkOrder = new DataView(Uint32Array.of(portId).buffer).getUint32(0)
      instruction(0x15, portIds.length - k, inNetworkOrder) // jeq: to the last
    }
    instruction(0x06, 0, 0xffffffff) // ret all
    instruction(0x06, 0, 0) // ret 0: drop
    // sock_fprog: len(2) pad(6) filter(8)
    const fprog = new Uint8Array(16)
    const words = new DataView(fprog.buffer)
    words.setUint16(0, program.length / 8, LITTLE_ENDIAN)
    words.setBigUint64(8, BigInt(koffi.address(program)), LITTLE_ENDIAN)
    libc.setsockopt(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog, 16)
  }

  /** 0, or the errno of the whole send. */
  send(buf: Uint8Array, end: number): number {
    return libc.send(this.fd, buf, end, 0) < 0 ? koffi.errno() : 0
  }

  /** The messages of one waiting datagram, without waiting: 0, or the errno (EAGAIN: there is none). */
  receiveOne(onMessage: (message: NetlinkMessage) => void): number {
    const length = libc.recv(this.fd, this.#buf, this.#buf.length, MSG_DONTWAIT)
    if (length < 0) return koffi.errno()
    forEachMessage(this.#buf, length, onMessage)
    return 0
  }

  /** Every message waiting, in order; 0 when none is left, else the errno (ENOBUFS: some are lost). */
  receive(onMessage: (message: NetlinkMessage) => void): number {
    for (;;) {
      const length = libc.recv(this.fd, this.#buf, this.#buf.length, 0)
      if (length < 0) {
        const errno = koffi.errno()
        if (errno === Errno.EINTR) continue
        return errno === Errno.EAGAIN ? 0 : errno
      }
      if (!forEachMessage(this.#buf, length, onMessage)) return 0
    }
  }

  /** Sends one request and gives its replies; throws what the kernel refuses. */
  request(
    operation: string,
    buf: Uint8Array,
    end: number,
    onReply: (message: NetlinkMessage) => void = () => {},
  ): void {
    const refused = this.attempt(buf, end, onReply)
    if (refused) throw new KernelError(operation, refused.errno, refused.words)
  }

  attempt(
    buf: Uint8Array,
    end: number,
    onReply: (message: NetlinkMessage) => void = () => {},
  ): { errno: number; words: string } | undefined {
    const errno = this.send(buf, end)
    if (errno !== 0) return { errno, words: '' }
    let refused: { errno: number; words: string } | undefined
    const lost = this.receive((message) => {
      if (message.type !== Nlmsg.ERROR) onReply(message)
      else if (ackErrno(message) !== 0) {
        refused = { errno: ackErrno(message), words: ackWords(message) }
      }
    })
    return refused ?? (lost === 0 ? undefined : { errno: lost, words: '' })
  }

  /** Sends a dump request and gives its parts, a buffer a turn of the event loop. */
  async dump(
    operation: string,
    buf: Uint8Array,
    end: number,
    onPart: (message: NetlinkMessage) => void,
  ): Promise<{ interrupted: boolean }> {
    const sent = this.send(buf, end)
    if (sent !== 0) throw new KernelError(operation, sent)
    let done = false
    let interrupted = false
    let errno = 0
    while (!done) {
      const length = libc.recv(this.fd, this.#buf, this.#buf.length, 0)
      if (length < 0) throw new KernelError(operation, koffi.errno())
      forEachMessage(this.#buf, length, (message) => {
        if ((message.flags & Nlm.DUMP_INTR) !== 0) interrupted = true
        if (message.type === Nlmsg.ERROR || message.type === Nlmsg.DONE) {
          errno = ackErrno(message)
          done = true
        } else onPart(message)
      })
      if (!done) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    if (errno !== 0) throw new KernelError(operation, errno)
    return { interrupted }
  }

  close(): void {
    if (this.#open) libc.close(this.fd)
    this.#open = false
  }
}

function makeSocket(protocol: number, blocks: boolean): number {
  const type = SOCK_RAW | SOCK_CLOEXEC | (blocks ? 0 : SOCK_NONBLOCK)
  const fd = libc.socket(AF_NETLINK, type, protocol)
  if (fd < 0) throw new KernelError('netlink socket', koffi.errno())
  return fd
}

/** Cuts a datagram into messages; false when it is empty. */
export function forEachMessage(
  buf: Uint8Array,
  length: number,
  onMessage: (message: NetlinkMessage) => void,
): boolean {
  const span = new Span(buf, 0, length)
  let at = 0
  while (at + HEADER_BYTES <= length) {
    const len = span.u32(at)
    if (len < HEADER_BYTES || at + len > length) break
    onMessage({
      type: span.u16(at + 4),
      flags: span.u16(at + 6),
      seq: span.u32(at + 8),
      payload: new Span(buf, at + HEADER_BYTES, at + len),
    })
    at += (len + 3) & ~3
  }
  return length > 0
}

/** nlmsgerr: error(4) nlmsghdr(16); NLMSG_DONE has the error too. Positive, 0 for done. */
export function ackErrno(message: NetlinkMessage): number {
  return -(message.payload.u32() | 0)
}

/** The kernel's own sentence about a refusal, where it has one. */
export function ackWords(message: NetlinkMessage): string {
  if ((message.flags & Nlm.ACK_TLVS) === 0) return ''
  const skip = 4 + ((message.flags & Nlm.CAPPED) !== 0 ? HEADER_BYTES : message.payload.u32(4))
  return message.payload.attributes(skip).get(NLMSGERR_ATTR_MSG)?.text() ?? ''
}
