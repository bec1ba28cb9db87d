/**
 * The thread that writes routes: the kernel does its work inside `send`, seconds of it where a
 * large IPv4 table shrinks, and only this thread waits for that. Changes come in and errnos go out
 * through the columns of RouteBatch, shared memory; messages only say that there is something.
 * Started by RouteThread, which made the socket.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { RouteBatch } from './kernel.ts'
import { RouteWriter } from './netlink-batch.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { NETLINK_ROUTE } from './rtnetlink-constants.ts'

/** What the thread is started with. */
export interface FibWorkerData {
  fd: number
}

/** Asks for the first `count` changes of a batch; its columns come along the first time. */
export interface ApplyRequest {
  batch: number
  count: number
  columns: RouteBatch | undefined
}

/** All errnos are in the columns; `words` is the kernel's sentence about the last refusal. */
export interface ApplyReply {
  batch: number
  messages: number
  words: string
}

const { fd } = workerData as FibWorkerData
const writer = new RouteWriter(new NetlinkSocket(NETLINK_ROUTE, { fd }))
const batches = new Map<number, RouteBatch>()
let last = Promise.resolve()

parentPort!.on('message', ({ batch, count, columns }: ApplyRequest) => {
  if (columns !== undefined) batches.set(batch, columns)
  last = last.then(async () => {
    const known = batches.get(batch)!
    known.count = count
    const before = writer.messages
    await writer.apply(known)
    const reply: ApplyReply = {
      batch,
      messages: writer.messages - before,
      words: writer.takeLastWords(),
    }
    parentPort!.postMessage(reply)
  })
})
