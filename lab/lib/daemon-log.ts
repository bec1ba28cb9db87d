/** The log of an srv6d, read as an operator would: what it said that is no mere information. */

/** Lines of `warn` and above, as they stand. */
export function complaintLines(text: string): string[] {
  return text.split('\n').filter((line) => /"level":"(warn|error|fatal)"/.test(line))
}

/** Their messages. */
export function complaints(text: string): string[] {
  return complaintLines(text).map((line) => (JSON.parse(line) as { msg: string }).msg)
}
