/** How a simulated Moonraker takes a file: also while Klipper is not there, since files are its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, DeviceRequest } from './device-server.ts'
import { failure, RpcFault, type Uploaded, uploaded } from './moonraker-answers.ts'
import type { PrintingMachine } from './printing-machine.ts'
import { type Upload, uploadOf } from './upload-form.ts'

type Taker = {
  readonly machine: PrintingMachine
  readonly faults: {
    readonly hang?: boolean | 'commands'
    readonly slowMs?: number
    readonly denied?: boolean
    readonly keyRefused?: boolean
  }
  readonly isKnown: boolean
}

/** undefined: never answered. */
export async function takeUpload(
  request: DeviceRequest,
  { machine, faults, isKnown }: Taker,
): Promise<Answer | undefined> {
  if (faults.hang) return undefined
  await sleep(faults.slowMs ?? 0)
  try {
    if (faults.keyRefused || !isKnown) throw new RpcFault(401, 'Unauthorized')
    if (request.method !== 'POST') throw new RpcFault(405, 'Not allowed')
    if (faults.denied) throw new RpcFault(403, 'File is loaded, upload not permitted')
    return uploaded(keep(machine, await uploadOf(request)))
  } catch (error) {
    return failure(error)
  }
}

function keep(machine: PrintingMachine, upload: Upload | undefined): Uploaded {
  if (!upload) throw new RpcFault(400, 'No file was uploaded')
  const { form, file, sha256 } = upload
  const folder = String(form.get('path') ?? '')
  const path = folder === '' ? file.name : `${folder}/${file.name}`
  if (path.split('/').includes('..')) throw new RpcFault(400, 'Invalid path')
  if (machine.isActive && machine.file === path)
    throw new RpcFault(403, 'File is loaded, upload not permitted')
  const checksum = form.get('checksum')
  if (checksum !== null && checksum !== sha256) throw new RpcFault(422, 'File checksum mismatch')
  if (!machine.upload(path, file.size, sha256)) throw new RpcFault(507, 'no space')
  return { path, size: file.size }
}
