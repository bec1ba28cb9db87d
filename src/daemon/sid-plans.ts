/** What `sid` of a VRF means: which SIDs its routes get. */
import type { Locator } from '../vpn/locator.ts'
import type { SidForm, SidPlan } from '../vpn/service-sids.ts'
import { ADDRESS_FAMILIES, type AddressFamily } from '../vpn/vrf.ts'
import { Behavior } from '../wire/endpoint-behavior.ts'
import { Family } from '../wire/registry.ts'
import type { Config, LocatorConfig, VrfConfig } from './config-schema.ts'

const DT46: SidForm = { classic: Behavior.END_DT46, nextCsid: Behavior.END_DT46_NEXT_CSID }
const DT4: SidForm = { classic: Behavior.END_DT4, nextCsid: Behavior.END_DT4_NEXT_CSID }
const DT6: SidForm = { classic: Behavior.END_DT6, nextCsid: Behavior.END_DT6_NEXT_CSID }
const DX4: SidForm = { classic: Behavior.END_DX4, nextCsid: Behavior.END_DX4_NEXT_CSID }
const DX6: SidForm = { classic: Behavior.END_DX6, nextCsid: Behavior.END_DX6_NEXT_CSID }

type Forms = ReadonlyMap<AddressFamily, SidForm>
const BOTH: Forms = new Map(ADDRESS_FAMILIES.map((family) => [family, DT46]))
const PER_FAMILY: Forms = new Map([
  [Family.IPV4_UNICAST, DT4],
  [Family.IPV6_UNICAST, DT6],
])
const TO_GATEWAY: Forms = new Map([
  [Family.IPV4_UNICAST, DX4],
  [Family.IPV6_UNICAST, DX6],
])
const NONE: Forms = new Map()

// biome-ignore format: one row a mode
const PLANS: Record<VrfConfig['sid'], Omit<SidPlan, 'explicit'>> = {
  'per-vrf':    { perPrefix: false, byTable: BOTH,       byGateway: NONE },
  'per-family': { perPrefix: false, byTable: PER_FAMILY, byGateway: NONE },
  'per-ce':     { perPrefix: false, byTable: PER_FAMILY, byGateway: TO_GATEWAY },
  'per-prefix': { perPrefix: true,  byTable: PER_FAMILY, byGateway: TO_GATEWAY },
}

/** Without End.DT46 a SID a VRF is one a family. */
export function sidPlanOf({ sid, sids }: VrfConfig, hasDt46: boolean): SidPlan {
  const explicit = new Map<number, Uint8Array>()
  for (const [form, address] of [
    [DT46, sids.dt46],
    [DT4, sids.dt4],
    [DT6, sids.dt6],
  ] as const) {
    if (address !== null) explicit.set(form.classic, address.bytes)
  }
  return { ...PLANS[sid === 'per-vrf' && !hasDt46 ? 'per-family' : sid], explicit }
}

/** Those that the configuration names: never given to anybody else. */
export function explicitSids({ vrfs }: Config): Uint8Array[] {
  return vrfs.flatMap(({ sids }) =>
    [sids.dt46, sids.dt4, sids.dt6].flatMap((sid) => (sid === null ? [] : [sid.bytes])),
  )
}

export function locatorOf(config: LocatorConfig): Locator {
  return {
    name: config.name,
    prefix: config.prefix.bytes,
    structure: {
      blockBits: config.blockLength,
      nodeBits: config.nodeLength,
      functionBits: config.functionLength,
      argumentBits: 0,
    },
    nextCsid: config.behavior === 'usid',
  }
}
