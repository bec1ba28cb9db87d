/**
 * Links and addresses through the `netlink` package: few requests, one at a time.
 *
 * The package ends the whole process on an exception in one of its callbacks and on a receive
 * overflow. So: nothing here is called back but promise resolutions, every event has a listener
 * that cannot throw, one request is under way at a time, no multicast group is ever joined, and
 * replies are decoded by our own code, after the callback.
 */
import {
  AttrStream,
  createRtNetlink,
  ifla,
  type NetlinkSocket,
  type RtNetlinkSocket,
  rt,
} from 'netlink'
import type { InterfaceAddress, Link } from './kernel.ts'
import { Errno, errnoNumber, KernelError } from './kernel-error.ts'
import {
  AF_INET,
  AF_INET6,
  IFA_F_PERMANENT,
  Ifla,
  Nlm,
  RTEXT_FILTER_SKIP_STATS,
  Rtm,
} from './rtnetlink-constants.ts'
import { decodeAddress, decodeLink, Span } from './rtnetlink-decode.ts'

const REQUEST_MS = 10_000

export class NetlinkControl {
  readonly #socket: RtNetlinkSocket
  #last: Promise<unknown> = Promise.resolve()

  constructor() {
    this.#socket = createRtNetlink()
    // An 'error' without a listener would be thrown inside the package's callback.
    const ignore = () => {}
    for (const event of ['error', 'invalid', 'message'] as const) {
      ;(this.#socket as unknown as NodeJS.EventEmitter).on(event, ignore)
      ;(this.#socket.socket as unknown as NodeJS.EventEmitter).on(event, ignore)
    }
  }

  links(): Promise<Link[]> {
    const request = new AttrStream()
    const extMask = Buffer.from(Uint32Array.of(RTEXT_FILTER_SKIP_STATS).buffer)
    rt.formatLinkMessage({ kind: 'link', data: {}, attrs: { extMask } }, request)
    return this.#dump('list links', Rtm.GETLINK, request, (part) => decodeLink(part))
  }

  addresses(): Promise<InterfaceAddress[]> {
    const request = new AttrStream()
    rt.formatAddressMessage({ kind: 'address', data: {}, attrs: {} }, request)
    return this.#dump('list addresses', Rtm.GETADDR, request, decodeAddress)
  }

  createVrf(name: string, table: number): Promise<void> {
    const info = new AttrStream()
    info.push(Ifla.INFO_KIND, Buffer.from('vrf\0'))
    info.push(Ifla.INFO_DATA, ifla.formatVrf({ table }))
    return this.#once(`create VRF device ${name}`, () =>
      this.#socket.newLink(
        {},
        { ifname: name, linkinfo: Buffer.concat(info.bufs) },
        { flags: Nlm.CREATE | Nlm.EXCL, timeout: REQUEST_MS },
      ),
    )
  }

  setUp(ifindex: number, name: string): Promise<void> {
    return this.#once(`set ${name} up`, () =>
      this.#socket.newLink(
        { index: ifindex, flags: { up: true }, change: { up: true } },
        {},
        { timeout: REQUEST_MS },
      ),
    )
  }

  setMaster(ifindex: number, name: string, master: number): Promise<void> {
    return this.#once(`enslave ${name}`, () =>
      this.#socket.newLink({ index: ifindex }, { master }, { timeout: REQUEST_MS }),
    )
  }

  /** Deletes a link; one that is not there is well. */
  async remove(ifindex: number, name: string): Promise<void> {
    await this.#once(`remove ${name}`, () =>
      this.#socket.delLink({ index: ifindex }, {}, { timeout: REQUEST_MS }),
    ).catch((error: unknown) => {
      if (!(error instanceof KernelError) || error.errno !== Errno.ENODEV) throw error
    })
  }

  addAddress(address: InterfaceAddress): Promise<void> {
    const local = Buffer.from(address.address)
    return this.#once('add an address', () =>
      this.#socket.newAddress(
        {
          family: local.length === 4 ? AF_INET : AF_INET6,
          prefixlen: address.bits,
          index: address.ifindex,
          scope: address.scope,
        },
        {
          local,
          address: local,
          flags: rt.parseAddressFlags(address.flags & KEPT_FLAGS),
        },
        { flags: Nlm.CREATE | Nlm.REPLACE, timeout: REQUEST_MS },
      ),
    )
  }

  close(): void {
    this.#socket.socket.close()
  }

  async #dump<T>(
    operation: string,
    type: number,
    request: AttrStream,
    decode: (part: Span) => T | undefined,
  ): Promise<T[]> {
    const socket: NetlinkSocket = this.#socket.socket
    const parts: T[] = []
    await this.#once(operation, async () => {
      const [replies] = await socket.request(type, request.bufs, {
        flags: Nlm.DUMP,
        timeout: REQUEST_MS,
      })
      for (const reply of replies) {
        const part = decode(new Span(reply.data))
        if (part !== undefined) parts.push(part)
      }
    })
    return parts
  }

  /** Runs one request after the one before; its text errors become a KernelError. */
  #once(operation: string, request: () => Promise<unknown>): Promise<void> {
    const result = this.#last.then(async () => {
      try {
        await request()
      } catch (error) {
        throw asKernelError(operation, error)
      }
    })
    this.#last = result.catch(() => {})
    return result
  }
}

/** IFA_F_NODAD, IFA_F_HOMEADDRESS, IFA_F_PERMANENT, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE. */
const KEPT_FLAGS = 0x02 | 0x10 | IFA_F_PERMANENT | 0x100 | 0x200

/** The package tells an errno by its name in a text: "Request rejected: EEXIST". */
function asKernelError(operation: string, error: unknown): KernelError {
  const text = error instanceof Error ? error.message : String(error)
  const rejected = /^Request rejected: (\w+)$/.exec(text)?.[1]
  if (!rejected) return new KernelError(operation, Errno.EIO, text)
  const number = Number(rejected)
  if (Number.isInteger(number)) return new KernelError(operation, Math.abs(number))
  return new KernelError(operation, errnoNumber(rejected))
}
