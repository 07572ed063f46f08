/** Devices: registered and changed, looked at, walked through, and files for them. */
import { Type } from 'typebox'
import { buttonsSchema } from '../buttons.ts'
import { deviceStatuses } from '../device-state.ts'
import { deviceKinds, driverKinds } from '../devices.ts'
import { signIns } from '../grant.ts'
import { denialReasons, passageLists, turnDirections } from '../passages.ts'
import { fileFactsSchema } from '../print-files.ts'
import { count, data, id, milliseconds, optional, text, time } from './fields.ts'

const deviceFields = {
  name: text,
  slug: text,
  kind: Type.Enum(deviceKinds),
  driver: Type.Enum(driverKinds),
  baseUrl: text,
  viaAgent: Type.Boolean(),
  ports: Type.Array(Type.Integer()),
  recording: Type.Enum(['strict', 'relaxed']),
  capture: Type.Enum(['heads', 'bodies', 'dom']),
  maxConcurrent: Type.Integer(),
  timeouts: Type.Object({
    connectMs: milliseconds,
    firstByteMs: milliseconds,
    idleMs: milliseconds,
    /** Absent or 0: none. */
    totalMs: optional(milliseconds),
  }),
  hasCredentials: Type.Boolean(),
  buttons: optional(buttonsSchema),
  /** Absent: `person`. */
  signIn: optional(Type.Enum(signIns)),
}

export const device = {
  DeviceRegistered: data(deviceFields),
  DeviceChanged: data(deviceFields),
  DeviceRemoved: data({}),
  /** What its agent says of it has changed; `file`: of the print job. */
  DeviceStateChanged: data({
    status: Type.Enum(deviceStatuses),
    detail: optional(text),
    file: optional(text),
  }),
  /** Sealed to this agent; from now on its driver watches the device with them. */
  DeviceCredentialsDelivered: data({ agentId: id, credentialsVersion: count }),
}

export const camera = {
  /** Somebody looks from now on; durable before the first byte. `snapshots`: one picture a second, for narrow links. */
  CameraViewOpened: data({ mode: Type.Enum(['stream', 'snapshots']) }),
  /** Without counts: the node stopped meanwhile, and nobody counted. */
  CameraViewClosed: data({
    reason: text,
    frames: optional(count),
    bytes: optional(count),
    durationMs: optional(milliseconds),
  }),
  /** One picture was asked for; said once in five minutes for each person and camera. */
  CameraSnapshotRequested: data({}),
}

/** By the device's own clock, and when that was by the agent's. `deviceUserId`: as the device numbers its people. */
const passageTimes = { deviceTime: optional(time), agentTime: time, deviceUserId: optional(text) }

export const passage = {
  PassageConfirmed: data({
    direction: Type.Enum(turnDirections),
    /** Absent: the device does not say which rotation is the entry. */
    way: optional(Type.Enum(['entry', 'exit'])),
    ...passageTimes,
  }),
  PassageGivenUp: data(passageTimes),
  /** By the device itself: a card, a face, a code that it does not let in. */
  PassageDenied: data({ reason: Type.Enum(denialReasons), ...passageTimes }),
  /** Of the device's own list rows are gone that nobody has read; without `count` it began anew. */
  PassagesMissed: data({ list: Type.Enum(passageLists), count: optional(count), agentTime: time }),
}

/** A file for a device, kept at the server for a while. */
export const file = {
  FileUploaded: data({ ...fileFactsSchema.properties, expiresAt: time }),
  FileRemoved: data({ name: text, reason: Type.Enum(['sent', 'expired']) }),
}
