/** What doctor.ts asks of the host beside its routes: a port, with the real one below. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'

export interface Host {
  /** As `uname -r` has it: 6.12.107-amd64. */
  readonly release: string
  /** Effective capabilities of this process, a bit each (capabilities(7)). */
  readonly capabilities: bigint
  /** The value under /proc/sys, null where there is none. */
  sysctl(path: string): string | null
  /** Whether a kernel module could be loaded: it is among those installed for this kernel. */
  hasModule(name: string): boolean
}

export const Cap = { NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13 } as const

/** This machine, as this process sees it. */
export const linuxHost: Host = {
  release: release(),
  get capabilities() {
    const [, bits] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status') ?? '') ?? []
    return BigInt(`0x${bits ?? '0'}`)
  },
  sysctl: (path) => readText(`/proc/sys/${path}`)?.trim() ?? null,
  hasModule: (name) =>
    ['modules.dep', 'modules.builtin'].some((list) =>
      (readText(`/lib/modules/${release()}/${list}`) ?? '').includes(`/${name}.ko`),
    ),
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
