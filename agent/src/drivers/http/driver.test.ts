import { onTestFinished } from 'vitest'
import { createPrinter } from '../../simulators/printer.ts'
import { testDriver } from '../conformance.ts'

testDriver({
  kind: 'http',
  commands: [],
  async startDevice() {
    const printer = createPrinter({ port: 0 })
    onTestFinished(() => printer.stop())
    const { url } = await printer.start()
    return { url, effects: () => 0, fail: async () => undefined }
  },
})
