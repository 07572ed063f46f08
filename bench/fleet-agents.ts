/**
 * Many agents in one process: `fleet-agents.ts DIRECTORY URL CODE…`. Each is the agent's own code with an identity, keys,
 * files and both connections of its own; only the process is shared, and they say nothing unless someone must act.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { Agent } from '../agent/src/agent.ts'
import { readEnvironment, writeAgentConfig } from '../agent/src/config.ts'
import { pair } from '../agent/src/identity.ts'

const [directory = '', apiUrl = '', ...codes] = process.argv.slice(2)
const environment = readEnvironment()
const log = pino({ level: 'error' })
const who = { hostname: 'bench', version: '0', os: 'bench', allowLoopback: true }

const agents = await Promise.all(codes.map(start))
process.once('SIGTERM', () => {
  void Promise.all(agents.map((agent) => agent.stop())).then(() => process.exit(0))
})
console.log(JSON.stringify({ msg: 'ready', agents: agents.length }))

async function start(code: string): Promise<Agent> {
  const home = join(directory, code)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const configPath = join(home, 'config.json')
  const config = await pair({ ...who, code, apiUrl, name: code }, environment.proxies)
  writeAgentConfig(configPath, config)
  const agent = new Agent({ config, configPath, environment, log })
  await agent.start()
  return agent
}
