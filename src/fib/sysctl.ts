import { readFile, writeFile } from 'node:fs/promises'

/**
 * Sets /proc/sys/`path` ('net/ipv4/ip_forward') when it differs. 'ok', or why not: the errno's name.
 * `changed` notes what there was.
 * Paths, not dots: an interface's name may have a dot.
 */
export async function writeSysctl(
  path: string,
  value: string,
  changed: Map<string, string>,
): Promise<string> {
  const file = `/proc/sys/${path}`
  try {
    const was = (await readFile(file, 'utf8')).trim()
    if (was === value) return 'ok'
    await writeFile(file, value)
    if (!changed.has(path)) changed.set(path, was)
    return 'ok'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}
