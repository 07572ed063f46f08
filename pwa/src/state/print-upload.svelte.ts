/**
 * One file on its way to a printer: from this phone to the server, then by a command to the device. It never prints by
 * itself, and whoever leaves the page while it is being sent has cancelled it.
 */
import type { CommandState, KeptFile } from '@travessia/schemas/api'
import { toldText } from '@travessia/schemas/errors/told'
import { maxFileBytes, printFilePattern } from '@travessia/schemas/print-file-rules'
import { upload } from '../api.ts'
import { m } from '../paraglide/messages.js'
import { getLocale } from '../paraglide/runtime.js'
import type { DeviceCommands } from './device-commands.svelte.ts'

const isPrintable = new RegExp(printFilePattern)

export class PrintUpload {
  /** Chosen, not yet sent, or on its way to the server. */
  file = $state.raw<File>()
  /** Why the chosen one cannot be sent. */
  objection = $state<string>()
  error = $state<unknown>()
  #sentBytes = $state(0)
  #isSending = $state(false)
  /** The command is on its way: it can no longer be cancelled. */
  #isGiving = $state(false)
  #commandId = $state<string>()
  #cancel = new AbortController()
  readonly #path: string
  readonly #commands: DeviceCommands

  constructor(deviceId: string, commands: DeviceCommands) {
    this.#path = `/api/devices/${deviceId}/files`
    this.#commands = commands
  }

  get isSending(): boolean {
    return this.#isSending
  }

  get isGiving(): boolean {
    return this.#isGiving
  }

  /** Of the way to the server; all of it while the command is being given. */
  get percent(): number {
    return Math.floor((100 * this.#sentBytes) / Math.max(1, this.file?.size ?? 0))
  }

  /** That brings the file to the device. */
  get command(): CommandState | undefined {
    return this.#commands.list.value?.items.find(({ id }) => id === this.#commandId)
  }

  choose(file: File | undefined): void {
    if (!file) return
    this.#commandId = undefined
    this.error = undefined
    this.objection = objectionTo(file)
    this.file = this.objection === undefined ? file : undefined
  }

  async send(): Promise<void> {
    const { file } = this
    if (!file || this.#isSending) return
    this.error = undefined
    this.#sentBytes = 0
    this.#isSending = true
    this.#cancel = new AbortController()
    const { signal } = this.#cancel
    try {
      const onSent = (bytes: number) => {
        this.#sentBytes = Math.min(bytes, file.size)
      }
      const path = `${this.#path}?name=${encodeURIComponent(file.name)}`
      const kept = await upload<KeptFile>(path, file, { signal, onSent })
      this.#isGiving = true
      this.#commandId = await this.#commands.give({
        command: 'UploadFile',
        args: { file: kept.id },
      })
      this.file = undefined
    } catch (error) {
      if (!signal.aborted) this.error = error
    }
    this.#isSending = false
    this.#isGiving = false
  }

  cancel(): void {
    this.#cancel.abort()
    this.file = undefined
  }
}

function objectionTo({ name, size }: File): string | undefined {
  if (!isPrintable.test(name)) return m.upload_wrong_name()
  if (size === 0) return m.upload_empty()
  return size > maxFileBytes ? toldText('FILE_TOO_LARGE', getLocale()) : undefined
}
