/** `srv6d-cli decode` in this process: what it prints and the status it ends with. */
import { runCli } from '../../src/cli/commands.ts'

export interface Decoded {
  status: number
  out: string
  err: string
}

/** Runs `decode` with these arguments; `stdin` is given in chunks of `size` octets. */
export async function decode(
  args: string[],
  stdin: Uint8Array = new Uint8Array(0),
  size = 1 << 16,
): Promise<Decoded> {
  const ran = { out: '', err: '' }
  const write = (to: 'out' | 'err') => (text: string) => {
    ran[to] += text
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < stdin.length; at += size) yield stdin.slice(at, at + size)
  }
  const status = await runCli(['decode', ...args], {
    env: {},
    stdin: chunks(),
    stdout: { write: write('out') },
    stderr: { write: write('err') },
  })
  return { status, ...ran }
}

/** The objects of `decode --json`. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at parts of them
export function objectsOf({ out }: Decoded): any[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
