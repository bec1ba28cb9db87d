/**
 * Which blocks of src/wire ran, asked from V8 itself through node:inspector. Imports nothing of
 * src/: counters are put into functions that are compiled after start(), so whatever is to be
 * measured is imported after it.
 */
import { type Profiler, Session } from 'node:inspector'
import { findSourceMap } from 'node:module'

/** How far one file got: blocks are what lies between two places where a count can change. */
export interface FileCoverage {
  file: string
  blocks: number
  covered: number
  /** The lines of the source, 1-based, with a block that never ran. */
  missing: number[]
}

interface Script {
  id: string
  covered: Uint8Array
  /** Offsets where a count was seen to change: block boundaries. */
  edges: Set<number>
  /** End by start of its functions; the module's own level runs once and tells nothing. */
  functions: Map<number, number>
  /** The start of the innermost function an octet belongs to, 0 for the module's own level. */
  owner: Int32Array
  /** Functions with blocks in them: V8 tells of the others only the first time. */
  branching: Set<number>
}

/** Blocks of the files whose URL matches, summed up over the life of the object. */
export class Coverage {
  readonly #session = new Session()
  readonly #scripts = new Map<string, Script>()
  /** Octets that the last take() marked and that can be told again, for undo(). */
  readonly #marked: [covered: Uint8Array, at: number][] = []
  readonly #files: RegExp

  constructor(files: RegExp) {
    this.#files = files
  }

  /** Counts from here on. `callCount: false`: V8 notes whether a block ran, not how often. */
  start(): void {
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', {
      detailed: true,
      callCount: false,
      allowTriggeredUpdates: false,
    })
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** What ran since the last call; true when some of it had never run before. */
  take(): boolean {
    let isNew = false
    this.#marked.length = 0
    for (const { url, scriptId, functions } of this.#delta()) {
      if (!this.#files.test(url)) continue
      const script = this.#scriptOf(url, scriptId, functions)
      for (const { ranges } of functions) if (this.#paint(script, ranges)) isNew = true
    }
    return isNew
  }

  /** Makes what the last take() found new again, so that it can be told what ran it. */
  undo(): void {
    for (const [covered, at] of this.#marked) covered[at] = 0
  }

  /** As if nothing had run yet. */
  forget(): void {
    for (const { covered } of this.#scripts.values()) covered.fill(0)
  }

  /** Blocks seen and blocks that ran. */
  get totals(): { blocks: number; covered: number } {
    let blocks = 0
    let covered = 0
    for (const script of this.#scripts.values()) {
      for (const { ran } of blocksOf(script)) {
        blocks++
        if (ran) covered++
      }
    }
    return { blocks, covered }
  }

  /** By file, with the lines of the source that never ran. */
  report(): FileCoverage[] {
    this.#post('Debugger.enable')
    const out: FileCoverage[] = []
    for (const [url, script] of this.#scripts) {
      const all = blocksOf(script)
      const text = this.#sourceOf(script.id)
      const lines = new Set<number>()
      for (const { at, end, ran } of all) {
        if (!ran && /[\w]/.test(text.slice(at, end))) lines.add(lineOf(text, url, at))
      }
      out.push({
        file: url.replace(/^.*\/(?=src\/)/, ''),
        blocks: all.length,
        covered: all.filter(({ ran }) => ran).length,
        missing: [...lines].sort((a, b) => a - b),
      })
    }
    this.#post('Debugger.disable')
    return out.sort((a, b) => (a.file < b.file ? -1 : 1))
  }

  /** Ranges of a function go from the outside in: the last one about an octet holds. */
  #paint({ covered, edges, owner, branching }: Script, ranges: Profiler.CoverageRange[]): boolean {
    const [whole] = ranges
    if (whole === undefined || whole.startOffset === 0) return false
    if (ranges.length > 1) branching.add(whole.startOffset)
    const canRepeat = branching.has(whole.startOffset)
    const now = new Uint8Array(whole.endOffset - whole.startOffset)
    for (const { startOffset, endOffset, count } of ranges) {
      edges.add(startOffset).add(endOffset)
      now.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset)
    }
    let isNew = false
    for (let k = 0, at = whole.startOffset; k < now.length; k++, at++) {
      if (now[k] === 0 || covered[at] === 1 || owner[at] !== whole.startOffset) continue
      covered[at] = 1
      if (canRepeat) this.#marked.push([covered, at])
      isNew = true
    }
    return isNew
  }

  #scriptOf(url: string, id: string, functions: Profiler.FunctionCoverage[]): Script {
    let script = this.#scripts.get(url)
    if (script === undefined) {
      const end = Math.max(...functions.map(({ ranges }) => ranges[0]!.endOffset))
      script = {
        id,
        covered: new Uint8Array(end),
        edges: new Set(),
        functions: new Map(),
        owner: new Int32Array(end),
        branching: new Set(),
      }
      this.#scripts.set(url, script)
    }
    const before = script.functions.size
    for (const { functionName, ranges } of functions) {
      const { startOffset, endOffset } = ranges[0]!
      // __name is put in by the loader
      if (startOffset > 0 && functionName !== '__name') script.functions.set(startOffset, endOffset)
    }
    if (script.functions.size > before) {
      const outerFirst = [...script.functions].sort((a, b) => b[1] - b[0] - (a[1] - a[0]))
      for (const [from, to] of outerFirst) script.owner.fill(from, from, to)
    }
    return script
  }

  #delta(): Profiler.ScriptCoverage[] {
    return this.#post<Profiler.TakePreciseCoverageReturnType>('Profiler.takePreciseCoverage').result
  }

  #sourceOf(scriptId: string): string {
    const answer = this.#post<{ scriptSource: string }>('Debugger.getScriptSource', { scriptId })
    return answer.scriptSource
  }

  /** The inspector of one's own thread answers before post returns. */
  #post<T>(method: string, params: object = {}): T {
    let answer: unknown
    let failure: Error | null = null
    this.#session.post(method, params, (error, result) => {
      failure = error
      answer = result
    })
    if (failure !== null) throw new Error(`${method}: ${JSON.stringify(failure)}`)
    return answer as T
  }
}

interface Block {
  at: number
  end: number
  ran: boolean
}

function blocksOf({ covered, edges, owner }: Script): Block[] {
  const places = [...edges].sort((a, b) => a - b)
  const out: Block[] = []
  for (let k = 0; k + 1 < places.length; k++) {
    const [at, end] = [places[k]!, places[k + 1]!]
    if (owner[at] !== 0) out.push({ at, end, ran: covered[at] === 1 })
  }
  return out
}

/** The line in the TypeScript source of an offset in the text that V8 compiled. */
function lineOf(text: string, url: string, at: number): number {
  const before = text.slice(0, at)
  const line = before.split('\n').length - 1
  const entry = findSourceMap(url)?.findEntry(line, at - (before.lastIndexOf('\n') + 1))
  return (entry !== undefined && 'originalLine' in entry ? entry.originalLine : line) + 1
}
