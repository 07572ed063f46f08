/** Who read the audit, who takes it elsewhere, and what became of the log and its node, as sentences. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { counted, type EventNames, type Text, withError, withReason } from './phrases.ts'

const lists: Readonly<Record<string, Text>> = {
  events: ['eventos', 'events'],
  event: ['um evento', 'one event'],
  sessions: ['sessões', 'sessions'],
  session: ['uma sessão', 'one session'],
  state: ['o estado em um momento', 'the state at a moment'],
  body: ['conteúdo gravado', 'recorded content'],
  live: ['o que acabou de acontecer', 'what has just happened'],
}

/** As the app calls them. */
const formats: Readonly<Record<string, Text>> = {
  csv: ['CSV', 'CSV'],
  jsonl: ['JSONL', 'JSONL'],
  bundle: ['prova', 'evidence'],
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
    case 'AuditExported': {
      const [pt, en] = formats[event.data.format] ?? ['', '']
      return [`${actor} exportou a auditoria (${pt})`, `${actor} exported the audit (${en})`]
    }
    case 'AuditExportEnded':
      return exportEnded(event.data, actor)
    case 'AuditFeedAdded': {
      const { name, host } = event.data
      return [
        `${actor} passou a enviar a auditoria a ${name} (${host})`,
        `${actor} began to send the audit to ${name} (${host})`,
      ]
    }
    case 'AuditFeedChanged': {
      const { name, host, isEnabled } = event.data
      const [pt, en] = isEnabled ? ['', ''] : [', suspenso', ', suspended']
      return [
        `${actor} alterou o envio da auditoria a ${name} (${host})${pt}`,
        `${actor} changed the sending of the audit to ${name} (${host})${en}`,
      ]
    }
    case 'AuditFeedRemoved':
      return [`${actor} removeu um envio da auditoria`, `${actor} removed a sending of the audit`]
    case 'AuditFeedTested':
      return [`${actor} testou um envio da auditoria`, `${actor} tested a sending of the audit`]
    case 'AuditFeedFailing':
      return withError(
        ['Um envio da auditoria não está chegando', 'A sending of the audit does not arrive'],
        event.data.errorCode,
      )
    default:
      return retentionText(event, actor)
  }
}

function exportEnded(
  { outcome, events }: RecordedEvent<'AuditExportEnded'>['data'],
  actor: string,
): Text {
  const [pt, en] = [counted(events, 'evento'), counted(events, 'event')]
  return outcome === 'complete'
    ? [
        `${actor} recebeu o arquivo da auditoria: ${pt}`,
        `${actor} was sent the file of the audit: ${en}`,
      ]
    : [
        `O arquivo da auditoria de ${actor} foi interrompido: ${pt} no máximo`,
        `The file of the audit for ${actor} broke off: ${en} at most`,
      ]
}

function retentionText(event: RecordedEvent, actor: string): Text | undefined {
  switch (event.type) {
    case 'RetentionChanged': {
      const { days } = event.data
      return days === null
        ? [`${actor} passou a guardar tudo`, `${actor} has everything kept from now on`]
        : [
            `${actor} limitou a guarda da auditoria a ${counted(days, 'dia')}`,
            `${actor} limited the keeping of the audit to ${counted(days, 'day')}`,
          ]
    }
    case 'LegalHoldPlaced':
      return withReason(
        [`${actor} pôs uma retenção legal`, `${actor} placed a legal hold`],
        event.data.reason,
      )
    case 'LegalHoldLifted':
      return [`${actor} levantou uma retenção legal`, `${actor} lifted a legal hold`]
    case 'RetentionApplied': {
      const { events, until } = event.data
      const day = until.slice(0, 10)
      return [
        events === 1
          ? `1 evento anterior a ${day} expirou; sua prova fica`
          : `${events} eventos anteriores a ${day} expiraram; suas provas ficam`,
        events === 1
          ? `1 event from before ${day} expired; its proof stays`
          : `${events} events from before ${day} expired; their proofs stay`,
      ]
    }
    default:
      return nodeText(event)
  }
}

function nodeText(event: RecordedEvent): Text | undefined {
  switch (event.type) {
    case 'ServerStarted':
      return [`Servidor iniciado (${event.data.version})`, `Server started (${event.data.version})`]
    case 'ClockStepped': {
      const { from, to } = event.data
      return [
        `O relógio do servidor saltou de ${from} para ${to}`,
        `The server’s clock jumped from ${from} to ${to}`,
      ]
    }
    case 'EvidenceKeyAdded':
      return ['Nova chave para assinar o registro', 'New key to sign the log']
    case 'EvidenceKeyRetired':
      return ['Uma chave não assina mais o registro', 'A key does not sign the log any more']
    case 'EventAltered':
      return [
        'Um evento foi alterado depois de gravado; o que está em seu lugar não é mostrado',
        'An event was altered after it was written; what stands in its place is not shown',
      ]
    default:
      return undefined
  }
}
