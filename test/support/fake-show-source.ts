/** A ShowSource with two customers, one path of each kind, and a neighbour that is down. */
import type {
  Finding,
  Locator,
  Neighbor,
  Route,
  RoutePath,
  RouteQuery,
  ShowSource,
  Sid,
  Status,
  Vrf,
} from '../../src/daemon/api-schema.ts'

const PATH: RoutePath = {
  best: true,
  active: true,
  backup: false,
  weight: null,
  valid: true,
  why: null,
  source: 'bgp',
  neighbor: null,
  rd: null,
  nextHop: null,
  sid: null,
  behavior: null,
  label: null,
  asPath: '',
  origin: 'igp',
  localPref: 100,
  med: null,
  communities: [],
  extCommunities: [],
  largeCommunities: [],
  ageSeconds: 3725,
  stale: false,
  longLivedStale: false,
}

const ROUTE: Route = {
  table: 'vrf',
  vrf: 'red',
  family: 'ipv4-unicast',
  rd: null,
  prefix: '10.1.0.0/24',
  installed: 'installed',
  fibDetail: null,
  notAnnounced: null,
  paths: [],
}

const VPN_PATH: RoutePath = {
  ...PATH,
  source: 'vpn',
  neighbor: '2001:db8:ffff::2',
  rd: '65000:210',
  nextHop: '2001:db8:ffff::2',
  sid: 'fcbb:bb00:2:e000::',
  behavior: 'End.DT46',
  label: 917504,
  asPath: '65102',
  extCommunities: ['rt:65000:10'],
}

export const ROUTES: Route[] = [
  {
    ...ROUTE,
    fibDetail: 'via 172.16.1.2 dev red',
    notAnnounced: null,
    paths: [
      { ...PATH, neighbor: '172.16.1.2', nextHop: '172.16.1.2', asPath: '65101', med: 20 },
      {
        ...VPN_PATH,
        ...{ best: false, active: false, backup: true },
        why: 'longer AS path',
        asPath: '65102 65101',
      },
    ],
  },
  {
    ...ROUTE,
    prefix: '10.2.0.0/24',
    fibDetail: 'seg6 encap.red fcbb:bb00:2:e000:: dev core',
    notAnnounced: null,
    paths: [
      VPN_PATH,
      {
        ...VPN_PATH,
        best: false,
        active: false,
        valid: false,
        why: 'no SRv6 SID',
        sid: null,
        behavior: null,
        label: 3,
        neighbor: '2001:db8:ffff::3',
        nextHop: '2001:db8:ffff::3',
        communities: ['65000:1', 'no-export'],
      },
    ],
  },
  {
    ...ROUTE,
    prefix: '172.16.1.0/24',
    installed: 'installed',
    fibDetail: 'dev red',
    notAnnounced: null,
    paths: [{ ...PATH, source: 'connected', localPref: null }],
  },
  {
    ...ROUTE,
    family: 'ipv6-unicast',
    prefix: '2001:db8:a2::/64',
    installed: 'failed',
    fibDetail: 'ENOBUFS: no buffer space available',
    notAnnounced: null,
    paths: [{ ...VPN_PATH, stale: true }],
  },
  {
    ...ROUTE,
    vrf: 'blue',
    prefix: '10.2.0.0/24',
    installed: 'pending',
    paths: [{ ...PATH, source: 'static', nextHop: '172.16.1.2', ageSeconds: 5, localPref: null }],
  },
]

const NODE_PATH: RoutePath = {
  ...PATH,
  neighbor: '127.0.0.1',
  nextHop: '127.0.0.1',
  asPath: '64512',
}

export const VPN_ROUTES: Route[] = [
  {
    ...ROUTE,
    table: 'vpn',
    vrf: null,
    family: 'vpnv4',
    rd: '65000:210',
    prefix: '10.2.0.0/24',
    installed: 'none',
    paths: [{ ...VPN_PATH, rd: null, stale: true, longLivedStale: true }],
  },
]

/** What a speaker of this node announces: in a network, and in none. */
export const NODE_ROUTES: Route[] = [
  {
    ...ROUTE,
    table: 'node',
    prefix: '10.244.8.0/26',
    installed: 'none',
    fibDetail: 'in VRF red',
    paths: [NODE_PATH],
  },
  {
    ...ROUTE,
    table: 'node',
    vrf: null,
    prefix: '10.244.16.0/26',
    installed: 'none',
    fibDetail: 'not in the pools of VRF red',
    paths: [NODE_PATH],
  },
]

export const NEIGHBORS: Neighbor[] = [
  {
    address: '2001:db8:ffff::2',
    vrf: null,
    remoteAs: 65000,
    localAs: 65000,
    state: 'Established',
    description: 'pe2, FRR',
    uptimeSeconds: 93784,
    routerId: '192.0.2.2',
    families: [
      {
        family: 'vpnv4',
        received: 120,
        accepted: 118,
        rejected: 2,
        advertised: 12,
        endOfRib: true,
      },
      { family: 'vpnv6', received: 8, accepted: 8, rejected: 0, advertised: 2, endOfRib: false },
    ],
    messagesIn: 1042,
    messagesOut: 987,
    updatesIn: 130,
    updatesOut: 14,
    established: 1,
    lastError: null,
    capabilities: ['multiprotocol', 'route-refresh', 'four-octet-as'],
    holdTime: 90,
    gracefulRestart: '120s, forwarding kept for vpnv4 vpnv6',
    staleRoutes: null,
    treatAsWithdraw: 2,
    attributeDiscard: 0,
  },
  {
    address: '172.16.1.2',
    vrf: 'red',
    remoteAs: 65101,
    localAs: 65000,
    state: 'Active',
    description: null,
    uptimeSeconds: null,
    routerId: null,
    families: [],
    messagesIn: 17,
    messagesOut: 19,
    updatesIn: 2,
    updatesOut: 3,
    established: 2,
    lastError: 'received Cease/Administrative Shutdown (6/2): "back at\nnoon"',
    capabilities: [],
    holdTime: 90,
    gracefulRestart: null,
    staleRoutes: 'ipv4-unicast: until it is back, at most 97 s',
    treatAsWithdraw: 0,
    attributeDiscard: 0,
  },
]

