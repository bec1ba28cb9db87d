/**
 * Kubernetes' and Cilium's published schemas, as the validators that the packages kubernetes-models
 * and @kubernetes-models/cilium make of them. Those let unknown keys pass, which the API server
 * would drop without a word: here a key is unknown when no validator ever asks for it.
 */
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'

/** Enough of an object to be found by. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  // biome-ignore lint/suspicious/noExplicitAny: checked by the schema, then read by tests
  spec: any
  // biome-ignore lint/suspicious/noExplicitAny: the same
  [key: string]: any
}

export function readManifests(file: string): Manifest[] {
  return parseManifests(readFileSync(file, 'utf8'))
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS() as Manifest
  })
}

const SCHEMAS: Record<string, string> = {
  v1: 'kubernetes-models/_schemas/IoK8sApiCoreV1',
  'apps/v1': 'kubernetes-models/_schemas/IoK8sApiAppsV1',
  'cilium.io/v2': '@kubernetes-models/cilium/_schemas/ComGithubCiliumCiliumPkgK8sApisCiliumIoV2',
  'cilium.io/v2alpha1':
    '@kubernetes-models/cilium/_schemas/ComGithubCiliumCiliumPkgK8sApisCiliumIoV2alpha1',
}

interface Validate {
  (data: unknown): boolean
  errors?: { instancePath: string; keyword: string; params: unknown }[] | null
}

/** What the API server would have against an object, a line each. */
export async function schemaProblems(manifest: Manifest): Promise<string[]> {
  const schemas = SCHEMAS[manifest.apiVersion]
  if (schemas === undefined) return [`no schema of ${manifest.apiVersion}`]
  const module: { validate: Validate } = await import(`${schemas}${manifest.kind}`)
  const asked = new Map<string, Set<string> | 'any'>()
  module.validate(watched(manifest, '', asked))
  const errors = module.validate.errors ?? []
  return [
    ...errors.map((e) => `${e.instancePath}: ${e.keyword} ${JSON.stringify(e.params)}`),
    ...unknownKeys(manifest, '', asked),
  ]
}

/** The same object, noting by path which keys are read; `any`: the keys are listed, as of a map. */
function watched<T>(value: T, path: string, asked: Map<string, Set<string> | 'any'>): T {
  if (value === null || typeof value !== 'object') return value
  return new Proxy(value, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key)
      if (typeof key === 'symbol' || typeof found === 'function') return found
      const there = asked.get(path)
      if (there === undefined) asked.set(path, new Set([key]))
      else if (there !== 'any') there.add(key)
      return watched(found, `${path}/${key}`, asked)
    },
    ownKeys(target) {
      asked.set(path, 'any')
      return Reflect.ownKeys(target)
    },
  })
}

function unknownKeys(
  value: unknown,
  path: string,
  asked: Map<string, Set<string> | 'any'>,
): string[] {
  if (value === null || typeof value !== 'object') return []
  const known = asked.get(path)
  return Object.entries(value).flatMap(([key, each]) => {
    const here = `${path}/${key}`
    const isKnown = Array.isArray(value) || known === 'any' || known?.has(key)
    return isKnown ? unknownKeys(each, here, asked) : [`${here}: unknown key`]
  })
}
