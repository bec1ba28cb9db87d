/** One measured value; with --json each is printed as one object a line. */
export interface Measurement {
  bench: string
  corpus: string
  subject: string
  metric: string
  value: number
  unit: string
}

/** What a `*.bench.ts` file exports as `run`: it measures and returns its values in order. */
export type BenchRun = () => Promise<Measurement[]>

/** A table a bench: one line a corpus and subject, one column a metric. */
export function formatTable(list: Measurement[]): string {
  const metrics = [...new Set(list.map(({ metric, unit }) => `${metric}\n${unit}`))]
  const head = ['corpus', 'subject', ...metrics.map((text) => text.replace('\n', ', '))]
  const rows = new Map<string, string[]>()
  for (const { corpus, subject, metric, unit, value } of list) {
    const key = `${corpus}\n${subject}`
    const row = rows.get(key) ?? [corpus, subject, ...metrics.map(() => '')]
    row[2 + metrics.indexOf(`${metric}\n${unit}`)] = formatValue(value)
    rows.set(key, row)
  }
  const lines = [head, ...rows.values()]
  const widths = head.map((_, k) => Math.max(...lines.map((line) => line[k]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, k) => (k < 2 ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!)))
        .join('  '),
    )
    .join('\n')
}

function formatValue(value: number): string {
  if (value === 0) return '0'
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
