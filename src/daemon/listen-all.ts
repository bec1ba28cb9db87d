import type { ListenAddress } from '../session/listener.ts'
import type { Speaker } from './speaker.ts'

/** Listens at every configured address, in the main table and in each VRF that has neighbours. */
export async function listenAll(speaker: Speaker): Promise<void> {
  const { vrfs, config } = speaker
  const inVrfs = vrfs.filter((vrf) => vrf.config.neighbors.length > 0)
  for (const { address, port } of config.listen) {
    await listenAt(speaker, { address: address.text, port })
    for (const bindDevice of inVrfs.flatMap((vrf) => vrf.plane.listenDevices)) {
      await listenAt(speaker, { address: address.text, port, bindDevice })
    }
  }
}

async function listenAt({ listeners, log, problems }: Speaker, at: ListenAddress): Promise<void> {
  try {
    await listeners.listen(at)
    log.info(at, 'listening')
  } catch (error) {
    problems.push((error as Error).message)
    log.error({ ...at, err: error }, 'not listening')
  }
}
