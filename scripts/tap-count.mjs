/** How many assertions a TAP file of tap's `--output-file` holds, by their outcome. */

/** tap ends the file with a line like `# { total: 7, pass: 5, fail: 1, skip: 1 }`. */
export function tapCounts(text) {
  const line = text.match(/^# \{ total: .*\}$/gm)?.at(-1)
  if (!line) return { passed: 0, failed: 1, skipped: 0 } // it never came to its end
  const number = (key) => Number(line.match(new RegExp(`\\b${key}: (\\d+)`))?.[1] ?? 0)
  return {
    passed: number('pass'),
    failed: number('fail'),
    skipped: number('skip') + number('todo'),
  }
}

export function sumCounts(list) {
  const sum = (key) => list.reduce((n, counts) => n + counts[key], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}
