/** What passed between a session's browser and its device, and what was refused. */
import type { LeftOut } from '@travessia/schemas/captured'
import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import { counted, type EventNames, type Text, withError } from './phrases.ts'
import { requestText } from './request-sentences.ts'

export function exchangeText(event: RecordedEvent, names: EventNames): Text | undefined {
  const { actor, device } = names
  switch (event.type) {
    case 'HttpRequestForwarded': {
      const { method, path } = event.data
      const plain: Text = [
        `${actor} pediu ${method} ${path} a ${device}`,
        `${actor} requested ${method} ${path} from ${device}`,
      ]
      return requestText(event.data, names) ?? plain
    }
    case 'DeviceCredentialsUsed':
      return [
        `O agente usa as credenciais do cadastro para entrar na página de ${device}`,
        `The agent uses the registered credentials to sign in to the page of ${device}`,
      ]
    case 'HttpResponseReceived': {
      const { status, durationMs, responseBody } = event.data
      const [size, ms] = [counted(responseBody.bytes, 'byte'), Math.round(durationMs)]
      const [notePt, noteEn] = copyNote(event.data)
      return [
        `${device} respondeu ${status}, ${size} em ${ms} ms${notePt}`,
        `${device} answered ${status}, ${size} in ${ms} ms${noteEn}`,
      ]
    }
    case 'HttpExchangeFailed':
      if (event.data.stage === 'browser')
        return [
          `${actor} saiu antes do fim da resposta de ${device}`,
          `${actor} left before the end of the answer of ${device}`,
        ]
      return withError(
        [`Pedido a ${device} falhou`, `Request to ${device} failed`],
        event.data.errorCode,
      )
    case 'WebSocketOpened':
      return [
        `${actor} abriu um WebSocket ${event.data.path} em ${device}`,
        `${actor} opened a WebSocket ${event.data.path} on ${device}`,
      ]
    case 'WebSocketClosed': {
      const { framesIn, framesOut } = event.data
      return [
        `WebSocket de ${device} fechado, mensagens enviadas: ${framesIn}, recebidas: ${framesOut}`,
        `WebSocket of ${device} closed, messages sent: ${framesIn}, received: ${framesOut}`,
      ]
    }
    default:
      return refusedText(event, names)
  }
}

function refusedText(event: RecordedEvent, { actor, device }: EventNames): Text | undefined {
  switch (event.type) {
    case 'HttpRequestRefused': {
      const { method, path, errorCode } = event.data
      return withError(
        [
          `${method} ${path} de ${actor} a ${device} recusado`,
          `${method} ${path} of ${actor} to ${device} refused`,
        ],
        errorCode,
      )
    }
    case 'SessionAttempted': {
      const { method, path, errorCode, count } = event.data
      const [timesPt, timesEn] = count > 1 ? [`, ${count} vezes`, `, ${count} times`] : ['', '']
      return withError(
        [
          `Acesso à sessão de ${device} barrado: ${method} ${path}${timesPt}`,
          `Turned away at the session of ${device}: ${method} ${path}${timesEn}`,
        ],
        errorCode,
      )
    }
    default:
      return undefined
  }
}

const leftOut: Readonly<Record<LeftOut, Text>> = {
  'session-limit': ['a sessão já guardou o máximo', 'the session has kept all that it may'],
  busy: ['o servidor estava ocupado', 'the server was busy'],
  coding: ['a codificação não pôde ser lida', 'its coding could not be read'],
  full: ['não há mais espaço', 'there is no room left'],
  store: ['não pôde ser gravado', 'it could not be stored'],
}

/** Only what is missing although it was wanted. */
function copyNote({ requestBody, responseBody }: Fact<'HttpResponseReceived'>['data']): Text {
  const reason = requestBody.leftOut ?? responseBody.leftOut
  if (reason === undefined) return ['', '']
  const [pt, en] = leftOut[reason]
  return [`; conteúdo não guardado: ${pt}`, `; content not kept: ${en}`]
}
