/** Compiles parse-child.ts with the library as `npm run build` does, runs it and asks it. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Answer, Question } from './parse-child.ts'

const root = join(import.meta.dirname, '..')

/** The process that measures; one question at a time. */
export class ParseProcess {
  readonly #child: ChildProcess
  #answer: (reply: Answer) => void = () => {}

  constructor() {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const args = [tsc, '-p', join(root, 'bench/tsconfig.json')]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`bench/parse-child.ts does not compile:\n${stdout}`)
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = fork(join(root, 'dist/bench/bench/parse-child.js'), { execArgv: [], env })
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
