/** Who looked at which camera, for how long, and why no longer. */
import { errorText, isErrorCode } from '@travessia/schemas/errors'
import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import type { Text } from './phrases.ts'

const ends: Readonly<Record<string, Text>> = {
  'time-limit': ['o tempo acabou', 'its time was over'],
  'viewer-stalled': ['o navegador parou de receber', 'the browser took nothing more'],
  'access-changed': ['o acesso mudou', 'access changed'],
  'node-stop': ['o servidor parou', 'the server stopped'],
  crash: ['o servidor parou nesse meio-tempo', 'the server had stopped meanwhile'],
}

type Names = { readonly actor: string; readonly device: string }

export function cameraText(event: RecordedEvent, { actor, device }: Names): Text | undefined {
  switch (event.type) {
    case 'CameraViewOpened':
      return [
        `${actor} começou a assistir a ${device} ao vivo`,
        `${actor} began to watch ${device} live`,
      ]
    case 'CameraViewClosed':
      return closedText(event.data, { actor, device })
    case 'CameraSnapshotRequested':
      return [`${actor} pediu uma imagem de ${device}`, `${actor} asked for a picture of ${device}`]
    default:
      return undefined
  }
}

function closedText(
  { reason, frames, durationMs = 0 }: Fact<'CameraViewClosed'>['data'],
  { actor, device }: Names,
): Text {
  const [ptEnd, enEnd] = endText(reason)
  // Nobody counted: the end was written by the next start.
  if (frames === undefined)
    return [`Parou de mostrar ${device}${ptEnd}`, `${device} was shown no longer${enEnd}`]
  if (frames === 0)
    return [
      `${actor} não viu imagem de ${device}${ptEnd}`,
      `${actor} saw no picture of ${device}${enEnd}`,
    ]
  const time = lengthOf(durationMs)
  return [
    `${actor} assistiu a ${device} por ${time}${ptEnd}`,
    `${actor} watched ${device} for ${time}${enEnd}`,
  ]
}

/** Nothing to add when the person just left. */
function endText(reason: string): Text {
  if (isErrorCode(reason))
    return [`: ${errorText(reason, 'pt-BR')}`, `: ${errorText(reason, 'en')}`]
  const known = ends[reason]
  return known ? [`: ${known[0]}`, `: ${known[1]}`] : ['', '']
}

/** Symbols that read the same in both languages. */
function lengthOf(durationMs: number): string {
  const seconds = Math.max(1, Math.round(durationMs / 1_000))
  return seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
