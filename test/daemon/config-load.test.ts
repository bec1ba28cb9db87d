import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError, loadConfig, parseConfig } from '../../src/daemon/config-load.ts'
import { Family } from '../../src/wire/registry.ts'

/** Lines 1 to 19; the cases below change one of them, or add line 20 and what follows. */
const GOOD = `router:
  as: 65000
  router-id: 192.0.2.1
  source: "2001:db8:ffff::1"
locators:
  main: { prefix: "fcbb:bb00:1::/48" }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    interfaces: [eth1]
  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
neighbors:
  - address: "2001:db8:ffff::2"
    as: 65000
`

/** What is said of a file: `line:column path: message`, in the order it is said. */
function problemsOf(text: string): string[] {
  try {
    parseConfig(text, 'srv6d.yaml')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, column, path, message }) =>
      `${line}:${column} ${path}: ${message}`.replace(' : ', ' '),
    )
  }
  return []
}

/** GOOD with other lines in the place of one. */
function edit(line: number, ...lines: string[]): string {
  const all = GOOD.split('\n')
  all.splice(line - 1, 1, ...lines)
  return all.join('\n')
}

const append = (...lines: string[]): string => `${GOOD}${lines.join('\n')}\n`

const MISTAKES: [what: string, text: string, ...problems: string[]][] = [
  [
    'a named SID outside its locator',
    edit(12, '    sids: { dt46: "fcbb:bb00:2:1::" }'),
    '12:19 vrfs.red.sids.dt46: "fcbb:bb00:2:1::": expected a SID in fcbb:bb00:1::/48, the locator main',
  ],
  [
    'a named SID that is longer than its locator makes them, or has no function',
    edit(
      12,
      '    sid: per-family',
      '    sids:',
      '      dt4: "fcbb:bb00:1:1:2::"',
      '      dt6: "fcbb:bb00:1::"',
    ),
    '14:12 vrfs.red.sids.dt4: "fcbb:bb00:1:1:2::": expected no bits behind the 16 of the function, such as fcbb:bb00:1:1::',
    '15:12 vrfs.red.sids.dt6: "fcbb:bb00:1::": expected a function other than 0',
  ],
  [
    'a named SID that another VRF has',
    `${edit(12, '    sids: { dt46: "fcbb:bb00:1:1::" }').replace(
      '"65000:20"] }',
      '"65000:20"] }\n    sids: { dt46: "fcbb:bb00:1:1::" }',
    )}`,
    '17:19 vrfs.blue.sids.dt46: "fcbb:bb00:1:1::": expected a SID of its own (vrfs.red.sids.dt46 has it)',
  ],
  [
    'a named SID of a behaviour that the VRF does not use',
    edit(12, '    sids: { dt4: "fcbb:bb00:1:1::" }'),
    '12:18 vrfs.red.sids.dt4: "fcbb:bb00:1:1::": expected dt46 where sid is per-vrf',
  ],
  [
    'a named SID of a VRF with one a prefix',
    edit(12, '    sid: per-prefix', '    sids: { dt4: "fcbb:bb00:1:1::" }'),
    '13:18 vrfs.red.sids.dt4: "fcbb:bb00:1:1::": expected no named SID where sid is per-prefix',
  ],
  [
    'a key that does not exist',
    append('dataplan: { mode: vrf }'),
    '20:1 dataplan: unknown key: did you mean "dataplane"?',
  ],
  [
    'a key that resembles none',
    edit(10, '    rd: "65000:110"', '    colour: red'),
    '11:5 vrfs.red.colour: unknown key: expected one of table, device, rd, route-targets, locator, sid, sids, interfaces, redistribute, maximum-paths, static-routes, neighbors, networks',
  ],
  [
    'a key with an underscore',
    edit(3, '  router_id: 192.0.2.1'),
    '1:1 router.router-id: missing: expected an IPv4 address other than 0.0.0.0',
    '3:3 router.router_id: unknown key: did you mean "router-id"?',
  ],
  [
    'a route distinguisher out of range',
    edit(10, '    rd: "65000:4294967296"'),
    '10:9 vrfs.red.rd: "65000:4294967296": expected AS:number or IPv4:number, such as 65000:110',
  ],
  [
    'a route distinguisher without a number',
    edit(10, '    rd: 65000'),
    '10:9 vrfs.red.rd: 65000: expected AS:number or IPv4:number, such as 65000:110',
  ],
  [
    'a route target that is none',
    edit(11, '    route-targets: { import: ["65000:10", "65000"], export: [red] }'),
    '11:43 vrfs.red.route-targets.import[1]: "65000": expected AS:number or IPv4:number, such as 65000:10',
    '11:62 vrfs.red.route-targets.export[0]: "red": expected AS:number or IPv4:number, such as 65000:10',
  ],
  [
    'a VRF without a route target',
    edit(11, '    route-targets: {}'),
    '11:20 vrfs.red.route-targets: a mapping: expected at least one of import, export and both with a route target',
  ],
  [
    'overlapping locators',
    edit(6, '  main: { prefix: "fcbb:bb00:1::/48" }', '  sub: { prefix: "fcbb:bb00:1:f000::/52" }'),
    '7:18 locators.sub.prefix: "fcbb:bb00:1:f000::/52": expected a prefix apart from fcbb:bb00:1::/48 of locators.main',
    '9:3 vrfs.red.locator: missing: expected one of main, sub',
    '14:3 vrfs.blue.locator: missing: expected one of main, sub',
  ],
  [
    'a VRF twice',
    append('vrfs: {}').replace('  blue:', '  red:'),
    '13:3 vrfs.red: given twice: expected each key once',
    '20:1 vrfs: given twice: expected each key once',
  ],
  [
    'the same table, route distinguisher and interface in two VRFs',
    edit(14, '    table: 10', '    interfaces: [eth2, eth1]').replace('65000:120', '65000:110'),
    '14:12 vrfs.blue.table: 10: expected a table of its own (vrfs.red has it)',
    '15:24 vrfs.blue.interfaces[1]: "eth1": expected an interface of no other VRF (vrfs.red has it)',
    '16:9 vrfs.blue.rd: "65000:110": expected a route distinguisher of its own (vrfs.red has it)',
  ],
  [
    'a route distinguisher written in two ways',
    edit(15, '    rd: "65000:00110"'),
    '15:9 vrfs.blue.rd: "65000:00110": expected a route distinguisher of its own (vrfs.red has it)',
  ],
  [
    'a device twice, once by default',
    edit(14, '    table: 20', '    device: vrf-red'),
    '15:13 vrfs.blue.device: "vrf-red": expected a device of its own (vrfs.red has it)',
  ],
  [
    'a VRF whose name is too long for a device',
    edit(13, '  customer-seventeen:'),
    '13:3 vrfs.customer-seventeen.device: missing: expected a name of at most 15 characters, vrf-customer-seventeen is too long',
  ],
  [
    'a VRF name with a blank',
    edit(13, '  "bl ue":'),
    '13:3 vrfs."bl ue": "bl ue": expected a name of 1 to 32 letters, digits, ".", "_" or "-"',
  ],
  [
    'a kernel table',
    edit(14, '    table: 254'),
    '14:12 vrfs.blue.table: 254: expected a table number from 1 to 2147483647, not 253, 254 or 255',
  ],
  [
    'an unknown family',
    append('    families: [vpnv4, ipv4]'),
    '20:23 neighbors[0].families[1]: "ipv4": expected vpnv4 or vpnv6',
  ],
  [
    'a unicast family in the core, a VPN family for a CE',
    `${append('    families: [ipv4-unicast]')}`.replace(
      '  blue:',
      '    neighbors: [{ address: 10.0.0.2, as: 65001, families: [vpnv4] }]\n  blue:',
    ),
    '13:60 vrfs.red.neighbors[0].families[0]: "vpnv4": expected ipv4-unicast or ipv6-unicast',
    '21:16 neighbors[0].families[0]: "ipv4-unicast": expected vpnv4 or vpnv6',
  ],
  [
    'a family twice, and none',
    append('    families: [vpnv4, vpnv4]', '  - { address: 192.0.2.9, as: 1, families: [] }'),
    '20:23 neighbors[0].families[1]: "vpnv4": expected each family once (neighbors[0].families has it)',
    '21:44 neighbors[1].families: a list: expected at least one address family',
  ],
  ['a tab', 'router:\n\tas: 65000\n', '2:1 YAML: tabs are not allowed as indentation'],
  [
    'a list that is not closed',
    edit(11, '    route-targets: { both: ["65000:10" }'),
    '11:40 YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    '12:5 YAML: flow map in block collection must be sufficiently indented and end with a }',
  ],
  ['an empty file', '# nothing\n', '1:1 nothing given: expected a mapping of keys to values'],
  ['a list instead of a mapping', '- a\n', '1:1 a list: expected a mapping of keys to values'],
  [
    'values of the wrong type',
    edit(2, '  as: "65000"')
      .replace('table: 10', 'table: ten')
      .replace('interfaces: [eth1]', 'interfaces: eth1'),
    '2:7 router.as: "65000": expected an AS number from 1 to 4294967295, not 23456',
    '9:12 vrfs.red.table: "ten": expected a table number from 1 to 2147483647, not 253, 254 or 255',
    '12:17 vrfs.red.interfaces: "eth1": expected a list',
  ],
  [
    'a key without a value',
    append('graceful-restart:'),
    '20:1 graceful-restart: nothing given: expected a mapping of keys to values',
  ],
  [
    'router-id 0, a link-local source, AS_TRANS',
    edit(2, '  as: 23456').replace('192.0.2.1', '0.0.0.0').replace('2001:db8:ffff::1', 'fe80::1'),
    '2:7 router.as: 23456: expected an AS number from 1 to 4294967295, not 23456',
    '3:14 router.router-id: "0.0.0.0": expected an IPv4 address other than 0.0.0.0',
    '4:11 router.source: "fe80::1": expected a global IPv6 unicast address',
  ],
  [
    'a prefix with host bits',
    edit(12, '    static-routes: [{ prefix: 10.9.0.1/24, blackhole: true }]'),
    '12:31 vrfs.red.static-routes[0].prefix: "10.9.0.1/24": expected 10.9.0.0/24 (there are bits set behind the prefix length)',
  ],
  [
    'prefixes that are none',
    edit(
      12,
      '    static-routes: [{ prefix: 10.9.0.0/33, blackhole: true }, { prefix: 10.9.0.0, blackhole: true }]',
    ),
    '12:31 vrfs.red.static-routes[0].prefix: "10.9.0.0/33": expected a prefix such as 10.1.0.0/24 or 2001:db8:1::/48',
    '12:73 vrfs.red.static-routes[1].prefix: "10.9.0.0": expected a prefix such as 10.1.0.0/24 or 2001:db8:1::/48',
  ],
  [
    'an IPv4 locator',
    edit(6, '  main: { prefix: 10.0.0.0/8 }'),
    '6:19 locators.main.prefix: "10.0.0.0/8": expected an IPv6 prefix such as fcbb:bb00:1::/48',
  ],
  [
    'a next hop of the other family',
    edit(12, '    static-routes: [{ prefix: 10.9.0.0/24, via: "2001:db8::1" }]'),
    '12:49 vrfs.red.static-routes[0].via: "2001:db8::1": expected an IPv4 address, as the prefix is',
  ],
  [
    'static routes to nowhere, to two places, twice, out of a foreign interface',
    edit(
      12,
      '    static-routes:',
      '      - { prefix: 10.1.0.0/24 }',
      '      - { prefix: 10.2.0.0/24, via: 10.0.0.1, blackhole: true }',
      '      - { prefix: 10.1.0.0/24, via: 10.0.0.1 }',
      '      - { prefix: 10.3.0.0/24, interface: eth7 }',
    ),
    '13:9 vrfs.red.static-routes[0]: a mapping: expected via, interface or both, or else blackhole: true',
    '14:9 vrfs.red.static-routes[1]: a mapping: expected via, interface or both, or else blackhole: true',
    '15:19 vrfs.red.static-routes[2].prefix: "10.1.0.0/24": expected a prefix not listed before (vrfs.red.static-routes[0] has it)',
    '16:43 vrfs.red.static-routes[3].interface: "eth7": expected one of the interfaces of vrfs.red',
  ],
  [
    'an unknown locator',
    edit(12, '    locator: mian'),
    '12:14 vrfs.red.locator: "mian": expected one of main',
  ],
  [
    'no locator at all',
    edit(6).replace('locators:\n', ''),
    '6:3 vrfs.red.locator: missing: expected a locator under locators',
    '11:3 vrfs.blue.locator: missing: expected a locator under locators',
  ],
  [
    'a neighbour twice, in two spellings',
    append('  - address: "2001:DB8:ffff:0::2"', '    as: 65000'),
    '20:14 neighbors[1].address: "2001:DB8:ffff:0::2": expected a neighbour not listed before (neighbors[0] has it)',
  ],
  [
    'ourselves as a neighbour',
    edit(18, '  - address: "2001:db8:ffff::1"'),
    '18:14 neighbors[0].address: "2001:db8:ffff::1": expected the neighbour\'s address, this one is our own',
  ],
  [
    'a link-local neighbour',
    edit(18, '  - address: fe80::2'),
    '18:14 neighbors[0].address: "fe80::2": expected a unicast address, not link-local',
  ],
  [
    'block and node that are not the prefix',
    edit(6, '  main: { prefix: "fcbb:bb00:1::/48", block-length: 40, node-length: 24 }'),
    '6:70 locators.main.node-length: 24: expected block-length 40 + node-length 24 to be the prefix length 48',
  ],
  [
    'a block longer than the prefix, a function that does not fit',
    edit(
      6,
      '  main: { prefix: "fcbb:bb00::/24" }',
      '  other: { prefix: "fc00::/112", function-length: 17 }',
    ),
    '6:19 locators.main.prefix: "fcbb:bb00::/24": expected a block-length (32) of at most the prefix length (24)',
    '7:51 locators.other.function-length: 17: expected prefix length 112 + function-length 17 to be at most 128',
    '9:3 vrfs.red.locator: missing: expected one of main, other',
    '14:3 vrfs.blue.locator: missing: expected one of main, other',
  ],
  [
    'numbers out of range',
    append(
      '    hold-time: 1',
      '    port: -1',
      '    connect-retry: 0',
      '    allowas-in: 11',
      '    max-prefix: 1.5',
    ),
    '20:16 neighbors[0].hold-time: 1: expected 0 or a whole number from 3 to 65535',
    '21:11 neighbors[0].port: -1: expected a whole number from 1 to 65535',
    '22:20 neighbors[0].connect-retry: 0: expected a whole number from 1 to 65535',
    '23:17 neighbors[0].allowas-in: 11: expected a whole number from 0 to 10',
    '24:17 neighbors[0].max-prefix: 1.5: expected a whole number from 1 to 4294967295',
  ],
  [
    'what is required and not there',
    'router: {}\nvrfs:\n  red: {}\nneighbors:\n  - {}\n',
    '1:1 router.as: missing: expected an AS number from 1 to 4294967295, not 23456',
    '1:1 router.router-id: missing: expected an IPv4 address other than 0.0.0.0',
    '1:1 router.source: missing: expected a global IPv6 unicast address',
    '3:3 vrfs.red.table: missing: expected a table number from 1 to 2147483647, not 253, 254 or 255',
    '3:3 vrfs.red.rd: missing: expected AS:number or IPv4:number, such as 65000:110',
    '3:3 vrfs.red.route-targets: missing: expected a mapping of keys to values',
    '3:3 vrfs.red.locator: missing: expected a locator under locators',
    '5:5 neighbors[0].address: missing: expected a unicast address, not link-local',
    '5:5 neighbors[0].as: missing: expected an AS number from 1 to 4294967295, not 23456',
  ],
  [
    'a CE in our own AS, multihop inside an AS',
    append('    ebgp-multihop: 2').replace(
      '  blue:',
      '    neighbors: [{ address: 10.0.0.2, as: 65000 }]\n  blue:',
    ),
    '13:42 vrfs.red.neighbors[0].as: 65000: expected another AS than our own: a CE speaks eBGP',
    '21:20 neighbors[0].ebgp-multihop: 2: expected no ebgp-multihop: AS 65000 is our own',
  ],
  [
    'an update-source of the other family',
    append('    update-source: 192.0.2.1'),
    '20:20 neighbors[0].update-source: "192.0.2.1": expected an IPv6 address, as the neighbour\'s is',
  ],
  [
    'listening twice',
    append('listen:', '  - { address: "::" }', '  - { address: "0::0", port: 179 }'),
    '22:16 listen[1].address: "0::0": expected an address and port not listed before (listen[0] has it)',
  ],
  [
    'words that are none of the choices',
    append('log: { level: verbose, format: xml }', 'dataplane: { encapsulation: srh }'),
    '20:15 log.level: "verbose": expected debug, info, warn, error or silent',
    '20:32 log.format: "xml": expected json or text',
    '21:29 dataplane.encapsulation: "srh": expected encap.red or encap',
  ],
  [
    'a socket path that is relative or too long',
    append('api: { socket: run/x.sock }'),
    '20:16 api.socket: "run/x.sock": expected an absolute path of at most 107 octets',
  ],
  ...['9179', '127.0.0.1', '":::9179"', '"[127.0.0.1]:9179"', '127.0.0.1:0', '127.0.0.1:65536'].map(
    (at): [string, string, string] => [
      `api.listen: ${at}`,
      append(`api: { listen: ${at} }`),
      `20:16 api.listen: ${at === '9179' ? at : JSON.stringify(at.replaceAll('"', ''))}: expected an address and a port such as 127.0.0.1:9179 or "[::]:9179"`,
    ],
  ),
]

