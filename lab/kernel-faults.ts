/**
 * What others do to a PE's kernel while srv6d runs on it, and what becomes of it: pe1 has srv6d,
 * FRR's zebra with OSPFv3 and static routes, and routes set by hand; pe2 has srv6d.
 *
 *   kernel-faults.mjs ROOT [TEXT]   (a root made by lab/root, which holds FRR; faults with TEXT)
 *
 * After each fault the kernel has ours as before, those of others as before, and srv6d has said it
 * once. (Lost notifications need a small queue: test/system/kernel-watch.test.ts.)
 */
import type { RoutesReply, VrfsReply } from '../src/daemon/api-schema.ts'
import { emit, say } from './lib/checks.ts'
import { complaintLines, complaints } from './lib/daemon-log.ts'
import { difference } from './lib/difference.ts'
import {
  awaitOurs,
  checks,
  FAMILIES,
  ip,
  only,
  others,
  ours,
  pe1,
  pe2,
  prepare,
  reaches,
  zebra,
  zebraOfP,
} from './lib/fault-network.ts'
import { describeRoute, kernelState, routesOf } from './lib/kernel-view.ts'
import { locatorOf, site } from './lib/network.ts'
import { tail } from './lib/pe.ts'
import { must } from './lib/run.ts'
import { inSandbox } from './lib/sandbox.ts'
import { ipBatch } from './lib/topology.ts'
import { awaitRemoteRoutes, remoteRoutes } from './lib/vpn-checks.ts'
import { sleep, waitUntil } from './lib/wait-until.ts'

const OURS = ['table', '10', 'metric', '8986'].join(' ')
const LOSS = 'others removed some of ours from the kernel: putting it back'
/** Where OSPFv3 takes longer than the hold time. */
const SESSION_DOWN = 'session down'
const TAKEN = 'others put their own in the place of ours: it stays'

/** What both kernels must be after each fault. */
interface Picture {
  ours: string
  others: string
}

interface Fault {
  name: string
  /** What srv6d says of it, each once. */
  says: string[]
  cause: () => Promise<unknown>
  /** Between cause and cure: what shows while it lasts. */
  meanwhile?: () => Promise<string | undefined>
  cure?: () => Promise<unknown>
  /** Interfaces and OSPFv3 take their time. */
  seconds?: number
}

async function checkFault(fault: Fault, before: Picture): Promise<void> {
  await checks.check(fault.name, async () => {
    const seconds = Math.max(checks.patience, fault.seconds ?? 0)
    const mark = pe1.log().length
    await fault.cause()
    if (fault.meanwhile) await waitUntil('its effect', seconds, fault.meanwhile)
    await fault.cure?.()
    await waitUntil('ours as before', seconds, async () => difference(before.ours, await ours()))
    await waitUntil('of others', seconds, async () => difference(before.others, await others()))
    await waitUntil('pe2 as before', seconds, async () => {
      for (const family of FAMILIES) {
        const { prefix, behindPrefix } = site(1, family)
        const seen = await remoteRoutes(2, 'red', family, [prefix, behindPrefix])
        if (seen) return seen
      }
      return undefined
    })
    await waitUntil('packets', seconds, reaches)
    return checkSaid(fault.says, () => complaints(pe1.log().slice(mark)))
  })
}

/**
 * Each of `wanted` is said once. Losses are summed up in the seconds after a first one was told, so
 * theirs may come late, or with those of the fault before.
 */
async function checkSaid(wanted: string[], said: () => string[]): Promise<string> {
  const summed = [LOSS, TAKEN]
  const own = (lines: string[]) =>
    lines
      .filter((line) => !summed.includes(line) && line !== SESSION_DOWN)
      .sort()
      .join('; ')
  await waitUntil(wanted.join('; '), checks.patience, async () => {
    return wanted.every((line) => line === LOSS || said().includes(line)) ? undefined : own(said())
  })
  const lines = said()
  if (own(lines) !== own(wanted)) throw new Error(`said: ${lines.join('; ') || 'nothing'}`)
  for (const line of summed) {
    const count = lines.filter((one) => one === line).length
    if (count > 2) throw new Error(`said ${count} times: ${line}`)
  }
  return lines.join('; ')
}

const red = (family: 4 | 6) => (family === 4 ? '10.1.0.254/24' : '2001:db8:1::fe/64')
const sidOf = async () => {
  const sid = (await pe1.sids()).find((row) => row.vrf === 'red')
  return `${sid!.sid}/128`
}

