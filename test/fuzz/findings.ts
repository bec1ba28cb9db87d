/** Inputs that once broke an invariant, run in this order: rows of SESSIONS and bodies. */
export const FINDINGS: readonly [what: string, session: number, body: string][] = [
  [
    'an MP_REACH_NLRI of AFI 0 was seen in the message after it',
    0,
    '0000 001a 400101 00 400200 800e 0d 0000 fd 06 c00002010000 00 0800'.replaceAll(' ', ''),
  ],
  ['the empty message after it', 0, '00000000'],
  [
    'an MP_UNREACH_NLRI of AFI 0 was seen in the message after it',
    0,
    '0000 0007 800f 04 0000 e0 00',
  ],
  ['the empty message after it', 0, '00000000'],
  [
    'an IPv4 next hop of an EVPN route was printed as IPv6',
    2,
    '00000017800e0d0019460400000000000002000000000000000000',
  ],
  [
    'IPv4 routes with a multicast next hop in MP_REACH_NLRI were packed with a NEXT_HOP that is refused',
    7,
    '0000006240020a0102000000ea0000ea00c000020000400600800e2d00010104eb0000000000000000200000' +
      '00000000000018000000000000000800000000000d0000000000000800800f16000000000000000000000000' +
      '0000000000000000000040010100',
  ],
]
