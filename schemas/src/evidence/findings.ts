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
  const name = `${place === undefined ? '' : `#${place} `}${id}`.trim()
  const [pt, en] = {
    altered: ['foi alterado', 'was altered'],
    missing: ['está faltando', 'is missing'],
    reordered: ['está em outro lugar', 'stands in another place'],
    invented: ['nunca foi registrado', 'was never logged'],
    repeated: ['está repetido', 'is there again'],
    unproven: ['não tem prova', 'has no proof'],
  }[what]
  return [`evento ${name} ${pt}`, `event ${name} ${en}`]
}

export const fileText = {
  absent: (name: string): Text => [`${name} não está no pacote`, `${name} is not there`],
  other: (name: string): Text => [
    `${name} não é o arquivo que foi assinado`,
    `${name} is not the file that was signed`,
  ],
  unnamed: (name: string): Text => [
    `${name} está no pacote e nada o nomeia`,
    `${name} is there and nothing names it`,
  ],
  /** In the words of whoever read it. */
  broken: (problem: string): Text => [`não pode ser lido: ${problem}`, problem],
  unsigned: (name: string, keys: readonly string[]): Text => [
    `${name} não foi assinado por ${keys.join(' nem por ')}`,
    `${name} is not signed by ${keys.join(' or ')}`,
  ],
}

function among(first: number, last: number, id = ''): Text {
  if (first === last) return [`o evento #${first} ${id}`.trim(), `event #${first} ${id}`.trim()]
  return [`um evento de #${first} a #${last}`, `an event between #${first} and #${last}`]
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
  unshown: (size: number): Text => [
    `nada mostra que o registro de ${size} eventos é o começo do último`,
    `nothing shows that the log of ${size} events is the beginning of the last`,
  ],
  rewritten: (first: number, last: number): Text => [
    `${among(first, last)[0]} já não é o que foi assinado antes`,
    `${among(first, last)[1]} is no longer what was signed before`,
  ],
}

export const proofFindings = {
  /** Of the events as they stand here no more is known than that. */
  unproven: (first: number, last: number, id = ''): Text => [
    `${among(first, last, id)[0]} não é o que foi assinado: alterado, trocado, retirado ou acrescentado`,
    `${among(first, last, id)[1]} is not what was signed: altered, exchanged, taken out or put in`,
  ],
  untold: (first: number, hole: number): Text => [
    `falta o evento #${hole}, e sem ele nada a partir de #${first} pode ser provado`,
    `event #${hole} is missing, and without it nothing from #${first} on can be proven`,
  ],
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
  hole: (first: number, last: number): Text =>
    first === last
      ? [`evento #${first} está faltando`, `event #${first} is missing`]
      : [
          `eventos de #${first} a #${last} estão faltando`,
          `events from #${first} to #${last} are missing`,
        ],
}

const untruths = {
  unset: ['não havia prazo de tantos dias', 'no retention of so many days was in force'],
  held: ['tudo estava sob retenção legal', 'a legal hold kept everything'],
  early: ['tantos dias não tinham passado', 'so many days had not passed'],
  count: ['cita outro número de eventos', 'it names another number of events'],
  later: ['cita o que não veio antes dele', 'it names what did not come before it'],
  young: ['cita o que é mais novo do que diz', 'it names what is younger than it says'],
} as const satisfies Record<string, Text>
export type Untruth = keyof typeof untruths

/** Places of the events around them, and days. */
type Unconfirmed = {
  readonly after: number
  readonly place: number
  readonly until: string
  readonly from: string
}

export const retentionFindings = {
  unsaid: (place: number): Text => [
    `o evento #${place} está faltando, e nenhuma retenção verdadeira o diz`,
    `event #${place} is missing, and no true retention says so`,
  ],
  /** A `RetentionApplied`, named by its place in the log and its id. */
  untrue: (name: string, why: Untruth): Text => [
    `evento ${name} não é uma retenção verdadeira: ${untruths[why][0]}`,
    `event ${name} is no true retention: ${untruths[why][1]}`,
  ],
  lasting: (name: string): Text => [
    `antes do evento ${name} falta outro do mesmo fluxo, que nenhuma retenção leva`,
    `before event ${name} another one of its stream is missing, which no retention takes`,
  ],
  /** No fault: a log in which nothing happened then looks the same. */
  unconfirmed: (count: number, { after, place, until, from }: Unconfirmed): Text => {
    const [pt, en] =
      after < 0 ? ['antes de', 'before'] : [`entre #${after} e`, `between #${after} and`]
    return [
      `nada ${pt} #${place} confirma que os ${count} eventos que expiraram ali são de antes de ${until}; #${place} é de ${from}`,
      `nothing ${en} #${place} confirms that the ${count} events that expired there are of before ${until}; #${place} is of ${from}`,
    ]
  },
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
  untold: (name: string, size: number): Text => [
    `${name} assinou um registro de ${size} eventos; se é este não se pode dizer`,
    `${name} has signed a log of ${size} events; whether it is this one cannot be told`,
  ],
  longer: (name: string, size: number, now: number): Text => [
    `${name} confirmou ${size} eventos, aqui há ${now}`,
    `${name} has confirmed ${size} events, here are ${now}`,
  ],
}

export const sessionFindings = {
  missing: (first: number, last: number): Text =>
    first === last
      ? [`a versão ${first} da sessão está faltando`, `version ${first} of the session is missing`]
      : [
          `as versões de ${first} a ${last} da sessão estão faltando`,
          `versions ${first} to ${last} of the session are missing`,
        ],
}

export const blobFindings = {
  /** By its own word; which ones it could give the reader cannot know. */
  leftOut: (count: number): Text => {
    const [pt, en] =
      count === 1 ? ['conteúdo ficou', 'body was'] : ['conteúdos ficaram', 'bodies were']
    return [
      `${count} ${pt} de fora: segundo o servidor, são mais do que cabe num pacote`,
      `${count} ${en} left out: there are more than a bundle holds, by the word of the server`,
    ]
  },
  altered: (ref: string, eventId: string): Text => [
    `o conteúdo ${ref} do evento ${eventId} foi alterado`,
    `the body ${ref} of event ${eventId} was altered`,
  ],
  missing: (ref: string, eventId: string): Text => [
    `o conteúdo ${ref} do evento ${eventId} está faltando`,
    `the body ${ref} of event ${eventId} is missing`,
  ],
}

export function gapText(cause: string | undefined, id: string): Text {
  const [pt, en] = gapCauseText(cause)
  return [`lacuna na gravação (${pt}), evento ${id}`, `recording gap (${en}), event ${id}`]
}
