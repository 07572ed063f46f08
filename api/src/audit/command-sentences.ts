/** What a person ordered, as a sentence. A new command without one does not compile. */
import type { CommandName } from '@travessia/schemas/commands'
import type { Fact } from '@travessia/schemas/events'
import type { Text } from './phrases.ts'

type Args = Readonly<Record<string, unknown>>

const directions: Readonly<Record<string, Text>> = {
  clockwise: ['no sentido horário', 'clockwise'],
  anticlockwise: ['no sentido anti-horário', 'anticlockwise'],
  both: ['nos dois sentidos', 'both ways'],
}

const sentences: Readonly<Record<CommandName, (device: string, args: Args) => Text>> = {
  OpenGate: (device, { direction }) => {
    const [pt, en] = directions[String(direction)] ?? ['', '']
    return [`mandou liberar ${device} ${pt}`.trim(), `ordered to release ${device} ${en}`.trim()]
  },
  OpenDoor: (device, { door }) =>
    door === 'external'
      ? [
          `mandou abrir a porta externa de ${device}`,
          `ordered to open the external door of ${device}`,
        ]
      : [`mandou abrir a porta ${door} de ${device}`, `ordered to open door ${door} of ${device}`],
  ShowMessage: (device, { text }) => [
    `mandou mostrar “${text}” em ${device}`,
    `ordered to show “${text}” on ${device}`,
  ],
  RebootDevice: (device) => [`mandou reiniciar ${device}`, `ordered to restart ${device}`],
  StartPrint: (device, { file }) => [
    `mandou imprimir ${file} em ${device}`,
    `ordered to print ${file} on ${device}`,
  ],
  UploadFile: (device, { file }) => [
    `mandou levar o arquivo ${file} a ${device}`,
    `ordered to bring the file ${file} to ${device}`,
  ],
  PausePrint: (device) => [`mandou pausar ${device}`, `ordered to pause ${device}`],
  ResumePrint: (device) => [`mandou retomar ${device}`, `ordered to resume ${device}`],
  CancelPrint: (device) => [
    `mandou cancelar a impressão em ${device}`,
    `ordered to cancel the print on ${device}`,
  ],
  EmergencyStop: (device) => [
    `acionou a parada de emergência de ${device}`,
    `ordered the emergency stop of ${device}`,
  ],
  SetTemperature: (device, { heater, target }) => [
    `mandou levar ${heater === 'bed' ? 'a mesa' : 'o bico'} de ${device} a ${Number(target).toLocaleString('pt-BR')} °C`,
    `ordered the ${heater} of ${device} to ${target} °C`,
  ],
  PressButton: (device, { button }) => [
    `acionou “${button}” em ${device}`,
    `pressed “${button}” on ${device}`,
  ],
}

export function issuedText(
  { command, args, body }: Pick<Fact<'CommandIssued'>['data'], 'command' | 'args' | 'body'>,
  { actor, device }: { readonly actor: string; readonly device: string },
): Text {
  const [pt, en] = sentences[command](device, body ? { ...args, file: body.name } : args)
  return [`${actor} ${pt}`, `${actor} ${en}`]
}
