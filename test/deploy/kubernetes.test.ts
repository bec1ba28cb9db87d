/** deploy/kubernetes: right by the schemas, and Cilium's objects and srv6d's files agree. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../src/daemon/config-load.ts'
import type { Config, IpPrefix } from '../../src/daemon/config-schema.ts'
import { prefix } from '../../src/daemon/config-values.ts'
import { familySpec } from '../../src/wire/registry.ts'
import {
  type Manifest,
  parseManifests,
  readManifests,
  schemaProblems,
} from '../support/kubernetes.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'deploy/kubernetes')
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
const yamlIn = (path: string) =>
  readdirSync(join(folder, path))
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .map((file) => join(path, file))

const files = [...yamlIn('.'), ...yamlIn('cilium')]
const objects = files.flatMap((file) => readManifests(join(folder, file)))
const nodes = yamlIn('nodes')
const configs = nodes.map((file) => loadConfig(join(folder, file)))
const all = (kind: string): Manifest[] => objects.filter((each) => each.kind === kind)
const only = (kind: string, name: string): Manifest => {
  const found = objects.filter((each) => each.kind === kind && each.metadata.name === name)
  if (found.length === 0) throw new Error(`no ${kind} ${name}`)
  return found[0]!
}
/** What docs/interop-cilium.md shows of the objects. */
const documented = [
  ...readFileSync(join(root, 'docs/interop-cilium.md'), 'utf8').matchAll(
    /^```yaml\n(kind: [\s\S]*?)^```$/gm,
  ),
].flatMap(([, text]) => parseManifests(text!))
const daemonSet = objects.find(
  ({ kind, spec }) => kind === 'DaemonSet' && spec.selector !== undefined,
)!

t.test('every object is as its published schema wants it, with no key beside', async (t) => {
  t.ok(objects.length >= 10)
  for (const object of objects) {
    // A strategic merge patch lacks what the object that it patches has.
    const isPatch = object.kind === 'DaemonSet' && object.spec.selector === undefined
    const problems = await schemaProblems(object)
    const expected = isPatch ? /^\/spec(\/template\/spec)?: required/ : /^$/
    t.strictSame(
      problems.filter((text) => !expected.test(text)),
      [],
      `${object.kind} ${object.metadata.name}`,
    )
  }
})

t.test('docs/interop-cilium.md shows parts of these objects', async (t) => {
  t.ok(documented.length >= 3)
  for (const part of documented) {
    t.has(only(part.kind, part.metadata.name), part, `${part.kind} ${part.metadata.name}`)
  }
})

