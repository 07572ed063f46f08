// Neither package ships types; their factories give what Aedes takes as `persistence`.
declare module 'aedes-persistence-level' {
  import type { Level } from 'level'

  const createEngine: (level: Level) => unknown
  export default createEngine
}

declare module 'aedes-persistence-redis' {
  import type { Redis } from 'ioredis'

  const createEngine: (options: { conn: Redis }) => unknown
  export default createEngine
}
