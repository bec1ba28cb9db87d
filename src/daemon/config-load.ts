/**
 * srv6d.yaml -> Config. Whatever is wrong with the file is found in one go and told with file,
 * line and column: what stands there, what was expected, and the line with a caret under it.
 */
import { readFileSync } from 'node:fs'
import { type Document, LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { core } from 'zod'
import { buildConfig } from './config-build.ts'
import { checkConfig } from './config-check.ts'
import { type ConfigPath, keysAt, nearestKey } from './config-keys.ts'
import { type Config, ConfigFile } from './config-schema.ts'
import { warningsOf } from './config-warn.ts'
import { findNode, nameOfPath, pathOfOffset } from './yaml-place.ts'

/** One thing that is wrong. Line and column count from 1; 0 when the file could not be read. */
export interface ConfigProblem {
  line: number
  column: number
  path: string
  message: string
  /** The line of the file; null when there is none, or when it holds a password. */
  source: string | null
}

/** A configuration that cannot be used, with everything that is wrong with it, in file order. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly file: string
  readonly problems: readonly ConfigProblem[]

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join('\n'))
    this.file = file
    this.problems = problems
  }
}

/** An issue before its place in the file is known. */
interface Issue {
  path: ConfigPath
  message: string
  /** Point at the key rather than at the value. */
  atKey: boolean
}

/** Told of what is right and does nothing: the problem, and the same as a text with its place. */
export type OnWarning = (problem: ConfigProblem, text: string) => void

/** Reads and checks `file`; throws ConfigError. */
export function loadConfig(file: string, onWarning?: OnWarning): Config {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const message = `cannot be read (${code}): expected a YAML file`
    throw new ConfigError(file, [{ line: 0, column: 0, path: '', message, source: null }])
  }
  return parseConfig(text, file, onWarning)
}

/** The same for text already read; `file` is what the messages call it. */
export function parseConfig(text: string, file: string, onWarning: OnWarning = () => {}): Config {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const place = (offset: number, path: string, message: string): ConfigProblem => {
    const { line, col } = lineCounter.linePos(offset)
    const secret = path.endsWith('password')
    const source = secret ? null : (text.split('\n')[line - 1]?.trimEnd() ?? null)
    return { line, column: col, path, message, source }
  }
  const syntax = [...document.errors, ...document.warnings]
  const problems = syntax.map((error) => yamlProblem(document, error, place))
  if (syntax.every((error) => error.code === 'DUPLICATE_KEY')) {
    const raw: unknown = document.toJS({ maxAliasCount: 1000 })
    const parsed = ConfigFile.safeParse(raw)
    const issues = parsed.success ? [] : parsed.error.issues.flatMap((i) => schemaIssues(i, raw))
    issues.push(
      ...checkConfig(raw).map((i) => ({ ...i, message: withFound(i, raw), atKey: false })),
    )
    for (const { path, message, atKey } of issues) {
      problems.push(place(findNode(document, path, atKey), nameOfPath(path), message))
    }
    if (parsed.success && problems.length === 0) {
      for (const { path, message } of warningsOf(parsed.data)) {
        const says = `warning: ${message}`
        const problem = place(findNode(document, path, false), nameOfPath(path), says)
        onWarning(problem, formatProblem(file, problem))
      }
      return buildConfig(parsed.data, file)
    }
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column)
  throw new ConfigError(file, problems)
}

function formatProblem(file: string, { line, column, path, message, source }: ConfigProblem) {
  const where = line > 0 ? `${file}:${line}:${column}` : file
  const head = [where, path, message].filter((part) => part !== '').join(': ')
  if (source === null || source === '') return head
  // Tabs stay tabs, so that the caret stands under its column however wide they are shown.
  const pad = source.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')
  return `${head}\n    ${source}\n    ${pad}^`
}

type Place = (offset: number, path: string, message: string) => ConfigProblem

function yamlProblem(document: Document, error: YAMLError, place: Place): ConfigProblem {
  const offset = error.pos[0]
  if (error.code === 'DUPLICATE_KEY') {
    const path = nameOfPath(pathOfOffset(document, offset))
    return place(offset, path, 'given twice: expected each key once')
  }
  const message = error.message.split('\n')[0]!
  return place(offset, '', `YAML: ${message[0]!.toLowerCase()}${message.slice(1)}`)
}

/** zod's issue in our words; one of several unknown keys becomes several. */
function schemaIssues(issue: core.$ZodIssue, raw: unknown): Issue[] {
  const path = issue.path as ConfigPath
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key: ${whichKey(key, keysAt(path))}`,
      atKey: true,
    }))
  }
  if (issue.code === 'invalid_union') {
    // the shape fits one of them, what is wrong lies deeper
    const deeper = issue.errors.find((branch) => branch.every((each) => each.path.length > 0))
    if (deeper) {
      return deeper.flatMap((each) =>
        schemaIssues({ ...each, path: [...issue.path, ...each.path] }, raw),
      )
    }
  }
  if (issue.code === 'invalid_key') {
    const key = JSON.stringify(path.at(-1))
    return [{ path, message: `${key}: ${issue.issues[0]?.message}`, atKey: true }]
  }
  const message =
    issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')
      ? `expected ${KINDS[issue.expected] ?? issue.expected}`
      : issue.message
  return [{ path, message: withFound({ path, message }, raw), atKey: false }]
}

const KINDS: Record<string, string> = {
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of names to entries',
}

function whichKey(written: string, known: string[]): string {
  const meant = nearestKey(written, known)
  return meant === undefined ? `expected one of ${known.join(', ')}` : `did you mean "${meant}"?`
}

function withFound(issue: { path: ConfigPath; message: string }, raw: unknown): string {
  let found = raw
  for (const step of issue.path) found = (found as Record<string | number, unknown>)?.[step]
  const secret = issue.path.at(-1) === 'password' && found !== undefined && found !== null
  return `${secret ? 'what stands there' : describe(found)}: ${issue.message}`
}

function describe(found: unknown): string {
  if (found === undefined) return 'missing'
  if (found === null) return 'nothing given'
  if (Array.isArray(found)) return 'a list'
  if (typeof found === 'object') return 'a mapping'
  const text = JSON.stringify(found) ?? String(found)
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`
}
