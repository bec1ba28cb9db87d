/**
 * The sandbox a lab program runs in: namespaces of its own (mount, network, process) made by
 * host.ts with unshare, or a whole virtual machine. All of it disappears with the program.
 */
import { mkdirSync } from 'node:fs'
import { must, stopAll } from './run.ts'

export const LOGS = '/run/lab'

const { SRV6D_LAB_IN_VM, SRV6D_LAB_SANDBOX } = process.env
const inVm = SRV6D_LAB_IN_VM === '1'

/** Refuses to run outside a sandbox; then gives the program a /run and an /etc/frr of its own. */
export async function enterSandbox(): Promise<void> {
  if (process.getuid?.() !== 0 || !(inVm || SRV6D_LAB_SANDBOX === '1')) {
    throw new Error('this program is started by lab/lib/host.ts, inside a sandbox')
  }
  if (!inVm) await must(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'lab-run', '/run'])
  for (const d of [LOGS, '/run/netns', '/run/frr', '/run/srv6d']) {
    mkdirSync(d, { recursive: true })
  }
  process.umask(0o022)
}

let interrupted = false

/** Whether the user has ended it: what fails from then on is no failure. */
export const wasInterrupted = (): boolean => interrupted

/** Runs a scenario's body and ends its processes whatever happens, signals included. */
export async function inSandbox(body: () => Promise<number>): Promise<never> {
  const signal = (name: NodeJS.Signals, status: number) =>
    process.once(name, () => {
      interrupted = true
      void stopAll().finally(() => process.exit(status))
    })
  signal('SIGINT', 130)
  signal('SIGTERM', 143)
  signal('SIGHUP', 129)
  let status = 1
  try {
    await enterSandbox()
    status = await body()
  } catch (e) {
    process.stderr.write(`lab: ${(e as Error).stack ?? e}\n`)
  }
  await stopAll()
  return process.exit(status)
}
