/**
 * Notifications of the kernel: a second, blocking netlink descriptor on which one thread of Node's
 * pool waits by `fs.read`; what has queued up behind the message that woke it is then taken without
 * waiting. An overflow is an ordinary error. The descriptor's receive timeout lets the thread see
 * that the watch has ended.
 */
import { read } from 'node:fs'
import type { Logger } from '../base/logger.ts'
import type { KernelWatcher, RouteNotice } from './kernel.ts'
import { Errno, errnoName } from './kernel-error.ts'
import { forEachMessage, type NetlinkMessage, NetlinkSocket } from './netlink-socket.ts'
import { NetlinkWriter } from './netlink-writer.ts'
import { AF_UNSPEC, NETLINK_ROUTE, Nlm, Nlmsg, Rtm, Rtnlgrp } from './rtnetlink-constants.ts'
import {
  decodeAddress,
  decodeLink,
  decodeNexthop,
  isWholeLink,
  netconfIfindex,
  nexthopId,
  readRouteNotice,
} from './rtnetlink-decode.ts'

const READ_BYTES = 256 * 1024
/** The longest that an ended watch holds its thread when the wake-up message is lost. */
const WAIT_MS = 1000
/** Datagrams taken in one turn of the event loop. */
const DRAIN = 1024

export interface WatchOptions {
  /** Sockets whose changes are our own: they are not told. */
  ourPortIds: readonly number[]
  /** Receive queue of the notifications; a test makes it small. */
  queueBytes?: number | undefined
}

/** Tells the watcher of others' changes until the returned function is called. */
export function watchKernel(
  options: WatchOptions,
  log: Logger,
  watcher: KernelWatcher,
): () => void {
  const socket = new NetlinkSocket(NETLINK_ROUTE, {
    blockingMs: WAIT_MS,
    groups: Object.values(Rtnlgrp),
    ...(options.queueBytes === undefined ? {} : { queueBytes: options.queueBytes }),
  })
  socket.ignoreChangesOf(options.ourPortIds)
  const buf = new Uint8Array(READ_BYTES)
  const tell = teller(watcher)
  let ended = false

  const again = () => {
    if (ended) socket.close()
    else read(socket.fd, buf, 0, buf.length, null, done)
  }
  const done = (error: NodeJS.ErrnoException | null, length: number) => {
    if (error) failed(-(error.errno ?? 0))
    else if (!ended) forEachMessage(buf, length, tell)
    drain()
  }
  const drain = () => {
    for (let k = 0; k < DRAIN && !ended; k++) {
      const errno = socket.receiveOne(tell)
      if (errno === Errno.EAGAIN) return again()
      if (errno !== 0) failed(errno)
    }
    if (ended) again()
    else setImmediate(drain)
  }
  const failed = (errno: number) => {
    if (ended || errno === Errno.EAGAIN || errno === Errno.EINTR) return
    log.debug({ errno: errnoName(errno) }, 'kernel notifications lost')
    watcher.onOverflow()
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

function teller(watcher: KernelWatcher): (message: NetlinkMessage) => void {
  const notice: RouteNotice = {
    ...{ table: 0, family: 4, words: new Int32Array(4), bits: 0, kind: 0, nexthop: 0 },
    ...{ metric: 0, mtu: 0, protocol: 0, gone: false, replaced: false },
  }
  return ({ type, flags, payload }) => {
    switch (type) {
      case Rtm.NEWLINK:
        if (isWholeLink(payload)) watcher.onLink(decodeLink(payload))
        return
      case Rtm.DELLINK:
        // Of another family: a bridge lost a port, which stays as a link.
        if (payload.u8() === AF_UNSPEC) watcher.onLinkGone(payload.u32(4))
        return
      case Rtm.NEWADDR:
      case Rtm.DELADDR: {
        const address = decodeAddress(payload)
        if (address) watcher.onAddress(address, type === Rtm.DELADDR)
        return
      }
      case Rtm.NEWROUTE:
      case Rtm.DELROUTE:
        readRouteNotice(payload, notice)
        notice.gone = type === Rtm.DELROUTE
        notice.replaced = (flags & Nlm.REPLACE) !== 0
        watcher.onRoute(notice)
        return
      case Rtm.NEWRULE:
      case Rtm.DELRULE:
        watcher.onRule()
        return
      case Rtm.NEWNETCONF:
        watcher.onSetting(netconfIfindex(payload))
        return
      case Rtm.NEWNEXTHOP:
        watcher.onNexthop(nexthopId(payload), decodeNexthop(payload) ?? null)
        return
      case Rtm.DELNEXTHOP:
        watcher.onNexthop(nexthopId(payload), null)
    }
  }
}
