import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../src/base/logger.ts'
import { runCli } from '../../src/cli/commands.ts'
import { startApi } from '../../src/daemon/api-server.ts'
import {
  FakeShowSource,
  NEIGHBORS,
  ROUTES,
  SIDS,
  STATUS,
  VRFS,
} from '../support/fake-show-source.ts'
import { tempFolder } from '../support/temp-folder.ts'

interface Ran {
  status: number
  out: string
  err: string
}

interface Terminal {
  columns: number
  env?: Record<string, string>
}

/** One command line against `socket`, on a pipe or on a terminal. */
async function run(line: string, socket: string, terminal?: Terminal): Promise<Ran> {
  const ran = { out: '', err: '' }
  const write = (to: 'out' | 'err') => (text: string) => {
    ran[to] += text
  }
  const screen = terminal ? { isTTY: true, columns: terminal.columns } : {}
  const status = await runCli(line.split(' '), {
    env: { SRV6D_SOCKET: socket, ...terminal?.env },
    stdout: { write: write('out'), ...screen },
    stderr: { write: write('err') },
  })
  return { status, ...ran }
}

async function serve(t: Test) {
  const socket = join(tempFolder(t), 'api.sock')
  const source = new FakeShowSource()
  const api = await startApi({ socket, source, log: silentLogger })
  t.teardown(() => api.close())
  const show = (line: string, terminal?: Terminal) => run(line, socket, terminal)
  return { socket, source, show }
}

const said = (out: string): Ran => ({ status: 0, out, err: '' })
const refused = (status: number, err: string): Ran => ({ status, out: '', err })

t.test('show routes: a line a path', async (t) => {
  const { show } = await serve(t)
  t.strictSame(
    await show('show routes'),
    said(`\
* valid, > best, = multipath, b backup, s stale (restarting), S long-lived stale

    VRF   Prefix            Next hop / SID      From              AS path      State
*>  red   10.1.0.0/24       172.16.1.2          172.16.1.2        65101        installed
*b  red   10.1.0.0/24       fcbb:bb00:2:e000::  2001:db8:ffff::2  65102 65101  longer AS path
*>  red   10.2.0.0/24       fcbb:bb00:2:e000::  2001:db8:ffff::2  65102        installed
    red   10.2.0.0/24       2001:db8:ffff::3    2001:db8:ffff::3  65102        no SRv6 SID
*>  red   172.16.1.0/24     dev red             connected         -            installed
*>s red   2001:db8:a2::/64  fcbb:bb00:2:e000::  2001:db8:ffff::2  65102        failed ENOBUFS
*>  blue  10.2.0.0/24       172.16.1.2          static            -            pending

5 prefixes, 7 paths
`),
  )
  t.strictSame(
    await show('show routes vrf blue'),
    said(`\
* valid, > best, = multipath, b backup, s stale (restarting), S long-lived stale

    VRF   Prefix       Next hop / SID  From    AS path  State
*>  blue  10.2.0.0/24  172.16.1.2      static  -        pending

1 prefix, 1 path
`),
  )
})

t.test('show routes vpn: the route distinguisher in the place of the VRF', async (t) => {
  const { show } = await serve(t)
  t.strictSame(
    await show('show routes vpn'),
    said(`\
* valid, > best, = multipath, b backup, s stale (restarting), S long-lived stale

    RD         Prefix       Next hop / SID      From              AS path  State
*>S 65000:210  10.2.0.0/24  fcbb:bb00:2:e000::  2001:db8:ffff::2  65102    -

1 prefix, 1 path
`),
  )
})