/** pe2 has lost red's first site. */
async function gone(): Promise<string | undefined> {
  const routes = (await Promise.all(FAMILIES.map((f) => routesOf('pe2', 10, f)))).flat()
  const left = routes.filter((r) => r.segs && r.dst === site(1, 4).prefix)
  return left.length === 0 ? undefined : left.map(describeRoute).join('; ')
}

async function interfaceState(): Promise<string> {
  const { vrfs } = await pe1.api<VrfsReply>('/v1/vrfs')
  const row = vrfs.find((vrf) => vrf.name === 'red')!.interfaces[0]!
  return row.attached ? 'in' : (row.why ?? 'out')
}

const ROUTES: Fault[] = [
  {
    name: 'routes are deleted by hand, one of each family: put back',
    says: [LOSS],
    cause: () => ip(...FAMILIES.map((f) => `route del ${site(2, f).prefix} ${OURS}`)),
  },
  {
    name: 'the last resort of a VRF is deleted: put back',
    says: [LOSS],
    cause: () => ip('route del unreachable default table 10 metric 4278198272'),
  },
  {
    name: 'the nexthop objects are deleted, with all their routes: put back',
    says: [LOSS],
    cause: () => must(['ip', '-n', 'pe1', 'nexthop', 'flush', 'proto', pe1.protocol]),
  },
  {
    name: 'the SID of a VRF is deleted: put back',
    says: [LOSS],
    cause: async () => ip(`route del ${await sidOf()}`),
  },
  {
    name: 'a route of somebody else takes the place of ours: it stays, ours is `drifted`',
    says: [TAKEN],
    cause: () => ip(`route replace blackhole ${site(2, 4).behindPrefix} ${OURS}`),
    meanwhile: async () => {
      const path = `/v1/routes?vrf=red&prefix=${site(2, 4).behindPrefix}`
      const { routes } = await pe1.api<RoutesReply>(path)
      const theirs = (await others()).includes(`${site(2, 4).behindPrefix} blackhole`)
      return theirs && routes[0]?.installed === 'drifted' ? undefined : JSON.stringify(routes)
    },
    cure: () => ip(`route del blackhole ${site(2, 4).behindPrefix} ${OURS}`),
  },
]

const LINKS: Fault[] = [
  {
    name: 'an interface goes down: its routes are withdrawn; up: announced again',
    says: [],
    cause: () => ip('link set red down'),
    meanwhile: gone,
    cure: () => ip('link set red up', `addr replace ${red(6)} dev red`),
  },
  {
    name: 'an interface loses its carrier, and has it again',
    says: [],
    cause: () => must(['ip', '-n', 'ce1', 'link', 'set', 'pe', 'down']),
    meanwhile: gone,
    cure: async () => {
      const lines = ['link set pe up', 'addr replace 2001:db8:1::1/64 dev pe nodad']
      lines.push(`route replace default via ${site(1, 4).pe}`)
      lines.push('addr replace 2001:db8:1::77/64 dev pe nodad')
      lines.push(`route replace default via ${site(1, 6).pe}`)
      await ipBatch('ce1', ...lines)
    },
  },
  {
    name: 'an interface is renamed and gets its name back',
    says: ['interface is gone'],
    cause: () => ip('link set red down', 'link set red name other'),
    meanwhile: async () => {
      const state = await interfaceState()
      return state === 'no such interface' ? undefined : state
    },
    cure: () => ip('link set other name red', 'link set red up', `addr replace ${red(6)} dev red`),
  },
  {
    name: 'an interface disappears and comes back with another index',
    says: ['interface is gone'],
    cause: () => ip('link del red'),
    meanwhile: gone,
    cure: async () => {
      await ip('link add red type veth peer name pe netns ce1', 'link set red up')
      const addresses = FAMILIES.map((f) => `addr add ${red(f)} dev red`)
      const ce = ['link set pe up', 'addr add 10.1.0.1/24 dev pe', 'addr add 10.1.0.77/24 dev pe']
      ce.push('addr add 2001:db8:1::1/64 dev pe nodad', 'addr add 2001:db8:1::77/64 dev pe nodad')
      ce.push(`route add default via ${site(1, 4).pe}`, `route add default via ${site(1, 6).pe}`)
      await ip(...addresses)
      await ipBatch('ce1', ...ce)
    },
  },
  {
    name: 'an interface is moved to another VRF: taken back, with its addresses',
    says: ['interface was taken out of the vrf: put back'],
    cause: () => ip('link set red master vrf-blue'),
  },
  {
    name: 'an interface is taken out of its VRF: taken back, with its addresses',
    says: ['interface was taken out of the vrf: put back'],
    cause: () => ip('link set red nomaster'),
  },
  {
    name: 'an address comes: its network is announced; and goes',
    says: [],
    cause: () => ip(...FAMILIES.map((f) => `addr add ${site(1, f).sparePe} dev red`)),
    meanwhile: async () => {
      const seen = FAMILIES.map((f) => remoteRoutes(2, 'red', f, [site(1, f).spare]))
      return (await Promise.all(seen)).find((text) => text !== undefined)
    },
    cure: async () => {
      await ip(...FAMILIES.map((f) => `addr del ${site(1, f).sparePe} dev red`))
      await waitUntil('gone from pe2', checks.patience, async () => {
        const routes = (await Promise.all(FAMILIES.map((f) => routesOf('pe2', 10, f)))).flat()
        return routes.some((r) => r.dst === site(1, 4).spare) ? 'still there' : undefined
      })
    },
  },
]

