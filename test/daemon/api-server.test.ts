import { existsSync, linkSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Logger } from '../../src/base/logger.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { HealthPorts } from '../../src/daemon/api-app.ts'
import { startApi } from '../../src/daemon/api-server.ts'
import { startMonitor } from '../../src/daemon/monitor-server.ts'
import {
  FakeShowSource,
  LOCATORS,
  NEIGHBORS,
  ROUTES,
  SIDS,
  STATUS,
  VRFS,
} from '../support/fake-show-source.ts'
import { tempFolder } from '../support/temp-folder.ts'

interface Reply {
  status: number
  type: string
  body: unknown
}

function get(socketPath: string, path: string, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('error', reject)
      answer.on('end', () => {
        const type = answer.headers['content-type'] ?? ''
        resolve({ status: answer.statusCode ?? 0, type, body: text && JSON.parse(text) })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** A server over a fresh socket, closed when the test ends. */
async function serve(t: Test, options: Pick<HealthPorts, 'ready' | 'metrics'> = {}) {
  const socket = join(tempFolder(t), 'api.sock')
  const errors: string[] = []
  const log: Logger = {
    ...silentLogger,
    error: (fields, message) =>
      errors.push(`${message}: ${(fields as { err: Error }).err.message}`),
  }
  const source = new FakeShowSource()
  const api = await startApi({ socket, source, log, ...options })
  t.teardown(() => api.close())
  return { socket, source, errors, api, get: (path: string) => get(socket, path) }
}

t.test('each path answers with its tables as JSON', async (t) => {
  const { get } = await serve(t)
  const routes = await get('/v1/routes')
  t.equal(routes.status, 200)
  t.match(routes.type, /^application\/json/)
  t.same(routes.body, { routes: ROUTES, truncated: false })
  t.same((await get('/v1/neighbors')).body, { neighbors: NEIGHBORS })
  t.same((await get('/v1/vrfs')).body, { vrfs: VRFS })
  t.same((await get('/v1/sids')).body, { sids: SIDS })
  t.same((await get('/v1/locators')).body, { locators: LOCATORS })
  t.same((await get('/v1/status')).body, STATUS)
})

t.test('routes: the query reaches the source in canonical form', async (t) => {
  const { get, source } = await serve(t)
  await get('/v1/routes?vrf=red&prefix=2001:DB8:0:0::/32&family=ipv6-unicast&limit=7')
  await get('/v1/routes?table=vpn&prefix=2001:DB8:0:0::7')
  t.match(source.asked, [
    { vrf: 'red', prefix: '2001:db8::/32', family: 'ipv6-unicast', table: undefined },
    { table: 'vpn', prefix: '2001:db8::7' },
  ])
})

t.test('routes: more than the limit are cut, and that is told', async (t) => {
  const { get } = await serve(t)
  const cut = (await get('/v1/routes?limit=2')).body
  t.same(cut, { routes: ROUTES.slice(0, 2), truncated: true })
  const all = (await get('/v1/routes?limit=5')).body
  t.same(all, { routes: ROUTES, truncated: false })
})

t.test('routes: a long answer comes in slices and whole', async (t) => {
  const { get, source } = await serve(t)
  source.routeTable = Array.from({ length: 1001 }, (_, at) => ({ ...ROUTES[0]!, prefix: `${at}` }))
  const { routes } = (await get('/v1/routes')).body as { routes: { prefix: string }[] }
  t.same(
    routes.map((route) => route.prefix),
    source.routeTable.map((route) => route.prefix),
  )
})

t.test('routes: for a client that does not read none are made', async (t) => {
  const { socket, source } = await serve(t)
  const total = 100_000
  let made = 0
  source.routes = function* () {
    for (; made < total; made++) yield ROUTES[0]!
  }
  const client = connect(socket)
  t.teardown(() => client.destroy())
  client.write('GET /v1/routes?limit=1000000 HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise((resolve) => client.once('data', resolve))
  client.pause()
  await setTimeout(300)
  t.ok(made > 0)
  t.ok(made < total / 2, `${made} of ${total}`)
  client.resume()
  let tail = ''
  for await (const chunk of client) {
    tail = (tail + chunk).slice(-100)
    if (tail.includes('"truncated":false')) break
  }
  t.equal(made, total)
})

t.test('a question that cannot be answered is refused in words', async (t) => {
  const { get, source } = await serve(t)
  const refused = async (path: string) => {
    const { status, body } = await get(path)
    return `${status} ${(body as { error: string }).error}`
  }
  t.equal(
    await refused('/v1/routes?vrf=green'),
    '404 no VRF is called "green": there are red, blue',
  )
  source.vrfTable = []
  t.equal(await refused('/v1/routes?vrf=red'), '404 no VRF is called "red": none is configured')
  t.equal(
    await refused('/v1/routes?prefix=10.0.0.1/8'),
    '400 prefix: "10.0.0.1/8": expected 10.0.0.0/8 (there are bits set behind the prefix length)',
  )
  t.equal(
    await refused('/v1/routes?prefix=red'),
    '400 prefix: "red": expected an IPv4 or IPv6 address',
  )
  t.equal(
    await refused('/v1/routes?family=ipv4'),
    '400 family: expected ipv4-unicast, ipv6-unicast, vpnv4 or vpnv6',
  )
  t.equal(await refused('/v1/routes?table=main'), '400 table: expected vpn or node')
  t.equal(await refused('/v1/routes?colour=red'), '400 unknown parameter colour')
  t.equal(await refused('/v1/routes?limit=0'), '400 limit: expected a number from 1 to 2000000')
  t.equal(await refused('/v1/routes?vrf=red&table=vpn'), '400 vrf and table: expected one of them')
  t.equal(await refused('/v2'), '404 no such path: GET /v2')
})

t.test('nothing but GET and HEAD', async (t) => {
  const { socket } = await serve(t)
  t.equal((await get(socket, '/v1/status', 'POST')).status, 404)
  t.equal((await get(socket, '/v1/status', 'DELETE')).status, 404)
  t.equal((await get(socket, '/v1/status', 'HEAD')).status, 200)
})

t.test('what fails inside is logged, and answered without a word of it', async (t) => {
  const { get, source, errors } = await serve(t)
  source.neighbors = () => {
    throw new Error('secret detail')
  }
  source.vrfTable = [{ ...VRFS[0]!, table: -1 }]
  source.routeTable = [{ ...ROUTES[0]!, prefix: 7 as never }]
  const internal = { status: 500, body: { error: 'internal error, see the log of srv6d' } }
  t.match(await get('/v1/neighbors'), internal)
  t.match(await get('/v1/vrfs'), internal, 'a reply of the wrong shape does not leave')
  t.match(await get('/v1/routes'), internal)
  t.equal(errors.length, 3)
  t.equal(errors[0], 'api request failed: secret detail')
})

t.test('a wrong route deep in a long answer breaks the answer off', async (t) => {
  const { get, source, errors } = await serve(t)
  source.routeTable = Array.from({ length: 500 }, () => ROUTES[0]!)
  source.routeTable[450] = { ...ROUTES[0]!, prefix: 7 as never }
  await t.rejects(get('/v1/routes'))
  t.match(errors, [/^api reply broken off/])
})

t.test('healthz is about the process, readyz about the routes', async (t) => {
  const { get, source } = await serve(t)
  source.daemon = { ...STATUS, restarting: true, problems: ['no route to 2001:db8:ffff::2'] }
  t.match(await get('/healthz'), { status: 200, body: { ok: true, problems: [/no route/] } })
  t.match(await get('/readyz'), { status: 503, body: { ok: false } })
  source.daemon = STATUS
  t.match(await get('/readyz'), { status: 200, body: { ok: true, problems: [] } })
  const never = await serve(t, { ready: () => false })
  t.match(await never.get('/readyz'), { status: 503 })
})

t.test('the socket is for owner and group, and gone after close', async (t) => {
  const before = process.umask(0)
  const { socket, api } = await serve(t)
  t.equal(process.umask(before), 0, 'the mask is put back')
  t.equal(statSync(socket).mode & 0o777, 0o660)
  await api.close()
  t.notOk(existsSync(socket))
})

t.test('the folder of the socket is made', async (t) => {
  const socket = join(tempFolder(t), 'run/srv6d/api.sock')
  const api = await startApi({ socket, source: new FakeShowSource(), log: silentLogger })
  t.match(await get(socket, '/v1/status'), { status: 200 })
  await api.close()
})

t.test('a socket another daemon answers on is left to it', async (t) => {
  const { socket } = await serve(t)
  await t.rejects(startApi({ socket, source: new FakeShowSource(), log: silentLogger }), {
    name: 'ApiSocketError',
    message: `api socket ${socket}: another srv6d answers there`,
  })
  t.match(await get(socket, '/v1/status'), { status: 200 }, 'the first one still answers')
})

t.test('a socket left behind by a killed daemon is taken over', async (t) => {
  const socket = join(tempFolder(t), 'api.sock')
  const left = createServer()
  await new Promise<void>((resolve) => left.listen(socket, resolve))
  // As SIGKILL does it: the descriptor goes, the file stays.
  const file = `${socket}.kept`
  linkSync(socket, file)
  await new Promise((resolve) => left.close(resolve))
  renameSync(file, socket)
  t.ok(statSync(socket).isSocket())
  const api = await startApi({ socket, source: new FakeShowSource(), log: silentLogger })
  t.match(await get(socket, '/v1/status'), { status: 200 })
  await api.close()
})

t.test('a file that is no socket is not removed', async (t) => {
  const socket = join(tempFolder(t), 'api.sock')
  writeFileSync(socket, 'precious')
  await t.rejects(startApi({ socket, source: new FakeShowSource(), log: silentLogger }), {
    message: `api socket ${socket}: there is a file that is no socket, left alone`,
  })
  t.ok(statSync(socket).isFile())
})

t.test('a place where no socket can be', async (t) => {
  const file = join(tempFolder(t), 'file')
  writeFileSync(file, '')
  const socket = join(file, 'api.sock')
  await t.rejects(startApi({ socket, source: new FakeShowSource(), log: silentLogger }), {
    name: 'ApiSocketError',
    message: /^api socket .+\/file\/api.sock: its folder cannot be made \(E(EXIST|NOTDIR)\)$/,
  })
})

t.test('bytes that are not HTTP cost nothing', async (t) => {
  const { socket } = await serve(t)
  for (const bytes of ['\0\0\0\0\r\n\r\n', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`]) {
    await new Promise<void>((resolve) => {
      const raw = connect(socket, () => raw.write(bytes))
      raw.resume()
      raw.on('error', () => {})
      raw.on('close', () => resolve())
    })
  }
  t.match(await get(socket, '/v1/status'), { status: 200 })
})

// ── api.listen ──

const loopback = { text: '127.0.0.1', family: 4, bytes: Uint8Array.of(127, 0, 0, 1) } as const

async function monitor(t: Test, ready = () => true) {
  const source = new FakeShowSource()
  const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' }
  const ports = { source, log: silentLogger, ready, metrics }
  const server = await startMonitor({ address: loopback, port: 0 }, ports)
  t.teardown(() => server.close())
  const ask = async (path: string, method = 'GET') => {
    const reply = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return {
      status: reply.status,
      type: reply.headers.get('content-type'),
      text: await reply.text(),
    }
  }
  return { ask, server }
}

t.test('the address for monitoring has metrics and health, and nothing else', async (t) => {
  let ready = false
  const { ask } = await monitor(t, () => ready)
  t.strictSame(await ask('/metrics'), {
    status: 200,
    type: 'text/plain; version=0.0.4',
    text: 'up 1\n',
  })
  t.equal((await ask('/healthz')).status, 200)
  t.equal((await ask('/readyz')).status, 503)
  ready = true
  t.match(await ask('/readyz'), { status: 200, text: '{"ok":true' })
  const others = ['routes', 'neighbors', 'vrfs', 'sids', 'locators', 'doctor', 'status']
  for (const path of others) t.equal((await ask(`/v1/${path}`)).status, 404, path)
  t.equal((await ask('/metrics', 'POST')).status, 404)
})

t.test('the socket has the metrics too, where there are any', async (t) => {
  const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => '7' }
  const { get } = await serve(t, { metrics })
  t.match(await get('/metrics'), { status: 200, type: metrics.contentType, body: 7 })
  t.equal((await (await serve(t)).get('/metrics')).status, 404)
})

t.test('an address that is taken is refused by its name in the file', async (t) => {
  const { server } = await monitor(t)
  const ports = { source: new FakeShowSource(), log: silentLogger }
  await t.rejects(startMonitor({ address: loopback, port: server.port }, ports), {
    message: `api.listen 127.0.0.1:${server.port}: cannot listen (EADDRINUSE)`,
  })
})