t.test('api.listen: an address of either family with its port', async (t) => {
  const listenOf = (at: string) => parseConfig(append(`api: { listen: ${at} }`), 'x').api.listen
  t.match(listenOf('0.0.0.0:9179'), { address: { text: '0.0.0.0', family: 4 }, port: 9179 })
  t.match(listenOf('"[2001:DB8::1]:80"'), { address: { text: '2001:db8::1' }, port: 80 })
})

t.test('every mistake is told at its line and column', async (t) => {
  t.same(problemsOf(GOOD), [], 'the file the cases start from is right')
  for (const [what, text, ...expected] of MISTAKES) t.same(problemsOf(text), expected, what)
})

t.test('a problem is printed with its line and a caret under the column', async (t) => {
  const text = edit(2, '  as: 0').replace('table: 10', 'tabel: 10')
  t.throws(() => parseConfig(text, '/etc/srv6d/srv6d.yaml'), {
    name: 'ConfigError',
    message: [
      '/etc/srv6d/srv6d.yaml:2:7: router.as: 0: expected an AS number from 1 to 4294967295, not 23456',
      '      as: 0',
      '          ^',
      '/etc/srv6d/srv6d.yaml:8:3: vrfs.red.table: missing: expected a table number from 1 to 2147483647, not 253, 254 or 255',
      '      red:',
      '      ^',
      '/etc/srv6d/srv6d.yaml:9:5: vrfs.red.tabel: unknown key: did you mean "table"?',
      '        tabel: 10',
      '        ^',
    ].join('\n'),
  })
})

