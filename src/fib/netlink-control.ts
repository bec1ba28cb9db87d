/**
 * Links and addresses. Its socket is not the one whose changes the watch leaves out: a link that
 * srv6d changes is heard of like any other.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { InterfaceAddress, Link } from './kernel.ts'
import { Errno, isTransient, KernelError } from './kernel-error.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { NETLINK_ROUTE } from './rtnetlink-constants.ts'
import { decodeAddress, decodeLink, type Span } from './rtnetlink-decode.ts'
import * as encode from './rtnetlink-interface.ts'

/** Links that come and go while they are listed, and want of memory: asked again this often. */
const TRIES = 20
const RETRY_MS = 5

type Put = (writer: NetlinkWriter, seq: number) => void

export class NetlinkControl {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE)
  readonly #links = shared(() => this.#dump('list links', encode.encodeDumpLinks, decodeLink))
  readonly #addresses = shared(() =>
    this.#dump('list addresses', encode.encodeDumpAddresses, decodeAddress),
  )
  #seq = 0

  links(): Promise<Link[]> {
    return this.#links()
  }

  addresses(): Promise<InterfaceAddress[]> {
    return this.#addresses()
  }

  createVrf(name: string, table: number): Promise<void> {
    return this.#change(`create VRF device ${name}`, (w, seq) =>
      encode.encodeNewVrf(w, name, table, seq),
    )
  }

  setAlias(ifindex: number, name: string, alias: string): Promise<void> {
    return this.#change(`set the alias of ${name}`, (w, seq) =>
      encode.encodeLinkAlias(w, ifindex, alias, seq),
    )
  }

  setUp(ifindex: number, name: string): Promise<void> {
    return this.#change(`set ${name} up`, (w, seq) => encode.encodeLinkUp(w, ifindex, seq))
  }

  setMaster(ifindex: number, name: string, master: number): Promise<void> {
    return this.#change(`enslave ${name}`, (w, seq) =>
      encode.encodeLinkMaster(w, ifindex, master, seq),
    )
  }

  /** Deletes a link; one that is not there is well. */
  async remove(ifindex: number, name: string): Promise<void> {
    try {
      await this.#change(`remove ${name}`, (w, seq) => encode.encodeDelLink(w, ifindex, seq))
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== Errno.ENODEV) throw error
    }
  }

  addAddress(address: InterfaceAddress): Promise<void> {
    return this.#change('add an address', (w, seq) => encode.encodeNewAddress(w, address, seq))
  }

  close(): void {
    this.#socket.close()
  }

  #request(put: Put): NetlinkWriter {
    const writer = new NetlinkWriter(1024)
    this.#seq = (this.#seq + 1) >>> 0
    put(writer, this.#seq)
    return writer
  }

  async #change(operation: string, put: Put): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { buf, end } = this.#request(put)
      const refused = this.#socket.attempt(buf, end)
      if (!refused) return
      if (!isTransient(refused.errno) || tries === TRIES) {
        throw new KernelError(operation, refused.errno, refused.words)
      }
      await pause(RETRY_MS)
    }
  }

  /** A socket each, so that none leaves anything to the next. */
  async #dump<T>(operation: string, put: Put, decode: (part: Span) => T | undefined): Promise<T[]> {
    for (let tries = 1; ; tries++) {
      const parts: T[] = []
      const socket = new NetlinkSocket(NETLINK_ROUTE)
      try {
        const { buf, end } = this.#request(put)
        const { interrupted } = await socket.dump(operation, buf, end, ({ payload }) => {
          const part = decode(payload)
          if (part !== undefined) parts.push(part)
        })
        if (!interrupted || tries === TRIES) return parts
      } catch (error) {
        const passes = error instanceof KernelError && isTransient(error.errno)
        if (!passes || tries === TRIES) throw error
        await pause(RETRY_MS)
      } finally {
        socket.close()
      }
    }
  }
}

/** Who asks while one runs gets the next, with all others who do: an answer is never of before. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | undefined
  return () => {
    next ??= running.then(() => {
      next = undefined
      const result = work()
      running = result.catch(() => {})
      return result
    })
    return next
  }
}
