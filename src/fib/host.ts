/** What doctor.ts asks of the host beside its routes: a port, with the real one below. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'

export interface Host {
  /** As `uname -r` has it: 6.12.107-amd64. */
  readonly release: string
  /** Effective capabilities of this process, a bit each (capabilities(7)). */
  readonly capabilities: bigint
  /** The value under /proc/sys, null where there is none. */
  sysctl(path: string): string | null
  /** Whether this process may write it. */
  maySet(path: string): boolean
  /** Whether a kernel module could be loaded: it is among those installed for this kernel. */
  hasModule(name: string): boolean
  /** `y`, `m` or `n` of an option the kernel was built with, null where its configuration is not to be had. */
  kernelOption(name: string): string | null
}

export const Cap = { NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13 } as const

let config: string | null = null

/** This machine, as this process sees it. */
export const linuxHost: Host = {
  release: release(),
  get capabilities() {
    const [, bits] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status') ?? '') ?? []
    return BigInt(`0x${bits ?? '0'}`)
  },
  sysctl: (path) => readText(`/proc/sys/${path}`)?.trim() ?? null,
  maySet(path) {
    try {
      accessSync(`/proc/sys/${path}`, constants.W_OK)
      return true
    } catch {
      return false
    }
  },
  hasModule: (name) =>
    ['modules.dep', 'modules.builtin'].some((list) =>
      (readText(`/lib/modules/${release()}/${list}`) ?? '').includes(`/${name}.ko`),
    ),
  kernelOption(name) {
    config ??= kernelConfig()
    if (config === '') return null
    return new RegExp(`^${name}=([ym])$`, 'm').exec(config)?.[1] ?? 'n'
  },
}

/** CONFIG_… lines of this kernel: /proc/config.gz, or where distributions put the file; '' without. */
function kernelConfig(): string {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString()
  } catch {
    const files = [`/boot/config-${release()}`, `/lib/modules/${release()}/config`]
    return files.map(readText).find((text) => text !== null) ?? ''
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
