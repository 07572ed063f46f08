import { defineConfig } from 'vitest/config'

/** A busy machine is no fault: what is waited for may take a while. */
const expectation = { poll: { timeout: 30_000 } }
const workspaces = '{schemas,broker,agent,api,scripts}'
/** What these measure is of the machine: times, rates and memory. */
const measuring = ['bench', 'flow-control', 'streams'].map((name) => `test/${name}.test.ts`)
/** This one builds what the others start. */
const alone = [...measuring, 'agent/src/packed.system.test.ts']
const processes = {
  globalSetup: 'test/built.ts',
  ...{ testTimeout: 240_000, hookTimeout: 240_000, expect: expectation },
}

/**
 * `unit`: beside the code, no other program needed. `system`: real processes, ports and Debian programs, two files at
 * once, since most of the time they wait; `alone`: those of them that must not run beside others.
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
          ...{ testTimeout: 60_000, hookTimeout: 60_000, expect: expectation },
          // Files share their worker's modules: half of a run was importing the same ones again.
          isolate: false,
        },
      },
      {
        test: {
          name: 'system',
          include: [`${workspaces}/**/*.system.test.ts`, 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...alone],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...processes,
        },
      },
      { test: { name: 'alone', include: alone, fileParallelism: false, ...processes } },
    ],
  },
})
