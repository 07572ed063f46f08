/** Looks at a printer every two seconds while it prints, every ten else; a port that cannot be used, ever more rarely. */
import type { DeviceState } from '@travessia/schemas/device-state'
import { pauseMs, startPolling } from '../polling.ts'
import type { MarlinClient } from './client.ts'
import { PortFault } from './port.ts'
import { filesOf } from './protocol.ts'
import type { PrinterStatus } from './status.ts'

const printingMs = 2_000
const idleMs = 10_000
const retry = { usualMs: 2_000, atMostMs: 60_000 }
/** Heating up answers nothing for minutes; longer is a lost answer. */
const longestAnswerMs = 600_000
const turnMs = 60_000
const filesEveryLooks = 30

type Watched = {
  readonly client: MarlinClient
  readonly status: PrinterStatus
  readonly listeners: Set<() => void>
}

export function watchPrinter(
  { client, status, listeners }: Watched,
  tell: (state: DeviceState) => void,
): () => void {
  const say = () => tell(status.state())
  const release = client.hold()
  let failures = 0
  let looks = 0
  listeners.add(say)
  const stopPolling = startPolling(async (stop) => {
    try {
      await look({ client, status }, stop, looks % filesEveryLooks === 0)
      looks += 1
      failures = 0
    } catch (error) {
      failures += 1
      looks = 0
      status.lost(error instanceof Error ? error.message : 'DEVICE_LOST')
      // Somebody else prints with it now: no reason to be there the second they leave.
      if (error instanceof PortFault && error.code === 'SERIAL_BUSY') failures = 16
    }
    if (!stop.aborted) say()
    if (failures > 0) return pauseMs({ ...retry, failures: failures - 1 })
    return status.isPrinting ? printingMs : idleMs
  })
  return () => {
    listeners.delete(say)
    stopPolling()
    void release()
  }
}

async function look(
  { client, status }: Pick<Watched, 'client' | 'status'>,
  stop: AbortSignal,
  wantsFiles: boolean,
): Promise<void> {
  const ask = async (command: string) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(longestAnswerMs)])
    return (await client.request(command, { startWithinMs: () => turnMs, signal })).lines
  }
  await ask('M105')
  status.answered()
  status.progressed(await ask('M27'))
  if (status.isPrinting && status.file === '') status.named(fileOf(await ask('M27 C')))
  // A card's table of contents takes a while, and a print needs the card.
  if (wantsFiles && !status.isPrinting) status.listed(filesOf(await ask('M20')))
}

function fileOf(lines: readonly string[]): string {
  for (const line of lines) {
    const name = /^Current file:\s*(.+)$/.exec(line)?.[1]
    if (name !== undefined && name !== '(no file)') return name
  }
  return ''
}
