/** One picture per kind of device. */
import Camera from '@lucide/svelte/icons/camera'
import DoorOpen from '@lucide/svelte/icons/door-open'
import Globe from '@lucide/svelte/icons/globe'
import Printer from '@lucide/svelte/icons/printer'
import Server from '@lucide/svelte/icons/server'
import type { Device } from '@travessia/schemas/api'

export const kindIcon = {
  turnstile: DoorOpen,
  printer: Printer,
  camera: Camera,
  system: Server,
  http: Globe,
} satisfies Record<Device['kind'], unknown>
