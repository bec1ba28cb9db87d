/**
 * srv6d beside the BGP speaker of Cilium on one node, played by gobgpd: every way in which the
 * agent is configured, started, restarted and tagged, against what srv6d does with it.
 *
 *   node-speaker.mjs ROOT       (a root made by lab/root, which holds gobgpd)
 */
import {
  BLUE,
  bothStart,
  bothStop,
  boundTo,
  CILIUM_AS,
  cilium,
  config,
  holds,
  NODE,
  OUR_AS,
  RED,
  root,
  routes,
  SOURCE,
  session,
  srv6d,
  TAG,
  TAGS,
  within,
} from './lib/beside-cilium.ts'
import { Checks, emit, say } from './lib/checks.ts'
import { routesOf } from './lib/kernel-view.ts'
import { tail } from './lib/pe.ts'
import { mountRoot } from './lib/roots.ts'
import { inSandbox } from './lib/sandbox.ts'
import { Topology } from './lib/topology.ts'
import { sleep } from './lib/wait-until.ts'

const checks = new Checks()

async function overEachAddress(): Promise<void> {
  for (const [address, hop] of [
    ['127.0.0.1', 'IPv4 routes in NLRI, IPv6 ones with an IPv4-mapped next hop'],
    ['::1', 'IPv4 routes in MP_REACH_NLRI with an IPv6 next hop'],
    [SOURCE, 'the next hop is an address of ours'],
  ] as const) {
    await bothStart({ peer: address })
    await checks.check(`session on ${address}: ${hop}`, async () => {
      await within('the session', () => session(address))
      await cilium.announce(...BLUE)
      await within('the network', () => holds('blue', BLUE))
      for (const prefix of BLUE) {
        const bound = await boundTo(prefix)
        if (bound.join() !== '10') throw new Error(`${prefix} bound to ${bound}`)
      }
    })
    await checks.check(`session on ${address}: nothing is sent to it`, async () => {
      const received = await cilium.received()
      if (received !== 0) throw new Error(`${received} prefixes`)
    })
    await checks.check(`session on ${address}: a withdraw takes everything out`, async () => {
      await cilium.withdraw(...BLUE)
      await within('nothing', () => holds('blue', []))
      for (const prefix of BLUE) {
        await within('no rule', async () => (await boundTo(prefix)).join() || undefined)
        const family = prefix.includes(':') ? 6 : 4
        const left = (await routesOf(NODE, 10, family)).find((route) => route.dst === prefix)
        if (left) throw new Error(`${prefix} is still in table 10`)
      }
    })
    await bothStop()
  }
}

async function internalPeer(): Promise<void> {
  srv6d.configure({ config: config(OUR_AS) })
  await bothStart({ peer: '127.0.0.1', as: OUR_AS, routerId: '192.0.2.1' })
  await checks.check('iBGP with our own BGP identifier: said plainly, by name', async () => {
    await within('the words', async () => {
      const found = (await srv6d.neighbors()).find((each) => each.address === '127.0.0.1')
      const words = found?.lastError ?? ''
      return /identifier/i.test(words) && words.includes('192.0.2.1') ? undefined : words
    })
    const logged = srv6d
      .log()
      .split('\n')
      .filter((line) => line.includes('"neighbor":"127.0.0.1"'))
    if (!logged.some((line) => /identifier/i.test(line) && line.includes('192.0.2.1'))) {
      throw new Error(`not in the log: ${logged.at(-1)}`)
    }
  })
  await bothStop()
  await bothStart({ routerId: '192.0.2.11' })
  await checks.check('iBGP with another one: its prefixes are in the network', async () => {
    await cilium.announce(...BLUE)
    await within('the network', () => holds('blue', BLUE))
  })
  await bothStop()
  srv6d.configure({ config: config() })
  cilium.configure({ as: CILIUM_AS })
}

/** With graceful restart on the agent waits for our End-of-RIB before it says a word. */
async function gracefulRestart(): Promise<void> {
  for (const ours of [true, false]) {
    const name = ours ? 'offered by both' : 'offered by it alone'
    srv6d.configure({ config: config(CILIUM_AS, ours) })
    await bothStart({ gracefulRestart: true })
    await checks.check(`graceful restart ${name}: its routes come at once`, async () => {
      await within('the session', () => session('127.0.0.1'))
      const from = performance.now()
      await cilium.announce(...BLUE)
      await within('the network', () => holds('blue', BLUE))
      return `${Math.round(performance.now() - from)} ms after they were announced`
    })
    if (ours) await agentRestarts()
    if (ours) await agentStaysAway()
    await bothStop()
  }
  srv6d.configure({ config: config() })
}

async function agentRestarts(): Promise<void> {
  await checks.check(
    'the agent is killed: its prefixes stay in network, kernel and VPN',
    async () => {
      await cilium.kill()
      await within('the loss', async () => ((await session('127.0.0.1')) ? undefined : 'still up'))
      await sleep(3)
      const lost = await holds('blue', BLUE)
      if (lost) throw new Error(lost)
      const stale = (await routes('?vrf=blue'))
        .flatMap(({ paths }) => paths)
        .map(({ stale }) => stale)
      if (!stale.every(Boolean)) throw new Error(`stale: ${stale.join()}`)
    },
  )
  await checks.check(
    'the agent is back within its restart time: the same, no longer stale',
    async () => {
      await cilium.start()
      await cilium.announce(...BLUE)
      await within('fresh routes', freshRoutes)
      const lost = await holds('blue', BLUE)
      if (lost) throw new Error(lost)
    },
  )
}

