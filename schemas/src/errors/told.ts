/** What agents say by its code alone, as the end of a command, the state of a device or of a picture: the app carries these sentences only. */
import type { Language } from '../errors.ts'
import { agents } from './agents.ts'
import { commands } from './commands.ts'
import { devices } from './devices.ts'

const told = { ...agents, ...devices, ...commands }
type ToldCode = keyof typeof told

export function isToldCode(value: unknown): value is ToldCode {
  return typeof value === 'string' && Object.hasOwn(told, value)
}

export function toldText(code: ToldCode, language: Language): string {
  return language === 'en' ? told[code].en : told[code].pt
}
