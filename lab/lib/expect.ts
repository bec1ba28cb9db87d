import { KernelError } from '../../src/fib/kernel-error.ts'

/** The message of the kernel's refusal. Throws unless `body` is refused with `errno` and `words`. */
export async function refusal(
  body: () => Promise<unknown>,
  errno: number,
  words: RegExp,
): Promise<string> {
  const error = await body().then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof KernelError)) throw new Error(`not refused: ${error}`)
  if (error.errno !== errno || !words.test(error.message)) throw error
  return error.message
}

export function expect(seen: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${a}, expected ${b}`)
}