async function freshRoutes(): Promise<string | undefined> {
  const paths = (await routes('?vrf=blue')).flatMap((route) => route.paths)
  return paths.length === 2 && paths.every(({ stale }) => !stale) ? undefined : 'stale'
}

async function agentStaysAway(): Promise<void> {
  const name = 'the agent is killed and stays away: after its restart time nothing of it stays'
  await cilium.stop()
  cilium.configure({ restartTime: 2 })
  await cilium.start()
  await checks.check(name, async () => {
    await cilium.announce(...BLUE)
    await within('the session', () => session('127.0.0.1'))
    await within('fresh routes', freshRoutes)
    await cilium.kill()
    await within('nothing', () => holds('blue', []))
    for (const prefix of BLUE) {
      await within('no rule', async () => (await boundTo(prefix)).join() || undefined)
    }
  })
  cilium.configure({ restartTime: 120 })
}

async function tags(): Promise<void> {
  await bothStart({ gracefulRestart: false })
  await within('the session', () => session('127.0.0.1'))
  await checks.check('an untagged prefix: in no VRF, and why', async () => {
    await cilium.announce('10.244.32.0/26')
    await within('the reason', async () => {
      const [route] = await routes('?table=node')
      return route?.fibDetail === 'no community of a network' ? undefined : `${route?.fibDetail}`
    })
    const somewhere = (await holds('blue', [])) ?? (await holds('red', []))
    if (somewhere) throw new Error(somewhere)
    await cilium.withdraw('10.244.32.0/26')
  })
  await checks.check('a prefix outside the pools of its network: refused, and why', async () => {
    cilium.configure({ tags: [{ within: '10.244.8.0/24', large: ['64512:100:1'] }, ...TAGS] })
    await restartSpeaker()
    await cilium.announce('10.244.8.0/26')
    await within('the reason', async () => {
      const [route] = await routes('?table=node')
      const why = 'not in the pools of VRF blue'
      return route?.fibDetail === why ? undefined : `${route?.fibDetail}`
    })
  })
  await checks.check('communities of two networks: the one whose pool it is in', async () => {
    const both = ['64512:200', '64512:100']
    cilium.configure({
      tags: [
        { within: '10.244.7.0/24', communities: both, large: ['64512:100:1'] },
        ...TAGS.slice(1),
      ],
    })
    await restartSpeaker()
    await cilium.announce(BLUE[0])
    await within('blue', () => holds('blue', [BLUE[0]]))
    const elsewhere = await holds('red', [])
    if (elsewhere) throw new Error(elsewhere)
    await cilium.withdraw(BLUE[0])
  })
  await retag()
  await bothStop()
}

async function restartSpeaker(): Promise<void> {
  await cilium.stop()
  await cilium.start()
  await within('the session', () => session('127.0.0.1'))
}

/** An UPDATE with other communities replaces the route: out of one network, into the other. */
async function retag(): Promise<void> {
  await checks.check('another tag moves a prefix to the other network', async () => {
    cilium.configure({ tags: TAGS })
    await restartSpeaker()
    await cilium.announce(RED)
    await within('red', () => holds('red', [RED]))
    await cilium.retag(RED, TAG.red, TAG.green)
    await within('green', () => holds('green', [RED]))
    await within('no longer red', () => holds('red', []))
    await within('bound to green', async () => {
      const bound = (await boundTo(RED)).join()
      return bound === '30' ? undefined : `bound to ${bound}`
    })
  })
  await checks.check('its tag is taken away: in no network', async () => {
    await cilium.retag(RED, TAG.green, TAG.none)
    await within('nowhere', () => holds('green', []))
    await within('no rule', async () => (await boundTo(RED)).join() || undefined)
  })
}

async function oneFamily(): Promise<void> {
  await bothStart({ families: ['ipv4-unicast'], tags: TAGS })
  await checks.check(
    'it speaks IPv4 alone: the session stands, IPv4 is in the network',
    async () => {
      await cilium.announce(BLUE[0])
      await within('the network', () => holds('blue', [BLUE[0]]))
    },
  )
  await bothStop()
}

async function startedLater(): Promise<void> {
  cilium.configure({ families: ['ipv4-unicast', 'ipv6-unicast'] })
  await cilium.start()
  await cilium.announce(...BLUE)
  await sleep(3)
  await srv6d.start()
  await checks.check(
    'srv6d starts after the agent: the session comes up, routes with it',
    async () => {
      await within('the network', () => holds('blue', BLUE))
    },
  )
  await bothStop()
  await checks.check(
    'stopped with on-stop: remove: no rule and no route of ours stays',
    async () => {
      for (const family of [4, 6] as const) {
        const left = (await routesOf(NODE, 'all', family)).filter(
          (r) => r.protocol === srv6d.protocol,
        )
        if (left.length > 0) throw new Error(left.map(({ dst }) => dst).join(', '))
        for (const prefix of BLUE) if ((await boundTo(prefix)).length > 0) throw new Error(prefix)
      }
    },
  )
}

await inSandbox(async () => {
  await mountRoot(root)
  const topology = new Topology()
  topology.namespace(NODE)
  topology.ip(NODE, `addr add ${SOURCE}/128 dev lo`)
  await topology.apply()
  await overEachAddress()
  checks.note(`gobgpd ${cilium.version}`)
  await internalPeer()
  await gracefulRestart()
  await tags()
  await oneFamily()
  await startedLater()
  say(`gobgpd ${cilium.version}`)
  if (checks.failed > 0) {
    for (const [log, text] of srv6d.logs()) emit({ log, tail: text })
    emit({ log: 'gobgpd', tail: tail(cilium.output(), 40) })
  }
  return checks.finish()
})
