/**
 * Where devices' pages are shown again. This document has a policy of its own (api/src/stage-policy.ts): nothing is loaded from
 * anywhere, nothing is sent. The page itself stands in a frame that may do nothing at all.
 */
import type { StageMessage } from './stage-messages.ts'

addEventListener('message', ({ data, origin, source }: MessageEvent<StageMessage>) => {
  if (origin === location.origin && source === parent) showPage(data.html, data.title)
})
parent.postMessage('ready', location.origin)

function showPage(html: string, title: string): void {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', '')
  frame.title = title
  frame.srcdoc = html
  document.body.replaceChildren(frame)
}
