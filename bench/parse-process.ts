/** Runs parse-child.ts, compiled, and asks it. */
import { type ChildProcess, fork } from 'node:child_process'
import { compiled } from './compile.ts'
import type { Answer, Question } from './parse-child.ts'

/** The process that measures; one question at a time. */
export class ParseProcess {
  readonly #child: ChildProcess
  #answer: (reply: Answer) => void = () => {}

  constructor() {
    const program = compiled('parse-child')
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = fork(program, { execArgv: [], env })
    this.#child.on('message', (reply: Answer) => this.#answer(reply))
    this.#child.on('exit', () => this.#answer({ error: 'the process that measures has ended' }))
  }

  /** One value a subject. */
  async ask(question: Question): Promise<number[]> {
    const reply = await new Promise<Answer>((resolve) => {
      this.#answer = resolve
      this.#child.send(question)
    })
    if ('error' in reply) throw new Error(reply.error)
    return reply
  }

  /** Ends the process. */
  close(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}
