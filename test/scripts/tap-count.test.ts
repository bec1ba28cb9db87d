import t from 'tap'
// @ts-expect-error a script without types: node_modules may not be there when it runs
import { sumCounts, tapCounts, tapFailures } from '../../scripts/tap-count.mjs'

t.test('the last line of a TAP file is counted, fields that are absent are 0', async (t) => {
  const text =
    'ok 1 - a\n# { total: 9, pass: 9 }\n# { total: 12, pass: 7, fail: 2, skip: 2, todo: 1 }\n# time=1ms\n'
  t.same(tapCounts(text), { passed: 7, failed: 2, skipped: 3 })
  t.same(tapCounts('# { total: 3, pass: 3 }\n'), { passed: 3, failed: 0, skipped: 0 })
})

t.test('a run without its last line counts as one failure', async (t) => {
  t.same(tapCounts(''), { passed: 0, failed: 1, skipped: 0 })
  const sum = sumCounts([tapCounts(''), { passed: 2, failed: 0, skipped: 1 }])
  t.same(sum, { passed: 2, failed: 1, skipped: 1 })
})

t.test('a failed point is named with the tests it is in and with what was seen', async (t) => {
  const text = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: one
        ok 1 - good
        not ok 2 - bad # time=3ms
          ---
          seen: "7 of 9"
          ...
        ok 3 - seen: later
    not ok 1 - one # time=1ms
    not ok 2 - two
not ok 1 - test/a.test.ts # time=2ms
# Subtest: test/b.test.ts
    ok 1 - fine
not ok 2 - test/b.test.ts # time=9ms
`
  t.same(tapFailures(text), [
    'test/a.test.ts > one > bad\n  seen: "7 of 9"',
    'test/a.test.ts > two',
    'test/b.test.ts',
  ])
  t.same(tapFailures('ok 1 - a\n'), [])
})
