/**
 * SRv6 endpoint behaviours (IANA "SRv6 Endpoint Behaviors": RFC 8986 §10.2, RFC 9800 §10): code
 * point, name, and which customer packets a SID of that behaviour delivers.
 */

/** The behaviours the program names; the rest of the registry only has a name. */
export const Behavior = {
  END: 1,
  END_DX6: 16,
  END_DX4: 17,
  END_DT6: 18,
  END_DT4: 19,
  END_DT46: 20,
  END_DX2: 21,
  END_DX2V: 22,
  END_DT2U: 23,
  END_DT2M: 24,
  END_NEXT_CSID: 43,
  END_X_NEXT_CSID: 52,
  END_DX6_NEXT_CSID: 60,
  END_DX4_NEXT_CSID: 61,
  END_DT6_NEXT_CSID: 62,
  END_DT4_NEXT_CSID: 63,
  END_DT46_NEXT_CSID: 64,
  END_DX2_NEXT_CSID: 65,
  END_DX2V_NEXT_CSID: 66,
  END_DT2U_NEXT_CSID: 67,
  END_DT2M_NEXT_CSID: 68,
  OPAQUE: 0xffff,
} as const
export type Behavior = (typeof Behavior)[keyof typeof Behavior]

export interface BehaviorSpec {
  code: number
  /** 'End.DT46'; the NEXT-CSID form of a service behaviour by its usual short name, 'uDT46'. */
  name: string
  /** A SID of this behaviour delivers IPv4, IPv6 customer packets. */
  v4: boolean
  v6: boolean
  nextCsid: boolean
}

// biome-ignore format: one row a behaviour
const SERVICES: [code: number, name: string, v4: boolean, v6: boolean][] = [
  [Behavior.END_DX6,            'End.DX6',  false, true ],
  [Behavior.END_DX4,            'End.DX4',  true,  false],
  [Behavior.END_DT6,            'End.DT6',  false, true ],
  [Behavior.END_DT4,            'End.DT4',  true,  false],
  [Behavior.END_DT46,           'End.DT46', true,  true ],
  [Behavior.END_DX6_NEXT_CSID,  'uDX6',     false, true ],
  [Behavior.END_DX4_NEXT_CSID,  'uDX4',     true,  false],
  [Behavior.END_DT6_NEXT_CSID,  'uDT6',     false, true ],
  [Behavior.END_DT4_NEXT_CSID,  'uDT4',     true,  false],
  [Behavior.END_DT46_NEXT_CSID, 'uDT46',    true,  true ],
  // RFC 9252 §2: with the opaque behaviour only the egress knows what it does: it may be any
  [Behavior.OPAQUE,             'opaque',   true,  true ],
]

// biome-ignore format: one row a behaviour
const OTHERS: [code: number, name: string][] = [
  [13, 'End.B6.Insert'], [14, 'End.B6.Encaps'], [15, 'End.BM'],
  [21, 'End.DX2'], [22, 'End.DX2V'], [23, 'End.DT2U'], [24, 'End.DT2M'],
  [26, 'End.B6.Insert.Red'], [27, 'End.B6.Encaps.Red'],
  [40, 'End.MAP'], [41, 'End.Limit'], [42, 'End with NEXT-ONLY-CSID'], [51, 'End.X with NEXT-ONLY-CSID'],
  [65, 'uDX2'], [66, 'uDX2V'], [67, 'uDT2U'], [68, 'uDT2M'],
  [69, 'End.M.GTP6.D'], [70, 'End.M.GTP6.Di'], [71, 'End.M.GTP6.E'], [72, 'End.M.GTP4.E'],
  [74, 'End.M'], [75, 'End.Replicate'],
]

/** PSP, USP and USD in the order of their code points (RFC 8986 §10.2, RFC 9800 §10). */
const FLAVORS = ['', 'PSP', 'USP', 'PSP, USP', 'USD', 'PSP, USD', 'USP, USD', 'PSP, USP, USD']

const ROWS = new Map<number, BehaviorSpec>()

for (const [code, name, v4, v6] of SERVICES) {
  ROWS.set(code, { code, name, v4, v6, nextCsid: name.startsWith('u') })
}
for (const [code, name] of OTHERS) {
  ROWS.set(code, { code, name, v4: false, v6: false, nextCsid: /^u|CSID/.test(name) })
}
for (const [name, withoutUsd, withUsd, nextCsid] of [
  ['End', 1, 28, false],
  ['End.X', 5, 32, false],
  ['End.T', 9, 36, false],
  ['uN', 43, 47, true],
  ['uA', 52, 56, true],
] as const) {
  FLAVORS.forEach((flavor, k) => {
    const code = k < 4 ? withoutUsd + k : withUsd + k - 4
    const title = flavor === '' ? name : `${name} with ${flavor}`
    ROWS.set(code, { code, name: title, v4: false, v6: false, nextCsid })
  })
}

/** The row of a behaviour code point, undefined for one without a name here. */
export function behaviorSpec(code: number): BehaviorSpec | undefined {
  return ROWS.get(code)
}

/** 'End.DT46'; '0x1234' for a code point without a name here. */
export function behaviorName(code: number): string {
  return ROWS.get(code)?.name ?? `0x${code.toString(16).padStart(4, '0')}`
}
