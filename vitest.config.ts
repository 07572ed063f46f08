import { defineConfig } from 'vitest/config'

/** A busy machine is no fault: what is waited for may take a while. */
const expectation = { poll: { timeout: 10_000 } }
const workspaces = '{schemas,broker,agent,api,scripts}'

/**
 * `unit`: beside the code, no other program needed. `system`: real processes, ports and Debian programs.
 * The PWA's own projects (its units and its components in Chromium) are in `pwa/vite.config.ts`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [`${workspaces}/**/*.test.ts`],
          exclude: ['**/node_modules/**', '**/*.system.test.ts'],
          testTimeout: 20_000,
          expect: expectation,
          // Files share their worker's modules: half of a run was importing the same ones again.
          isolate: false,
        },
      },
      {
        test: {
          name: 'system',
          include: [`${workspaces}/**/*.system.test.ts`, 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 60_000,
          expect: expectation,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
