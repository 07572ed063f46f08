/** The service worker's new version: looked for hourly and on return to the foreground. */
import { useRegisterSW } from 'virtual:pwa-register/svelte'

const hourMs = 3_600_000

const { needRefresh, updateServiceWorker } = useRegisterSW({
  onRegisteredSW(_url, registration) {
    if (!registration) return
    const look = () => void registration.update().catch(() => undefined)
    setInterval(look, hourMs)
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') look()
    })
  },
})

export const isUpdateReady = needRefresh
export const update = () => updateServiceWorker(true)
