/**
 * The kernel looks the next hop of End.DX4 and End.DX6 up in the main table, where a customer's
 * gateway is not, or is somebody else's. So such a SID names an alias instead, an address that no
 * packet carries, and a host route in the main table leads from the alias to the gateway:
 *
 *   fcbb:bb00:1:5::  seg6local End.DX4 nh4 0.0.1.3      0.0.1.3/32   nhid N    N: via 172.16.1.2 dev red
 *   fcbb:bb00:1:6::  seg6local End.DX6 nh6 ::0.0.1.4    ::0.0.1.4/128 nhid M   M: via fe80::2 dev red
 *
 * Customers may so have the same addresses, a gateway may be link-local, and when it moves one
 * route is replaced. What has no way falls into a blackhole over all aliases, never into the main
 * table's default route.
 */
import { hexOf, putU32 } from '../base/bytes.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import type { FibState, FibTable } from './fib-table.ts'
import { networkWords } from './interfaces.ts'
import {
  type KernelDump,
  type KernelRoute,
  type NexthopContent,
  RouteKind,
  type RulePrefix,
} from './kernel.ts'
import { isGroup } from './nexthop-entry.ts'
import type { NexthopRow, NexthopTable } from './nexthop-table.ts'
import { RT_TABLE_MAIN } from './rtnetlink-constants.ts'

/** Aliases are the number in 0.0.0.0/8 and ::0.0.0.0/104: "this network", nobody's address. */
const FIRST = 256
const END = 0x1000000
const COVER_BITS = { 4: 8, 6: 104 } as const
/** All aliases. */
export const ALIASES: readonly RulePrefix[] = [
  { address: new Uint8Array(4), bits: COVER_BITS[4] },
  { address: new Uint8Array(16), bits: COVER_BITS[6] },
]
const HOST_BITS = { 4: 32, 6: 128 } as const

interface Alias {
  readonly number: number
  readonly family: 4 | 6
  refs: number
}

export class GatewayAliases {
  readonly #fib: FibTable
  readonly #nexthops: NexthopTable
  /** By family and next hop. */
  readonly #live = new Map<number, Alias>()
  /** By where they lead: aliases of a former run, until somebody asks for the same. */
  readonly #recovered = new Map<string, Alias>()
  readonly #used = new Set<number>()
  #last = FIRST - 1

  constructor(fib: FibTable, nexthops: NexthopTable) {
    this.#fib = fib
    this.#nexthops = nexthops
  }

  /** The alias of a next hop for packets of a family, with a reference; `row`: the way to it now. */
  take(nextHop: NextHopId, family: 4 | 6, row: NexthopRow | 0): Uint8Array {
    const key = keyOf(nextHop, family)
    const alias = this.#live.get(key) ?? this.#recover(family, row) ?? this.#make(family)
    alias.refs++
    if (!this.#live.has(key)) {
      this.#live.set(key, alias)
      this.#point(alias, row)
      this.#cover()
    }
    return addressOf(alias)
  }

  give(nextHop: NextHopId, family: 4 | 6): void {
    const key = keyOf(nextHop, family)
    const alias = this.#live.get(key)
    if (!alias || --alias.refs > 0) return
    this.#live.delete(key)
    this.#drop(alias)
  }

  /** The way to a next hop is another one, or there is none (0). */
  point(nextHop: NextHopId, row: NexthopRow | 0): void {
    for (const family of [4, 6] as const) {
      const alias = this.#live.get(keyOf(nextHop, family))
      if (alias) this.#point(alias, row)
    }
  }

