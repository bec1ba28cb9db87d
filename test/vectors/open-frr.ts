/** OPEN messages of FRR, captured; the octets of a capability are a line. */
import { Family as F } from '../../src/wire/registry.ts'
import { hex } from '../support/hex.ts'
import type { OpenVector } from './open-vector.ts'

// biome-ignore format: octets a line a field
export const FRR_OPENS: OpenVector[] = [
  {
    name: 'FRR 10.7.1: vpnv4+vpnv6 (R bit)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0089 01   // 137 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      6c   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0c 4c 0a 00018000000002800000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 5, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.3: ipv4 (R bit, no extended next hop)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0067 01   // 103 octets, OPEN
      04 fe4e 0009 0a020001   // version, AS 65102, hold time 9, identifier 10.2.0.1
      4a   // optional parameters
      02 06 01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fe4e   // FOUR_OCTET_AS 65102
      02 02 06 00    // EXTENDED_MESSAGE
      02 06 45 04 00010101   // ADD_PATH
      02 07 4c 05 0001010000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 09 47 07 00010180000000   // LLGR
    `,
    open: { version: 4, as: 65102, holdTime: 9, routerId: 0x0a020001 },
    codes: [1, 2, 70, 65, 6, 69, 76, 73, 64, 71],
    capabilities: { families: [F.IPV4_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.IPV4_UNICAST, send: false, receive: true }], unknown: [76], as4: 65102, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.IPV4_UNICAST, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.3: ipv6 (R bit, no extended next hop)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0067 01   // 103 octets, OPEN
      04 fe4e 0009 0a020001   // version, AS 65102, hold time 9, identifier 10.2.0.1
      4a   // optional parameters
      02 06 01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fe4e   // FOUR_OCTET_AS 65102
      02 02 06 00    // EXTENDED_MESSAGE
      02 06 45 04 00020101   // ADD_PATH
      02 07 4c 05 0002010000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 09 47 07 00020180000000   // LLGR
    `,
    open: { version: 4, as: 65102, holdTime: 9, routerId: 0x0a020001 },
    codes: [1, 2, 70, 65, 6, 69, 76, 73, 64, 71],
    capabilities: { families: [F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.IPV6_UNICAST, send: false, receive: true }], unknown: [76], as4: 65102, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.IPV6_UNICAST, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.3: ipv4+ipv6 (R bit)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0089 01   // 137 octets, OPEN
      04 fde8 0009 c0000201   // version, AS 65000, hold time 9, identifier 192.0.2.1
      6c   // optional parameters
      02 06 01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      02 08 05 06 000100010002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001010100020101   // ADD_PATH
      02 0c 4c 0a 00010100000002010000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 10 47 0e 0001018000000000020180000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 9, routerId: 0xc0000201 },
    codes: [1, 5, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71],
    capabilities: { families: [F.IPV4_UNICAST, F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [{ family: F.IPV4_UNICAST, send: false, receive: true }, { family: F.IPV6_UNICAST, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.IPV4_UNICAST, forwarding: true, staleTime: 0 }, { family: F.IPV6_UNICAST, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.3: vpnv4+vpnv6 (R bit, version)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      009c 01   // 156 octets, OPEN
      04 fde8 0009 c0000202   // version, AS 65000, hold time 9, identifier 192.0.2.2
      7f   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0c 4c 0a 00018000000002800000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
      02 11 4b 0f 0e4652526f7574696e672f31302e33   // SOFTWARE_VERSION
    `,
    open: { version: 4, as: 65000, holdTime: 9, routerId: 0xc0000202 },
    codes: [1, 5, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71, 75],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, softwareVersion: 'FRRouting/10.3', longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 8.4.4: ipv4 (R bit, no extended next hop)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0062 01   // 98 octets, OPEN
      04 fe4e 0009 0a020001   // version, AS 65102, hold time 9, identifier 10.2.0.1
      45   // optional parameters
      02 06 01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      02 02 80 00    // ROUTE_REFRESH_CISCO
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fe4e   // FOUR_OCTET_AS 65102
      02 02 06 00    // EXTENDED_MESSAGE
      02 06 45 04 00010101   // ADD_PATH
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 09 47 07 00010180000000   // LLGR
    `,
    open: { version: 4, as: 65102, holdTime: 9, routerId: 0x0a020001 },
    codes: [1, 128, 2, 70, 65, 6, 69, 73, 64, 71],
    capabilities: { families: [F.IPV4_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.IPV4_UNICAST, send: false, receive: true }], unknown: [128], as4: 65102, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.IPV4_UNICAST, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 8.4.4: ipv6 (R bit, no extended next hop)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0062 01   // 98 octets, OPEN
      04 fe4e 0009 0a020001   // version, AS 65102, hold time 9, identifier 10.2.0.1
      45   // optional parameters
      02 06 01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      02 02 80 00    // ROUTE_REFRESH_CISCO
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fe4e   // FOUR_OCTET_AS 65102
      02 02 06 00    // EXTENDED_MESSAGE
      02 06 45 04 00020101   // ADD_PATH
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 09 47 07 00020180000000   // LLGR
    `,
    open: { version: 4, as: 65102, holdTime: 9, routerId: 0x0a020001 },
    codes: [1, 128, 2, 70, 65, 6, 69, 73, 64, 71],
    capabilities: { families: [F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.IPV6_UNICAST, send: false, receive: true }], unknown: [128], as4: 65102, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.IPV6_UNICAST, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 8.4.4: ipv4+ipv6 (R bit)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      007f 01   // 127 octets, OPEN
      04 fde8 0009 c0000201   // version, AS 65000, hold time 9, identifier 192.0.2.1
      62   // optional parameters
      02 06 01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      02 08 05 06 000100010002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      02 02 80 00    // ROUTE_REFRESH_CISCO
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001010100020101   // ADD_PATH
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 10 47 0e 0001018000000000020180000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 9, routerId: 0xc0000201 },
    codes: [1, 5, 1, 128, 2, 70, 65, 6, 69, 73, 64, 71],
    capabilities: { families: [F.IPV4_UNICAST, F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [{ family: F.IPV4_UNICAST, send: false, receive: true }, { family: F.IPV6_UNICAST, send: false, receive: true }], unknown: [128], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.IPV4_UNICAST, forwarding: true, staleTime: 0 }, { family: F.IPV6_UNICAST, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 8.4.4: vpnv4+vpnv6 (R bit)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      007f 01   // 127 octets, OPEN
      04 fde8 0009 c0000202   // version, AS 65000, hold time 9, identifier 192.0.2.2
      62   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 80 00    // ROUTE_REFRESH_CISCO
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 c078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 9, routerId: 0xc0000202 },
    codes: [1, 5, 1, 128, 2, 70, 65, 6, 69, 73, 64, 71],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [128], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: true, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.3: vpnv4+vpnv6 (no extended next hop, version)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0092 01   // 146 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      75   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0c 4c 0a 00018000000002800000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 4078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
      02 11 4b 0f 0e4652526f7574696e672f31302e33   // SOFTWARE_VERSION
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71, 75],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: false, notification: true, restartTime: 120, families: [] }, softwareVersion: 'FRRouting/10.3', longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.3: vpnv4+vpnv6 (version)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      009c 01   // 156 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      7f   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0c 4c 0a 00018000000002800000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 4078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
      02 11 4b 0f 0e4652526f7574696e672f31302e33   // SOFTWARE_VERSION
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 5, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71, 75],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: false, notification: true, restartTime: 120, families: [] }, softwareVersion: 'FRRouting/10.3', longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.7.1: vpnv4+vpnv6',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0089 01   // 137 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      6c   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0c 4c 0a 00018000000002800000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 4078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 5, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: false, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 10.7.1: vpnv4+vpnv6 (no extended next hop)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      007f 01   // 127 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      62   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0c 4c 0a 00018000000002800000   // PATHS_LIMIT
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 4078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 1, 2, 70, 65, 6, 69, 76, 73, 64, 71],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [76], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: false, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 8.4.4: vpnv4+vpnv6 (no extended next hop)',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0075 01   // 117 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      58   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 80 00    // ROUTE_REFRESH_CISCO
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 4078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 1, 128, 2, 70, 65, 6, 69, 73, 64, 71],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [128], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: false, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
  {
    name: 'FRR 8.4.4: vpnv4+vpnv6',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      007f 01   // 127 octets, OPEN
      04 fde8 00b4 c0000201   // version, AS 65000, hold time 180, identifier 192.0.2.1
      62   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 02 80 00    // ROUTE_REFRESH_CISCO
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 02 06 00    // EXTENDED_MESSAGE
      02 0a 45 08 0001800100028001   // ADD_PATH
      02 0a 49 08 06286e6f6e652900   // FQDN
      02 04 40 02 4078   // GRACEFUL_RESTART
      02 10 47 0e 0001808000000000028080000000   // LLGR
    `,
    open: { version: 4, as: 65000, holdTime: 180, routerId: 0xc0000201 },
    codes: [1, 5, 1, 128, 2, 70, 65, 6, 69, 73, 64, 71],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [{ family: F.VPNV4, send: false, receive: true }, { family: F.VPNV6, send: false, receive: true }], unknown: [128], as4: 65000, fqdn: '(none)', gracefulRestart: { restarting: false, notification: true, restartTime: 120, families: [] }, longLived: [{ family: F.VPNV4, forwarding: true, staleTime: 0 }, { family: F.VPNV6, forwarding: true, staleTime: 0 }] },
  },
]
