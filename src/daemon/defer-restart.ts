import { RestartDeferral } from '../rib/graceful-restart.ts'
import type { Speaker } from './speaker.ts'

/** With a restart time that leaves the rest to RFC 9494, sessions need their time all the same. */
const LEAST_SECONDS = 60

/** RFC 4724 §4.1: the kernel still forwards for a former run of ours. */
export function deferUntilCaughtUp(speaker: Speaker, wake: () => void): RestartDeferral {
  const { config, clock, log, neighbors } = speaker
  const names = neighbors.filter((n) => !n.config.shutdown).map((n) => n.name)
  log.info({ waiting: names }, 'restarting: kernel routes are kept until all have sent theirs')
  const seconds = Math.max(config.gracefulRestart.restartTime, LEAST_SECONDS)
  return new RestartDeferral(names, seconds, clock, {
    onSelected: wake,
    onDone: (late) => {
      log.info({ late }, 'all neighbours have sent theirs, or had their time')
      wake()
    },
  })
}
