/**
 * The Dockerfile built (test/support/image.ts says how), and the image started as the DaemonSet and
 * the sidecar of deploy/kubernetes have it: user, capabilities, no new privileges, read-only root, configuration,
 * arguments and probes are read from the manifest.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  ImageBuilder,
  type ImageConfig,
  projectRoot,
  sizeOf,
  whyNoImage,
} from '../support/image.ts'
import { readManifests } from '../support/kubernetes.ts'
import { inOwnNamespace, ip } from '../support/namespace.ts'
import { readMetrics } from '../support/prometheus.ts'
import { tempFolder } from '../support/temp-folder.ts'

const { CI, SRV6D_TEST_NETNS, SRV6D_TEST_IMAGE } = process.env
const folder = join(projectRoot, 'deploy/kubernetes')
const manifest = (file: string) => readManifests(join(folder, file))[0]!.spec.template.spec
const NODE_NAME = 'worker-1'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** What Node, koffi and the bundles may take; bigger means that something slipped in. */
const OWN_MEGABYTES = 110

interface Built {
  root: string
  config: ImageConfig
}

if (SRV6D_TEST_NETNS) await started(JSON.parse(SRV6D_TEST_IMAGE!))
else await built()

async function built(): Promise<void> {
  const why = !CI && whyNoImage()
  if (why) return t.plan(0, why)
  t.setTimeout(600_000)
  const builder = new ImageBuilder(tempFolder(t))
  t.teardown(() => builder.close())
  const image = builder.build()
  const config = builder.configOf(image)
  const root = builder.mount(image)
  await t.test('the image holds what runs, and nothing to build with', async (t) => {
    const shared = join(root, 'usr/local/share/srv6d')
    for (const file of ['dist/srv6d.js', 'dist/fib-worker.js', 'conf/srv6d.yaml', 'LICENSE']) {
      t.ok(existsSync(join(shared, file)), file)
    }
    const binaries = execFileSync('find', [join(shared, 'node_modules'), '-name', '*.node'])
    t.match(binaries.toString(), /^\S+\/linux_\w+\/koffi\.node\n$/, 'for one platform')
    t.notOk(existsSync(join(root, 'usr/local/lib/node_modules')), 'no npm')
    const before = sizeOf(builder.mount('localhost/base'))
    const after = sizeOf(root)
    const megabytes = (bytes: number) => Math.round(bytes / 1e6)
    t.comment(`root ${megabytes(after)} MB, ${megabytes(after - before)} MB over its base`)
    t.ok(after - before < OWN_MEGABYTES * 1e6, `${after - before} octets over the base`)
  })
  await t.test('the image is not root’s and knows how to be asked', async (t) => {
    t.equal(config.User, '179:179')
    t.strictSame(config.Cmd, ['-c', '/etc/srv6d/srv6d.yaml'])
    t.equal(config.Healthcheck.Test[0], 'CMD')
    const capabilities = execFileSync('getcap', ['-r', join(root, 'usr/local')]).toString()
    t.match(
      capabilities,
      /^\S+\/srv6d\/setpriv cap_net_bind_service,cap_net_admin,cap_net_raw=ep\n$/,
    )
  })
  Object.assign(process.env, { SRV6D_TEST_IMAGE: JSON.stringify({ root, config }) })
  await inOwnNamespace(t, import.meta.url, async () => {}, ['-m'])
}

