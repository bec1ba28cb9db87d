import { readFile, writeFile } from 'node:fs/promises'

/**
 * Sets /proc/sys/`path` ('net/ipv4/ip_forward') when it differs. 'ok', or why not: the errno's name.
 * Paths, not dots: an interface's name may have a dot.
 */
export async function writeSysctl(path: string, value: string): Promise<string> {
  const file = `/proc/sys/${path}`
  try {
    if ((await readFile(file, 'utf8')).trim() === value) return 'ok'
    await writeFile(file, value)
    return 'ok'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}
