/**
 * Listening sockets, one an address, port and VRF device, and whose connection is whose: finds the
 * configured neighbour by remote address and device, refuses everyone else (RFC 4486, 6/5).
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Logger } from '../base/logger.ts'
import { CeaseError } from '../wire/registry.ts'
import { refuseConnection } from './notice.ts'
import type { Peer } from './peer.ts'
import {
  bindSocket,
  bindToDevice,
  boundDevice,
  canonicalAddress,
  closeSocket,
  familyOfAddress,
  openSocket,
  setControlPrecedence,
  setMd5Key,
  setMinTtl,
  setReuseAddress,
  setReusePort,
  setTtl,
  setV6Only,
} from './sockopt.ts'
import { acceptedTransport, descriptorOf } from './transport.ts'

/** Where to listen. */
export interface ListenAddress {
  address: string
  port: number
  /** VRF device or circuit: SO_BINDTODEVICE. */
  bindDevice?: string
  /** Whose neighbours connect here; by default the device's. */
  domain?: string
  /** Others listen on the port too, each on a device of its own. */
  sharesPort?: boolean
}

interface Listener {
  at: ListenAddress
  family: 4 | 6
  fd: number
  server: Server
}

/** A neighbour with GTSM expects 255 already on the SYN-ACK (RFC 5082). */
const MAX_TTL = 255
/** Refusals told in full in the log a second; the rest are only counted. */
const LOGGED_PER_SECOND = 5
const BACKLOG = 128

/** All listening sockets of the daemon and the neighbours they let in. */
export class ListenSet {
  readonly #log: Logger
  readonly #peers = new Map<string, Peer>()
  readonly #listeners: Listener[] = []
  #loggedIn = 0
  #logged = 0
  /** Connections of nobody we know, since the start. */
  refused = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** Lets a neighbour's connections in; its TCP MD5 key is set on every listener it may reach. */
  addPeer(peer: Peer): void {
    const { address, password } = peer.config
    this.#peers.set(keyOf(address, domainOf(peer.config)), peer)
    if (password !== undefined) this.#setKeys(peer, password)
  }

  removePeer(peer: Peer): void {
    const { address, password } = peer.config
    const key = keyOf(address, domainOf(peer.config))
    if (this.#peers.get(key) !== peer) return
    this.#peers.delete(key)
    if (password !== undefined) this.#setKeys(peer, '')
  }

  /** Opens a listener, keys first; refused with errno text: `bind :: port 179: EADDRINUSE`. */
  async listen(at: ListenAddress): Promise<{ address: string; port: number }> {
    const family = familyOfAddress(at.address)
    const fd = openSocket(family)
    const server = createServer({ pauseOnConnect: true })
    const listener: Listener = { at, family, fd, server }
    const share = this.#sharing(listener)
    try {
      share([listener], true)
      prepare(listener)
      for (const peer of this.#peers.values()) {
        const { password } = peer.config
        if (password !== undefined && reaches(listener, peer)) {
          setMd5Key(fd, peer.config.address, password)
        }
      }
    } catch (error) {
      share([], false)
      closeSocket(fd)
      throw error
    }
    server.on('connection', (socket) => this.#onConnection(listener, socket))
    try {
      await listening(server, fd)
      share([listener], false)
    } catch (error) {
      share([], false)
      throw error
    }
    server.on('error', (error) => this.#log.error({ ...at, error: error.message }, 'listener'))
    this.#listeners.push(listener)
    const bound = server.address() as { address: string; port: number }
    return { address: bound.address, port: bound.port }
  }

  /**
   * Sets and clears SO_REUSEPORT on the listeners of the port. Linux wants it to add one beside
   * them; while it is set, it takes the first socket of its list and not the one of the device.
   */
  #sharing({ at, family }: Listener): (more: readonly Listener[], on: boolean) => void {
    if (!at.sharesPort) return () => {}
    const others = this.#listeners.filter(
      (other) => other.at.sharesPort && other.at.port === at.port && other.family === family,
    )
    return (more, on) => {
      for (const { fd } of [...others, ...more]) setReusePort(fd, on)
    }
  }

  /** Closes one listener, or all; sessions go on. */
  async close(at?: ListenAddress): Promise<void> {
    const closing = this.#listeners.filter((listener) => at === undefined || listener.at === at)
    for (const listener of closing) {
      this.#listeners.splice(this.#listeners.indexOf(listener), 1)
      // Resolves at once: the server counts none of the connections it handed on.
      await new Promise((resolve) => listener.server.close(resolve))
    }
  }

  #setKeys(peer: Peer, password: string): void {
    for (const listener of this.#listeners) {
      if (!reaches(listener, peer)) continue
      try {
        setMd5Key(listener.fd, peer.config.address, password)
      } catch (error) {
        // Taking away a key that is not there is no news.
        if (password !== '') throw error
      }
    }
  }

  #onConnection(listener: Listener, socket: Socket): void {
    const remote = socket.remoteAddress
    const fd = descriptorOf(socket)
    if (remote === undefined || fd < 0) {
      socket.destroy() // reset before it was looked at
      return
    }
    try {
      const device = domainOf(listener.at) ?? boundDevice(fd)
      const peer = this.#peers.get(keyOf(remote, device))
      if (peer === undefined) {
        this.#refuse(listener, socket, remote, device)
        return
      }
      setTtl(fd, listener.family, peer.config.ttl ?? MAX_TTL)
      if (peer.config.minTtl !== undefined) setMinTtl(fd, listener.family, peer.config.minTtl)
      peer.accept(acceptedTransport(socket))
    } catch (error) {
      this.#log.error({ remote, error: String(error) }, 'connection not accepted')
      socket.destroy()
    }
  }

  #refuse(listener: Listener, socket: Socket, remote: string, device: string): void {
    this.refused++
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#loggedIn) this.#logged = 0
    this.#loggedIn = second
    if (this.#logged++ < LOGGED_PER_SECOND) {
      const fields = { remote, device, listen: listener.at.address, refused: this.refused }
      this.#log.info(fields, 'connection refused: no such neighbour')
      refuseConnection(acceptedTransport(socket), CeaseError.CONNECTION_REJECTED)
    } else {
      socket.destroy()
    }
  }
}

/**
 * By VRF ('' is none) and address. A zone tells the interface already, and an accepted
 * link-local connection is tied to that interface, not to the VRF's device.
 */
function keyOf(address: string, domain: string | undefined): string {
  const zoned = address.includes('%')
  return `${zoned ? '' : (domain ?? '')}|${canonicalAddress(address)}`
}

function domainOf(of: { domain?: string; bindDevice?: string }): string | undefined {
  return of.domain ?? of.bindDevice
}

/** Whether a neighbour's SYN can come to a listener. */
function reaches(listener: Listener, peer: Peer): boolean {
  if (familyOfAddress(peer.config.address) !== listener.family) return false
  const domain = domainOf(listener.at)
  return domain === undefined || domain === domainOf(peer.config)
}

function prepare({ fd, family, at }: Listener): void {
  setReuseAddress(fd)
  if (family === 6) setV6Only(fd)
  setControlPrecedence(fd, family)
  setTtl(fd, family, MAX_TTL)
  if (at.bindDevice !== undefined) bindToDevice(fd, at.bindDevice)
  bindSocket(fd, at.address, at.port)
}

function listening(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
