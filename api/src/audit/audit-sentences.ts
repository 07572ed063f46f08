/** Who read the audit, and took it elsewhere, as sentences. */
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Text } from './command-sentences.ts'
import type { EventNames } from './sentences.ts'

const lists: Readonly<Record<string, Text>> = {
  events: ['eventos', 'events'],
  sessions: ['sessões', 'sessions'],
  session: ['uma sessão', 'one session'],
  state: ['o estado em um momento', 'the state at a moment'],
}

export function auditText(
  event: RecordedEvent,
  { actor }: Pick<EventNames, 'actor'>,
): Text | undefined {
  switch (event.type) {
    case 'AuditQueried': {
      const [pt, en] = lists[event.data.list] ?? ['', '']
      return [`${actor} consultou a auditoria: ${pt}`, `${actor} read the audit: ${en}`]
    }
    case 'AuditExported':
      return [
        `${actor} exportou a auditoria (${event.data.format})`,
        `${actor} exported the audit (${event.data.format})`,
      ]
    default:
      return undefined
  }
}
