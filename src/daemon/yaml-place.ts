/** From a path in the configuration to its place in the YAML text, and back. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Pair } from 'yaml'
import type { ConfigPath } from './config-keys.ts'

/**
 * Offset of the value at `path`, or of its key. What is missing is looked for as far as the path
 * leads: the key that should have held it, or the list entry it is missing from.
 */
export function findNode(document: Document, path: ConfigPath, atKey: boolean): number {
  let node: unknown = document.contents
  let keyAt = 0
  for (const [depth, step] of path.entries()) {
    const before = node
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item) === String(step))
      if (!pair) return keyAt
      keyAt = offsetOf(pair.key) ?? keyAt
      if (atKey && depth === path.length - 1) return keyAt
      node = pair.value
    } else if (isSeq(node)) {
      const item = node.items[Number(step)]
      if (item === undefined) return offsetOf(before) ?? keyAt
      keyAt = offsetOf(item) ?? keyAt
      node = item
    } else {
      return offsetOf(before) ?? keyAt
    }
  }
  return isScalar(node) && node.value === null ? keyAt : (offsetOf(node) ?? keyAt)
}

/** The path of the key that stands at `offset`. */
export function pathOfOffset(document: Document, offset: number): ConfigPath {
  return search(document.contents, offset, []) ?? []
}

/** `vrfs.red.neighbors[0].address`; a name with a dot in it is quoted. */
export function nameOfPath(path: ConfigPath): string {
  let name = ''
  for (const step of path) {
    if (typeof step === 'number') name += `[${step}]`
    else name += `${name === '' ? '' : '.'}${/^[\w-]+$/.test(step) ? step : JSON.stringify(step)}`
  }
  return name
}

function search(node: unknown, offset: number, path: ConfigPath): ConfigPath | undefined {
  if (isSeq(node)) {
    for (const [at, item] of node.items.entries()) {
      const found = search(item, offset, [...path, at])
      if (found) return found
    }
  }
  if (isMap(node)) {
    for (const pair of node.items) {
      const here = [...path, keyText(pair)]
      if (offsetOf(pair.key) === offset) return here
      const found = search(pair.value, offset, here)
      if (found) return found
    }
  }
  return undefined
}

function keyText(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key)
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
