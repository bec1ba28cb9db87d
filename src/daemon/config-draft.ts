/** What the checks of config-check.ts share: the file as read, and what is to be there once. */
import type * as z from 'zod'
import { hexOf } from '../base/bytes.ts'
import type { ConfigPath } from './config-keys.ts'
import type { IpPrefix } from './config-schema.ts'
import { maskBytes } from './config-values.ts'

/** `expected …` without that word. */
export type Report = (path: ConfigPath, message: string) => void

/** The file as read, of which each value may or may not be right. */
export class Draft {
  readonly #raw: unknown

  constructor(raw: unknown) {
    this.#raw = raw
  }

  at(path: ConfigPath): unknown {
    let value = this.#raw
    for (const step of path) value = (value as Record<string | number, unknown> | null)?.[step]
    return value
  }

  /** The value by its schema (defaults included); undefined when it is absent or wrong. */
  read<T>(schema: z.ZodType<T> | undefined, path: ConfigPath): T | undefined {
    const result = schema?.safeParse(this.at(path))
    return result?.success ? result.data : undefined
  }

  /** A field of an entry with a fixed shape. */
  field<Shape extends z.ZodRawShape, Key extends keyof Shape & string>(
    entry: z.ZodObject<Shape>,
    path: ConfigPath,
    key: Key,
  ): z.output<Shape[Key]> | undefined {
    return this.read(entry.shape[key] as unknown as z.ZodType<z.output<Shape[Key]>>, [...path, key])
  }

  names(key: string): string[] {
    const value = this.at([key])
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.keys(value)
      : []
  }

  /** The paths of a list's items. */
  items(path: ConfigPath): ConfigPath[] {
    const value = this.at(path)
    return Array.isArray(value) ? value.map((_, at) => [...path, at]) : []
  }
}

/** Reports each value that stood before under another path. */
export class Unique {
  readonly #seen = new Map<string, string>()
  readonly #report: Report
  readonly #what: string

  constructor(what: string, report: Report) {
    this.#what = what
    this.#report = report
  }

  /** Somebody has it, whoever else does: another check says so. */
  know(value: string | undefined, holder: string): void {
    if (value !== undefined && !this.#seen.has(value)) this.#seen.set(value, holder)
  }

  add(value: string | number | undefined, path: ConfigPath, holder: string): void {
    if (value === undefined) return
    const before = this.#seen.get(String(value))
    if (before === undefined) this.#seen.set(String(value), holder)
    else this.#report(path, `${this.#what} (${before} has it)`)
  }
}

/** Whether one of two prefixes of a family holds the other. */
export function overlap(a: IpPrefix, b: IpPrefix): boolean {
  const bits = Math.min(a.bits, b.bits)
  return hexOf(maskBytes(a.bytes, bits)) === hexOf(maskBytes(b.bytes, bits))
}

/** `vrfs.red.networks[0]` */
export function nameOf(path: ConfigPath): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)
}
