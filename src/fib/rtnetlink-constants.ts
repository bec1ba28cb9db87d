/**
 * Numbers of rtnetlink, nexthop objects, seg6 tunnels and generic netlink, once, under the
 * kernel's own names (include/uapi/linux). Nothing else in the program writes them.
 */

/**
 * srv6d's routing protocol number, on its routes, SIDs and nexthop objects: what carries it is
 * ours to change and delete, what does not is never touched. Free in iproute2's rt_protos; FRR
 * has 11 and 186 to 199.
 */
export const RTPROT_SRV6D = 152
/** What the kernel makes by itself carries it: its three ip rules among them. */
export const RTPROT_KERNEL = 2

/**
 * The metric of every route of srv6d. The kernel replaces a route of the same prefix and metric
 * whoever made it, so ours is one that nobody else uses (RFC 8986). It is above a connected
 * route's 256, a static route's 1024: where an operator put a route of the same prefix, his wins.
 */
export const ROUTE_METRIC = 8986

/** Metric of a VRF's `unreachable default`, as FRR and the kernel's documentation have it. */
export const LAST_RESORT_METRIC = 4278198272

/** Ids of srv6d's nexthop objects are taken from here up ("SR" in ASCII); taken ones are skipped. */
export const NEXTHOP_ID_BASE = 0x53520000
export const NEXTHOP_ID_COUNT = 0x100000
/** Those of groups lie where a hash of what they choose from puts them. */
export const NEXTHOP_GROUP_ID_BASE = 0x54000000
export const NEXTHOP_GROUP_ID_COUNT = 0x1000000

export const RT_TABLE_MAIN = 254
export const RT_TABLE_LOCAL = 255

export const AF_UNSPEC = 0
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16

export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const SOL_SOCKET = 1
export const SO_RCVTIMEO = 20
export const MSG_DONTWAIT = 0x40
export const SO_ATTACH_FILTER = 26
export const SO_RCVBUF = 8
export const SO_BINDTODEVICE = 25
export const SO_RCVBUFFORCE = 33

export const SOL_NETLINK = 270
export const NETLINK_ADD_MEMBERSHIP = 1
export const NETLINK_CAP_ACK = 10
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12

export const NETLINK_ROUTE = 0
export const NETLINK_GENERIC = 16

// biome-ignore format: one row a number
export const Nlmsg = {
  NOOP: 1, ERROR: 2, DONE: 3,
} as const

// biome-ignore format: one row a kind
export const Nlm = {
  REQUEST: 0x1, MULTI: 0x2, ACK: 0x4, DUMP_INTR: 0x10,
  CAPPED: 0x100, ACK_TLVS: 0x200,
  DUMP: 0x300,
  REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400,
} as const

export const NLMSGERR_ATTR_MSG = 1
/** Strictly checked nests want it in their type. */
export const NLA_F_NESTED = 0x8000

// biome-ignore format: one row an object
export const Rtm = {
  NEWLINK: 16, DELLINK: 17, GETLINK: 18,
  NEWADDR: 20, DELADDR: 21, GETADDR: 22,
  NEWROUTE: 24, DELROUTE: 25, GETROUTE: 26,
  NEWRULE: 32, DELRULE: 33, GETRULE: 34,
  NEWNETCONF: 80,
  NEWNEXTHOP: 104, DELNEXTHOP: 105, GETNEXTHOP: 106,
} as const

// biome-ignore format: one row a family
export const Rtnlgrp = {
  LINK: 1,
  IPV4_IFADDR: 5, IPV4_ROUTE: 7, IPV4_RULE: 8,
  IPV6_IFADDR: 9, IPV6_ROUTE: 11, IPV6_RULE: 19,
  IPV4_NETCONF: 24, IPV6_NETCONF: 25,
  NEXTHOP: 32,
} as const

// biome-ignore format: as the kernel counts
export const Rta = {
  DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, METRICS: 8, TABLE: 15, VIA: 18, ENCAP_TYPE: 21, ENCAP: 22, NH_ID: 30,
} as const

// biome-ignore format: as the kernel counts
export const Rtax = {
  MTU: 2, ADVMSS: 8,
} as const

