/**
 * Which keys srv6d.yaml may hold where, read from the schema itself: for "did you mean" and for
 * the test that every key is documented.
 */
import type * as z from 'zod'
import { ConfigFile } from './config-schema.ts'

export type ConfigPath = readonly (string | number)[]

/** The parts of a zod schema this file looks at. */
interface Definition {
  type: string
  innerType?: z.ZodType
  shape?: Record<string, z.ZodType>
  element?: z.ZodType
  valueType?: z.ZodType
}

/** The keys the mapping at `path` may have; none when there is no mapping with fixed keys. */
export function keysAt(path: ConfigPath): string[] {
  let at = unwrap(ConfigFile)
  for (const step of path) {
    const next = at.shape?.[step] ?? at.element ?? at.valueType
    if (!next) return []
    at = unwrap(next)
  }
  return Object.keys(at.shape ?? {})
}

/** Every key of the file as a dotted path; `*` stands for a name or a place in a list. */
export function everyKey(): string[] {
  const found: string[] = []
  collect(unwrap(ConfigFile), '', found)
  return found
}

/** The known key that was probably meant, if one is near enough. */
export function nearestKey(written: string, known: readonly string[]): string | undefined {
  const plain = (key: string) => key.toLowerCase().replaceAll(/[-_]/g, '')
  const target = plain(written)
  let best: string | undefined
  let least = (target.length <= 3 ? 1 : Math.max(2, Math.floor(target.length / 3))) + 1
  for (const key of known) {
    const distance = editDistance(target, plain(key))
    if (distance < least) {
      least = distance
      best = key
    }
  }
  return best
}

function unwrap(schema: z.ZodType): Definition {
  let definition = schema.def as Definition
  while (definition.innerType) definition = definition.innerType.def as Definition
  return definition
}

function collect(at: Definition, path: string, found: string[]): void {
  for (const [key, schema] of Object.entries(at.shape ?? {})) {
    const here = path === '' ? key : `${path}.${key}`
    found.push(here)
    collect(unwrap(schema), here, found)
  }
  const each = at.element ?? at.valueType
  if (each) collect(unwrap(each), `${path}.*`, found)
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
