/**
 * What a scenario reports: one JSON object a line on stdout, which the test on the host turns into
 * assertions, and a line for people on stderr.
 */

/** One line of a scenario's stdout. */
export type ScenarioLine =
  | { check: string; ok: boolean; detail: string; seconds: number }
  | { skip: string; why: string }
  | { note: string }
  | { log: string; tail: string }
  | { summary: { passed: number; failed: number; seconds: number } }

const started = performance.now()
const since = (from: number) => Math.round((performance.now() - from) / 100) / 10

export function emit(line: ScenarioLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** A line of progress for people. */
export function say(text: string): void {
  process.stderr.write(`[${since(started).toFixed(1).padStart(6)}] ${text}\n`)
}

export class Checks {
  passed = 0
  failed = 0
  /** Put before each name: which combination is running. */
  prefix = ''
  /** Told of the first failure, while what failed still stands: for what the logs do not say. */
  onFailure: (() => Promise<void>) | undefined

  /** Seconds to wait for something: less once a check has failed, so that a run comes to its end. */
  get patience(): number {
    return this.failed === 0 ? 120 : 20
  }

  /** Runs one check; a throw is its failure and the scenario goes on. Gives whether it held. */
  async check(name: string, body: () => Promise<unknown>): Promise<boolean> {
    const from = performance.now()
    const check = this.prefix + name
    let ok = true
    let detail = ''
    try {
      const said = await body()
      if (typeof said === 'string') detail = said
    } catch (e) {
      ok = false
      detail = (e as Error).message
    }
    if (ok) this.passed++
    else this.failed++
    emit({ check, ok, detail, seconds: since(from) })
    say(`${ok ? 'ok    ' : 'FAILED'} ${check}${ok ? '' : `: ${detail}`}`)
    if (!ok) await this.#toldOf()
    return ok
  }

  async #toldOf(): Promise<void> {
    const told = this.onFailure
    this.onFailure = undefined
    await told?.().catch((e: Error) => this.note(e.message))
  }

  note(text: string): void {
    emit({ note: text })
    say(text)
  }

  /** The last line; gives the exit status. */
  finish(): number {
    emit({ summary: { passed: this.passed, failed: this.failed, seconds: since(started) } })
    say(`${this.passed} checks held, ${this.failed} did not`)
    return this.failed === 0 && this.passed > 0 ? 0 : 1
  }
}
