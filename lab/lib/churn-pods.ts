/** The pods of churn-speaker.ts, by number: networks and families in turn. */
export const LARGE_POOLS = ['blue', 'red'] as const
export type PodNetworkName = (typeof LARGE_POOLS)[number]

/** Addresses come round again after so many: longer than any of them lives. */
const DIFFERENT = 500

export interface ChurnPod {
  octets: Buffer
  /** As `ip route` writes it: without the length of a host. */
  prefix: string
  network: PodNetworkName
}

export function podAt(n: number): ChurnPod {
  const network = LARGE_POOLS[n % 2]!
  const host = 1 + (Math.floor(n / 4) % DIFFERENT)
  const [third, group] = network === 'blue' ? [9, 8] : [13, 0xc]
  if (n % 4 < 2) {
    const octets = Buffer.from([10, 244, third + (host >> 8), host & 255])
    return { octets, prefix: octets.join('.'), network }
  }
  const octets = Buffer.alloc(16)
  octets.writeUInt16BE(0xfd00, 0)
  octets.writeUInt16BE(0x244, 2)
  octets.writeUInt16BE(group, 4)
  octets.writeUInt16BE(0x9, 6)
  octets.writeUInt16BE(host, 14)
  return { octets, prefix: `fd00:244:${group.toString(16)}:9::${host.toString(16)}`, network }
}
