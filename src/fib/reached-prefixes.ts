/**
 * Which IPv6 prefixes this router has routes to, default routes left out: the answer to a look-up
 * does not tell. It holds no prefix, and with RTM_F_FIB_MATCH Linux names any of the routes that
 * share a nexthop object, as those of FRR's zebra do.
 */
import { hexOf } from '../base/bytes.ts'
import { networkOf } from './interfaces.ts'
import type { RulePrefix } from './kernel.ts'
import { KernelError } from './kernel-error.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import {
  AF_INET6,
  NETLINK_ROUTE,
  Nlm,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_LOCAL,
  RTN_UNICAST,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  Rta,
  Rtm,
} from './rtnetlink-constants.ts'
import type { Span } from './rtnetlink-decode.ts'

const RTMSG_BYTES = 12
const TRIES = 5

/** Reads them from the kernel: of the main table, and the router's own addresses. */
export async function reachedPrefixes(): Promise<RulePrefix[]> {
  const main = await dumpTable(RT_TABLE_MAIN)
  return [...main, ...(await dumpTable(RT_TABLE_LOCAL))]
}

async function dumpTable(table: number): Promise<RulePrefix[]> {
  const writer = new NetlinkWriter(64)
  writer.begin(Rtm.GETROUTE, Nlm.REQUEST | Nlm.DUMP, 1)
  writer.u8(AF_INET6)
  writer.zeros(RTMSG_BYTES - 1)
  writer.attrU32(Rta.TABLE, table)
  writer.finish()
  for (let tries = 1; ; tries++) {
    const found: RulePrefix[] = []
    const socket = new NetlinkSocket(NETLINK_ROUTE)
    try {
      const { interrupted } = await socket.dump(
        'list IPv6 routes',
        writer.buf,
        writer.end,
        ({ payload }) => {
          const prefix = decodeReached(payload, table)
          if (prefix) found.push(prefix)
        },
      )
      if (!interrupted || tries === TRIES) return found
    } catch (error) {
      if (!(error instanceof KernelError) || tries === TRIES) throw error
    } finally {
      socket.close()
    }
  }
}

/** The prefix of a route that packets go by, undefined for any other and for a default route. */
function decodeReached(message: Span, table: number): RulePrefix | undefined {
  const attributes = message.attributes(RTMSG_BYTES)
  const [family, bits, kind] = [message.u8(0), message.u8(1), message.u8(7)]
  const address = attributes.get(Rta.DST)?.copy()
  if (family !== AF_INET6 || attributes.get(Rta.TABLE)?.u32() !== table) return undefined
  if (bits === 0 || address === undefined) return undefined
  if (kind !== RTN_UNICAST && kind !== RTN_LOCAL) return undefined
  const unused = message.u32(8) & (RTNH_F_DEAD | RTNH_F_LINKDOWN)
  return unused === 0 ? { address, bits } : undefined
}

/** Prefixes, to be asked whether one of them has an address. */
export class PrefixCover {
  readonly #byBits = new Map<number, Set<string>>()

  constructor(prefixes: readonly RulePrefix[]) {
    for (const { address, bits } of prefixes) {
      const set = this.#byBits.get(bits) ?? new Set()
      this.#byBits.set(bits, set)
      set.add(hexOf(networkOf(address, bits)))
    }
  }

  covers(address: Uint8Array): boolean {
    for (const [bits, set] of this.#byBits) {
      if (set.has(hexOf(networkOf(address, bits)))) return true
    }
    return false
  }
}
