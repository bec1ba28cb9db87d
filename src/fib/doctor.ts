/**
 * Looks a host over for what makes SRv6 L3VPN fail in silence: a finding each, in a sentence, with
 * the command that mends it. Reads, and changes nothing. The facts are in docs/operating.md.
 */
import { Behavior } from '../wire/endpoint-behavior.ts'
import { farEnd, nearEnd } from './dataplane-table-vrf.ts'
import { encapOverhead } from './encap-overhead.ts'
import { Cap, type Host } from './host.ts'
import type { EncapMode, Link } from './kernel.ts'
import { behaviorsSince, ENCAP_RED_SINCE, isAtLeast } from './kernel-version.ts'
import {
  commandFor,
  ingressSettings,
  namespaceSettings,
  type Setting,
  settingName,
  vrfDeviceSettings,
} from './preflight.ts'

export type FindingState = 'ok' | 'mended' | 'warning' | 'failed'

export interface Finding {
  /** What was looked at: a setting's name, `mtu of core0`. */
  check: string
  state: FindingState
  says: string
  /** The command that mends it, null where nothing is wrong or no command does. */
  mend: string | null
}

export interface SidFacts {
  sid: string
  why: string | null
  /** The host routes it to `lo`: an address of the host, or a seg6local route that lost its action. */
  byLoopback: boolean
}

/** What is to be examined: the configuration, and what the kernel says of its devices. */
export interface Subject {
  /** VRFs are devices of the kernel, or tables and rules. */
  vrfDevices: boolean
  encapsulation: EncapMode
  /** Code points of the endpoint behaviours in use. */
  behaviors: readonly number[]
  vrfs: readonly { name: string; device: string; table: number; interfaces: readonly string[] }[]
  links: readonly Link[]
  /** Index of the interfaces towards other PEs. */
  coreIfindexes: readonly number[]
  /** Text of router.source, and whether an interface has it. */
  source: { text: string; isOurs: boolean }
  /** A port below 1024 is listened on. */
  lowPort: boolean
  /** SIDs that the kernel refused or lost, when a daemon runs. */
  sids: readonly SidFacts[]
  /** With Cilium's data path: its maps that are not pinned, or why they cannot be looked at. */
  cilium: { missing: readonly string[]; why: string | null } | null
  /** A daemon runs: what it makes is expected to be there. */
  running: boolean
  /** Settings that srv6d changed since it started, with what they were. */
  changed: ReadonlyMap<string, string>
}

const ok = (check: string, says: string): Finding => ({ check, state: 'ok', says, mend: null })

/** All findings, in the order in which a packet meets them. */
export function examine(host: Host, subject: Subject): Finding[] {
  if (subject.cilium) return [...ciliumMaps(subject.cilium), ...refusedSids(subject)]
  return [
    kernelVersion(host, subject),
    srv6(host),
    ...tableModules(host, subject),
    vrfModule(host, subject),
    ...capabilities(host, subject),
    ...settingsOf(host, subject).map((setting) => settingFinding(host, subject, setting)),
    ...sharedTables(subject),
    listeners(host),
    segmentsToUs(host),
    source(subject),
    ...refusedSids(subject),
    ...loopbackSids(subject),
    ...coreMtu(subject),
  ]
}

function kernelVersion(
  { release }: Host,
  { encapsulation, behaviors, vrfDevices }: Subject,
): Finding {
  const needs = behaviorsSince(behaviors, vrfDevices)
  if (encapsulation === 'encap.red') needs.push({ what: 'H.Encaps.Red', since: ENCAP_RED_SINCE })
  const missing = needs.filter(({ since }) => !isAtLeast(release, since))
  if (missing.length === 0) return ok('kernel', `Linux ${release} has what this configuration uses`)
  const list = missing.map(({ what, since }) => `${what} (${since})`).join(', ')
  return {
    check: 'kernel',
    state: 'failed',
    says: `Linux ${release} is too old for ${list}`,
    mend: missing.some(({ what }) => what === 'H.Encaps.Red')
      ? 'dataplane.encapsulation: encap'
      : null,
  }
}

function srv6(host: Host): Finding {
  const check = 'SRv6'
  if (host.sysctl('net/ipv6/conf/all/disable_ipv6') === '1') {
    const says = 'IPv6 is disabled in this network namespace: nothing can be encapsulated'
    return { check, state: 'failed', says, mend: 'sysctl -w net.ipv6.conf.all.disable_ipv6=0' }
  }
  // The setting is there without the tunnels too.
  const isThere = host.sysctl('net/ipv6/conf/all/seg6_enabled') !== null
  if (isThere && host.kernelOption(SEG6) !== 'n') {
    return ok(check, 'the kernel has segment routing')
  }
  const says = `this kernel has no SRv6: it needs ${SEG6}`
  return { check, state: 'failed', says, mend: null }
}

