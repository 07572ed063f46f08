/**
 * What a driver is. Folder name = driver kind; `client.ts` knows the vendor's protocol,
 * `driver.ts` knows our vocabulary. A capability that a driver lacks is an error, never a silent no-op.
 */
import type { DeviceButton } from '@travessia/schemas/buttons'
import type { Command } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import type { Credentials, DriverKind } from '@travessia/schemas/devices'
import type { ErrorCode } from '@travessia/schemas/errors'
import type { Passage } from '@travessia/schemas/passages'
import type { FileFacts } from '@travessia/schemas/print-files'
import type { CameraWish } from '@travessia/schemas/tunnel-head'
import type { WebSocket } from 'ws'
import type { MonitorInlet } from '../monitor-inlet.ts'
import type { DeviceMemory } from '../passage-memory.ts'

/** The device that a driver talks to: `fetch` and `openSocket` reach only its pinned address. */
export type DriverTarget = {
  /** As it was registered: what does not speak HTTP finds its port there. */
  readonly baseUrl: string
  readonly credentials: Credentials | undefined
  /** Declared for it; of the driver `http`. */
  readonly buttons?: readonly DeviceButton[]
  readonly fetch: DeviceFetch
  readonly openSocket: DeviceSocket
}

/**
 * HTTP to the device; no redirects followed, no other host reachable.
 * @throws TravessiaError DEVICE_UNREACHABLE, TARGET_FORBIDDEN, COMMAND_EXPIRED: nothing was sent. Any other
 *   code: it was sent, and what came of it is not known.
 */
export type DeviceFetch = (request: {
  readonly method: DeviceButton['method'] | 'HEAD'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Streamed: never whole in memory. */
  readonly body?: string | StreamedBody
  /** ms that are left to begin; at 0 nothing is sent any more. */
  readonly startWithinMs: () => number
  readonly signal: AbortSignal
}) => Promise<{ readonly status: number; readonly body: string; readonly ends?: Ends }>

/** Addresses of the connection to a device: ours towards it, and its own. */
export type Ends = { readonly local: string; readonly device: string }

export type StreamedBody = {
  readonly length: number
  readonly read: () => AsyncIterable<Uint8Array>
}

/** A file that an order has signed, here whole and unchanged while its command runs. */
export type CommandFile = FileFacts & Pick<StreamedBody, 'read'>

/**
 * An open WebSocket to the device, for watching: what changes a device goes through `fetch`, which keeps the expiry.
 * @throws TravessiaError DEVICE_UNREACHABLE, TARGET_FORBIDDEN, DEVICE_PROTOCOL (it refused the upgrade)
 */
export type DeviceSocket = (
  path: string,
  headers?: Readonly<Record<string, string>>,
) => Promise<WebSocket>

/** How a command ended at the device. `late`: not begun, its time was over. */
export type CommandResult =
  | {
      readonly outcome: 'accepted' | 'confirmed' | 'late'
      /** What the device calls the file that it was given. */
      readonly file?: string
    }
  | { readonly outcome: 'failed'; readonly detail: ErrorCode }
  | {
      readonly outcome: 'denied' | 'unsupported' | 'unknown'
      /** A code of the error table where one fits, so that people read it in their language; else the device's words. */
      readonly detail: string
    }

export type CommandContext = {
  readonly commandId: string
  readonly startWithinMs: () => number
  readonly signal: AbortSignal
  /** Of a command that brings one. */
  readonly file?: CommandFile
}

/** Where a camera gives pictures, and with which credentials. */
export interface Eye {
  /** The likeliest first. */
  addresses(wish: CameraWish): readonly string[]
  readonly headers: Readonly<Record<string, string>>
  /** This one gave it: asked first from now on. */
  found(wish: CameraWish, path: string): void
}

/** What a driver needs to follow who passes its device. */
export type PassageDesk = {
  /** ms since 1970, by the agent's idea of server time. */
  readonly now: () => number
  /** The cloud can be told. */
  readonly isUp: () => boolean
  readonly memory: () => DeviceMemory
  readonly keep: (memory: DeviceMemory) => void
  /** true: all of them are in the log of the cloud. */
  readonly tell: (passages: readonly Passage[]) => Promise<boolean>
  /** Where the device may tell that something happened; undefined: nowhere. */
  readonly openInlet: MonitorInlet['open']
  readonly warn: (error: unknown) => void
}

export type Follower = { again(): void; stop(): void }

/** What signs a request of the device's own page in. */
export type SignIn = {
  /** Lower case names; they take the place of the page's own. */
  readonly headers?: (asked: {
    readonly method: string
    readonly path: string
  }) => Readonly<Record<string, string>>
  readonly cookie?: { readonly name: string; readonly value: string }
  /** In no answer may any of these be seen. */
  readonly secrets: readonly string[]
}

export interface Driver {
  /** Runs one command at most once. Never throws: what it cannot tell is `unknown`. */
  execute(command: Command, context: CommandContext): Promise<CommandResult>
  /**
   * Tells what the device is, at once and whenever that may have changed: by push where the device has it, else
   * by slow polling. Never throws; a device that does not answer is `offline`. @returns what stops it
   */
  watch?(tell: (state: DeviceState) => void): () => void
  /** Cameras only. */
  readonly eye?: Eye
  /** Tells who passed, gave up or was denied, each once, from where the log of the cloud has it. Never throws. */
  follow?(desk: PassageDesk): Follower
  /**
   * Signs in to the device's own page with the registered credentials. `refused`: the device does not take that one
   * any more, and asks for `challenge` (its `WWW-Authenticate`); the same again when there is nothing to make anew.
   * @throws TravessiaError DEVICE_SIGN_IN_REFUSED, and why the device was not reached
   */
  signIn?(refused?: SignIn, challenge?: string): Promise<SignIn>
}

/** The one switch: a new driver is a folder and a line here. */
export async function loadDriver(kind: DriverKind, target: DriverTarget): Promise<Driver> {
  switch (kind) {
    case 'control-id':
      return (await import('./control-id/driver.ts')).createDriver(target)
    case 'marlin':
      return (await import('./marlin/driver.ts')).createDriver(target)
    case 'camera':
      return (await import('./camera/driver.ts')).createDriver(target)
    case 'octoprint':
      return (await import('./octoprint/driver.ts')).createDriver(target)
    case 'moonraker':
      return (await import('./moonraker/driver.ts')).createDriver(target)
    case 'http':
      return (await import('./http/driver.ts')).createDriver(target)
  }
}
