/** The parsers of others that Debian has. */
import { bgpdump } from './bgpdump.ts'
import { gobgp } from './gobgp.ts'
import type { PeerOrReason } from './peer.ts'
import { tshark } from './tshark.ts'

/** All of them, in the order of the table; those that cannot be run say why. */
export function findPeers(): PeerOrReason[] {
  return [
    gobgp(),
    bgpdump(),
    tshark(),
    {
      name: 'BIRD',
      reason: 'no program or library of it parses a file; only a session ends in it',
    },
    { name: 'FRR', reason: 'bgpd parses into its RIB: no part of it reads messages alone' },
  ]
}
