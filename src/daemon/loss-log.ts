import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { FibRow, FibTable } from '../fib/fib-table.ts'
import type { LocalSid } from '../fib/kernel.ts'
import { formatAddress } from '../wire/address.ts'

/** What others took away of ours, or took the place of. */
export interface Losses {
  routes: number
  nexthops: number
  sids: number
  /** Routes and SIDs that stay away: somebody else's stand in their place. */
  displaced: number
  /** One of them. */
  example: string
}

/** After a line, what comes within this time is told in one more. */
const QUIET_MS = 10_000

/** Says at once what was lost, and what is lost in the seconds after it as a sum. */
export class LossLog {
  readonly #log: Logger
  readonly #clock: Clock
  #timer: Timer | undefined
  #sum: Losses | undefined

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  add(losses: Losses): void {
    if (losses.routes + losses.nexthops + losses.sids + losses.displaced === 0) return
    if (this.#timer === undefined) {
      this.#say(losses)
      return
    }
    this.#sum ??= { routes: 0, nexthops: 0, sids: 0, displaced: 0, example: losses.example }
    for (const what of ['routes', 'nexthops', 'sids', 'displaced'] as const) {
      this.#sum[what] += losses[what]
    }
  }

  #say(losses: Losses): void {
    const { displaced, ...lost } = losses
    if (lost.routes + lost.nexthops + lost.sids > 0) {
      this.#log.warn(lost, 'others removed some of ours from the kernel: putting it back')
    }
    if (displaced > 0) {
      const { example } = losses
      this.#log.warn({ displaced, example }, 'others put their own in the place of ours: it stays')
    }
    this.#timer = this.#clock.after(QUIET_MS, () => {
      this.#timer = undefined
      const sum = this.#sum
      this.#sum = undefined
      if (sum) this.#say(sum)
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }
}

/** What was lost, by one of it. */
export function exampleOf(
  fib: FibTable,
  row: FibRow | undefined,
  sid: LocalSid | undefined,
): string {
  if (row === undefined) return sid ? formatAddress(sid.sid, 0, 16) : 'a nexthop object'
  const { family, words, bits, table } = fib.row(row)
  const octets = new DataView(new ArrayBuffer(16))
  for (let k = 0; k < 4; k++) octets.setInt32(k * 4, words[k]!)
  const text = formatAddress(new Uint8Array(octets.buffer), 0, family === 4 ? 4 : 16)
  return `${text}/${bits} table ${table}`
}
