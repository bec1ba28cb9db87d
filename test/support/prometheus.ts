/** Reads the text format of Prometheus (exposition format 0.0.4), strictly. */

export interface MetricFamily {
  type: string
  help: string
  /** `name{a="x",b="y"}`, labels sorted -> value. */
  samples: Map<string, number>
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
/** prom-client writes `Nan`, which Prometheus reads as any spelling of it. */
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (Na[Nn]|[+-]?Inf|[-+.eE0-9]+)$`)
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

/** Throws at what is not in the format: a sample of no family, a family twice, a broken label. */
export function readMetrics(text: string): Map<string, MetricFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, MetricFamily>()
  let current: [string, MetricFamily] | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (comment) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string]
      if (kind === 'HELP') {
        if (families.has(name)) throw new Error(`${name} twice`)
        current = [name, { type: '', help: rest, samples: new Map() }]
        families.set(...current)
      } else if (current?.[0] === name) current[1].type = rest
      else throw new Error(`TYPE of ${name} without its HELP`)
      continue
    }
    const [, name, labels, value] = SAMPLE.exec(line) ?? []
    if (name === undefined) throw new Error(`not a sample: ${line}`)
    const [of, family] = current ?? ['', undefined]
    const suffix = name.slice(of.length)
    const isPart = family?.type === 'histogram' || family?.type === 'summary'
    const fits = suffix === '' || (isPart && ['_bucket', '_sum', '_count'].includes(suffix))
    if (!family || !name.startsWith(of) || !fits) throw new Error(`a sample of no family: ${line}`)
    const series = `${name}${labelText(labels ?? '')}`
    if (family.samples.has(series)) throw new Error(`${series} twice`)
    family.samples.set(series, Number(value!.replace('Inf', 'Infinity')))
  }
  return families
}

function labelText(text: string): string {
  if (text === '') return ''
  const labels: string[] = []
  for (LABEL.lastIndex = 0; LABEL.lastIndex < text.length; ) {
    const at = LABEL.lastIndex
    const [whole] = LABEL.exec(text) ?? []
    if (whole === undefined) throw new Error(`labels: ${text.slice(at)}`)
    labels.push(whole.replace(/,$/, ''))
  }
  return `{${labels.sort().join(',')}}`
}
