import { type EventType, eventTypes, type RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { EventNames } from './phrases.ts'
import { sampleData } from './sample-data.fixture.ts'
import { sentenceOf } from './sentences.ts'

const names: EventNames = {
  actor: 'Ana',
  device: 'Catraca Entrada',
  driver: 'control-id',
  installation: 'Matriz',
  subject: 'Rui',
}

function recorded(type: EventType, change: object = {}): RecordedEvent {
  return {
    type,
    actor: { type: 'user', id: newId() },
    data: { ...sampleData[type], ...change },
  } as RecordedEvent
}

test('an export is called as the app calls it', () => {
  const bundle = recorded('AuditExported', { format: 'bundle' })
  expect(sentenceOf(bundle, names, 'pt-BR')).toBe('Ana exportou a auditoria (prova)')
  expect(sentenceOf(bundle, names, 'en')).toBe('Ana exported the audit (evidence)')
})

test.each(eventTypes)('%s has a sentence of its own in Portuguese and in English', (type) => {
  const [pt, en] = [
    sentenceOf(recorded(type), names, 'pt-BR'),
    sentenceOf(recorded(type), names, 'en'),
  ]
  for (const text of [pt, en]) {
    expect(text).not.toContain(type)
    expect(text).not.toMatch(/undefined|\[object|null/)
    expect(text.length).toBeGreaterThan(5)
  }
  expect(pt).not.toBe(en)
  const others = eventTypes.filter(
    (one) => one !== type && !/^Session(Closed|Expired|Revoked)$/.test(one),
  )
  for (const other of others) expect(sentenceOf(recorded(other), names, 'en')).not.toBe(en)
})

test('the sentence of a released gate says who, what, which way and why', () => {
  const args = { direction: 'clockwise', reason: 'visitante' }
  expect(sentenceOf(recorded('CommandIssued', { args }), names, 'pt-BR')).toBe(
    'Ana mandou liberar Catraca Entrada no sentido horário, motivo: visitante',
  )
  expect(sentenceOf(recorded('CommandIssued', { args }), names, 'en')).toBe(
    'Ana ordered to release Catraca Entrada clockwise, reason: visitante',
  )
})

test.each([
  ['DEVICE_SIGN_IN_REFUSED', 'O equipamento recusou o login e a senha cadastrados.'],
  ['Printer is cold', 'O equipamento recusou o comando.'],
])('a refusal says its reason where it is one of ours: %s', (detail, why) => {
  const refused = recorded('CommandRefused', { errorCode: 'COMMAND_REFUSED', detail })
  expect(sentenceOf(refused, names, 'pt-BR')).toBe(`Comando a Catraca Entrada recusado: ${why}`)
})

test('what the log says by a word of ours is said in the reader’s', () => {
  const said = (type: EventType, change: object) =>
    (['pt-BR', 'en'] as const).map((language) =>
      sentenceOf(recorded(type, change), names, language),
    )
  expect(said('RoleGranted', { role: 'manager' })).toEqual([
    ...['Rui recebeu o papel Gestor', 'Rui was given the role Manager'],
  ])
  expect(said('CommandOutcomeLearned', { outcome: 'failed' })).toEqual([
    'Soube-se depois: o comando a Catraca Entrada falhou',
    'Learned later: the command to Catraca Entrada failed',
  ])
})

test('one of a thing is not said to be many', () => {
  const closed = recorded('WebSocketClosed', { framesIn: 1, framesOut: 1 })
  expect(sentenceOf(closed, names, 'en')).toContain('messages sent: 1, received: 1')
  const missed = recorded('PassagesMissed', { count: 1 })
  expect(sentenceOf(missed, names, 'pt-BR')).toBe(
    'Linhas que faltam do registro de Catraca Entrada: 1',
  )
  const answer = recorded('HttpResponseReceived', { responseBody: { bytes: 1 } })
  expect(sentenceOf(answer, names, 'pt-BR')).toContain(', 1 byte em ')
  const part = recorded('DomRecordingStored', { events: 1 })
  expect(sentenceOf(part, names, 'pt-BR')).toContain('(1 mudança)')
  expect(sentenceOf(part, names, 'en')).toContain('(1 change)')
  const expired = recorded('RetentionApplied', { events: 1 })
  expect(sentenceOf(expired, names, 'pt-BR')).toMatch(/^1 evento anterior a /)
  expect(sentenceOf(expired, names, 'en')).toMatch(/^1 event from /)
})

test('the sentence of a press names the button', () => {
  const change = { command: 'PressButton', args: { button: 'Ligar bomba' } }
  expect(sentenceOf(recorded('CommandIssued', change), names, 'pt-BR')).toBe(
    'Ana acionou “Ligar bomba” em Catraca Entrada',
  )
})

test('a success says what is known and not more', () => {
  const accepted = sentenceOf(recorded('CommandSucceeded', { confirmed: false }), names, 'pt-BR')
  const confirmed = sentenceOf(recorded('CommandSucceeded', { confirmed: true }), names, 'pt-BR')
  expect(accepted).toContain('aceitou')
  expect(accepted).not.toContain('confirmou')
  expect(confirmed).toContain('confirmou')
})

test('who ended a session is named, and whoever left an answer is not taken for a failure', () => {
  const ended = recorded('SessionClosed', { reason: 'user' })
  expect(sentenceOf(ended, { ...names, actor: 'Ana' }, 'pt-BR')).toMatch(/encerrada por Ana$/)
  const left = recorded('HttpExchangeFailed', { stage: 'browser', errorCode: 'TUNNEL_LOST' })
  expect(sentenceOf(left, names, 'pt-BR')).toMatch(/saiu antes do fim da resposta/)
})

test('an error is said in words, an unknown one by its code', () => {
  const known = recorded('HttpExchangeFailed', { errorCode: 'DEVICE_TIMEOUT' })
  expect(sentenceOf(known, names, 'pt-BR')).toContain('demorou demais')
  const unknown = recorded('HttpExchangeFailed', { errorCode: 'SOMETHING_NEW' })
  expect(sentenceOf(unknown, names, 'en')).toContain('SOMETHING_NEW')
})

test('a passage says entry or exit where that is known, and which of the device’s people it was', () => {
  const passed = (change: object) =>
    sentenceOf(recorded('PassageConfirmed', change), names, 'pt-BR')
  expect(passed({ way: 'exit', direction: 'anticlockwise' })).toBe(
    'Saída confirmada em Catraca Entrada, sentido anti-horário',
  )
  expect(passed({ way: undefined, deviceUserId: '42' })).toBe(
    'Passagem confirmada em Catraca Entrada, sentido horário (usuário 42 do equipamento)',
  )
})
