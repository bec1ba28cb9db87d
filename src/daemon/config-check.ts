/**
 * What the schema cannot see: entries compared with each other. Works on the file as read, entry
 * by entry, so that a mistake in one VRF does not hide another between two locators.
 */
import { hexOf } from '../base/bytes.ts'
import { defaultDevice } from './config-build.ts'
import { checkNetworks } from './config-check-networks.ts'
import { checkNamedSids, type NamedSid } from './config-check-sids.ts'
import { Draft, nameOf, overlap, type Report, Unique } from './config-draft.ts'
import type { ConfigPath } from './config-keys.ts'
import type { IpAddress, IpPrefix } from './config-schema.ts'
import {
  CoreNeighbor,
  Listen,
  Locator,
  Router,
  Sids,
  StaticRoute,
  Vrf,
  VrfNeighbor,
} from './config-schema.ts'
import { entryName } from './config-values.ts'

export interface CheckIssue {
  path: ConfigPath
  /** `expected …`; the loader puts what was found before it. */
  message: string
}

/** Everything that is wrong between the entries of `raw`, the file as plain values. */
export function checkConfig(raw: unknown): CheckIssue[] {
  const issues: CheckIssue[] = []
  const report: Report = (path, message) => issues.push({ path, message: `expected ${message}` })
  const file = new Draft(raw)
  checkListen(file, report)
  checkLocators(file, report)
  checkVrfs(file, report)
  checkNamedSids(namedSids(file), report)
  checkNeighbors(file, ['neighbors'], CoreNeighbor, report)
  checkNetworks(file, report)
  return issues
}

function checkListen(file: Draft, report: Report): void {
  const seen = new Unique('an address and port not listed before', report)
  for (const path of file.items(['listen'])) {
    const address = file.field(Listen, path, 'address')
    const port = file.field(Listen, path, 'port')
    if (!address || port === undefined) continue
    seen.add(`${address.text} ${port}`, [...path, 'address'], `listen[${path[1]}]`)
  }
}

function checkLocators(file: Draft, report: Report): void {
  const before: { name: string; prefix: IpPrefix }[] = []
  for (const name of file.names('locators')) {
    const path = ['locators', name]
    const prefix = file.field(Locator, path, 'prefix')
    if (!prefix) continue
    checkLocatorLengths(file, path, prefix, report)
    const other = before.find((each) => overlap(each.prefix, prefix))
    if (other) {
      const message = `a prefix apart from ${other.prefix.text} of locators.${other.name}`
      report([...path, 'prefix'], message)
    }
    before.push({ name, prefix })
  }
}

function checkLocatorLengths(file: Draft, path: ConfigPath, prefix: IpPrefix, report: Report) {
  const block = file.field(Locator, path, 'block-length')
  const node = file.field(Locator, path, 'node-length')
  const func = file.field(Locator, path, 'function-length')
  const given = file.at([...path, 'node-length']) !== undefined
  if (block !== undefined && !given && block > prefix.bits) {
    const at = file.at([...path, 'block-length']) === undefined ? 'prefix' : 'block-length'
    report([...path, at], `a block-length (${block}) of at most the prefix length (${prefix.bits})`)
  }
  if (block !== undefined && node !== undefined && given && block + node !== prefix.bits) {
    const sum = `block-length ${block} + node-length ${node} to be the prefix length ${prefix.bits}`
    report([...path, 'node-length'], sum)
  }
  if (func !== undefined && prefix.bits + func > 128) {
    const at = file.at([...path, 'function-length']) === undefined ? 'prefix' : 'function-length'
    report(
      [...path, at],
      `prefix length ${prefix.bits} + function-length ${func} to be at most 128`,
    )
  }
}

function checkVrfs(file: Draft, report: Report): void {
  const tables = new Unique('a table of its own', report)
  const devices = new Unique('a device of its own', report)
  const rds = new Unique('a route distinguisher of its own', report)
  const interfaces = new Unique('an interface of no other VRF', report)
  for (const name of file.names('vrfs')) {
    const path = ['vrfs', name]
    const here = `vrfs.${name}`
    tables.add(file.field(Vrf, path, 'table'), [...path, 'table'], here)
    checkDevice(file, name, devices, report)
    const rd = file.field(Vrf, path, 'rd')
    rds.add(rd && hexOf(rd.bytes), [...path, 'rd'], here)
    for (const item of file.items([...path, 'interfaces'])) {
      const written = file.at(item)
      if (typeof written === 'string') interfaces.add(written, item, here)
    }
    checkRouteTargets(file, path, report)
    checkLocatorName(file, path, report)
    checkStaticRoutes(file, path, report)
    checkNeighbors(file, [...path, 'neighbors'], VrfNeighbor, report)
  }
}

function checkDevice(file: Draft, name: string, devices: Unique, report: Report): void {
  const path = ['vrfs', name, 'device']
  if (file.at(path) !== undefined) {
    devices.add(file.read(Vrf.shape.device, path), path, `vrfs.${name}`)
  } else if (entryName.safeParse(name).success) {
    const device = defaultDevice(name)
    if (device === null) report(path, `a name of at most 15 characters, vrf-${name} is too long`)
    else devices.add(device, ['vrfs', name], `vrfs.${name}`)
  }
}

