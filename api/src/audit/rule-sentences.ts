/** Rules that people set, as sentences: a second person for commands, what a site allows, whom the log forgets. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { issuedText } from './command-sentences.ts'
import type { EventNames, Text } from './phrases.ts'

export function ruleText(
  event: RecordedEvent,
  { actor, device, installation }: Pick<EventNames, 'actor' | 'device' | 'installation'>,
): Text | undefined {
  switch (event.type) {
    case 'CommandHeld': {
      const [pt, en] = issuedText(event.data, { actor, device })
      const reason = String(event.data.args['reason'] ?? '')
      const why: Text = reason === '' ? ['', ''] : [`, motivo: ${reason}`, `, reason: ${reason}`]
      return [`${pt}${why[0]}; aguarda outra pessoa`, `${en}${why[1]}; waits for another person`]
    }
    case 'CommandApproved':
      return [
        `${actor} aprovou o comando a ${device}`,
        `${actor} approved the command to ${device}`,
      ]
    case 'CommandRejected':
      return [
        `${actor} rejeitou o comando a ${device}`,
        `${actor} rejected the command to ${device}`,
      ]
    case 'CommandLapsed':
      return [
        `Ninguém aprovou a tempo o comando a ${device}`,
        `Nobody approved the command to ${device} in time`,
      ]
    case 'PolicyChanged':
      return [`${actor} mudou a regra da segunda pessoa`, `${actor} changed the second-person rule`]
    case 'AgentPolicyStated':
      return [
        `Agente de ${installation} informou as regras do local`,
        `Agent of ${installation} stated the rules of the site`,
      ]
    case 'SubjectErased':
      return [
        `${actor} apagou os dados pessoais de alguém, e ninguém mais os lê`,
        `${actor} erased somebody’s personal data, and nobody reads them any more`,
      ]
    default:
      return undefined
  }
}