t.test('a caret stands under its column behind tabs', async (t) => {
  t.throws(() => parseConfig('listen: [\t{ prot: 1 }]', 'x.yaml'), {
    message: /\n {4}listen: \[\t\{ prot: 1 \}\]\n {13}\t {2}\^/,
  })
})

t.test('a password is neither told nor shown', async (t) => {
  const secret = 'x'.repeat(81)
  const error = t.throws(() => parseConfig(append(`    password: ${secret}`), 'x.yaml'))
  t.equal(
    (error as Error).message,
    'x.yaml:20:15: neighbors[0].password: what stands there: expected 1 to 80 octets of text',
  )
})

t.test('a file that cannot be read', async (t) => {
  t.throws(() => loadConfig('/nonexistent/srv6d.yaml'), {
    message: '/nonexistent/srv6d.yaml: cannot be read (ENOENT): expected a YAML file',
  })
})

t.test('a problem behind an alias points to where the anchor stands', async (t) => {
  const text = `${GOOD.replace('["65000:10"] }', '&rts ["65000:x"] }').replace('["65000:20"]', '*rts')}`
  t.same(problemsOf(text), [
    '11:34 vrfs.red.route-targets.both[0]: "65000:x": expected AS:number or IPv4:number, such as 65000:10',
    '11:34 vrfs.blue.route-targets.both[0]: "65000:x": expected AS:number or IPv4:number, such as 65000:10',
  ])
})

