/**
 * Where devices' pages are shown again. This document has a policy of its own (api/src/stage-policy.ts): nothing is loaded from
 * anywhere, nothing is sent. A captured page stands in a frame that may do nothing at all; a recorded screen is built by rrweb
 * in a frame that runs no scripts.
 */

import type { StageMessage } from './stage-messages.ts'
import type { Recording } from './stage-recording.ts'

let recording: Promise<Recording> | undefined

addEventListener('message', ({ data, origin, source }: MessageEvent<StageMessage>) => {
  if (origin === location.origin && source === parent) void show(data)
})
parent.postMessage('ready', location.origin)

async function show(message: StageMessage): Promise<void> {
  if (message.kind === 'page') return showPage(message.html, message.title)
  if (message.kind === 'recording') {
    recording = import('./stage-recording.ts').then(
      ({ Recording }) => new Recording(message.events),
    )
    await recording
  } else (await recording)?.seek(message.timeMs)
}

function showPage(html: string, title: string): void {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', '')
  frame.title = title
  frame.srcdoc = html
  document.body.replaceChildren(frame)
}
