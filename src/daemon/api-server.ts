/**
 * The HTTP API: read-only JSON on a Unix socket, for srv6d-cli and for whoever may open the socket
 * (mode 0660). Every reply is checked against api-schema.ts before it leaves; what goes wrong
 * inside is logged and answered as "internal error".
 */
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type * as z from 'zod'
import type { Logger } from '../base/logger.ts'
import { addHealthRoutes, closeApp, type HealthPorts, listen, makeApp } from './api-app.ts'
import {
  DEFAULT_ROUTE_LIMIT,
  DoctorReply,
  LocatorsReply,
  NeighborsReply,
  Route,
  type RouteQuery,
  RouteQueryString,
  ShowError,
  type ShowSource,
  SidsReply,
  Status,
  VrfsReply,
} from './api-schema.ts'
import { address, prefix } from './config-values.ts'

/** Routes are checked and written this many at a time; in between BGP has its turn. */
const ROUTES_A_TURN = 200
const SOCKET_UMASK = 0o117

export interface ApiOptions extends HealthPorts {
  socket: string
}

export interface ApiServer {
  readonly socket: string
  /** Ends open requests and removes the socket. */
  close(): Promise<void>
}

/** The API cannot be offered where the configuration wants it. */
export class ApiSocketError extends Error {
  override readonly name = 'ApiSocketError'
}

/** Listens on `socket`; refuses when another daemon answers there, removes what one left behind. */
export async function startApi(options: ApiOptions): Promise<ApiServer> {
  const { socket, log } = options
  await freeSocket(socket)
  const app = makeApp(log)
  addRoutes(app, options)
  addHealthRoutes(app, options)
  await app.ready()
  await listenOn(app.server, socket)
  log.info({ socket }, 'api listening')
  return { socket, close: () => closeApp(app) }
}

function addRoutes(app: FastifyInstance, { source, log }: ApiOptions): void {
  app.get('/v1/routes', (request, reply) => {
    const { query, limit } = readRouteQuery(request.query, source)
    const routes = source.routes(query)
    const first = encodeSome(routes, Math.min(limit, ROUTES_A_TURN))
    const body = writeRoutes(first, routes, limit - first.length, log)
    return reply.type('application/json').send(Readable.from(body, { objectMode: false }))
  })
  app.get('/v1/neighbors', () => NeighborsReply.parse({ neighbors: source.neighbors() }))
  app.get('/v1/vrfs', () => VrfsReply.parse({ vrfs: source.vrfs() }))
  app.get('/v1/sids', () => SidsReply.parse({ sids: source.sids() }))
  app.get('/v1/locators', () => LocatorsReply.parse({ locators: source.locators() }))
  app.get('/v1/doctor', async () => DoctorReply.parse({ findings: await source.doctor() }))
  app.get('/v1/status', () => Status.parse(source.status()))
}

function encodeRoute(route: Route): string {
  return JSON.stringify(Route.parse(route))
}

function encodeSome(routes: Iterator<Route>, count: number): string[] {
  const texts: string[] = []
  while (texts.length < count) {
    const { done, value } = routes.next()
    if (done) break
    texts.push(encodeRoute(value))
  }
  return texts
}

/**
 * Up to `limit` routes more than the first, each made when the client has read what was before it.
 * The first are encoded already: had they the wrong shape, the answer were status 500.
 */
async function* writeRoutes(first: string[], routes: Iterator<Route>, limit: number, log: Logger) {
  yield `{"routes":[${first.join(',')}`
  try {
    for (let left = limit; left > 0; ) {
      await turn()
      const some = encodeSome(routes, Math.min(left, ROUTES_A_TURN))
      if (some.length === 0) break
      left -= some.length
      yield `,${some.join(',')}`
    }
    yield `],"truncated":${routes.next().done !== true}}`
  } catch (error) {
    log.error({ err: error }, 'api reply broken off')
    throw error
  }
}

function readRouteQuery(raw: unknown, source: ShowSource): { query: RouteQuery; limit: number } {
  const parsed = RouteQueryString.safeParse(raw)
  if (!parsed.success) throw new ShowError(describeIssue(parsed.error.issues[0]!))
  const { vrf, prefix, family, table, limit } = parsed.data
  if (vrf !== undefined) {
    if (table !== undefined) throw new ShowError('vrf and table: expected one of them')
    const names = source.vrfs().map((each) => each.name)
    if (!names.includes(vrf)) throw new ShowError(unknownVrf(vrf, names), 404)
  }
  return {
    query: { vrf, family, table, prefix: prefix && canonicalPrefix(prefix) },
    limit: limit ?? DEFAULT_ROUTE_LIMIT,
  }
}

function unknownVrf(name: string, known: string[]): string {
  const there = known.length === 0 ? 'none is configured' : `there are ${known.join(', ')}`
  return `no VRF is called ${JSON.stringify(name)}: ${there}`
}

function canonicalPrefix(text: string): string {
  const parsed = (text.includes('/') ? prefix : address).safeParse(text)
  if (parsed.success) return parsed.data.text
  throw new ShowError(`prefix: ${JSON.stringify(text)}: ${parsed.error.issues[0]!.message}`)
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown parameter ${issue.keys.join(', ')}`
  return `${issue.path.join('.')}: ${issue.message}`
}

/** The mask is set while bind makes the socket: at no time may others open it. */
async function listenOn(server: Server, socket: string): Promise<void> {
  const before = process.umask(SOCKET_UMASK)
  const listening = listen(server, (done) => server.listen(socket, done))
  process.umask(before)
  try {
    await listening
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ApiSocketError(`api socket ${socket}: cannot listen (${code})`)
  }
}

async function freeSocket(socket: string): Promise<void> {
  try {
    mkdirSync(dirname(socket), { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ApiSocketError(`api socket ${socket}: its folder cannot be made (${code})`)
  }
  const found = lstatSync(socket, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) {
    throw new ApiSocketError(`api socket ${socket}: there is a file that is no socket, left alone`)
  }
  if (await answers(socket)) {
    throw new ApiSocketError(`api socket ${socket}: another srv6d answers there`)
  }
  unlinkSync(socket)
}

/** Whether some process listens; a socket whose process is gone refuses. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(socket)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(new ApiSocketError(`api socket ${socket}: ${error.code} when asked who listens`))
    })
  })
}
