/**
 * Route changes to the kernel: a batch as messages of sends of some 64 KB, an ack asked of the
 * last of each only, errnos back to the changes that failed. `send` is where the kernel works, so
 * this runs in a thread of its own (src/fib/fib-worker.ts). What the kernel could not do for want
 * of memory is asked again a little later.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type RouteBatch, RouteOp } from './kernel.ts'
import { Errno, isTransient } from './kernel-error.ts'
import { ackErrno, ackWords, type NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { Nlm, Nlmsg } from './rtnetlink-constants.ts'
import { encodeRoute, ROUTE_MESSAGE_BYTES } from './rtnetlink-encode.ts'

const SEND_BYTES = 64 * 1024
/**
 * Per-CPU allocations of the kernel are refilled within milliseconds. After the last pause the
 * refusal goes back to FibTable, which tries again with pauses of its own.
 */
const RETRY_MS = [2, 4, 8, 16, 32, 64, 128]

/** What the writer needs of a socket. */
export type BatchSocket = Pick<NetlinkSocket, 'send' | 'receive'>

export class RouteWriter {
  readonly #socket: BatchSocket
  readonly #writer = new NetlinkWriter(SEND_BYTES)
  #seq = 1
  /** By message of this send: the change that it carries. No message is shorter than 32 octets. */
  #changes = new Int32Array(SEND_BYTES / 32)
  #lastWords = ''
  /** Messages sent since the start; a test of "writes nothing" counts them. */
  messages = 0

  constructor(socket: BatchSocket) {
    this.#socket = socket
  }

  /** The kernel's words about the last change it refused since this was asked. */
  takeLastWords(): string {
    const words = this.#lastWords
    this.#lastWords = ''
    return words
  }

  async apply(batch: RouteBatch): Promise<void> {
    // -1: still to be done
    for (let k = 0; k < batch.count; k++) batch.errno[k] = -1
    this.#sendAll(batch)
    for (const ms of RETRY_MS) {
      if (!requeueTransient(batch)) break
      await pause(ms)
      this.#sendAll(batch)
    }
  }

  #sendAll(batch: RouteBatch): void {
    let k = 0
    while (k < batch.count) k = this.#sendSome(batch, k)
  }

  /** One send of changes not yet done, from `from` on; returns where it stopped. */
  #sendSome(batch: RouteBatch, from: number): number {
    const writer = this.#writer
    writer.reset()
    const seq = this.#seq
    let count = 0
    let k = from
    for (; k < batch.count && writer.end + ROUTE_MESSAGE_BYTES <= SEND_BYTES; k++) {
      if (batch.errno[k] !== -1) continue
      encodeRoute(writer, batch, k, (seq + count) >>> 0)
      this.#changes[count++] = k
    }
    if (count === 0) return k
    writer.addFlags(Nlm.ACK)
    this.#seq = (seq + count) >>> 0
    this.messages += count
    const failed = this.#socket.send(writer.buf, writer.end)
    if (failed !== 0) this.#fail(batch, count, failed)
    else this.#collect(batch, seq, count)
    return k
  }

  /** Reads the acks. Only failures and the last change answer: silence means done. */
  #collect(batch: RouteBatch, seq: number, count: number): void {
    let answered = false
    for (let k = 0; k < count; k++) batch.errno[this.#changes[k]!] = 0
    const lost = this.#socket.receive((message) => {
      const k = (message.seq - seq) >>> 0
      if (message.type !== Nlmsg.ERROR || k >= count) return
      if (k === count - 1) answered = true
      const change = this.#changes[k]!
      const errno = ackErrno(message)
      batch.errno[change] = goneAlready(batch, change, errno) ? 0 : errno
      if (batch.errno[change] !== 0) this.#lastWords = ackWords(message)
    })
    if (lost === 0 && answered) return
    // Answers were lost, so all is asked again; what was created then must not be in its own way.
    this.#fail(batch, count, Errno.ENOBUFS)
    for (let k = 0; k < count; k++) {
      const change = this.#changes[k]!
      if (batch.op[change] === RouteOp.CREATE) batch.op[change] = RouteOp.REPLACE
    }
  }

  #fail(batch: RouteBatch, count: number, errno: number): void {
    for (let k = 0; k < count; k++) batch.errno[this.#changes[k]!] = errno
  }
}

/** Marks what may succeed later as still to be done; tells whether there is any. */
function requeueTransient(batch: RouteBatch): boolean {
  let any = false
  for (let k = 0; k < batch.count; k++) {
    if (!isTransient(batch.errno[k]!)) continue
    batch.errno[k] = -1
    any = true
  }
  return any
}

function goneAlready(batch: RouteBatch, k: number, errno: number): boolean {
  return batch.op[k] === RouteOp.DELETE && (errno === Errno.ESRCH || errno === Errno.ENOENT)
}
