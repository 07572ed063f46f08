/** What a verifier finds, as a sentence in Portuguese and in English. */
import { gapCauseText } from '../recording-gaps.ts'
import type { Problem } from './compare-events.ts'

export type Language = 'pt-BR' | 'en'
export type Text = readonly [pt: string, en: string]

export function inLanguage(text: Text, language: Language): string {
  return language === 'en' ? text[1] : text[0]
}

/** Of one event, named by its place in the log and its id. */
export function eventText({ what, place, id }: Problem): Text {
  const name = `${place === undefined ? '' : `#${place} `}${id}`
  const [pt, en] = {
    altered: ['foi alterado', 'was altered'],
    missing: ['está faltando', 'is missing'],
    reordered: ['está em outro lugar', 'stands in another place'],
    invented: ['nunca foi registrado', 'was never logged'],
    repeated: ['está repetido', 'is there again'],
  }[what]
  return [`evento ${name} ${pt}`, `event ${name} ${en}`]
}

export const fileText = {
  absent: (name: string): Text => [`${name} não está no pacote`, `${name} is not there`],
  other: (name: string): Text => [
    `${name} não é o arquivo que foi assinado`,
    `${name} is not the file that was signed`,
  ],
  /** In the words of whoever read it. */
  broken: (problem: string): Text => [`não pode ser lido: ${problem}`, problem],
  unsigned: (name: string, keys: readonly string[]): Text => [
    `${name} não foi assinado por ${keys.join(' nem por ')}`,
    `${name} is not signed by ${keys.join(' or ')}`,
  ],
}

export const checkpointFindings = {
  unsigned: (line: number): Text => [
    `o ponto de controle ${line} não foi assinado para este registro por esta chave`,
    `checkpoint ${line} is not signed for this log by this key`,
  ],
  notLast: (size: number): Text => [
    `o último ponto de controle não é o de ${size} eventos`,
    `the last checkpoint is not that of ${size} events`,
  ],
  notBeginning: (size: number): Text => [
    `o registro de ${size} eventos não é o começo do último`,
    `the log of ${size} events is not the beginning of the last`,
  ],
  shorterThanBefore: (before: number, now: number): Text => [
    `o registro tinha ${before} eventos antes, agora ${now}`,
    `the log had ${before} events before, now ${now}`,
  ],
}

export const proofFindings = {
  misplaced: (name: string): Text => [
    `a prova do evento ${name} está no lugar de outra`,
    `the proof of event ${name} stands where another one belongs`,
  ],
  wrong: (name: string): Text => [
    `a prova do evento ${name} não leva ao que foi assinado`,
    `the proof of event ${name} does not lead to what was signed`,
  ],
  count: (found: number, wanted: number): Text => [
    `há ${found} provas, não ${wanted}`,
    `there are ${found} proofs, not ${wanted}`,
  ],
  unsaid: (place: number): Text => [
    `o evento #${place} está faltando, e nenhuma retenção o diz`,
    `event #${place} is missing, and no retention says so`,
  ],
  part: (found: number, size: number): Text => [
    `há ${found} eventos de um registro de ${size}`,
    `there are ${found} events of a log of ${size}`,
  ],
}

export const witnessFindings = {
  unsigned: (line: number): Text => [
    `a testemunha ${line} não assinou o que está aqui`,
    `witness ${line} has not signed what stands here`,
  ],
  fork: (name: string, size: number): Text => [
    `BIFURCAÇÃO: ${name} assinou outro registro de ${size} eventos`,
    `FORK: ${name} has signed another log of ${size} events`,
  ],
  longer: (name: string, size: number, now: number): Text => [
    `${name} confirmou ${size} eventos, aqui há ${now}`,
    `${name} has confirmed ${size} events, here are ${now}`,
  ],
}

export const blobFindings = {
  altered: (ref: string, eventId: string): Text => [
    `o conteúdo ${ref} do evento ${eventId} foi alterado`,
    `the body ${ref} of event ${eventId} was altered`,
  ],
  missing: (ref: string, eventId: string): Text => [
    `o conteúdo ${ref} do evento ${eventId} está faltando`,
    `the body ${ref} of event ${eventId} is missing`,
  ],
  unnamed: (name: string): Text => [
    `${name} está no pacote e nenhum evento o nomeia`,
    `${name} is there and no event names it`,
  ],
}

export function gapText(cause: string | undefined, id: string): Text {
  const [pt, en] = gapCauseText(cause)
  return [`lacuna na gravação (${pt}), evento ${id}`, `recording gap (${en}), event ${id}`]
}