t.test('the check of schemas finds a wrong type, a wrong value and an unknown key', async (t) => {
  const wrong = structuredClone(daemonSet)
  const [container] = wrong.spec.template.spec.containers
  container.resources.limits.memori = '1Gi'
  container.livenesProbe = container.livenessProbe
  container.ports[0].containerPort = '9179'
  const tag = structuredClone(only('CiliumBGPAdvertisement', 'network-blue'))
  tag.spec.advertisements[0].attributes.communities.large = ['65000:100']
  tag.spec.advertisements[0].attributes.comunities = {}
  const at = '/spec/template/spec/containers/0'
  t.strictSame(
    (await schemaProblems(wrong)).map((text) => text.replace(/ \{.*/, '')),
    [`${at}/ports/0/containerPort: type`, `${at}/livenesProbe: unknown key`],
    'resources are a map: any name goes',
  )
  t.strictSame(
    (await schemaProblems(tag)).map((text) => text.replace(/ \{.*/, '')),
    [
      '/spec/advertisements/0/attributes/communities/large/0: pattern',
      '/spec/advertisements/0/attributes/comunities: unknown key',
    ],
  )
})

t.test('the kustomizations name every file there is', async (t) => {
  const { resources, configMapGenerator, images } = parse(read('kustomization.yaml'))
  t.strictSame(resources.toSorted(), ['daemonset.yaml', 'namespace.yaml'])
  t.strictSame(configMapGenerator[0].files.toSorted(), nodes.toSorted())
  t.equal(configMapGenerator[0].name, daemonSet.spec.template.spec.volumes[0].configMap.name)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.match(images, [{ name: 'srv6d', newTag: version }])
  const { newName } = images[0]
  const sidecar = only('Deployment', 'srv6d-edge').spec.template.spec.initContainers[0]
  t.equal(sidecar.image, `${newName}:${version}`)
  t.strictSame(
    parse(read('cilium/kustomization.yaml')).resources.toSorted(),
    yamlIn('cilium')
      .map((file) => file.replace('cilium/', ''))
      .toSorted(),
  )
})

t.test(
  'the containers: what the image has, what the configuration says, no privileges',
  async (t) => {
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
    const [user] = /(?<=^USER )\d+/m.exec(dockerfile)!
    const wanted = [
      ...(/(?<=setcap )\S+(?=\+ep)/.exec(dockerfile)![0].matchAll(/cap_(\w+)/g) ?? []),
    ]
    const capabilities = wanted.map(([, name]) => name!.toUpperCase()).toSorted()
    const sidecar = only('Deployment', 'srv6d-edge').spec.template
    for (const template of [daemonSet.spec.template, sidecar]) {
      const { spec, metadata } = template
      const srv6d = [...(spec.initContainers ?? []), ...spec.containers].find(
        ({ name }: { name: string }) => name === 'srv6d',
      )
      t.match(srv6d.securityContext, { runAsUser: Number(user), runAsNonRoot: true })
      t.strictSame(srv6d.securityContext.capabilities.add.toSorted(), capabilities)
      t.strictSame(srv6d.securityContext.capabilities.drop, ['ALL'])
      t.equal(spec.securityContext.fsGroup, Number(user))
      t.equal(spec.hostNetwork, true)
      const [port] = srv6d.ports
      for (const probe of [srv6d.livenessProbe, srv6d.readinessProbe]) {
        t.equal(probe.httpGet.port, port.name)
        t.match(probe.httpGet.path, /^\/(healthz|readyz)$/)
      }
      t.strictSame(metadata.annotations, {
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': `${port.containerPort}`,
        'prometheus.io/path': '/metrics',
      })
      for (const { api } of configs) t.equal(api.listen?.port, port.containerPort)
      const mounts = srv6d.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)
      for (const { api } of configs)
        t.ok(mounts.some((at: string) => api.socket.startsWith(`${at}/`)))
      t.strictSame(srv6d.args, ['-c', `${mounts[0]}/$(NODE_NAME).yaml`])
    }
  },
)

t.test('the sidecar’s configuration: its own node, the networks of all', async (t) => {
  const { spec } = only('Deployment', 'srv6d-edge').spec.template
  const [file, ...others] = yamlIn('edge')
  t.strictSame(others, [])
  t.equal(file, `edge/${spec.nodeSelector['kubernetes.io/hostname']}.yaml`)
  t.match(read('sidecar.yaml'), `--from-file=deploy/kubernetes/${file}`)
  const edge = loadConfig(join(folder, file!))
  t.equal(edge.api.listen?.port, spec.initContainers[0].ports[0].containerPort)
  t.equal(edge.speakers[0]?.port, configs[0]!.speakers[0]!.port)
  for (const { router, locators, vrfs } of configs) {
    t.equal(edge.router.as, router.as)
    t.not(edge.router.routerIdText, router.routerIdText)
    t.not(edge.router.source.text, router.source.text)
    t.not(edge.locators[0]!.prefix.text, locators[0]!.prefix.text)
    t.not(edge.vrfs[0]!.rd.text, vrfs[0]!.rd.text)
    t.strictSame(edge.vrfs[0]!.importTargets, vrfs[0]!.importTargets)
  }
})

t.test('sysctls.yaml sets what systemd/srv6d.sysctl.conf does', async (t) => {
  const patch = objects.find(
    ({ kind, spec }) => kind === 'DaemonSet' && spec.selector === undefined,
  )!
  t.equal(patch.metadata.name, daemonSet.metadata.name)
  const script: string = patch.spec.template.spec.initContainers[0].command.at(-1)
  const set = [...script.matchAll(/echo (\d) > (\S+)/g)].map(
    ([, value, path]) => `${path!.replaceAll('/', '.')} = ${value}`,
  )
  const conf = readFileSync(join(root, 'systemd/srv6d.sysctl.conf'), 'utf8')
  const wanted = [...conf.matchAll(/^-?(net\.\S+ = \d)$/gm)].map(([, line]) => line!)
  t.strictSame(set, wanted)
})

t.test('the nodes differ in what must be unique, and agree in the rest', async (t) => {
  const unique = (of: (config: Config) => string) => {
    t.equal(new Set(configs.map(of)).size, configs.length, String(of))
  }
  unique(({ router }) => router.routerIdText)
  unique(({ router }) => router.source.text)
  unique(({ locators }) => locators[0]!.prefix.text)
  unique(({ vrfs }) => vrfs[0]!.rd.text)
  const shared = ({ vrfs }: Config) =>
    vrfs.map(({ name, importTargets, networks }) => ({ name, importTargets, networks }))
  for (const config of configs) t.strictSame(shared(config), shared(configs[0]!))
})

// ── Cilium's side ──

const [instance] = only('CiliumBGPClusterConfig', 'srv6d').spec.bgpInstances
const [peer] = instance.peers
const peerConfig = only('CiliumBGPPeerConfig', peer.peerConfigRef.name).spec

t.test('Cilium dials srv6d: nodes, AS numbers, address, port and families agree', async (t) => {
  const { nodeSelector } = only('CiliumBGPClusterConfig', 'srv6d').spec
  t.match(daemonSet.spec.template.spec.nodeSelector, nodeSelector.matchLabels)
  t.equal(instance.localPort, undefined, 'srv6d listens')
  const families = peerConfig.families.map(
    ({ afi, safi }: { afi: string; safi: string }) => `${afi}-${safi}`,
  )
  for (const { router, speakers } of configs) {
    t.equal(peer.peerASN, router.as)
    const [speaker] = speakers
    t.equal(speaker?.port, peerConfig.transport.peerPort)
    const [neighbor] = speaker!.neighbors
    t.equal(neighbor?.as, instance.localASN)
    t.equal(neighbor?.address.text, peer.peerAddress)
    t.strictSame(
      neighbor?.families.map((family) => familySpec(family).name),
      families,
    )
  }
  t.ok(peerConfig.timers.keepAliveTimeSeconds <= peerConfig.timers.holdTimeSeconds)
})

t.test('each network: pool, community and VRF are the same on both sides', async (t) => {
  const pools = all('CiliumPodIPPool')
  const advertisements = all('CiliumBGPAdvertisement')
  t.ok(pools.length >= 2)
  for (const { advertisements: selector } of peerConfig.families) {
    for (const { metadata } of advertisements) t.match(metadata.labels, selector.matchLabels)
  }
  for (const pool of pools) {
    const labels = pool.metadata.labels ?? {}
    const own = advertisements.flatMap(({ spec }) =>
      spec.advertisements.filter(
        ({ advertisementType, selector }: Manifest) =>
          advertisementType === 'CiliumPodIPPool' &&
          Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value),
      ),
    )
    t.equal(own.length, 1, `one advertisement of pool ${pool.metadata.name}`)
    const tags: string[] = own[0].attributes.communities.large
    for (const { vrfs } of configs) {
      const [vrf, ...others] = vrfs.filter(({ networks }) =>
        networks.some(({ community }) => tags.includes(community.text)),
      )
      t.equal(vrf?.name, pool.metadata.name)
      t.strictSame(others, [])
      const cidrs = [pool.spec.ipv4.cidrs, pool.spec.ipv6.cidrs].flat()
      const known = vrf!.networks.flatMap((network) => network.pools ?? [])
      t.strictSame(
        known.map(({ text }) => text).toSorted(),
        cidrs.map((text: string) => prefix.parse(text).text).toSorted(),
      )
    }
  }
})

