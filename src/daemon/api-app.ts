/** The HTTP server that the API's socket and the address for monitoring have in common. */
import type { Server } from 'node:http'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { FastifySchemaControllerOptions } from 'fastify/types/schema.js'
import type { Logger } from '../base/logger.ts'
import { HealthReply, ShowError, type ShowSource } from './api-schema.ts'
import type { Metrics } from './metrics.ts'

const MAX_CONNECTIONS = 64
const REQUEST_TIMEOUT_MS = 10_000
/** A client that neither asks nor reads. */
const STALLED_MS = 60_000

/** zod checks the shapes here: fastify need not load its own compilers for JSON schemas. */
const NO_COMPILERS = {
  buildValidator: () => () => () => true,
  buildSerializer: () => () => (reply: unknown) => JSON.stringify(reply),
} as unknown as NonNullable<FastifySchemaControllerOptions['compilersFactory']>

/** What the health of the daemon is read from. */
export interface HealthPorts {
  source: ShowSource
  log: Logger
  /** What /readyz says; without it: ready once the daemon is no longer restarting. */
  ready?: (() => boolean) | undefined
  /** Without it there is no /metrics. */
  metrics?: Pick<Metrics, 'contentType' | 'text'> | undefined
}

export function makeApp(log: Logger): FastifyInstance {
  const app = fastify({
    bodyLimit: 1024,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: STALLED_MS,
    http: { maxHeaderSize: 8192 },
    logger: false,
    schemaController: { compilersFactory: NO_COMPILERS },
  })
  app.setErrorHandler((error, _request, reply) => sendError(error, reply, log))
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `no such path: ${request.method} ${request.url.slice(0, 100)}` }),
  )
  app.server.maxConnections = MAX_CONNECTIONS
  return app
}

/** /healthz: it answers; /readyz: it has what the neighbours had to send; /metrics. */
export function addHealthRoutes(app: FastifyInstance, ports: HealthPorts): void {
  const { source, metrics } = ports
  const ready = ports.ready ?? (() => !source.status().restarting)
  app.get('/healthz', () => HealthReply.parse({ ok: true, problems: source.status().problems }))
  app.get('/readyz', (_request, reply) => {
    const ok = ready()
    return reply.code(ok ? 200 : 503).send({ ok, problems: source.status().problems })
  })
  if (metrics === undefined) return
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}

/** `bind` makes the server listen; refused with the errno. */
export function listen(server: Server, bind: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    bind(() => {
      server.off('error', reject)
      resolve()
    })
  })
}

export async function closeApp(app: FastifyInstance): Promise<void> {
  const { server } = app
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
  await app.close()
}

/** A stack, or the words of an exception we did not make, stay inside. */
function sendError(error: unknown, reply: FastifyReply, log: Logger): FastifyReply {
  if (error instanceof ShowError) return reply.code(error.status).send({ error: error.message })
  const status = (error as { statusCode?: unknown }).statusCode
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return reply.code(status).send({ error: (error as Error).message })
  }
  log.error({ err: error }, 'api request failed')
  return reply.code(500).send({ error: 'internal error, see the log of srv6d' })
}
