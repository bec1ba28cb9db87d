/**
 * The address for monitoring (`api.listen`): Prometheus and the probes of Kubernetes cannot reach a
 * Unix socket. Of the API it has /metrics, /healthz and /readyz alone, since anybody may ask.
 */
import type { AddressInfo } from 'node:net'
import { addHealthRoutes, closeApp, type HealthPorts, listen, makeApp } from './api-app.ts'
import { ApiSocketError } from './api-server.ts'
import type { ListenConfig } from './config-schema.ts'

export interface MonitorServer {
  readonly port: number
  close(): Promise<void>
}

export async function startMonitor(at: ListenConfig, ports: HealthPorts): Promise<MonitorServer> {
  const app = makeApp(ports.log)
  addHealthRoutes(app, ports)
  await app.ready()
  const { server } = app
  const { text, family } = at.address
  try {
    await listen(server, (done) => server.listen(at.port, text, done))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const where = family === 4 ? text : `[${text}]`
    throw new ApiSocketError(`api.listen ${where}:${at.port}: cannot listen (${code})`)
  }
  const { port } = server.address() as AddressInfo
  ports.log.info({ address: text, port }, 'monitoring listening')
  return { port, close: () => closeApp(app) }
}