t.test('Helm’s values: what the page asks for, and addresses as everywhere else', async (t) => {
  const values = parse(read('helm/cilium.yaml'))
  t.match(values, {
    bgpControlPlane: { enabled: true },
    ipam: { mode: 'multi-pool' },
    routingMode: 'native',
    endpointRoutes: { enabled: true },
    bpf: { hostLegacyRouting: true },
    kubeProxyReplacement: true,
  })
  const page = readFileSync(join(root, 'docs/interop-cilium.md'), 'utf8')
  const paths = Object.entries(values).flatMap(([key, value]) =>
    typeof value === 'object' ? Object.keys(value as object).map((k) => `${key}.${k}`) : [key],
  )
  for (const path of paths.filter((each) => !/^(ipv6\.|autoDirect)/.test(each))) {
    t.ok(page.includes(`\`${path}`), `the page says why: ${path}`)
  }
  const { ipv4, ipv6 } = values.ipam.operator.autoCreateCiliumPodIPPools.default
  const networks = all('CiliumPodIPPool').flatMap(({ spec }) => [
    ...spec.ipv4.cidrs,
    ...spec.ipv6.cidrs,
  ])
  for (const text of [...ipv4.cidrs, ...ipv6.cidrs]) {
    const own = prefix.parse(text)
    for (const { clusterPrefixes } of configs) {
      t.ok(
        clusterPrefixes.some((outer) => contains(outer, own)),
        `${text} is in the cluster`,
      )
    }
    for (const other of networks.map((each: string) => prefix.parse(each))) {
      t.notOk(contains(own, other) || contains(other, own), `${text} is apart from ${other.text}`)
    }
  }
  for (const text of [values.ipv4NativeRoutingCIDR, values.ipv6NativeRoutingCIDR]) {
    t.ok(
      configs.every((c) => c.clusterPrefixes.some((each) => each.text === prefix.parse(text).text)),
    )
  }
})