t.test('show routes on a terminal: what does not fit is cut, the SID last', async (t) => {
  const { show } = await serve(t)
  const { out } = await show('show routes', { columns: 80, env: { NO_COLOR: '1' } })
  t.equal(
    out,
    `\
* valid, > best, = multipath, b backup, s stale (restarting), S long-lived stale

    VRF   Prefix            Next hop / SID    From       AS path  State
*>  red   10.1.0.0/24       172.16.1.2        172.16.1…  65101    installed
*b  red   10.1.0.0/24       fcbb:bb00:2:e00…  2001:db8…  65102 …  longer AS path
*>  red   10.2.0.0/24       fcbb:bb00:2:e00…  2001:db8…  65102    installed
    red   10.2.0.0/24       2001:db8:ffff::3  2001:db8…  65102    no SRv6 SID
*>  red   172.16.1.0/24     dev red           connected  -        installed
*>s red   2001:db8:a2::/64  fcbb:bb00:2:e00…  2001:db8…  65102    failed ENOBUFS
*>  blue  10.2.0.0/24       172.16.1.2        static     -        pending

5 prefixes, 7 paths
`,
  )
  for (const columns of [80, 90, 100]) {
    const lines = (await show('show routes', { columns, env: { NO_COLOR: '1' } })).out.split('\n')
    t.ok(
      lines.every((line) => line.length <= columns),
      `${columns} columns`,
    )
  }
})

t.test('colour on a terminal only, and not when it is not wanted', async (t) => {
  const { show } = await serve(t)
  const start = '\u001b['
  const colored = (await show('show routes', { columns: 120 })).out
  t.match(colored, `${start}31m*>s red   2001:db8:a2::/64`, 'what failed is red')
  t.match(colored, `${start}1m    VRF`, 'titles are bold')
  t.notMatch((await show('show routes')).out, start, 'a pipe')
  t.notMatch((await show('show routes', { columns: 120, env: { NO_COLOR: '1' } })).out, start)
  t.notMatch((await show('show routes', { columns: 120, env: { TERM: 'dumb' } })).out, start)
})

t.test('show routes: a long list looks like a short one', async (t) => {
  const { show, source } = await serve(t)
  source.routeTable = Array.from({ length: 100 }, () => ROUTES).flat()
  const long = (await show('show routes', { columns: 80, env: { NO_COLOR: '1' } })).out.split('\n')
  source.routeTable = ROUTES
  const short = (await show('show routes', { columns: 80, env: { NO_COLOR: '1' } })).out.split('\n')
  t.strictSame(long.slice(0, 10), short.slice(0, 10))
  t.equal(long.at(-2), '500 prefixes, 700 paths')
})

t.test('show routes PREFIX: every path in full', async (t) => {
  const { show } = await serve(t)
  t.strictSame(
    await show('show routes 10.2.0.0/24'),
    said(`\
10.2.0.0/24  (VRF red, ipv4-unicast)
Kernel: installed, seg6 encap.red fcbb:bb00:2:e000:: dev core

Path 1 of 2: best
  From              2001:db8:ffff::2 through the VPN, 1h02m ago
  Next hop          2001:db8:ffff::2
  SID               fcbb:bb00:2:e000:: (End.DT46)
  RD                65000:210
  Label             917504
  AS path           65102
  Origin            igp
  Local preference  100
  Ext. communities  rt:65000:10

Path 2 of 2: not valid: no SRv6 SID
  From              2001:db8:ffff::3 through the VPN, 1h02m ago
  Next hop          2001:db8:ffff::3
  RD                65000:210
  Label             3
  AS path           65102
  Origin            igp
  Local preference  100
  Communities       65000:1 no-export
  Ext. communities  rt:65000:10

10.2.0.0/24  (VRF blue, ipv4-unicast)
Kernel: pending

Path 1 of 1: best
  From      static, 5s ago
  Next hop  172.16.1.2
  AS path   (empty)
  Origin    igp
`),
  )
})

t.test('show routes vrf NAME ADDRESS: the longest match, and why a path lost', async (t) => {
  const { show, source } = await serve(t)
  t.strictSame(
    await show('show routes vrf red 10.1.0.7'),
    said(`\
10.1.0.0/24  (VRF red, ipv4-unicast)
Kernel: installed, via 172.16.1.2 dev red

Path 1 of 2: best
  From              172.16.1.2, 1h02m ago
  Next hop          172.16.1.2
  AS path           65101
  Origin            igp
  Local preference  100
  MED               20

Path 2 of 2: backup: longer AS path
  From              2001:db8:ffff::2 through the VPN, 1h02m ago
  Next hop          2001:db8:ffff::2
  SID               fcbb:bb00:2:e000:: (End.DT46)
  RD                65000:210
  Label             917504
  AS path           65102 65101
  Origin            igp
  Local preference  100
  Ext. communities  rt:65000:10
`),
  )
  t.match(source.asked, [{ vrf: 'red', prefix: '10.1.0.7' }])
  t.match(
    (await show('show routes 2001:db8:a2::/64')).out,
    'Kernel: failed, ENOBUFS: no buffer space available\n\nPath 1 of 1: best, stale\n',
  )
})

