/** Settings under /proc/sys: made, and made again when something else has changed them. */
import { readFile, writeFile } from 'node:fs/promises'
import type { ChangedSetting } from './kernel.ts'

/** More often than this a minute a setting is not set back: who changes it means it. */
const SET_BACKS = 5
const MINUTE_MS = 60_000

interface Kept {
  path: string
  value: string
  /** When it was set back, the last few times. */
  setBack: number[]
}

export class Sysctls {
  /** What was changed, with what there was before. */
  readonly changed = new Map<string, string>()
  /** By device: `all` also has those that are of none. */
  readonly #kept = new Map<string, Map<string, Kept>>()

  /**
   * Sets /proc/sys/`path` ('net/ipv4/ip_forward') when it differs, and keeps it so from then on.
   * 'ok', or why not: the errno's name. Paths, not dots: an interface's name may have a dot.
   */
  async write(path: string, value: string): Promise<string> {
    try {
      const was = await set(path, value)
      if (was !== null && !this.changed.has(path)) this.changed.set(path, was)
      this.#keep(path, value)
      return 'ok'
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error)
    }
  }

  #keep(path: string, value: string): void {
    const device = deviceOf(path)
    const ofDevice = this.#kept.get(device) ?? new Map<string, Kept>()
    this.#kept.set(device, ofDevice)
    ofDevice.set(path, { path, value, setBack: ofDevice.get(path)?.setBack ?? [] })
  }

  /** Sets back what others changed since `write`, of one device or of all; gives what was found. */
  async setBack(device?: string): Promise<ChangedSetting[]> {
    const devices = device === undefined ? [...this.#kept.keys()] : [device]
    const found: ChangedSetting[] = []
    for (const each of devices) {
      for (const kept of this.#kept.get(each)?.values() ?? []) {
        const change = await this.#setBackOne(each, kept)
        if (change) found.push(change)
      }
    }
    return found
  }

  async #setBackOne(device: string, kept: Kept): Promise<ChangedSetting | null> {
    const { path, value } = kept
    const now = performance.now()
    kept.setBack = kept.setBack.filter((at) => now - at < MINUTE_MS)
    if (kept.setBack.length > SET_BACKS) return null
    try {
      // The last time it is only told.
      const given = kept.setBack.length < SET_BACKS
      const was = given ? await set(path, value) : await differs(path, value)
      if (was === null) return null
      kept.setBack.push(now)
      return { path, value, was, why: given ? null : 'it is changed again and again' }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Gone with its device; or it may not be written any more, which the doctor tells.
      if (code === 'ENOENT') this.#kept.get(device)?.delete(path)
      return null
    }
  }
}

/** The value there is, null when it is the wanted one. */
async function differs(path: string, value: string): Promise<string | null> {
  const is = (await readFile(`/proc/sys/${path}`, 'utf8')).trim()
  return is === value ? null : is
}

async function set(path: string, value: string): Promise<string | null> {
  const was = await differs(path, value)
  if (was !== null) await writeFile(`/proc/sys/${path}`, value)
  return was
}

/** `net/ipv4/conf/eth0/rp_filter` is eth0's; the namespace's own changes with those of `all`. */
function deviceOf(path: string): string {
  const [, device] = /^net\/ipv[46]\/conf\/([^/]+)\//.exec(path) ?? []
  return device ?? 'all'
}
