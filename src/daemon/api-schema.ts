/**
 * The shapes of the HTTP API: what api-server.ts answers, what show.ts builds from the tables and
 * what the CLI prints. The CLI imports the types only, so that it starts without zod.
 */
import * as z from 'zod'

const count = z.int().nonnegative()
const text = z.string()
const maybeText = z.string().nullable()
const maybeCount = z.int().nonnegative().nullable()

export const FamilyName = z.enum(['ipv4-unicast', 'ipv6-unicast', 'vpnv4', 'vpnv6'], {
  error: 'expected ipv4-unicast, ipv6-unicast, vpnv4 or vpnv6',
})
export type FamilyName = z.infer<typeof FamilyName>

/** One path to a prefix; the first of a route's paths is the best one, if any is. */
export const RoutePath = z.strictObject({
  best: z.boolean(),
  /** It carries traffic: the best path, and those that tie with it (`maximum-paths`). */
  active: z.boolean(),
  /** It takes over when none that carries traffic can be used. */
  backup: z.boolean(),
  /** Its share of the traffic, where several share it. */
  weight: maybeCount,
  valid: z.boolean(),
  /** Why the path is not valid, or the step of the decision process at which it lost. */
  why: maybeText,
  source: z.enum(['bgp', 'vpn', 'connected', 'static', 'local']),
  neighbor: maybeText,
  rd: maybeText,
  nextHop: maybeText,
  /** The SRv6 service SID the path forwards to, whole (transposed bits put back). */
  sid: maybeText,
  behavior: maybeText,
  label: maybeCount,
  asPath: text,
  origin: z.enum(['igp', 'egp', 'incomplete']),
  localPref: maybeCount,
  med: maybeCount,
  communities: z.array(text),
  extCommunities: z.array(text),
  largeCommunities: z.array(text),
  ageSeconds: count,
  /** Its neighbour is away: kept under graceful restart (RFC 4724 §4.2). */
  stale: z.boolean(),
  /** It carries LLGR_STALE: least preferred (RFC 9494 §4.4). */
  longLivedStale: z.boolean(),
})
export type RoutePath = z.infer<typeof RoutePath>

/** `drifted`: it was installed, and others put a route of their own in its place. */
export const Installed = z.enum(['installed', 'pending', 'failed', 'drifted', 'none'])
export type Installed = z.infer<typeof Installed>

export const Route = z.strictObject({
  /** `node`: what speakers of this node announce. */
  table: z.enum(['vrf', 'vpn', 'node']),
  /** Of `node` the VRF that it is in, if any; null in the VPN table, where `rd` tells the routes apart. */
  vrf: maybeText,
  family: FamilyName,
  rd: maybeText,
  prefix: text,
  installed: Installed,
  /** What the kernel was given, or why it refused: `ENOBUFS: no buffer space available`. In `node` why it is in no VRF. */
  fibDetail: maybeText,
  /** Why the VPN is not told of it though the VRF exports it: no SID, mostly. */
  notAnnounced: maybeText,
  paths: z.array(RoutePath),
})
export type Route = z.infer<typeof Route>

export const NeighborFamily = z.strictObject({
  family: FamilyName,
  received: count,
  accepted: count,
  rejected: count,
  advertised: count,
  endOfRib: z.boolean(),
})
export type NeighborFamily = z.infer<typeof NeighborFamily>

export const Neighbor = z.strictObject({
  address: text,
  vrf: maybeText,
  remoteAs: count,
  localAs: count,
  state: z.enum(['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']),
  description: maybeText,
  /** Seconds since Established; null in any other state. */
  uptimeSeconds: maybeCount,
  routerId: maybeText,
  families: z.array(NeighborFamily),
  messagesIn: count,
  messagesOut: count,
  updatesIn: count,
  updatesOut: count,
  /** How often the session came up. */
  established: count,
  lastError: maybeText,
  capabilities: z.array(text),
  /** Seconds as negotiated, as configured while the session is down. */
  holdTime: count,
  gracefulRestart: maybeText,
  /** What is kept of a neighbour that is away, or not yet back in full, and for how long. */
  staleRoutes: maybeText,
  treatAsWithdraw: count,
  attributeDiscard: count,
})
export type Neighbor = z.infer<typeof Neighbor>

/** `draining`: no route has it any more, packets under way still get through. */
export const SidState = z.enum(['installed', 'failed', 'pending', 'draining'])
export type SidState = z.infer<typeof SidState>

export const VrfSid = z.strictObject({
  behavior: text,
  sid: text,
  state: SidState,
  why: maybeText,
})
export type VrfSid = z.infer<typeof VrfSid>

export const VrfInterface = z.strictObject({
  name: text,
  up: z.boolean(),
  attached: z.boolean(),
  why: maybeText,
})
export type VrfInterface = z.infer<typeof VrfInterface>

export const Vrf = z.strictObject({
  name: text,
  table: count,
  device: text,
  ifindex: count,
  rd: text,
  importTargets: z.array(text),
  exportTargets: z.array(text),
  sids: z.array(VrfSid),
  interfaces: z.array(VrfInterface),
  /** Prefixes of this node: speaker, community, pools. */
  networks: z.array(z.strictObject({ from: text, community: text, pools: z.array(text) })),
  routes: z.strictObject({ ipv4: count, ipv6: count }),
  neighbors: count,
  problems: z.array(text),
})
export type Vrf = z.infer<typeof Vrf>