async function started({ root, config }: Built): Promise<void> {
  const { containers, securityContext } = manifest('daemonset.yaml')
  const [container] = containers
  // What the init container of sysctls.yaml does on the host.
  const sysctls = manifest('sysctls.yaml').initContainers[0].command
  execFileSync(sysctls[0], sysctls.slice(1))
  ip('link set lo up')
  for (const source of ['2001:db8:ffff::11', '2001:db8:ffff::21'])
    ip(`addr add ${source}/128 dev lo`)
  mountAll(root, securityContext.fsGroup)

  await t.test('without NET_ADMIN it does not start', async (t) => {
    const capabilities = ['NET_RAW', 'NET_BIND_SERVICE']
    const { status, stderr } = inContainer(root, container, capabilities, [
      ...config.Entrypoint,
      ...argsOf(container, NODE_NAME),
    ])
    t.not(status, 0)
    t.match(stderr, /Operation not permitted/)
  })

  await t.test('as the DaemonSet starts it: ready, probes, metrics, health check', (t) =>
    runs(t, { root, config }, container, { node: NODE_NAME, routerId: '192.0.2.11', sids: 2 }),
  )
  // another node: what the DaemonSet's has left in the kernel is not there
  for (const family of ['-4', '-6']) ip(`${family} route flush table all proto 152`)
  ip('nexthop flush protocol 152')
  const [sidecar] = manifest('sidecar.yaml').initContainers
  await t.test('as a sidecar: the same, with its own configuration', (t) =>
    runs(t, { root, config }, sidecar, { node: 'edge-1', routerId: '192.0.2.21', sids: 1 }),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: a manifest, checked by its schema elsewhere
type Container = any

function argsOf({ args }: Container, node: string): string[] {
  return args.map((text: string) => text.replace('$(NODE_NAME)', node))
}

async function runs(
  t: Test,
  { root, config }: Built,
  container: Container,
  expected: { node: string; routerId: string; sids: number },
): Promise<void> {
  const { add } = container.securityContext.capabilities
  const start = [...config.Entrypoint, ...argsOf(container, expected.node)]
  const [command, ...rest] = commandIn(root, container, add, start)
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const daemon = spawn(command!, rest, { stdio })
  let log = ''
  for (const stream of [daemon.stdout, daemon.stderr]) {
    stream.on('data', (chunk) => {
      log += chunk
    })
  }
  const ended = new Promise<number | null>((resolve) => daemon.on('exit', resolve))
  t.teardown(() => daemon.kill('SIGKILL'))
  const [port] = container.ports
  const ask = (path: string) => fetch(`http://127.0.0.1:${port.containerPort}${path}`)
  const { path } = container.readinessProbe.httpGet
  const isReady = async () => (await ask(path).catch(() => null))?.status === 200
  for (let k = 0; k < 900 && !(await isReady()) && daemon.exitCode === null; k++) await sleep(200)
  if (!(await isReady())) throw new Error(`not ready: ${log}`)
  t.equal((await ask(container.livenessProbe.httpGet.path)).status, 200)
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  t.match(status, /^Uid:\s179\s179/m)
  t.match(status, /^CapEff:\s0{12}3400$/m, 'three capabilities')
  t.match(status, /^NoNewPrivs:\s1$/m)
  const metrics = readMetrics(await (await ask('/metrics')).text())
  const sids = metrics.get('srv6d_sids')!.samples
  t.ok(sids.get('srv6d_sids{state="installed"}')! >= expected.sids, 'a SID a VRF at least')
  t.equal(sids.get('srv6d_sids{state="failed"}'), 0)
  t.equal(metrics.get('srv6d_fib_routes')!.samples.get('srv6d_fib_routes{state="failed"}'), 0)
  const check = inContainer(root, container, [], config.Healthcheck.Test.slice(1))
  t.equal(check.status, 0, `${check.stdout}${check.stderr}`)
  t.match(check.stdout, expected.routerId)
  daemon.kill('SIGTERM')
  t.equal(await ended, 0)
  const after = inContainer(root, container, [], config.Healthcheck.Test.slice(1))
  t.not(after.status, 0, 'nobody answers the health check any more')
}

/** The ConfigMaps of both, in one folder. */
function configurations(): string {
  const all = tempFolder(t)
  chmodSync(all, 0o755)
  for (const from of ['nodes', 'edge']) cpSync(join(folder, from), all, { recursive: true })
  return all
}

/** The mounts of the pod: /proc/sys and the root not to be written, configuration and socket. */
function mountAll(root: string, group: number): void {
  const script = `
    mount --bind "$1" "$1"
    mount --bind /proc "$1/proc"
    mount --bind /proc/sys "$1/proc/sys"
    mount -o remount,bind,ro "$1/proc/sys"
    mount --bind /dev "$1/dev"
    mkdir -p "$1/etc/srv6d"
    mount --bind "$2" "$1/etc/srv6d"
    mount -t tmpfs -o "mode=2770,gid=$3" none "$1/run/srv6d"
    mount -o remount,bind,ro "$1"`
  execFileSync('sh', ['-ec', script, 'sh', root, configurations(), String(group)])
}

/**
 * As a runtime starts it: these capabilities alone, in the bounding set and, as containerd does also
 * for a user who is not root, among the permitted ones; not ambient.
 */
function commandIn(
  root: string,
  { securityContext }: { securityContext: Record<string, unknown> },
  capabilities: string[],
  command: string[],
): string[] {
  const { runAsUser, runAsGroup, allowPrivilegeEscalation } = securityContext
  const kept = capabilities.map((name) => `,+${name.toLowerCase()}`).join('')
  return [
    // tap puts options for Node into the environment of what it sees started
    ...['env', '-i', `PATH=${PATH}`, 'chroot', root, '/usr/bin/setpriv', '--clear-groups'],
    ...['--reuid', `${runAsUser}`, '--regid', `${runAsGroup}`],
    ...['--inh-caps', '-all', '--bounding-set', `-all${kept}`],
    ...(allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
    ...['--', ...command],
  ]
}

function inContainer(...of: Parameters<typeof commandIn>) {
  const [command, ...args] = commandIn(...of)
  return spawnSync(command!, args, { encoding: 'utf8', timeout: 240_000 })
}
