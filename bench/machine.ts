/** What figures depend on, as one line each. */
import { cpus, loadavg, release, totalmem } from 'node:os'

/** Machine, date, Node, load; `command` is what was run, `load` the load average before it. */
export function conditions(command: string, load: number[]): string[] {
  const { length } = cpus()
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const memory = Math.round(totalmem() / 2 ** 30)
  const loads = (list: number[]) => list.map((value) => value.toFixed(1)).join(' ')
  return [
    `command: ${command}`,
    `date: ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `machine: ${length} × ${model}, ${memory} GiB, Linux ${release()}`,
    `Node ${process.version}, V8 ${process.versions.v8}`,
    `load average: ${loads(load)} before, ${loads(loadavg())} after`,
  ]
}
