/** Device, driver and agent status vocabulary, and the signed device list that an agent holds. */
import { type Static, Type } from 'typebox'
import { buttonsSchema } from './buttons.ts'
import type { CommandName } from './commands.ts'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })

export const deviceKinds = ['turnstile', 'printer', 'camera', 'system', 'http'] as const
export type DeviceKind = (typeof deviceKinds)[number]

const printing = [
  ...(['StartPrint', 'PausePrint', 'ResumePrint', 'CancelPrint'] as const),
  ...(['EmergencyStop', 'SetTemperature'] as const),
] as const

const filePrinting = [...printing, 'UploadFile'] as const

/** Commands of each driver; `http` knows the buttons that were declared for the device. */
export const driverCommands = {
  'control-id': ['OpenGate', 'OpenDoor', 'ShowMessage', 'RebootDevice'],
  octoprint: filePrinting,
  moonraker: filePrinting,
  marlin: printing,
  camera: [],
  http: ['PressButton'],
} as const satisfies Record<string, readonly CommandName[]>
export type DriverKind = keyof typeof driverCommands
export const driverKinds = Object.keys(driverCommands) as DriverKind[]

export const agentStatuses = ['ONLINE', 'OFFLINE', 'PAIRING'] as const

export const roles = ['admin', 'manager', 'operator', 'auditor'] as const
export type Role = (typeof roles)[number]

/**
 * A serial port of the agent's host: `serial:///dev/serial/by-id/usb-1a86_USB_Serial-if00-port0?baud=115200`. Only
 * what is a terminal: opening another file of /dev (a watchdog, a disk) does something by itself.
 */
export const serialUrlPattern =
  'serial:///dev/(serial/by-(id|path)/|tty[A-Z.]|cu\\.|pts/)(?!.*\\.\\.)[A-Za-z0-9._:+@-]+(\\?baud=[0-9]{4,7})?'

/** http(s) origin of a device on its LAN, without path, query or credentials; or a serial port. */
export const baseUrlSchema = Type.String({
  pattern: `^(https?://[A-Za-z0-9.:\\[\\]-]+(:[0-9]{1,5})?/?|${serialUrlPattern})$`,
  maxLength: 255,
})

export const credentialsSchema = Type.Object(
  { login: Type.String({ maxLength: 128 }), password: Type.String({ maxLength: 256 }) },
  { additionalProperties: false },
)
export type Credentials = Static<typeof credentialsSchema>

/** One device as its agent knows it: the pinned target, further ports, and what its driver needs. */
const agentDeviceSchema = Type.Object(
  {
    deviceId: id,
    driver: Type.Enum(driverKinds),
    baseUrl: baseUrlSchema,
    ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), { maxItems: 16 }),
    maxConcurrent: Type.Integer({ minimum: 1, maximum: 128 }),
    buttons: Type.Optional(buttonsSchema),
    /** Credentials as compact JWE (ECDH-ES, A256GCM) to the agent's X25519 key: nobody between can read them. */
    sealedCredentials: Type.Optional(Type.String({ maxLength: 4_096 })),
  },
  { additionalProperties: false },
)
export type AgentDevice = Static<typeof agentDeviceSchema>

/** Of one installation: its agent takes no longer list. */
export const maxDevices = 500

/** Payload of the Ed25519 JWS on `cmd/devices`; the agent keeps the list of the highest version. */
export const deviceListSchema = Type.Object(
  {
    tenantId: id,
    agentId: id,
    version: Type.Integer({ minimum: 0 }),
    devices: Type.Array(agentDeviceSchema, { maxItems: maxDevices }),
  },
  { additionalProperties: false },
)
export type DeviceList = Static<typeof deviceListSchema>
