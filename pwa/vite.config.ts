import { paraglideVitePlugin } from '@inlang/paraglide-js'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { VitePWA } from 'vite-plugin-pwa'
import { defineConfig } from 'vitest/config'
import { compressedAssets } from './compressed-assets.ts'
import { verifierPage } from './verifier-page.ts'

/** Debian's Chromium: no browser is downloaded. */
const chromium = {
  executablePath: process.env['CHROME_PATH'] ?? '/usr/bin/chromium',
  args: [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
  ],
}

export default defineConfig({
  plugins: [
    // It watches its sources for ever, so tests would not end; they use what the build has compiled.
    process.env['VITEST'] === undefined &&
      paraglideVitePlugin({
        project: './project.inlang',
        outdir: './src/paraglide',
        strategy: ['localStorage', 'preferredLanguage', 'baseLocale'],
      }),
    svelte(),
    verifierPage(),
    compressedAssets(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src',
      filename: 'sw.ts',
      registerType: 'prompt',
      injectRegister: false,
      injectManifest: {
        globPatterns: ['**/*.{js,css,html,svg,png,woff2}'],
        // The verifier is for auditors, who take it along as a file; the stage has a policy that only the server gives it.
        globIgnores: ['verificar.html', '**/stage*'],
      },
      manifest: {
        id: '/',
        name: 'Travessia',
        short_name: 'Travessia',
        description: 'Catracas, impressoras e câmeras da sua rede, no telefone.',
        lang: 'pt-BR',
        start_url: '/?source=pwa',
        scope: '/',
        launch_handler: { client_mode: 'navigate-existing' },
        display: 'standalone',
        background_color: '#0c0f1c',
        theme_color: '#3643c4',
        icons: [
          { src: 'pwa-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'pwa-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
        shortcuts: [
          { name: 'Parear agente', url: '/parear' },
          { name: 'Auditoria', url: '/auditoria' },
        ],
      },
    }),
  ],
  build: {
    target: 'baseline-widely-available',
    sourcemap: false,
    rollupOptions: { input: ['index.html', 'stage.html'] },
  },
  test: {
    // A busy machine is no fault: what is waited for may take a while.
    ...{ testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } },
    projects: [
      {
        extends: true,
        test: {
          name: 'pwa',
          environment: 'node',
          include: ['src/**/*.test.ts'],
          exclude: ['src/**/*.svelte.test.ts'],
        },
      },
      {
        extends: true,
        // All are found before the first test: a package met only while tests run would reload the page
        // under them. The scan does not follow the router's lazy pages, so every source is an entry.
        optimizeDeps: { force: true, entries: ['src/**/*.svelte', 'src/**/*.ts'] },
        test: {
          name: 'browser',
          include: ['src/**/*.svelte.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: chromium }),
            instances: [{ browser: 'chromium', viewport: { width: 390, height: 844 } }],
          },
        },
      },
    ],
  },
})
