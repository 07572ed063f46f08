/** How a connection is refused. */
import { TravessiaError } from '@travessia/schemas/errors'

/** CONNACK return codes [MQTT-3.2.2]; aedes' own enum does not exist at run time. */
export const connackCode = {
  identifierRejected: 2,
  serverUnavailable: 3,
  badCredential: 4,
  notAuthorized: 5,
} as const

export function refusal(returnCode: number): Error & { returnCode: number } {
  return Object.assign(new TravessiaError('PERMISSION_DENIED'), { returnCode })
}
