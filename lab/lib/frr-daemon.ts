/** One daemon of FRR in a namespace (`-N`), from a root made by lab/root. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tail } from './pe.ts'
import { inRoot, pathIn } from './roots.ts'
import { LabProcess, must } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { InVain, waitUntil } from './wait-until.ts'

/** The directories of an instance, and files of its /etc/frr. */
export async function prepareInstance(
  root: string,
  namespace: string,
  files: Record<string, string>,
): Promise<void> {
  const etc = `/etc/frr/${namespace}`
  for (const directory of [`/run/frr/${namespace}`, pathIn(root, etc)]) {
    mkdirSync(directory, { recursive: true })
  }
  for (const [name, text] of Object.entries({ 'vtysh.conf': '', ...files })) {
    writeFileSync(pathIn(root, `${etc}/${name}`), text)
  }
  await must(inRoot(root, ['chown', '-R', 'frr:frr', `/run/frr/${namespace}`, etc]))
}

export async function startDaemon(
  root: string,
  namespace: string,
  name: string,
  more: string[] = [],
): Promise<LabProcess> {
  const argv = [`/usr/lib/frr/${name}`, '-N', namespace, '-A', '127.0.0.1', ...more]
  const socket = `/run/frr/${namespace}/${name}.vty`
  rmSync(socket, { force: true }) // one that was killed leaves its socket
  const log = `${LOGS}/${namespace}-${name}.log`
  const process = new LabProcess(name, inNamespace(namespace, inRoot(root, argv)), log)
  await waitUntil(
    `${name} listens`,
    180,
    async () => {
      if (process.status !== null) throw new InVain(`it ended: ${tail(process.output(), 5)}`)
      return existsSync(socket) ? undefined : `no ${socket}`
    },
    0.1,
  )
  return process
}
