/**
 * The image of the Dockerfile, built by Buildah with `--isolation chroot`: no daemon, no runtime, no
 * registry. In the place of the Dockerfile's two bases stands a Debian root of lab/root, with this
 * machine's Node added for the one that has it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const projectRoot = join(import.meta.dirname, '../..')

/** What the image says of itself, in Docker's words. */
export interface ImageConfig {
  User: string
  Entrypoint: string[]
  Cmd: string[]
  Healthcheck: { Test: string[] }
}

export function whyNoImage(): string | false {
  if (process.getuid?.() !== 0) return 'building an image needs root'
  for (const program of ['buildah', 'mmdebstrap', 'chroot', 'setpriv']) {
    if (spawnSync(program, ['--version']).error) return `${program} is not installed`
  }
  return false
}

export class ImageBuilder {
  readonly #folder: string
  readonly #store: string[]

  /** `folder` holds everything, and is to be removed after `close`. */
  constructor(folder: string) {
    this.#folder = folder
    const under = (driver: string) => [
      ...['--root', join(folder, driver), '--runroot', join(folder, `${driver}-run`)],
      ...['--storage-driver', driver],
    ]
    const overlay = under('overlay')
    // Not in a container whose own root is an overlay.
    const works = spawnSync('buildah', [...overlay, 'info']).status === 0
    this.#store = works ? overlay : under('vfs')
  }

  run(...args: string[]): string {
    return execFileSync('buildah', [...this.#store, ...args], {
      encoding: 'utf8',
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
    }).trim()
  }

  /** Builds the Dockerfile; returns the name of the image. */
  build(): string {
    this.#makeBases()
    const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim()
    const bases = ['--build-arg', 'NODE=localhost/node', '--build-arg', 'BASE=localhost/base']
    const volume = existsSync(cache) ? ['--volume', `${cache}:/root/.npm`] : []
    // Docker's format: OCI's has no health check.
    const how = ['--format', 'docker', '--isolation', 'chroot', '--layers=false', '--pull-never']
    this.run('build', ...how, ...volume, ...bases, '--tag', 'localhost/srv6d', '.')
    return 'localhost/srv6d'
  }

  configOf(image: string): ImageConfig {
    return JSON.parse(this.run('inspect', '--type', 'image', image)).Docker.config
  }

  /** Where a container's files are; a new container of the image. */
  mount(image: string): string {
    return this.run('mount', this.run('from', '--pull-never', image))
  }

  close(): void {
    for (const args of [
      ['umount', '--all'],
      ['rm', '--all'],
      ['rmi', '--all', '--force'],
    ]) {
      spawnSync('buildah', [...this.#store, ...args])
    }
    const { status } = spawnSync('umount', [join(this.#store[1]!, 'overlay')])
    if (status === null) throw new Error('no umount')
  }

  #makeBases(): void {
    const debian = execFileSync(join(projectRoot, 'lab/root'), ['image'], {
      encoding: 'utf8',
    }).trim()
    const tar = join(this.#folder, 'base.tar')
    execFileSync('tar', ['-C', debian, '--exclude', './dev/*', '-cf', tar, '.'])
    const base = this.run('from', 'scratch')
    this.run('add', '--quiet', base, tar, '/')
    this.run('config', '--env', `PATH=${PATH}`, base)
    this.run('commit', '--quiet', '--rm', base, 'localhost/base')
    this.#makeNode()
  }

  #makeNode(): void {
    const node = this.run('from', '--pull-never', 'localhost/base')
    this.run('copy', '--quiet', node, realpathSync(process.execPath), '/usr/local/bin/node')
    const npm = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim()
    const modules = '/usr/local/lib/node_modules'
    this.run('copy', '--quiet', node, join(npm, 'npm'), join(modules, 'npm'))
    const script = join(this.#folder, 'npm')
    writeFileSync(script, `#!/bin/sh\nexec node ${modules}/npm/bin/npm-cli.js "$@"\n`, {
      mode: 0o755,
    })
    this.run('copy', '--quiet', node, script, '/usr/local/bin/npm')
    const { NODE_EXTRA_CA_CERTS: authorities } = process.env
    if (authorities) {
      this.run('copy', '--quiet', node, realpathSync(authorities), AUTHORITIES)
      this.run('config', '--env', `NODE_EXTRA_CA_CERTS=${AUTHORITIES}`, node)
    }
    this.run('commit', '--quiet', '--rm', node, 'localhost/node')
  }
}

const AUTHORITIES = '/etc/ssl/extra.crt'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Octets of the files under a folder, on this file system alone. */
export function sizeOf(folder: string): number {
  const out = execFileSync('du', ['-sx', '--apparent-size', '--block-size=1', folder])
  return Number(out.toString().split('\t')[0])
}
