/** The form by which the simulated printers are given files. */
import { createHash } from 'node:crypto'
import type { DeviceRequest } from './device-server.ts'

export const maxUploadBytes = 64 * 1024 * 1024

export type Upload = {
  readonly form: FormData
  readonly file: File
  readonly sha256: string
}

/** undefined: not a form with a `file`. */
export async function uploadOf({ headers, bytes }: DeviceRequest): Promise<Upload | undefined> {
  const type = headers['content-type'] ?? ''
  const form = await new Response(bytes, { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined)
  const file = form?.get('file')
  if (!form || !(file instanceof File)) return undefined
  const sha256 = createHash('sha256')
    .update(new Uint8Array(await file.arrayBuffer()))
    .digest('hex')
  return { form, file, sha256 }
}