function checkRouteTargets(file: Draft, path: ConfigPath, report: Report): void {
  const targets = file.field(Vrf, path, 'route-targets')
  if (!targets) return
  const { import: imports, export: exports, both } = targets
  if (imports.length + exports.length + both.length === 0) {
    report(
      [...path, 'route-targets'],
      'at least one of import, export and both with a route target',
    )
  }
}

function checkLocatorName(file: Draft, path: ConfigPath, report: Report): void {
  const names = file.names('locators')
  const written = file.at([...path, 'locator'])
  if (written === undefined) {
    if (names.length === 0) report([...path, 'locator'], 'a locator under locators')
    if (names.length > 1) report([...path, 'locator'], `one of ${names.join(', ')}`)
  } else if (typeof written === 'string' && !names.includes(written)) {
    const known = names.length === 0 ? 'a locator under locators' : `one of ${names.join(', ')}`
    report([...path, 'locator'], known)
  }
}

function namedSids(file: Draft): NamedSid[] {
  return file.names('vrfs').flatMap((vrf) => {
    const at = ['vrfs', vrf]
    const written = file.at([...at, 'locator'])
    const name = typeof written === 'string' ? written : (file.names('locators')[0] ?? '')
    const prefix = file.field(Locator, ['locators', name], 'prefix')
    const functionLength = file.field(Locator, ['locators', name], 'function-length')
    const locator =
      prefix && functionLength !== undefined ? { name, prefix, functionLength } : undefined
    const mode = file.field(Vrf, at, 'sid')
    return (['dt46', 'dt4', 'dt6'] as const).flatMap((kind) => {
      const sid = file.field(Sids, [...at, 'sids'], kind)
      return sid ? [{ path: [...at, 'sids', kind], sid, kind, mode, locator }] : []
    })
  })
}

function checkStaticRoutes(file: Draft, vrf: ConfigPath, report: Report): void {
  const seen = new Unique('a prefix not listed before', report)
  const interfaces = file.items([...vrf, 'interfaces']).map((path) => file.at(path))
  for (const path of file.items([...vrf, 'static-routes'])) {
    const prefix = file.field(StaticRoute, path, 'prefix')
    const route = file.read(StaticRoute, path)
    seen.add(prefix?.text, [...path, 'prefix'], nameOf(path))
    if (!route) continue
    const { via, interface: device, blackhole } = route
    if (blackhole === (via !== undefined || device !== undefined)) {
      report(path, 'via, interface or both, or else blackhole: true')
    }
    if (via && via.family !== route.prefix.family) {
      report([...path, 'via'], `an IPv${route.prefix.family} address, as the prefix is`)
    }
    if (device !== undefined && !interfaces.includes(device)) {
      report([...path, 'interface'], `one of the interfaces of ${vrf.join('.')}`)
    }
  }
}

function checkNeighbors(
  file: Draft,
  list: ConfigPath,
  entry: typeof CoreNeighbor | typeof VrfNeighbor,
  report: Report,
): void {
  const localAs = file.field(Router, ['router'], 'as')
  const source = file.field(Router, ['router'], 'source')
  const inVrf = list.length > 1
  const seen = new Unique('a neighbour not listed before', report)
  for (const path of file.items(list)) {
    const address = file.read(entry.shape.address, [...path, 'address'])
    const updateSource = file.read(entry.shape['update-source'], [...path, 'update-source'])
    const as = file.read(entry.shape.as, [...path, 'as'])
    seen.add(address?.text, [...path, 'address'], nameOf(path))
    if (address) checkAddresses(path, address, updateSource, inVrf ? undefined : source, report)
    if (as !== undefined && as === localAs) {
      if (inVrf) report([...path, 'as'], `another AS than our own: a CE speaks eBGP`)
      if (file.at([...path, 'ebgp-multihop']) !== undefined) {
        report([...path, 'ebgp-multihop'], `no ebgp-multihop: AS ${as} is our own`)
      }
    }
    checkFamilies(file, [...path, 'families'], report)
  }
}

function checkAddresses(
  path: ConfigPath,
  address: IpAddress,
  updateSource: IpAddress | undefined,
  source: IpAddress | undefined,
  report: Report,
): void {
  if (address.text === source?.text || address.text === updateSource?.text) {
    report([...path, 'address'], "the neighbour's address, this one is our own")
  }
  if (updateSource && updateSource.family !== address.family) {
    report([...path, 'update-source'], `an IPv${address.family} address, as the neighbour's is`)
  }
}

function checkFamilies(file: Draft, path: ConfigPath, report: Report): void {
  const written = file.at(path)
  if (Array.isArray(written) && written.length === 0) report(path, 'at least one address family')
  const seen = new Unique('each family once', report)
  for (const item of file.items(path)) {
    const name = file.at(item)
    if (typeof name === 'string') seen.add(name, item, nameOf(path))
  }
}
