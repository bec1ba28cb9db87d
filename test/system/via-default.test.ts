/**
 * `resolve-via-default` against this machine's kernel, in a network namespace: the routes to the
 * locators and the default route share a nexthop object, as FRR's zebra makes them.
 */
import t from 'tap'
import { waitUntil } from '../../lab/lib/wait-until.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { Interfaces } from '../../src/fib/interfaces.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { NextHopResolver } from '../../src/fib/next-hop-resolver.ts'
import { NexthopTable } from '../../src/fib/nexthop-table.ts'
import { NextHopTable, Reach } from '../../src/rib/next-hop.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { inOwnNamespace, ip } from '../support/namespace.ts'

const [NEAR, FAR, OWN] = ['fcbb:bb00:2:e000::', 'fcbb:bb00:3:e000::', 'fcbb:bb00:1:e000::']

/** A resolver over the real kernel that hears of its routes; how it finds the three SIDs. */
function start(viaDefault: boolean) {
  const kernel = new LinuxKernel(silentLogger)
  const nextHops = new NextHopTable()
  const resolver = new NextHopResolver({
    ...{ nextHops, kernel, viaDefault, interfaces: new Interfaces(), scopes: new Map() },
    nexthops: new NexthopTable(kernel, silentLogger),
    ...{ onlink: false, mode: 'encap.red', coreMtu: 0, log: silentLogger, onChanged: () => {} },
  })
  const none = () => {}
  kernel.watch({
    ...{
      onLink: none,
      onLinkGone: none,
      onAddress: none,
      onNexthop: none,
      onRule: none,
      onSetting: none,
    },
    onOverflow: () => resolver.resolveAll(),
    onRoute: ({ family, words, bits }) => {
      if (family === 6) resolver.routeChanged(words, bits)
    },
  })
  const ids = [NEAR, FAR, OWN].map((text) => nextHops.sid(parseAddress(text!), 0))
  const seen = () => ids.map((id) => nextHops.reachOf(id) === Reach.REACHABLE)
  return {
    finds: (...wanted: boolean[]) =>
      waitUntil(`${wanted}`, 60, async () => {
        const now = resolver.isIdle ? `${seen()}` : 'asking'
        return now === `${wanted}` ? undefined : now
      }),
    seen,
    stop: async () => {
      resolver.close()
      await kernel.close()
    },
  }
}

async function inNamespace(): Promise<void> {
  ip('link set lo up')
  ip('link add core type veth peer name p')
  ip('link set core up')
  ip('link set p up')
  ip('addr add 2001:db8:f::1/64 dev core nodad')
  ip(`addr add ${OWN}/128 dev lo`)
  ip('nexthop add id 7 via 2001:db8:f::2 dev core')
  ip('-6 route add fcbb:bb00:2::/48 nhid 7 proto 188')
  ip('-6 route add default nhid 7 proto 188')
  ip('-6 route add unreachable fcbb:bb00:ffff::/48')

  await t.test('false: only a route to the locator will do', async (t) => {
    const { finds, seen, stop } = start(false)
    await finds(true, false, true)
    ip('-6 route add fcbb:bb00:3::/48 nhid 7 proto 188')
    await finds(true, true, true)
    ip('-6 route del fcbb:bb00:2::/48')
    await finds(false, true, true)
    ip('-6 route del default')
    ip('-6 route add fcbb:bb00::/32 via 2001:db8:f::2')
    await finds(true, true, true)
    ip('-6 route add unreachable fcbb:bb00:2::/48')
    await finds(false, true, true)
    ip('-6 route del unreachable fcbb:bb00:2::/48')
    ip('-6 route del fcbb:bb00::/32 via 2001:db8:f::2')
    await finds(false, true, true)
    ip('-6 route del fcbb:bb00:3::/48')
    await finds(false, false, true)
    t.same(seen(), [false, false, true])
    await stop()
  })

  await t.test('true: a default route is a way like any other', async (t) => {
    const { finds, seen, stop } = start(true)
    await finds(false, false, true)
    ip('-6 route add default nhid 7 proto 188')
    await finds(true, true, true)
    ip('-6 route del default')
    await finds(false, false, true)
    t.same(seen(), [false, false, true])
    await stop()
  })
}

await inOwnNamespace(t, import.meta.url, inNamespace)
