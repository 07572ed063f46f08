/** Which events say that something is not in the recording that should be, why, and how people read that. */
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

const crash: Text = ['o servidor parou no meio', 'the server stopped in the middle of it']

/** In a bundle may stand anything. */
export function gapCauseText(cause: string | undefined): Text {
  if (cause === 'crash') return crash
  return isGapCause(cause) ? gapCauses[cause] : [String(cause), String(cause)]
}

/**
 * Why something is missing, of an event that says so: a part of a screen, a body that was to be kept and is not, what became of a
 * request. No gap is what is not recorded on purpose: bodies that the device's policy does not ask for, the rest of one that is
 * `truncated`, and one whose secrets could not be taken out (`coding`).
 */
export function recordingGapOf({ type, data }: { type?: unknown; data?: unknown }) {
  switch (type) {
    case 'RecordingGapDetected':
      return String(fieldOf(data, 'cause'))
    case 'HttpExchangeFailed':
      return fieldOf(data, 'stage') === 'crash' ? 'crash' : undefined
    case 'HttpResponseReceived':
      return ['requestBody', 'responseBody']
        .map((body) => fieldOf(fieldOf(data, body), 'leftOut'))
        .find(isGapCause)
    default:
      return undefined
  }
}

function isGapCause(cause: unknown): cause is GapCause {
  return typeof cause === 'string' && Object.hasOwn(gapCauses, cause)
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}
