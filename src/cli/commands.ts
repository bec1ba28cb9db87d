/**
 * The command line of srv6d-cli: yargs says what was asked, a job fetches the answer and prints it;
 * `decode`, which needs no daemon, prints as it reads.
 * Ends with 0, with 1 when there is no answer to give, with 2 when the command line is wrong.
 */
import { isIP, SocketAddress } from 'node:net'
import yargs from 'yargs'
import manifest from '../../package.json' with { type: 'json' }
import type {
  LocatorsReply,
  NeighborsReply,
  RoutesReply,
  SidsReply,
  Status,
  VrfsReply,
} from '../daemon/api-schema.ts'
import { ClientError, get } from './client.ts'
import type { DecodeArguments } from './decode.ts'
import { askDoctor } from './doctor.ts'
import { formatFindings } from './format-doctor.ts'
import { formatNeighborDetail, formatNeighborTable } from './format-neighbors.ts'
import { formatRouteDetail, formatRouteTable, type RouteScope } from './format-routes.ts'
import { formatLocatorTable, formatSidTable, formatStatus } from './format-sids.ts'
import { formatVrfDetail, formatVrfTable } from './format-vrfs.ts'
import type { Style } from './table.ts'

const DEFAULT_CONFIG = '/etc/srv6d/srv6d.yaml'
const DEFAULT_SOCKET = '/run/srv6d/srv6d.sock'

const USAGE = `Asks srv6d what it knows, and decodes files without it.

  $0 show routes [vrf NAME | vpn | node] [PREFIX | ADDRESS]
  $0 show neighbors [ADDRESS]
  $0 show vrfs [NAME]
  $0 show sids
  $0 show locators
  $0 show status
  $0 doctor
  $0 decode FILE | HEX | -`

/** What the CLI needs of its process; a test brings its own. */
export interface CliProcess {
  env: {
    SRV6D_SOCKET?: string | undefined
    NO_COLOR?: string | undefined
    TERM?: string | undefined
  }
  stdin?: AsyncIterable<Uint8Array>
  stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number }
}

/** The options every command has. */
interface Common {
  json: boolean
  socket: string
}

interface Answer {
  /** What --json prints. */
  objects: unknown
  lines: (style: Style) => string[]
  /** 0 unless what was found is bad. */
  exitCode?: number
}

type Job = () => Promise<Answer>

/** Runs one command line and gives the exit status. */
export async function runCli(args: readonly string[], io: CliProcess): Promise<number> {
  try {
    const { job, decoding, json, help } = await readCommandLine(args, io)
    if (decoding) {
      // Loaded only here: most of what it needs `show` does not.
      const { decode } = await import('./decode.ts')
      return await decode({ ...decoding, json }, io, styleOf(io))
    }
    if (!job) {
      io.stdout.write(`${help}\n`)
      return 0
    }
    const { objects, lines, exitCode = 0 } = await job()
    const text = json ? JSON.stringify(objects, null, 2) : lines(styleOf(io)).join('\n')
    io.stdout.write(`${text}\n`)
    return exitCode
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    io.stderr.write(`srv6d-cli: ${error.message}\n`)
    return error.exitCode
  }
}

const SHOW_WHAT = 'expected show and one of routes, neighbors, vrfs, sids, locators, status'

interface Wanted {
  job: Job | null
  /** The arguments of `decode`. */
  decoding: Omit<DecodeArguments, 'json'> | null
  json: boolean
  /** The text of --help or --version, when that was asked. */
  help: string
}

