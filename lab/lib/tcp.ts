/**
 * TCP from namespace to namespace, without a program of anybody's: servers are sockets of this
 * process, made while it is in the namespace; clients are bash.
 */
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import koffi from 'koffi'
import { run } from './run.ts'
import { inNamespace } from './topology.ts'

const CLONE_NEWNET = 0x40000000
const PORT = 7000
/** Enough for many full segments each way. */
const FILLER = 200_000

const setns = koffi.load('libc.so.6').func('int setns(int, int)')

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`setns: errno ${koffi.errno()}`)
}

/**
 * A server in a namespace: whoever connects is told its name, and from where it is seen to come,
 * behind a lot of filler.
 */
export async function serve(namespace: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const from = socket.remoteAddress?.replace(/^::ffff:/, '')
    socket.end(`${'.'.repeat(FILLER)}\n${namespace} ${from}\n`)
  })
  const listening = new Promise((resolve, reject) => {
    server.on('listening', resolve).on('error', reject)
  })
  // without a host name listen() makes the socket before it returns
  const own = openSync('/proc/self/ns/net', 'r')
  const there = openSync(`/run/netns/${namespace}`, 'r')
  enter(there)
  try {
    server.listen(PORT)
  } finally {
    enter(own)
    closeSync(there)
    closeSync(own)
  }
  await listening
  server.unref()
}

/** The name of the server that answered, '' if none did or the transfer broke. */
export async function whoAnswers(from: string, to: string, seconds = 3): Promise<string> {
  return (await answer(from, to, seconds))[0] ?? ''
}

/** What the server saw as the client's address, '' if it did not answer. */
export async function addressSeen(from: string, to: string, seconds = 3): Promise<string> {
  return (await answer(from, to, seconds))[1] ?? ''
}

async function answer(from: string, to: string, seconds: number): Promise<string[]> {
  const script = `exec 3<>/dev/tcp/${to}/${PORT} && { read -r -N ${FILLER} filler; read -r; read -r words; } <&3 && echo "\${#filler} $words"`
  const argv = ['timeout', `${seconds}`, 'bash', '-c', script]
  const { stdout } = await run(inNamespace(from, argv))
  const [length, ...words] = stdout.trim().split(' ')
  return length === `${FILLER}` ? words : []
}
