/** Which Linux has which part of SRv6. */
import { Behavior, behaviorName, behaviorSpec } from '../wire/endpoint-behavior.ts'

export const ENCAP_RED_SINCE = '6.0'

/** By behaviour without its flavor: since when over VRF devices, and over plain tables. */
// biome-ignore format: one row a behaviour
const SINCE = new Map<number, { vrf: string; table: string }>([
  [Behavior.END_DX6,  { vrf: '4.10', table: '4.10' }],
  [Behavior.END_DX4,  { vrf: '4.10', table: '4.10' }],
  [Behavior.END_DT6,  { vrf: '5.11', table: '4.10' }],
  [Behavior.END_DT4,  { vrf: '5.11', table: '5.11' }],
  [Behavior.END_DT46, { vrf: '5.14', table: '5.14' }],
])

/** The behaviours in use, each with the Linux that first had it; NEXT-CSID forms are installed as the plain ones. */
export function behaviorsSince(
  behaviors: readonly number[],
  vrfDevices: boolean,
): { what: string; since: string }[] {
  return [...new Set(behaviors)].flatMap((behavior) => {
    const row = SINCE.get(behavior) ?? SINCE.get(classicOf(behavior))
    return row ? [{ what: behaviorName(behavior), since: vrfDevices ? row.vrf : row.table }] : []
  })
}

/** The same endpoint without the NEXT-CSID flavor (RFC 9800 §4). */
function classicOf(behavior: number): number {
  const spec = behaviorSpec(behavior)
  if (!spec?.nextCsid) return behavior
  for (const classic of SINCE.keys()) {
    if (behaviorName(classic) === `End.${spec.name.slice(1)}`) return classic
  }
  return behavior
}

/** Compares `6.12.107-amd64` with `6.0`. */
export function isAtLeast(release: string, since: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  const [wantedMajor = 0, wantedMinor = 0] = since.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
