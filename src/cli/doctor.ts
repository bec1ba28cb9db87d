/** The findings about this host: from the daemon, or where none runs from one started to look and end. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DoctorReply, Finding } from '../daemon/api-schema.ts'
import { ClientError, get, NotRunning } from './client.ts'

/** Beside srv6d-cli.js in the package. */
const DAEMON = fileURLToPath(new URL('./srv6d.js', import.meta.url))

export async function askDoctor(
  socket: string,
  config: string,
  note: (text: string) => void,
): Promise<Finding[]> {
  try {
    return (await get<DoctorReply>(socket, '/v1/doctor')).findings
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error
    note(`srv6d is not running: examining this host for ${config}\n`)
    return lookWithoutDaemon(config)
  }
}

function lookWithoutDaemon(config: string): Finding[] {
  const argv = [DAEMON, '--doctor', '-c', config]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw new ClientError(stderr.trim() || `srv6d --doctor ended with ${status}`)
  return (JSON.parse(stdout) as DoctorReply).findings
}
