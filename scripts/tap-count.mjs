/** What a TAP file of tap's `--output-file` says: assertions by their outcome, and the failed ones. */

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

/**
 * The failed points of a TAP file by name, each after the tests it is in: `file > test > point`, and
 * what was seen instead where a lab's check says so. A test that failed by its points is not named.
 */
export function tapFailures(text) {
  const failures = []
  const path = []
  const lines = text.split('\n')
  for (const [i, line] of lines.entries()) {
    const [, indent, kind, name] =
      /^( *)(# Subtest: |not ok \d+(?: - )?)(.*?)(?: # time=.*)?$/.exec(line) ?? []
    if (kind === undefined) continue
    const depth = indent.length / 4
    if (kind.startsWith('#')) {
      path.splice(depth, Infinity, { name, failures: failures.length })
      continue
    }
    const test = path[depth]
    const byItsPoints = test?.name === name && failures.length > test.failures
    if (test?.name === name) path.length = depth
    if (byItsPoints) continue
    const end = lines.findIndex((l, k) => k > i && /^ *(ok|not ok|# Subtest:|\.\.\.$)/.test(l))
    const seen = lines.slice(i + 1, end === -1 ? undefined : end).find((l) => /^ *seen: /.test(l))
    const where = [...path.slice(0, depth).map((t) => t.name), name].join(' > ')
    failures.push(seen ? `${where}\n  ${seen.trim()}` : where)
  }
  return failures
}

export function sumCounts(list) {
  const sum = (key) => list.reduce((n, counts) => n + counts[key], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}