t.test('an empty answer says so', async (t) => {
  const { show, source } = await serve(t)
  source.routeTable = []
  source.neighborTable = []
  source.sidTable = []
  t.strictSame(await show('show routes'), said('There is no route in any VRF.\n'))
  t.strictSame(
    await show('show routes vrf red --family ipv6-unicast'),
    said('There is no ipv6-unicast route in VRF red.\n'),
  )
  t.strictSame(
    await show('show routes vpn 10.3.0.0/24'),
    said('There is no route for 10.3.0.0/24 in the VPN table.\n'),
  )
  t.strictSame(await show('show neighbors'), said('No neighbor is configured.\n'))
  t.strictSame(await show('show sids'), said('No SID is allocated.\n'))
  source.vrfTable = []
  t.strictSame(await show('show vrfs'), said('No VRF is configured.\n'))
  t.strictSame(await show('show routes --json'), said('[]\n'))
})

t.test('show neighbors: a line each, the last error under one that is down', async (t) => {
  const { show } = await serve(t)
  t.strictSame(
    await show('show neighbors'),
    said(`\
Neighbor          VRF     AS  State           Up  Received/accepted/advertised
2001:db8:ffff::2  -    65000  Established  1d02h  vpnv4 120/118/12  vpnv6 8/8/2
172.16.1.2        red  65101  Active           -
  last error:  received Cease/Administrative Shutdown (6/2): "back at\uFFFDnoon"

2 neighbors, 1 established
`),
  )
})

t.test('show neighbors ADDRESS: in full, however the address is written', async (t) => {
  const { show } = await serve(t)
  t.strictSame(
    await show('show neighbors 2001:DB8:ffff:0::2'),
    said(`\
2001:db8:ffff::2
  Description          pe2, FRR
  State                Established for 1d02h
  AS                   65000 (internal, ours is 65000)
  Router id            192.0.2.2
  Hold time            90s
  Graceful restart     120s, forwarding kept for vpnv4 vpnv6
  Capabilities         multiprotocol, route-refresh, four-octet-as
  Messages             1042 in, 987 out
  Updates              130 in, 14 out
  Established          1 time
  Treated as withdraw  2

  Family  Received  Accepted  Rejected  Advertised  End-of-RIB
  vpnv4        120       118         2          12  received
  vpnv6          8         8         0           2  awaited
`),
  )
  t.strictSame(
    await show('show neighbors 192.0.2.9'),
    refused(
      1,
      'srv6d-cli: there is no neighbor 192.0.2.9: there are 2001:db8:ffff::2, 172.16.1.2\n',
    ),
  )
})

t.test('show vrfs: a line each with what is wrong below, one in full', async (t) => {
  const { show } = await serve(t)
  t.strictSame(
    await show('show vrfs'),
    said(`\
VRF   Table  Device    RD         IPv4  IPv6  Neighbors  SIDs
red      10  vrf-red   65000:110     3     1          1  fcbb:bb00:1:e000::
blue     20  vrf-blue  65000:120     1     0          0  fcbb:bb00:1:e001::
  problem:  net.vrf.strict_mode could not be set: EROFS
  problem:  interface blue: no such interface
  problem:  End.DT46 fcbb:bb00:1:e001:: failed: EPERM: net.vrf.strict_mode is 0
`),
  )
  t.strictSame(
    await show('show vrfs red'),
    said(`\
VRF red
  Table           10
  Device          vrf-red (ifindex 7)
  RD              65000:110
  Import targets  65000:10
  Export targets  65000:10 65000:99
  End.DT46        fcbb:bb00:1:e000:: installed
  Interface       red: up, in the VRF
  Network         65000:1:10 from cilium, pools 10.244.8.0/22 fd00:244:0:8::/104
  Network         65000:10 from cilium, pools any
  Routes          3 IPv4, 1 IPv6
  Neighbors       1
`),
  )
})

