/**
 * The limit of one process: messages made beforehand, sent one batch behind the other with an ack
 * asked of the last, in the thread that does nothing else.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { RouteKind, RouteOp, routeBatch } from '../../src/fib/kernel.ts'
import { errnoName, isTransient } from '../../src/fib/kernel-error.ts'
import { ackErrno, NetlinkSocket } from '../../src/fib/netlink-socket.ts'
import { NetlinkWriter } from '../../src/fib/netlink-writer.ts'
import {
  NETLINK_ROUTE,
  NEXTHOP_ID_BASE,
  Nlm,
  ROUTE_METRIC,
} from '../../src/fib/rtnetlink-constants.ts'
import { encodeDelNexthop, encodeNewNexthop, encodeRoute } from '../../src/fib/rtnetlink-encode.ts'
import { BITS, type FibCorpus, MTU, nexthop, prefixes, TABLE } from './corpus.ts'
import { type Figures, type SubjectFigures, timed } from './figures.ts'

const SEND_BYTES = 64 * 1024
/** Room for the longest of the messages. */
const MESSAGE_BYTES = 256

/** Cuts what `put` writes into sends; the last message of each asks for an ack. */
function sends(count: number, put: (w: NetlinkWriter, k: number) => void): Uint8Array[] {
  const all: Uint8Array[] = []
  const writer = new NetlinkWriter(SEND_BYTES)
  for (let k = 0; k < count; k++) {
    put(writer, k)
    if (k < count - 1 && writer.end + MESSAGE_BYTES <= SEND_BYTES) continue
    writer.addFlags(Nlm.ACK)
    all.push(writer.buf.slice(0, writer.end))
    writer.reset()
  }
  return all
}

function routes(corpus: FibCorpus, op: number, set: number): Uint8Array[] {
  const one = routeBatch(1)
  const words = prefixes(corpus)
  one.op[0] = op
  one.table[0] = TABLE
  one.family[0] = corpus.family
  one.bits[0] = BITS[corpus.family]
  one.kind[0] = RouteKind.UNICAST
  one.metric[0] = ROUTE_METRIC
  one.mtu[0] = MTU
  one.advmss[0] = MTU - 60
  return sends(corpus.routes, (w, n) => {
    const k = op === RouteOp.DELETE && corpus.family === 4 ? scattered(n, corpus) : n
    one.words.set(words.subarray(k * 4, k * 4 + 4))
    one.nexthop[0] = idOf(set, k % corpus.sids)
    encodeRoute(w, one, 0, n)
  })
}

/** In order Linux is ten times slower at taking IPv4 routes out: that would be no limit. */
function scattered(n: number, { routes }: FibCorpus): number {
  return (n * 7919) % routes
}

function idOf(set: number, k: number): number {
  return NEXTHOP_ID_BASE + set * 0x10000 + k
}

/** The objects of a set, each message for itself and acked: a burst of them is refused for want of memory. */
function objects(corpus: FibCorpus, put: (w: NetlinkWriter, k: number) => void): Uint8Array[] {
  const writer = new NetlinkWriter(4096)
  return Array.from({ length: corpus.sids }, (_, k) => {
    writer.reset()
    put(writer, k)
    return writer.buf.slice(0, writer.end)
  })
}

function newObjects(corpus: FibCorpus, ifindex: number, set: number): Uint8Array[] {
  return objects(corpus, (w, k) =>
    encodeNewNexthop(w, { ...nexthop(ifindex, set, k), id: idOf(set, k) }, k),
  )
}

function delObjects(corpus: FibCorpus, set: number): Uint8Array[] {
  return objects(corpus, (w, k) => encodeDelNexthop(w, idOf(set, k), k))
}

/** The one thread is the one that sends. */
async function limit(work: () => Promise<void>): Promise<Figures> {
  const figures = await timed(work)
  return { ...figures, sender: figures.cpu }
}

/** Any refusal ends the measurement: what is refused is not written. */
function refuse(sent: number, socket: NetlinkSocket): void {
  if (sent !== 0) throw new Error(`send: ${errnoName(sent)}`)
  const lost = socket.receive((message) => {
    const errno = ackErrno(message)
    if (errno !== 0) throw new Error(`message ${message.seq}: ${errnoName(errno)}`)
  })
  if (lost !== 0) throw new Error(`receive: ${errnoName(lost)}`)
}

/** What srv6d's tables ask of the kernel for the same routes, objects included, and nothing else. */
export async function measureRaw(corpus: FibCorpus, ifindex: number): Promise<SubjectFigures> {
  const socket = new NetlinkSocket(NETLINK_ROUTE)
  const blast = (all: Uint8Array[]) => {
    for (const batch of all) refuse(socket.send(batch, batch.length), socket)
  }
  const each = async (all: Uint8Array[]) => {
    for (const message of all) {
      for (;;) {
        const refused = socket.attempt(message, message.length)
        if (refused === undefined) break
        if (!isTransient(refused.errno)) throw new Error(`nexthop: ${errnoName(refused.errno)}`)
        await pause(5)
      }
    }
  }
  const [made, madeAnew] = [1, 2].map((set) => newObjects(corpus, ifindex, set))
  const [gone, goneAtLast] = [1, 2].map((set) => delObjects(corpus, set))
  const add = routes(corpus, RouteOp.CREATE, 1)
  const replace = routes(corpus, RouteOp.REPLACE, 2)
  const remove = routes(corpus, RouteOp.DELETE, 0)
  const figures = {
    add: await limit(async () => {
      await each(made!)
      blast(add)
    }),
    replace: await limit(async () => {
      await each(madeAnew!)
      blast(replace)
      await each(gone!)
    }),
    delete: await limit(async () => {
      blast(remove)
      await each(goneAtLast!)
    }),
  }
  socket.close()
  return figures
}