t.test('what is right and does nothing is a warning with its place, and no mistake', (t) => {
  const said = (more: string) => {
    const texts: string[] = []
    parseConfig(`${GOOD}${more}`, 'x.yaml', (_, text) => texts.push(text))
    return texts
  }
  const line = `${GOOD}graceful-restart:`.split('\n').length + 2
  t.same(said('graceful-restart:\n  enabled: false\n  long-lived-time: 3600\n'), [
    `x.yaml:${line}:20: graceful-restart.long-lived-time: warning: has no effect with ` +
      'graceful-restart.enabled: false\n      long-lived-time: 3600\n                       ^',
  ])
  t.same(said('graceful-restart: { enabled: false, long-lived-time: 0 }\n'), [])
  t.same(said('graceful-restart: { long-lived-time: 3600 }\n'), [])
  t.same(said(''), [])
  t.end()
})

t.test('defaults are filled in, some of them from other keys', async (t) => {
  const config = parseConfig(
    GOOD.replace(
      '  blue:',
      '    neighbors: [{ address: 172.16.1.2, as: 65001 }, { address: "2001:DB8::2", as: 65001 }]\n  blue:',
    ),
    'x.yaml',
  )
  t.match(config, {
    file: 'x.yaml',
    router: { as: 65000, routerId: 0xc0000201, routerIdText: '192.0.2.1' },
    listen: [
      { address: { text: '::', family: 6 }, port: 179 },
      { address: { text: '0.0.0.0', family: 4 }, port: 179 },
    ],
    dataplane: {
      mode: 'auto',
      encapsulation: 'encap.red',
      coreMtu: null,
      onStop: 'keep',
      resolveViaDefault: true,
    },
    api: { socket: '/run/srv6d/srv6d.sock', listen: null },
    log: { level: 'info', format: 'json' },
    gracefulRestart: { enabled: true, restartTime: 120, staleTime: 360, longLivedTime: 0 },
  })
  t.match(config.locators, [
    { name: 'main', blockLength: 32, nodeLength: 16, functionLength: 16, behavior: 'classic' },
  ])
  const [red] = config.vrfs
  t.match(red, {
    name: 'red',
    table: 10,
    device: 'vrf-red',
    sid: 'per-vrf',
    redistribute: ['connected', 'static'],
    maximumPaths: 1,
    staticRoutes: [],
    locator: { name: 'main' },
  })
  t.same([...red!.rd.bytes], [0, 0, 0xfd, 0xe8, 0, 0, 0, 110])
  t.same([...red!.importTargets[0]!.bytes], [0, 2, 0xfd, 0xe8, 0, 0, 0, 10])
  t.same(red!.importTargets, red!.exportTargets)
  t.match(red!.neighbors, [
    { vrf: 'red', address: { text: '172.16.1.2' }, families: [Family.IPV4_UNICAST] },
    { vrf: 'red', address: { text: '2001:db8::2' }, families: [Family.IPV6_UNICAST] },
  ])
  t.match(config.neighbors, [
    {
      vrf: null,
      families: [Family.VPNV4, Family.VPNV6],
      updateSource: null,
      port: 179,
      passive: false,
      holdTime: 90,
      connectRetry: 5,
      ebgpMultihop: null,
      password: null,
      shutdown: false,
      allowasIn: 0,
      asOverride: false,
      maxPrefix: 2_097_152,
      longLivedStale: 'withhold',
      sidTransposition: 'transposed',
    },
  ])
})