  stateOf(nextHop: NextHopId, family: 4 | 6): { state: FibState; errno: number } {
    const alias = this.#live.get(keyOf(nextHop, family))
    const row = alias ? this.#fib.find(RT_TABLE_MAIN, family, wordsOf(alias), 0, bitsOf(alias)) : 0
    if (row === 0) return { state: 'pending', errno: 0 }
    return { state: this.#fib.stateOf(row), errno: this.#fib.errnoOf(row) }
  }

  /** Aliases of a former run stay as they are; by alias, where each leads. */
  adopt(dump: KernelDump): Map<string, NexthopContent> {
    const nexthops = new Map<number, NexthopContent>()
    for (const nexthop of dump.nexthops) {
      if (isGroup(nexthop)) continue
      const { id, ...content } = nexthop
      nexthops.set(id, content)
    }
    const ways = new Map<string, NexthopContent>()
    for (const route of dump.routes) {
      const number = aliasNumber(route)
      const content = nexthops.get(route.nexthop)
      if (number === 0 || !content) continue
      const alias = { number, family: route.family, refs: 0 }
      ways.set(hexOf(addressOf(alias)), content)
      this.#used.add(number)
      this.#recovered.set(contentKey(route.family, content), alias)
      const row = this.#nexthops.acquire(content)
      this.#point(alias, row)
      this.#nexthops.release(row)
    }
    this.#cover()
    return ways
  }

  /** Gives up what a former run left and nobody asked for. */
  sweep(): void {
    const left = [...this.#recovered.values()]
    this.#recovered.clear()
    for (const alias of left) this.#drop(alias)
  }

  #recover(family: 4 | 6, row: NexthopRow | 0): Alias | undefined {
    if (row === 0) return undefined
    const key = contentKey(family, this.#nexthops.contentOf(row))
    const alias = this.#recovered.get(key)
    this.#recovered.delete(key)
    return alias
  }

  #make(family: 4 | 6): Alias {
    do this.#last = this.#last + 1 < END ? this.#last + 1 : FIRST
    while (this.#used.has(this.#last))
    this.#used.add(this.#last)
    return { number: this.#last, family, refs: 0 }
  }

  #drop(alias: Alias): void {
    this.#fib.unwant(RT_TABLE_MAIN, alias.family, wordsOf(alias), 0, bitsOf(alias))
    this.#used.delete(alias.number)
    this.#cover()
  }

  #point(alias: Alias, row: NexthopRow | 0): void {
    const kind = row === 0 ? RouteKind.BLACKHOLE : RouteKind.UNICAST
    this.#fib.want(RT_TABLE_MAIN, alias.family, wordsOf(alias), 0, bitsOf(alias), kind, row)
  }

  /** The blackhole over all aliases, as long as there are any. */
  #cover(): void {
    const none = new Int32Array(4)
    for (const family of [4, 6] as const) {
      const bits = COVER_BITS[family]
      if (this.#used.size === 0) this.#fib.unwant(RT_TABLE_MAIN, family, none, 0, bits)
      else this.#fib.want(RT_TABLE_MAIN, family, none, 0, bits, RouteKind.BLACKHOLE, 0)
    }
  }
}

function keyOf(nextHop: NextHopId, family: 4 | 6): number {
  return nextHop * 2 + (family === 4 ? 0 : 1)
}

function contentKey(family: 4 | 6, { ifindex, gateway }: NexthopContent): string {
  return `${family} ${ifindex} ${hexOf(gateway ?? new Uint8Array(0))}`
}

function addressOf({ number, family }: Alias): Uint8Array {
  const address = new Uint8Array(family === 4 ? 4 : 16)
  putU32(address, address.length - 4, number)
  return address
}

function wordsOf(alias: Alias): Int32Array {
  return networkWords(addressOf(alias), bitsOf(alias))
}

function bitsOf({ family }: Alias): number {
  return HOST_BITS[family]
}

/** The number of an alias's route, 0 for any other route. */
function aliasNumber({ table, family, words, bits, kind }: KernelRoute): number {
  if (table !== RT_TABLE_MAIN || bits !== HOST_BITS[family]) return 0
  if (kind !== RouteKind.UNICAST) return 0
  if (family === 6 && (words[0] !== 0 || words[1] !== 0 || words[2] !== 0)) return 0
  const number = words[family === 4 ? 0 : 3]! >>> 0
  return number >= FIRST && number < END ? number : 0
}