const SEG6 = 'CONFIG_IPV6_SEG6_LWTUNNEL'

/** What VRFs of tables and rules are made of. */
function tableModules(host: Host, { vrfDevices }: Subject): Finding[] {
  if (vrfDevices) return []
  const check = 'tables and rules'
  const failed = (says: string): Finding[] => [{ check, state: 'failed', says, mend: null }]
  const needed = ['CONFIG_IP_MULTIPLE_TABLES', 'CONFIG_IPV6_MULTIPLE_TABLES', 'CONFIG_VETH']
  const lacks = needed.filter((name) => host.kernelOption(name) === 'n')
  if (lacks.length > 0) return failed(`this kernel lacks ${lacks.join(', ')}`)
  if (host.kernelOption('CONFIG_VETH') === 'm' && !host.hasModule('veth')) {
    return failed('the module veth is not installed for this kernel: IPv4 of VRFs needs it')
  }
  return [ok(check, 'the kernel has them')]
}

function vrfModule(host: Host, { vrfDevices }: Subject): Finding {
  const check = 'VRF devices'
  if (!vrfDevices) return ok(check, 'not needed: VRFs are routing tables and rules')
  if (hasVrf(host)) return ok(check, 'the kernel has them')
  return host.hasModule('vrf')
    ? { check, state: 'failed', says: 'the module vrf is not loaded', mend: 'modprobe vrf' }
    : {
        check,
        state: 'failed',
        says: 'this kernel has no VRF devices, and no module for them is installed',
        mend: 'dataplane.mode: table',
      }
}

/** Whether the kernel has VRF devices, or their module is only to be loaded. */
export function mayHaveVrf(host: Host): boolean {
  return hasVrf(host) || host.hasModule('vrf')
}

function hasVrf(host: Host): boolean {
  return host.sysctl('net/vrf/strict_mode') !== null
}

function capabilities({ capabilities: has }: Host, { lowPort }: Subject): Finding[] {
  // biome-ignore format: one row a capability
  const rows = [
    { name: 'CAP_NET_ADMIN',        bit: Cap.NET_ADMIN,        state: 'failed',  without: 'routes, SIDs and VRFs cannot be written' },
    { name: 'CAP_NET_RAW',          bit: Cap.NET_RAW,          state: 'warning', without: 'senders are not told of packets too big for the core' },
    { name: 'CAP_NET_BIND_SERVICE', bit: Cap.NET_BIND_SERVICE, state: lowPort ? 'failed' : 'ok', without: 'ports below 1024 cannot be listened on' },
  ] as const
  return rows.map(({ name, bit, state, without }) =>
    (has >> BigInt(bit)) & 1n
      ? ok(name, 'this process has it')
      : { check: name, state, says: `this process lacks it: ${without}`, mend: null },
  )
}

/** `vrfModule` has said what a kernel without VRF devices means. */
function settingsOf(host: Host, subject: Subject): Setting[] {
  const { vrfDevices, vrfs, links, coreIfindexes, behaviors } = subject
  const ingress = links.filter(({ ifindex }) => coreIfindexes.includes(ifindex))
  const devices = vrfDevices ? vrfs.flatMap(({ device }) => vrfDeviceSettings(device)) : []
  // Without VRF devices every SID is one that leads to a next hop.
  const straight = !vrfDevices || behaviors.includes(Behavior.END_DX4)
  const core = straight ? ingress : []
  // IPv4 out of a SID comes in by the pair of its VRF.
  const pairs = vrfDevices ? [] : links.filter(({ name }) => farEndOf(vrfs, name))
  const open = [...core, ...pairs].flatMap(({ name }) => ingressSettings(name))
  return [...namespaceSettings(vrfDevices && hasVrf(host)), ...devices, ...open]
}

function settingFinding(host: Host, subject: Subject, setting: Setting): Finding {
  const check = settingName(setting.path)
  const value = host.sysctl(setting.path)
  const was = subject.changed.get(setting.path)
  if (value === setting.value) {
    if (was === undefined) return ok(check, value)
    return { check, state: 'mended', says: `${value}; it was ${was}, srv6d has set it`, mend: null }
  }
  if (value === null) return missing(check, setting, subject)
  const says = `is ${value}, expected ${setting.value}: ${setting.without}`
  const mend = commandFor(setting)
  if (subject.running || !host.maySet(setting.path)) return { check, state: 'failed', says, mend }
  return { check, state: 'warning', says: `${says}; srv6d sets it when it starts`, mend }
}

function farEndOf(vrfs: Subject['vrfs'], name: string): boolean {
  return vrfs.some(({ table }) => name === farEnd(nearEnd(table)))
}

