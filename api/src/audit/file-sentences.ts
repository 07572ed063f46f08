/** What became of a file for a printer. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { counted, type Text } from './phrases.ts'

export function fileText(
  event: RecordedEvent,
  { actor, device }: { readonly actor: string; readonly device: string },
): Text | undefined {
  if (event.type === 'FileUploaded') {
    const { name, length } = event.data
    const size = counted(length, 'byte')
    return [
      `${actor} enviou ao servidor o arquivo ${name} (${size}), para ${device}`,
      `${actor} sent the file ${name} (${size}) to the server, for ${device}`,
    ]
  }
  if (event.type !== 'FileRemoved') return undefined
  const { name, reason } = event.data
  return reason === 'sent'
    ? [
        `O arquivo ${name} foi apagado do servidor: já está em ${device}`,
        `The file ${name} was deleted from the server: ${device} has it`,
      ]
    : [
        `O arquivo ${name} foi apagado do servidor: o prazo acabou`,
        `The file ${name} was deleted from the server: its time was over`,
      ]
}
