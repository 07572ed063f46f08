/**
 * Cameras: there are no commands. Watched for whether one of the usual addresses gives a picture now;
 * the same addresses serve those who look (`tunnel-camera.ts`). What a picture is its first bytes say, as the types
 * that cameras announce are often wrong.
 */
import type { DeviceState } from '@travessia/schemas/device-state'
import type { ErrorCode } from '@travessia/schemas/errors'
import type { DeviceFetch, Driver, DriverTarget, Eye } from '../driver.ts'
import { ask, lookPauses } from '../http/driver.ts'
import { pauseMs, startPolling } from '../polling.ts'
import { signInByPassword } from '../sign-in.ts'
import { CameraEye } from './eye.ts'

type Target = Pick<DriverTarget, 'fetch' | 'credentials'>

export function createDriver({ fetch, credentials }: Target): Driver {
  const eye = new CameraEye(credentials)
  return {
    eye,
    ...signInByPassword(credentials),
    execute: async ({ name }) => ({ outcome: 'unsupported', detail: name }),
    watch(tell) {
      let failures = 0
      return startPolling(async (signal) => {
        const state = await look(fetch, eye, signal)
        failures = state.status === 'offline' ? failures + 1 : 0
        if (!signal.aborted) tell(state)
        return pauseMs({ ...lookPauses, failures })
      })
    },
  }
}

async function look(fetch: DeviceFetch, eye: Eye, stop: AbortSignal): Promise<DeviceState> {
  let why: ErrorCode = 'CAMERA_NO_PICTURE'
  for (const path of eye.addresses('snapshot')) {
    const answer = await ask(fetch, { path, headers: eye.headers, stop })
    // What does not answer at one address does not answer at the next.
    if (typeof answer === 'string') return { status: 'offline', detail: answer }
    const type = answer.status === 200 ? pictureTypeOf(answer.body) : undefined
    if (type !== undefined) {
      eye.found('snapshot', path)
      return { status: 'online' }
    }
    if (answer.status === 401 || answer.status === 403) why = 'CAMERA_SIGN_IN'
  }
  return { status: 'online', detail: why }
}

/** `body` is bytes read as UTF-8, so that those which are none stand as U+FFFD; undefined: too large to be anything else. */
export function pictureTypeOf(body: string | undefined): string | undefined {
  if (body === undefined) return 'image'
  if (body.startsWith('\ufffdPNG\r\n')) return 'image/png'
  if (/^\ufffd{3}/.test(body)) return 'image/jpeg'
  if (/^GIF8[79]a/.test(body)) return 'image/gif'
  if (/^RIFF[\s\S]{4,16}WEBP/.test(body)) return 'image/webp'
  return undefined
}
