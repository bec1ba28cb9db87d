/** One measured value; with --json each is printed as one object a line. */
export interface Measurement {
  bench: string
  corpus: string
  /** `srv6d`, a peer's name and version, or what both are compared with. */
  subject: string
  metric: string
  value: number
  unit: string
}

/** What the command line asked for. */
export interface BenchOptions {
  /** Run other implementations too. */
  peers: boolean
  /** So short that the values mean nothing: for tests of the bench. */
  quick: boolean
  /** Says something about the run that is not a value. */
  note: (text: string) => void
}

/** What a `*.bench.ts` file exports as `run`: it measures and returns its values in order. */
export type BenchRun = (options: BenchOptions) => Promise<Measurement[]>

/** Head and lines of a table: one line a corpus and subject, one column a metric. */
function cells(list: Measurement[]): string[][] {
  const columnOf = ({ metric, unit }: Measurement) => `${metric}, ${unit}`
  const groups = new Map<string, Measurement[]>()
  for (const one of list) {
    const key = `${one.corpus}\n${one.subject}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  // the order of columns is that of the line that has most
  const longest = [...groups.values()].sort((a, b) => b.length - a.length)
  const columns = [...new Set(longest.flat().map(columnOf))]
  const rows = [...groups.values()].map((group) => [
    group[0]!.corpus,
    group[0]!.subject,
    ...columns.map((column) => {
      const one = group.find((each) => columnOf(each) === column)
      return one === undefined ? '' : formatValue(one.value)
    }),
  ])
  return [['corpus', 'subject', ...columns], ...rows]
}

/** A table for a terminal. */
export function formatTable(list: Measurement[]): string {
  const lines = cells(list)
  const widths = lines[0]!.map((_, k) => Math.max(...lines.map((line) => line[k]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, k) => (k < 2 ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The same as Markdown. */
export function formatMarkdown(list: Measurement[]): string {
  const [head, ...rows] = cells(list)
  const line = (row: string[]) => `| ${row.join(' | ')} |`
  const rule = `|${head!.map((_, k) => (k < 2 ? '---|' : '---:|')).join('')}`
  return [line(head!), rule, ...rows.map(line)].join('\n')
}

function formatValue(value: number): string {
  if (value === 0) return '0'
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