export const VRFS: Vrf[] = [
  {
    name: 'red',
    table: 10,
    device: 'vrf-red',
    ifindex: 7,
    rd: '65000:110',
    importTargets: ['65000:10'],
    exportTargets: ['65000:10', '65000:99'],
    sids: [{ behavior: 'End.DT46', sid: 'fcbb:bb00:1:e000::', state: 'installed', why: null }],
    interfaces: [{ name: 'red', up: true, attached: true, why: null }],
    networks: [
      { from: 'cilium', community: '65000:1:10', pools: ['10.244.8.0/22', 'fd00:244:0:8::/104'] },
      { from: 'cilium', community: '65000:10', pools: ['any'] },
    ],
    routes: { ipv4: 3, ipv6: 1 },
    neighbors: 1,
    problems: [],
  },
  {
    name: 'blue',
    table: 20,
    device: 'vrf-blue',
    ifindex: 8,
    rd: '65000:120',
    importTargets: ['65000:20'],
    exportTargets: [],
    sids: [
      {
        behavior: 'End.DT46',
        sid: 'fcbb:bb00:1:e001::',
        state: 'failed',
        why: 'EPERM: net.vrf.strict_mode is 0',
      },
    ],
    interfaces: [{ name: 'blue', up: false, attached: false, why: 'no such interface' }],
    networks: [],
    routes: { ipv4: 1, ipv6: 0 },
    neighbors: 0,
    problems: ['net.vrf.strict_mode could not be set: EROFS'],
  },
]

export const SIDS: Sid[] = [
  {
    sid: 'fcbb:bb00:1:e000::',
    locator: 'main',
    behavior: 'End.DT46',
    vrf: 'red',
    table: 10,
    nextHop: null,
    prefix: null,
    device: 'vrf-red',
    state: 'installed',
    why: null,
    structure: '32/16/16/0',
  },
  {
    sid: 'fcbb:bb00:1:e001::',
    locator: 'main',
    behavior: 'End.DT46',
    vrf: 'blue',
    table: 20,
    nextHop: null,
    prefix: null,
    device: 'vrf-blue',
    state: 'failed',
    why: 'EPERM: net.vrf.strict_mode is 0',
    structure: '32/16/16/0',
  },
]

export const LOCATORS: Locator[] = [
  {
    name: 'main',
    prefix: 'fcbb:bb00:1::/48',
    structure: '32/16/16/0',
    behavior: 'usid',
    vrfs: ['red', 'blue'],
    total: 8192,
    used: 2,
    free: 8190,
  },
]

export const STATUS: Status = {
  version: '0.1.0',
  pid: 4711,
  uptimeSeconds: 93801,
  routerId: '192.0.2.1',
  as: 65000,
  dataplane: 'vrf: the kernel has VRF devices',
  restarting: false,
  problems: [],
}

export const FINDINGS: Finding[] = [
  { check: 'kernel', state: 'ok', says: 'Linux 6.12.107 has what this uses', mend: null },
  {
    check: 'net.ipv4.ip_forward',
    state: 'mended',
    says: '1; it was 0, srv6d has set it',
    mend: null,
  },
  {
    check: 'MTU of core0',
    state: 'warning',
    says: '1500 leaves 1460 octets',
    mend: 'ip link set core0 mtu 1540',
  },
  {
    check: 'VRF devices',
    state: 'failed',
    says: 'the module vrf is not loaded',
    mend: 'modprobe vrf',
  },
]

/** Answers from the tables above; a test may change any of them, or make a method throw. */
export class FakeShowSource implements ShowSource {
  routeTable: Route[] = ROUTES
  neighborTable: Neighbor[] = NEIGHBORS
  vrfTable: Vrf[] = VRFS
  sidTable: Sid[] = SIDS
  daemon: Status = STATUS
  findings: Finding[] = FINDINGS
  /** What routes() was asked, newest last. */
  asked: RouteQuery[] = []

  routes(query: RouteQuery): IterableIterator<Route> {
    this.asked.push(query)
    const tables = { vpn: VPN_ROUTES, node: NODE_ROUTES }
    const table = query.table ? tables[query.table] : this.routeTable
    // Enough for a fake: an address is looked up as if its /24 were the longest match.
    const prefix = query.prefix?.replace(/^(\d+\.\d+\.\d+)\.\d+$/, '$1.0/24')
    return table
      .filter((route) => query.vrf === undefined || route.vrf === query.vrf)
      .filter((route) => query.family === undefined || route.family === query.family)
      .filter((route) => prefix === undefined || route.prefix === prefix)
      .values()
  }

  neighbors(): Neighbor[] {
    return this.neighborTable
  }

  vrfs(): Vrf[] {
    return this.vrfTable
  }

  sids(): Sid[] {
    return this.sidTable
  }

  locators(): Locator[] {
    return LOCATORS
  }

  async doctor(): Promise<Finding[]> {
    return this.findings
  }

  status(): Status {
    return this.daemon
  }
}
