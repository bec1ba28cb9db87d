/** The bar that `decode` draws on the terminal while it reads a long file. */

/** Where it is drawn; nothing is when this is no terminal. */
export interface ProgressOut {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

const EVERY_MS = 100
/** A file that is read in less than this gets no bar. */
const QUIET_MS = 300
const ERASE = '\r\x1b[K'

/** Draws at most ten times a second, and takes itself away at the end. */
export class Progress {
  readonly #out: ProgressOut
  readonly #total: number | null
  readonly #now: () => number
  readonly #started: number
  #drawn = 0
  #isShown = false

  /** `total`: octets of the file, null when unknown; `now`: milliseconds that never go back. */
  constructor(out: ProgressOut, total: number | null, now: () => number) {
    this.#out = out
    this.#total = total
    this.#now = now
    this.#started = now()
  }

  /** `read`: octets of the file so far. */
  update(read: number): void {
    if (!this.#out.isTTY) return
    const now = this.#now()
    const elapsed = now - this.#started
    if (elapsed < QUIET_MS || now - this.#drawn < EVERY_MS) return
    this.#drawn = now
    this.#isShown = true
    const text = progressText(read, this.#total, elapsed, this.#out.columns ?? 80)
    this.#out.write(`${ERASE}${text}`)
  }

  /** Takes the bar away: before anything else is written, and at the end. */
  clear(): void {
    if (this.#isShown) this.#out.write(ERASE)
    this.#isShown = false
  }
}

/** `[#####     ]  50%  120 MB  60 MB/s  0:02 left`; without a total no bar and no time left. */
export function progressText(
  read: number,
  total: number | null,
  elapsedMs: number,
  columns: number,
): string {
  const perSecond = elapsedMs > 0 ? (read * 1000) / elapsedMs : 0
  const words = [megabytes(read), `${megabytes(perSecond)}/s`]
  if (total === null || total === 0) return words.join('  ').slice(0, columns - 1)
  const part = Math.min(read / total, 1)
  const left = perSecond > 0 ? Math.max(total - read, 0) / perSecond : 0
  words.push(`${clock(left)} left`)
  const percent = `${String(Math.floor(part * 100)).padStart(3)}%`
  const text = `${percent}  ${words.join('  ')}`
  const width = Math.min(columns - 1 - text.length - 4, 40)
  if (width < 5) return text.slice(0, columns - 1)
  const full = Math.round(part * width)
  return `[${'#'.repeat(full)}${' '.repeat(width - full)}] ${text}`
}

function megabytes(octets: number): string {
  const millions = octets / 1e6
  return `${millions >= 100 ? Math.round(millions) : millions.toFixed(1)} MB`
}

/** Seconds as `1:02:03` or `2:03`. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (parts[0] === 0) parts.shift()
  return parts.map((part, k) => (k === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}
