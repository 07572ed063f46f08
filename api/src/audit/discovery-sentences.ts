/** A look into the network of an installation: who asked for it, and how much came of it. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { type Text, withError } from './phrases.ts'

export function discoveryText(
  event: RecordedEvent,
  { actor, installation }: { readonly actor: string; readonly installation: string },
): Text | undefined {
  if (event.type === 'DiscoveryRequested')
    return [
      `${actor} procurou equipamentos na rede de ${installation}`,
      `${actor} looked for devices in the network of ${installation}`,
    ]
  if (event.type !== 'DiscoveryFinished') return undefined
  const { found, errorCode } = event.data
  if (errorCode !== undefined)
    return withError(
      [
        `Busca na rede de ${installation} falhou`,
        `Search in the network of ${installation} failed`,
      ],
      errorCode,
    )
  return [
    `Busca na rede de ${installation} terminou, encontrados: ${found}`,
    `Search in the network of ${installation} ended, found: ${found}`,
  ]
}
