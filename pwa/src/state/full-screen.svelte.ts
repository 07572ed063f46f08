/** One element over the whole screen, which then stays lit. Where the browser cannot, over the whole window. */
export class FullScreen {
  isOn = $state(false)
  #lock: WakeLockSentinel | undefined
  #opener: HTMLElement | undefined

  /** Until the component goes. */
  attach(): () => void {
    const follow = () => {
      if (!document.fullscreenElement) this.#off()
    }
    const onKey = ({ key }: KeyboardEvent) => {
      if (key === 'Escape') this.leave()
    }
    // The browser takes the lock away from a page that is hidden.
    const onVisible = () => {
      if (this.isOn && document.visibilityState === 'visible') void this.#stayLit()
    }
    document.addEventListener('fullscreenchange', follow)
    document.addEventListener('keydown', onKey)
    document.addEventListener('visibilitychange', onVisible)
    return () => {
      document.removeEventListener('fullscreenchange', follow)
      document.removeEventListener('keydown', onKey)
      document.removeEventListener('visibilitychange', onVisible)
      this.leave()
    }
  }

  /** `opener` has the focus again afterwards. */
  enter(element: HTMLElement, opener: HTMLElement): void {
    this.isOn = true
    this.#opener = opener
    void this.#stayLit()
    // iPhones have it for videos only: the window has to do.
    element.requestFullscreen?.().catch(() => undefined)
  }

  leave(): void {
    this.#off()
    if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined)
  }

  #off(): void {
    this.isOn = false
    this.#lock?.release().catch(() => undefined)
    this.#lock = undefined
    // Nothing outside takes the focus until the browser has left: then this comes once more.
    if (document.fullscreenElement) return
    this.#opener?.focus({ preventScroll: true })
    this.#opener = undefined
  }

  async #stayLit(): Promise<void> {
    const lock = await navigator.wakeLock?.request('screen').catch(() => undefined)
    if (this.isOn) this.#lock = lock
    else await lock?.release()
  }
}
