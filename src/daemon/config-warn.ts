/** Keys that are right and do nothing: said by `--check` and at the start, and no more than that. */
import type { CheckIssue } from './config-check.ts'
import type { ConfigFile } from './config-schema.ts'

/** Expects that checkConfig had nothing to say. */
export function warningsOf(parsed: ConfigFile): CheckIssue[] {
  const restart = parsed['graceful-restart']
  if (restart.enabled || restart['long-lived-time'] === 0) return []
  const path = ['graceful-restart', 'long-lived-time']
  return [{ path, message: 'has no effect with graceful-restart.enabled: false' }]
}
