/** A seeded source of the fuzzer's choices: the same seed, the same run. */
import { mulberry32 } from '../../bench/corpus.ts'

export class Random {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = mulberry32(seed)
  }

  /** 0 … below - 1. */
  below(below: number): number {
    return Math.floor(this.#next() * below)
  }

  /** true once in `of` times. */
  oneIn(of: number): boolean {
    return this.below(of) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}
