/** Watches an interface for echo requests, to show that a packet was seen there or was not. */
import { LabProcess } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { sleep, waitUntil } from './wait-until.ts'

const FILTER = 'icmp[icmptype] == icmp-echo or (icmp6 and ip6[40] == 128)'

export class Capture {
  readonly namespace: string
  readonly #process: LabProcess

  private constructor(namespace: string, device: string) {
    this.namespace = namespace
    const user = ['-Z', 'root'] // its file must not need another user's rights
    const argv = ['tcpdump', ...user, '-lnni', device, '--immediate-mode', FILTER]
    const file = `${LOGS}/capture-${namespace}.log`
    this.#process = new LabProcess(`tcpdump ${namespace}`, inNamespace(namespace, argv), file)
  }

  static async start(namespace: string, device: string): Promise<Capture> {
    const capture = new Capture(namespace, device)
    await waitUntil(`tcpdump listens in ${namespace}`, 120, async () =>
      capture.#process.output().includes('listening on') ? undefined : capture.#process.output(),
    )
    return capture
  }

  /** A place in what was captured, to be given to `since`. */
  mark(): number {
    return this.#process.output().length
  }

  /** The echo requests seen since `mark` (tcpdump prints a packet some time after it passed). */
  async since(mark: number, settle = 0.5): Promise<string[]> {
    await sleep(settle)
    const lines = this.#process.output().slice(mark).split('\n')
    return lines.filter((l) => l.includes('echo request'))
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }
}
