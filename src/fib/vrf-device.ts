/**
 * VRF devices: created or adopted, brought up; interfaces put into them. What is there already is
 * never changed: a device of another kind or table is refused in plain words.
 */
import type { Logger } from '../base/logger.ts'
import { formatAddress } from '../wire/address.ts'
import { type InterfaceAddress, LINK_ALIAS, type Link } from './kernel.ts'
import { Errno, KernelError } from './kernel-error.ts'
import type { NetlinkControl } from './netlink-control.ts'
import { IFA_F_PERMANENT, RT_SCOPE_UNIVERSE } from './rtnetlink-constants.ts'

export class VrfDevices {
  readonly #control: NetlinkControl
  readonly #log: Logger

  constructor(control: NetlinkControl, log: Logger) {
    this.#control = control
    this.#log = log
  }

  /** The device `name` of `table`, up; created when there is none. */
  async ensure(name: string, table: number): Promise<{ ifindex: number; created: boolean }> {
    const found = adoptable(await this.#control.links(), name, table)
    if (found) {
      if (!found.up) await this.#control.setUp(found.ifindex, name)
      return { ifindex: found.ifindex, created: found.alias === LINK_ALIAS }
    }
    await this.#create(name, table)
    const made = (await this.#control.links()).find((link) => link.name === name)
    if (!made) throw new KernelError(`create VRF device ${name}`, Errno.ENODEV)
    await this.#control.setAlias(made.ifindex, name, LINK_ALIAS)
    await this.#control.setUp(made.ifindex, name)
    this.#log.info({ device: name, table, ifindex: made.ifindex }, 'VRF device created')
    return { ifindex: made.ifindex, created: true }
  }

  async #create(name: string, table: number): Promise<void> {
    try {
      await this.#control.createVrf(name, table)
    } catch (error) {
      if (error instanceof KernelError && error.errno === Errno.EOPNOTSUPP) {
        throw new KernelError(
          `create VRF device ${name}`,
          error.errno,
          'this kernel has no VRF devices: load them with `modprobe vrf`, or use a kernel with CONFIG_NET_VRF',
        )
      }
      throw error
    }
  }

  /**
   * Puts an interface into a VRF. The kernel takes an interface's IPv6 down and up for that, and
   * drops its global addresses unless `keep_addr_on_down` is set; those that go are added again.
   */
  async enslave(ifname: string, vrfIfindex: number, takes = false): Promise<void> {
    const links = await this.#control.links()
    const link = linkNamed(links, ifname, 'enslave')
    if (link.master === vrfIfindex) return
    if (link.master !== 0 && !takes) {
      const master = links.find((other) => other.ifindex === link.master)
      throw new KernelError(
        `enslave ${ifname}`,
        Errno.EBUSY,
        `it belongs to ${master?.name ?? `link ${link.master}`} already`,
      )
    }
    if (!links.some((other) => other.ifindex === vrfIfindex)) {
      throw new KernelError(`enslave ${ifname}`, Errno.ENODEV, 'the VRF device is gone')
    }
    await this.#move(link, vrfIfindex)
  }

  /** The kernel cycles an interface that changes its master, and drops its IPv6 addresses with it. */
  async #move(link: Link, master: number): Promise<void> {
    const before = await this.#ipv6Addresses(link.ifindex)
    await this.#control.setMaster(link.ifindex, link.name, master)
    await this.#restore(link.name, link.ifindex, before)
  }

  async #ipv6Addresses(ifindex: number): Promise<InterfaceAddress[]> {
    const addresses = await this.#control.addresses()
    return addresses.filter(
      (address) =>
        address.ifindex === ifindex &&
        address.address.length === 16 &&
        address.scope === RT_SCOPE_UNIVERSE &&
        (address.flags & IFA_F_PERMANENT) !== 0,
    )
  }

  async #restore(ifname: string, ifindex: number, before: InterfaceAddress[]): Promise<void> {
    const kept = await this.#ipv6Addresses(ifindex)
    for (const address of before) {
      const text = `${formatAddress(address.address, 0, 16)}/${address.bits}`
      if (kept.some((other) => Buffer.compare(other.address, address.address) === 0)) continue
      await this.#control.addAddress(address)
      this.#log.info(
        { interface: ifname, address: text },
        'IPv6 address kept across the change of VRF',
      )
    }
  }

  async setUp(name: string): Promise<void> {
    const link = linkNamed(await this.#control.links(), name, 'set up')
    if (!link.up) await this.#control.setUp(link.ifindex, name)
  }

  /** Removes the device; its interfaces come out first, with their addresses. */
  async remove(name: string): Promise<void> {
    const links = await this.#control.links()
    const link = links.find((other) => other.name === name)
    if (!link) return
    for (const slave of links) if (slave.master === link.ifindex) await this.#move(slave, 0)
    await this.#control.remove(link.ifindex, name)
  }
}

function linkNamed(links: Link[], name: string, operation: string): Link {
  const link = links.find((other) => other.name === name)
  if (!link) throw new KernelError(`${operation} ${name}`, Errno.ENODEV, 'no such interface')
  return link
}

/** The device to adopt, undefined when it is to be created; throws when neither may be. */
export function adoptable(links: Link[], name: string, table: number): Link | undefined {
  const operation = `VRF device ${name}`
  const same = links.find((link) => link.name === name)
  if (same && same.kind !== 'vrf') {
    const kind = same.kind ?? 'a plain interface'
    throw new KernelError(operation, Errno.EEXIST, `${name} exists and is ${kind}, expected vrf`)
  }
  if (same && same.vrfTable !== table) {
    throw new KernelError(
      operation,
      Errno.EEXIST,
      `${name} exists with table ${same.vrfTable}, expected ${table}`,
    )
  }
  const other = links.find((link) => link.vrfTable === table && link.name !== name)
  if (other) {
    throw new KernelError(operation, Errno.EEXIST, `table ${table} is VRF device ${other.name}'s`)
  }
  return same
}