t.test('show sids: next hops and prefixes where there are any; show locators', async (t) => {
  const { show, source } = await serve(t)
  const [red] = SIDS
  source.sidTable = [
    red!,
    {
      ...red!,
      sid: 'fcbb:bb00:1:e002::',
      behavior: 'End.DX4',
      table: null,
      nextHop: '172.16.1.2 dev red',
      prefix: '10.1.0.0/24',
      state: 'draining',
      why: 'no route has it any more',
    },
  ]
  t.strictSame(
    await show('show sids'),
    said(`\
SID                 Behavior  VRF  Table  Next hop            Prefix       Device   Locator  Structure   State
fcbb:bb00:1:e000::  End.DT46  red     10  -                   -            vrf-red  main     32/16/16/0  installed
fcbb:bb00:1:e002::  End.DX4   red      -  172.16.1.2 dev red  10.1.0.0/24  vrf-red  main     32/16/16/0  draining
  why:  no route has it any more
`),
  )
  t.strictSame(
    await show('show locators'),
    said(`\
Locator  Prefix            Structure   Behavior  SIDs  Used  Free  VRFs
main     fcbb:bb00:1::/48  32/16/16/0  usid      8192     2  8190  red blue
`),
  )
})

t.test('show routes: a route that is not announced says so and why', async (t) => {
  const { show, source } = await serve(t)
  const [route] = ROUTES
  const notAnnounced = 'not announced: the locator of the VRF has no free SID'
  source.routeTable = [{ ...route!, notAnnounced }]
  t.match((await show('show routes')).out, /installed, not announced/)
  t.match((await show(`show routes vrf red ${route!.prefix}`)).out, `VPN: ${notAnnounced}`)
})

t.test('show sids, show status', async (t) => {
  const { show, source } = await serve(t)
  t.strictSame(
    await show('show sids'),
    said(`\
SID                 Behavior  VRF   Table  Device    Locator  Structure   State
fcbb:bb00:1:e000::  End.DT46  red      10  vrf-red   main     32/16/16/0  installed
fcbb:bb00:1:e001::  End.DT46  blue     20  vrf-blue  main     32/16/16/0  failed
  why:  EPERM: net.vrf.strict_mode is 0
`),
  )
  source.daemon = { ...STATUS, restarting: true, problems: ['listen [::]:179: EADDRINUSE'] }
  t.strictSame(
    await show('show status'),
    said(`\
srv6d       0.1.0, pid 4711, up 1d02h
Router id   192.0.2.1
AS          65000
Data plane  vrf: the kernel has VRF devices
Restarting  yes, waiting for End-of-RIB
problem:  listen [::]:179: EADDRINUSE
`),
  )
})

t.test('--json prints the objects of the API', async (t) => {
  const { show } = await serve(t)
  const objects = async (line: string) => JSON.parse((await show(`${line} --json`)).out)
  t.strictSame(await objects('show routes'), ROUTES)
  t.strictSame(await objects('show routes vrf blue 10.2.0.0/24'), ROUTES.slice(4))
  t.strictSame(await objects('show neighbors'), NEIGHBORS)
  t.strictSame(await objects('show neighbors 172.16.1.2'), NEIGHBORS.slice(1))
  t.strictSame(await objects('show vrfs'), VRFS)
  t.strictSame(await objects('show vrfs blue'), VRFS[1])
  t.strictSame(await objects('show sids'), SIDS)
  t.strictSame(await objects('show status'), STATUS)
})

t.test('a cut answer is called one', async (t) => {
  const { show } = await serve(t)
  t.match(
    (await show('show routes --limit 2')).out,
    /\n2 prefixes, 4 paths\nThere are more: ask for/,
  )
  const { out, err } = await show('show routes --limit 2 --json')
  t.equal(JSON.parse(out).length, 2)
  t.equal(err, 'srv6d-cli: there are more routes: raise --limit\n')
})

t.test('a question without an answer: exit status 1 and a sentence', async (t) => {
  const { show } = await serve(t)
  const unknown = refused(1, 'srv6d-cli: no VRF is called "green": there are red, blue\n')
  t.strictSame(await show('show routes vrf green'), unknown)
  t.strictSame(await show('show vrfs green'), unknown)
})