t.test('what is given is taken', async (t) => {
  const config = parseConfig(
    GOOD.replace('rd: "65000:110"', 'rd: "192.0.2.1:7"')
      .replace(
        '{ both: ["65000:10"] }',
        '{ both: ["65000:10"], import: ["65000:10", "4200000000:1"], export: ["192.0.2.1:9"] }',
      )
      .replace(
        'main: { prefix: "fcbb:bb00:1::/48" }',
        'main: { prefix: "fc00:0:0:1::/64", block-length: 40 }',
      )
      .concat('listen: []\n'),
    'x.yaml',
  )
  const [red] = config.vrfs
  t.same(config.listen, [])
  t.equal(config.locators[0]!.nodeLength, 24, 'what the block leaves of the prefix')
  t.same(
    red!.importTargets.map((tag) => tag.text),
    ['65000:10', '4200000000:1'],
    'a target under both and import counts once',
  )
  t.same([...red!.exportTargets[1]!.bytes], [1, 2, 192, 0, 2, 1, 0, 9])
  t.same([...red!.rd.bytes], [0, 1, 192, 0, 2, 1, 0, 7])
})

t.test('every file in conf/ loads', async (t) => {
  const folder = join(import.meta.dirname, '../../conf')
  for (const file of readdirSync(folder)) t.ok(loadConfig(join(folder, file)), file)
})

t.test('no cut of a good file makes anything but a ConfigError', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../conf/pe-frr.yaml'), 'utf8')
  let refused = 0
  for (let end = 0; end < text.length; end += 7) {
    try {
      parseConfig(text.slice(0, end), 'x.yaml')
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      refused++
    }
  }
  t.ok(refused > 100)
})