t.test('docs/interop-cilium.md shows a part of the configuration of each node', async (t) => {
  const page = readFileSync(join(root, 'docs/interop-cilium.md'), 'utf8')
  const [text] = /(?<=^```yaml\n)speakers:[\s\S]*?(?=^```$)/m.exec(page)!
  t.has(parse(read('nodes/worker-1.yaml')), parse(text))
})

t.test('pools lie in the cluster', async (t) => {
  for (const { spec } of all('CiliumPodIPPool')) {
    for (const text of [...spec.ipv4.cidrs, ...spec.ipv6.cidrs]) {
      const pool = prefix.parse(text)
      const isInside = ({ clusterPrefixes }: Config) =>
        clusterPrefixes.some((outer) => contains(outer, pool))
      t.ok(configs.every(isInside), text)
    }
  }
})

t.test('Cilium can cut the pools into blocks', async (t) => {
  const pools = all('CiliumPodIPPool')
  t.ok(pools.length >= 2)
  for (const { spec } of pools) {
    for (const { cidrs, maskSize } of [spec.ipv4, spec.ipv6]) {
      for (const text of cidrs) {
        // Its operator refuses more bits of IPv6.
        const more = maskSize - prefix.parse(text).bits
        t.ok(more >= 0 && more <= 16, `${text} in blocks of /${maskSize}`)
      }
    }
  }
})

t.test('a namespace names a pool that is there', async (t) => {
  const named = all('Namespace').flatMap(({ metadata }) => {
    return metadata.annotations?.['ipam.cilium.io/ip-pool'] ?? []
  })
  const there = all('CiliumPodIPPool').map(({ metadata }) => metadata.name)
  t.strictSame(named.toSorted(), there.toSorted())
})

function contains(outer: IpPrefix, inner: IpPrefix): boolean {
  if (outer.family !== inner.family || outer.bits > inner.bits) return false
  return outer.bytes.every((octet, at) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, outer.bits - at * 8))) & 0xff
    return ((octet ^ inner.bytes[at]!) & mask) === 0
  })
}
