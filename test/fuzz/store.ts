/** A corpus as a folder of files, one an input, named by what is in it. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FuzzInput, fromOctets, toOctets } from './input.ts'

export class Store {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
  }

  load(): FuzzInput[] {
    return this.#names().map((name) => fromOctets(readFileSync(join(this.#folder, name))))
  }

  /** The folder holds these inputs and no others. */
  save(inputs: FuzzInput[]): void {
    const wanted = new Map(inputs.map((input) => [nameOf(input), input]))
    const present = new Set(this.#names())
    for (const name of present) if (!wanted.has(name)) rmSync(join(this.#folder, name))
    for (const [name, input] of wanted) {
      if (!present.has(name)) writeFileSync(join(this.#folder, name), toOctets(input))
    }
  }

  #names(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith('.update'))
      .sort()
  }
}

function nameOf(input: FuzzInput): string {
  return `${createHash('sha256').update(toOctets(input)).digest('hex').slice(0, 16)}.update`
}