export const Sid = z.strictObject({
  sid: text,
  /** null: of a former run, in no locator that is configured now. */
  locator: maybeText,
  behavior: text,
  vrf: maybeText,
  /** null where packets go straight to `nextHop`. */
  table: maybeCount,
  /** `172.16.1.2 dev red`: of End.DX4 and End.DX6. */
  nextHop: maybeText,
  /** The one prefix that it is announced with, of a VRF with a SID each. */
  prefix: maybeText,
  device: maybeText,
  state: SidState,
  why: maybeText,
  /** Bits of block/node/function/argument: `32/16/16/0`. */
  structure: maybeText,
})
export type Sid = z.infer<typeof Sid>

/** A locator: how many SIDs it can give, how many are taken, named SIDs and draining ones included. */
export const Locator = z.strictObject({
  name: text,
  prefix: text,
  structure: text,
  behavior: z.enum(['classic', 'usid']),
  vrfs: z.array(text),
  total: count,
  used: count,
  free: count,
})
export type Locator = z.infer<typeof Locator>

/** One thing that `doctor` looked at; `mend`: the command for it. */
export const Finding = z.strictObject({
  check: text,
  state: z.enum(['ok', 'mended', 'warning', 'failed']),
  says: text,
  mend: maybeText,
})
export type Finding = z.infer<typeof Finding>

export const Status = z.strictObject({
  version: text,
  pid: count,
  uptimeSeconds: count,
  routerId: text,
  as: count,
  /** Which data plane, and why it is this one: `table: the kernel has no VRF devices`. */
  dataplane: text,
  /** Between a restart and the neighbours' End-of-RIB (RFC 4724 §4.1): old routes still forward. */
  restarting: z.boolean(),
  problems: z.array(text),
})
export type Status = z.infer<typeof Status>

/** At most this many routes in one answer unless `limit` says otherwise. */
export const DEFAULT_ROUTE_LIMIT = 50_000
export const MAX_ROUTE_LIMIT = 2_000_000

/** The query string of GET /v1/routes. */
export const RouteQueryString = z.strictObject({
  vrf: z.string().min(1).max(64).optional(),
  prefix: z.string().min(1).max(64).optional(),
  family: FamilyName.optional(),
  table: z.enum(['vpn', 'node'], { error: 'expected vpn or node' }).optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,6}$/, 'expected a number from 1 to 2000000')
    .transform(Number)
    .refine((n) => n <= MAX_ROUTE_LIMIT, 'expected a number from 1 to 2000000')
    .optional(),
})

/** Every reply but an error is one of these. */
export const RoutesReply = z.strictObject({ routes: z.array(Route), truncated: z.boolean() })
export type RoutesReply = z.infer<typeof RoutesReply>
export const NeighborsReply = z.strictObject({ neighbors: z.array(Neighbor) })
export type NeighborsReply = z.infer<typeof NeighborsReply>
export const VrfsReply = z.strictObject({ vrfs: z.array(Vrf) })
export type VrfsReply = z.infer<typeof VrfsReply>
export const SidsReply = z.strictObject({ sids: z.array(Sid) })
export type SidsReply = z.infer<typeof SidsReply>
export const LocatorsReply = z.strictObject({ locators: z.array(Locator) })
export type LocatorsReply = z.infer<typeof LocatorsReply>
export const DoctorReply = z.strictObject({ findings: z.array(Finding) })
export type DoctorReply = z.infer<typeof DoctorReply>
export const HealthReply = z.strictObject({ ok: z.boolean(), problems: z.array(text) })
export type HealthReply = z.infer<typeof HealthReply>
/** Every answer with a status of 400 and above. */
export const ErrorReply = z.strictObject({ error: text })
export type ErrorReply = z.infer<typeof ErrorReply>

/** What ShowSource.routes is asked for. */
export interface RouteQuery {
  vrf?: string | undefined
  /**
   * A prefix matches itself exactly; an address (no slash) matches the longest prefix holding it
   * in each table looked at.
   */
  prefix?: string | undefined
  family?: FamilyName | undefined
  /** This table only. Without it, and without `vrf`: the VRFs' tables. */
  table?: 'vpn' | 'node' | undefined
}

/** A question that cannot be answered as asked: becomes status 400 or 404 with its message. */
export class ShowError extends Error {
  override readonly name = 'ShowError'
  readonly status: 400 | 404

  constructor(message: string, status: 400 | 404 = 400) {
    super(message)
    this.status = status
  }
}

/** The daemon's tables as the API sees them. Implemented by daemon/show.ts, faked in tests. */
export interface ShowSource {
  /** Made as they are asked for: tables may change in between. */
  routes(query: RouteQuery): IterableIterator<Route>
  neighbors(): Neighbor[]
  vrfs(): Vrf[]
  sids(): Sid[]
  locators(): Locator[]
  status(): Status
  doctor(): Promise<Finding[]>
}
