/** How each kind of device can be spoken to, and what its driver needs to know. */
import type { Device } from '@travessia/schemas/api'
import { m } from './paraglide/messages.js'

type Driver = Device['driver']

const choices: Record<Device['kind'], readonly [Driver, ...Driver[]]> = {
  turnstile: ['control-id'],
  printer: ['octoprint', 'moonraker', 'marlin', 'http'],
  camera: ['camera'],
  system: ['http'],
  http: ['http'],
}

/** The usual one first; a device that already has another one may keep it. */
export function driversOf(kind: Device['kind'], before: Device | undefined): readonly Driver[] {
  const usual = choices[kind]
  const own = before?.kind === kind && !usual.includes(before.driver) ? [before.driver] : []
  return [...own, ...usual]
}

export function driverText(driver: Driver): string {
  switch (driver) {
    case 'control-id':
      return 'Control iD'
    case 'octoprint':
      return 'OctoPrint'
    case 'moonraker':
      return 'Moonraker (Klipper)'
    case 'marlin':
      return m.driver_marlin()
    case 'camera':
      return m.kind_camera()
    case 'http':
      return m.driver_page()
    default:
      return driver satisfies never
  }
}

/** What the driver signs in with. */
export function secretOf(driver: Driver): 'login' | 'key' | 'none' {
  if (driver === 'octoprint' || driver === 'moonraker') return 'key'
  return driver === 'marlin' ? 'none' : 'login'
}

/** `192.168.1.50` is how people say it. */
export function withScheme(address: string): string {
  const said = address.trim()
  return said === '' || /^[a-z]+:\/\//i.test(said) ? said : `http://${said}`
}

export function usualAddress(driver: Driver): string {
  return driver === 'marlin' ? 'serial:///dev/' : 'http://'
}
