// Neither package ships types; their factories give what Aedes takes as `persistence`.
declare module 'aedes-persistence-level' {
  import type { Level } from 'level'
  import type { Engine } from './persistence.ts'

  const createEngine: (level: Level) => Engine
  export default createEngine
}

declare module 'aedes-persistence-redis' {
  import type { Redis } from 'ioredis'
  import type { Engine } from './persistence.ts'

  const createEngine: (options: { conn: Redis }) => Engine
  export default createEngine
}

declare module 'msgpack-lite' {
  const msgpack: { decode(bytes: Uint8Array): unknown }
  export default msgpack
}
