/**
 * What Prometheus is told: the format, and when. The metrics are in metric-table.ts. Nothing is
 * kept for them: a scrape reads the counters that the tables have anyway.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { METRICS, type MetricSource, type MetricSpec } from './metric-table.ts'

/** The tables in the text format of Prometheus (version 0.0.4). */
export class Metrics {
  readonly #source: MetricSource
  #registry: Registry | null = null

  constructor(source: MetricSource) {
    this.#source = source
  }

  get contentType(): string {
    return Registry.PROMETHEUS_CONTENT_TYPE
  }

  /** The first call begins the process's own measures (event loop, garbage collection). */
  text(): Promise<string> {
    if (this.#registry === null) {
      this.#registry = new Registry()
      for (const spec of METRICS) register(this.#registry, spec, this.#source)
      collectDefaultMetrics({ register: this.#registry })
    }
    return this.#registry.metrics()
  }
}

/** A series whose row is gone is not told any more: each scrape begins empty. */
function register(registry: Registry, spec: MetricSpec, source: MetricSource): void {
  const { name, help, labels: labelNames, read } = spec
  const options = { name, help, labelNames, registers: [registry] }
  if (spec.type === 'gauge') {
    const gauge: Gauge = new Gauge({
      ...options,
      collect() {
        gauge.reset()
        read(source, (value, labels) => gauge.set(labels, value))
      },
    })
    return
  }
  const counter: Counter = new Counter({
    ...options,
    collect() {
      counter.reset()
      read(source, (value, labels) => counter.inc(labels, value))
    },
  })
}
