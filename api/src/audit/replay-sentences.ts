/** Who looked at a session again: auditors are audited. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { gapCauseText } from '@travessia/schemas/recording-gaps'
import { counted, type EventNames, type Text } from './phrases.ts'

export function replayText(
  event: RecordedEvent,
  { actor, device, subject }: EventNames,
): Text | undefined {
  if (event.type === 'DomRecordingStored')
    return [
      `Trecho da tela de ${device} gravado (${counted(event.data.events, 'mudança')})`,
      `Part of the screen of ${device} recorded (${counted(event.data.events, 'change')})`,
    ]
  if (event.type === 'RecordingGapDetected') {
    const [pt, en] = gapCauseText(event.data.cause)
    return [
      `Lacuna na gravação da tela de ${device}: ${pt}`,
      `Gap in the recording of the screen of ${device}: ${en}`,
    ]
  }
  if (event.type !== 'SessionReplayed') return undefined
  return [
    `${actor} reviu a sessão de ${subject} em ${device}`,
    `${actor} replayed the session of ${subject} on ${device}`,
  ]
}
