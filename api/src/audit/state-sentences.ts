/** What became of a device by itself, as a sentence. A new status without one does not compile. */
import { detailOf } from '@travessia/schemas/device-detail'
import type { DeviceStatus } from '@travessia/schemas/device-state'
import { isErrorCode } from '@travessia/schemas/errors'
import type { Fact } from '@travessia/schemas/events'
import { type Text, withError } from './phrases.ts'

const sentences: Readonly<Record<DeviceStatus, (device: string, file: string) => Text>> = {
  online: (d) => [`${d} responde`, `${d} answers`],
  offline: (d) => [`${d} não responde`, `${d} does not answer`],
  unknown: (d) => [`O estado de ${d} é desconhecido`, `The state of ${d} is unknown`],
  disconnected: (d) => [`${d} está sem impressora conectada`, `${d} has no printer connected`],
  idle: (d) => [`${d} está livre`, `${d} is idle`],
  preparing: (d, file) => [`${d} prepara${file}`, `${d} prepares${file}`],
  printing: (d, file) => [`${d} imprime${file}`, `${d} prints${file}`],
  paused: (d, file) => [`${d} pausou${file}`, `${d} paused${file}`],
  finishing: (d, file) => [`${d} está terminando${file}`, `${d} is finishing${file}`],
  finished: (d, file) => [`${d} terminou${file}`, `${d} finished${file}`],
  cancelled: (d, file) => [`${d} cancelou${file}`, `${d} cancelled${file}`],
  error: (d) => [`${d} está com erro`, `${d} has an error`],
  estop: (d) => [`${d} está em parada de emergência`, `${d} is in emergency stop`],
  locked: (d) => [`${d} está travada`, `${d} is locked`],
  released: (d) => [`${d} está liberada`, `${d} is released`],
  emergency: (d) => [`${d} está em emergência`, `${d} is in emergency`],
}

export function stateText(state: Fact<'DeviceStateChanged'>['data'], device: string): Text {
  const { status, file } = state
  const [pt, en] = sentences[status](device, file === undefined ? '' : ` ${file}`)
  const detail = detailOf(state)
  // It says the same as the sentence.
  if (detail === undefined || detail === 'DEVICE_UNREACHABLE') return [pt, en]
  if (isErrorCode(detail)) return withError([pt, en], detail)
  return [`${pt} (${detail})`, `${en} (${detail})`]
}
