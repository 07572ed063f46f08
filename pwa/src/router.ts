/** Every address of the PWA and the page behind it. */
import { createRouter } from 'sv-router'
import Installations from './pages/installations.svelte'
import SignIn from './pages/sign-in.svelte'

export const { p, navigate, isActive, route } = createRouter({
  '/': Installations,
  '/entrar': SignIn,
  '/instalacoes/:id': () => import('./pages/installation.svelte'),
  '/parear': () => import('./pages/pairing.svelte'),
  '/equipamentos/:id': () => import('./pages/device.svelte'),
  '/equipamentos/:id/sessao': () => import('./pages/session.svelte'),
  '/equipamentos/:id/console': () => import('./pages/console.svelte'),
  '/auditoria': () => import('./pages/audit.svelte'),
  '/auditoria/sessoes/:id': () => import('./pages/audit-session.svelte'),
  '/ajustes': () => import('./pages/settings.svelte'),
  '/ajustes/retencao': () => import('./pages/retention.svelte'),
  '/ajustes/siem': () => import('./pages/feeds.svelte'),
  '/ajustes/apagar': () => import('./pages/erase.svelte'),
  '/abrir/:installation': () => import('./pages/fixed-address.svelte'),
  '/abrir/:installation/:device': () => import('./pages/fixed-address.svelte'),
  '*': () => import('./pages/not-found.svelte'),
})