t.test('a wrong command line: exit status 2 and what was expected', async (t) => {
  const { show } = await serve(t)
  const wrong = async (line: string) => {
    const { status, out, err } = await show(line)
    t.strictSame([status, out], [2, ''], line)
    return err.replace('srv6d-cli: ', '').trimEnd()
  }
  t.equal(
    await wrong('show routes 10.0.0.1/24'),
    'prefix: "10.0.0.1/24": expected 10.0.0.0/24 (there are bits set behind the prefix length)',
  )
  t.equal(
    await wrong('show routes red'),
    '"red": expected [vrf NAME | vpn | node] [PREFIX | ADDRESS]',
  )
  t.equal(await wrong('show routes vrf'), 'vrf: expected the name of a VRF')
  t.equal(
    await wrong('show routes 10.0.0.0/8 10.0.0.0/9'),
    '"10.0.0.0/9": expected [vrf NAME | vpn | node] [PREFIX | ADDRESS]',
  )
  t.equal(
    await wrong('show routes --family ipv4'),
    'family: expected ipv4-unicast, ipv6-unicast, vpnv4 or vpnv6',
  )
  t.equal(await wrong('show neighbors ce1'), '"ce1": expected the address of a neighbor')
  t.equal(
    await wrong('show'),
    `expected show and one of routes, neighbors, vrfs, sids, locators, status (--help tells more)`,
  )
  t.equal(await wrong('show rutes'), 'unknown command: rutes (--help tells more)')
  t.equal(await wrong('show routes --jsno'), 'unknown argument: jsno (--help tells more)')
})

t.test('--help and --version need no daemon', async (t) => {
  const { status, out } = await run('--help', '/nonexistent')
  t.equal(status, 0)
  t.match(out, /show routes \[vrf NAME \| vpn \| node\] \[PREFIX \| ADDRESS\]/)
  t.ok(out.split('\n').every((line) => line.length <= 80))
  t.match(await run('--version', '/nonexistent'), { status: 0, out: /^\d+\.\d+\.\d+\n$/ })
})

t.test('no daemon: said plainly, exit status 1', async (t) => {
  const folder = tempFolder(t)
  const socket = join(folder, 'api.sock')
  t.strictSame(
    await run('show routes', socket),
    refused(
      1,
      `srv6d-cli: srv6d is not running, or its api.socket is not ${socket} (no such socket)\n`,
    ),
  )
  const mute = createServer((connection) => connection.end('hello\r\n\r\n'))
  await new Promise<void>((resolve) => mute.listen(socket, resolve))
  t.teardown(() => mute.close())
  const { status, err } = await run('show routes', socket)
  t.equal(status, 1)
  t.match(err, `srv6d-cli: srv6d at ${socket} does not answer`)
})

t.test(
  'doctor: a line a finding, the command that mends it below; 1 when something fails',
  async (t) => {
    const { show, source } = await serve(t)
    t.strictSame(await show('doctor'), {
      status: 1,
      out: `\
ok       kernel               Linux 6.12.107 has what this uses
mended   net.ipv4.ip_forward  1; it was 0, srv6d has set it
warning  MTU of core0         1500 leaves 1460 octets
                              mend it: ip link set core0 mtu 1540
FAILED   VRF devices          the module vrf is not loaded
                              mend it: modprobe vrf

4 checks: 1 failed, 1 warning
`,
      err: '',
    })
    source.findings = source.findings.filter(({ state }) => state !== 'failed')
    t.equal((await show('doctor')).status, 0, 'a warning is no failure')
    t.same(JSON.parse((await show('doctor --json')).out), source.findings)
  },
)

t.test(
  'show routes node: which network each prefix of this node is in, or why in none',
  async (t) => {
    const { show } = await serve(t)
    const { out } = await show('show routes node')
    t.equal(
      out.split('\n').slice(2).join('\n'),
      `\
    VRF  Prefix          Next hop / SID  From       AS path  State
*>  red  10.244.8.0/26   127.0.0.1       127.0.0.1  64512    in VRF red
*>  -    10.244.16.0/26  127.0.0.1       127.0.0.1  64512    not in the pools of VRF red

2 prefixes, 2 paths
`,
    )
    t.match(
      (await show('show routes node 10.244.16.0/26')).out,
      'Network: not in the pools of VRF red',
    )
  },
)
