/** Requests to the kernel one at a time, over one socket: changes with their ack, and questions. */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { Errno, isTransient, KernelError } from './kernel-error.ts'
import { type NetlinkMessage, NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { NETLINK_ROUTE } from './rtnetlink-constants.ts'

const RETRY_MS = 5
const RETRIES = 100
/** Changes between two turns of the event loop: thousands of nexthop objects come at once. */
const TURN_AFTER = 32

/** Writes one message with this sequence number. */
export type Put = (writer: NetlinkWriter, seq: number) => void

export class NetlinkRequests {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE)
  readonly #writer = new NetlinkWriter(4096)
  #seq = 0x40000000
  #turnedAt = 0
  /** Changes asked for so far. */
  changes = 0

  /** In the notifications of what is changed here. */
  get portId(): number {
    return this.#socket.portId
  }

  #write(put: Put): NetlinkWriter {
    this.#seq = (this.#seq + 1) >>> 0
    this.#writer.reset()
    put(this.#writer, this.#seq)
    return this.#writer
  }

  /** A question; what the kernel refuses is an answer too. */
  ask(
    put: Put,
    onReply?: (message: NetlinkMessage) => void,
  ): { errno: number; words: string } | undefined {
    const { buf, end } = this.#write(put)
    return this.#socket.attempt(buf, end, onReply)
  }

  /** A dump over a socket of its own; true when it was interrupted by a change. */
  async dump(
    operation: string,
    puts: readonly [Put, (message: NetlinkMessage) => void][],
  ): Promise<boolean> {
    const socket = new NetlinkSocket(NETLINK_ROUTE)
    let interrupted = false
    try {
      for (const [put, onPart] of puts) {
        const { buf, end } = this.#write(put)
        const result = await socket.dump(operation, buf, end, onPart)
        interrupted ||= result.interrupted
      }
    } finally {
      socket.close()
    }
    return interrupted
  }

  /** One acknowledged change; asked again for a while when the kernel lacks memory. */
  async change(operation: string, put: Put): Promise<void> {
    // Not between the change and who waits for it: a notification about it would find nothing noted.
    if (this.changes - this.#turnedAt >= TURN_AFTER) {
      this.#turnedAt = this.changes
      await turn()
    }
    await this.changeNow(operation, put)
  }

  /** The same, sent before this returns. */
  async changeNow(operation: string, put: Put): Promise<void> {
    for (let tries = 0; ; tries++) {
      this.changes++
      const refused = this.ask(put)
      if (!refused) return
      if (!isTransient(refused.errno) || tries === RETRIES) {
        throw new KernelError(operation, refused.errno, refused.words)
      }
      await pause(RETRY_MS)
    }
  }

  /** The same, where "not there" is what was wanted. */
  async delete(operation: string, put: Put): Promise<void> {
    try {
      await this.change(operation, put)
    } catch (error) {
      const gone = [Errno.ESRCH, Errno.ENOENT, Errno.ENODEV] as number[]
      if (!(error instanceof KernelError) || !gone.includes(error.errno)) throw error
    }
  }

  close(): void {
    this.#socket.close()
  }
}