async function readCommandLine(args: readonly string[], io: CliProcess): Promise<Wanted> {
  const wanted: Wanted = { job: null, decoding: null, json: false, help: '' }
  const choose = (argv: Common, job: Job) => {
    wanted.json = argv.json
    wanted.job = job
  }
  const parser = yargs()
    .scriptName('srv6d-cli')
    .usage(USAGE)
    .option('json', { type: 'boolean', default: false, describe: 'print objects, not a table' })
    .option('socket', {
      type: 'string',
      default: io.env.SRV6D_SOCKET || DEFAULT_SOCKET,
      defaultDescription: `$SRV6D_SOCKET or ${DEFAULT_SOCKET}`,
      describe: "the daemon's API socket",
    })
    .command('show', false, (show) =>
      show
        .command(
          ['routes [what..]', 'route'],
          'a line a path; with a prefix or an address: every path in full',
          (routes) =>
            routes
              .positional('what', {
                type: 'string',
                array: true,
                describe: 'vrf NAME, vpn, node, PREFIX',
              })
              .option('family', { type: 'string', describe: 'ipv4-unicast, ipv6-unicast, …' })
              .option('limit', { type: 'string', describe: 'at most this many prefixes' }),
          (argv) => choose(argv, () => showRoutes(argv, io)),
        )
        .command(
          ['neighbors [address]', 'neighbor'],
          'a line a neighbor; with an address: in full',
          (neighbors) => neighbors.positional('address', { type: 'string' }),
          (argv) => choose(argv, () => showNeighbors(argv.socket, argv.address)),
        )
        .command(
          ['vrfs [name]', 'vrf'],
          'a line a VRF; with a name: in full',
          (vrfs) => vrfs.positional('name', { type: 'string' }),
          (argv) => choose(argv, () => showVrfs(argv.socket, argv.name)),
        )
        .command(
          ['sids', 'sid'],
          'the local SIDs',
          (sids) => sids,
          (argv) => choose(argv, () => showSids(argv.socket)),
        )
        .command(
          ['locators', 'locator'],
          'where SIDs are taken from, and how many are left',
          (locators) => locators,
          (argv) => choose(argv, () => showLocators(argv.socket)),
        )
        .command(
          'status',
          'the daemon itself',
          (status) => status,
          (argv) => choose(argv, () => showStatus(argv.socket)),
        )
        .demandCommand(1, SHOW_WHAT)
        .strictCommands(),
    )
    .command(
      'doctor',
      'what this host lacks for SRv6 L3VPN, and the commands that mend it',
      (doctor) =>
        doctor.option('config', {
          type: 'string',
          default: DEFAULT_CONFIG,
          describe: 'configuration to examine for while srv6d is not running',
        }),
      (argv) => choose(argv, () => showDoctor(argv.socket, argv.config, io)),
    )
    .command(
      'decode <input..>',
      'MRT, pcap, BGP messages, hex: a file, - for standard input, or hex digits',
      (decode) =>
        decode
          .positional('input', { type: 'string', array: true, demandOption: true })
          .option('summary', { type: 'boolean', default: false, describe: 'only counts' })
          .option('family', { type: 'string', describe: 'only what has routes of this family' })
          .option('add-path', {
            type: 'boolean',
            default: false,
            describe: 'NLRI have path identifiers, though no OPEN says so',
          }),
      (argv) => {
        const { summary, family, addPath } = argv
        // yargs demands an argument, and gives none when it is `-`
        const input = argv.input.length === 0 ? ['-'] : argv.input
        wanted.json = argv.json
        wanted.decoding = { input, summary, family, addPath }
      },
    )
    .demandCommand(1, 'expected a command: show, doctor or decode')
    .strict()
    .detectLocale(false)
    .version(manifest.version)
    .help()
    .wrap(80)
    .exitProcess(false)
    .fail((message, error) => {
      const words = `${message[0]?.toLowerCase()}${message.slice(1)}`
      throw error ?? new ClientError(`${words} (--help tells more)`, 2)
    })
  await parser.parseAsync([...args], {}, (_error, _argv, output) => {
    wanted.help = output
  })
  return wanted
}

interface RouteArguments extends Common {
  what?: string[] | undefined
  family?: string | undefined
  limit?: string | undefined
}

async function showRoutes(argv: RouteArguments, io: CliProcess): Promise<Answer> {
  const scope = { ...readScope(argv.what ?? []), family: argv.family }
  const { vrf, table, prefix, family } = scope
  const reply = await get<RoutesReply>(argv.socket, '/v1/routes', {
    vrf,
    prefix,
    family,
    table,
    limit: argv.limit,
  })
  const { routes, truncated } = reply
  if (truncated && argv.json) io.stderr.write('srv6d-cli: there are more routes: raise --limit\n')
  return {
    objects: routes,
    lines: (style) =>
      prefix === undefined
        ? formatRouteTable(routes, scope, truncated, style)
        : formatRouteDetail(routes, scope, style),
  }
}

