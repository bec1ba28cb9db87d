/**
 * The side of the event loop to src/fib/fib-worker.ts: makes the netlink socket of the routes,
 * starts the thread when there is something to write, hands it batches and keeps their order.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads'
import type { ApplyReply, ApplyRequest, FibWorkerData } from './fib-worker.ts'
import type { RouteBatch } from './kernel.ts'
import { Errno } from './kernel-error.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { NETLINK_ROUTE } from './rtnetlink-constants.ts'

/** In the sources a .ts file, in a bundle one beside it with its own extension. */
const WORKER = new URL(`./fib-worker.${import.meta.url.split('.').at(-1)}`, import.meta.url)

/** Node 20 does not hand a TypeScript loader on to threads: with the sources the thread takes it. */
function startWorker(options: WorkerOptions): Worker {
  if (!WORKER.pathname.endsWith('.ts')) return new Worker(WORKER, options)
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const load = `import(${loader}).then((tsx) => (tsx.register(), import('${WORKER.href}')))`
  return new Worker(load, { ...options, eval: true })
}

interface Waiting {
  done: (reply: ApplyReply) => void
  failed: (error: unknown) => void
}

/** Writes batches of routes from a thread of its own. */
export class RouteThread {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE)
  #worker: Worker | undefined
  #numbers = new Map<RouteBatch, number>()
  readonly #waiting = new Map<number, Waiting>()
  #closed = false
  /** Messages sent since the start; a test of "writes nothing" counts them. */
  messages = 0

  /** The address that the kernel puts into notifications of what this thread changed. */
  get portId(): number {
    return this.#socket.portId
  }

  /** Carries a batch out behind those before it; gives the kernel's words about its last refusal. */
  async apply(batch: RouteBatch): Promise<string> {
    if (this.#closed) throw new Error('the thread that writes routes is closed')
    this.#worker ??= this.#start()
    const worker = this.#worker
    const known = this.#numbers.get(batch)
    const number = known ?? this.#numbers.size
    this.#numbers.set(batch, number)
    const columns = known === undefined ? batch : undefined
    const request: ApplyRequest = { batch: number, count: batch.count, columns }
    worker.ref()
    const reply = await new Promise<ApplyReply>((done, failed) => {
      this.#waiting.set(number, { done, failed })
      worker.postMessage(request)
    })
    this.messages += reply.messages
    return reply.words
  }

  #start(): Worker {
    // Answers to a thread that ended before it read them are not for this one.
    while (this.#socket.receive(() => {}) === Errno.ENOBUFS);
    const workerData: FibWorkerData = { fd: this.#socket.fd }
    const worker = startWorker({ name: 'srv6d-fib', workerData })
    worker.on('message', (reply: ApplyReply) => this.#answer(reply))
    worker.on('error', (error) => this.#end(worker, error))
    worker.on('exit', () => this.#end(worker, new Error('the thread that writes routes ended')))
    return worker
  }

  #answer(reply: ApplyReply): void {
    const waiting = this.#waiting.get(reply.batch)
    this.#waiting.delete(reply.batch)
    if (this.#waiting.size === 0) this.#worker?.unref()
    waiting?.done(reply)
  }

  /** What was under way fails; the next batch starts another thread. */
  #end(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#numbers = new Map()
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { failed } of all) failed(error)
  }

  /** Ends the thread after the send it is in. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#worker?.terminate()
    this.#socket.close()
  }
}
