/** Who went through a turnstile, gave up or was denied, as a sentence. */
import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import type { Text } from './phrases.ts'

type Denial = Fact<'PassageDenied'>['data']['reason']

const turns = {
  clockwise: ['sentido horário', 'clockwise'],
  anticlockwise: ['sentido anti-horário', 'anticlockwise'],
} as const
const denials: Readonly<Record<Denial, Text>> = {
  denied: ['sem permissão', 'no permission'],
  'not-identified': ['pessoa não identificada', 'person not identified'],
  invalid: ['identificação inválida', 'invalid identification'],
  'timed-out': ['identificação não concluída', 'identification not completed'],
}

export function passageText(event: RecordedEvent, device: string): Text | undefined {
  switch (event.type) {
    case 'PassageConfirmed': {
      const { direction, way } = event.data
      const [pt, en] = turns[direction]
      const verb: Text =
        way === undefined
          ? ['Passagem confirmada em', 'Passage confirmed at']
          : way === 'entry'
            ? ['Entrada confirmada em', 'Entry confirmed at']
            : ['Saída confirmada em', 'Exit confirmed at']
      return ofUser([`${verb[0]} ${device}, ${pt}`, `${verb[1]} ${device}, ${en}`], event.data)
    }
    case 'PassageGivenUp':
      return ofUser(
        [`Ninguém passou por ${device}: desistiu`, `Nobody went through ${device}: gave up`],
        event.data,
      )
    case 'PassageDenied': {
      const [pt, en] = denials[event.data.reason]
      return ofUser(
        [`${device} negou a passagem: ${pt}`, `${device} denied the passage: ${en}`],
        event.data,
      )
    }
    case 'PassagesMissed': {
      const { count } = event.data
      return count === undefined
        ? [
            `O registro de ${device} recomeçou: pode faltar passagem`,
            `The list of ${device} began anew: passages may be missing`,
          ]
        : [
            `Linhas que faltam do registro de ${device}: ${count}`,
            `Rows missing from the list of ${device}: ${count}`,
          ]
    }
    default:
      return undefined
  }
}

function ofUser([pt, en]: Text, { deviceUserId }: { deviceUserId?: string }): Text {
  if (deviceUserId === undefined) return [pt, en]
  return [
    `${pt} (usuário ${deviceUserId} do equipamento)`,
    `${en} (the device’s user ${deviceUserId})`,
  ]
}
