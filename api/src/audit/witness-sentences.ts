/** What an agent says that it cannot confirm: the loudest sentences there are. */
import type { RecordedEvent } from '@travessia/schemas/events'
import type { RefusalReason } from '@travessia/schemas/witness'
import type { Text } from './phrases.ts'

const reasons: Readonly<Record<RefusalReason, Text>> = {
  signature: ['não foi assinado por uma chave conhecida', 'it is not signed by a known key'],
  origin: ['é de outro registro', 'it is of another log'],
  shorter: ['tem menos eventos', 'it has fewer events'],
  inconsistent: ['não é a continuação dele', 'it is not its continuation'],
}

export function witnessText(event: RecordedEvent, installation: string): Text | undefined {
  if (event.type !== 'WitnessRefused') return undefined
  const { reason, keptSize, shownSize } = event.data
  const [pt, en] = reasons[reason]
  return [
    `ALERTA: o agente de ${installation} guarda o registro com ${keptSize} eventos e não confirma o de ${shownSize} que lhe foi mostrado: ${pt}`,
    `ALERT: the agent of ${installation} keeps the log of ${keptSize} events and does not confirm that of ${shownSize} that it was shown: ${en}`,
  ]
}
