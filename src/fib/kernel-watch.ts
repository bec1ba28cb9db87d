/**
 * Notifications of the kernel: a second, blocking netlink descriptor read by `fs.read`, so that an
 * overflow is an ordinary error and the loop goes on. One thread of Node's pool waits in it; the
 * descriptor's receive timeout lets that thread see that the watch has ended.
 */
import { read } from 'node:fs'
import type { Logger } from '../base/logger.ts'
import type { KernelChange } from './kernel.ts'
import { errnoName } from './kernel-error.ts'
import { forEachMessage, NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { NETLINK_ROUTE, Nlm, Nlmsg, Rtm, Rtnlgrp } from './rtnetlink-constants.ts'

const READ_BYTES = 256 * 1024
/** The longest that an ended watch holds its thread when the wake-up message is lost. */
const WAIT_MS = 1000

const CHANGES = new Map<number, KernelChange>([
  [Rtm.NEWLINK, 'link'],
  [Rtm.DELLINK, 'link'],
  [Rtm.NEWADDR, 'address'],
  [Rtm.DELADDR, 'address'],
  [Rtm.NEWROUTE, 'route'],
  [Rtm.DELROUTE, 'route'],
  [Rtm.NEWNEXTHOP, 'nexthop'],
  [Rtm.DELNEXTHOP, 'nexthop'],
])

/** Hears of changes, other than those that our sockets made, until the returned function is called. */
export function watchKernel(
  ourPortIds: readonly number[],
  log: Logger,
  onChange: (what: KernelChange) => void,
): () => void {
  const socket = new NetlinkSocket(NETLINK_ROUTE, {
    blockingMs: WAIT_MS,
    groups: Object.values(Rtnlgrp),
  })
  socket.ignoreChangesOf(ourPortIds)
  const buf = new Uint8Array(READ_BYTES)
  let ended = false

  const again = () => {
    if (ended) socket.close()
    else read(socket.fd, buf, 0, buf.length, null, done)
  }
  const done = (error: NodeJS.ErrnoException | null, length: number) => {
    if (!ended) report(error, length)
    again()
  }
  const report = (error: NodeJS.ErrnoException | null, length: number) => {
    const told = new Set<KernelChange>()
    if (error && error.code !== 'EAGAIN' && error.code !== 'EINTR') {
      log.warn({ errno: errnoName(-(error.errno ?? 0)) }, 'kernel notifications lost')
      told.add('overflow')
    } else if (!error) {
      forEachMessage(buf, length, (message) => {
        const what = CHANGES.get(message.type)
        if (what) told.add(what)
      })
    }
    for (const what of told) onChange(what)
  }
  again()

  return () => {
    if (ended) return
    ended = true
    // Asks the kernel for an ack on the blocked descriptor: its read returns at once.
    const wake = new NetlinkWriter(32)
    wake.begin(Nlmsg.NOOP, Nlm.REQUEST | Nlm.ACK, 1)
    wake.finish()
    socket.send(wake.buf, wake.end)
  }
}
