export interface Counts {
  passed: number
  failed: number
  skipped: number
}
export function tapCounts(text: string): Counts
export function sumCounts(list: Counts[]): Counts
