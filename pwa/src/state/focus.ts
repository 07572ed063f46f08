import { tick } from 'svelte'

/**
 * A button that is off or goes away loses the focus to nothing. Who uses the keyboard or listens goes on from it, or,
 * if it is gone, from what it stood in.
 */
export async function keepFocus(work: () => unknown): Promise<void> {
  const before = document.activeElement as HTMLElement | null
  const around = before?.closest<HTMLElement>('[tabindex="-1"]')
  await work()
  await tick()
  giveBack(before?.isConnected ? before : around)
}

function giveBack(place: HTMLElement | null | undefined): void {
  // Who went elsewhere meanwhile stays there.
  if (!place || (document.activeElement !== document.body && document.activeElement !== place))
    return
  if (!place.matches(':disabled')) return place.focus({ preventScroll: true })
  // A command may go on after it was sent.
  const observer = new MutationObserver(() => {
    observer.disconnect()
    giveBack(place)
  })
  observer.observe(place, { attributes: true, attributeFilter: ['disabled'] })
}
