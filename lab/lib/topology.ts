/**
 * Namespaces, links and addresses of one lab. A lab program always runs in a sandbox of its own
 * (see sandbox.ts), so the names are plain ones and nothing here can meet anything of the user's.
 *
 * Everything is queued and applied with one `ip -batch` a namespace: in the virtual machine each
 * process start costs 50 to 100 ms.
 */
import { must } from './run.ts'

/** The command that runs `argv` inside a namespace (cheaper than `ip netns exec`: no mounts). */
export function inNamespace(namespace: string, argv: string[]): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, '--', ...argv]
}

export class Topology {
  readonly #namespaces: string[] = []
  readonly #links: string[] = []
  readonly #ip = new Map<string, string[]>()
  readonly #sysctl = new Map<string, string[]>()

  namespace(...names: string[]): void {
    this.#namespaces.push(...names)
    for (const n of names) this.ip(n, 'link set lo up')
  }

  /** A virtual cable: `a`'s interface `aName` to `b`'s `bName`. */
  link(a: string, aName: string, b: string, bName: string): void {
    this.#links.push(`link add ${aName} netns ${a} type veth peer name ${bName} netns ${b}`)
    this.ip(a, `link set ${aName} up`)
    this.ip(b, `link set ${bName} up`)
  }

  /** Queues `ip` command lines for a namespace; IPv6 addresses get nodad. */
  ip(namespace: string, ...lines: string[]): void {
    const queue = this.#ip.get(namespace) ?? []
    this.#ip.set(namespace, queue)
    for (const line of lines) {
      queue.push(/^addr(ess)? add .*:.*:/.test(line) ? `${line} nodad` : line)
    }
  }

  sysctl(namespace: string, ...settings: string[]): void {
    this.#sysctl.set(namespace, [...(this.#sysctl.get(namespace) ?? []), ...settings])
  }

  /** Does everything that was queued. */
  async apply(): Promise<void> {
    const made = this.#namespaces.map((n) => `netns add ${n}`)
    const cables = [...made, ...this.#links]
    if (cables.length > 0) await must(['ip', '-batch', '-'], `${cables.join('\n')}\n`)
    const namespaces = new Set([...this.#sysctl.keys(), ...this.#ip.keys()])
    for (const n of namespaces) {
      const settings = this.#sysctl.get(n)
      if (settings) await must(inNamespace(n, ['sysctl', '-qw', ...settings]))
      const lines = this.#ip.get(n)
      if (lines) await must(['ip', '-n', n, '-batch', '-'], `${lines.join('\n')}\n`)
    }
    this.#namespaces.length = 0
    this.#links.length = 0
    this.#ip.clear()
    this.#sysctl.clear()
  }
}

/** `ip` commands in a namespace, now. */
export async function ipBatch(namespace: string, ...lines: string[]): Promise<void> {
  await must(['ip', '-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`)
}
