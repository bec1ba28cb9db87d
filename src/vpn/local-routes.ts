import { NONE } from '../base/id.ts'
import type { RibContext } from '../rib/loc-rib.ts'
import type { NextHopId } from '../rib/next-hop.ts'
import type { AttrsId } from '../rib/path-attrs.ts'
import type { PathKind } from '../rib/path-table.ts'
import type { PrefixId } from '../rib/prefix-table.ts'
import { AttrWriter } from '../wire/attr-writer.ts'
import type { AddressFamily, Vrf } from './vrf.ts'

const ORIGIN_INCOMPLETE = 2

/** A connected network or a static route of a VRF. */
export interface LocalRoute {
  readonly family: AddressFamily
  /** Address words, zero behind the prefix. */
  readonly words: Int32Array
  readonly bits: number
  readonly kind: typeof PathKind.CONNECTED | typeof PathKind.STATIC
  /** Where it leads; called once the route is put, counts one reference; NONE: a blackhole. */
  readonly nextHop: () => NextHopId
}

interface Held {
  readonly route: LocalRoute
  readonly prefix: PrefixId
}

/** Puts a VRF's connected networks and static routes into its tables and takes them out again. */
export class LocalRoutes {
  readonly #vrf: Vrf
  readonly #context: RibContext
  readonly #attrs: AttrsId
  #held = new Map<string, Held>()

  constructor(vrf: Vrf, context: RibContext) {
    this.#vrf = vrf
    this.#context = context
    const writer = new AttrWriter()
    writer.origin(ORIGIN_INCOMPLETE)
    writer.asPath(new Uint8Array(0))
    this.#attrs = context.attrs.fromBytes(new Uint8Array(0), 0, 0, writer.buf, 0, writer.end)
  }

  /** Makes the tables hold exactly these routes; what is there already is not touched. */
  sync(routes: readonly LocalRoute[]): void {
    const before = this.#held
    this.#held = new Map()
    for (const route of routes) {
      const key = `${route.kind} ${route.family} ${route.words.join('.')}/${route.bits}`
      if (this.#held.has(key)) continue
      this.#held.set(key, { route, prefix: this.#put(route) })
    }
    for (const [key, held] of before) {
      if (!this.#held.has(key)) this.#remove(held)
      this.#vrf.rib(held.route.family).prefixes.release(held.prefix)
    }
  }

  #put(route: LocalRoute): PrefixId {
    const rib = this.#vrf.rib(route.family)
    const prefix = rib.prefixes.intern(route.words, 0, route.bits)
    const local = this.#context.peers.local.id
    this.#context.attrs.retain(this.#attrs)
    rib.put(prefix, local, route.kind, 0, this.#attrs, 0, route.nextHop(), 0)
    return prefix
  }

  #remove(held: Held): void {
    const rib = this.#vrf.rib(held.route.family)
    const local = this.#context.peers.local.id
    const path = rib.findPath(held.prefix, local, held.route.kind, 0)
    if (path !== NONE) rib.removePath(path)
  }
}
