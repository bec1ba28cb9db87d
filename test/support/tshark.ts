/** tshark as an independent decoder. A test that needs it skips without, and fails where CI is set. */
import { spawnSync } from 'node:child_process'

const version = spawnSync('tshark', ['--version'], { encoding: 'utf8' })
export const isMissing: boolean = version.error !== undefined || version.status !== 0

/** What tshark prints. */
export function tshark(args: string[]): string {
  // -n: no name lookups; the wide default of tcp.analyze stays on, as the stream is whole.
  const run = spawnSync('tshark', ['-n', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  })
  if (run.status !== 0) throw new Error(`tshark ${args.join(' ')}: ${run.stderr}`)
  return run.stdout
}

/** A display filter: malformed, or an expert warning or error. */
export const COMPLAINTS = '_ws.malformed || _ws.expert.severity >= 0x600000 || bgp.length.invalid'

/** A field of a packet: what tshark shows, and its octets. */
export interface Field {
  name: string
  show: string
  octets: string
}

/** The fields of each packet with a BGP message in it, in order. */
export function dissect(file: string): Field[][] {
  const xml = tshark(['-r', file, '-T', 'pdml', '-Y', 'bgp'])
  return xml
    .split('<packet>')
    .slice(1)
    .map((packet) =>
      [...packet.matchAll(/<field name="([^"]*)"[^>]*?>/g)].map(([tag, name]) => ({
        name: name!,
        show: unescaped(/ show="([^"]*)"/.exec(tag)?.[1] ?? ''),
        octets: / value="([^"]*)"/.exec(tag)?.[1] ?? '',
      })),
    )
}

const unescaped = (text: string) =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
