/** Words for what can be hot, and how hot the printer may be told to become. */
import type { Device } from '@travessia/schemas/api'
import { m } from './paraglide/messages.js'

const words: Readonly<Record<string, () => string>> = {
  nozzle: m.sensor_nozzle,
  bed: m.sensor_bed,
  chamber: m.sensor_chamber,
}

export function sensorText(sensor: string): string {
  return words[sensor]?.() ?? sensor
}

type Choice = {
  properties?: { heater?: { const?: unknown }; target?: { maximum?: number } }
}

/** From the arguments that the device's own command declares; undefined: it cannot be set. */
export function highestTarget({ commands }: Pick<Device, 'commands'>, heater: string) {
  const args = commands?.find(({ name }) => name === 'SetTemperature')?.args
  const choices = (args?.['anyOf'] ?? []) as readonly Choice[]
  const choice = choices.find(({ properties }) => properties?.heater?.const === heater)
  return choice?.properties?.target?.maximum
}
