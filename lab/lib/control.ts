/**
 * The line by which lab/enter runs commands in a lab that is kept up: a Unix socket natively, a
 * serial port of the virtual machine there. A request is a line {argv}; answers are lines
 * {out} and {err} with text, then {exit}.
 */
import { spawn } from 'node:child_process'
import { chmodSync, createReadStream, createWriteStream, existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { inNamespace } from './topology.ts'

const PORT = '/dev/virtio-ports/control'

/** Serves until the program ends. `environmentOf` gives what a namespace's commands need. */
export function serveControl(path: string, environment: Record<string, string>): void {
  const serve = (input: NodeJS.ReadableStream, output: NodeJS.WritableStream) => {
    const lines = createInterface({ input })
    lines.on('line', (line) => {
      runRequest(line, environment, (answer) => output.write(`${JSON.stringify(answer)}\n`))
    })
    for (const s of [input, output, lines]) s.on('error', () => {})
  }
  if (existsSync(PORT)) {
    serve(createReadStream(PORT), createWriteStream(PORT))
    return
  }
  rmSync(path, { force: true })
  const server = createServer((socket) => serve(socket, socket))
  server.listen(path, () => chmodSync(path, 0o600))
  process.on('exit', () => rmSync(path, { force: true }))
}

function runRequest(
  line: string,
  environment: Record<string, string>,
  answer: (a: { out?: string; err?: string; exit?: number | string }) => void,
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