/** A setting of a device that srv6d makes when it starts is there from then on. */
function missing(check: string, { without }: Setting, { running }: Subject): Finding {
  if (!running) return ok(check, 'not there yet: srv6d makes the device and sets it')
  return { check, state: 'failed', says: `is not there: ${without}`, mend: null }
}

/** With two devices on one table the kernel cannot tell which VRF a SID leads to: EPERM for all. */
function sharedTables({ vrfs, links, vrfDevices }: Subject): Finding[] {
  if (!vrfDevices) return []
  return vrfs.flatMap(({ name, device, table }) => {
    const others = links.filter((link) => link.vrfTable === table && link.name !== device)
    if (others.length === 0) return []
    const names = others.map((link) => link.name).join(', ')
    return {
      check: `table of VRF ${name}`,
      state: 'failed' as const,
      says: `table ${table} is also ${names}’s: the kernel refuses SIDs and net.vrf.strict_mode`,
      mend: `ip link del ${others[0]!.name}`,
    }
  })
}

function listeners(host: Host): Finding {
  const path = 'net/ipv4/tcp_l3mdev_accept'
  const check = settingName(path)
  if (host.sysctl(path) !== '1') return ok(check, 'not needed: srv6d listens in each VRF by itself')
  return {
    check,
    state: 'warning',
    says: 'is 1: servers of this host outside of VRFs also take connections of customers',
    mend: `sysctl -w ${check}=0`,
  }
}

/** Not needed for the SIDs of VRFs, whatever other guides say. */
function segmentsToUs(host: Host): Finding {
  const check = 'net.ipv6.conf.all.seg6_enabled'
  const value = host.sysctl('net/ipv6/conf/all/seg6_enabled') ?? 'missing'
  return ok(check, `${value}; only for packets whose next segment is an address of this host`)
}

function source({ source: { text, isOurs } }: Subject): Finding {
  if (isOurs) return ok('router.source', `${text} is an address of this host`)
  return {
    check: 'router.source',
    state: 'failed',
    says: `${text} is on no interface: other PEs do not reach it as next hop, and errors about our packets go nowhere`,
    mend: `ip -6 addr add ${text}/128 dev lo`,
  }
}

function refusedSids({ sids }: Subject): Finding[] {
  const bad = sids.filter(({ why }) => why !== null)
  if (sids.length > 0 && bad.length === 0)
    return [ok('SIDs', `all ${sids.length} are in the kernel`)]
  return bad.map(({ sid, why }) => {
    return { check: `SID ${sid}`, state: 'failed', says: why!, mend: null } as const
  })
}

/** Linux takes the action from a seg6local route by `lo` without a word. */
function loopbackSids({ sids }: Subject): Finding[] {
  return sids
    .filter(({ why, byLoopback }) => why === null && byLoopback)
    .map(({ sid }): Finding => {
      const says = 'this host takes it for itself: it is an address here, or its route goes by lo'
      return {
        check: `SID ${sid}`,
        state: 'failed',
        says,
        mend: `ip -6 addr del ${sid}/128 dev lo`,
      }
    })
}

function ciliumMaps({ missing, why }: NonNullable<Subject['cilium']>): Finding[] {
  const check = "Cilium's maps"
  if (why !== null) return [{ check, state: 'failed', says: why, mend: 'apt-get install bpftool' }]
  if (missing.length === 0) return [ok(check, 'all five are pinned')]
  const says = `not pinned: ${missing.join(', ')}: the agent makes them with enable-srv6`
  return [{ check, state: 'failed', says, mend: null }]
}

/** Customers' packets, as long as their own links carry them, against what the core leaves of its MTU. */
function coreMtu({ links, coreIfindexes, vrfs, encapsulation }: Subject): Finding[] {
  const overhead = encapOverhead(encapsulation, 1)
  const circuits = links.filter(({ name }) => vrfs.some((vrf) => vrf.interfaces.includes(name)))
  const largest = Math.max(0, ...circuits.map((link) => link.mtu))
  return links
    .filter((link) => coreIfindexes.includes(link.ifindex) && link.name !== 'lo')
    .map(({ name, mtu }): Finding => {
      const check = `MTU of ${name}`
      const left = mtu - overhead
      const wanted = Math.max(largest, 1280) + overhead
      if (left >= largest && left >= 1280) {
        return ok(check, `${mtu}: ${left} octets are left for packets of customers`)
      }
      const mend = `ip link set ${name} mtu ${wanted}`
      if (left < 1280) {
        const says = `${mtu} leaves ${left} octets: IPv6 of customers needs 1280 (RFC 8200 §5)`
        return { check, state: 'failed', says, mend }
      }
      const says = `${mtu} leaves ${left} octets, customers' links carry ${largest}: senders are told, but those that ignore it lose packets`
      return { check, state: 'warning', says, mend }
    })
}
