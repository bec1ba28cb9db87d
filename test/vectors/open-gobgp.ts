/** OPEN messages of GoBGP, captured; the octets of a capability are a line. */
import { Family as F } from '../../src/wire/registry.ts'
import { hex } from '../support/hex.ts'
import type { OpenVector } from './open-vector.ts'

// biome-ignore format: octets a line a field
export const GOBGP_OPENS: OpenVector[] = [
  {
    name: 'GoBGP 3.36.0: ipv4',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0047 01   // 71 octets, OPEN
      04 fe4d 0009 0a010001   // version, AS 65101, hold time 9, identifier 10.1.0.1
      2a   // optional parameters
      02 28   // all capabilities in one parameter
      02 00    // ROUTE_REFRESH
      49 08 06286e6f6e652900   // FQDN
      01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      41 04 0000fe4d   // FOUR_OCTET_AS 65101
      40 06 007800010100   // GRACEFUL_RESTART
      05 06 000100010002   // EXTENDED_NEXT_HOP
    `,
    open: { version: 4, as: 65101, holdTime: 9, routerId: 0x0a010001 },
    codes: [2, 73, 1, 65, 64, 5],
    capabilities: { families: [F.IPV4_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: false, extendedMessage: false, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [], unknown: [], fqdn: '(none)', as4: 65101, gracefulRestart: { restarting: false, notification: false, restartTime: 120, families: [{ family: F.IPV4_UNICAST, forwarding: false }] } },
  },
  {
    name: 'GoBGP 3.36.0: ipv4+ipv6',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0051 01   // 81 octets, OPEN
      04 fe4d 0009 0a010001   // version, AS 65101, hold time 9, identifier 10.1.0.1
      34   // optional parameters
      02 32   // all capabilities in one parameter
      02 00    // ROUTE_REFRESH
      49 08 06286e6f6e652900   // FQDN
      01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      41 04 0000fe4d   // FOUR_OCTET_AS 65101
      40 0a 00780001010000020100   // GRACEFUL_RESTART
      05 06 000100010002   // EXTENDED_NEXT_HOP
    `,
    open: { version: 4, as: 65101, holdTime: 9, routerId: 0x0a010001 },
    codes: [2, 73, 1, 1, 65, 64, 5],
    capabilities: { families: [F.IPV4_UNICAST, F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: false, extendedMessage: false, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [], unknown: [], fqdn: '(none)', as4: 65101, gracefulRestart: { restarting: false, notification: false, restartTime: 120, families: [{ family: F.IPV4_UNICAST, forwarding: false }, { family: F.IPV6_UNICAST, forwarding: false }] } },
  },
  {
    name: 'GoBGP 4.8.0: ipv4+ipv6',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0053 01   // 83 octets, OPEN
      04 fe4d 0009 0a010001   // version, AS 65101, hold time 9, identifier 10.1.0.1
      36   // optional parameters
      02 34   // all capabilities in one parameter
      02 00    // ROUTE_REFRESH
      49 08 06286e6f6e652900   // FQDN
      06 00    // EXTENDED_MESSAGE
      01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      41 04 0000fe4d   // FOUR_OCTET_AS 65101
      40 0a 00780001010000020100   // GRACEFUL_RESTART
      05 06 000100010002   // EXTENDED_NEXT_HOP
    `,
    open: { version: 4, as: 65101, holdTime: 9, routerId: 0x0a010001 },
    codes: [2, 73, 6, 1, 1, 65, 64, 5],
    capabilities: { families: [F.IPV4_UNICAST, F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: false, extendedMessage: true, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [], unknown: [], fqdn: '(none)', as4: 65101, gracefulRestart: { restarting: false, notification: false, restartTime: 120, families: [{ family: F.IPV4_UNICAST, forwarding: false }, { family: F.IPV6_UNICAST, forwarding: false }] } },
  },
  {
    name: 'GoBGP 4.8.0: ipv4',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0049 01   // 73 octets, OPEN
      04 fe4d 0009 0a010001   // version, AS 65101, hold time 9, identifier 10.1.0.1
      2c   // optional parameters
      02 2a   // all capabilities in one parameter
      02 00    // ROUTE_REFRESH
      49 08 06286e6f6e652900   // FQDN
      06 00    // EXTENDED_MESSAGE
      01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      41 04 0000fe4d   // FOUR_OCTET_AS 65101
      40 06 007800010100   // GRACEFUL_RESTART
      05 06 000100010002   // EXTENDED_NEXT_HOP
    `,
    open: { version: 4, as: 65101, holdTime: 9, routerId: 0x0a010001 },
    codes: [2, 73, 6, 1, 65, 64, 5],
    capabilities: { families: [F.IPV4_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: false, extendedMessage: true, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [], unknown: [], fqdn: '(none)', as4: 65101, gracefulRestart: { restarting: false, notification: false, restartTime: 120, families: [{ family: F.IPV4_UNICAST, forwarding: false }] } },
  },
  {
    name: 'GoBGP 3.10.0 with the settings of the Cilium agent: ipv4+ipv6',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      0041 01   // 65 octets, OPEN
      04 fc00 005a c000020b   // version, AS 64512, hold time 90, identifier 192.0.2.11
      24   // optional parameters
      02 22   // all capabilities in one parameter
      02 00    // ROUTE_REFRESH
      49 04 02766d00   // FQDN
      01 04 00010001   // MULTIPROTOCOL ipv4-unicast
      01 04 00020001   // MULTIPROTOCOL ipv6-unicast
      41 04 0000fc00   // FOUR_OCTET_AS 64512
      05 06 000100010002   // EXTENDED_NEXT_HOP
    `,
    open: { version: 4, as: 64512, holdTime: 90, routerId: 0xc000020b },
    codes: [2, 73, 1, 1, 65, 5],
    capabilities: { families: [F.IPV4_UNICAST, F.IPV6_UNICAST], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: false, extendedMessage: false, extendedNextHop: [{ family: F.IPV4_UNICAST, nextHopAfi: 2 }], addPath: [], unknown: [], fqdn: 'vm', as4: 64512 },
  },
]
