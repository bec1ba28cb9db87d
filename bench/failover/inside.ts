/**
 * Inside the sandbox: one network, several sizes; for each a locator is withdrawn under a probe
 * flow, several times. Prints a line of JSON each. Arguments: compat mode, then FAMILY:ROUTES:GROUPS:ROUNDS.
 */
import { build, hostOf, locator, Probe, sidOf, sysctl } from './network.ts'
import { Pe } from './pe.ts'

/** Datagrams a second. */
const RATE = 2000
const PREFERRED = 200
const OTHER = 100

export interface Loss {
  /** From the kernel's notification to its answer to the last group. */
  reactMs: number
  /** The longest time that a group's datagrams went astray, by when they were sent. */
  gapMs: number
  lost: number
  groups: number
  messages: number
  /** Until all routes are decided anew and go by what was decided. */
  movedMs: number
}

interface Report {
  seen: [number: number, at: number][]
  untaken: number
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function measure(family: 4 | 6, routes: number, groups: number, rounds: number) {
  const pe = new Pe()
  await pe.start()
  for (let n = 0; n < routes; n++) {
    pe.put(family, n, 0, sidOf('e1', family, 1), PREFERRED)
    pe.put(family, n, 1, sidOf('e2', family, 1 + (n % groups)), OTHER)
    if (n % 4096 === 0) await sleep(0)
  }
  await pe.settled()
  const hosts = Array.from({ length: groups }, (_, n) => hostOf(family, n))
  const sender = new Probe('src', ['send', String(RATE), ...hosts])
  const receivers = [new Probe('e1', ['receive']), new Probe('e2', ['receive'])] as const
  await sleep(500)
  const losses: Loss[] = []
  for (let round = 0; round < rounds; round++) {
    losses.push(await lose(pe, groups, sender, receivers))
  }
  for (const probe of [sender, ...receivers]) probe.stop()
  await pe.stop()
  return losses
}

async function lose(
  pe: Pe,
  groups: number,
  sender: Probe,
  [first, second]: readonly [Probe, Probe],
): Promise<Loss> {
  await first.ask('report')
  await second.ask('report')
  await sender.ask('start')
  await sleep(500)
  pe.reset()
  const from = performance.now()
  await locator('e1', false)
  while (pe.replacedAt === 0) await sleep(1)
  const messages = pe.writesThen - pe.writesBefore
  const { notifiedAt, replacedAt, replaced } = pe
  await pe.settled()
  const movedMs = performance.now() - from
  await sleep(300)
  const sent = await sender.ask<number>('stop')
  await sleep(200)
  const reports = [await first.ask<Report>('report'), await second.ask<Report>('report')]
  const seen = new Set(reports.flatMap((report) => report.seen.map(([number]) => number)))
  const missing = Array.from({ length: sent }, (_, k) => k).filter((k) => !seen.has(k))
  const untaken = reports.reduce((sum, report) => sum + report.untaken, 0)
  await locator('e1', true)
  await pe.settled()
  return {
    reactMs: replacedAt - notifiedAt,
    gapMs: longestGap(reports[0]!.seen, reports[1]!.seen, groups),
    lost: missing.length - untaken,
    groups: replaced,
    messages,
    movedMs,
  }
}

/** Over the groups: from the last datagram by the one router to the first by the other, less the usual. */
function longestGap(before: Report['seen'], after: Report['seen'], groups: number): number {
  const usual = (groups / RATE) * 1000
  let longest = 0
  for (let group = 0; group < groups; group++) {
    const last = before.filter(([number]) => number % groups === group).at(-1)
    const next = after.find(([number]) => number % groups === group)
    if (last && next) longest = Math.max(longest, next[1] - last[1] - usual)
  }
  return longest
}

const [compat, ...sizes] = process.argv.slice(2)
await build()
sysctl(`net.ipv4.nexthop_compat_mode=${compat}`)
for (const size of sizes) {
  const [family, routes, groups, rounds] = size.split(':').map(Number)
  const losses = await measure(family as 4 | 6, routes!, groups!, rounds!)
  process.stdout.write(`${JSON.stringify({ size, losses })}\n`)
}
process.exit(0)
