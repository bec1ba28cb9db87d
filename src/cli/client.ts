/** One GET over the daemon's Unix socket. */
import { request } from 'node:http'
import type { ErrorReply } from '../daemon/api-schema.ts'

const ANSWER_TIMEOUT_MS = 60_000

/** An answer that did not come; `exitCode` is what the process ends with. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Nobody listens on the socket. */
export class NotRunning extends ClientError {}

export type Query = Record<string, string | undefined>

/** The body of `path?query`; throws ClientError with a sentence for the terminal. */
export async function get<Reply>(socket: string, path: string, query: Query = {}): Promise<Reply> {
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1])
  const search = new URLSearchParams(given).toString()
  const { status, body } = await ask(socket, search === '' ? path : `${path}?${search}`)
  let reply: unknown
  try {
    reply = JSON.parse(body)
  } catch {
    throw new ClientError(`srv6d at ${socket} answered with something other than JSON`)
  }
  if (status === 200) return reply as Reply
  const { error } = reply as ErrorReply
  // 400: the question was malformed, which is the command line's fault.
  throw new ClientError(error ?? `srv6d answered with status ${status}`, status === 400 ? 2 : 1)
}

function ask(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(new (isDead(error) ? NotRunning : ClientError)(describeFailure(error, socketPath)))
    const sent = request(
      { socketPath, path, agent: false, timeout: ANSWER_TIMEOUT_MS },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', fail)
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
        })
      },
    )
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)))
    sent.on('error', fail)
    sent.end()
  })
}

function isDead({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}

function describeFailure({ code, message }: NodeJS.ErrnoException, socket: string): string {
  switch (code) {
    case 'ENOENT':
      return `srv6d is not running, or its api.socket is not ${socket} (no such socket)`
    case 'ECONNREFUSED':
      return `srv6d is not running: nobody answers on ${socket}`
    case 'EACCES':
      return `${socket} may not be opened: run as root or as a member of the socket's group`
    case 'ECONNRESET':
      return `srv6d at ${socket} broke off its answer`
    default:
      return `srv6d at ${socket} does not answer: ${code ?? message}`
  }
}
