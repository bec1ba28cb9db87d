/**
 * CPU time of work in this process. On a machine that others use too, a core's speed changes from
 * second to second: what is compared is run in turns of some milliseconds.
 */

/** Some work that is repeated: `turn` does one piece of it and says how many octets that was. */
export interface Work {
  turn: () => number
}

/** User CPU microseconds an octet of each work, each the median of `cycles` turns of `ms`. */
export function cpuPerOctet(works: Work[], cycles: number, ms: number): number[] {
  const samples = works.map((): number[] => [])
  for (let cycle = 0; cycle < cycles; cycle++) {
    for (const [k, { turn }] of works.entries()) {
      let octets = 0
      const before = process.cpuUsage()
      let user = 0
      do {
        octets += turn()
        user = process.cpuUsage(before).user
      } while (user < ms * 1000)
      samples[k]!.push(user / octets)
    }
  }
  return samples.map(median)
}

/** The middle of some numbers; NaN of none. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >>> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