/** Of the settings of an interface (linux/netconf.h). */
export const Netconfa = { IFINDEX: 1 } as const

// biome-ignore format: as the kernel counts
export const Nha = {
  ID: 1, GROUP: 2, BLACKHOLE: 4, OIF: 5, GATEWAY: 6, ENCAP_TYPE: 7, ENCAP: 8,
} as const

// biome-ignore format: as the kernel counts
export const Ifla = {
  IFNAME: 3, ADDRESS: 1, MTU: 4, MASTER: 10, LINKINFO: 18, IFALIAS: 20, EXT_MASK: 29,
  INFO_KIND: 1, INFO_DATA: 2, VRF_TABLE: 1, VETH_INFO_PEER: 1,
} as const

// biome-ignore format: as the kernel counts
export const Fra = {
  DST: 1, SRC: 2, IIFNAME: 3, PRIORITY: 6, SUPPRESS_PREFIXLEN: 14, TABLE: 15, OIFNAME: 17, PROTOCOL: 21,
} as const

// biome-ignore format: as the kernel counts
export const FrAct = {
  TO_TBL: 1, UNREACHABLE: 7,
} as const
export const FIB_RULE_INVERT = 2

// biome-ignore format: as the kernel counts
export const Ifa = {
  ADDRESS: 1, LOCAL: 2, FLAGS: 8,
} as const

export const IFF_UP = 1
export const IFF_LOWER_UP = 0x10000
export const IFF_NOARP = 0x80
/** IFLA_EXT_MASK: leave the statistics out. */
export const RTEXT_FILTER_SKIP_STATS = 8
/** Set on a link's change mask and flags. */
export const IFA_F_PERMANENT = 0x80

export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_HOST = 254
export const RT_SCOPE_NOWHERE = 255
export const RTN_UNSPEC = 0
export const RTN_UNICAST = 1
export const RTN_LOCAL = 2
export const RTN_ANYCAST = 4
/** Of RTM_GETROUTE: answer with the route, not with the way that comes of it. */
export const RTM_F_FIB_MATCH = 0x2000

/** Who made a route, by its protocol: the kernel's own, and those that routing daemons took. */
// biome-ignore format: one row a protocol
export const PROTOCOL_NAMES: Record<number, string> = {
  2: 'the kernel', 3: 'a route put by hand', 4: 'a static route', 9: 'a router advertisement',
  11: 'FRR (zebra)', 12: 'BIRD', 16: 'DHCP', 42: 'Babel',
  186: 'FRR (BGP)', 187: 'FRR (IS-IS)', 188: 'FRR (OSPF)', 189: 'FRR (RIP)', 196: 'FRR (static)',
}
export const RTNH_F_DEAD = 1
export const RTNH_F_ONLINK = 4
export const RTNH_F_LINKDOWN = 16

export const LWTUNNEL_ENCAP_SEG6 = 5
export const LWTUNNEL_ENCAP_SEG6_LOCAL = 7

export const SEG6_IPTUNNEL_SRH = 1
export const SEG6_IPTUN_MODE_ENCAP = 1
export const SEG6_IPTUN_MODE_ENCAP_RED = 3

// biome-ignore format: as the kernel counts
export const Seg6Local = {
  ACTION: 1, TABLE: 3, NH4: 4, NH6: 5, VRFTABLE: 9, FLAVORS: 11,
} as const

// biome-ignore format: as the kernel counts
export const Seg6LocalAction = {
  END: 1, END_X: 2, END_DX6: 5, END_DX4: 6, END_DT6: 7, END_DT4: 8, END_DT46: 16,
} as const

export const GENL_ID_CTRL = 16
export const CTRL_CMD_GETFAMILY = 3
export const CTRL_ATTR_FAMILY_ID = 1
export const CTRL_ATTR_FAMILY_NAME = 2
export const SEG6_GENL_NAME = 'SEG6'
export const SEG6_CMD_SET_TUNSRC = 3
export const SEG6_CMD_GET_TUNSRC = 4
export const SEG6_ATTR_DST = 1
