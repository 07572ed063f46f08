/** Why a part of a session's screen is not in its recording, and how people read that. */
type Text = readonly [pt: string, en: string]

export const gapCauses = {
  'too-large': ['a página é grande demais', 'the page is too large'],
  malformed: ['o que a página enviou não é uma gravação', 'what the page sent is no recording'],
  rate: ['a página enviou demais de uma vez', 'the page sent too much at once'],
  'session-limit': [
    'acabou o que se guarda de uma sessão',
    'what is kept of one session is used up',
  ],
  busy: ['o servidor estava ocupado', 'the server was busy'],
  full: ['não há mais espaço para gravações', 'there is no more room for recordings'],
  store: ['não pôde ser guardada', 'it could not be stored'],
  unsent: ['não chegou da página', 'it did not arrive from the page'],
  broken: ['a página não se deixou gravar', 'the page could not be recorded'],
} as const satisfies Record<string, Text>
export type GapCause = keyof typeof gapCauses

/** In a bundle may stand anything. */
export function gapCauseText(cause: string | undefined): Text {
  if (cause !== undefined && Object.hasOwn(gapCauses, cause)) return gapCauses[cause as GapCause]
  return [String(cause), String(cause)]
}
