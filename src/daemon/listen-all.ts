import type { ListenAddress } from '../session/listener.ts'
import { familyOfAddress } from '../session/sockopt.ts'
import type { IpAddress, ListenConfig } from './config-schema.ts'
import type { Speaker } from './speaker.ts'

interface Row {
  at: ListenAddress
  problem: string | null
}

/** Listens at every configured address, in the main table and in each VRF that has neighbours. */
export class Listening {
  readonly #speaker: Speaker
  readonly #rows = new Map<string, Row>()
  #last: Promise<void> = Promise.resolve()

  constructor(speaker: Speaker) {
    this.#speaker = speaker
  }

  /** Where it is not listened though it should be. */
  get problems(): string[] {
    return [...this.#rows.values()].flatMap((row) => row.problem ?? [])
  }

  /** Listens where a device has come, and no longer where one has gone. */
  sync(): Promise<void> {
    const next = () => this.#sync()
    this.#last = this.#last.then(next, next)
    return this.#last
  }

  /** The same, where nobody waits. */
  syncSoon(): void {
    const { log } = this.#speaker
    this.sync().catch((error) => log.error({ err: error }, 'listening failed'))
  }

  async #sync(): Promise<void> {
    const wanted = this.#wanted()
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue
      this.#rows.delete(key)
      if (row.problem === null) await this.#speaker.listeners.close(row.at)
    }
    let onDevice = false
    for (const [key, fresh] of wanted) {
      const row = this.#rows.get(key) ?? fresh
      if (this.#rows.has(key) && row.problem === null) continue
      this.#rows.set(key, row)
      await this.#listen(row)
      onDevice ||= row.at.bindDevice !== undefined
    }
    if (onDevice) await this.#putLast()
  }

  /**
   * Of sockets that share an IPv6 port the kernel gives a connection to the one that listened first
   * and may have it, whichever fits better: those of no device have to be the last. (Of IPv4 it
   * asks the last one first.)
   */
  async #putLast(): Promise<void> {
    const { listeners } = this.#speaker
    for (const row of this.#rows.values()) {
      const { address, sharesPort, bindDevice } = row.at
      if (!sharesPort || bindDevice !== undefined || row.problem !== null) continue
      if (familyOfAddress(address) !== 6) continue
      const former = row.at
      row.at = { ...former }
      await this.#listen(row)
      await listeners.close(former)
    }
  }

  #wanted(): Map<string, Row> {
    const { vrfs, config, interfaces, dataplane } = this.#speaker
    const { sharesPorts: sharesPort } = dataplane
    const wanted = new Map<string, Row>()
    const add = (at: ListenAddress) => {
      // A device that came again under the same name is another one.
      const ifindex = interfaces.link(at.bindDevice ?? '')?.ifindex ?? 0
      wanted.set(`${at.address} ${at.port} ${at.bindDevice} ${ifindex}`, { at, problem: null })
    }
    for (const { neighbors, port } of config.speakers) {
      for (const { address, shutdown } of neighbors) {
        if (!shutdown && !isCovered(config.listen, address, port))
          add({ address: address.text, port })
      }
    }
    for (const { address, port } of config.listen) {
      add({ address: address.text, port, sharesPort })
      for (const { plane, config: vrf } of vrfs) {
        if (vrf.neighbors.length === 0) continue
        const domain = plane.sessionDomain
        for (const bindDevice of plane.listenDevices) {
          add({ address: address.text, port, bindDevice, domain, sharesPort })
        }
      }
    }
    return wanted
  }

  async #listen(row: Row): Promise<void> {
    const { listeners, log } = this.#speaker
    try {
      await listeners.listen(row.at)
      row.problem = null
      log.info({ ...row.at }, 'listening')
    } catch (error) {
      const text = (error as Error).message
      if (row.problem !== text) log.error({ ...row.at, err: error }, 'not listening')
      row.problem = text
    }
  }
}

/** Whether a socket for any address of the family takes it already. */
function isCovered(listen: readonly ListenConfig[], { family }: IpAddress, port: number): boolean {
  return listen.some(
    (each) =>
      each.port === port &&
      each.address.family === family &&
      each.address.bytes.every((octet) => octet === 0),
  )
}
