/**
 * The network all labs share:
 *
 *   ce1 red  ---\                               /---  ce3 red
 *                pe1 ---------- p ---------- pe2
 *   ce2 blue ---/     IPv6 only, no labels      \---  ce4 blue
 *
 * Both customers use the same prefixes: site 1 is 10.1.0.0/24 and 2001:db8:1::/64, site 2 is
 * 10.2.0.0/24 and 2001:db8:2::/64; the CE has .1, the PE .254 (::1, ::fe). Behind each CE are
 * 10.10N.0.0/24 and 2001:db8:10N::/64. Red's CEs have a host .77 more, blue's .99: what reaches the
 * other customer's host has leaked.
 */
import { Topology } from './topology.ts'

/** The shared network has two sites; the star of star.ts has four. */
export type Side = 1 | 2 | 3 | 4
export type Customer = 'red' | 'blue'
export const CUSTOMERS: readonly Customer[] = ['red', 'blue']
export const TABLE: Record<Customer, number> = { red: 10, blue: 20 }
/** The host number only this customer has. */
export const OWN_HOST: Record<Customer, number> = { red: 77, blue: 99 }

const CE: Record<Customer, readonly [string, string]> = {
  red: ['ce1', 'ce3'],
  blue: ['ce2', 'ce4'],
}
export const ceOf = (customer: Customer, side: Side): string => CE[customer][side - 1]!
export const peOf = (side: Side): string => `pe${side}`
export const otherSide = (side: Side): Side => (side === 1 ? 2 : 1)

export const loopback = (side: Side): string => `2001:db8:ffff::${side}`
export const routerId = (side: Side): string => `192.0.2.${side}`
export const locatorOf = (side: Side): string => `fcbb:bb00:${side}::/48`
export const coreGateway = (side: Side): string => `2001:db8:f${side}::f`

/** Addresses and prefixes of a site, for IPv4 and IPv6. */
export interface SiteFamily {
  prefix: string
  ce: string
  pe: string
  behindPrefix: string
  behind: string
  /** A second network of the PE's interface that tests take away again. */
  spare: string
  sparePe: string
  spareCe: string
  host: (n: number) => string
}

export function site(side: Side, family: 4 | 6): SiteFamily {
  if (family === 4) {
    return {
      prefix: `10.${side}.0.0/24`,
      ce: `10.${side}.0.1`,
      pe: `10.${side}.0.254`,
      behindPrefix: `10.10${side}.0.0/24`,
      behind: `10.10${side}.0.1`,
      spare: `10.6${side}.0.0/24`,
      sparePe: `10.6${side}.0.254/24`,
      spareCe: `10.6${side}.0.1/24`,
      host: (n) => `10.${side}.0.${n}`,
    }
  }
  return {
    prefix: `2001:db8:${side}::/64`,
    ce: `2001:db8:${side}::1`,
    pe: `2001:db8:${side}::fe`,
    behindPrefix: `2001:db8:10${side}::/64`,
    behind: `2001:db8:10${side}::1`,
    spare: `2001:db8:6${side}::/64`,
    sparePe: `2001:db8:6${side}::fe/64`,
    spareCe: `2001:db8:6${side}::1/64`,
    host: (n) => `2001:db8:${side}::${n}`,
  }
}

export interface NetworkOptions {
  /** Sides whose PE wants its VRF devices made and its interfaces put into them (FRR does not). */
  vrfDevicesOn: readonly Side[]
}

export const FORWARDING = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
// a host's rp_filter is inherited by new namespaces, and 1 or 2 breaks IPv4 out of a SID
export const NO_RP_FILTER = ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0']

/** Makes the network: everything but the PEs' routing. */
export async function buildNetwork(options: NetworkOptions): Promise<Topology> {
  const t = new Topology()
  t.namespace('ce1', 'ce2', 'pe1', 'p', 'pe2', 'ce3', 'ce4')
  t.link('pe1', 'core', 'p', 'pe1')
  t.link('pe2', 'core', 'p', 'pe2')
  t.sysctl('p', ...FORWARDING)
  for (const side of [1, 2] as const) {
    t.sysctl(peOf(side), ...FORWARDING, ...NO_RP_FILTER)
    addPe(t, side, peOf(side))
    for (const customer of CUSTOMERS) {
      addSite(t, side, customer, options.vrfDevicesOn.includes(side))
    }
  }
  await t.apply()
  for (const side of options.vrfDevicesOn) {
    // exists once the first VRF device does; SIDs with `vrftable` are refused without it
    t.sysctl(peOf(side), 'net.vrf.strict_mode=1')
  }
  await t.apply()
  return t
}

/** A PE with its core interface; `pe`: the namespace. */
export function addPe(t: Topology, side: Side, pe: string): void {
  const far = otherSide(side)
  t.ip(pe, `addr add ${loopback(side)}/128 dev lo`)
  t.ip(pe, `addr add 2001:db8:f${side}::1/64 dev core`)
  addCoreSide(t, side)
  // an IGP's work: loopbacks and locators
  for (const prefix of [`${loopback(far)}/128`, locatorOf(far)]) {
    t.ip(pe, `route add ${prefix} via ${coreGateway(side)}`)
  }
}

/** A core with room for the encapsulation: FRR tells nobody of packets too big for it. */
export function addWideCore(t: Topology, pe1: string): void {
  for (const n of [pe1, 'pe2']) t.ip(n, 'link set core mtu 1600')
  t.ip('p', 'link set pe1 mtu 1600', 'link set pe2 mtu 1600')
}

/** The core router's end of a PE's link, and its routes to that PE. */
export function addCoreSide(t: Topology, side: Side): void {
  t.ip('p', `addr add ${coreGateway(side)}/64 dev pe${side}`)
  for (const prefix of [`${loopback(side)}/128`, locatorOf(side)]) {
    t.ip('p', `route add ${prefix} via 2001:db8:f${side}::1`)
  }
}

export function addSite(t: Topology, side: Side, customer: Customer, vrfDevice: boolean): void {
  const pe = peOf(side)
  const ce = ceOf(customer, side)
  t.link(ce, 'pe', pe, customer)
  if (vrfDevice) {
    t.ip(pe, `link add vrf-${customer} type vrf table ${TABLE[customer]}`)
    t.ip(pe, `link set vrf-${customer} up`, `link set ${customer} master vrf-${customer}`)
  }
  for (const family of [4, 6] as const) {
    const s = site(side, family)
    const bits = family === 4 ? 24 : 64
    t.ip(pe, `addr add ${s.pe}/${bits} dev ${customer}`)
    t.ip(ce, `addr add ${s.ce}/${bits} dev pe`)
    t.ip(ce, `addr add ${s.host(OWN_HOST[customer])}/${bits} dev pe`)
    t.ip(ce, `addr add ${s.behind}/${family === 4 ? 32 : 128} dev lo`)
    t.ip(ce, `route add default via ${s.pe}`)
    if (vrfDevice) {
      t.ip(pe, `route add ${s.behindPrefix} via ${s.ce} table ${TABLE[customer]}`)
    }
  }
}
