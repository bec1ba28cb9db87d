/** The lines that only one of two texts has; undefined: the same. */
export function difference(before: string, after: string): string | undefined {
  if (before === after) return undefined
  const [a, b] = [before.split('\n'), after.split('\n')]
  const gone = a.filter((line) => !b.includes(line)).map((line) => `- ${line}`)
  const came = b.filter((line) => !a.includes(line)).map((line) => `+ ${line}`)
  return [...gone, ...came].slice(0, 10).join(' | ') || 'a line twice'
}
