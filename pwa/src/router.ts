/** Every address of the PWA and the page behind it. */
import { createRouter } from 'sv-router'
import Installations from './pages/installations.svelte'
import NotLoaded from './pages/not-loaded.svelte'
import SignIn from './pages/sign-in.svelte'

const notLoaded = () => ({ default: NotLoaded })

export const { p, navigate, isActive, route } = createRouter({
  '/': Installations,
  '/entrar': SignIn,
  '/instalacoes/:id': () => import('./pages/installation.svelte').catch(notLoaded),
  '/parear': () => import('./pages/pairing.svelte').catch(notLoaded),
  '/equipamentos/:id': () => import('./pages/device.svelte').catch(notLoaded),
  '/equipamentos/:id/sessao': () => import('./pages/session.svelte').catch(notLoaded),
  '/equipamentos/:id/console': () => import('./pages/console.svelte').catch(notLoaded),
  '/auditoria': () => import('./pages/audit.svelte').catch(notLoaded),
  '/auditoria/passado': () => import('./pages/past.svelte').catch(notLoaded),
  '/auditoria/sessoes/:id': () => import('./pages/audit-session.svelte').catch(notLoaded),
  '/auditoria/eventos/:index': () => import('./pages/audit-event.svelte').catch(notLoaded),
  '/ajustes': () => import('./pages/settings.svelte').catch(notLoaded),
  '/ajustes/retencao': () => import('./pages/retention.svelte').catch(notLoaded),
  '/ajustes/siem': () => import('./pages/feeds.svelte').catch(notLoaded),
  '/ajustes/apagar': () => import('./pages/erase.svelte').catch(notLoaded),
  '/abrir/:installation': () => import('./pages/fixed-address.svelte').catch(notLoaded),
  '/abrir/:installation/:device': () => import('./pages/fixed-address.svelte').catch(notLoaded),
  '*': () => import('./pages/not-found.svelte').catch(notLoaded),
})
