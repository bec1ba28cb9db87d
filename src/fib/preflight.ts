/**
 * What SRv6 L3VPN needs of the host's settings. srv6d sets them itself; each that cannot be set is
 * a sentence that says what will not work and the command that mends it. doctor.ts reads them back.
 */
import type { Kernel } from './kernel.ts'

export interface Setting {
  /** Under /proc/sys. */
  path: string
  value: string
  /** What does not work without it. */
  without: string
}

const STRICT_MODE = 'net/vrf/strict_mode'

// biome-ignore format: one row a setting
const NAMESPACE: readonly Setting[] = [
  { path: STRICT_MODE, value: '1', without: 'the kernel refuses the SIDs of VRFs' },
  { path: 'net/ipv4/ip_forward', value: '1', without: 'IPv4 of VPNs is not forwarded' },
  { path: 'net/ipv6/conf/all/forwarding', value: '1', without: 'IPv6 and SRv6 are not forwarded' },
  { path: 'net/ipv4/conf/all/rp_filter', value: '0', without: 'IPv4 that comes out of SRv6 is dropped' },
  { path: 'net/ipv4/conf/default/rp_filter', value: '0', without: 'IPv4 is dropped on VRF devices made later' },
  { path: 'net/ipv4/nexthop_compat_mode', value: '0', without: 'many routes move slowly when a SID is lost' },
]

/** Settings of the network namespace; `vrfDevices`: VRFs are devices of the kernel. */
export function namespaceSettings(vrfDevices: boolean): readonly Setting[] {
  return vrfDevices ? NAMESPACE : NAMESPACE.filter(({ path }) => path !== STRICT_MODE)
}

/** Settings of a VRF device: no reverse path filter, IPv6 not disabled. */
export function vrfDeviceSettings(device: string): readonly Setting[] {
  return [...ingressSettings(device), ...sidDeviceSettings(device)]
}

/**
 * Sets what the whole network namespace needs; call it once the first VRF device is there (only
 * then does net.vrf.strict_mode exist). Returns a sentence for each setting that failed.
 */
export async function prepareNamespace(kernel: Kernel, vrfDevices = true): Promise<string[]> {
  return apply(kernel, namespaceSettings(vrfDevices))
}

export async function prepareVrfDevice(kernel: Kernel, device: string): Promise<string[]> {
  return apply(kernel, vrfDeviceSettings(device))
}

/** Settings of a device that SIDs go by. */
export function sidDeviceSettings(device: string): readonly Setting[] {
  const without = `SIDs through ${device} do not work`
  return [{ path: `net/ipv6/conf/${device}/disable_ipv6`, value: '0', without }]
}

/** Settings of an interface that IPv4 comes out of SRv6 by, or seems to: no reverse path filter. */
export function ingressSettings(device: string): readonly Setting[] {
  const without = `IPv4 that comes out of SRv6 is dropped on ${device}`
  return [{ path: `net/ipv4/conf/${device}/rp_filter`, value: '0', without }]
}

export async function prepareSidDevice(kernel: Kernel, device: string): Promise<string[]> {
  return apply(kernel, sidDeviceSettings(device))
}

export async function prepareIngress(kernel: Kernel, device: string): Promise<string[]> {
  return apply(kernel, ingressSettings(device))
}

async function apply(kernel: Kernel, settings: readonly Setting[]): Promise<string[]> {
  const problems: string[] = []
  for (const setting of settings) {
    const why = await kernel.sysctl(setting.path, setting.value)
    if (why !== 'ok') problems.push(sentence(setting, why))
  }
  return problems
}

function sentence(setting: Setting, why: string): string {
  if (setting.path === STRICT_MODE && why === 'ENOENT') {
    return `this kernel has no VRF devices (net.vrf.strict_mode is missing), ${setting.without}: run \`modprobe vrf\``
  }
  return `${setting.path} could not be set to ${setting.value} (${why}), ${setting.without}: run \`${commandFor(setting)}\``
}

/** The command that makes a setting; a dot in an interface's name keeps the slashes. */
export function commandFor({ path, value }: Setting): string {
  return `sysctl -w ${settingName(path)}=${value}`
}

export function settingName(path: string): string {
  return path.includes('.') ? path : path.replaceAll('/', '.')
}
