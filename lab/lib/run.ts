/** Runs commands and keeps long-lived processes, each with its output in a file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

export interface RunResult {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a command to its end; never throws for an exit status (127 where it cannot be started). */
export function run(argv: string[], input?: string): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout!.setEncoding('utf8').on('data', (s: string) => {
      stdout += s
    })
    child.stderr!.setEncoding('utf8').on('data', (s: string) => {
      stderr += s
    })
    child.on('error', (e) => resolve({ code: 127, stdout, stderr: `${stderr}${e.message}` }))
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    if (input !== undefined) {
      child.stdin!.on('error', () => {})
      child.stdin!.end(input)
    }
  })
}

/** Runs a command that must succeed; gives its stdout. */
export async function must(argv: string[], input?: string): Promise<string> {
  const r = await run(argv, input)
  if (r.code !== 0) {
    throw new Error(`${argv.join(' ')}: exit ${r.code}: ${(r.stderr || r.stdout).trim()}`)
  }
  return r.stdout
}

const running = new Set<LabProcess>()

/** A process that stays: a daemon, a capture, a continuous ping. */
export class LabProcess {
  readonly name: string
  readonly logFile: string
  readonly child: ChildProcess
  /** Resolves with the exit status, or the signal's name. */
  readonly ended: Promise<number | string>
  status: number | string | null = null

  constructor(name: string, argv: string[], logFile: string, env?: Record<string, string>) {
    this.name = name
    this.logFile = logFile
    const log = openSync(logFile, 'a')
    this.child = spawn(argv[0]!, argv.slice(1), {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    })
    closeSync(log)
    running.add(this)
    this.ended = new Promise((resolve) => {
      const end = (status: number | string) => {
        if (this.status !== null) return
        this.status = status
        running.delete(this)
        resolve(status)
      }
      this.child.on('error', (e) => end(e.message))
      this.child.on('exit', (code, signal) => end(code ?? signal ?? 'gone'))
    })
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  /** Sends a signal and waits for the end; SIGKILL follows after `seconds`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', seconds = 20): Promise<number | string> {
    if (this.status === null) {
      this.child.kill(signal)
      const timer = setTimeout(() => this.child.kill('SIGKILL'), seconds * 1000)
      await this.ended
      clearTimeout(timer)
    }
    return this.status!
  }

  output(): string {
    try {
      return readFileSync(this.logFile, 'utf8')
    } catch {
      return ''
    }
  }
}

/** Ends every process that is still there (the sandbox would end them too: this is for order). */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((p) => p.stop('SIGTERM', 3)))
}
