/** Pods that come and go at the node, and when the far PE's kernel has followed. */
import { fileURLToPath } from 'node:url'
import type { PodNetworkName } from './churn-pods.ts'
import { type KernelEvent, Monitor } from './monitor.ts'
import { LabProcess } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { waitUntil } from './wait-until.ts'

export interface ChurnOptions {
  node: string
  address: string
  port: number
  as: number
  rate: number
  seconds: number
  /** Large communities of blue and red. */
  communities: readonly [string, string]
  /** Where to look for the routes, and in which table of whom. */
  far: string
  tables: Record<PodNetworkName, number>
}

interface Sent {
  at: number
  action: 'come' | 'go'
  prefix: string
  network: PodNetworkName
}

/** Runs it; throws unless each change arrived, in its own network only; gives the figures. */
export async function churn(o: ChurnOptions): Promise<string> {
  const monitor = await Monitor.start(o.far, 'route')
  const program = fileURLToPath(new URL('churn-speaker.mjs', import.meta.url))
  const speaker = [o.address, o.port, o.as, o.rate, o.seconds, ...o.communities].map(String)
  const log = `${LOGS}/churn.log`
  const argv = inNamespace(o.node, [process.execPath, program, ...speaker])
  const process_ = new LabProcess('churn', argv, log)
  const status = await process_.ended
  if (status !== 0) throw new Error(`the speaker ended with ${status}: ${process_.output()}`)
  const sent = process_
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Sent)
  let said = ''
  await waitUntil('each change', 60, async () => {
    said = follow(sent, monitor.events(), o)
    return undefined
  })
  await monitor.stop()
  return said
}

/** Each change with the first event after it that says the same. */
function follow(sent: Sent[], events: KernelEvent[], o: ChurnOptions): string {
  const seen = new Map<string, KernelEvent[]>()
  for (const event of events) {
    const key = event.text.split(' ', 1)[0]!
    seen.set(key, [...(seen.get(key) ?? []), event])
  }
  const delays: number[] = []
  const missed: Sent[] = []
  for (const one of sent) {
    const table = `table ${o.tables[one.network]} `
    const event = seen
      .get(one.prefix)
      ?.find((e) => e.at >= one.at - 1 && e.deleted === (one.action === 'go'))
    if (!event) missed.push(one)
    else if (!event.text.includes(table)) throw new Error(`not in ${table}: ${event.text}`)
    else delays.push(event.at - one.at)
  }
  if (sent.length === 0) throw new Error('nothing was announced')
  if (missed.length > 0) {
    throw new Error(`${missed.length} of ${sent.length} not followed: ${JSON.stringify(missed[0])}`)
  }
  delays.sort((a, b) => a - b)
  const at = (share: number) => `${Math.round(delays[Math.floor((delays.length - 1) * share)]!)} ms`
  const spread = `half within ${at(0.5)}, 99 % within ${at(0.99)}, all within ${at(1)}`
  const span = (sent.at(-1)!.at - sent[0]!.at) / 1000
  const rate = Math.round(sent.length / span)
  return `${sent.length} changes, ${rate} a second; from UPDATE to ${o.far}'s kernel ${spread}`
}
