/** What a namespace's kernel tells of its routes or rules, each with the time it was told. */
import { readFileSync } from 'node:fs'
import { LabProcess } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { waitUntil } from './wait-until.ts'

export interface KernelEvent {
  /** Milliseconds since 1970, with three more digits. */
  at: number
  deleted: boolean
  text: string
}

/** `[2026-11-26T10:00:00.123456] Deleted 10.0.0.0/24 dev core` */
const LINE = /^\[(\S+)(\.\d+)\] (Deleted )?(.*)$/gm

export class Monitor {
  readonly #process: LabProcess

  private constructor(namespace: string, what: 'route' | 'rule') {
    const log = `${LOGS}/monitor-${namespace}-${what}-${performance.now()}.log`
    const argv = inNamespace(namespace, ['stdbuf', '-oL', 'ip', '-ts', 'monitor', what])
    this.#process = new LabProcess(`ip monitor ${what} ${namespace}`, argv, log)
  }

  static async start(namespace: string, what: 'route' | 'rule'): Promise<Monitor> {
    const monitor = new Monitor(namespace, what)
    await waitUntil(`ip monitor ${what} listens in ${namespace}`, 120, async () => {
      const sockets = readFileSync(`/proc/${monitor.#process.pid}/net/netlink`, 'utf8')
      // sk Eth Pid Groups …: it says nothing when it listens
      const own = new RegExp(`^\\S+ +0 +${monitor.#process.pid} +(?!0+ )[0-9a-f]+ `, 'm')
      return own.test(sockets) ? undefined : sockets
    })
    return monitor
  }

  events(): KernelEvent[] {
    return [...this.#process.output().matchAll(LINE)].map(([, time, fraction, deleted, text]) => ({
      at: Date.parse(time!) + Number(fraction) * 1000,
      deleted: deleted !== undefined,
      text: text!,
    }))
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }
}