const DEVICES: Fault[] = [
  {
    name: 'the VRF device is set down: up again, with its SID',
    says: ['vrf device was set down: set up again'],
    cause: () => ip('link set vrf-red down'),
    seconds: 60,
  },
  {
    name: 'the core link goes down and up: routes come back with OSPFv3',
    says: [],
    cause: () => ip('link set core down'),
    meanwhile: async () => {
      const text = await ours()
      return text.includes('seg6 encap.red') ? 'remote routes are still there' : undefined
    },
    cure: () => ip('link set core up', 'addr replace 2001:db8:f1::1/64 dev core nodad'),
    seconds: 60,
  },
]

/** The last one: FRR 8.4's zebra was seen to crash at it. What it leaves in the kernel stays. */
const DELETION: Fault = {
  name: 'the VRF device is deleted: made again, with SID, interface and addresses',
  says: ['interface was taken out of the vrf: put back', 'vrf device was removed: making it again'],
  cause: () => ip('link del vrf-red'),
  seconds: 60,
}

async function checkRestart(before: Picture): Promise<void> {
  await checks.check(
    'killed and started again: ours and those of others are as before',
    async () => {
      await pe1.kill()
      await sleep(1)
      await pe1.start()
      await waitUntil('session', checks.patience, () => pe1.session())
      await waitUntil('ours', checks.patience, async () => difference(before.ours, await ours()))
      const seen = difference(before.others, await others())
      if (seen) throw new Error(seen)
      await waitUntil('packets', checks.patience, reaches)
    },
  )
}

await inSandbox(async () => {
  await prepare()
  say('network is up')
  const up = await checks.check('srv6d on both PEs beside zebra, OSPFv3 in the core', async () => {
    await Promise.all([
      (async () => {
        await zebraOfP.start()
        await zebra.start()
      })(),
      pe1.start(),
      pe2.start(),
    ])
    await waitUntil('session', checks.patience, () => pe1.session())
    await Promise.all([awaitOurs(), awaitRemoteRoutes(2, checks.patience)])
    await waitUntil('packets', checks.patience, reaches)
    await waitUntil('zebra’s routes', checks.patience, async () => {
      const text = await others()
      const wanted = ['10.88.0.0/24', '2001:db8:89::/64', '2001:db8:88::/64', locatorOf(2)]
      return wanted.find((prefix) => !text.includes(prefix))
    })
  })
  if (up) {
    const before = { ours: await ours(), others: await others() }
    emit({ note: `of others: ${before.others.split('\n').join('; ')}` })
    const faults = [...ROUTES, ...LINKS, ...DEVICES].filter(({ name }) => name.includes(only))
    for (const fault of faults) await checkFault(fault, before)
    if (only === '') {
      await checks.check('zebra has lived through all of it', async () => zebra.checkAlive())
      await checkRestart(before)
      await checkFault(DELETION, before)
    }
  }
  if (checks.failed > 0) {
    emit({ log: 'what pe1 complained of', tail: complaintLines(pe1.log()).join('\n') })
    for (const pe of [pe1, pe2]) for (const [log, text] of pe.logs()) emit({ log, tail: text })
    emit({ log: 'zebra of pe1', tail: tail(zebra.output(), 100) })
    emit({ log: 'zebra of p', tail: tail(zebraOfP.output(), 10) })
    for (const n of ['pe1', 'pe2']) emit({ log: `kernel of ${n}`, tail: await kernelState(n) })
  }
  return checks.finish()
})
