import t from 'tap'
import { RouteKind, RouteOp, routeBatch } from '../../src/fib/kernel.ts'
import { Errno, errnoName, KernelError } from '../../src/fib/kernel-error.ts'
import { type BatchSocket, RouteWriter } from '../../src/fib/netlink-batch.ts'
import { forEachMessage, type NetlinkMessage } from '../../src/fib/netlink-socket.ts'
import { NetlinkWriter } from '../../src/fib/netlink-writer.ts'
import { Nlm, Nlmsg, Rtm } from '../../src/fib/rtnetlink-constants.ts'
import { Span } from '../../src/fib/rtnetlink-decode.ts'

/** Answers as the kernel does: each failure, and the message that asks for an ack. */
class ScriptedSocket implements BatchSocket {
  readonly sends: NetlinkMessage[][] = []
  readonly #answers: NetlinkMessage[] = []
  readonly #errnoOf: (route: number, attempt: number) => number
  /** The answers of this send are lost. */
  loseSend = -1
  readonly #attempts = new Map<number, number>()

  constructor(errnoOf: (route: number, attempt: number) => number) {
    this.#errnoOf = errnoOf
  }

  send(buf: Uint8Array, end: number): number {
    const messages: NetlinkMessage[] = []
    forEachMessage(buf.slice(0, end), end, (message) => messages.push(message))
    for (const message of messages) {
      const route = message.payload.word(12 + 4)
      const attempt = (this.#attempts.get(route) ?? 0) + 1
      this.#attempts.set(route, attempt)
      const errno = this.#errnoOf(route, attempt)
      if (errno !== 0 || (message.flags & Nlm.ACK) !== 0) this.#answer(message.seq, errno)
    }
    this.sends.push(messages)
    return 0
  }

  #answer(seq: number, errno: number): void {
    const w = new NetlinkWriter(64)
    w.u32(-errno)
    this.#answers.push({ type: Nlmsg.ERROR, flags: 0, seq, payload: new Span(w.buf, 0, 20) })
  }

  receive(onMessage: (message: NetlinkMessage) => void): number {
    const answers = this.#answers.splice(0)
    if (this.sends.length - 1 === this.loseSend) return Errno.ENOBUFS
    for (const answer of answers) onMessage(answer)
    return 0
  }
}

/** Creates of 10.x.y.0/24 for route numbers 0 … count - 1; every third a delete. */
function someRoutes(count: number) {
  const batch = routeBatch(count)
  batch.count = count
  for (let k = 0; k < count; k++) {
    batch.op[k] = k % 3 === 2 ? RouteOp.DELETE : RouteOp.CREATE
    batch.table[k] = 10
    batch.family[k] = k % 2 === 0 ? 4 : 6
    batch.bits[k] = 24
    batch.words[k * 4] = k
    batch.kind[k] = RouteKind.UNICAST
    batch.nexthop[k] = 7
    batch.metric[k] = 8986
  }
  return batch
}

t.test('a batch goes in sends of 64 KB; the last message of each asks for an ack', async (t) => {
  const socket = new ScriptedSocket(() => 0)
  const writer = new RouteWriter(socket)
  const batch = someRoutes(4000)
  await writer.apply(batch)
  t.equal(socket.sends.flat().length, 4000)
  t.equal(writer.messages, 4000)
  t.ok(socket.sends.length >= 3)
  for (const send of socket.sends) {
    t.same(
      send.map((message) => (message.flags & Nlm.ACK) !== 0),
      send.map((_, k) => k === send.length - 1),
    )
  }
  t.ok(batch.errno.every((errno) => errno === 0))
  t.same(
    socket.sends[0]!.slice(0, 3).map((m) => m.type),
    [Rtm.NEWROUTE, Rtm.NEWROUTE, Rtm.DELROUTE],
  )
})

t.test('each refusal comes back to its change; gone already is well', async (t) => {
  const refused = new Map([
    [0, Errno.EPERM],
    [5, Errno.ESRCH], // a delete
    [6, Errno.ESRCH],
    [999, Errno.EINVAL],
  ])
  const batch = someRoutes(1000)
  await new RouteWriter(new ScriptedSocket((route) => refused.get(route) ?? 0)).apply(batch)
  const failed = [...batch.errno].flatMap((errno, k) => (errno === 0 ? [] : [[k, errno]]))
  t.same(failed, [
    [0, Errno.EPERM],
    [6, Errno.ESRCH],
    [999, Errno.EINVAL],
  ])
})

t.test('want of memory is asked again, alone', async (t) => {
  const socket = new ScriptedSocket((route, attempt) =>
    route % 10 === 4 && attempt < 3 ? Errno.ENOMEM : 0,
  )
  const batch = someRoutes(100)
  await new RouteWriter(socket).apply(batch)
  t.same(
    socket.sends.map((send) => send.length),
    [100, 10, 10],
  )
  t.ok(batch.errno.every((errno) => errno === 0))
})

t.test('want of memory that lasts goes back to the table with its errno', async (t) => {
  const socket = new ScriptedSocket((route) => (route === 4 ? Errno.ENOBUFS : 0))
  const batch = someRoutes(10)
  await new RouteWriter(socket).apply(batch)
  t.same([...batch.errno], [0, 0, 0, 0, Errno.ENOBUFS, 0, 0, 0, 0, 0])
  t.ok(socket.sends.length > 2)
  t.ok(socket.sends.slice(1).every((send) => send.length === 1))
})

t.test('lost answers: all is asked again, and nothing is in its own way', async (t) => {
  const socket = new ScriptedSocket(() => 0)
  socket.loseSend = 0
  const batch = someRoutes(12)
  await new RouteWriter(socket).apply(batch)
  t.same(
    socket.sends.map((send) => send.length),
    [12, 12],
  )
  t.equal(socket.sends[0]![0]!.flags & Nlm.EXCL, Nlm.EXCL)
  t.equal(socket.sends[1]![0]!.flags & (Nlm.EXCL | Nlm.REPLACE), Nlm.REPLACE)
  t.ok(batch.errno.every((errno) => errno === 0))
})

t.test('errnos have names', async (t) => {
  t.equal(errnoName(101), 'ENETUNREACH')
  t.equal(errnoName(524), 'errno 524')
  t.equal(errnoName(0), 'no error')
  t.equal(new KernelError('RTM_NEWROUTE', 1, 'no').message, 'RTM_NEWROUTE: EPERM (no)')
})
