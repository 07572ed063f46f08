import type { Aedes } from 'aedes'

/** Not all of `$SYS/…`: the engine for Redis talks to itself there. */
const announcement = /^\$SYS\/[^/]+\/(new|disconnect)\//

/**
 * Aedes tells of each connection and subscription, through the whole of its pipeline, for brokers that share its emitter.
 * There are none here, and nobody may read it.
 */
export function keepSystemSilent(aedes: Aedes): void {
  const publish = aedes.publish.bind(aedes) as (...message: Parameters<Aedes['publish']>) => void
  aedes.publish = (...message: Parameters<Aedes['publish']>) => {
    if (!announcement.test(message[0].topic)) publish(...message)
  }
}
