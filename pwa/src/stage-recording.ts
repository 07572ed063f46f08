/** A recorded screen, built again by rrweb; our own player says which moment. */
import { Replayer } from '@rrweb/replay'
import type { eventWithTime } from '@rrweb/types'
import type { StageMessage } from './stage-messages.ts'

type Events = Extract<StageMessage, { kind: 'recording' }>['events']

/** For who asked for less motion: what the device's page would move by itself. */
const stillness =
  '* { animation: none !important; transition: none !important; scroll-behavior: auto !important }'

export class Recording {
  readonly #replayer: Replayer
  readonly #startMs: number
  readonly #lengthMs: number

  constructor(events: Events) {
    document.body.replaceChildren()
    this.#startMs = events[0]?.timestamp ?? 0
    this.#lengthMs = (events.at(-1)?.timestamp ?? 0) - this.#startMs
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.#replayer = new Replayer(structuredClone(events) as eventWithTime[], {
      ...{ root: document.body, mouseTail: false, triggerFocus: false },
      insertStyleRules: isCalm ? [stillness] : [],
      ...{ showWarning: false, UNSAFE_replayCanvas: false, useVirtualDom: false },
    })
    this.#replayer.on('resize', () => this.#fit())
    addEventListener('resize', () => this.#fit())
  }

  seek(timeMs: number): void {
    // What happened at that very moment is not shown by rrweb, unlike what happened before it.
    this.#replayer.pause(Math.min(Math.max(0, timeMs - this.#startMs), this.#lengthMs) + 1)
    this.#fit()
  }

  /** As large as the stage allows, never larger than it was. */
  #fit(): void {
    const { wrapper, iframe } = this.#replayer
    const [width, height] = [Number(iframe.width), Number(iframe.height)]
    if (!(width > 0 && height > 0)) return
    const scale = Math.min(1, innerWidth / width, innerHeight / height)
    wrapper.style.cssText = `position:absolute;pointer-events:none;left:${(innerWidth - width * scale) / 2}px;top:0;transform-origin:0 0;transform:scale(${scale})`
  }
}