/** `[vrf NAME | vpn | node] [PREFIX]` */
function readScope(words: string[]): RouteScope {
  const rest = [...words]
  const scope: RouteScope = {}
  if (rest[0] === 'vrf') {
    rest.shift()
    scope.vrf = rest.shift()
    if (scope.vrf === undefined) throw new ClientError('vrf: expected the name of a VRF', 2)
  } else if (rest[0] === 'vpn' || rest[0] === 'node') {
    scope.table = rest[0]
    rest.shift()
  }
  scope.prefix = rest.shift()
  if (rest.length > 0 || (scope.prefix !== undefined && !isIP(scope.prefix.split('/')[0]!))) {
    const wrong = rest[0] ?? scope.prefix
    throw new ClientError(`"${wrong}": expected [vrf NAME | vpn | node] [PREFIX | ADDRESS]`, 2)
  }
  return scope
}

async function showNeighbors(socket: string, address: string | undefined): Promise<Answer> {
  const { neighbors } = await get<NeighborsReply>(socket, '/v1/neighbors')
  if (address === undefined) {
    return { objects: neighbors, lines: (style) => formatNeighborTable(neighbors, style) }
  }
  const wanted = canonical(address)
  const found = neighbors.filter((each) => each.address === wanted)
  if (found.length === 0) {
    const known = neighbors.map((each) => each.address)
    throw new ClientError(`there is no neighbor ${address}: ${thereAre(known)}`)
  }
  return { objects: found, lines: (style) => formatNeighborDetail(found, style) }
}

async function showVrfs(socket: string, name: string | undefined): Promise<Answer> {
  const { vrfs } = await get<VrfsReply>(socket, '/v1/vrfs')
  if (name === undefined) {
    return { objects: vrfs, lines: (style) => formatVrfTable(vrfs, style) }
  }
  const found = vrfs.find((each) => each.name === name)
  if (!found) {
    const known = vrfs.map((each) => each.name)
    throw new ClientError(`no VRF is called "${name}": ${thereAre(known)}`)
  }
  return { objects: found, lines: (style) => formatVrfDetail(found, style) }
}

async function showSids(socket: string): Promise<Answer> {
  const { sids } = await get<SidsReply>(socket, '/v1/sids')
  return { objects: sids, lines: (style) => formatSidTable(sids, style) }
}

async function showLocators(socket: string): Promise<Answer> {
  const { locators } = await get<LocatorsReply>(socket, '/v1/locators')
  return { objects: locators, lines: (style) => formatLocatorTable(locators, style) }
}

async function showStatus(socket: string): Promise<Answer> {
  const status = await get<Status>(socket, '/v1/status')
  return { objects: status, lines: (style) => formatStatus(status, style) }
}

async function showDoctor(socket: string, config: string, io: CliProcess): Promise<Answer> {
  const findings = await askDoctor(socket, config, (text) => io.stderr.write(`${text}\n`))
  return {
    objects: findings,
    lines: (style) => formatFindings(findings, style),
    exitCode: findings.some(({ state }) => state === 'failed') ? 1 : 0,
  }
}

function thereAre(known: string[]): string {
  return known.length === 0 ? 'none is configured' : `there are ${known.join(', ')}`
}

/** `2001:DB8:0::1` -> `2001:db8::1`, the way the daemon writes addresses. */
function canonical(address: string): string {
  const version = isIP(address)
  if (version === 0) throw new ClientError(`"${address}": expected the address of a neighbor`, 2)
  return new SocketAddress({ address, family: version === 4 ? 'ipv4' : 'ipv6' }).address
}

/** Plain and uncut unless a person looks at it. */
function styleOf({ stdout, env }: CliProcess): Style {
  if (!stdout.isTTY) return { width: null, color: false }
  const color = !env.NO_COLOR && env.TERM !== 'dumb'
  return { width: stdout.columns ?? 80, color }
}
