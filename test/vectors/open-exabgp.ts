/** OPEN messages of ExaBGP, captured; the octets of a capability are a line. */
import { Family as F } from '../../src/wire/registry.ts'
import { hex } from '../support/hex.ts'
import type { OpenVector } from './open-vector.ts'

// biome-ignore format: octets a line a field
export const EXABGP_OPENS: OpenVector[] = [
  {
    name: 'ExaBGP 5.0.15: vpnv4+vpnv6',
    bytes: hex`
      ffffffffffffffffffffffffffffffff
      004b 01   // 75 octets, OPEN
      04 fde8 005a c0000209   // version, AS 65000, hold time 90, identifier 192.0.2.9
      2e   // optional parameters
      02 06 01 04 00010080   // MULTIPROTOCOL vpnv4
      02 06 01 04 00020080   // MULTIPROTOCOL vpnv6
      02 06 41 04 0000fde8   // FOUR_OCTET_AS 65000
      02 08 05 06 000100800002   // EXTENDED_NEXT_HOP
      02 02 02 00    // ROUTE_REFRESH
      02 02 46 00    // ENHANCED_ROUTE_REFRESH
      02 02 06 00    // EXTENDED_MESSAGE
    `,
    open: { version: 4, as: 65000, holdTime: 90, routerId: 0xc0000209 },
    codes: [1, 1, 65, 5, 2, 70, 6],
    capabilities: { families: [F.VPNV4, F.VPNV6], unknownFamilies: [], routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true, extendedNextHop: [{ family: F.VPNV4, nextHopAfi: 2 }], addPath: [], unknown: [], as4: 65000 },
  },
]
