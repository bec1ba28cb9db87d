/** What the format-*.ts files share: a plain table that fits the terminal, colour, durations. */
import { styleText } from 'node:util'
import Table from 'cli-table3'

/** How wide the terminal is (null: not a terminal, nothing is cut) and whether to colour. */
export interface Style {
  width: number | null
  color: boolean
}

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** May be cut down to this many characters when the table is wider than the terminal. */
  shrinkTo?: number
  /** Cut only when cutting the others was not enough. */
  shrinkLast?: boolean
}

type Tone = 'good' | 'bad' | 'faint' | 'head'
const TONES = { good: 'green', bad: 'red', faint: 'gray', head: 'bold' } as const
const GAP = '  '

/** The text in a colour of the terminal, or as it is. */
export function paint(style: Style, tone: Tone, text: string): string {
  return style.color ? styleText(TONES[tone], text, { validateStream: false }) : text
}

/** A line a row, the titles first; no borders, no blanks at the end of a line. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
  tone: (row: number) => Tone | null = () => null,
): string[] {
  const widths = fit(columns, rows, style.width)
  const titles = columns.map((column) => column.title)
  const layOut = rows.length <= LONG_TABLE ? layOutTable : padRows
  return layOut([titles, ...rows.map((row) => row.map(printable))], columns, widths).map(
    (line, at) => {
      const rowTone = at === 0 ? 'head' : tone(at - 1)
      return rowTone ? paint(style, rowTone, line) : line
    },
  )
}

/** cli-table3 takes 0.2 ms a row (20 s for 100,000 routes): longer lists are padded here. */
const LONG_TABLE = 500

function padRows(
  rows: readonly (readonly string[])[],
  columns: readonly Column[],
  widths: readonly number[],
): string[] {
  const pad = (text: string, at: number) => {
    const width = widths[at]!
    if (text.length > width) return `${text.slice(0, width - 1)}…`
    return columns[at]!.align === 'right' ? text.padStart(width) : text.padEnd(width)
  }
  return rows.map((row) => row.map(pad).join(GAP).trimEnd())
}

function layOutTable(
  rows: readonly (readonly string[])[],
  columns: readonly Column[],
  colWidths: number[],
): string[] {
  const table = new Table({
    chars: PLAIN,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths,
    colAligns: columns.map((column) => column.align ?? 'left'),
  })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
}

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
}

/** Natural widths; where they do not fit, the columns that may shrink do, the widest first. */
function fit(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | null,
): number[] {
  const widths = columns.map((column) => column.title.length)
  for (const row of rows) {
    for (const [at, text] of row.entries()) widths[at] = Math.max(widths[at]!, text.length)
  }
  if (width === null) return widths
  const total = widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1))
  for (let over = total - width; over > 0; over--) {
    const at = widestOf(columns, widths, false) ?? widestOf(columns, widths, true)
    if (at === undefined) break
    widths[at]!--
  }
  return widths
}

function widestOf(
  columns: readonly Column[],
  widths: readonly number[],
  last: boolean,
): number | undefined {
  let widest: number | undefined
  for (const [at, { shrinkTo, shrinkLast = false }] of columns.entries()) {
    if (shrinkTo === undefined || shrinkLast !== last || widths[at]! <= shrinkTo) continue
    if (widest === undefined || widths[at]! > widths[widest]!) widest = at
  }
  return widest
}

/** `key   value` lines with the values under each other; null values are left out. */
export function renderFields(
  fields: readonly (readonly [string, string | null])[],
  indent = '',
): string[] {
  const shown = fields.filter((field): field is [string, string] => field[1] !== null)
  const width = Math.max(0, ...shown.map(([key]) => key.length))
  return shown.map(([key, value]) => `${indent}${key.padEnd(width)}  ${printable(value)}`.trimEnd())
}

/** `42s`, `12m05s`, `3h12m`, `4d07h`. */
export function formatAge(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`
}

/** `1 route`, `2 routes`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** A neighbour's words (a shutdown message, say) must not move the cursor or hide a line. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD')
}
