/**
 * The loop: an input of the corpus is changed, run against the invariants, and kept when it makes
 * the parser say something new or run a block that never ran. Everything but the time it takes
 * follows from the seed.
 */
import { Script } from 'node:vm'
import type { Checker } from './checker.ts'
import type { Coverage } from './coverage.ts'
import type { FuzzInput } from './input.ts'
import { InvariantError } from './invariant.ts'
import { minimise } from './minimise.ts'
import { mutate } from './mutate.ts'
import { Random } from './random.ts'
import { grammarInputs } from './seeds.ts'

/** An input that breaks an invariant, as small as it could be made. */
export interface Finding {
  input: FuzzInput
  error: InvariantError
}

export interface FuzzerOptions {
  checker: Checker
  coverage: Coverage
  seed: number
  /** A batch that takes longer has a loop in it. */
  loopMs?: number
}

/** Inputs between two looks at the coverage: a look takes about a millisecond. */
const BATCH = 256
/** Every so many inputs one is decoded to objects too. */
const THOROUGH = 8
const MAX_FINDINGS = 10

export class Fuzzer {
  readonly corpus: FuzzInput[] = []
  readonly findings: Finding[] = []

  readonly #checker: Checker
  readonly #coverage: Coverage
  readonly #random: Random
  readonly #seed: number
  readonly #loopMs: number
  readonly #verdicts = new Set<number>()
  #batches = 0

  constructor({ checker, coverage, seed, loopMs = 60_000 }: FuzzerOptions) {
    this.#checker = checker
    this.#coverage = coverage
    this.#seed = seed
    this.#random = new Random(seed)
    this.#loopMs = loopMs
  }

  /** True when so much is broken that going on is of no use. */
  get isHopeless(): boolean {
    return this.findings.length >= MAX_FINDINGS
  }

  /** Takes what is worth keeping of a list into the corpus. */
  seed(inputs: FuzzInput[]): void {
    for (let k = 0; k < inputs.length && !this.isHopeless; k += BATCH) {
      this.#run(inputs.slice(k, k + BATCH))
    }
  }

  /** The next BATCH inputs: changed ones, and at times new ones of the grammar. */
  batch(): void {
    this.#batches++
    if (this.#batches % 32 === 0 || this.corpus.length === 0) {
      this.#run(grammarInputs(this.#seed + this.#batches, BATCH / 4))
      return
    }
    const inputs: FuzzInput[] = []
    for (let k = 0; k < BATCH; k++) {
      inputs.push(mutate(this.#choose(), this.#random.pick(this.corpus), this.#random))
    }
    this.#run(inputs)
  }

  /** The corpus without what others cover: shortest first, what adds nothing is left out. */
  distilled(coverage: Coverage): FuzzInput[] {
    const out: FuzzInput[] = []
    const verdicts = new Set<number>()
    coverage.take()
    coverage.forget()
    for (const input of this.corpus.slice().sort((a, b) => a.body.length - b.body.length)) {
      const verdict = this.#checker.run(input, true)
      if (!coverage.take() && verdicts.has(verdict)) continue
      verdicts.add(verdict)
      out.push(input)
    }
    return out
  }

  /** New ones twice as often as the rest: what they found is least explored. */
  #choose(): FuzzInput {
    const { length } = this.corpus
    const late = length - 1 - this.#random.below(Math.min(length, 64))
    return this.corpus[this.#random.oneIn(2) ? late : this.#random.below(length)]!
  }

  #run(inputs: FuzzInput[]): void {
    const kept = new Set<FuzzInput>()
    const cameBack = this.#guarded(inputs, kept)
    if (this.#coverage.take() && cameBack) this.#attribute(inputs, kept)
    for (const input of inputs) if (kept.has(input)) this.corpus.push(input)
  }

  /** Which of the inputs ran the new blocks: halves, until it is one. */
  #attribute(inputs: FuzzInput[], kept: Set<FuzzInput>): void {
    this.#coverage.undo()
    const search = (from: number, to: number) => {
      for (let k = from; k < to; k++) this.#again(inputs[k]!)
      if (!this.#coverage.take()) return
      if (to - from === 1) {
        kept.add(inputs[from]!)
        return
      }
      this.#coverage.undo()
      const middle = (from + to) >>> 1
      search(from, middle)
      search(middle, to)
    }
    search(0, inputs.length)
  }

  #again(input: FuzzInput): void {
    try {
      this.#checker.run(input, true)
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error
    }
  }

  /** vm ends a script that does not come back, whatever function it is in. */
  #guarded(inputs: FuzzInput[], kept: Set<FuzzInput>): boolean {
    BATCHES.set(globalThis, () => {
      for (const [k, input] of inputs.entries()) this.#one(input, k % THOROUGH === 0, kept)
    })
    try {
      RUN.runInThisContext({ timeout: this.#loopMs })
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
      const input = this.#checker.current!
      const text = `no verdict within ${this.#loopMs} ms`
      this.findings.push({ input, error: new InvariantError('never loops', text) })
      return false
    }
  }

  #one(input: FuzzInput, thorough: boolean, kept: Set<FuzzInput>): void {
    try {
      const verdict = this.#checker.run(input, thorough)
      if (this.#verdicts.has(verdict)) return
      this.#verdicts.add(verdict)
      kept.add(input)
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error
      if (!this.isHopeless && this.#isNew(error)) this.findings.push(this.#smallest(input, error))
    }
  }

  /** Told apart by name and by the first line with its numbers left out. */
  #isNew(error: InvariantError): boolean {
    return !this.findings.some((one) => keyOf(one.error) === keyOf(error))
  }

  #smallest(input: FuzzInput, first: InvariantError): Finding {
    let error = first
    const breaks = (candidate: FuzzInput) => {
      try {
        this.#checker.run(candidate, true)
        return false
      } catch (thrown) {
        if (!(thrown instanceof InvariantError) || keyOf(thrown) !== keyOf(first)) return false
        error = thrown
        return true
      }
    }
    return { input: minimise(input, breaks), error }
  }
}

/** How the script below finds what to run. */
const BATCHES = new WeakMap<object, () => void>()
Object.defineProperty(globalThis, 'srv6dFuzzBatch', { value: () => BATCHES.get(globalThis)!() })
const RUN = new Script('srv6dFuzzBatch()')

function keyOf(error: InvariantError): string {
  return error.message.split('\n')[0]!.replace(/\d+/g, '#')
}
