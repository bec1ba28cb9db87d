/** eBPF maps pinned in a file system, through Debian's bpftool: reads whole maps, writes in batches. */
import { spawn } from 'node:child_process'
import type { CiliumEntry, CiliumMap } from './cilium-maps.ts'

export type MapOp = { op: 'update' | 'delete'; entry: CiliumEntry }

/** A map as it is pinned now; another `id` is another map, made anew under the same name. */
export interface PinnedMap {
  id: number
  entries: CiliumEntry[]
}

/** The maps of one folder: the real ones below, others in tests. */
export interface MapStore {
  /** Undefined where nothing is pinned under the name. */
  idOf(map: CiliumMap): Promise<number | undefined>
  read(map: CiliumMap): Promise<PinnedMap | undefined>
  /** Carries the changes out in order; the texts of those that failed, by their place. */
  write(ops: readonly MapOp[]): Promise<Map<number, string>>
}

/** A command line of bpftool's batch mode fits. */
const BATCH = 1000

export class Bpftool implements MapStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async idOf(map: CiliumMap): Promise<number | undefined> {
    const { status, stdout } = await bpftool(['-j', 'map', 'show', 'pinned', this.#path(map)])
    return status === 0 ? (JSON.parse(stdout) as { id: number }).id : undefined
  }

  async read(map: CiliumMap): Promise<PinnedMap | undefined> {
    const id = await this.idOf(map)
    if (id === undefined) return undefined
    const { status, stdout, stderr } = await bpftool([
      '-j',
      'map',
      'dump',
      'pinned',
      this.#path(map),
    ])
    if (status !== 0) throw new Error(`bpftool map dump ${map}: ${stderr || stdout}`)
    const rows = JSON.parse(stdout) as { key: string[]; value: string[] }[]
    const entries = rows.map(({ key, value }) => ({ map, key: textOf(key), value: textOf(value) }))
    return { id, entries }
  }

  async write(ops: readonly MapOp[]): Promise<Map<number, string>> {
    const failed = new Map<number, string>()
    for (let at = 0; at < ops.length; at += BATCH) {
      const some = ops.slice(at, at + BATCH)
      const lines = some.map((each) => this.#line(each).join(' '))
      if ((await bpftool(['batch', 'file', '-'], `${lines.join('\n')}\n`)).status === 0) continue
      // A batch ends at its first mistake: each by itself then, as an update twice is one.
      for (const [k, each] of some.entries()) {
        const { status, stderr, stdout } = await bpftool(this.#line(each))
        if (status !== 0 && !isGoneAlready(each, stderr)) failed.set(at + k, stderr || stdout)
      }
    }
    return failed
  }

  #line({ op, entry: { map, key, value } }: MapOp): string[] {
    const line = ['map', op, 'pinned', this.#path(map), 'key', 'hex', ...octetsOf(key)]
    return op === 'delete' ? line : [...line, 'value', 'hex', ...octetsOf(value)]
  }

  #path(map: CiliumMap): string {
    return `${this.#folder}/${map}`
  }
}

function isGoneAlready({ op }: MapOp, words: string): boolean {
  return op === 'delete' && words.includes('No such file or directory')
}

const octetsOf = (hex: string) => hex.match(/../g) ?? []
const textOf = (octets: string[]) => octets.map((octet) => octet.slice(2)).join('')

function bpftool(
  args: string[],
  input?: string,
): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bpftool', args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      const text =
        error.code === 'ENOENT' ? 'bpftool is not installed' : `bpftool: ${error.message}`
      reject(new Error(text))
    })
    child.on('close', (code) => resolve({ status: code ?? 1, stdout, stderr: stderr.trim() }))
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}
