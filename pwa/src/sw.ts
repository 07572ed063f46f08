/** The shell only: never `/api`, never a session's page. */
import {
  cleanupOutdatedCaches,
  createHandlerBoundToURL,
  precacheAndRoute,
} from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'

declare const self: ServiceWorkerGlobalScope

const notShell = [
  /^\/api\//,
  /^\/remote\//,
  /^\/docs/,
  /^\/verificar/,
  /^\/metrics/,
  /^\/stage\.html/,
  /^\/(health|ready)z/,
]

precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
registerRoute(new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: notShell }))
self.addEventListener('message', ({ data }) => {
  if (data?.type === 'SKIP_WAITING') void self.skipWaiting()
})
