/**
 * The line by which lab/enter runs commands in a lab that is kept up: a Unix socket natively, a
 * serial port of the virtual machine there. A request is a line {argv}; answers are lines
 * {out} and {err} with text, then {exit}.
 */
import { spawn } from 'node:child_process'
import { chmodSync, constants, existsSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { inNamespace } from './topology.ts'

const PORT = '/dev/virtio-ports/control'

type Answer = { out?: string; err?: string; exit?: number | string }

/** Serves until the program ends; `environment` is added to each command's. */
export function serveControl(path: string, environment: Record<string, string>): void {
  if (existsSync(PORT)) {
    servePort(environment)
    return
  }
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    socket.on('error', () => {})
    createInterface({ input: socket }).on('line', (line) => {
      runRequest(line, environment, (answer) => socket.write(`${JSON.stringify(answer)}\n`))
    })
  })
  server.listen(path, () => chmodSync(path, 0o600))
  process.on('exit', () => rmSync(path, { force: true }))
}

/**
 * The serial port can be open once only, reads as ended while nobody is at its other end, and a
 * blocking read would hold the program's own end up: it is polled.
 */
function servePort(environment: Record<string, string>): void {
  const fd = openSync(PORT, constants.O_RDWR | constants.O_NONBLOCK)
  const chunk = Buffer.alloc(65536)
  let rest = ''
  let unsent = Buffer.alloc(0)
  const send = () => {
    try {
      while (unsent.length > 0) unsent = unsent.subarray(writeSync(fd, unsent))
    } catch {} // EAGAIN: the next turn goes on
  }
  const receive = () => {
    try {
      const length = readSync(fd, chunk)
      rest = length === 0 ? '' : rest + chunk.toString('utf8', 0, length)
    } catch {} // EAGAIN: nothing there
  }
  setInterval(() => {
    send()
    receive()
    const lines = rest.split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      runRequest(line, environment, (answer) => {
        unsent = Buffer.concat([unsent, Buffer.from(`${JSON.stringify(answer)}\n`)])
        send()
      })
    }
  }, 100)
}

function runRequest(
  line: string,
  environment: Record<string, string>,
  answer: (a: Answer) => void,
): void {
  let argv: string[]
  try {
    argv = (JSON.parse(line) as { argv: string[] }).argv
  } catch {
    return
  }
  const [namespace, ...command] = argv
  if (!namespace || !existsSync(`/run/netns/${namespace}`)) {
    answer({ err: `no namespace ${namespace}\n`, exit: 2 })
    return
  }
  const child = spawn('nsenter', inNamespace(namespace, command).slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...environment,
      SRV6D_SOCKET: `/run/srv6d/${namespace}.sock`,
    },
  })
  child.stdout.setEncoding('utf8').on('data', (out: string) => answer({ out }))
  child.stderr.setEncoding('utf8').on('data', (err: string) => answer({ err }))
  child.on('error', (e) => answer({ err: `${e.message}\n`, exit: 127 }))
  child.on('close', (code, signal) => answer({ exit: code ?? signal ?? 1 }))
}
