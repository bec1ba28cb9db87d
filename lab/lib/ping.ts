/** Pings: once, and without end with an account of every sequence number. */
import { LabProcess, must, run } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { waitUntil } from './wait-until.ts'

/** Pings from a namespace; gives whether an answer came, and ping's own words. */
export async function ping(
  namespace: string,
  to: string,
  from?: string,
  count = 1,
  wait = 2,
): Promise<{ reached: boolean; text: string }> {
  const source = from ? ['-I', from] : []
  const args = ['ping', '-n', '-c', `${count}`, '-i', '0.2', '-W', `${wait}`, ...source, to]
  const r = await run(inNamespace(namespace, args))
  return { reached: r.code === 0, text: (r.stdout + r.stderr).trim() }
}

/** How many echo requests a namespace's kernel has received, IPv4 and IPv6 together. */
export async function echoRequests(namespace: string): Promise<number> {
  const files = ['/proc/net/snmp', '/proc/net/snmp6']
  const text = await must(inNamespace(namespace, ['cat', ...files]))
  const [names, values] = [...text.matchAll(/^Icmp: (.*)$/gm)].map((m) => m[1]!.split(' '))
  const v4 = Number(values![names!.indexOf('InEchos')])
  const v6 = Number(/^Icmp6InEchos\s+(\d+)/m.exec(text)![1])
  return v4 + v6
}

/** A ping that goes on until it is stopped. */
export class ContinuousPing {
  readonly #process: LabProcess
  readonly target: string

  constructor(namespace: string, to: string, from: string, interval = 0.2) {
    this.target = to
    const args = ['ping', '-n', '-O', '-i', `${interval}`, '-I', from, to]
    const file = `${LOGS}/ping-${namespace}-${to.replace(/[:.]/g, '_')}-${performance.now()}.log`
    this.#process = new LabProcess(`ping ${to}`, inNamespace(namespace, args), file)
  }

  /** Answers so far. */
  get received(): number {
    return this.#sequences().length
  }

  /** Waits until so many answers have come: what is tested may be over before a ping says anything. */
  async answered(count: number, seconds: number): Promise<void> {
    await waitUntil(`${count} answers from ${this.target}`, seconds, async () =>
      this.received < count ? `${this.received}` : undefined,
    )
  }

  #sequences(): number[] {
    const lines = this.#process.output().matchAll(/bytes from .*icmp_seq=(\d+)/g)
    return [...lines].map((m) => Number(m[1]))
  }

  /**
   * Lets the last answers come in, stops, and names the sequence numbers that never came back. Where
   * answers come to the end, those behind the last one were on their way when the signal came.
   */
  async stop(): Promise<{ sent: number; received: number; lost: number[] }> {
    const goesOn = await this.answered(this.received + 3, 10).then(
      () => true,
      () => false,
    )
    await this.#process.stop('SIGINT', 60)
    const came = new Set(this.#sequences())
    const last = Math.max(0, ...came)
    const sent = Number(/(\d+) packets transmitted/.exec(this.#process.output())?.[1] ?? last)
    const lost: number[] = []
    const end = goesOn ? last : sent
    for (let n = 1; n <= end; n++) if (!came.has(n)) lost.push(n)
    return { sent, received: came.size, lost }
  }
}
