/** The agent as one JavaScript file for Node 20 and later, with everything it needs inside: `npm pack` ships no TypeScript. */
import { defineConfig } from 'vite'

export default defineConfig({
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: 'src/main.ts',
    outDir: 'dist',
    // One file, written over: a running agent may be started again meanwhile.
    emptyOutDir: false,
    target: 'node20',
    minify: false,
    rolldownOptions: {
      // Optional speed-ups of `ws`, which it tries to load and does without; and serial ports, whose native part
      // lies beside its package: npm installs it with the agent where it can.
      external: ['bufferutil', 'utf-8-validate', 'serialport'],
      output: { entryFileNames: 'travessia-agent.js', codeSplitting: false },
    },
  },
})
